import type { CacheQuery, RankedCache } from './cache-search.ts';
import { CacheSearch } from './cache-search.ts';
import type { ImageCache } from './image-cache.ts';
import { exactKeysOf, isWorking, repositoriesOf, unusableReason } from './image-cache.ts';
import { ImageSizes } from './image-sizes.ts';
import type { Entry, Partition } from './posting.ts';
import { NO_POSTINGS, newPartition, post, unpost } from './posting.ts';
import { RankingMemo } from './ranking-memo.ts';
import { aliasKeyOf } from './registry-alias.ts';
import { compareCodeUnits } from './text-order.ts';

/**
 * All ImageCaches, arranged so that the best one for a pod (spec M3, M4) is found without looking at all of them.
 *
 * For every platform and visibility there are posting lists: image key -> the usable caches that hold it, and
 * repository -> the usable caches that hold some image of it, both newest first. A search reads the pod's lists from the
 * shortest on and stops as soon as no unread cache can win. What was found for recent pods is remembered and brought up
 * to date with every change. Adding or removing a cache costs a binary search and a move of pointers for each of its images.
 *
 * Reads and changes never interleave (a review is synchronous), so a review sees one state of the index throughout.
 */
export class ImageCacheIndex {
  readonly #entries = new Map<string, Entry>();
  /** One cache, or several in a list: mostly an id is used once. */
  readonly #byId = new Map<string, ImageCache | readonly ImageCache[]>();
  /** By architecture, operating system and the namespace that may use them (`undefined`: all). */
  readonly #partitions = new Map<string, Map<string, Visibilities>>();
  readonly #sizes = new ImageSizes();
  readonly #memo = new RankingMemo();
  #listsAliases = false;
  #searches = 0;

  /** An index of these caches; of several with one name the last counts. */
  static of(caches: Iterable<ImageCache>): ImageCacheIndex {
    const index = new ImageCacheIndex();
    for (const cache of caches) index.upsert(cache);
    return index;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string): ImageCache | undefined {
    return this.#entries.get(name)?.cache;
  }

  /** All caches in no particular order. */
  *all(): Generator<ImageCache> {
    for (const { cache } of this.#entries.values()) yield cache;
  }

  /** Size in bytes of an image by key, 0 when no cache records one (spec C3). */
  sizeOf(key: string): number {
    return this.#sizes.sizeOf(key);
  }

  /** Adds a cache, or replaces the one of that name. */
  upsert(cache: ImageCache): void {
    const removed = this.#takeOut(cache.name);
    this.#entries.set(cache.name, this.#arrange(cache));
    if (cache.id !== '') {
      const sameId = this.#withId(cache.id);
      this.#byId.set(cache.id, sameId.length === 0 ? cache : [...sameId, cache]);
    }
    this.#memo.changed({ removed, added: cache, sizes: this.#sizes.replace(removed, cache) });
  }

  /** Takes a cache away; nothing happens if there is none of that name. */
  remove(name: string): void {
    const removed = this.#takeOut(name);
    if (removed === undefined) return;
    this.#memo.changed({ removed, added: undefined, sizes: this.#sizes.replace(removed, undefined) });
  }

  #takeOut(name: string): ImageCache | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    this.#entries.delete(name);
    const { cache, partition } = entry;
    if (cache.id !== '') {
      const left = this.#withId(cache.id).filter((other) => other !== cache);
      const [first] = left;
      if (first === undefined) this.#byId.delete(cache.id);
      else this.#byId.set(cache.id, left.length === 1 ? first : left);
    }
    if (partition === undefined) return cache;
    unpost(partition.exact, entry.exact, entry);
    unpost(partition.repositories, entry.repositories, entry);
    unpost(partition.aliases, entry.aliases, entry);
    partition.size -= 1;
    if (partition.size === 0) this.#dropPartition(cache);
    return cache;
  }

  /**
   * What a pin stands for (spec M1): the cache of this id, a working one if there is any, else the first by name.
   *
   * @returns `undefined` when no cache has this id.
   */
  pinned(id: string, nowMs: number): { readonly cache: ImageCache; readonly working: boolean } | undefined {
    const known = this.#withId(id);
    if (known.length === 0) return undefined;
    const working = firstByName(known.filter((cache) => isWorking(cache, nowMs)));
    if (working !== undefined) return { cache: working, working: true };
    const cache = firstByName(known);
    return cache === undefined ? undefined : { cache, working: false };
  }

