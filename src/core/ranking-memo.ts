import type { CacheQuery, RankedCache } from './cache-search.ts';
import type { ImageCache } from './image-cache.ts';
import { unusableReason } from './image-cache.ts';
import type { MatchDegree, PodImages } from './image-match.ts';
import { compareAge, compareDegree, matchDegree } from './image-match.ts';
import type { ImageSizes } from './image-sizes.ts';
import { RecentMap } from './recent-map.ts';

/** One cache that came, went, or was replaced by a newer state of itself. */
export interface CacheChange {
  readonly removed: ImageCache | undefined;
  readonly added: ImageCache | undefined;
  /** Keys of images whose size is another since. */
  readonly sizes: readonly string[];
}

const CAPACITY = 1024;
/** Pods with more images are searched each time: what they would keep in memory has no bound worth the name. */
const MOST_IMAGES = 32;
/** Results older than so many changes are found anew. */
const LOG_LENGTH = 128;
/** Following one change costs about as much as looking at so many caches. */
const LOOKS_PER_CHANGE = 8;

/**
 * Remembers what was found for the images of recent pods, and follows the changes since: a cache that came either beats
 * the one found or does not, and one that went matters only if it was the one found. So a result stays true however
 * often caches change, and the long searches, such as for a pod whose twenty images are spread over thousands of equally
 * good caches, are rare. A result counts until the cache found expires: time can only take candidates away.
 */
export class RankingMemo {
  /** By the images themselves: equal ones are mostly the same object. */
  readonly #results = new RecentMap<PodImages, RememberedResult>(CAPACITY);
  /** The last changes; change number n stands at n modulo the length. */
  readonly #log: CacheChange[] = [];
  #changes = 0;

  /** Takes note of a change of the index. */
  changed(change: CacheChange): void {
    this.#log[this.#changes % LOG_LENGTH] = change;
    this.#changes += 1;
  }

  /** The result for this query, if it is remembered and still holds or can be brought up to date. */
  recall(query: CacheQuery, sizes: ImageSizes): { readonly ranked: RankedCache | undefined } | undefined {
    const known = this.#results.get(query.images);
    if (known === undefined || !isSameQuestion(known, query)) return undefined;
    const missed = this.#changes - known.changes;
    if (missed === 0) return known;
    if (missed > LOG_LENGTH || missed > 1 + known.looks / LOOKS_PER_CHANGE) return undefined;
    for (; known.changes < this.#changes; known.changes += 1) {
      const change = this.#log[known.changes % LOG_LENGTH]!; // the log holds the last LOG_LENGTH changes
      if (!follow(known, change, query, sizes)) {
        // What was followed so far is no result: it has to be found anew.
        known.changes = -Infinity;
        return undefined;
      }
    }
    // Followed at this time: a cache that came and has expired since was left out.
    known.query = query;
    return known;
  }

  /** @param looks - how many caches the search had to look at: what remembering it saves. */
  remember(query: CacheQuery, ranked: RankedCache | undefined, looks: number): void {
    if (query.images.count > MOST_IMAGES) return;
    this.#results.set(query.images, { query, changes: this.#changes, ranked, looks });
  }
}

interface RememberedResult {
  query: CacheQuery;
  /** How many changes of the index the result takes account of. */
  changes: number;
  ranked: RankedCache | undefined;
  readonly looks: number;
}

function isSameQuestion({ query, ranked }: RememberedResult, now: CacheQuery): boolean {
  return (
    query.usableUntilMs <= now.usableUntilMs &&
    (ranked === undefined || now.usableUntilMs < ranked.cache.expiresAtMs) &&
    query.namespace === now.namespace &&
    query.aliases === now.aliases &&
    query.platform.architecture === now.platform.architecture &&
    query.platform.os === now.platform.os
  );
}

/** Brings a result up to date with one change; false when the change may have cost it its place. */
function follow(known: RememberedResult, change: CacheChange, query: CacheQuery, sizes: ImageSizes): boolean {
  const { removed, added } = change;
  if (change.sizes.length > 0 && query.images.valid.some(({ key }) => change.sizes.includes(key))) return false;
  const found = known.ranked;
  const candidate = added === undefined ? undefined : candidateOf(added, query, sizes);
  if (found === undefined || removed !== found.cache) {
    if (candidate !== undefined && (found === undefined || isBetter(candidate, found, query, sizes)))
      known.ranked = candidate;
    return true;
  }
  // The cache found is another now. If it has lost nothing, what it beat is still beaten.
  const before = { ...matchDegree(query.images, removed, query.aliases, (key) => sizes.sizeOf(key)), cache: removed };
  if (candidate === undefined || compareRanked(candidate, before) > 0) return false;
  known.ranked = candidate;
  return true;
}

type Candidate = RankedCache & MatchDegree;

function candidateOf(cache: ImageCache, query: CacheQuery, sizes: ImageSizes): Candidate | undefined {
  const { platform, privateTo } = cache;
  const isVisible =
    platform.architecture === query.platform.architecture &&
    platform.os === query.platform.os &&
    (privateTo === undefined || privateTo === query.namespace);
  if (!isVisible || unusableReason(cache, query.usableUntilMs, 0) !== undefined) return undefined;
  const degree = matchDegree(query.images, cache, query.aliases, (key) => sizes.sizeOf(key));
  return degree.exact === 0 ? undefined : { cache, ...degree };
}

function isBetter(candidate: Candidate, found: RankedCache, query: CacheQuery, sizes: ImageSizes): boolean {
  if (candidate.exact !== found.exact) return candidate.exact > found.exact;
  const degree = matchDegree(query.images, found.cache, query.aliases, (key) => sizes.sizeOf(key));
  return compareRanked(candidate, { cache: found.cache, ...degree }) < 0;
}

function compareRanked(a: MatchDegree & { cache: ImageCache }, b: MatchDegree & { cache: ImageCache }): number {
  return compareDegree(a, b) || compareAge(a.cache, b.cache);
}
