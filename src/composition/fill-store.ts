import type { ClusterStore } from '../cluster/cluster-store.ts';
import { RESOURCES } from '../cluster/cluster-store.ts';
import { decodeEciProfile, selectorsOf } from '../wire/eci-profile.ts';
import { decodeImageCache } from '../wire/image-cache.ts';
import { ECI_PROFILE, kindOf } from '../wire/kinds.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { decodeNamespace } from '../wire/namespace.ts';

/**
 * Puts the ImageCaches, Namespaces and the eci-profile among these objects into a store; others are passed over. Of
 * several objects of one kind and name the last counts, as when they are applied in order.
 *
 * @returns what could not be used, each with its place.
 */
export function fillStore(store: ClusterStore, objects: readonly ManifestObject[], nowMs: number): string[] {
  const problems: string[] = [];
  for (const object of objects) {
    try {
      put(store, object);
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      problems.push(error.message);
    }
  }
  for (const resource of RESOURCES) {
    store.markSynced(resource);
    store.heard(resource, nowMs);
  }
  return problems;
}

function put(store: ClusterStore, { value, origin }: ManifestObject): void {
  switch (kindOf(value)) {
    case 'ImageCache':
      store.putImageCache(decodeImageCache(value, origin));
      return;
    case 'Namespace': {
      const { name, labels } = decodeNamespace(value, origin);
      store.putNamespace(name, labels);
      return;
    }
    case 'EciProfile':
      store.setProfile(decodeEciProfile(selectorsOf(value, origin) ?? '', { origin, path: ['data', ECI_PROFILE.key] }));
      return;
    case 'Other':
  }
}
