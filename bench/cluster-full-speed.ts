import { eventually } from '../test/e2e/support/eventually.ts';
import type { CpuReading } from './cluster-cpu.ts';
import { addCpu, cpuRows, readCpu } from './cluster-cpu.ts';
import { NULL, OURS, startContestants } from './cluster-null-webhook.ts';
import type { BenchCluster } from './cluster-world.ts';
import { benchPod, problemOf } from './cluster-world.ts';
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

/** Part g: as many pods a second as the API server takes, with our webhook and with one that does nothing, in turns. */
export async function fullSpeed(bench: BenchCluster, plan: FullSpeedPlan, progress: Progress): Promise<PartReport> {
  const { cluster } = bench;
  const contestants = await startContestants(bench);
  const openBefore = cluster.controlPlane.openCallsLogged().length;
  const perSecond: Record<string, number[]> = { [OURS]: [], [NULL]: [] };
  const cpu: Record<string, CpuReading> = { [OURS]: new Map(), [NULL]: new Map() };
  for (let round = -1; round < plan.rounds; round += 1) {
    progress.show(`g  full speed: round ${round + 1}/${plan.rounds}`);
    // Each is the first of a round in its turn; the round before the first warms everything up.
    const order = round % 2 === 0 ? [OURS, NULL] : [NULL, OURS];
    for (const contestant of order) {
      const before = readCpu(bench, contestants);
      const { speed, tidyUp } = await createAtFullSpeed(bench, plan, contestant, round + 1);
      if (round >= 0) {
        perSecond[contestant]?.push(speed);
        cpu[contestant] = addCpu(cpu[contestant] ?? new Map(), before, readCpu(bench, contestants));
      }
      await tidyUp();
    }
  }
  const openCalls = cluster.controlPlane.openCallsLogged().length - openBefore;
  await contestants.stop();

  const pods = plan.rounds * plan.podsPerRound;
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
        note: `medians over ${plan.rounds} rounds of ${formatNumber(plan.podsPerRound)} pods in turns; patches of ${contestants.patchBytes} bytes`,
      },
      { rows: cpuRows([cpu[OURS] ?? new Map(), pods], [cpu[NULL] ?? new Map(), pods]), words: 1 },
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

/** @returns pods a second, and how to take the pods out of the way of the next round. */
async function createAtFullSpeed(
  { cluster }: BenchCluster,
  { podsPerRound, clients }: FullSpeedPlan,
  contestant: string,
  round: number,
): Promise<{ readonly speed: number; readonly tidyUp: () => Promise<void> }> {
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
  return {
    speed: podsPerRound / seconds,
    // Out of the memory of etcd and the API server, too.
    tidyUp: async () => {
      await cluster.api.delete(`/api/v1/namespaces/${namespace}/pods`);
      await eventually('the pods to be gone', async () => (await cluster.pods(namespace)).length === 0);
    },
  };
}
