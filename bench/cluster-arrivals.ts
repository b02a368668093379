import { setTimeout as sleep } from 'node:timers/promises';
import type { AdmissionHistogram } from './admission-histogram.ts';
import { histogramBetween, readAdmissionHistogram, readReviewHistogram } from './admission-histogram.ts';
import type { CpuReading } from './cluster-cpu.ts';
import { addCpu, cpuRows, readCpu } from './cluster-cpu.ts';
import { NULL, OURS, startContestants } from './cluster-null-webhook.ts';
import type { BenchCluster } from './cluster-world.ts';
import { benchPod, problemOf } from './cluster-world.ts';
import type { PartReport, Progress } from './report.ts';
import { formatNumber } from './report.ts';
import { percentile } from './statistics.ts';

/** How many pods come, and how fast. */
export interface ArrivalsPlan {
  readonly perSecond: number;
  readonly seconds: number;
}

const WITHIN_5_MS_AT_LEAST = 0.99;
const BUCKET_SECONDS = 0.005;

/**
 * Part f: pods come at fixed moments through the API server, as it keeps count of the calls to us; and as many with a
 * webhook that does nothing, half of them before and half after, to tell what the machine does from what we do.
 */
export async function arrivingPods(
  bench: BenchCluster,
  { perSecond, seconds }: ArrivalsPlan,
  progress: Progress,
): Promise<PartReport> {
  const contestants = await startContestants(bench);
  const { controllerManager } = bench.cluster.controlPlane;
  const namespaces: string[] = [];
  for (let i = 0; i < 5; i += 1) namespaces.push(await bench.cluster.namespace(`arriving-${i}`));
  // It would read every pod, on the same processors.
  await controllerManager.stop();
  // The API server, freshly started, is slow for its first hundreds of pods, whatever webhook there is.
  for (const contestant of [OURS, NULL]) {
    await arrive(bench, { perSecond, seconds: 3 }, contestant, namespaces.pop() ?? '');
  }
  const measure = async (contestant: string, phase: number, share: number): Promise<Arrived> => {
    progress.show(
      `f  ${perSecond} pods a second for ${seconds} s, and for ${seconds} s with a null webhook: ${phase}/3`,
    );
    const name = bench.webhookName(contestant);
    const openBefore = bench.cluster.controlPlane.openCallsLogged().length;
    const cpuBefore = readCpu(bench, contestants);
    const reviewsBefore = await readReviewHistogram(contestants.webhook);
    const before = await readAdmissionHistogram(bench.cluster.api, name);
    const arrived = await arrive(bench, { perSecond, seconds: seconds * share }, contestant, namespaces.pop() ?? '');
    return {
      ...arrived,
      histogram: histogramBetween(before, await readAdmissionHistogram(bench.cluster.api, name)),
      reviews: histogramBetween(reviewsBefore, await readReviewHistogram(contestants.webhook)),
      cpu: addCpu(new Map(), cpuBefore, readCpu(bench, contestants)),
      openCalls: bench.cluster.controlPlane.openCallsLogged().length - openBefore,
    };
  };
  const first = await measure(NULL, 1, 0.5);
  const ours = await measure(OURS, 2, 1);
  const last = await measure(NULL, 3, 0.5);
  await contestants.stop();
  controllerManager.start();
  for (const problem of ours.problems.slice(0, 5)) console.error(problem);

  const { histogram } = ours;
  const theirs = sumOf(first.histogram, last.histogram);
  const theirCpu = addCpu(first.cpu, new Map([...last.cpu.keys()].map((name) => [name, 0])), last.cpu);
  const above = (counted: AdmissionHistogram): number => 100 * (1 - shareUpTo(counted, BUCKET_SECONDS));
  const mean = (counted: AdmissionHistogram): string => formatNumber((counted.sumSeconds * 1000) / counted.count);
  return {
    title: `f  ${perSecond} pods a second through the API server for ${seconds} s`,
    tables: [
      {
        rows: [
          ['calls, as the API server counts them', 'to us', 'share', 'to the null webhook', 'share'],
          ...histogram.buckets.map(({ upTo, count }) => [
            `<= ${upTo} s`,
            String(count),
            percent(count / histogram.count),
            String(countUpTo(theirs, upTo)),
            percent(shareUpTo(theirs, upTo)),
          ]),
        ],
        words: 1,
        note:
          'apiserver_admission_webhook_admission_duration_seconds, cumulative; ' +
          `mean ${mean(histogram)} ms, ${mean(theirs)} ms with the null webhook`,
      },
      { rows: cpuRows([ours.cpu, ours.created], [theirCpu, first.created + last.created]), words: 1 },
    ],
    figures: [
      { name: 'pods created', value: ours.created, unit: '' },
      { name: 'pods refused or stamped wrong', value: ours.problems.length, unit: '', atMost: 0 },
      { name: 'calls let pass open', value: ours.openCalls, unit: '', atMost: 0 },
      {
        name: 'calls above 5 ms',
        value: above(histogram),
        unit: '%',
        atMost: 100 * (1 - WITHIN_5_MS_AT_LEAST),
        note: `of all calls; with the null webhook ${formatNumber(above(theirs))} %`,
      },
      {
        name: 'reviews above 5 ms by our own clock',
        value: above(ours.reviews),
        unit: '%',
        note: 'from arrival to answer: the rest is between the API server and us',
      },
      {
        name: 'creation of a pod, median',
        value: percentile(ours.latenciesMs, 0.5),
        unit: 'ms',
        note: 'from the moment due',
      },
      {
        name: 'creation of a pod, p99',
        value: percentile(ours.latenciesMs, 0.99),
        unit: 'ms',
        note: 'from the moment due',
      },
    ],
    details: {
      histogram,
      theirs,
      reviews: ours.reviews,
      openCalls: ours.openCalls,
      problems: ours.problems.slice(0, 20),
    },
  };
}

