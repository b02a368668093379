import type { ClusterSource, SourceProblem } from '../cluster/cluster-source.ts';
import type { ClusterStore, Resource } from '../cluster/cluster-store.ts';
import type { ImageCache } from '../core/image-cache.ts';
import type { StringMap } from '../core/label-selector.ts';
import type { Logger } from '../telemetry/logger.ts';
import {
  ECI_PROFILE_ADDRESS,
  IMAGE_CACHES,
  NAMESPACES,
  readImageCache,
  readNamespace,
  readProfile,
} from './cluster-objects.ts';
import type { KubeClient } from './kube-client.ts';
import type { KeptProfile } from './last-good-profile.ts';
import { ProfileFeed } from './profile-feed.ts';
import { Reflector, type RestartCause } from './reflector.ts';
import { ResourceFeed } from './resource-feed.ts';
import { systemTimers, type Timers } from './timers.ts';

/** What a {@link KubernetesSource} needs. */
export interface KubernetesSourceOptions {
  /** Opens the client when the source starts; the source closes it. */
  readonly open: () => Promise<KubeClient>;
  readonly store: ClusterStore;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Where the last good eci-profile is kept; nowhere outside of a cluster. */
  readonly kept: KeptProfile | undefined;
  /** Told of every object that could not be read, once for each version of it (spec S8). */
  readonly onUndecodable?: (resource: Resource) => void;
  /** Told of every list or watch that had to begin again (spec S8). */
  readonly onRestart?: (resource: Resource, cause: RestartCause) => void;
  readonly timers?: Timers;
}

/**
 * Fills the store from the API server: ImageCaches, Namespaces and the eci-profile, each listed and then watched (spec
 * P6, P7, S2, S4). What was known stays in force while the API server cannot be reached.
 */
export class KubernetesSource implements ClusterSource {
  readonly mayLag = true;
  readonly #options: KubernetesSourceOptions;
  readonly #logger: Logger;
  #running: Running | undefined;
  #isStopped = false;
  #hasSynced = false;

  constructor(options: KubernetesSourceOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'kubernetes' });
  }

  /**
   * Begins to list and watch; whether the API server answers is for readiness to tell.
   *
   * @throws KubeconfigError when there is no cluster to talk to.
   */
  async start(): Promise<void> {
    const client = await this.#options.open();
    if (this.#isStopped) return client.close();
    this.#logger.info({ server: client.server }, 'reading the cluster');
    this.#running = this.#run(client);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    await Promise.all([...running.reflectors, running.profile].map((each) => each.stop()));
    await running.client.close();
  }

  problems(): readonly SourceProblem[] {
    return (this.#running?.feeds ?? []).flatMap((feed) => feed.problems());
  }

  isProfileValid(): boolean | undefined {
    return this.#running?.profile.isValid();
  }

  #run(client: KubeClient): Running {
    const { store, now, kept, onUndecodable, onRestart, timers = systemTimers } = this.#options;
    const startedAtMs = timers.now();
    const logger = this.#logger;
    const onListed = (): void => this.#tellWhenSynced(timers.now() - startedAtMs);
    const common = { store, logger, now, onUndecodable, onRestart, onListed };
    const caches = new ResourceFeed<ImageCache>({
      ...common,
      resource: 'imagecaches',
      put: (_name, cache) => store.putImageCache(cache),
      remove: (name) => store.removeImageCache(name),
    });
    const namespaces = new ResourceFeed<StringMap>({
      ...common,
      resource: 'namespaces',
      put: (name, labels) => store.putNamespace(name, labels),
      remove: (name) => store.removeNamespace(name),
    });
    const profile = new ProfileFeed({ ...common, resource: 'eci-profile', client, kept, timers });
    const reflectors = [
      new Reflector({ client, timers, address: IMAGE_CACHES, read: readImageCache, listener: caches }),
      new Reflector({ client, timers, address: NAMESPACES, read: readNamespace, listener: namespaces }),
      new Reflector({ client, timers, ...ECI_PROFILE_ADDRESS, read: readProfile, listener: profile }),
    ];
    for (const reflector of reflectors) reflector.start();
    return { client, reflectors, profile, feeds: [caches, namespaces, profile] };
  }

  #tellWhenSynced(durationMs: number): void {
    const { store } = this.#options;
    if (this.#hasSynced || !store.isSynced()) return;
    this.#hasSynced = true;
    const { imagecaches, namespaces, 'eci-profile': rules } = store.counts();
    this.#logger.info({ imagecaches, namespaces, rules, durationMs: Math.round(durationMs) }, 'read the cluster');
  }
}

/** What runs from the start to the stop. */
interface Running {
  readonly client: KubeClient;
  readonly reflectors: readonly { readonly stop: () => Promise<void> }[];
  readonly profile: ProfileFeed;
  readonly feeds: readonly { readonly problems: () => readonly SourceProblem[] }[];
}
