import type { Contestants } from './cluster-null-webhook.ts';
import { NULL, OURS } from './cluster-null-webhook.ts';
import type { BenchCluster } from './cluster-world.ts';
import { cpuMs } from './processes.ts';
import { formatNumber } from './report.ts';

/** Who shares the machine, with the processor time each has used, in milliseconds. */
export type CpuReading = ReadonlyMap<string, number>;

/** Reads what everybody has used so far. */
export function readCpu({ cluster }: BenchCluster, { webhook, nullWebhook }: Contestants): CpuReading {
  const { apiServer, etcd } = cluster.controlPlane;
  return new Map([
    [OURS, cpuMs(webhook.process.pid)],
    [NULL, cpuMs(nullWebhook.pid ?? NaN)],
    ['kube-apiserver', cpuMs(apiServer.pid)],
    ['etcd', cpuMs(etcd.pid)],
    ['client', cpuMs(process.pid)],
  ]);
}

/** What was used between two readings, added to what is given. */
export function addCpu(sum: CpuReading, before: CpuReading, after: CpuReading): CpuReading {
  return new Map([...after].map(([name, ms]) => [name, (sum.get(name) ?? 0) + ms - (before.get(name) ?? NaN)]));
}

/** Rows of a table: who used how much for a pod, with our webhook and with the one that does nothing. */
export function cpuRows(
  [ours, pods]: readonly [CpuReading, number],
  [theirs, theirPods]: readonly [CpuReading, number],
): string[][] {
  const row = (name: string, a: number, b: number): string[] => [name, ...[a, b].map(formatNumber)];
  const names = ['kube-apiserver', 'etcd', 'client'];
  const all = (reading: CpuReading, webhook: string): number =>
    [webhook, ...names].reduce((sum, name) => sum + (reading.get(name) ?? NaN), 0);
  return [
    ['processor time for a pod, in ms', OURS, NULL],
    row('the webhook', (ours.get(OURS) ?? NaN) / pods, (theirs.get(NULL) ?? NaN) / theirPods),
    ...names.map((name) => row(name, (ours.get(name) ?? NaN) / pods, (theirs.get(name) ?? NaN) / theirPods)),
    row('together', all(ours, OURS) / pods, all(theirs, NULL) / theirPods),
  ];
}
