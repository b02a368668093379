import type { Finding, FindingReport } from './finding-report.ts';
import { isFindingCode } from './findings.ts';

/** What the comments of one file ask to ignore. */
interface Suppressions {
  readonly wholeFile: ReadonlySet<string>;
  readonly byLine: ReadonlyMap<number, ReadonlySet<string>>;
}

const MARK = 'imc-lint:';
const COMMENT = /(?:^|\s)#\s*imc-lint:\s*(\S*)\s*(.*)$/;
const ONLY_COMMENT = /^\s*(?:#.*)?$/;

/**
 * Comments that silence findings: `# imc-lint: ignore IMC206` on the line of the finding or on a line of its own above
 * it, `# imc-lint: ignore-file IMC206` anywhere. Reports comments that name no code there is.
 *
 * @param texts - text by file.
 * @returns whether a finding is to be shown.
 */
export function suppressionFilter(
  texts: ReadonlyMap<string, string>,
  report: FindingReport,
): (finding: Finding) => boolean {
  const byFile = new Map<string, Suppressions>();
  for (const [file, text] of texts) if (text.includes(MARK)) byFile.set(file, readSuppressions(file, text, report));
  return ({ file, line, code }) => {
    const suppressions = byFile.get(file);
    if (suppressions === undefined) return true;
    return !suppressions.wholeFile.has(code) && suppressions.byLine.get(line ?? 0)?.has(code) !== true;
  };
}

function readSuppressions(file: string, text: string, report: FindingReport): Suppressions {
  const wholeFile = new Set<string>();
  const byLine = new Map<number, Set<string>>();
  const lines = text.split('\n');
  for (const [i, line] of lines.entries()) {
    const match = line.includes(MARK) ? COMMENT.exec(line) : null;
    if (match === null) continue;
    const [, order = '', rest = ''] = match;
    const codes = codesIn(rest);
    const unknown = codes.filter((code) => !isFindingCode(code));
    if ((order !== 'ignore' && order !== 'ignore-file') || codes.length === 0 || unknown.length > 0) {
      const what =
        unknown.length > 0 ? `there is no code ${unknown.join(', ')}` : 'expected ignore or ignore-file and codes';
      report.add('IMC006', { file, line: i + 1, column: line.indexOf('#') + 1 }, `the comment does nothing: ${what}`);
      continue;
    }
    if (order === 'ignore-file') {
      for (const code of codes) wholeFile.add(code);
      continue;
    }
    const target = ONLY_COMMENT.test(line) ? nextContent(lines, i + 1) : i;
    const known = byLine.get(target + 1) ?? new Set<string>();
    for (const code of codes) known.add(code);
    byLine.set(target + 1, known);
  }
  return { wholeFile, byLine };
}

/** The codes at the beginning of a text; a reason may follow. */
function codesIn(text: string): string[] {
  const words = text.split(/[\s,]+/);
  const end = words.findIndex((word) => !/^IMC\d+$/.test(word));
  return end === -1 ? words : words.slice(0, end);
}

/** Index of the next line that is neither blank nor a comment. */
function nextContent(lines: readonly string[], from: number): number {
  let i = from;
  while (i < lines.length && ONLY_COMMENT.test(lines[i] ?? '')) i += 1;
  return i;
}
