import { styleText } from 'node:util';

/** A text in a table cell, with a colour for terminals. */
export interface Cell {
  readonly text: string;
  readonly style?: Style | undefined;
}

/** The colours in use, by meaning. */
export type Style = 'green' | 'yellow' | 'red' | 'cyan' | 'dim' | 'bold';

/**
 * Lays out rows as kubectl does: upper-case headings, columns padded to their widest cell and three blanks apart, no
 * lines, nothing after the last column.
 */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly (Cell | string)[])[],
  colour: boolean,
): string {
  const cells = [headings.map((text): Cell => ({ text, style: 'bold' })), ...rows.map((row) => row.map(toCell))];
  const widths = headings.map((_, column) =>
    cells.reduce((width, row) => Math.max(width, displayWidth(row[column]?.text ?? '')), 0),
  );
  return cells
    .map((row) =>
      row
        .map((cell, column) => {
          const padding = column === row.length - 1 ? '' : ' '.repeat((widths[column] ?? 0) - displayWidth(cell.text));
          return paint(cell.text, cell.style, colour) + padding;
        })
        .join('   ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** A text in a colour, if colours are wanted. */
export function paint(text: string, style: Style | undefined, colour: boolean): string {
  return colour && style !== undefined && text !== '' ? styleText(style, text, { validateStream: false }) : text;
}

function toCell(cell: Cell | string): Cell {
  return typeof cell === 'string' ? { text: cell } : cell;
}

/** Columns a text takes on a terminal: two for the wide characters of East Asian scripts, none for marks. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue;
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
      character,
    )
      ? 2
      : 1;
  }
  return width;
}
