import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { summarizeProfile } from './cpu-profile.ts';
import { LoadGenerator } from './load.ts';
import { cpuMs, freePorts, keep, kill } from './processes.ts';
import type { Certificate, ServeOptions } from './program.ts';
import { reviewBodies, startServer, writeWorld } from './program.ts';
import type { Figure, PartReport, Progress } from './report.ts';
import { formatNumber } from './report.ts';
import { median, percentile, spread } from './statistics.ts';
import { differentPods, repeatedPods, typicalWorld } from './worlds.ts';

/** How much is asked of the servers. */
export interface ReviewPlan {
  readonly caches: number;
  readonly connections: number;
  readonly rounds: number;
  readonly reviewsPerRound: number;
  readonly warmUpReviews: number;
  readonly arrivalsMs: number;
  /** Where a profile of the server goes, if one is wanted. */
  readonly profileFolder: string | undefined;
}

const CPU_AT_MOST = 1.3;
const ARRIVALS_PER_SECOND = 500;
/** What the API server's histogram of webhooks can show at all. */
const ARRIVALS_P99_AT_MOST_MS = 5;
const IDLE_MS = 2000;
const DIFFERENT_BODIES = 2000;

type Name = 'imc' | 'imc, log.level warn' | 'null webhook' | 'null webhook, no patch';

/** One server under load, and what was seen of it. */
interface Contestant {
  readonly name: Name;
  readonly pid: number;
  readonly load: LoadGenerator;
  readonly rounds: Round[];
}

interface Round {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Part c: what a review costs over HTTPS, beside a webhook that does nothing, in turns. */
export async function reviewCost(
  plan: ReviewPlan,
  program: string,
  certificate: Certificate,
  scratch: string,
  progress: Progress,
): Promise<PartReport> {
  progress.show('c  reviews: preparing');
  const world = typicalWorld(plan.caches, 1);
  const dir = join(scratch, 'reviews');
  writeWorld(world, 'YAML, a file for each cache', dir);
  const bodies = reviewBodies(world, [repeatedPods(world, 2), differentPods(world, 3)], DIFFERENT_BODIES);
  const serve: ServeOptions = { program, dir, certificate, scratch, pollMs: 20 };

  const servers = [
    { name: 'imc' as const, ...(await startServer(serve)) },
    { name: 'imc, log.level warn' as const, ...(await startServer({ ...serve, flags: ['--log-level', 'warn'] })) },
    { name: 'null webhook' as const, ...(await startNullWebhook(certificate, 'patch')) },
    { name: 'null webhook, no patch' as const, ...(await startNullWebhook(certificate, 'no-patch')) },
  ];
  const contestants = servers.map(({ name, pid, port }): Contestant => {
    const load = new LoadGenerator({ port, ca: certificate.ca }, bodies, plan.connections);
    return { name, pid, load, rounds: [] };
  });
  try {
    const answers = await checkAnswers(contestants);
    for (const { name, load } of contestants) {
      progress.show(`c  reviews: warming up ${name}`);
      await load.saturate(plan.warmUpReviews);
    }
    const idle = await measureIdle(contestants);
    for (let round = 0; round < plan.rounds; round += 1) {
      progress.show(`c  reviews: round ${round + 1}/${plan.rounds}`);
      // Each is the first of a round in its turn.
      for (let i = 0; i < contestants.length; i += 1) {
        const contestant = contestants[(round + i) % contestants.length]!; // the remainder is below length
        contestant.rounds.push(await runRound(contestant, plan.reviewsPerRound));
      }
    }
    progress.show(`c  reviews: ${ARRIVALS_PER_SECOND} a second`);
    const arrivals = await measureArrivals(contestants, plan.arrivalsMs);
    if (plan.profileFolder !== undefined) {
      progress.show('c  reviews: profiling');
      await writeProfile(serve, bodies, plan, plan.profileFolder, progress);
    }
    const bodyBytes = bodies.reduce((sum, { length }) => sum + length, 0) / bodies.length;
    return report(plan, contestants, { bodyBytes, idle, arrivals, answers });
  } finally {
    await Promise.all(contestants.map(({ load }) => load.close()));
    await Promise.all(servers.map(({ child }) => kill(child)));
  }
}

async function startNullWebhook(
  { certFile, keyFile }: Certificate,
  answer: 'patch' | 'no-patch',
): Promise<{ child: ReturnType<typeof fork>; pid: number; port: number }> {
  const [port = 0] = await freePorts(1);
  const file = fileURLToPath(new URL('null-webhook.ts', import.meta.url));
  const child = keep(fork(file, [String(port), certFile, keyFile, answer], { stdio: 'inherit', execArgv: [] }));
  return { child, pid: child.pid ?? 0, port };
}

/** @returns how many reviews of a sample had which outcome, of our own server. */
async function checkAnswers(contestants: readonly Contestant[]): Promise<Readonly<Record<string, number>>> {
  const outcomes: Record<string, number> = {};
  for (const { name, load } of contestants) {
    for (const text of await firstAnswers(load)) {
      const { response } = JSON.parse(text) as {
        readonly response: { allowed: boolean; patch?: string; auditAnnotations?: { outcome: string } };
      };
      const isPatched = response.patch !== undefined;
      if (!response.allowed || isPatched !== (name !== 'null webhook, no patch')) {
        throw new Error(`${name} answered ${text.slice(0, 300)}`);
      }
      const outcome = response.auditAnnotations?.outcome;
      if (name === 'imc' && outcome !== undefined) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  }
  return outcomes;
}

/** The null webhook says nothing when it listens: it is asked until it answers. */
async function firstAnswers(load: LoadGenerator): Promise<string[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await load.answers(DIFFERENT_BODIES / 4);
    } catch (error) {
      if (attempt === 100) throw error;
      await sleep(100);
    }
  }
}

