import type { CaseProblem } from '../testing/case-problem.ts';
import { formatProblem } from '../testing/case-problem.ts';
import type { CaseResult } from '../testing/case-runner.ts';
import type { Coverage } from '../testing/coverage.ts';
import { formatDifference } from '../testing/difference-text.ts';
import type { Outcome } from '../testing/expectation.ts';
import { literalPattern } from '../testing/literal-pattern.ts';
import { isJsonObject } from '../wire/json.ts';
import { explanationText } from './explain-command.ts';
import type { Style } from './table.ts';
import { paint } from './table.ts';

/** Everything that came of a run. */
export interface TestRun {
  readonly results: readonly CaseResult[];
  /** Of files that could not be used. */
  readonly problems: readonly CaseProblem[];
  /** Cases left out by --run, or by --fail-fast. */
  readonly notRun: number;
  readonly coverage: Coverage | undefined;
}

/** How many cases ended in which way; a file that cannot be used counts as one error. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly errors: number;
  readonly notRun: number;
}

export function countsOf({ results, problems, notRun }: TestRun): TestCounts {
  const count = (status: CaseResult['status']): number => results.filter((each) => each.status === status).length;
  const files = new Set(problems.map(({ file }) => file)).size;
  return { passed: count('passed'), failed: count('failed'), errors: count('error') + files, notRun };
}

/** `2 passed, 1 failed`, and what else there is to count. */
export function countsText({ passed, failed, errors, notRun }: TestCounts): string {
  const others = [
    errors === 0 ? '' : `${errors} error${errors === 1 ? '' : 's'}`,
    notRun === 0 ? '' : `${notRun} not run`,
  ];
  return [`${passed} passed`, `${failed} failed`, ...others.filter((text) => text !== '')].join(', ');
}

const MARKS = { passed: ['✓', 'PASS '], failed: ['✗', 'FAIL '], error: ['✗', 'ERROR'] } as const;
const STYLES: Readonly<Record<CaseResult['status'], Style>> = { passed: 'green', failed: 'red', error: 'red' };

/** The line of a case, and below it what is wrong and how to find out why. */
export function caseText(result: CaseResult, options: { readonly colour: boolean; readonly explain: boolean }): string {
  const { suite, index, status, differences, problems } = result;
  const { colour } = options;
  const [mark, word] = MARKS[status];
  const line = status === 'passed' ? undefined : suite.origin.position(['cases', index])?.line;
  const place = [suite.origin.file, line].filter((part) => part !== undefined).join(':');
  const head = `${paint(colour ? `${mark} ${word}` : word, STYLES[status], colour)} ${paint(place, 'dim', colour)}  ${fullName(result)}`;
  const below = [
    ...(differences.length === 0 ? [] : [paint('- expected, + got', 'dim', colour)]),
    ...differences.flatMap((difference) => formatDifference(difference).map((each) => painted(each, colour))),
    ...problems.map(formatProblem),
    ...(status === 'failed' ? [reasonText(result, options)] : []),
  ];
  return [head, ...below.flatMap((text) => text.split('\n')).map((text) => (text === '' ? '' : `      ${text}`)), '']
    .join('\n')
    .replace(/\n+$/, '\n');
}

/** `suite / case`, which --run looks at. */
export function fullName({ suite, case: { name } }: Pick<CaseResult, 'suite' | 'case'>): string {
  return `${suite.name} / ${name}`;
}

function painted(line: string, colour: boolean): string {
  if (line.startsWith('- ')) return paint(line, 'red', colour);
  return line.startsWith('+ ') ? paint(line, 'green', colour) : line;
}

function reasonText(
  result: CaseResult,
  { colour, explain }: { readonly colour: boolean; readonly explain: boolean },
): string {
  const { suite, answered } = result;
  if (!explain) {
    const name = `^${literalPattern(fullName(result))}$`;
    return paint(`why: imc test ${quoted(suite.origin.file)} --run ${quoted(name)} --explain`, 'dim', colour);
  }
  if (answered === undefined) return '';
  return `\n${explanationText(answered.review, answered.explain(), answered.nowMs, colour)}`;
}

/** As a shell takes it for one word. */
function quoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** What no case exercises. */
export function coverageText({ outcomes, profiles }: Coverage): string {
  const line = (what: string, missing: string, { exercised, missed }: Coverage['outcomes']): string => {
    const all = exercised.length + missed.length;
    return `${what}: ${exercised.length} of ${all}${missed.length === 0 ? '' : `; ${missing} ${missed.join(', ')}`}\n`;
  };
  return [
    line('outcomes exercised', 'no case ends as', outcomes),
    ...(profiles.length === 0 ? ['rules exercised: none, no case has an eci-profile\n'] : []),
    ...profiles.map((profile) => line(`rules of ${profile.file} exercised`, 'no case is matched by', profile)),
  ].join('');
}

/** A run for programs; its shape is what `-o json` promises. */
export function testRunData(run: TestRun): object {
  return {
    ...countsOf(run),
    cases: run.results.map(caseData),
    problems: run.problems,
    ...(run.coverage === undefined ? {} : { coverage: run.coverage }),
  };
}

function caseData({ suite, index, case: { name }, status, differences, problems, answered }: CaseResult): object {
  return {
    file: suite.origin.file,
    ...suite.origin.position(['cases', index]),
    suite: suite.name,
    name,
    status,
    ...(differences.length === 0 ? {} : { differences: differences.map(differenceData) }),
    ...(problems.length === 0 ? {} : { problems }),
    ...(answered === undefined ? {} : { got: outcomeData(answered.outcome), response: responseOf(answered.body) }),
  };
}

/** `null` says that nothing was expected, or nothing came. */
function differenceData({ field, expected, got }: CaseResult['differences'][number]): object {
  return { field, expected: expected ?? null, got: got ?? null };
}

function outcomeData({
  allowed,
  outcome,
  reason,
  cache,
  missing,
  rules,
  annotations,
  labels,
  added,
  warnings,
  message,
  creates,
}: Outcome): object {
  const valuesOf = (map: ReadonlyMap<string, string> | undefined, keys: readonly string[]): object =>
    Object.fromEntries(keys.map((key) => [key, map?.get(key)]));
  return {
    allowed,
    outcome,
    ...(reason === '' ? {} : { reason }),
    ...(cache === '' ? {} : { cache }),
    ...(missing === undefined ? {} : { missing }),
    rules,
    added: { annotations: valuesOf(annotations, added.annotations), labels: valuesOf(labels, added.labels) },
    warnings,
    ...(message === '' ? {} : { message }),
    creates,
  };
}

function responseOf(body: string): unknown {
  const review: unknown = JSON.parse(body);
  return isJsonObject(review) ? review['response'] : undefined;
}
