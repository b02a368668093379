import type { CaseProblem } from './case-problem.ts';
import { formatProblem } from './case-problem.ts';
import type { CaseResult } from './case-runner.ts';
import { formatDifference } from './difference-text.ts';

/**
 * Results as JUnit XML, the way CI systems read it: a suite for each document of a case file, a failure for expectations
 * that were not met, an error for what could not be asked.
 *
 * @param problems - of files that could not be used at all; each file gets a suite with one error.
 */
export function junitXml(results: readonly CaseResult[], problems: readonly CaseProblem[]): string {
  const suites = new Map<CaseResult['suite'], CaseResult[]>();
  for (const result of results) suites.set(result.suite, [...(suites.get(result.suite) ?? []), result]);
  const files = new Map<string, CaseProblem[]>();
  for (const problem of problems) files.set(problem.file, [...(files.get(problem.file) ?? []), problem]);
  const counts = {
    tests: results.length + files.size,
    failures: countOf(results, 'failed'),
    errors: countOf(results, 'error') + files.size,
    time: seconds(results),
  };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n',
    element('testsuites', { name: 'imc test', ...counts }, [
      ...[...files].map(([file, found]) => fileElement(file, found)),
      ...[...suites].map(([suite, found]) =>
        element(
          'testsuite',
          {
            name: suite.name,
            file: suite.origin.file,
            tests: found.length,
            failures: countOf(found, 'failed'),
            errors: countOf(found, 'error'),
            skipped: 0,
            time: seconds(found),
          },
          found.map(caseElement),
        ),
      ),
    ]),
  ].join('');
}

function fileElement(file: string, problems: readonly CaseProblem[]): string {
  const text = problems.map(formatProblem).join('\n');
  const error = element('error', { message: 'the case file cannot be used', type: 'Unusable' }, [], text);
  return element('testsuite', { name: file, file, tests: 1, failures: 0, errors: 1, skipped: 0, time: '0.000' }, [
    element('testcase', { name: 'case file', classname: file, file, time: '0.000' }, [error]),
  ]);
}

function caseElement({ suite, index, case: { name }, status, differences, problems, durationMs }: CaseResult): string {
  const line = suite.origin.position(['cases', index])?.line;
  const attributes = {
    name,
    classname: suite.name,
    file: suite.origin.file,
    ...(line === undefined ? {} : { line }),
    time: (durationMs / 1000).toFixed(3),
  };
  if (status === 'passed') return element('testcase', attributes, []);
  const [tag, type, lines] =
    status === 'failed'
      ? (['failure', 'Difference', differences.flatMap(formatDifference)] as const)
      : (['error', 'Unusable', problems.map(formatProblem)] as const);
  const message =
    status === 'failed' ? `not as expected: ${differences.map(({ field }) => field).join(', ')}` : (lines[0] ?? '');
  return element('testcase', attributes, [element(tag, { message, type }, [], lines.join('\n'))]);
}

function countOf(results: readonly CaseResult[], status: CaseResult['status']): number {
  return results.filter((result) => result.status === status).length;
}

function seconds(results: readonly CaseResult[]): string {
  return (results.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000).toFixed(3);
}

function element(
  tag: string,
  attributes: Readonly<Record<string, string | number>>,
  children: readonly string[],
  text = '',
): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escape(String(value))}"`)
    .join('');
  if (text !== '') return `<${tag}${written}>${escape(text, false)}</${tag}>\n`;
  return children.length === 0 ? `<${tag}${written}/>\n` : `<${tag}${written}>\n${children.join('')}</${tag}>\n`;
}

/** Text as XML 1.0 has it; characters that it cannot hold at all become ?. */
function escape(text: string, isAttribute = true): string {
  const escaped = text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;');
  return isAttribute ? escaped.replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;') : escaped;
}
