import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { runToEnd } from './processes.ts';
import type { Figure, PartReport, Progress } from './report.ts';
import { formatNumber } from './report.ts';
import { median, spread } from './statistics.ts';

/** How many case files, and how often they are run. */
export interface CasePlan {
  readonly files: number;
  /** In the cluster that all of them name. */
  readonly caches: number;
  readonly runs: number;
}

const RUN_AT_MOST_MS = 5000;

/** Part e: `imc test` over many case files, beside `imc review` over the same pods in as many files. */
export async function caseCost(
  plan: CasePlan,
  program: string,
  scratch: string,
  progress: Progress,
): Promise<PartReport> {
  const folder = join(scratch, 'cases');
  writeCases(plan, folder);
  const commands = [
    { name: 'one cluster for all', args: ['test', 'shared'], atMost: RUN_AT_MOST_MS },
    { name: 'an ImageCache of its own in each file', args: ['test', 'own'], atMost: RUN_AT_MOST_MS },
    { name: 'imc review, the same pods', args: ['review', '-f', 'pods', '--dir', 'cluster'] },
  ].map((command) => ({ ...command, tookMs: [] as number[] }));
  for (let run = 1; run <= plan.runs; run += 1) {
    for (const { name, args, tookMs } of commands) {
      progress.show(`e  cases: ${name}, ${run}/${plan.runs}`);
      const startMs = performance.now();
      await runToEnd(process.execPath, [program, ...args], folder);
      tookMs.push(performance.now() - startMs);
    }
  }
  const [shared, , review] = commands.map(({ tookMs }) => median(tookMs));
  return {
    title: `e  ${formatNumber(plan.files)} case files with imc test, process and all`,
    figures: [
      ...commands.map(({ name, tookMs, atMost }): Figure => {
        const [from, to] = spread(tookMs).map(formatNumber);
        const note = plan.runs === 1 ? 'one run' : `${from} to ${to} in ${plan.runs} runs`;
        return { name, value: median(tookMs), unit: 'ms', ...(atMost === undefined ? {} : { atMost }), note };
      }),
      { name: 'one cluster for all, beside imc review', value: (shared ?? NaN) / (review ?? NaN), unit: 'times' },
    ],
    details: commands.map(({ name, tookMs }) => ({ name, tookMs })),
  };
}

/** `shared/` and `own/` with case files, `cluster/` with ImageCaches, and `pods/` with the pods alone. */
function writeCases({ files, caches }: CasePlan, folder: string): void {
  for (const name of ['cluster', 'shared', 'own', 'pods']) mkdirSync(join(folder, name), { recursive: true });
  const write = (name: string, value: object): void => writeFileSync(join(folder, name), stringify(value));
  for (let i = 0; i < caches; i += 1) write(`cluster/${i}.yaml`, cache(`c${i}`, `app-${i}:1.0`));
  for (let i = 0; i < files; i += 1) {
    const c = i % caches;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `app-${i}`, labels: { 'alibabacloud.com/eci': 'true' } },
      spec: {
        containers: [
          { name: 'app', image: `app-${c}:1.0` },
          { name: 'web', image: 'nginx:1.27.0' },
        ],
      },
    };
    const annotations = { 'k8s.aliyun.com/eci-imc-id': `imc-c${c}` };
    const document = {
      apiVersion: 'imc-webhook/v1',
      kind: 'AdmissionTest',
      metadata: { name: `app ${i}` },
      resources: ['../cluster'] as unknown[],
      cases: [{ name: 'gets its cache', pod, expect: { outcome: 'CompleteMatch', annotations, exact: true } }],
    };
    write(`pods/${i}.yaml`, pod);
    write(`shared/${i}.imctest.yaml`, document);
    write(`own/${i}.imctest.yaml`, { ...document, resources: ['../cluster', cache(`own-${i}`, `own-${i}:1.0`)] });
  }
}

function cache(name: string, image: string): object {
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: { name },
    spec: { images: [image, 'nginx:1.27.0'] },
    status: { phase: 'Ready', imageCacheId: `imc-${name}` },
  };
}
