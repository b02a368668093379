import type { ClusterView } from '../core/cluster-view.ts';
import type { PlanRefusal } from '../core/creation-plan.ts';
import { planCreations } from '../core/creation-plan.ts';
import type { Decision } from '../core/decision.ts';
import { refusalText } from '../core/refusal-text.ts';
import type { AutoCreateSettings, DecisionSettings } from '../core/settings.ts';
import { createsCaches } from '../core/settings.ts';
import { wantedCacheOf } from '../core/wanted-cache.ts';
import { autoCacheName } from '../wire/auto-cache-name.ts';
import { pullSecretNamesOf } from '../wire/pod.ts';
import type { Reviewable } from './review-subjects.ts';

/** The ImageCache that a pod wants (spec M9), and why it is not made, if it is not (spec N3). */
export interface NewCache {
  readonly name: string;
  readonly refusal: PlanRefusal | undefined;
}

/** What the controller would do for a pod that is not covered; `undefined` for one that wants nothing. */
export function newCacheFor(
  { namespace, object }: Reviewable,
  decision: Decision,
  cluster: ClusterView,
  settings: { readonly decision: DecisionSettings; readonly autoCreate: AutoCreateSettings },
  nowMs: number,
): NewCache | undefined {
  if (decision.kind === 'skip' || !decision.because.cacheWanted) return undefined;
  const { pod } = decision.because;
  const wanted = wantedCacheOf(pod, namespace, pullSecretNamesOf(object), settings.autoCreate);
  const demand = { name: autoCacheName(wanted), wanted, pod };
  const { autoCreate, decision: chosen } = settings;
  const { refusals } = planCreations({
    nowMs,
    settings: {
      ...autoCreate,
      enabled: createsCaches(autoCreate, chosen),
      expiryMarginMs: chosen.expiryMarginMs,
    },
    caches: new Map([...cluster.imageCaches.all()].map((cache) => [cache.name, cache])),
    demands: [demand],
    idsInUse: new Set(),
    failures: new Map(),
  });
  return { name: demand.name, refusal: refusals[0]?.refusal };
}

/** A refusal in the words of a user, with what to do about it. */
export function creationText({ name, refusal }: NewCache, { maxCaches }: AutoCreateSettings): string {
  if (refusal === undefined) return `${name} is made, for the next pod with these images`;
  return `none is made: ${refusalText(name, refusal, maxCaches)}`;
}
