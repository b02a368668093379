import type { Severity } from '../lint/finding-definition.ts';
import type { Finding } from '../lint/finding-report.ts';
import type { Style } from './table.ts';
import { paint } from './table.ts';

/** How much was linted, and what came of it. */
export interface LintSummary {
  readonly files: number;
  readonly objects: number;
  /** Files that could not be read. */
  readonly unreadable: number;
  readonly errors: number;
  readonly warnings: number;
  readonly infos: number;
}

/** The colour of a severity. */
export const SEVERITY_STYLES: Readonly<Record<Severity, Style>> = { error: 'red', warning: 'yellow', info: 'cyan' };
const SEVERITY_WIDTH = 7;

/**
 * A line for each finding, `file:line:column  severity  CODE  message  (remedy)`, which editors and CI services can take
 * apart. Aligned within each file.
 */
export function findingTable(findings: readonly Finding[], colour: boolean): string {
  const widths = new Map<string, number>();
  for (const finding of findings) {
    widths.set(finding.file, Math.max(widths.get(finding.file) ?? 0, locationOf(finding).length));
  }
  return findings
    .map((finding) => {
      const { file, severity, code, message, remedy } = finding;
      const location = oneLine(locationOf(finding)).padEnd(widths.get(file) ?? 0);
      const level = paint(severity, SEVERITY_STYLES[severity], colour) + ' '.repeat(SEVERITY_WIDTH - severity.length);
      return `${location}  ${level}  ${code}  ${oneLine(message)}  ${paint(`(${oneLine(remedy)})`, 'dim', colour)}\n`;
    })
    .join('');
}

/** `2 errors, 1 warning in 3 files (12 objects)` */
export function lintSummary(summary: LintSummary, colour: boolean): string {
  const { files, objects, unreadable, errors, warnings, infos } = summary;
  const parts = [
    errors > 0 ? paint(counted(errors, 'error'), 'red', colour) : '',
    warnings > 0 ? paint(counted(warnings, 'warning'), 'yellow', colour) : '',
    infos > 0 ? paint(counted(infos, 'info'), 'cyan', colour) : '',
  ].filter((part) => part !== '');
  const found = parts.length === 0 ? paint('No findings', 'green', colour) : parts.join(', ');
  const where = `${counted(files, 'file')} (${counted(objects, 'object')}${unreadable > 0 ? `; ${unreadable} could not be read` : ''})`;
  return `${parts.length === 0 ? '' : '\n'}${found} in ${where}\n`;
}

function locationOf({ file, line, column }: Finding): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Findings quote what stands in files: it must not break lines or reach the terminal as an order. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
