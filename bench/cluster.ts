/**
 * The benchmarks in a real cluster: `npm run bench:cluster -- [--quick] [--only f,g,h,j] [--assert]`. Prints a table for each
 * part with the target beside each figure, and writes everything to `bench/results/cluster.json`. What is measured and how
 * to read it: `bench/README.md`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { arrivingPods } from './cluster-arrivals.ts';
import { creation } from './cluster-creation.ts';
import { firstReviews } from './cluster-first-reviews.ts';
import { fullSpeed } from './cluster-full-speed.ts';
import { BenchCluster } from './cluster-world.ts';
import type { PartReport } from './report.ts';
import { formatPart, Progress, verdictOf } from './report.ts';

const RESULTS = fileURLToPath(new URL('results', import.meta.url));
const USAGE = 'usage: npm run bench:cluster -- [--quick] [--only f,g,h,j] [--assert]';

const PARTS = {
  f: (cluster: BenchCluster, quick: boolean, progress: Progress) =>
    arrivingPods(cluster, { perSecond: 100, seconds: quick ? 10 : 60 }, progress),
  g: (cluster: BenchCluster, quick: boolean, progress: Progress) =>
    fullSpeed(cluster, { rounds: quick ? 4 : 12, podsPerRound: quick ? 500 : 1500, clients: 16 }, progress),
  h: (cluster: BenchCluster, quick: boolean, progress: Progress) =>
    firstReviews(cluster, { starts: quick ? 5 : 20 }, progress),
  // Minutes for one answer: only when it is named.
  j: (cluster: BenchCluster, quick: boolean, progress: Progress) =>
    creation(
      cluster,
      quick
        ? { pods: 1_000, sets: 100, dryRuns: 100, rounds: 2 }
        : { pods: 10_000, sets: 300, dryRuns: 1_000, rounds: 8 },
      progress,
    ),
} satisfies Record<string, (cluster: BenchCluster, quick: boolean, progress: Progress) => Promise<PartReport>>;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'number') return options;
  const progress = new Progress();
  const startMs = performance.now();
  const loadBefore = loadavg()[0];
  progress.show('starting a cluster');
  const cluster = await BenchCluster.start();
  const reports: PartReport[] = [];
  try {
    for (const part of options.chosen) {
      const report = await PARTS[part](cluster, options.quick, progress);
      progress.clear();
      console.log(formatPart(report));
      reports.push(report);
    }
  } finally {
    await cluster.stop();
  }
  const judged = reports.flatMap(({ figures }) => figures).map((figure) => ({ ...figure, verdict: verdictOf(figure) }));
  const missed = judged.filter(({ verdict }) => verdict === 'MISSED').length;
  const met = judged.filter(({ verdict }) => verdict === 'met').length;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  const machine = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length, loadBefore };
  mkdirSync(RESULTS, { recursive: true });
  const results = {
    at: new Date().toISOString(),
    quick: options.quick,
    seconds,
    machine,
    figures: judged,
    parts: reports,
  };
  writeFileSync(join(RESULTS, 'cluster.json'), `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(`${met} targets met, ${missed} missed, in ${seconds} s; bench/results/cluster.json has every figure`);
  return options.assert && missed > 0 ? 1 : 0;
}

type Part = keyof typeof PARTS;

/** @returns an exit code, after saying why, if there is nothing to run. */
function readOptions(): { chosen: readonly Part[]; quick: boolean; assert: boolean } | 0 | 2 {
  const flag = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({
      options: { quick: flag, assert: flag, help: flag, only: { type: 'string', default: 'f,g,h' } },
    });
    if (values.help) {
      console.log(USAGE);
      return 0;
    }
    const chosen = values.only.split(',').map((part) => part.trim());
    const unknown = chosen.filter((part) => !Object.hasOwn(PARTS, part));
    if (unknown.length > 0) throw new Error(`no part is called "${unknown.join(', ')}"`);
    return { chosen: chosen as Part[], quick: values.quick, assert: values.assert }; // all are known
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
  return 2;
}
