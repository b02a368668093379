import type { Decision } from './decision.ts';
import type { ImageCache } from './image-cache.ts';
import { isWorking } from './image-cache.ts';
import type { RegistryAliases } from './image-match.ts';
import { matchDegree } from './image-match.ts';
import { compareCodeUnits } from './text-order.ts';

/** How far one cache spares a pod its pulls; `skipped` for a pod that gets or wants none. */
export type Coverage = 'complete' | 'partial' | 'none' | 'skipped';

/** What a pod will find in its cache. */
export interface PodCoverage {
  readonly coverage: Coverage;
  /** The pinned cache if it works, or the first by spec M4. */
  readonly cache: ImageCache | undefined;
  /** Whether pods start from that cache: a restriction the cache does not meet, or a pin that does not work, keeps it from them. */
  readonly inUse: boolean;
  /** Distinct images held exactly, of how many. */
  readonly exact: number;
  readonly images: number;
  /** Keys that are not held exactly and texts that are no references, sorted by code unit. */
  readonly missing: readonly string[];
}

const SKIPPED: PodCoverage = {
  coverage: 'skipped',
  cache: undefined,
  inUse: false,
  exact: 0,
  images: 0,
  missing: [],
};

/**
 * The coverage of the pod that was decided on. Pods that are none of ours, that switched automatic mode off, or that have
 * no images are `skipped`. A pinned pod has what its pinned cache holds: nothing, as far as anybody here knows, if that is
 * unknown or does not work.
 *
 * @param nowMs - milliseconds since the epoch.
 */
export function coverageOf(decision: Decision, aliases: RegistryAliases, nowMs: number): PodCoverage {
  if (decision.kind === 'skip' || decision.outcome === 'AutoDisabled') return SKIPPED;
  const { images, wishes, best, cache } = decision.because;
  if (images.count === 0) return SKIPPED;
  const pinned = wishes.pin === undefined || cache === undefined || !isWorking(cache, nowMs) ? undefined : cache;
  const held = pinned === undefined ? best?.exactKeys : matchDegree(images, pinned, aliases, () => 0).exactKeys;
  const exact = held?.size ?? 0;
  const coverage = exact === 0 ? 'none' : exact === images.count ? 'complete' : 'partial';
  return {
    coverage,
    cache: pinned ?? best?.cache,
    inUse: STARTS_FROM_CACHE.has(decision.outcome),
    exact,
    images: images.count,
    missing: [
      ...images.valid.filter(({ key }) => held?.has(key) !== true).map(({ key }) => key),
      ...images.invalid,
    ].toSorted(compareCodeUnits),
  };
}

/** A partial match that is delegated counts: ECI uses the best partial cache, too (spec M7). */
const STARTS_FROM_CACHE: ReadonlySet<string> = new Set(['CompleteMatch', 'PartialMatch', 'Pinned']);
