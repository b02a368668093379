import type { JsonObject } from './json.ts';

/**
 * Reads YAML as most manifests are written: block mappings and lists of one-line values. Anything else, right or wrong,
 * is left to the full parser, so this needs to know only what it takes for granted. It exists for the start with a
 * thousand files, of which the full parser needs most of a second while it is cold.
 *
 * @returns the value of each document that is not empty; `undefined` for a text that must be read in full.
 */
export function readSimpleYaml(text: string): readonly JsonObject[] | undefined {
  if (UNUSUAL.test(text)) return undefined;
  const reader = new SimpleYaml(text);
  try {
    return reader.read();
  } catch (error) {
    if (error === NOT_SIMPLE) return undefined;
    throw error;
  }
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

class SimpleYaml {
  readonly #lines: readonly string[];
  /** Index of the next line that is neither blank nor a comment. */
  #at = -1;
  /** What is left of that line, and the column where it starts; `-1` at the end of a document. */
  #rest = '';
  #indent = -1;
  #depth = 0;

  constructor(text: string) {
    this.#lines = text.split('\n');
  }

  read(): readonly JsonObject[] {
    const values: JsonObject[] = [];
    while (this.#at < this.#lines.length) {
      this.#advance();
      if (this.#indent === -1) continue;
      if (!PAIR.test(this.#rest)) throw NOT_SIMPLE;
      values.push(this.#readMap(this.#indent));
      if (this.#indent !== -1) throw NOT_SIMPLE;
    }
    return values;
  }

  /** Goes to the next line with content. */
  #advance(): void {
    for (this.#at += 1; this.#at < this.#lines.length; this.#at += 1) {
      const line = this.#lines[this.#at] ?? '';
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

  #readMap(indent: number): JsonObject {
    const object: JsonObject = {};
    while (this.#indent === indent) {
      const [, key, rest = ''] = PAIR.exec(this.#rest) ?? [];
      if (key === undefined || key === '__proto__' || Object.hasOwn(object, key)) throw NOT_SIMPLE;
      if (rest === '' || rest.startsWith('#')) {
        this.#advance();
        const hasList = this.#indent === indent && this.#isItem();
        object[key] = this.#indent > indent || hasList ? this.#readCollection() : null;
      } else {
        object[key] = scalarOf(rest);
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
        this.#advance();
        list.push(this.#indent > indent ? this.#readCollection() : null);
      } else {
        this.#indent += this.#rest.length - rest.length;
        this.#rest = rest;
        if (this.#isItem() || PAIR.test(rest)) {
          list.push(this.#readCollection());
        } else {
          list.push(scalarOf(rest));
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
