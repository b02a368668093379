import type { CacheSearch, RankedCache } from './cache-search.ts';
import { toEpochMs } from './timestamp.ts';

/** A search that looks at fewer caches than this is quicker than remembering it. */
const CHEAP_LOOKS = 256;
/** How many results are kept; all are dropped when there are more. */
const CAPACITY = 1024;

/**
 * Remembers the searches that had to look at many caches, such as for a pod whose twenty images are spread over
 * thousands of equally good ones. A result counts for the same question as long as none of the lists it was read from
 * has changed, no size has changed, and the cache found has not expired: time can only take candidates away.
 */
export class RankingMemo {
  readonly #results = new Map<string, RememberedResult>();

  /** Runs a search, or gives the remembered result of one like it; both are the same. */
  run(search: CacheSearch): RankedCache | undefined {
    let known: RememberedResult | undefined;
    let key = '';
    let state: readonly number[] = [];
    const isFinished = search.run(CHEAP_LOOKS, () => {
      key = keyOf(search);
      state = stateOf(search);
      const remembered = this.#results.get(key);
      if (remembered !== undefined && isCurrent(remembered, state, search.query.usableUntilMs)) known = remembered;
      return known !== undefined;
    });
    if (!isFinished) return known?.result;
    const result = search.result();
    if (key !== '') {
      if (this.#results.size >= CAPACITY) this.#results.clear();
      this.#results.set(key, { state, result, sinceMs: search.query.usableUntilMs, untilMs: expiryOf(result) });
    }
    return result;
  }
}

interface RememberedResult {
  readonly state: readonly number[];
  readonly result: RankedCache | undefined;
  /** The times, in milliseconds since the epoch, between which caches dropping out cannot change the result. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

function isCurrent(
  { state, sinceMs, untilMs }: RememberedResult,
  now: readonly number[],
  usableUntilMs: number,
): boolean {
  if (usableUntilMs < sinceMs || usableUntilMs >= untilMs || state.length !== now.length) return false;
  return state.every((value, i) => value === now[i]);
}

function expiryOf(result: RankedCache | undefined): number {
  return result?.cache.expiresAt === undefined ? Infinity : toEpochMs(result.cache.expiresAt);
}

/** The question: equal for equal questions only, whatever characters names hold. */
function keyOf({ query }: CacheSearch): string {
  const { images, platform, namespace, aliases } = query;
  return JSON.stringify([
    aliases,
    platform.architecture,
    platform.os,
    namespace,
    ...images.valid.map(({ key }) => key),
  ]);
}

/** Versions of all lists that the answer depends on, and the sizes it was weighed with. */
function stateOf({ lists }: CacheSearch): number[] {
  const state: number[] = [];
  for (const { images } of lists) {
    for (const { exact, repository, alias } of images) {
      state.push(exact?.version ?? 0, exact?.weight ?? 0, repository?.version ?? 0, alias?.version ?? 0);
    }
  }
  return state;
}
