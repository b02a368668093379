import type { ClusterStore } from '../cluster/cluster-store.ts';
import { RESOURCES } from '../cluster/cluster-store.ts';
import { isStatus } from './cluster-errors.ts';
import {
  ECI_PROFILE_ADDRESS,
  IMAGE_CACHES,
  NAMESPACES,
  NO_IMAGE_CACHE_RESOURCE,
  type Reading,
  readImageCache,
  readNamespace,
  readProfile,
} from './cluster-objects.ts';
import type { KubeClient } from './kube-client.ts';
import { readWholeList } from './whole-list.ts';

/**
 * Lists a cluster once and fills a store with it, as the server would see it at this moment.
 *
 * @returns what could not be used; the rest is in the store. Without the ImageCache resource there are no caches.
 * @throws what {@link KubeClient} throws.
 */
export async function fillFromCluster(client: KubeClient, store: ClusterStore, nowMs: number): Promise<string[]> {
  const problems: string[] = [];
  const take = <Value>(readings: readonly Reading<Value>[], put: (name: string, value: Value) => void): void => {
    for (const reading of readings) {
      if ('problem' in reading) problems.push(reading.problem);
      else put(reading.name, reading.value);
    }
  };
  const [caches, namespaces, profiles] = await Promise.all([
    readWholeList(client, IMAGE_CACHES, readImageCache).catch((error: unknown) => {
      if (!isStatus(error, 404)) throw error;
      problems.push(NO_IMAGE_CACHE_RESOURCE);
      return { items: [] };
    }),
    readWholeList(client, NAMESPACES, readNamespace),
    readWholeList(client, ECI_PROFILE_ADDRESS.address, readProfile, { query: ECI_PROFILE_ADDRESS.query }),
  ]);
  take(caches.items, (_name, cache) => store.putImageCache(cache));
  take(namespaces.items, (name, labels) => store.putNamespace(name, labels));
  take(profiles.items, (_name, profile) => store.setProfile(profile));
  for (const resource of RESOURCES) {
    store.markSynced(resource);
    store.heard(resource, nowMs);
  }
  return problems;
}
