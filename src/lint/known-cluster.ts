import type { ClusterView } from '../core/cluster-view.ts';
import type { EciProfile } from '../core/eci-profile.ts';
import { EMPTY_PROFILE } from '../core/eci-profile.ts';
import type { ImageCache } from '../core/image-cache.ts';
import { ImageCacheIndex } from '../core/image-cache-index.ts';
import { NAMESPACE_NAME_LABEL } from '../core/keys.ts';
import type { StringMap } from '../core/label-selector.ts';
import { decodeEciProfile, selectorsOf } from '../wire/eci-profile.ts';
import { decodeImageCache } from '../wire/image-cache.ts';
import { ECI_PROFILE, kindOf } from '../wire/kinds.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import { decodeNamespace } from '../wire/namespace.ts';
import type { Subject } from './subject.ts';

/** What is known of the cluster: everything among the objects that can be used. */
export interface KnownCluster {
  readonly view: ClusterView;
  /** The cache that an object stands for. */
  readonly caches: ReadonlyMap<Subject, ImageCache>;
  /** What the webhook would say about an object that it cannot use. */
  readonly refusals: ReadonlyMap<Subject, ManifestError>;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Gathers the cluster from objects; of several with one name the last counts, as when they are applied in order. */
export function gatherCluster(subjects: readonly Subject[], nowMs: number): KnownCluster {
  const caches = new Map<Subject, ImageCache>();
  const namespaces = new Map<string, StringMap>();
  const refusals = new Map<Subject, ManifestError>();
  let profile: EciProfile = EMPTY_PROFILE;
  for (const subject of subjects) {
    const { value, origin } = subject;
    try {
      switch (kindOf(value)) {
        case 'ImageCache':
          caches.set(subject, decodeImageCache(value, origin));
          break;
        case 'Namespace': {
          const { name, labels } = decodeNamespace(value, origin);
          namespaces.set(name, new Map([[NAMESPACE_NAME_LABEL, name], ...labels]));
          break;
        }
        case 'EciProfile':
          profile = decodeEciProfile(selectorsOf(value, origin) ?? '', { origin, path: ['data', ECI_PROFILE.key] });
          break;
        case 'Other':
      }
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      refusals.set(subject, error);
    }
  }
  const imageCaches = ImageCacheIndex.of(caches.values());
  return { view: { imageCaches, profile, namespaces, imageCachesAgeMs: 0 }, caches, refusals, nowMs };
}
