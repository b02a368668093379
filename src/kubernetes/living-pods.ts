import type { PodDemands } from '../controller/pod-demands.ts';
import type { Demand } from '../core/creation-plan.ts';
import type { CopySettings } from '../core/wanted-cache.ts';
import type { Logger } from '../telemetry/logger.ts';
import { backoffMs } from './backoff.ts';
import type { ObjectReference } from './event.ts';
import type { KubeClient } from './kube-client.ts';
import { demandOf, LIVING_PODS, type PodReading, readPod, type WantedSet } from './pod-reading.ts';
import { Reflector, type ReflectorListener, type RestartCause } from './reflector.ts';
import { pause, systemTimers, type Timers } from './timers.ts';

export interface LivingPodsOptions {
  readonly client: Pick<KubeClient, 'get' | 'list' | 'watch'>;
  readonly settings: () => CopySettings;
  /** Whether it matters what pods want; which ids they carry matters always. */
  readonly areDemandsWanted: () => boolean;
  readonly logger: Logger;
  /** Called once, when all pods are known for the first time. */
  readonly onComplete?: () => void;
  readonly timers?: Timers;
}

/** Whole pods that are asked for at a time. */
const PARALLEL = 8;

/**
 * What the living pods of a cluster want and use (spec N1, N5), followed from {@link start} to {@link stop}. Of a pod
 * only its metadata is read, and a few words of that are kept; a whole pod is fetched once for all pods that a controller
 * made from one template and that were decided alike.
 */
export class LivingPods implements PodDemands, ReflectorListener<PodReading> {
  readonly #options: LivingPodsOptions;
  readonly #logger: Logger;
  readonly #timers: Timers;
  readonly #reflector: Reflector<PodReading>;
  readonly #listeners: (() => void)[] = [];
  readonly #stop = new AbortController();
  readonly #pods = new Map<string, KnownPod>();
  /** How many living pods carry an id. */
  readonly #ids = new Map<string, number>();
  readonly #sets = new Map<string, ImageSet>();
  readonly #demands = new Map<string, { readonly demand: Demand; readonly sets: Set<ImageSet> }>();
  #queue: ImageSet[] = [];
  #asking = 0;
  #isListed = false;
  #isComplete = false;
  #wasComplete = false;
  /** What of the settings the demands depend on, as far as they are known. */
  #wish: string;

