import type { CreationRefusal, CreationSettings } from './creation-refusal.ts';
import { creationRefusal } from './creation-refusal.ts';
import type { ImageCache, OwnMarks } from './image-cache.ts';
import { exactKeysOf } from './image-cache.ts';
import type { PodView } from './pod.ts';
import { compareCodeUnits } from './text-order.ts';
import { toEpochMs } from './timestamp.ts';
import type { WantedCache } from './wanted-cache.ts';

/** An image set that living pods want cached (spec M9, N1). */
export interface Demand {
  /** Name of the ImageCache for it (spec N2). */
  readonly name: string;
  readonly wanted: WantedCache;
  /** One of the pods that want it; the others have the same images. */
  readonly pod: PodView;
}

/** How often the cache of a name was made and failed, and when last (spec N4). */
export interface FailureRecord {
  readonly failures: number;
  readonly lastFailedAtMs: number;
}

/** Everything operators can choose about making and removing caches. */
export interface PlanSettings extends CreationSettings {
  readonly enabled: boolean;
  readonly expiryMarginMs: number;
  /** Caches of ours that may exist at a time, retiring ones aside (spec N3). */
  readonly maxCaches: number;
  /** Caches of ours that may be made within a minute (spec N3). */
  readonly perMinute: number;
}

/** The cluster as the controller knows it. */
export interface PlanInput {
  readonly nowMs: number;
  readonly settings: PlanSettings;
  /** All ImageCaches by name, ours among them. */
  readonly caches: ReadonlyMap<string, ImageCache>;
  readonly demands: Iterable<Demand>;
  /** Ids of ImageCaches that living pods carry. */
  readonly idsInUse: ReadonlySet<string>;
  readonly failures: ReadonlyMap<string, FailureRecord>;
}

/** One thing to do. Each can be done twice, or by two writers, without harm. */
export type PlannedAction =
  | { readonly kind: 'create'; readonly demand: Demand }
  /** Offer a retiring cache again: somebody wants exactly its images. */
  | { readonly kind: 'restore'; readonly name: string }
  /** Count a failure, so that the next attempt knows how long to wait (spec N4). */
  | { readonly kind: 'record-failure'; readonly name: string; readonly record: FailureRecord }
  | { readonly kind: 'forget-failures'; readonly name: string }
  | { readonly kind: 'touch'; readonly name: string; readonly atMs: number }
  | { readonly kind: 'retire'; readonly name: string; readonly because: 'NeverMatched' | 'Unmatched' | 'MakesRoom' }
  | { readonly kind: 'delete'; readonly name: string; readonly because: 'Retired' | 'Expired' | 'Failed' | 'Stuck' };

/** Why no cache is made for a demand now: spec N3, and the waiting of N4. */
export type PlanRefusal =
  | CreationRefusal
  | { readonly reason: 'Disabled' | 'NameTaken' | 'Retiring' | 'MaxCaches' | 'PerMinute' | 'GivenUp' }
  | { readonly reason: 'RetryLater'; readonly atMs: number };

/** What to do now, and when to look again if nothing changes before. */
export interface Plan {
  readonly actions: readonly PlannedAction[];
  readonly refusals: readonly { readonly demand: Demand; readonly refusal: PlanRefusal }[];
  /** Milliseconds since the epoch; Infinity when time alone changes nothing. */
  readonly nextAtMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Time from a failure to the next attempt; after the last of them we stop trying (spec N4). */
export const RETRY_AFTER_MS: readonly number[] = [HOUR_MS, 6 * HOUR_MS, DAY_MS];
/** A cache that nobody matched for this long may make room for another (spec N3). */
const IDLE_MS = DAY_MS;
/** Retired when never matched for this long, or unmatched since (spec N5). */
const NEVER_MATCHED_MS = 7 * DAY_MS;
const UNMATCHED_MS = 30 * DAY_MS;
/** `last-matched-at` is written at most this often (spec N5). */
const TOUCH_EVERY_MS = HOUR_MS;
/** Failures of images that nobody wants any more are forgotten after this time. */
const FORGET_FAILURES_MS = 30 * DAY_MS;

/**
 * Decides what the controller does next (spec N3, N4, N5). Pure: the same cluster gives the same plan, so a controller
 * that was killed half-way goes on where it stopped, and nothing needs to be queued.
 *
 * Costs O(images of all caches), and for each demand O(caches that hold one of its images).
 */
export function planCreations(input: PlanInput): Plan {
  return new Planner(input).plan();
}

/** A cache that we made. */
interface OwnCache extends OwnMarks {
  readonly cache: ImageCache;
}

class Planner {
  readonly #input: PlanInput;
  readonly #own = new Map<string, OwnCache>();
  readonly #actions: PlannedAction[] = [];
  readonly #refusals: Plan['refusals'][number][] = [];
  readonly #wantedNames = new Set<string>();
  readonly #restored = new Set<string>();
  #nextAtMs = Infinity;
  #holders: ReadonlyMap<string, readonly ImageCache[]> | undefined;
  /** Ours that are offered or on their way; those that leave make room. */
  #offered = 0;
  #madeLately = 0;

