import type { ClusterView } from '../core/cluster-view.ts';
import type { EciProfile } from '../core/eci-profile.ts';
import { EMPTY_PROFILE } from '../core/eci-profile.ts';
import type { ImageCache } from '../core/image-cache.ts';
import { ImageCacheIndex } from '../core/image-cache-index.ts';
import { NAMESPACE_NAME_LABEL } from '../core/keys.ts';
import type { StringMap } from '../core/label-selector.ts';

/** What a source delivers, in the words of the metrics (spec S8). */
export type Resource = 'imagecaches' | 'namespaces' | 'eci-profile';

/** All resources; a store is synced when each has had a full listing (spec S2). */
export const RESOURCES: readonly Resource[] = ['imagecaches', 'namespaces', 'eci-profile'];

/**
 * What we know of the cluster. One source writes it, as its news arrives; reviews read it. Both are synchronous, so a
 * review sees one state throughout, and a state that was once complete is kept until newer news replaces it.
 */
export class ClusterStore {
  readonly #imageCaches = new ImageCacheIndex();
  readonly #namespaces = new Map<string, StringMap>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #synced = new Set<Resource>();
  readonly #allSynced = Promise.withResolvers<void>();
  readonly #heardAtMs = new Map<Resource, number>();
  readonly #steadyMs: (() => number) | undefined;
  #profile: EciProfile = EMPTY_PROFILE;

  /**
   * @param steadyMs - a clock for ages that no correction of the machine's time disturbs, in milliseconds; without it
   *   ages are measured with the times that are given.
   */
  constructor(steadyMs?: () => number) {
    this.#steadyMs = steadyMs;
  }

  /**
   * The cluster at this moment, or `undefined` before every resource has had a full listing (spec M13).
   *
   * @param nowMs - milliseconds since the epoch.
   */
  view(nowMs: number): ClusterView | undefined {
    if (!this.isSynced()) return undefined;
    return {
      imageCaches: this.#imageCaches,
      profile: this.#profile,
      namespaces: this.#namespaces,
      imageCachesAgeMs: this.ageMs('imagecaches', nowMs) ?? Infinity,
    };
  }

  isSynced(): boolean {
    return this.#synced.size === RESOURCES.length;
  }

  unsynced(): readonly Resource[] {
    return RESOURCES.filter((resource) => !this.#synced.has(resource));
  }

  /** A full listing of this resource has been written. */
  markSynced(resource: Resource): void {
    this.#synced.add(resource);
    if (this.isSynced()) this.#allSynced.resolve();
  }

  /** Resolves when every resource has had a full listing. */
  whenSynced(): Promise<void> {
    return this.#allSynced.promise;
  }

  /** The source was in touch with the truth about this resource, whether or not anything had changed. */
  heard(resource: Resource, nowMs: number): void {
    this.#heardAtMs.set(resource, this.#steadyMs?.() ?? nowMs);
  }

  /** Milliseconds since the source was last in touch about this resource; `undefined` if it never was. */
  ageMs(resource: Resource, nowMs: number): number | undefined {
    const heardAtMs = this.#heardAtMs.get(resource);
    return heardAtMs === undefined ? undefined : Math.max(0, (this.#steadyMs?.() ?? nowMs) - heardAtMs);
  }

  /** How many objects of each resource are held; rules for the profile. */
  counts(): Readonly<Record<Resource, number>> {
    return {
      imagecaches: this.#imageCaches.size,
      namespaces: this.#namespaces.size,
      'eci-profile': this.#profile.rules.length,
    };
  }

  putImageCache(cache: ImageCache): void {
    this.#imageCaches.upsert(cache);
  }

  removeImageCache(name: string): void {
    this.#imageCaches.remove(name);
  }

  /** Adds or replaces a namespace and wakes the reviews that wait for it (spec G6). */
  putNamespace(name: string, labels: StringMap): void {
    this.#namespaces.set(
      name,
      labels.has(NAMESPACE_NAME_LABEL) ? labels : new Map([...labels, [NAMESPACE_NAME_LABEL, name]]),
    );
    const waiting = this.#waiting.get(name);
    this.#waiting.delete(name);
    for (const wake of waiting ?? []) wake();
  }

  removeNamespace(name: string): void {
    this.#namespaces.delete(name);
  }

  setProfile(profile: EciProfile): void {
    this.#profile = profile;
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }

  /** Resolves when the namespace is known, or after `timeoutMs` (spec G6). */
  waitForNamespace(name: string, timeoutMs: number): Promise<void> {
    if (this.#namespaces.has(name)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting);
      const wake = (): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        if (waiting.size === 0 && this.#waiting.get(name) === waiting) this.#waiting.delete(name);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      waiting.add(wake);
    });
  }
}
