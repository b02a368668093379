import type { PodDemands } from '../controller/pod-demands.ts';
import type { Demand } from '../core/creation-plan.ts';
import type { Because } from '../core/decision.ts';
import type { CopySettings } from '../core/wanted-cache.ts';
import { wantedCacheOf } from '../core/wanted-cache.ts';
import { autoCacheName } from '../wire/auto-cache-name.ts';

/** What {@link ReviewDemands} works with. */
export interface ReviewDemandsOptions {
  readonly settings: () => CopySettings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** With files nobody knows which pods live; those reviewed within this time count as living. */
const LIVES_MS = 48 * 60 * 60 * 1000;
/** Image sets and ids remembered at most; the oldest go first. */
const MOST = 1_000;

/** Takes reviews for what living pods would say (spec N1: with files the reviews are the signal). */
export class ReviewDemands implements PodDemands {
  readonly #options: ReviewDemandsOptions;
  readonly #demands = new Map<string, { readonly demand: Demand; readonly seenAtMs: number }>();
  readonly #ids = new Map<string, number>();
  readonly #listeners: (() => void)[] = [];

  constructor(options: ReviewDemandsOptions) {
    this.#options = options;
  }

  /**
   * A pod was admitted in mode `enforce`, and it was no dry run.
   *
   * @param pullSecrets - names of its `imagePullSecrets`.
   */
  admitted(because: Because, namespace: string, pullSecrets: readonly string[]): void {
    const { now, settings } = this.#options;
    const seenAtMs = now();
    const id = because.injectedPin ?? because.wishes.pin?.id;
    if (id !== undefined) remember(this.#ids, id, seenAtMs);
    if (because.cacheWanted) {
      const wanted = wantedCacheOf(because.pod, namespace, pullSecrets, settings());
      const name = autoCacheName(wanted);
      remember(this.#demands, name, { demand: { name, wanted, pod: because.pod }, seenAtMs });
    }
    if (id !== undefined || because.cacheWanted) for (const listener of this.#listeners) listener();
  }

  isComplete(): boolean {
    return true;
  }

  demands(): Iterable<Demand> {
    const earliestMs = this.#options.now() - LIVES_MS;
    return [...this.#demands.values()].filter(({ seenAtMs }) => seenAtMs > earliestMs).map(({ demand }) => demand);
  }

  idsInUse(): ReadonlySet<string> {
    const earliestMs = this.#options.now() - LIVES_MS;
    return new Set([...this.#ids].filter(([, seenAtMs]) => seenAtMs > earliestMs).map(([id]) => id));
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MOST && oldest !== undefined) map.delete(oldest);
}
