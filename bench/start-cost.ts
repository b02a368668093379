import { join } from 'node:path';
import { LoadGenerator } from './load.ts';
import { kill, residentMiB } from './processes.ts';
import type { Certificate, Layout, ServeOptions } from './program.ts';
import { reviewBodies, startServer, writeWorld } from './program.ts';
import type { PartReport, Progress } from './report.ts';
import { formatNumber } from './report.ts';
import { median, spread } from './statistics.ts';
import type { World } from './worlds.ts';
import { differentPods, repeatedPods, typicalWorld } from './worlds.ts';

/** How often the program is started, and what it is asked then. */
export interface StartPlan {
  readonly caches: number;
  readonly runs: number;
  /** After so many reviews its memory is looked at again. */
  readonly reviews: number;
  readonly connections: number;
}

const READY_AT_MOST_MS = 1000;
const POLL_MS = 5;

const LAYOUTS: readonly Layout[] = [
  'YAML, a file for each cache',
  'YAML, one List',
  'JSON, a file for each cache',
  'JSON, one List',
];

/** Part d: from the start of the process until it is ready, and the memory it takes. */
export async function startCost(
  plan: StartPlan,
  program: string,
  certificate: Certificate,
  scratch: string,
  progress: Progress,
): Promise<PartReport> {
  const world = typicalWorld(plan.caches, 1);
  const starts = LAYOUTS.map((layout, i) => {
    const dir = join(scratch, `start-${i}`);
    writeWorld(world, layout, dir);
    return { layout, dir, readyMs: [] as number[], residentMiB: [] as number[] };
  });
  for (let run = 1; run <= plan.runs; run += 1) {
    for (const { layout, dir, readyMs, residentMiB: resident } of starts) {
      progress.show(`d  start: ${layout}, ${run}/${plan.runs}`);
      const server = await startServer({ program, dir, certificate, scratch, pollMs: POLL_MS });
      readyMs.push(server.readyMs);
      resident.push(residentMiB(server.pid));
      await kill(server.child);
    }
  }
  progress.show(`d  memory after ${formatNumber(plan.reviews)} reviews`);
  const [first] = starts;
  const afterMiB =
    first === undefined ? NaN : await memoryAfter(plan, world, { program, dir: first.dir, certificate, scratch });
  const caches = formatNumber(plan.caches);
  return {
    title: `d  Start with ${caches} caches in files`,
    figures: [
      ...starts.map(({ layout, readyMs }) => {
        const [from, to] = spread(readyMs).map(formatNumber);
        const note = plan.runs === 1 ? 'one run' : `${from} to ${to} in ${plan.runs} runs`;
        return { name: `ready: ${layout}`, value: median(readyMs), unit: 'ms', atMost: READY_AT_MOST_MS, note };
      }),
      {
        name: 'resident memory when ready',
        value: median(first?.residentMiB ?? []),
        unit: 'MiB',
        note: first?.layout ?? '',
      },
      { name: `resident memory after ${formatNumber(plan.reviews)} reviews`, value: afterMiB, unit: 'MiB' },
    ],
    details: {
      starts: starts.map(({ layout, readyMs, residentMiB: resident }) => ({ layout, readyMs, residentMiB: resident })),
    },
  };
}

async function memoryAfter(plan: StartPlan, world: World, serve: Omit<ServeOptions, 'pollMs'>): Promise<number> {
  const server = await startServer({ ...serve, pollMs: POLL_MS });
  const bodies = reviewBodies(world, [repeatedPods(world, 2), differentPods(world, 3)], 2000);
  const load = new LoadGenerator({ port: server.port, ca: serve.certificate.ca }, bodies, plan.connections);
  try {
    await load.saturate(plan.reviews);
    return residentMiB(server.pid);
  } finally {
    await load.close();
    await kill(server.child);
  }
}
