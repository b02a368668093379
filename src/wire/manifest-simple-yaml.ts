import type { JsonObject } from './json.ts';
import type { ManifestDocument, Path, Place } from './manifest-text.ts';

/**
 * Reads YAML as most manifests are written: block mappings and lists of one-line values. Anything else, right or wrong,
 * is left to the full parser, so this needs to know only what it takes for granted. It exists for the start with a
 * thousand files, of which the full parser needs most of a second while it is cold, and for files of many megabytes.
 *
 * Whoever asks where something stands has its document read again, that time with places. Those of one document are
 * remembered, which suits who asks in order, and keeps a long file from filling memory.
 *
 * @returns each document that is not empty; `undefined` for a text that must be read in full.
 */
export function readSimpleYaml(text: string): readonly SimpleDocument[] | undefined {
  if (UNUSUAL.test(text)) return undefined;
  try {
    const documents = new SimpleYaml(text).read();
    let known: { readonly start: number; readonly places: Places } | undefined;
    return documents.map(({ value, start, end }) => ({
      value,
      place: (path) => {
        known = known?.start === start ? known : { start, places: new Places(text.slice(start, end), start) };
        return known.places.of(path);
      },
    }));
  } catch (error) {
    if (error === NOT_SIMPLE) return undefined;
    throw error;
  }
}

/** A document whose value is a mapping: nothing else counts as simple. */
export interface SimpleDocument extends ManifestDocument {
  readonly value: JsonObject;
}

/** Blanks that are no blanks to YAML, carriage returns and directives: rare, and each with rules of its own. */
const UNUSUAL = /[^\S \n]|^%/m;
const NOT_SIMPLE = new Error('not simple');
const DEPTH_LIMIT = 64;

const PAIR = /^([\w/][\w./-]{0,200}):(?: +(.*))?$/;
const QUOTED = /^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]*)"|'([\x20-\x26\x28-\x7e]*)')$/;
const PLAIN = /^[\w./][\w./@%+=,()~:-]*(?: [\w./@%+=,()~:-]+)*$/;
const SMALL_INTEGER = /^(?:0|[1-9]\d{0,14})$/;
/** What the core schema may take for something other than a text, and a little more. */
const SPECIAL = /^(?:null|true|false|\.nan|\.inf|\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|0[ox][\da-f]+)$/i;

/** A document, and the offsets in the text between which it stands. */
interface Extent {
  readonly value: JsonObject;
  readonly start: number;
  readonly end: number;
}

/** Where the values in a mapping or a list stand, by key or index. */
type Members = Map<string | number, Place>;

class SimpleYaml {
  readonly #lines: readonly string[];
  /** Takes down where everything stands; undefined where nobody asked. */
  readonly #members: Map<unknown, Members> | undefined;
  /** Offset of the line. */
  #lineStart = 0;
  /** Index of the next line that is neither blank nor a comment. */
  #at = -1;
  /** What is left of that line, and the column where it starts; `-1` at the end of a document. */
  #rest = '';
  #indent = -1;
  #depth = 0;

  constructor(text: string, members?: Map<unknown, Members>) {
    this.#lines = text.split('\n');
    this.#members = members;
  }

