import type { FailureRecord, PlanInput, PlannedAction } from './creation-plan.ts';
import { planCreations } from './creation-plan.ts';
import type { ImageCache } from './image-cache.ts';
import { compareCodeUnits } from './text-order.ts';

/** What happens to an ImageCache that exists; noting its use changes nothing of it. */
export type JanitorAction = PlannedAction & { readonly kind: 'restore' | 'retire' | 'delete' | 'record-failure' };

/** What becomes of an ImageCache of ours if nothing else happens (spec N4, N5). */
export interface JanitorEntry {
  readonly cache: ImageCache;
  readonly isInUse: boolean;
  /** What would be done now. */
  readonly now: JanitorAction | undefined;
  /** What would be done next, after that. */
  readonly next: { readonly action: JanitorAction; readonly atMs: number } | undefined;
}

/** Looks further ahead than the life of a cache has steps. */
const STEPS = 8;

/**
 * What the controller would do with each ImageCache of ours, now and next, sorted by name. It is asked of the plan itself,
 * at the times that the plan names, so the two cannot differ.
 */
export function janitorReport(input: PlanInput): JanitorEntry[] {
  const demands = [...input.demands];
  const actions = new Map(
    planCreations({ ...input, demands })
      .actions.filter(isAboutCache)
      .map((action) => [action.name, action]),
  );
  return [...input.caches.values()]
    .filter(({ ours }) => ours !== undefined)
    .toSorted((a, b) => compareCodeUnits(a.name, b.name))
    .map((cache) => {
      const now = actions.get(cache.name);
      const own = { ...input, demands: demands.filter(({ name }) => name === cache.name) };
      const isInUse = cache.id !== '' && input.idsInUse.has(cache.id);
      return { cache, isInUse, now, next: nextAction(cache, now, own) };
    });
}

function nextAction(cache: ImageCache, now: JanitorAction | undefined, input: PlanInput): JanitorEntry['next'] {
  if (now?.kind === 'delete') return undefined;
  const after = now === undefined ? { cache, failures: input.failures } : afterwards(cache, now, input);
  let { nowMs } = input;
  for (let step = 0; step < STEPS; step += 1) {
    const plan = planCreations({
      ...input,
      nowMs,
      caches: new Map([[cache.name, after.cache]]),
      failures: after.failures,
    });
    const action = plan.actions.find((each) => isAboutCache(each));
    if (action !== undefined && nowMs > input.nowMs) return { action, atMs: nowMs };
    if (plan.nextAtMs === Infinity) return undefined;
    nowMs = plan.nextAtMs;
  }
  return undefined;
}

/** The cluster once an action is done. */
function afterwards(
  cache: ImageCache,
  action: JanitorAction,
  { nowMs, failures }: PlanInput,
): { readonly cache: ImageCache; readonly failures: ReadonlyMap<string, FailureRecord> } {
  switch (action.kind) {
    case 'retire':
      return { cache: { ...cache, retiring: true, ours: marksOf(cache, nowMs) }, failures };
    case 'restore':
      return { cache: { ...cache, retiring: false, ours: marksOf(cache, undefined) }, failures };
    case 'record-failure':
      return { cache, failures: new Map([...failures, [cache.name, action.record]]) };
    case 'delete':
      return { cache, failures };
  }
}

function marksOf({ ours }: ImageCache, retiringSinceMs: number | undefined): ImageCache['ours'] {
  return { lastMatchedAtMs: ours?.lastMatchedAtMs, retiringSinceMs };
}

function isAboutCache(action: PlannedAction): action is JanitorAction {
  return ['restore', 'retire', 'delete', 'record-failure'].includes(action.kind);
}