async function runRound({ pid, load }: Contestant, reviews: number): Promise<Round> {
  await load.saturate(Math.ceil(reviews / 20)); // it has slept while the others had their turn
  const cpuBeforeMs = cpuMs(pid);
  const { elapsedMs, latenciesMs } = await load.saturate(reviews);
  const cpuUs = ((cpuMs(pid) - cpuBeforeMs) * 1000) / reviews;
  return {
    cpuUs,
    perSecond: (reviews * 1000) / elapsedMs,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
  };
}

/** Processor time of servers that nobody asks anything, in milliseconds a second. */
async function measureIdle(contestants: readonly Contestant[]): Promise<ReadonlyMap<Name, number>> {
  const before = contestants.map(({ pid }) => cpuMs(pid));
  await sleep(IDLE_MS);
  return new Map(contestants.map(({ name, pid }, i) => [name, ((cpuMs(pid) - (before[i] ?? NaN)) * 1000) / IDLE_MS]));
}

interface Arrivals {
  readonly name: Name;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly cpuUs: number;
}

async function measureArrivals(contestants: readonly Contestant[], durationMs: number): Promise<Arrivals[]> {
  const all: Arrivals[] = [];
  for (const { name, pid, load } of contestants) {
    if (name !== 'imc' && name !== 'null webhook') continue;
    const cpuBeforeMs = cpuMs(pid);
    const { latenciesMs, reviews } = await load.arrive(ARRIVALS_PER_SECOND, durationMs);
    const cpuUs = ((cpuMs(pid) - cpuBeforeMs) * 1000) / reviews;
    const [p50Ms, p99Ms, p999Ms] = [
      percentile(latenciesMs, 0.5),
      percentile(latenciesMs, 0.99),
      percentile(latenciesMs, 0.999),
    ];
    all.push({ name, p50Ms, p99Ms, p999Ms, cpuUs });
  }
  return all;
}

