import { styleText } from 'node:util';

/** One measured figure. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The figure should not be above this. */
  readonly atMost?: number;
  /** What else there is to know, in a few words. */
  readonly note?: string;
}

/** What one part of the benchmark found. */
export interface PartReport {
  readonly title: string;
  /** Tables printed as they are, before the figures. */
  readonly tables?: readonly Table[];
  readonly figures: readonly Figure[];
  /** Everything measured, for the results file. */
  readonly details?: unknown;
}

export interface Table {
  /** The first row is the head. */
  readonly rows: readonly (readonly string[])[];
  /** How many columns, from the left, are words; the others are numbers and stand to the right. */
  readonly words: number;
  readonly note?: string;
}

export type Verdict = 'met' | 'MISSED' | 'not measured';

/** `undefined` for a figure without a target. */
export function verdictOf({ value, atMost }: Figure): Verdict | undefined {
  if (atMost === undefined) return undefined;
  if (Number.isNaN(value)) return 'not measured';
  return value <= atMost ? 'met' : 'MISSED';
}

/** A part as text, with the target beside each figure. */
export function formatPart({ title, tables = [], figures }: PartReport): string {
  const rows = figures.map((figure) => {
    const { name, value, unit, atMost, note = '' } = figure;
    const target = atMost === undefined ? '' : `<= ${formatNumber(atMost)} ${unit}`;
    return [name, formatNumber(value), unit, target, verdictOf(figure) ?? '', note];
  });
  const figureTable = { rows: [['figure', 'value', '', 'target', '', ''], ...rows], words: 1 };
  const blocks = [...tables.map(formatTable), formatFigures(figureTable)];
  return `${styleText('bold', title)}\n\n${blocks.join('\n\n')}\n`;
}

function formatTable({ rows, words, note }: Table): string {
  const lines = alignedRows(rows, (column) => column < words).map((cells) => cells.join('  ').trimEnd());
  return [
    ...lines.map((line, i) => (i === 0 ? styleText('dim', line) : line)),
    ...(note === undefined ? [] : [note]),
  ].join('\n');
}

function formatFigures({ rows }: Table): string {
  return alignedRows(rows, (column) => column !== 1)
    .map((cells, i) => {
      const line = cells.join('  ').trimEnd();
      if (i === 0) return styleText('dim', line);
      return line.replace(/ (met|MISSED|not measured)(?= |$)/, (_, verdict: string) => {
        return ` ${styleText(verdict === 'met' ? 'green' : 'red', verdict)}`;
      });
    })
    .join('\n');
}

function alignedRows(rows: readonly (readonly string[])[], isLeft: (column: number) => boolean): string[][] {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows.map((row) =>
    widths.map((width, i) => (isLeft(i) ? (row[i] ?? '').padEnd(width) : (row[i] ?? '').padStart(width))),
  );
}

/** Three significant digits, with separators from 1,000 on. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return '-';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) < 1 && value !== 0 ? 3 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 2) });
}

/** Says on a terminal what is going on; quiet in a pipe. */
export class Progress {
  readonly #isTerminal = process.stderr.isTTY;

  show(text: string): void {
    if (this.#isTerminal) process.stderr.write(`\r\u001B[K${text}`);
  }

  clear(): void {
    if (this.#isTerminal) process.stderr.write('\r\u001B[K');
  }
}
