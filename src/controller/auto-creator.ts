import type { FailureRecord, Plan, PlannedAction, PlanRefusal, PlanSettings } from '../core/creation-plan.ts';
import { planCreations } from '../core/creation-plan.ts';
import type { ImageCache } from '../core/image-cache.ts';
import { diskGibFor } from '../core/image-cache-spec.ts';
import { ImageSizes } from '../core/image-sizes.ts';
import {
  AUTO_CREATED_KEY,
  LAST_MATCHED_KEY,
  PRIVATE_NAMESPACE_KEY,
  RETIRING_KEY,
  RETIRING_SINCE_KEY,
} from '../core/keys.ts';
import type { WantedCache } from '../core/wanted-cache.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ImageCacheObject, NewImageCache } from '../wire/image-cache-object.ts';
import type { FailureLedger } from './failure-ledger.ts';
import { HeldBack } from './held-back.ts';
import type { ImageCacheObjects } from './image-cache-objects.ts';
import type { PodDemands } from './pod-demands.ts';
import { RefusedWriteError } from './refused-write-error.ts';

/** Everything that is to be known about automatic creation at the moment of a pass. */
export interface CreatorSettings extends PlanSettings {
  readonly retentionDays: number | undefined;
}

/** What an {@link AutoCreator} works with. */
export interface AutoCreatorOptions {
  readonly objects: ImageCacheObjects;
  readonly demands: PodDemands;
  readonly ledger: FailureLedger;
  /** Read at every pass, so that changed settings count at once. */
  readonly settings: () => CreatorSettings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly reports: CreationReports;
}

/** Port: who is told what was done, and what was not and why (spec N3): metrics and Events. */
export interface CreationReports {
  /** Counts a result. */
  count(result: CreationResult): void;
  /** A demand that gets no cache now; told once for each name and reason. */
  refused(name: string, wanted: WantedCache, refusal: PlanRefusal): void;
  /** Something was done to a cache of ours. */
  done(name: string, action: PlannedAction): void;
}

/** Label values of `imc_autocreate_total{result}`. */
export const CREATION_RESULTS = ['created', 'restored', 'retired', 'deleted', 'failed', 'refused', 'error'] as const;
export type CreationResult = (typeof CREATION_RESULTS)[number];

/** Makes ImageCaches for what living pods lack, and removes those of ours that nobody uses (spec section 7). */
export class AutoCreator {
  readonly #options: AutoCreatorOptions;
  readonly #logger: Logger;
  /** Reason by name: a refusal that stays the same is told once. */
  readonly #told = new Map<string, string>();
  readonly #heldBack: HeldBack;
  #failures: Map<string, FailureRecord> | undefined;
  #sizes: { readonly caches: ReadonlyMap<string, ImageCache>; readonly sizes: ImageSizes } | undefined;

