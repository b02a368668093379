import type { CacheQuery, RankedCache } from './cache-search.ts';
import { CacheSearch } from './cache-search.ts';
import type { ImageCache } from './image-cache.ts';
import { exactKeysOf, isWorking, repositoriesOf, unusableReason } from './image-cache.ts';
import { ImageSizes } from './image-sizes.ts';
import type { Entry, Partition, Posting } from './posting.ts';
import { NO_POSTINGS, newPartition, post, unpost } from './posting.ts';
import { RankingMemo } from './ranking-memo.ts';
import { aliasKeyOf } from './registry-alias.ts';
import { compareCodeUnits } from './text-order.ts';
import { toEpochMs } from './timestamp.ts';

/**
 * All ImageCaches, arranged so that the best one for a pod (spec M3, M4) is found without looking at all of them.
 *
 * For every platform and visibility there are posting lists: image key -> the usable caches that hold it, and
 * repository -> the usable caches that hold some image of it, both newest first. A search reads the pod's lists from the
 * shortest on and stops as soon as no unread cache can win. The few that stay long are remembered until one of their
 * lists changes. Adding or removing a cache costs a binary search and a move of pointers for each of its images.
 *
 * Reads and changes never interleave (a review is synchronous), so a review sees one state of the index throughout.
 */
export class ImageCacheIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #byId = new Map<string, ImageCache[]>();
  /** By architecture, operating system and the namespace that may use them (`undefined`: all). */
  readonly #partitions = new Map<string, Map<string, Visibilities>>();
  readonly #sizes = new ImageSizes();
  readonly #memo = new RankingMemo();
  /** Counts changes. */
  #version = 0;
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
    this.remove(cache.name);
    this.#version += 1;
    const entry = this.#arrange(cache);
    this.#entries.set(cache.name, entry);
    this.#sizes.add(cache);
    if (cache.id !== '') {
      const sameId = this.#byId.get(cache.id);
      if (sameId === undefined) this.#byId.set(cache.id, [cache]);
      else sameId.push(cache);
    }
  }

  /** Takes a cache away; nothing happens if there is none of that name. */
  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#version += 1;
    this.#entries.delete(name);
    this.#sizes.remove(entry.cache);
    const { id } = entry.cache;
    if (id !== '') {
      const left = (this.#byId.get(id) ?? []).filter((cache) => cache !== entry.cache);
      if (left.length === 0) this.#byId.delete(id);
      else this.#byId.set(id, left);
    }
    if (entry.partition === undefined) return;
    for (const posting of postingsOf(entry)) unpost(posting, entry);
    entry.partition.size -= 1;
    if (entry.partition.size === 0) this.#dropPartition(entry.cache);
  }

  /**
   * What a pin stands for (spec M1): the cache of this id, a working one if there is any, else the first by name.
   *
   * @returns `undefined` when no cache has this id.
   */
  pinned(id: string, nowMs: number): { readonly cache: ImageCache; readonly working: boolean } | undefined {
    const known = this.#byId.get(id);
    if (known === undefined) return undefined;
    const working = firstByName(known.filter((cache) => isWorking(cache, nowMs)));
    if (working !== undefined) return { cache: working, working: true };
    const cache = firstByName(known);
    return cache === undefined ? undefined : { cache, working: false };
  }

  /** Whether every cache of this id is in a phase other than Ready (spec M1, `unreadyPin: deny`). */
  nonePhaseReady(id: string): boolean {
    return (this.#byId.get(id) ?? []).every((cache) => cache.phase !== 'Ready');
  }

  /** The first candidate by spec M4, or `undefined` when no usable cache matches an image exactly (spec M3). */
  best(query: CacheQuery): RankedCache | undefined {
    const platform = this.#partitions.get(query.platform.architecture)?.get(query.platform.os);
    if (platform === undefined) return undefined;
    const shared = platform.get(undefined);
    const own = platform.get(query.namespace);
    // Where a namespace has no caches of its own, its pods ask the same question as those of any other.
    const question = own === undefined && query.namespace !== '' ? { ...query, namespace: '' } : query;
    const known = this.#memo.current(question, this.#version);
    if (known !== undefined) return known.ranked;
    this.#searches += 1;
    const search = new CacheSearch(this.#searches, question, this.#sizes);
    if (shared !== undefined) search.addPartition(shared);
    if (own !== undefined) search.addPartition(own);
    return this.#memo.run(search, this.#version);
  }

  /** Puts a usable cache into the posting lists of its partition; time alone is checked when lists are read. */
  #arrange(cache: ImageCache): Entry {
    const expiresAtMs = cache.expiresAt === undefined ? Infinity : toEpochMs(cache.expiresAt);
    const entry: Entry = {
      cache,
      expiresAtMs,
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
    const aliases = new Set(cache.images.map(aliasKeyOf).filter((alias) => alias !== undefined));
    entry.exact = post(partition.exact, [...keys.keys()].toSorted(compareCodeUnits), entry);
    const strays = entry.exact.filter(({ key }) => !repositories.has(keys.get(key) ?? ''));
    if (strays.length > 0) entry.strays = strays;
    entry.repositories = post(partition.repositories, [...repositories], entry);
    entry.aliases = post(partition.aliases, [...aliases], entry);
    return entry;
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

function postingsOf(entry: Entry): readonly Posting[] {
  return [...entry.exact, ...entry.repositories, ...entry.aliases];
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
