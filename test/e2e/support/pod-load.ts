import { setTimeout as pause } from 'node:timers/promises';
import type { KubeObject } from './api-client.ts';
import type { Cluster } from './cluster.ts';

/** How pods are created under load. */
export interface LoadOptions {
  /** Makes the pod of this number; its name has to be new. */
  readonly pod: (number: number) => KubeObject;
  readonly perSecond: number;
  /** What is wrong with the pod that came back; undefined if nothing is. */
  readonly problem: (pod: KubeObject) => string | undefined;
}

/** What came of it. */
export interface LoadResult {
  readonly created: number;
  /** What was wrong with pods, and the refusals; of many the first ten, and how many more. */
  readonly problems: readonly string[];
}

/** Most pods on their way at one time: a stalled API server must not make the load pile up. */
const MOST_IN_FLIGHT = 64;
const TICK_MS = 20;
const TOLD = 10;

/** Creates pods at a steady rate until it or the cluster is stopped, whether or not earlier ones have come back. */
export class PodLoad {
  readonly #cluster: Cluster;
  readonly #options: LoadOptions;
  readonly #problems: string[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  #number = 0;
  #created = 0;
  #isRunning = true;
  readonly #run: Promise<void>;

  constructor(cluster: Cluster, options: LoadOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#run = this.#createPods();
    cluster.atEnd(async () => {
      await this.stop();
    });
  }

  /** Pods that came back so far. */
  get created(): number {
    return this.#created;
  }

  async stop(): Promise<LoadResult> {
    this.#isRunning = false;
    await this.#run;
    await Promise.all(this.#inFlight);
    const more = this.#problems.length - TOLD;
    const problems = [...this.#problems.slice(0, TOLD), ...(more > 0 ? [`and ${more} more`] : [])];
    return { created: this.#created, problems };
  }

  async #createPods(): Promise<void> {
    const startMs = performance.now();
    let next = 0;
    while (this.#isRunning) {
      const due = Math.floor(((performance.now() - startMs) / 1000) * this.#options.perSecond);
      // What could not be sent in time is left out, not caught up with.
      for (let burst = Math.min(due - next, MOST_IN_FLIGHT - this.#inFlight.size); burst > 0; burst -= 1)
        this.#create();
      next = due;
      await pause(TICK_MS);
    }
  }

  #create(): void {
    this.#number += 1;
    const creation = this.#createAndCheck(this.#options.pod(this.#number)).finally(() => {
      this.#inFlight.delete(creation);
    });
    this.#inFlight.add(creation);
  }

  async #createAndCheck(pod: KubeObject): Promise<void> {
    const name = pod.metadata.name ?? '';
    try {
      const problem = this.#options.problem(await this.#cluster.createPod(pod));
      this.#created += 1;
      if (problem !== undefined) this.#problems.push(`${name}: ${problem}`);
    } catch (error) {
      this.#problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
