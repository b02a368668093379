import { setTimeout as sleep } from 'node:timers/promises';
import type { AdmissionHistogram } from './admission-histogram.ts';
import { histogramBetween, readAdmissionHistogram } from './admission-histogram.ts';
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
const CONTESTANT = 'imc-webhook';

/** Part f: pods come at fixed moments through the API server, as it keeps count of the calls to us. */
export async function arrivingPods(
  bench: BenchCluster,
  { perSecond, seconds }: ArrivalsPlan,
  progress: Progress,
): Promise<PartReport> {
  const { cluster } = bench;
  const webhook = await bench.webhook();
  await bench.register(CONTESTANT, webhook.port);
  await cluster.untilStamped(benchPod(CONTESTANT, 'probe', 0));
  // The API server, freshly started, is slow for its first hundreds of pods, whatever webhook there is.
  await arrive(bench, { perSecond, seconds: 5 }, 'warm-up');

  const openBefore = cluster.controlPlane.openCallsLogged().length;
  const before = await readAdmissionHistogram(cluster.api, bench.webhookName(CONTESTANT));
  progress.show(`f  ${perSecond} pods a second for ${seconds} s`);
  const { created, problems, latenciesMs } = await arrive(bench, { perSecond, seconds }, 'arriving');
  const histogram = histogramBetween(before, await readAdmissionHistogram(cluster.api, bench.webhookName(CONTESTANT)));
  const openCalls = cluster.controlPlane.openCallsLogged().length - openBefore;
  await webhook.kill();
  for (const problem of problems.slice(0, 5)) console.error(problem);

  const within5Ms = share(histogram, 0.005);
  return {
    title: `f  ${perSecond} pods a second through the API server for ${seconds} s`,
    tables: [
      {
        rows: [
          ['calls to us, as the API server counts them', 'calls', 'share'],
          ...histogram.buckets.map(({ upTo, count }) => [
            `<= ${upTo} s`,
            String(count),
            `${((100 * count) / histogram.count).toFixed(2)} %`,
          ]),
        ],
        words: 1,
        note: `apiserver_admission_webhook_admission_duration_seconds, cumulative; mean ${formatNumber((histogram.sumSeconds * 1000) / histogram.count)} ms`,
      },
    ],
    figures: [
      { name: 'pods created', value: created, unit: '' },
      { name: 'pods refused or stamped wrong', value: problems.length, unit: '', atMost: 0 },
      { name: 'calls let pass open', value: openCalls, unit: '', atMost: 0 },
      {
        name: 'calls above 5 ms',
        value: 100 * (1 - within5Ms),
        unit: '%',
        atMost: 100 * (1 - WITHIN_5_MS_AT_LEAST),
        note: 'of all calls',
      },
      {
        name: 'creation of a pod, median',
        value: percentile(latenciesMs, 0.5),
        unit: 'ms',
        note: 'from the moment due',
      },
      { name: 'creation of a pod, p99', value: percentile(latenciesMs, 0.99), unit: 'ms', note: 'from the moment due' },
    ],
    details: { histogram, openCalls, problems: problems.slice(0, 20) },
  };
}

/** Pods come at fixed moments, whether or not those before are there. */
async function arrive(
  { cluster }: BenchCluster,
  { perSecond, seconds }: ArrivalsPlan,
  prefix: string,
): Promise<{ created: number; problems: string[]; latenciesMs: number[] }> {
  const namespace = await cluster.namespace(prefix);
  const problems: string[] = [];
  const latenciesMs: number[] = [];
  const all: Promise<void>[] = [];
  const startMs = performance.now();
  for (let number = 0; number < perSecond * seconds; number += 1) {
    const dueMs = startMs + (number * 1000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const pod = benchPod(CONTESTANT, `pod-${number}`, number);
    all.push(
      cluster.createPod({ ...pod, metadata: { ...pod.metadata, namespace } }).then(
        (created) => {
          latenciesMs.push(performance.now() - dueMs);
          const problem = problemOf(created, number);
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

function share({ buckets, count }: AdmissionHistogram, upTo: number): number {
  const bucket = buckets.find((one) => one.upTo === upTo);
  return bucket === undefined ? NaN : bucket.count / count;
}