  constructor(input: PlanInput) {
    this.#input = input;
    for (const [name, cache] of input.caches)
      if (cache.ours !== undefined) this.#own.set(name, { cache, ...cache.ours });
  }

  plan(): Plan {
    const demands = [...this.#input.demands].toSorted((a, b) => compareCodeUnits(a.name, b.name));
    for (const { name } of demands) this.#wantedNames.add(name);
    this.#count();
    const leaving: OwnCache[] = [];
    for (const own of this.#own.values()) {
      if (own.cache.deleting) continue;
      this.#touch(own);
      if (own.retiringSinceMs !== undefined) leaving.push(own);
      // Labelled retiring by somebody else: theirs to delete.
      else if (!own.cache.retiring) this.#tend(own);
    }
    let last: string | undefined;
    for (const demand of demands) {
      if (demand.name !== last) this.#serve(demand);
      last = demand.name;
    }
    for (const own of leaving) this.#leave(own);
    this.#forgetFailures();
    return { actions: this.#actions, refusals: this.#refusals, nextAtMs: this.#nextAtMs };
  }

  #count(): void {
    const { nowMs } = this.#input;
    for (const { cache } of this.#own.values()) {
      if (!cache.retiring && !cache.deleting) this.#offered += 1;
      const madeAtMs = createdAtMs(cache);
      if (madeAtMs > nowMs - MINUTE_MS) {
        this.#madeLately += 1;
        this.#lookAgainAt(madeAtMs + MINUTE_MS);
      }
    }
  }

  #touch({ cache, lastMatchedAtMs }: OwnCache): void {
    const { nowMs } = this.#input;
    if (!this.#isInUse(cache) || nowMs - (lastMatchedAtMs ?? -Infinity) < TOUCH_EVERY_MS) return;
    this.#actions.push({ kind: 'touch', name: cache.name, atMs: nowMs });
  }

  /** The life of a cache of ours while it is offered, or on its way. */
  #tend(own: OwnCache): void {
    const { settings, failures } = this.#input;
    const { cache } = own;
    if (cache.phase === 'Ready') {
      if (failures.has(cache.name)) this.#actions.push({ kind: 'forget-failures', name: cache.name });
      if (!this.#isInUse(cache)) this.#tendUnused(own);
      return;
    }
    const failure = this.#failureOf(cache, settings.buildDeadlineMs);
    if (failure !== undefined) this.#fail(cache, failure);
  }

  /** A retired cache goes when no pod can be waiting for it any more (spec N5). */
  #leave({ cache, retiringSinceMs = 0 }: OwnCache): void {
    const { nowMs, settings } = this.#input;
    if (this.#restored.has(cache.name)) return;
    const dueMs = retiringSinceMs + settings.expiryMarginMs;
    if (nowMs < dueMs) this.#lookAgainAt(dueMs);
    else if (!this.#isInUse(cache)) this.#actions.push({ kind: 'delete', name: cache.name, because: 'Retired' });
  }

  #isInUse({ id }: ImageCache): boolean {
    return id !== '' && this.#input.idsInUse.has(id);
  }

  #tendUnused({ cache, lastMatchedAtMs }: OwnCache): void {
    const { nowMs } = this.#input;
    // Its name is wanted for the next cache of these images.
    if (cache.expiresAtMs <= nowMs) {
      this.#actions.push({ kind: 'delete', name: cache.name, because: 'Expired' });
      return;
    }
    if (cache.expiresAtMs !== Infinity) this.#lookAgainAt(cache.expiresAtMs);
    // Pods that missed it live on without it, but their successors will match; retired, it would be offered again at once.
    if (this.#wantedNames.has(cache.name)) return;
    const dueMs =
      lastMatchedAtMs === undefined ? createdAtMs(cache) + NEVER_MATCHED_MS : lastMatchedAtMs + UNMATCHED_MS;
    if (nowMs < dueMs) {
      this.#lookAgainAt(dueMs);
      return;
    }
    const because = lastMatchedAtMs === undefined ? 'NeverMatched' : 'Unmatched';
    this.#retire(cache.name, because);
  }

  #retire(name: string, because: 'NeverMatched' | 'Unmatched' | 'MakesRoom'): void {
    this.#actions.push({ kind: 'retire', name, because });
    this.#offered -= 1;
  }