/** Runs the server once more under the profiler of Node.js, and says where its time goes. */
async function writeProfile(
  serve: ServeOptions,
  bodies: readonly Buffer[],
  plan: ReviewPlan,
  folder: string,
  progress: Progress,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const file = `review-${Date.now()}.cpuprofile`;
  const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${file}`];
  const server = await startServer({ ...serve, nodeFlags });
  const load = new LoadGenerator({ port: server.port, ca: serve.certificate.ca }, bodies, plan.connections);
  try {
    await load.saturate(plan.warmUpReviews + plan.reviewsPerRound * 4);
  } finally {
    await load.close();
    const ended = once(server.child, 'exit');
    server.child.kill('SIGTERM'); // the profile is written when it ends by itself
    await Promise.race([ended, sleep(20_000)]);
    await kill(server.child);
  }
  if (!readdirSync(folder).includes(file)) throw new Error('the server left no profile');
  progress.clear();
  console.log(`${summarizeProfile(join(folder, file))}\n`);
}

interface Surroundings {
  readonly bodyBytes: number;
  readonly idle: ReadonlyMap<Name, number>;
  readonly arrivals: readonly Arrivals[];
  readonly answers: Readonly<Record<string, number>>;
}

function report(
  plan: ReviewPlan,
  contestants: readonly Contestant[],
  { bodyBytes, idle, arrivals, answers }: Surroundings,
): PartReport {
  const medianOf = (name: Name, key: keyof Round): number => {
    return median((contestants.find((one) => one.name === name)?.rounds ?? []).map((round) => round[key]));
  };
  const ratio = (above: Name, below: Name): number => medianOf(above, 'cpuUs') / medianOf(below, 'cpuUs');
  const lessIdle = (name: Name): number => {
    const idleUs = ((idle.get(name) ?? NaN) * 1000) / medianOf(name, 'perSecond');
    return medianOf(name, 'cpuUs') - idleUs;
  };
  const head = ['server', 'CPU µs/review', 'from', 'to', 'CPU ratio', 'reviews/s', 'p50 ms', 'p99 ms', 'idle CPU ms/s'];
  const rows = contestants.map(({ name, rounds }) => {
    const [from, to] = spread(rounds.map(({ cpuUs }) => cpuUs));
    return [
      name,
      ...[medianOf(name, 'cpuUs'), from, to, ratio(name, 'null webhook')].map(formatNumber),
      ...[medianOf(name, 'perSecond'), medianOf(name, 'p50Ms'), medianOf(name, 'p99Ms'), idle.get(name) ?? NaN].map(
        formatNumber,
      ),
    ];
  });
  const calmHead = [`at ${ARRIVALS_PER_SECOND} reviews/s, open loop`, 'p50 ms', 'p99 ms', 'p99.9 ms', 'CPU µs/review'];
  const calmRows = arrivals.map(({ name, p50Ms, p99Ms, p999Ms, cpuUs }) => [
    name,
    ...[p50Ms, p99Ms, p999Ms, cpuUs].map(formatNumber),
  ]);
  const figures: Figure[] = [
    { name: 'CPU per review / null webhook', value: ratio('imc', 'null webhook'), unit: 'x', atMost: CPU_AT_MOST },
    { name: 'the same less what each takes when idle', value: lessIdle('imc') / lessIdle('null webhook'), unit: 'x' },
    { name: 'the same with log.level warn', value: ratio('imc, log.level warn', 'null webhook'), unit: 'x' },
    { name: 'CPU per review / null webhook without patch', value: ratio('imc', 'null webhook, no patch'), unit: 'x' },
    {
      name: `p99 at ${ARRIVALS_PER_SECOND} reviews/s, from the moment due`,
      value: arrivals.find(({ name }) => name === 'imc')?.p99Ms ?? NaN,
      unit: 'ms',
      atMost: ARRIVALS_P99_AT_MOST_MS,
    },
  ];
  const outcomes = Object.entries(answers).map(([outcome, count]) => `${outcome} ${count}`);
  return {
    title: `c  Reviews over HTTPS, ${formatNumber(plan.caches)} caches in files`,
    tables: [
      {
        rows: [head, ...rows],
        words: 1,
        note:
          `medians over ${plan.rounds} rounds of ${formatNumber(plan.reviewsPerRound)} reviews of ${formatNumber(bodyBytes)} bytes on ` +
          `${plan.connections} connections; answers: ${outcomes.join(', ')}`,
      },
      { rows: [calmHead, ...calmRows], words: 1 },
    ],
    figures,
    details: {
      bodyBytes,
      answers,
      idleCpuMsPerSecond: Object.fromEntries(idle),
      arrivals,
      rounds: contestants.map(({ name, rounds }) => ({ name, rounds })),
    },
  };
}
