import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Severity } from '../lint/finding-definition.ts';
import type { Finding } from '../lint/finding-report.ts';
import { FINDING_CODES, FINDINGS } from '../lint/findings.ts';

const LEVELS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'note' };

/**
 * Findings as a SARIF log, which code hosts and CI services show beside the lines they are about.
 *
 * @param isComplete - whether every file could be read.
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function sarifLog(findings: readonly Finding[], version: string, isComplete: boolean): object {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'imc', version, rules: FINDING_CODES.map(ruleOf) } },
        invocations: [{ executionSuccessful: isComplete }],
        columnKind: 'utf16CodeUnits',
        results: findings.map(resultOf),
      },
    ],
  };
}

function ruleOf(code: (typeof FINDING_CODES)[number]): object {
  const { severity, title, why, remedy } = FINDINGS[code];
  return {
    id: code,
    shortDescription: { text: `${title}.` },
    fullDescription: { text: why },
    help: { text: `What to do: ${remedy}.` },
    defaultConfiguration: { level: LEVELS[severity] },
  };
}

function resultOf({ code, severity, file, line, column, object, namespace, message, remedy }: Finding): object {
  const region = { startLine: line ?? 1, ...(column === undefined ? {} : { startColumn: column }) };
  const name = [namespace, object].filter((part) => part !== undefined).join('/');
  return {
    ruleId: code,
    ruleIndex: FINDING_CODES.indexOf(code),
    level: LEVELS[severity],
    message: { text: `${message} (${remedy})` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: uriOf(file) }, region },
        ...(name === '' ? {} : { logicalLocations: [{ fullyQualifiedName: name, kind: 'object' }] }),
      },
    ],
  };
}

/** Relative paths stay relative: they are taken from the top of the repository. */
function uriOf(file: string): string {
  if (isAbsolute(file)) return pathToFileURL(file).href;
  return file.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
}