  #failureOf(cache: ImageCache, buildDeadlineMs: number): 'Failed' | 'Stuck' | undefined {
    if (cache.phase === 'Failed' || cache.phase === 'UpdateFailed') return 'Failed';
    const deadlineMs = createdAtMs(cache) + buildDeadlineMs;
    if (this.#input.nowMs >= deadlineMs) return 'Stuck';
    this.#lookAgainAt(deadlineMs);
    return undefined;
  }

  /**
   * A build that failed is counted once, stays visible until its next attempt is due, and then makes way for it
   * (spec N4). What is counted is the attempt: a record older than the cache is about an earlier one.
   */
  #fail(cache: ImageCache, because: 'Failed' | 'Stuck'): void {
    const { nowMs, failures } = this.#input;
    const known = failures.get(cache.name);
    const madeAtMs = createdAtMs(cache);
    const isCounted = known !== undefined && known.lastFailedAtMs >= madeAtMs;
    const record = isCounted
      ? known
      : { failures: (known?.failures ?? 0) + 1, lastFailedAtMs: Math.max(nowMs, madeAtMs) };
    if (!isCounted) this.#actions.push({ kind: 'record-failure', name: cache.name, record });
    // Nobody waits for the next attempt of images that nobody wants any more.
    const dueMs = this.#wantedNames.has(cache.name)
      ? retryAtMs(record)
      : Math.min(retryAtMs(record), record.lastFailedAtMs + DAY_MS);
    if (nowMs < dueMs) this.#lookAgainAt(dueMs);
    else if (!this.#isInUse(cache)) this.#actions.push({ kind: 'delete', name: cache.name, because });
  }

  /** Makes the cache of a demand, or says why not. */
  #serve(demand: Demand): void {
    const { settings } = this.#input;
    const step = settings.enabled ? this.#nextStep(demand) : ({ reason: 'Disabled' } as const);
    if (step === undefined) return;
    if (step !== 'create' && step !== 'restore') {
      this.#refusals.push({ demand, refusal: step });
    } else if (step === 'create' && this.#madeLately >= settings.perMinute) {
      this.#refusals.push({ demand, refusal: { reason: 'PerMinute' } });
    } else if (this.#offered >= settings.maxCaches && !this.#makeRoom()) {
      this.#refusals.push({ demand, refusal: { reason: 'MaxCaches' } });
    } else {
      this.#offered += 1;
      if (step === 'create') {
        this.#madeLately += 1;
        this.#actions.push({ kind: 'create', demand });
      } else {
        this.#restored.add(demand.name);
        this.#actions.push({ kind: 'restore', name: demand.name });
      }
    }
  }

