import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Order } from './api-server-process.ts';
import { cpuMs, keep, kill, residentMiB } from './processes.ts';
import type { Certificate } from './program.ts';
import { startServer } from './program.ts';
import type { PartReport, Progress } from './report.ts';
import { formatNumber } from './report.ts';
import { median, spread } from './statistics.ts';

/** How large the cluster is, and how often the program is started. */
export interface WatchPlan {
  readonly caches: number;
  readonly namespaces: number;
  readonly runs: number;
  /** So many caches change, evenly, over {@link WatchPlan.changesMs}. */
  readonly changes: number;
  readonly changesMs: number;
}

const READY_AT_MOST_MS = 5000;
const RESIDENT_AT_MOST_MIB = 150;
const POLL_MS = 5;
const TICK_MS = 100;

/** After a new listing, whatever it takes is over by then. */
const SETTLED_MS = 5000;

/** Part i: a cluster listed and watched over TLS: how long until ready, and how much memory. */
export async function watchCost(
  plan: WatchPlan,
  program: string,
  certificate: Certificate,
  scratch: string,
  progress: Progress,
): Promise<PartReport> {
  progress.show('i  starting an API server');
  const api = await startApiServer(plan, scratch);
  const readyMs: number[] = [];
  const readyMiB: number[] = [];
  const laterMiB: number[] = [];
  const startCpuMs: number[] = [];
  const serve = { program, certificate, scratch, pollMs: POLL_MS, kubeconfig: api.kubeconfig };
  for (let run = 1; run <= plan.runs; run += 1) {
    progress.show(`i  watch: ${run}/${plan.runs}`);
    const server = await startServer(serve);
    readyMs.push(server.readyMs);
    readyMiB.push(residentMiB(server.pid));
    startCpuMs.push(cpuMs(server.pid));
    const ticks = Math.max(1, Math.round(plan.changesMs / TICK_MS));
    for (let tick = 0; tick < ticks; tick += 1) {
      await api.order({ kind: 'change', count: Math.ceil(plan.changes / ticks) });
      await sleep(TICK_MS);
    }
    await api.order({ kind: 'expire' });
    await sleep(SETTLED_MS);
    laterMiB.push(residentMiB(server.pid));
    await kill(server.child);
  }
  await api.stop();
  const range = (values: readonly number[]): string => {
    const [from, to] = spread(values).map(formatNumber);
    return plan.runs === 1 ? 'one run' : `${from} to ${to} in ${plan.runs} runs`;
  };
  const world = `${formatNumber(plan.caches)} ImageCaches and ${formatNumber(plan.namespaces)} namespaces`;
  const memory = { unit: 'MiB', atMost: RESIDENT_AT_MOST_MIB };
  return {
    title: `i  A cluster of ${world}, watched`,
    figures: [
      { name: 'listed and ready', value: median(readyMs), unit: 'ms', atMost: READY_AT_MOST_MS, note: range(readyMs) },
      { name: 'processor time until then', value: median(startCpuMs), unit: 'ms', note: range(startCpuMs) },
      { name: 'resident memory when ready', value: median(readyMiB), ...memory, note: range(readyMiB) },
      {
        name: `the same after ${formatNumber(plan.changes)} changes and a new listing`,
        value: median(laterMiB),
        ...memory,
        note: range(laterMiB),
      },
    ],
    details: { readyMs, startCpuMs, readyMiB, laterMiB },
  };
}

/** An API server in a process of its own. */
async function startApiServer({ caches, namespaces }: WatchPlan, scratch: string) {
  const module = fileURLToPath(new URL('api-server-process.ts', import.meta.url));
  const child = keep(fork(module, [String(caches), String(namespaces)]));
  const [kubeconfigText] = (await once(child, 'message')) as [string]; // the first message of the process
  const kubeconfig = join(scratch, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigText, { mode: 0o600 });
  return {
    kubeconfig,
    order: async (order: Order): Promise<void> => {
      const done = once(child, 'message');
      child.send(order);
      await done;
    },
    stop: () => kill(child),
  };
}
