import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runFolder } from '../test/e2e/support/assets.ts';
import { eventually } from '../test/e2e/support/eventually.ts';
import { annotation } from '../test/e2e/support/pods.ts';
import { freePort } from '../test/e2e/support/ports.ts';
import { patchOf } from './cluster-patch.ts';
import type { BenchCluster } from './cluster-world.ts';
import { benchPod, problemOf } from './cluster-world.ts';
import { keep, kill, tidyUpAtEnd } from './processes.ts';
import type { PartReport, Progress } from './report.ts';
import { formatNumber } from './report.ts';
import { median, spread } from './statistics.ts';

/** How many pods are created, and by how many clients at a time. */
export interface FullSpeedPlan {
  readonly rounds: number;
  readonly podsPerRound: number;
  readonly clients: number;
}

const RATIO_AT_LEAST = 0.95;
const OURS = 'imc-webhook';
const NULL = 'null-webhook';

/** Part g: as many pods a second as the API server takes, with our webhook and with one that does nothing, in turns. */
export async function fullSpeed(bench: BenchCluster, plan: FullSpeedPlan, progress: Progress): Promise<PartReport> {
  tidyUpAtEnd();
  const { cluster } = bench;
  const webhook = await bench.webhook();
  const certificate = await cluster.webhookCa.server('127.0.0.1', 'localhost');
  // A constant as large as ours, so that the API server has as much to apply.
  const patch = await patchOf(webhook, cluster.webhookCa.cert, benchPod(OURS, 'pod', 0));
  const nullWebhook = await startNullWebhook(certificate, patch);
  await bench.register(OURS, webhook.port);
  await bench.register(NULL, nullWebhook.port);
  for (const contestant of [OURS, NULL]) {
    await eventually(`a pod stamped by ${contestant}`, async () => {
      const pod = await cluster.createPod(benchPod(contestant, 'probe', 0), { dryRun: true });
      return annotation(pod, 'imc-webhook/decision') !== undefined;
    });
  }
  const openBefore = cluster.controlPlane.openCallsLogged().length;
  const perSecond: Record<string, number[]> = { [OURS]: [], [NULL]: [] };
  for (let round = -1; round < plan.rounds; round += 1) {
    progress.show(`g  full speed: round ${round + 1}/${plan.rounds}`);
    // Each is the first of a round in its turn; the round before the first warms everything up.
    const order = round % 2 === 0 ? [OURS, NULL] : [NULL, OURS];
    for (const contestant of order) {
      const speed = await createAtFullSpeed(bench, plan, contestant, round + 1);
      if (round >= 0) perSecond[contestant]?.push(speed);
    }
  }
  const openCalls = cluster.controlPlane.openCallsLogged().length - openBefore;
  await kill(nullWebhook.child);
  await webhook.kill();

  const [ours = [], theirs = []] = [perSecond[OURS], perSecond[NULL]];
  const ratios = ours.map((speed, i) => speed / (theirs[i] ?? NaN));
  const row = (name: string, values: readonly number[]): string[] => {
    const [from, to] = spread(values);
    return [name, ...[median(values), from, to].map(formatNumber)];
  };
  return {
    title: `g  Pods a second at full speed, ${plan.clients} clients`,
    tables: [
      {
        rows: [['webhook', 'pods/s', 'from', 'to'], row('imc', ours), row('null webhook, constant patch', theirs)],
        words: 1,
        note: `medians over ${plan.rounds} rounds of ${formatNumber(plan.podsPerRound)} pods in turns; patches of ${patch.length} bytes`,
      },
    ],
    figures: [
      {
        name: 'time for a pod, ours / null webhook',
        value: 1 / median(ratios),
        unit: 'x',
        atMost: 1 / RATIO_AT_LEAST,
        note: `pods/s: ${median(ratios).toFixed(3)} of the null webhook's, median of the rounds`,
      },
      { name: 'calls let pass open', value: openCalls, unit: '', atMost: 0 },
    ],
    details: { perSecond, ratios },
  };
}

async function startNullWebhook(
  { cert, key }: { cert: string; key: string },
  patch: string,
): Promise<{ child: ReturnType<typeof fork>; port: number }> {
  const folder = runFolder('null-webhook');
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const port = await freePort();
  const args = [String(port), file('tls.crt', cert), file('tls.key', key), 'patch', file('patch.json', patch)];
  const program = fileURLToPath(new URL('null-webhook.ts', import.meta.url));
  return { child: keep(fork(program, args, { stdio: 'inherit', execArgv: [] })), port };
}

/** @returns pods a second. */
async function createAtFullSpeed(
  { cluster }: BenchCluster,
  { podsPerRound, clients }: FullSpeedPlan,
  contestant: string,
  round: number,
): Promise<number> {
  const namespace = await cluster.namespace(`${contestant}-${round}`);
  let next = 0;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < podsPerRound) {
        const number = next;
        next += 1;
        const pod = benchPod(contestant, `pod-${number}`, number);
        const created = await cluster.createPod({ ...pod, metadata: { ...pod.metadata, namespace } });
        const problem = contestant === OURS ? problemOf(created, number) : undefined;
        if (problem !== undefined) throw new Error(`${namespace}/pod-${number}: ${problem}`);
      }
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  // Out of the way of the next round, and out of the memory of etcd and the API server.
  await cluster.api.delete(`/api/v1/namespaces/${namespace}/pods`);
  await eventually('the pods to be gone', async () => (await cluster.pods(namespace)).length === 0);
  return podsPerRound / seconds;
}