  constructor(options: LivingPodsOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'pods' });
    this.#timers = options.timers ?? systemTimers;
    this.#wish = wishOf(options);
    this.#reflector = new Reflector({
      client: options.client,
      ...LIVING_PODS,
      read: readPod,
      listener: this,
      timers: this.#timers,
    });
  }

  /** Begins to follow; a second call does nothing. */
  start(): void {
    this.#reflector.start();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    await this.#reflector.stop();
  }

  /** Also looks whether the settings ask for other caches than before, which then have to be worked out anew. */
  isComplete(): boolean {
    const wish = wishOf(this.#options);
    if (wish !== this.#wish) {
      this.#wish = wish;
      this.#isComplete = false;
      for (const set of this.#sets.values()) this.#forgetDemand(set);
    }
    this.#ask();
    return this.#isComplete;
  }

  demands(): Iterable<Demand> {
    return [...this.#demands.values()].map(({ demand }) => demand);
  }

  idsInUse(): ReadonlySet<string> {
    return new Set(this.#ids.keys());
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Who wants a cache: the controller of one of the pods, or a pod that has none. */
  whoWants(name: string): ObjectReference | undefined {
    const [set] = this.#demands.get(name)?.sets ?? [];
    if (set === undefined) return undefined;
    if (set.owner !== undefined) return set.owner;
    const [pod] = set.pods;
    return pod && { apiVersion: 'v1', kind: 'Pod', namespace: pod.namespace, name: pod.name, uid: pod.uid };
  }

  listed(changed: readonly PodReading[], gone: readonly string[]): void {
    for (const key of gone) this.#drop(key);
    for (const reading of changed) this.#put(reading);
    this.#isListed = true;
    this.#ask();
    this.#tell();
  }

  changed(reading: PodReading): void {
    if (!this.#put(reading)) return;
    this.#ask();
    this.#tell();
  }

  removed(key: string): void {
    this.#drop(key);
    this.#tell();
  }

  heard(): void {
    // Nobody asks how old the news are.
  }

  missing(): void {
    // There is no API server without pods.
  }

  restarted(cause: RestartCause, err?: unknown): void {
    if (cause === 'refused') this.#logger.warn({ cause, err }, 'the API server refuses a watch; tried again later');
    else this.#logger.debug({ cause, err }, 'a watch begins again');
  }

  failed(err: unknown): void {
    this.#logger.error({ err }, 'pods could not be taken in, for a fault of this program');
  }

  /** Whether it is news: most changes of a pod are about its status. */
  #put({ key, namespace, name, uid, ids, set: wanted }: PodReading): boolean {
    const before = this.#pods.get(key);
    const isSame = before?.uid === uid && before.set?.key === wanted?.key && before.ids.join() === ids.join();
    if (isSame) return false;
    const set = wanted === undefined ? undefined : this.#setOf(wanted);
    const pod: KnownPod = { namespace, name, uid, ids, set };
    this.#pods.set(key, pod);
    set?.pods.add(pod);
    for (const id of ids) this.#ids.set(id, (this.#ids.get(id) ?? 0) + 1);
    if (before !== undefined) this.#letGo(before);
    return true;
  }

  #drop(key: string): void {
    const pod = this.#pods.get(key);
    if (pod === undefined) return;
    this.#pods.delete(key);
    this.#letGo(pod);
  }

  #letGo(pod: KnownPod): void {
    const { ids, set } = pod;
    for (const id of ids) {
      const count = (this.#ids.get(id) ?? 0) - 1;
      if (count > 0) this.#ids.set(id, count);
      else this.#ids.delete(id);
    }
    if (set === undefined) return;
    set.pods.delete(pod);
    if (set.pods.size > 0) return;
    this.#forgetDemand(set);
    this.#sets.delete(set.key);
  }

  #setOf({ key, owner }: WantedSet): ImageSet {
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = { key, owner, pods: new Set(), state: 'unknown', demandName: undefined, failures: 0 };
      this.#sets.set(key, set);
      this.#queue.push(set);
    }
    return set;
  }

  #forgetDemand(set: ImageSet): void {
    if (set.demandName !== undefined) {
      const entry = this.#demands.get(set.demandName);
      entry?.sets.delete(set);
      if (entry?.sets.size === 0) this.#demands.delete(set.demandName);
    }
    set.demandName = undefined;
    set.failures = 0;
    if (set.state === 'known') {
      set.state = 'unknown';
      this.#queue.push(set);
    }
  }

  /** Asks for whole pods where that is due, some at a time. */
  #ask(): void {
    if (!this.#isListed) return;
    if (!this.#options.areDemandsWanted()) {
      this.#complete();
      return;
    }
    while (this.#asking < PARALLEL && !this.#stop.signal.aborted) {
      const set = this.#queue.shift();
      if (set === undefined) break;
      if (set.state !== 'unknown' || set.pods.size === 0) continue;
      this.#asking += 1;
      set.state = 'asked';
      void this.#learn(set).finally(() => {
        this.#asking -= 1;
        this.#ask();
        this.#tell();
      });
    }
    // From now on a set that is new holds nothing up: it just joins when it is known.
    if (this.#asking === 0 && this.#queue.length === 0) this.#complete();
  }

  #complete(): void {
    this.#isComplete = true;
    if (this.#wasComplete) return;
    this.#wasComplete = true;
    this.#options.onComplete?.();
  }

  /** Never fails: what cannot be had now is asked for again. */
  async #learn(set: ImageSet): Promise<void> {
    const { client, settings } = this.#options;
    const wish = this.#wish;
    try {
      for (const pod of set.pods) {
        const demand = await demandOf(client, pod, set.key, settings(), this.#stop.signal);
        if (this.#stop.signal.aborted) return;
        if (demand === undefined || set.pods.size === 0) continue;
        if (wish === this.#wish) this.#know(set, demand);
        break;
      }
    } catch (err) {
      if (this.#stop.signal.aborted) return;
      set.failures += 1;
      const waitMs = backoffMs(set.failures, undefined, this.#timers.random());
      this.#logger.warn({ err, retryInMs: Math.round(waitMs) }, 'a pod cannot be read; tried again later');
      void this.#askAgain(set, waitMs);
      return;
    }
    // The pods it was asked of are gone or have changed, which the watch is about to tell; or the settings have.
    if (set.state === 'asked') void this.#askAgain(set, CHANGED_WAIT_MS);
  }

  async #askAgain(set: ImageSet, waitMs: number): Promise<void> {
    await pause(this.#timers, waitMs, this.#stop.signal);
    if (this.#stop.signal.aborted || set.state !== 'asked' || set.pods.size === 0) return;
    set.state = 'unknown';
    this.#queue.push(set);
    this.#ask();
  }

  #know(set: ImageSet, demand: Demand): void {
    set.state = 'known';
    set.failures = 0;
    set.demandName = demand.name;
    const entry = this.#demands.get(demand.name);
    if (entry === undefined) this.#demands.set(demand.name, { demand, sets: new Set([set]) });
    else entry.sets.add(set);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** The watch tells of a change within moments. */
const CHANGED_WAIT_MS = 2_000;

function wishOf({ settings, areDemandsWanted }: LivingPodsOptions): string {
  const { copyAnnotations, share } = settings();
  return JSON.stringify([areDemandsWanted(), copyAnnotations, share]);
}

/** What is kept of a pod. */
interface KnownPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Ids of ImageCaches it carries. */
  readonly ids: readonly string[];
  readonly set: ImageSet | undefined;
}

/** Pods with the same images. */
interface ImageSet {
  readonly key: string;
  readonly owner: ObjectReference | undefined;
  readonly pods: Set<KnownPod>;
  state: 'unknown' | 'asked' | 'known';
  demandName: string | undefined;
  failures: number;
}
