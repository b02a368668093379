import type { ImageCache } from './image-cache.ts';
import { compareAge } from './image-match.ts';

/** The usable caches of one platform and visibility, by what they hold. */
export interface Partition {
  /** How many caches. */
  size: number;
  /** By image key. */
  readonly exact: Postings;
  readonly repositories: Postings;
  /** By registry alias (spec I4). */
  readonly aliases: Postings;
}

type Postings = Map<string, Posting>;

/** A cache and the lists it stands in. */
export interface Entry {
  readonly cache: ImageCache;
  /** `undefined` for a cache that is not usable, whatever the time. */
  partition: Partition | undefined;
  /** In the order of their keys. */
  exact: readonly Posting[];
  /** Of `exact`: recorded digests of repositories that `repositories` does not name; hardly a cache has any. */
  strays: readonly Posting[];
  repositories: readonly Posting[];
  aliases: readonly Posting[];
}

/** For entries that stand in no list. */
export const NO_POSTINGS: readonly Posting[] = [];

/** The caches that hold an image (or one of a repository), newest first, and what the search at hand makes of it. */
export class Posting {
  readonly key: string;
  entries: Entry[];
  /** The search that looks for this list; the marks below belong to that search. */
  search = 0;
  /** Repository lists: how many of the pod's images are of this repository. Exact lists: the image's bytes, once asked for. */
  weight = 0;
  /** Number of a search that has read this list as far as needed, or, negative, of one that queued it to be read ahead. */
  read = 0;

  constructor(key: string, first: Entry) {
    this.key = key;
    // Most lists hold one cache; a list that begins empty and grows would keep room for sixteen more.
    this.entries = [first];
  }

  /** Puts an entry at its place in the order of age. Small lists are copied to their size, so that none keeps spare room. */
  insert(entry: Entry): void {
    const at = insertionPoint(this.entries, entry);
    if (this.entries.length < SMALL_LIST) this.entries = this.entries.toSpliced(at, 0, entry);
    else this.entries.splice(at, 0, entry);
  }
}

const SMALL_LIST = 256;

export function newPartition(): Partition {
  return { size: 0, exact: new Map(), repositories: new Map(), aliases: new Map() };
}

/** Puts a cache into the lists of these keys, at its place in the order of age. */
export function post(home: Postings, keys: readonly string[], entry: Entry): readonly Posting[] {
  if (keys.length === 0) return NO_POSTINGS;
  return keys.map((key) => {
    let posting = home.get(key);
    if (posting === undefined) {
      posting = new Posting(key, entry);
      home.set(key, posting);
    } else {
      posting.insert(entry);
    }
    return posting;
  });
}

/** Takes a cache out of these lists; an empty list goes away. */
export function unpost(home: Postings, postings: readonly Posting[], entry: Entry): void {
  for (const posting of postings) {
    posting.entries.splice(insertionPoint(posting.entries, entry), 1);
    if (posting.entries.length === 0) home.delete(posting.key);
  }
}

/** Where an entry stands, or would stand, in a list that is sorted by age. */
function insertionPoint(entries: readonly Entry[], entry: Entry): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAge(entries[middle]!.cache, entry.cache) < 0)
      low = middle + 1; // middle is below length
    else high = middle;
  }
  return low;
}
