import type { JsonObject } from '../wire/json.ts';
import { isJsonObject } from '../wire/json.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** How many brackets are open: in the list itself, in its `items`, in one of these. */
const IN_LIST = 1;
const IN_ITEMS = 2;
const IN_ITEM = 3;

/**
 * Takes a list of the API server apart as its bytes arrive, so that neither the text of a page nor all its objects are
 * ever in memory together: of five hundred ImageCaches they are some 10 MB, and a process hardly ever gives back what it
 * once needed. Half a millisecond for each 100 KB.
 */
export class ListSplitter {
  readonly #each: (item: JsonObject) => void;
  /** Everything but the items. */
  readonly #rest: Buffer[] = [];
  /** The item under way, as far as it came with earlier bytes; `undefined` between items. */
  #item: Buffer[] | undefined;
  #depth = 0;
  #isInItems = false;
  #isInString = false;
  #isEscaped = false;

  /** @param each - called with every object among the items, in order, as soon as it is complete. */
  constructor(each: (item: JsonObject) => void) {
    this.#each = each;
  }

  /**
   * Takes the next bytes.
   *
   * @throws SyntaxError when an item is no JSON.
   */
  push(chunk: Buffer): void {
    let start = 0;
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i];
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInString = false;
      } else if (byte === QUOTE) {
        this.#isInString = true;
      } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
        this.#depth += 1;
        if (!this.#isInItems) {
          if (this.#depth !== IN_ITEMS || byte !== OPEN_LIST || !this.#isNamedItems(chunk.subarray(start, i))) continue;
          this.#rest.push(chunk.subarray(start, i + 1));
          this.#isInItems = true;
        } else if (this.#depth === IN_ITEM && byte === OPEN_OBJECT) {
          this.#item = [];
          start = i;
        }
      } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
        this.#depth -= 1;
        if (!this.#isInItems) continue;
        if (this.#depth === IN_ITEMS && this.#item !== undefined) {
          this.#finish(this.#item, chunk.subarray(start, i + 1));
        } else if (this.#depth === IN_LIST) {
          this.#isInItems = false;
          start = i;
        }
      }
    }
    if (!this.#isInItems) this.#rest.push(chunk.subarray(start));
    else this.#item?.push(chunk.subarray(start));
  }

  /**
   * The list without its items, when all bytes have come.
   *
   * @throws SyntaxError when it is no JSON object, or not whole.
   */
  end(): JsonObject {
    const rest: unknown = JSON.parse(Buffer.concat(this.#rest).toString('utf8'));
    if (!isJsonObject(rest)) throw new SyntaxError('not an object');
    return rest;
  }

  /** Whether a list that begins behind these bytes is the member `items`. */
  #isNamedItems(latest: Buffer): boolean {
    return /(?<!\\)"items"\s*:\s*$/.test(Buffer.concat([...this.#rest, latest]).toString('latin1'));
  }

  #finish(pieces: readonly Buffer[], last: Buffer): void {
    this.#item = undefined;
    const bytes = pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
    const item: unknown = JSON.parse(bytes.toString('utf8'));
    if (isJsonObject(item)) this.#each(item);
  }
}
