import type { Position } from './manifest-error.ts';
import { ManifestError } from './manifest-error.ts';

/** Steps from a document to a value in it. */
export type Path = readonly (string | number)[];

/** One document of a manifest file: its value, and where its parts stand. */
export interface ManifestDocument {
  readonly value: unknown;
  /** The value at a path, or the nearest above it that exists; nothing is looked up before somebody asks. */
  place(path: Path): Place | undefined;
}

/** Where a value stands in the text of its file. */
export interface Place {
  /** Offset of its first character. */
  readonly start: number;
  /** Offset of the key it stands under, if it was found itself and has one. */
  readonly key?: number;
  /** How it is spelled, if it is a text and was found itself (not only something above it). */
  readonly spelling?: Spelling;
}

/** A text value as the file spells it: in quotes, plain, or as a block of lines. */
export interface Spelling {
  readonly value: string;
  /** `double` and `single` quotes, or a `block` that starts on the line below its header. */
  readonly style: 'double' | 'single' | 'block' | 'plain';
}

/** The text of a manifest file, and lines and columns in it. */
export class ManifestText {
  readonly file: string;
  readonly text: string;
  #lineStarts: readonly number[] | undefined;
  /** Where {@link offsetIn} stopped reading, and in which value; whoever asks for many places mostly asks in order. */
  #read = { start: -1, at: 0, read: 0 };

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
  }

  positionAt(offset: number): Position {
    this.#lineStarts ??= lineStartsOf(this.text);
    const line = lastAtMost(this.#lineStarts, offset);
    return { line: line + 1, column: offset - (this.#lineStarts[line] ?? 0) + 1 };
  }

  error(offset: number, problem: string, cause?: unknown): ManifestError {
    const position = this.positionAt(offset);
    const location = `${this.file}:${position.line}:${position.column}`;
    return new ManifestError(problem, { location, position, cause });
  }

  /**
   * Where a character of a text value stands, as near as its spelling allows: value and spelling are read side by side,
   * and blanks that only one of them has (indentation, folded lines) are passed over.
   */
  offsetIn({ start, spelling }: Place, offset: number): number {
    if (spelling === undefined) return start;
    const { value, style } = spelling;
    const isAhead = this.#read.start === start && this.#read.read <= offset;
    let { at, read } = isAhead ? this.#read : { at: this.#contentStart(start, style), read: 0 };
    while (at < this.text.length) {
      const escape = ESCAPES[style]?.exec(this.text.slice(at, at + 10))?.[0];
      if (escape === undefined && this.text[at] !== value[read]) {
        if (isBlank(this.text[at])) at += 1;
        else if (isBlank(value[read])) read += 1;
        else break;
        continue;
      }
      if (read >= offset) break;
      at += escape?.length ?? 1;
      read += unitsOf(escape);
    }
    this.#read = { start, at, read };
    return Math.min(at, this.text.length);
  }

  #contentStart(start: number, style: Spelling['style']): number {
    if (style === 'block') return this.text.indexOf('\n', start) + 1;
    return style === 'plain' ? start : start + 1;
  }
}

/** What to say about a key that stands twice, in JSON as in YAML. */
export function duplicateKeyProblem(key: string): string {
  return `the key ${JSON.stringify(key)} stands twice in one object; remove one of the two`;
}

/** What stands for another character within quotes; JSON's escapes are among those of YAML. */
const ESCAPES: Readonly<Partial<Record<Spelling['style'], RegExp>>> = {
  double: /^\\(?:x[\da-f]{2}|u[\da-f]{4}|U[\da-f]{8}|[^])/i,
  single: /^''/,
};

/** How many code units of the value a character or an escape stands for. */
function unitsOf(escape: string | undefined): number {
  if (escape === '\\\n' || escape === '\\\r') return 0;
  return escape?.startsWith('\\U') && Number.parseInt(escape.slice(2), 16) > 0xffff ? 2 : 1;
}

function isBlank(character: string | undefined): boolean {
  return character !== undefined && /\s/.test(character);
}

/** Index of the last of these ascending numbers that is not above a limit. */
function lastAtMost(ascending: readonly number[], limit: number): number {
  let from = 0;
  let to = ascending.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((ascending[middle] ?? Infinity) <= limit) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}

function lineStartsOf(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
