import { setImmediate as turn } from 'node:timers/promises';
import type { DecisionContext } from '../src/core/decision.ts';
import { decide } from '../src/core/decision.ts';
import { ImageCacheIndex } from '../src/core/image-cache-index.ts';
import type { PodView } from '../src/core/pod.ts';
import { DEFAULT_SETTINGS } from '../src/core/settings.ts';
import { decodeEciProfile } from '../src/wire/eci-profile.ts';
import { decodeImageCache } from '../src/wire/image-cache.ts';
import { isJsonObject } from '../src/wire/json.ts';
import { decodePod } from '../src/wire/pod.ts';
import { Random } from './random.ts';
import type { Figure, PartReport, Progress } from './report.ts';
import { formatNumber } from './report.ts';
import { Durations, median, percentile, Stopwatch } from './statistics.ts';
import type { PodStream, World } from './worlds.ts';
import {
  ChangeStream,
  differentPods,
  hostileEqualWorld,
  hostileMixedWorld,
  NAMESPACES,
  NOW_MS,
  podObject,
  repeatedPods,
  SELECTORS,
  typicalWorld,
} from './worlds.ts';

/** How long and how often is measured. */
export interface DecisionPlan {
  readonly sizes: readonly number[];
  readonly repetitions: number;
  /** One repetition takes so long, and longer only to get `fewest` decisions. */
  readonly repetitionMs: number;
  readonly fewest: number;
}

/** What is asked of the largest world. */
const MEDIAN_AT_MOST_US = 5;
const P99_AT_MOST_US = 50;
const GROWTH_AT_MOST = 2;
const UNREST_AT_MOST = 1.5;

const CHANGES_PER_SECOND = 50;

/** Pods are decoded this many at a time, between the measured decisions. */
const BATCH = 32;
const MOST_DECISIONS = 60_000;
/** A repetition that needs longer for its fewest decisions ends after so many times its time. */
const PATIENCE = 4;

/** One kind of pods over one world. */
interface Cell {
  readonly world: string;
  readonly pods: string;
  readonly caches: number;
  readonly rest: Percentiles;
  readonly changing: Percentiles;
  readonly changeUs: Percentiles;
}

/** Medians over repetitions, in microseconds. */
interface Percentiles {
  readonly median: number;
  readonly p99: number;
  /** Per repetition. */
  readonly medians: readonly number[];
  readonly p99s: readonly number[];
  readonly decisions: number;
}

/** Part a: what a decision costs by itself, at rest and while caches change. */
export async function decisionCost(plan: DecisionPlan, progress: Progress): Promise<PartReport> {
  const stopwatch = new Stopwatch();
  const cells: Cell[] = [];
  for (const caches of plan.sizes) {
    for (const makeWorld of [typicalWorld, hostileEqualWorld, hostileMixedWorld]) {
      progress.show(`a  decision: ${caches} caches, building`);
      const world = makeWorld(caches, 1);
      // Two worlds alike, one of which never changes, measured turn by turn: a noisy moment of the machine meets both.
      const benches = { resting: new DecisionBench(world, stopwatch), restless: new DecisionBench(world, stopwatch) };
      for (const pods of [repeatedPods(world, 2), differentPods(world, 3)]) {
        cells.push(await measureCell(world, pods, benches, plan, progress));
      }
    }
  }
  return {
    title: 'a  One decision, without server (µs)',
    tables: [tableOf(cells, stopwatch.overheadMs)],
    figures: figuresOf(cells, plan.sizes),
    details: { clockOverheadNs: stopwatch.overheadMs * 1e6, changesPerSecond: CHANGES_PER_SECOND, cells },
  };
}

async function measureCell(
  world: World,
  pods: PodStream,
  { resting, restless }: { readonly resting: DecisionBench; readonly restless: DecisionBench },
  plan: DecisionPlan,
  progress: Progress,
): Promise<Cell> {
  restless.run(pods, { ...plan, changing: true });
  resting.run(pods, { ...plan, changing: false });
  resting.settle(pods);
  const rest: Durations[] = [];
  const changing: Durations[] = [];
  const changes: Durations[] = [];
  for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
    const { caches } = world;
    progress.show(
      `a  decision: ${caches.length} caches, ${world.name}, pods ${pods.name}, ${repetition}/${plan.repetitions}`,
    );
    await turn();
    rest.push(resting.run(pods, { ...plan, changing: false }).decisions);
    const unrest = restless.run(pods, { ...plan, changing: true });
    changing.push(unrest.decisions);
    changes.push(unrest.changes);
  }
  return {
    world: world.name,
    pods: pods.name,
    caches: world.caches.length,
    rest: percentilesOf(rest),
    changing: percentilesOf(changing),
    changeUs: percentilesOf(changes),
  };
}

/** Makes decisions one by one as the server does, with pods and changes decoded from texts in between. */
class DecisionBench {
  readonly #index: ImageCacheIndex;
  readonly #context: DecisionContext;
  readonly #changes: ChangeStream;
  readonly #stopwatch: Stopwatch;
  readonly #random = new Random(4);
  /** Something has to depend on every decision. */
  #outcomes = 0;

