import { ClusterStore, RESOURCES } from '../../src/cluster/cluster-store.ts';
import type { ClusterView } from '../../src/core/cluster-view.ts';
import { decodeEciProfile } from '../../src/wire/eci-profile.ts';
import { decodeImageCache } from '../../src/wire/image-cache.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { decodeNamespace } from '../../src/wire/namespace.ts';
import { ImageCacheBuilder } from './image-cache-builder.ts';

/** The moment of every review written here. */
export const NOW_MS = Date.parse('2026-01-15T12:00:00Z');
const HOUR_MS = 60 * 60 * 1000;

/** The moment so many hours after {@link NOW_MS}. */
export function hoursFromNow(hours: number): string {
  return new Date(NOW_MS + hours * HOUR_MS).toISOString();
}

/** What a cluster holds; everything else is empty. */
export interface ClusterContents {
  readonly caches?: readonly (ImageCacheBuilder | JsonObject)[];
  /** Labels by namespace; `default` is there unless other namespaces are given. */
  readonly namespaces?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Rules of the eci-profile, or its text. */
  readonly rules?: readonly unknown[] | string;
  /** When the source of the caches was last heard, in milliseconds since the epoch; {@link NOW_MS} by default. */
  readonly heardAtMs?: number;
}

/** A cluster whose every resource has been listed. */
export function aCluster(contents: ClusterContents = {}): ClusterStore {
  const { caches = [], namespaces = { default: {} }, rules = [], heardAtMs = NOW_MS } = contents;
  const store = new ClusterStore();
  for (const cache of caches) {
    store.putImageCache(cache instanceof ImageCacheBuilder ? cache.decode() : decodeImageCache(cache));
  }
  for (const [name, labels] of Object.entries(namespaces)) {
    const decoded = decodeNamespace({ metadata: { name, labels } });
    store.putNamespace(decoded.name, decoded.labels);
  }
  store.setProfile(decodeEciProfile(typeof rules === 'string' ? rules : JSON.stringify(rules)));
  for (const resource of RESOURCES) {
    store.markSynced(resource);
    store.heard(resource, heardAtMs);
  }
  return store;
}

/** The same as decisions see it, at {@link NOW_MS}. */
export function aClusterView(contents: ClusterContents = {}): ClusterView {
  const view = aCluster(contents).view(NOW_MS);
  if (view === undefined) throw new Error('a cluster built for a test has all its listings');
  return view;
}