interface Arrivals {
  readonly created: number;
  readonly problems: readonly string[];
  /** Ascending. */
  readonly latenciesMs: readonly number[];
}

interface Arrived extends Arrivals {
  readonly histogram: AdmissionHistogram;
  /** By our own clock; none while the null webhook is called. */
  readonly reviews: AdmissionHistogram;
  readonly cpu: CpuReading;
  readonly openCalls: number;
}

/** Pods come at fixed moments, whether or not those before are there. */
async function arrive(
  { cluster }: BenchCluster,
  { perSecond, seconds }: ArrivalsPlan,
  contestant: string,
  namespace: string,
): Promise<Arrivals> {
  const problems: string[] = [];
  const latenciesMs: number[] = [];
  const all: Promise<void>[] = [];
  const startMs = performance.now();
  for (let number = 0; number < perSecond * seconds; number += 1) {
    const dueMs = startMs + (number * 1000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const pod = benchPod(contestant, `pod-${number}`, number);
    all.push(
      cluster.createPod({ ...pod, metadata: { ...pod.metadata, namespace } }).then(
        (created) => {
          latenciesMs.push(performance.now() - dueMs);
          const problem = contestant === OURS ? problemOf(created, number) : undefined;
          if (problem !== undefined) problems.push(`pod-${number}: ${problem}`);
        },
        (error: unknown) => {
          problems.push(`pod-${number}: ${error instanceof Error ? error.message : String(error)}`);
        },
      ),
    );
  }
  await Promise.all(all);
  return { created: latenciesMs.length, problems, latenciesMs: latenciesMs.toSorted((a, b) => a - b) };
}

function countUpTo({ buckets }: AdmissionHistogram, upTo: number): number {
  return buckets.find((one) => one.upTo === upTo)?.count ?? NaN;
}

function shareUpTo(histogram: AdmissionHistogram, upTo: number): number {
  return countUpTo(histogram, upTo) / histogram.count;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function sumOf(a: AdmissionHistogram, b: AdmissionHistogram): AdmissionHistogram {
  return {
    buckets: a.buckets.map(({ upTo, count }) => ({ upTo, count: count + countUpTo(b, upTo) })),
    count: a.count + b.count,
    sumSeconds: a.sumSeconds + b.sumSeconds,
  };
}