  constructor(world: World, stopwatch: Stopwatch) {
    this.#index = ImageCacheIndex.of(world.caches.map((text) => decodeImageCache(parse(text))));
    this.#changes = new ChangeStream(world, 5);
    this.#stopwatch = stopwatch;
    const namespaces = new Map([...NAMESPACES].map(([name, labels]) => [name, new Map(Object.entries(labels))]));
    this.#context = {
      cluster: { imageCaches: this.#index, profile: decodeEciProfile(SELECTORS), namespaces, imageCachesAgeMs: 0 },
      settings: DEFAULT_SETTINGS,
      nowMs: NOW_MS,
      ownNamespace: 'imagecache-webhook',
    };
  }

  /** Decides once on every pod that comes again, so that whatever is remembered is remembered. */
  settle(pods: PodStream): void {
    for (const pod of this.#decode(pods.recurring))
      this.#outcomes += decide(pod, pod.namespace, this.#context).outcome.length;
  }

  run(
    pods: PodStream,
    { repetitionMs, fewest, changing }: Pick<DecisionPlan, 'repetitionMs' | 'fewest'> & { readonly changing: boolean },
  ): { readonly decisions: Durations; readonly changes: Durations } {
    const stopwatch = this.#stopwatch;
    const decisions = new Durations(MOST_DECISIONS);
    const changes = new Durations(MOST_DECISIONS);
    const startMs = performance.now();
    let nextChangeMs = changing ? startMs : Infinity;
    while (!decisions.isFull) {
      const elapsedMs = performance.now() - startMs;
      if (elapsedMs >= repetitionMs * (decisions.count < fewest ? PATIENCE : 1)) break;
      for (const pod of this.#decode(Array.from({ length: BATCH }, () => pods.next()))) {
        stopwatch.start();
        const decision = decide(pod, pod.namespace, this.#context);
        decisions.add(stopwatch.stop());
        this.#outcomes += decision.outcome.length;
        if (performance.now() < nextChangeMs) continue;
        changes.add(this.#applyChange());
        nextChangeMs += 1000 / CHANGES_PER_SECOND;
      }
    }
    if (this.#outcomes === 0) throw new Error('nothing was decided');
    return { decisions, changes };
  }

  /** Fresh texts each time, as every review brings its own: nothing has looked at these strings before. */
  #decode(podImages: readonly (readonly string[])[]): PodView[] {
    const texts = podImages.map((images) => JSON.stringify(podObject(images, this.#random, false)));
    return texts.map((text) => decodePod(parse(text)));
  }

  /** @returns what the index took for it, in milliseconds. */
  #applyChange(): number {
    const change = this.#changes.next();
    if (change.kind === 'delete') {
      this.#stopwatch.start();
      this.#index.remove(change.name);
      return this.#stopwatch.stop();
    }
    const cache = decodeImageCache(parse(change.text));
    this.#stopwatch.start();
    this.#index.upsert(cache);
    return this.#stopwatch.stop();
  }
}

function percentilesOf(repetitions: readonly Durations[]): Percentiles {
  const sorted = repetitions.map((durations) => durations.sorted());
  const medians = sorted.map((values) => percentile(values, 0.5) * 1000);
  const p99s = sorted.map((values) => percentile(values, 0.99) * 1000);
  const decisions = repetitions.reduce((sum, { count }) => sum + count, 0);
  return { median: median(medians), p99: median(p99s), medians, p99s, decisions };
}

function tableOf(cells: readonly Cell[], overheadMs: number): NonNullable<PartReport['tables']>[number] {
  const head = [
    'world',
    'pods',
    'caches',
    'median',
    'p99',
    'changing: median',
    'p99',
    'one change: median',
    'p99',
    'decisions',
  ];
  const rows = cells.map(({ world, pods, caches, rest, changing, changeUs }) => [
    world,
    pods,
    formatNumber(caches),
    ...[rest.median, rest.p99, changing.median, changing.p99, changeUs.median, changeUs.p99].map(formatNumber),
    formatNumber(rest.decisions + changing.decisions),
  ]);
  const note = `changing: ${CHANGES_PER_SECOND} caches a second; ${formatNumber(overheadMs * 1e6)} ns for the clock are subtracted`;
  return { rows: [head, ...rows], words: 2, note };
}

function figuresOf(cells: readonly Cell[], sizes: readonly number[]): Figure[] {
  const smallest = Math.min(...sizes);
  const largest = Math.max(...sizes);
  return cells
    .filter(({ caches }) => caches === largest)
    .flatMap(({ world, pods, rest, changing }) => {
      const name = `${world}, pods ${pods}, ${formatNumber(largest)} caches`;
      const small = cells.find((cell) => cell.caches === smallest && cell.world === world && cell.pods === pods);
      return [
        { name: `${name}: median`, value: rest.median, unit: 'µs', atMost: MEDIAN_AT_MOST_US },
        { name: `${name}: p99`, value: rest.p99, unit: 'µs', atMost: P99_AT_MOST_US },
        {
          name: `${name}: median / median at ${smallest}`,
          value: rest.median / (small?.rest.median ?? NaN),
          unit: 'x',
          atMost: GROWTH_AT_MOST,
        },
        { name: `${name}: p99 changing / at rest`, value: changing.p99 / rest.p99, unit: 'x', atMost: UNREST_AT_MOST },
      ];
    });
}

function parse(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error('a world holds objects only');
  return value;
}
