import type { AdmissionReviewer } from '../admission/reviewer.ts';
import type { ClusterStore } from '../cluster/cluster-store.ts';
import { RESOURCES } from '../cluster/cluster-store.ts';
import type { Explanation } from '../core/explanation.ts';
import { explain } from '../core/explanation.ts';
import type { PodView } from '../core/pod.ts';
import type { DecisionSettings } from '../core/settings.ts';
import { decodeEciProfile, selectorsOf } from '../wire/eci-profile.ts';
import { decodeImageCache } from '../wire/image-cache.ts';
import { ECI_PROFILE, kindOf } from '../wire/kinds.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { decodeNamespace } from '../wire/namespace.ts';

/** The server's engine over objects at hand: the same answers, without a server. */
export interface OfflineEngine {
  readonly reviewer: AdmissionReviewer;
  explain(pod: PodView, namespace: string): Explanation;
}

/** What an offline engine decides with. */
export interface OfflineOptions {
  readonly settings: DecisionSettings;
  /** Milliseconds since the epoch; a fixed time makes answers repeatable. */
  readonly nowMs: number;
}

/**
 * Puts the ImageCaches, Namespaces and the eci-profile among these objects into a store; others are passed over. Of
 * several objects of one kind and name the last counts, as when they are applied in order.
 *
 * @returns what could not be used, each with its place.
 */
export function fillStore(store: ClusterStore, objects: readonly ManifestObject[], nowMs: number): ManifestError[] {
  const problems: ManifestError[] = [];
  for (const { value, origin } of objects) {
    try {
      switch (kindOf(value)) {
        case 'ImageCache':
          store.putImageCache(decodeImageCache(value, origin));
          break;
        case 'Namespace': {
          const { name, labels } = decodeNamespace(value, origin);
          store.putNamespace(name, labels);
          break;
        }
        case 'EciProfile': {
          const path = ['data', ECI_PROFILE.key];
          store.setProfile(decodeEciProfile(selectorsOf(value, origin) ?? '', { origin, path }));
          break;
        }
        case 'Other':
      }
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      problems.push(error);
    }
  }
  for (const resource of RESOURCES) {
    store.markSynced(resource);
    store.heard(resource, nowMs);
  }
  return problems;
}

/** The engine over a filled store. */
export function offlineEngine(
  reviewer: AdmissionReviewer,
  store: ClusterStore,
  { settings, nowMs }: OfflineOptions,
): OfflineEngine {
  return {
    reviewer,
    explain: (pod, namespace) => {
      const cluster = store.view(nowMs);
      if (cluster === undefined) throw new Error('the store was not filled');
      return explain(pod, namespace, { cluster, settings, nowMs, ownNamespace: undefined });
    },
  };
}