  /** Whether every cache of this id is in a phase other than Ready (spec M1, `unreadyPin: deny`). */
  nonePhaseReady(id: string): boolean {
    return this.#withId(id).every((cache) => cache.phase !== 'Ready');
  }

  #withId(id: string): readonly ImageCache[] {
    const known = this.#byId.get(id);
    if (known === undefined) return [];
    return 'name' in known ? [known] : known;
  }

  /** The first candidate by spec M4, or `undefined` when no usable cache matches an image exactly (spec M3). */
  best(query: CacheQuery): RankedCache | undefined {
    const platform = this.#partitions.get(query.platform.architecture)?.get(query.platform.os);
    if (platform === undefined) return undefined;
    if (query.aliases === 'repository' && !this.#listsAliases) this.#listAliases();
    const shared = platform.get(undefined);
    const own = query.namespace === undefined ? undefined : platform.get(query.namespace);
    // Where a namespace has no caches of its own, its pods ask the same question as those of any other.
    const question = own === undefined ? { ...query, namespace: undefined } : query;
    const known = this.#memo.recall(question, this.#sizes);
    if (known !== undefined) return known.ranked;
    this.#searches += 1;
    const search = new CacheSearch(this.#searches, question, this.#sizes);
    if (shared !== undefined) search.addPartition(shared);
    if (own !== undefined) search.addPartition(own);
    search.run();
    const ranked = search.result();
    this.#memo.remember(question, ranked, search.looks);
    return ranked;
  }

  /** Puts a usable cache into the posting lists of its partition; time alone is checked when lists are read. */
  #arrange(cache: ImageCache): Entry {
    const entry: Entry = {
      cache,
      partition: undefined,
      exact: NO_POSTINGS,
      strays: NO_POSTINGS,
      repositories: NO_POSTINGS,
      aliases: NO_POSTINGS,
    };
    if (unusableReason(cache, -Infinity, 0) !== undefined) return entry;
    const partition = this.#partitionFor(cache);
    partition.size += 1;
    entry.partition = partition;
    const repositories = repositoriesOf(cache);
    const keys = exactKeysOf(cache);
    entry.exact = post(partition.exact, [...keys.keys()].toSorted(compareCodeUnits), entry);
    const strays = entry.exact.filter(({ key }) => !repositories.has(keys.get(key) ?? ''));
    if (strays.length > 0) entry.strays = strays;
    entry.repositories = post(partition.repositories, [...repositories], entry);
    if (this.#listsAliases) postAliases(entry, partition);
    return entry;
  }

  /** Aliases are mostly off, and their lists weigh as much as the others: they are made when first asked for. */
  #listAliases(): void {
    this.#listsAliases = true;
    for (const entry of this.#entries.values()) {
      if (entry.partition !== undefined) postAliases(entry, entry.partition);
    }
  }

  #partitionFor({ platform, privateTo }: ImageCache): Partition {
    const systems = getOrAdd(this.#partitions, platform.architecture, () => new Map<string, Visibilities>());
    const partitions = getOrAdd(systems, platform.os, () => new Map<string | undefined, Partition>());
    return getOrAdd(partitions, privateTo, newPartition);
  }

  #dropPartition({ platform, privateTo }: ImageCache): void {
    const systems = this.#partitions.get(platform.architecture);
    const partitions = systems?.get(platform.os);
    partitions?.delete(privateTo);
    if (partitions?.size === 0) systems?.delete(platform.os);
    if (systems?.size === 0) this.#partitions.delete(platform.architecture);
  }
}

/** By the namespace that may use the caches; `undefined`: all. */
type Visibilities = Map<string | undefined, Partition>;

function postAliases(entry: Entry, partition: Partition): void {
  const aliases = new Set(entry.cache.images.map(aliasKeyOf).filter((alias) => alias !== undefined));
  entry.aliases = post(partition.aliases, [...aliases], entry);
}

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}

function firstByName(caches: readonly ImageCache[]): ImageCache | undefined {
  let first: ImageCache | undefined;
  for (const cache of caches) if (first === undefined || compareCodeUnits(cache.name, first.name) < 0) first = cache;
  return first;
}