  constructor(options: AutoCreatorOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'auto-create' });
    this.#heldBack = new HeldBack(options.now);
  }

  /**
   * Plans from what is known, and does it.
   *
   * @returns when time alone asks for the next pass, in milliseconds since the epoch; Infinity if it does not.
   * @throws what a write failed with. What was done before stays done, and the next pass goes on from there. A write that
   * is refused for what it is about (RefusedWriteError) keeps nothing else from being done, and is tried again later.
   */
  async pass(): Promise<number> {
    const { objects, demands, settings, now } = this.#options;
    const current = objects.current();
    // Before all pods are known, a cache in use could look unused.
    if (current === undefined || !demands.isComplete()) return Infinity;
    this.#failures ??= new Map(await this.#options.ledger.load());
    const caches = new Map([...current].map(([name, { cache }]) => [name, cache]));
    const plan = planCreations({
      nowMs: now(),
      settings: settings(),
      caches,
      demands: demands.demands(),
      idsInUse: demands.idsInUse(),
      failures: this.#failures,
    });
    this.#tellRefusals(plan);
    this.#heldBack.keepOnly(new Set(plan.actions.map(nameOf)));
    for (const action of plan.actions) {
      const name = nameOf(action);
      if (this.#heldBack.has(name)) continue;
      try {
        await this.#do(action, current, caches, this.#failures);
        this.#heldBack.taken(name);
      } catch (error) {
        this.#options.reports.count('error');
        if (!(error instanceof RefusedWriteError)) {
          // Whatever was remembered may not be what was written.
          this.#failures = undefined;
          throw error;
        }
        const retryInMs = this.#heldBack.refused(name);
        this.#logger.warn(
          { imageCache: name, reason: error.message, retryInMs },
          `${action.kind} refused, tried again`,
        );
      }
    }
    return Math.min(plan.nextAtMs, this.#heldBack.nextAtMs());
  }

  async #do(
    action: PlannedAction,
    current: ReadonlyMap<string, ImageCacheObject>,
    caches: ReadonlyMap<string, ImageCache>,
    failures: Map<string, FailureRecord>,
  ): Promise<void> {
    const { objects, ledger, settings, now } = this.#options;
    if (action.kind === 'create') {
      const { name, wanted } = action.demand;
      const isNew = await objects.create(newCacheOf(name, wanted, this.#sizesIn(caches), settings().retentionDays));
      if (isNew) this.#done('created', name, action, { images: wanted.references });
      return;
    }
    const { name } = action;
    if (action.kind === 'record-failure' || action.kind === 'forget-failures') {
      if (action.kind === 'forget-failures') failures.delete(name);
      else failures.set(name, action.record);
      await ledger.save(failures);
      if (action.kind === 'record-failure') this.#done('failed', name, action, { failures: action.record.failures });
      return;
    }
    const object = current.get(name);
    if (object === undefined) return;
    switch (action.kind) {
      case 'touch':
        await objects.mark(object, { annotations: { [LAST_MATCHED_KEY]: timeText(action.atMs) } });
        return;
      case 'restore':
        await objects.mark(object, {
          labels: { [RETIRING_KEY]: null },
          annotations: { [RETIRING_SINCE_KEY]: null },
        });
        this.#done('restored', name, action, {});
        return;
      case 'retire':
        await objects.mark(object, {
          labels: { [RETIRING_KEY]: 'true' },
          annotations: { [RETIRING_SINCE_KEY]: timeText(now()) },
        });
        this.#done('retired', name, action, { because: action.because });
        return;
      case 'delete':
        // Once more, with the news of this moment: writes before this one took their time.
        if (object.cache.id !== '' && this.#options.demands.idsInUse().has(object.cache.id)) return;
        await objects.remove(object);
        this.#done('deleted', name, action, { because: action.because });
    }
  }

  /** The sizes that all caches together know, learnt once for the creations of a pass. */
  #sizesIn(caches: ReadonlyMap<string, ImageCache>): ImageSizes {
    if (this.#sizes?.caches !== caches) {
      const sizes = new ImageSizes();
      for (const cache of caches.values()) sizes.replace(undefined, cache);
      this.#sizes = { caches, sizes };
    }
    return this.#sizes.sizes;
  }

  #done(result: CreationResult, name: string, action: PlannedAction, facts: object): void {
    this.#options.reports.count(result);
    this.#options.reports.done(name, action);
    this.#logger.info({ imageCache: name, ...facts }, `ImageCache ${result}`);
  }

  #tellRefusals({ refusals }: Plan): void {
    const seen = new Set<string>();
    for (const { demand, refusal } of refusals) {
      seen.add(demand.name);
      // That there is one already, or soon will be, is no refusal anybody waits for.
      if (refusal.reason === 'Usable' || refusal.reason === 'Building') continue;
      const told = JSON.stringify([refusal.reason, 'image' in refusal ? refusal.image : '']);
      if (this.#told.get(demand.name) === told) continue;
      this.#told.set(demand.name, told);
      this.#options.reports.count('refused');
      this.#options.reports.refused(demand.name, demand.wanted, refusal);
      const image = 'image' in refusal ? { image: refusal.image } : {};
      this.#logger.info({ imageCache: demand.name, reason: refusal.reason, ...image }, 'no ImageCache made');
    }
    for (const name of this.#told.keys()) if (!seen.has(name)) this.#told.delete(name);
  }
}

/** The object for an image set (spec N2). */
function newCacheOf(
  name: string,
  wanted: WantedCache,
  sizes: ImageSizes,
  retentionDays: number | undefined,
): NewImageCache {
  const { references, pullSecrets, annotations, privateTo, images } = wanted;
  return {
    name,
    labels: new Map([
      [AUTO_CREATED_KEY, 'true'],
      ...(privateTo === undefined ? [] : [[PRIVATE_NAMESPACE_KEY, privateTo] as const]),
    ]),
    annotations,
    spec: {
      images: references,
      imagePullSecrets: pullSecrets,
      imageCacheSizeGib: diskGibFor(
        images.valid.map(({ key }) => key),
        (key) => sizes.sizeOf(key),
      ),
      retentionDays,
    },
  };
}

function nameOf(action: PlannedAction): string {
  return action.kind === 'create' ? action.demand.name : action.name;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
