import type { CacheQuery, CacheSearch, RankedCache } from './cache-search.ts';
import type { PodImages } from './image-match.ts';
import { RecentMap } from './recent-map.ts';
import { toEpochMs } from './timestamp.ts';

/** A search that looks at fewer caches than this is quicker than comparing what it was read from. */
const CHEAP_LOOKS = 256;
const CAPACITY = 1024;
/** Pods with more images are searched each time: what they would keep in memory has no bound worth the name. */
const MOST_IMAGES = 32;

/**
 * Remembers what was found for the images of recent pods. A result counts for the same question as long as nothing in
 * the index has changed; after a change elsewhere still if the search would be long, such as for a pod whose twenty
 * images are spread over thousands of equally good caches, and none of the lists and sizes it was read from has changed.
 * Either way only until the cache found expires: time can only take candidates away.
 */
export class RankingMemo {
  /** By the images themselves: equal ones are mostly the same object. */
  readonly #results = new RecentMap<PodImages, RememberedResult>(CAPACITY);

  /** The result for this query if nothing has changed since it was found; `undefined` if it has to be searched. */
  current(query: CacheQuery, version: number): { readonly ranked: RankedCache | undefined } | undefined {
    const known = this.#results.get(query.images);
    return known !== undefined && known.version === version && isSameQuestion(known, query) ? known : undefined;
  }

  /** Runs a search, or gives the remembered result of one like it; both are the same. */
  run(search: CacheSearch, version: number): RankedCache | undefined {
    const { query } = search;
    const known = this.#results.get(query.images);
    const candidate = known !== undefined && isSameQuestion(known, query) ? known : undefined;
    const isFinished = search.run(
      CHEAP_LOOKS,
      () => candidate !== undefined && candidate.state.length > 0 && isSameState(candidate.state, stateOf(search)),
    );
    if (!isFinished && candidate !== undefined) {
      candidate.version = version;
      return candidate.ranked;
    }
    const ranked = search.result();
    if (query.images.count > MOST_IMAGES) return ranked;
    this.#results.set(query.images, {
      query,
      version,
      ranked,
      state: search.looks < CHEAP_LOOKS ? [] : stateOf(search),
      untilMs: ranked?.cache.expiresAt === undefined ? Infinity : toEpochMs(ranked.cache.expiresAt),
    });
    return ranked;
  }
}

interface RememberedResult {
  readonly query: CacheQuery;
  /** Of the index, when the result was last known to hold. */
  version: number;
  readonly ranked: RankedCache | undefined;
  /** What the search was read from; empty for cheap ones. */
  readonly state: readonly number[];
  /** When the cache found expires, in milliseconds since the epoch. */
  readonly untilMs: number;
}

function isSameQuestion({ query, untilMs }: RememberedResult, now: CacheQuery): boolean {
  return (
    query.usableUntilMs <= now.usableUntilMs &&
    now.usableUntilMs < untilMs &&
    query.namespace === now.namespace &&
    query.aliases === now.aliases &&
    query.platform.architecture === now.platform.architecture &&
    query.platform.os === now.platform.os
  );
}

/** Versions of all lists that the answer depends on, and the sizes it was weighed with. */
function stateOf(search: CacheSearch): number[] {
  const state: number[] = [];
  for (const { images } of search.lists) {
    for (const { exact, repository, alias } of images) {
      const bytes = exact === undefined ? 0 : search.sizeOf(exact);
      state.push(exact?.version ?? 0, bytes, repository?.version ?? 0, alias?.version ?? 0);
    }
  }
  return state;
}

function isSameState(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
