/**
 * The benchmarks: `npm run bench -- [--quick] [--only a,b,c,d,e,i] [--profile] [--assert]`. Prints a table for each part with
 * the target beside each figure, and writes everything to `bench/results/latest.json`. What is measured and how to read
 * it: `bench/README.md`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { CasePlan } from './case-cost.ts';
import { caseCost } from './case-cost.ts';
import type { DecisionPlan } from './decision-cost.ts';
import { decisionCost } from './decision-cost.ts';
import type { IndexPlan } from './index-cost.ts';
import { indexCost } from './index-cost.ts';
import { scratchFolder, tidyUpAtEnd } from './processes.ts';
import type { Certificate } from './program.ts';
import { buildProgram, makeCertificate } from './program.ts';
import type { PartReport } from './report.ts';
import { formatPart, Progress, verdictOf } from './report.ts';
import type { ReviewPlan } from './review-cost.ts';
import { reviewCost } from './review-cost.ts';
import type { StartPlan } from './start-cost.ts';
import { startCost } from './start-cost.ts';
import type { WatchPlan } from './watch-cost.ts';
import { watchCost } from './watch-cost.ts';

const RESULTS = fileURLToPath(new URL('results', import.meta.url));

interface Plan {
  readonly decision: DecisionPlan;
  readonly index: IndexPlan;
  readonly review: Omit<ReviewPlan, 'profileFolder'>;
  readonly start: StartPlan;
  readonly cases: CasePlan;
  readonly watch: WatchPlan;
}

const FULL: Plan = {
  decision: { sizes: [100, 1000, 10_000], repetitions: 5, repetitionMs: 300, fewest: 300 },
  index: { caches: 10_000, builds: 7 },
  review: { caches: 1000, connections: 8, rounds: 10, reviewsPerRound: 8000, warmUpReviews: 10_000, arrivalsMs: 6000 },
  start: { caches: 1000, runs: 5, reviews: 20_000, connections: 8 },
  cases: { files: 1000, caches: 100, runs: 5 },
  watch: { caches: 10_000, namespaces: 2000, runs: 5, changes: 500, changesMs: 5000 },
};

const QUICK: Plan = {
  decision: { sizes: [100, 10_000], repetitions: 3, repetitionMs: 50, fewest: 20 },
  index: { caches: 10_000, builds: 3 },
  review: { caches: 1000, connections: 8, rounds: 4, reviewsPerRound: 1500, warmUpReviews: 4000, arrivalsMs: 1000 },
  start: { caches: 1000, runs: 1, reviews: 4000, connections: 8 },
  cases: { files: 1000, caches: 100, runs: 1 },
  watch: { caches: 10_000, namespaces: 2000, runs: 1, changes: 100, changesMs: 1000 },
};

const PARTS = ['a', 'b', 'c', 'd', 'e', 'i'] as const;
type Part = (typeof PARTS)[number];

const USAGE = 'usage: npm run bench -- [--quick] [--only a,b,c,d,e,i] [--profile] [--assert]';

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'number') return options;
  tidyUpAtEnd();
  const { chosen, quick, profile, assert } = options;
  const plan = quick ? QUICK : FULL;
  const progress = new Progress();
  const scratch = scratchFolder();
  const startMs = performance.now();
  const loadBefore = loadavg()[0];

  let prepared: { readonly program: string; readonly certificate: Certificate } | undefined;
  const prepare = async (): Promise<NonNullable<typeof prepared>> => {
    progress.show('building dist/imc.js');
    prepared ??= { program: await buildProgram(scratch), certificate: await makeCertificate(scratch) };
    return prepared;
  };
  const run: Record<Part, () => Promise<PartReport>> = {
    a: () => decisionCost(plan.decision, progress),
    b: () => indexCost(plan.index, progress),
    c: async () => {
      const { program, certificate } = await prepare();
      const review = { ...plan.review, profileFolder: profile ? RESULTS : undefined };
      return reviewCost(review, program, certificate, scratch, progress);
    },
    d: async () => {
      const { program, certificate } = await prepare();
      return startCost(plan.start, program, certificate, scratch, progress);
    },
    e: async () => caseCost(plan.cases, (await prepare()).program, scratch, progress),
    i: async () => {
      const { program, certificate } = await prepare();
      return watchCost(plan.watch, program, certificate, scratch, progress);
    },
  };

  const reports: PartReport[] = [];
  for (const part of PARTS.filter((part) => chosen.includes(part))) {
    const report = await run[part]();
    progress.clear();
    console.log(formatPart(report));
    reports.push(report);
  }

  const judged = reports.flatMap(({ figures }) => figures).map((figure) => ({ ...figure, verdict: verdictOf(figure) }));
  const missed = judged.filter(({ verdict }) => verdict === 'MISSED').length;
  const met = judged.filter(({ verdict }) => verdict === 'met').length;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model,
    cpus: cpus().length,
    loadBefore,
    loadAfter: loadavg()[0],
  };
  mkdirSync(RESULTS, { recursive: true });
  const results = { at: new Date().toISOString(), quick, seconds, machine, figures: judged, parts: reports };
  writeFileSync(join(RESULTS, 'latest.json'), `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(`${met} targets met, ${missed} missed, in ${seconds} s; bench/results/latest.json has every figure`);
  return assert && missed > 0 ? 1 : 0;
}

/** @returns an exit code, after saying why, if there is nothing to run. */
function readOptions(): { chosen: readonly string[]; quick: boolean; profile: boolean; assert: boolean } | 0 | 2 {
  const flag = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({
      options: {
        quick: flag,
        profile: flag,
        assert: flag,
        help: flag,
        only: { type: 'string', default: PARTS.join(',') },
      },
    });
    const chosen = values.only.split(',').map((part) => part.trim());
    const unknown = chosen.filter((part) => !PARTS.some((known) => known === part));
    if (unknown.length > 0) throw new Error(`no part is called "${unknown.join(', ')}"`);
    if (!values.help) return { chosen, quick: values.quick, profile: values.profile, assert: values.assert };
    console.log(USAGE);
    return 0;
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
  return 2;
}
