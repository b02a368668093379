import type { ClusterView } from '../core/cluster-view.ts';
import type { PlanRefusal } from '../core/creation-plan.ts';
import { planCreations } from '../core/creation-plan.ts';
import type { Decision } from '../core/decision.ts';
import { IMAGES_LIMIT } from '../core/image-cache-spec.ts';
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
      enabled: createsCaches(autoCreate.enabled, chosen.controllerDriver),
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

function refusalText(name: string, refusal: PlanRefusal, maxCaches: number): string {
  switch (refusal.reason) {
    case 'Disabled':
      return 'autoCreate.enabled says so; with the driver external ECI makes one by itself';
    case 'NoImages':
      return 'the pod has no images';
    case 'TooManyImages':
      return `an ImageCache holds at most ${IMAGES_LIMIT} images`;
    case 'InvalidReference':
      return `${refusal.image || 'an empty text'} is no image reference`;
    case 'NotAllowed':
      return `autoCreate.allow does not name ${refusal.image}`;
    case 'Denied':
      return `autoCreate.deny names ${refusal.image}`;
    case 'MutableTag':
      return `the tag of ${refusal.image} moves (autoCreate.mutableTags); use another, a digest, or imagePullPolicy Always`;
    case 'Usable':
      return `${refusal.cache.name} has exactly these images`;
    case 'Building':
      return `${refusal.cache.name} is being built${refusal.cache.progress === '' ? '' : `, ${refusal.cache.progress}`}`;
    case 'NameTaken':
      return `somebody else made an ImageCache ${name}; delete it`;
    case 'Retiring':
      return `somebody labelled ${name} retiring; delete it, or take the label away`;
    case 'MaxCaches':
      return `there are ${maxCaches} already and none is idle (autoCreate.maxCaches)`;
    case 'PerMinute':
      return 'enough were made within a minute (autoCreate.perMinute); it comes later';
    case 'GivenUp':
      return 'it failed too often; change the images';
    case 'RetryLater':
      return `it failed, and is tried again at ${new Date(refusal.atMs).toISOString()}`;
  }
}