  /** What a demand needs now; `undefined` while the last object of its name is on its way out. */
  #nextStep({ name, wanted, pod }: Demand): 'create' | 'restore' | PlanRefusal | undefined {
    const { caches, settings, nowMs, failures } = this.#input;
    const refusal = creationRefusal(wanted, pod, this.#holdersOf(wanted), settings, nowMs);
    if (refusal !== undefined) return refusal;
    const failed = failures.get(name);
    const existing = caches.get(name);
    if (existing !== undefined) {
      if (existing.deleting) return undefined;
      const own = this.#own.get(name);
      if (own === undefined) return { reason: 'NameTaken' };
      if (own.retiringSinceMs !== undefined) return 'restore';
      if (own.cache.retiring) return { reason: 'Retiring' };
      // It is about to expire: a new one of its name can be made when it has.
      if (failed === undefined) return undefined;
    }
    if (failed === undefined) return 'create';
    const atMs = retryAtMs(failed);
    if (existing === undefined && nowMs >= atMs) return 'create';
    this.#lookAgainAt(atMs);
    return atMs === Infinity ? { reason: 'GivenUp' } : { reason: 'RetryLater', atMs };
  }

  /** The caches that may hold exactly these images: those that hold the first of them. */
  #holdersOf({ images }: WantedCache): readonly ImageCache[] {
    this.#holders ??= holdersByKey(this.#input.caches.values());
    return this.#holders.get(images.valid[0]?.key ?? '') ?? [];
  }

  /** Retires the cache that was not matched for the longest time, if any was not for a day (spec N3). */
  #makeRoom(): boolean {
    const { nowMs, idsInUse } = this.#input;
    const retired = new Set(this.#actions.flatMap((action) => (action.kind === 'retire' ? [action.name] : [])));
    let idlest: { readonly name: string; readonly sinceMs: number } | undefined;
    for (const { cache, lastMatchedAtMs } of this.#own.values()) {
      if (cache.deleting || cache.retiring || retired.has(cache.name)) continue;
      if (this.#wantedNames.has(cache.name) || (cache.id !== '' && idsInUse.has(cache.id))) continue;
      const sinceMs = lastMatchedAtMs ?? createdAtMs(cache);
      if (sinceMs > nowMs - IDLE_MS) {
        this.#lookAgainAt(sinceMs + IDLE_MS);
        continue;
      }
      if (
        idlest === undefined ||
        sinceMs < idlest.sinceMs ||
        (sinceMs === idlest.sinceMs && compareCodeUnits(cache.name, idlest.name) < 0)
      ) {
        idlest = { name: cache.name, sinceMs };
      }
    }
    if (idlest === undefined) return false;
    this.#retire(idlest.name, 'MakesRoom');
    return true;
  }

  #forgetFailures(): void {
    const { failures, nowMs } = this.#input;
    for (const [name, { lastFailedAtMs }] of failures) {
      if (this.#wantedNames.has(name) || this.#own.has(name)) continue;
      const dueMs = lastFailedAtMs + FORGET_FAILURES_MS;
      if (nowMs >= dueMs) this.#actions.push({ kind: 'forget-failures', name });
      else this.#lookAgainAt(dueMs);
    }
  }

  #lookAgainAt(atMs: number): void {
    if (atMs > this.#input.nowMs && atMs < this.#nextAtMs) this.#nextAtMs = atMs;
  }
}

/** Caches by the keys they hold exactly. */
function holdersByKey(caches: Iterable<ImageCache>): ReadonlyMap<string, readonly ImageCache[]> {
  const holders = new Map<string, ImageCache[]>();
  for (const cache of caches) {
    for (const key of exactKeysOf(cache).keys()) {
      const known = holders.get(key);
      if (known === undefined) holders.set(key, [cache]);
      else known.push(cache);
    }
  }
  return holders;
}

/** When the next attempt is due; Infinity when there is none (spec N4). */
function retryAtMs({ failures, lastFailedAtMs }: FailureRecord): number {
  const waitMs = RETRY_AFTER_MS[failures - 1];
  return waitMs === undefined ? Infinity : lastFailedAtMs + waitMs;
}

/** Without a readable time of creation a cache is as old as can be. */
function createdAtMs(cache: ImageCache): number {
  return cache.createdAt === undefined ? 0 : toEpochMs(cache.createdAt);
}