  read(): readonly Extent[] {
    const documents: Extent[] = [];
    while (this.#at < this.#lines.length) {
      this.#advance();
      if (this.#indent === -1) continue;
      if (!PAIR.test(this.#rest)) throw NOT_SIMPLE;
      const start = this.#lineStart;
      const value = this.#readMap(this.#indent);
      if (this.#indent !== -1) throw NOT_SIMPLE;
      documents.push({ value, start, end: this.#lineStart });
    }
    return documents;
  }

  /** Goes to the next line with content. */
  #advance(): void {
    while (this.#at < this.#lines.length) {
      if (this.#at >= 0) this.#lineStart += this.#line.length + 1;
      this.#at += 1;
      const line = this.#line;
      const content = line.trimStart();
      if (content === '' || content.startsWith('#')) continue;
      this.#rest = content.trimEnd();
      this.#indent = line.length - content.length;
      if (line.startsWith('---')) {
        if (line.trimEnd() !== '---') throw NOT_SIMPLE;
        this.#indent = -1;
      }
      return;
    }
    this.#indent = -1;
  }

  get #line(): string {
    return this.#lines[this.#at] ?? '';
  }

  /** Offset of what is left of the line, or of a part that ends with it. */
  #offset(part: string = this.#rest): number {
    return this.#lineStart + this.#indent + this.#rest.length - part.length;
  }

  /** Offset of a value that is not written: behind all blanks, or where a comment begins. */
  #offsetOfNothing(comment: string): number {
    return comment === '' ? this.#lineStart + this.#line.length : this.#offset(comment);
  }

  #mark(container: object, member: string | number, place: Place): void {
    if (this.#members === undefined) return;
    const members = this.#members.get(container) ?? new Map<string | number, Place>();
    this.#members.set(container, members.set(member, place));
  }

  #readMap(indent: number): JsonObject {
    const object: JsonObject = {};
    while (this.#indent === indent) {
      const [, key, rest = ''] = PAIR.exec(this.#rest) ?? [];
      if (key === undefined || key === '__proto__' || Object.hasOwn(object, key)) throw NOT_SIMPLE;
      const at = this.#offset();
      if (rest === '' || rest.startsWith('#')) {
        const nothing = this.#offsetOfNothing(rest);
        this.#advance();
        const hasCollection = this.#indent > indent || (this.#indent === indent && this.#isItem());
        this.#mark(object, key, { start: hasCollection ? this.#offset() : nothing, key: at });
        object[key] = hasCollection ? this.#readCollection() : null;
      } else {
        const value = scalarOf(rest);
        this.#mark(object, key, { ...scalarPlace(this.#offset(rest), rest, value), key: at });
        object[key] = value;
        this.#advance();
      }
    }
    if (this.#indent > indent) throw NOT_SIMPLE;
    return object;
  }

  #readList(indent: number): unknown[] {
    const list: unknown[] = [];
    while (this.#indent === indent && this.#isItem()) {
      const rest = this.#rest.slice(1).trimStart();
      if (rest === '' || rest.startsWith('#')) {
        const nothing = this.#offsetOfNothing(rest);
        this.#advance();
        const hasCollection = this.#indent > indent;
        this.#mark(list, list.length, { start: hasCollection ? this.#offset() : nothing });
        list.push(hasCollection ? this.#readCollection() : null);
      } else {
        this.#indent += this.#rest.length - rest.length;
        this.#rest = rest;
        if (this.#isItem() || PAIR.test(rest)) {
          this.#mark(list, list.length, { start: this.#offset() });
          list.push(this.#readCollection());
        } else {
          const value = scalarOf(rest);
          this.#mark(list, list.length, scalarPlace(this.#offset(), rest, value));
          list.push(value);
          this.#advance();
        }
      }
    }
    if (this.#indent > indent) throw NOT_SIMPLE;
    return list;
  }

  /** A mapping or a list. */
  #readCollection(): unknown {
    if (this.#depth === DEPTH_LIMIT) throw NOT_SIMPLE;
    this.#depth += 1;
    const value = this.#isItem() ? this.#readList(this.#indent) : this.#readMap(this.#indent);
    this.#depth -= 1;
    return value;
  }

  #isItem(): boolean {
    return this.#rest === '-' || this.#rest.startsWith('- ');
  }
}

/** Where everything in one document stands. */
class Places {
  readonly #members = new Map<unknown, Members>();
  readonly #root: unknown;
  readonly #rootStart: number;
  readonly #offset: number;

  /** @param offset - of the document in its file. */
  constructor(text: string, offset: number) {
    this.#root = new SimpleYaml(text, this.#members).read()[0]?.value;
    this.#rootStart = text.search(/\S/);
    this.#offset = offset;
  }

  /** The value at a path, or the nearest above it that exists. */
  of(path: Path): Place {
    let value = this.#root;
    let found: Place = { start: this.#rootStart };
    for (const step of path) {
      const member = Array.isArray(value) ? Number(step) : String(step);
      const next = this.#members.get(value)?.get(member);
      if (next === undefined) return { start: this.#offset + found.start };
      found = next;
      value = (value as Readonly<Record<string | number, unknown>>)[member]; // it has members
    }
    const { start, key, ...spelling } = found;
    return { start: this.#offset + start, ...(key === undefined ? {} : { key: this.#offset + key }), ...spelling };
  }
}

/** Where a value of one line stands, and how a text is spelled. */
function scalarPlace(start: number, text: string, value: unknown): Place {
  if (typeof value !== 'string') return { start };
  const style = text.startsWith('"') ? 'double' : text.startsWith("'") ? 'single' : 'plain';
  return { start, spelling: { value, style } };
}

function scalarOf(text: string): unknown {
  const quoted = QUOTED.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2];
  if (text === '[]') return [];
  if (text === '{}') return {};
  const comment = text.indexOf(' #');
  const plain = comment === -1 ? text : text.slice(0, comment).trimEnd();
  if (!PLAIN.test(plain) || plain.includes(': ') || plain.endsWith(':')) throw NOT_SIMPLE;
  if (!SPECIAL.test(plain)) return plain;
  if (SMALL_INTEGER.test(plain)) return Number(plain);
  if (plain === 'true' || plain === 'false') return plain === 'true';
  if (plain === 'null') return null;
  throw NOT_SIMPLE;
}
