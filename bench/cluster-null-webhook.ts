import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runFolder } from '../test/e2e/support/assets.ts';
import { eventually } from '../test/e2e/support/eventually.ts';
import { annotation } from '../test/e2e/support/pods.ts';
import { freePort } from '../test/e2e/support/ports.ts';
import type { Webhook } from '../test/e2e/support/webhook.ts';
import { patchOf } from './cluster-patch.ts';
import type { BenchCluster } from './cluster-world.ts';
import { benchPod } from './cluster-world.ts';
import { keep, kill, tidyUpAtEnd } from './processes.ts';

export const OURS = 'imc-webhook';
export const NULL = 'null-webhook';

/** Our webhook and one that does nothing, both registered; a label of the pod decides which one is called. */
export interface Contestants {
  readonly webhook: Webhook;
  readonly nullWebhook: ChildProcess;
  /** Length in bytes of the constant patch, which is one of ours: the API server has as much to apply. */
  readonly patchBytes: number;
  /** Ends both. */
  stop(): Promise<void>;
}

/** Starts both and waits until the API server calls them. */
export async function startContestants(bench: BenchCluster): Promise<Contestants> {
  tidyUpAtEnd();
  const { cluster } = bench;
  const webhook = await bench.webhook();
  const certificate = await cluster.webhookCa.server('127.0.0.1', 'localhost');
  const patch = await patchOf(webhook, cluster.webhookCa.cert, benchPod(OURS, 'pod', 0));
  const { child, port } = await startNullWebhook(certificate, patch);
  await bench.register(OURS, webhook.port);
  await bench.register(NULL, port);
  for (const contestant of [OURS, NULL]) {
    await eventually(`a pod stamped by ${contestant}`, async () => {
      const pod = await cluster.createPod(benchPod(contestant, 'probe', 0), { dryRun: true });
      return annotation(pod, 'imc-webhook/decision') !== undefined;
    });
  }
  return {
    webhook,
    nullWebhook: child,
    patchBytes: Buffer.byteLength(patch),
    stop: async () => {
      await kill(child);
      await webhook.kill();
    },
  };
}

async function startNullWebhook(
  { cert, key }: { cert: string; key: string },
  patch: string,
): Promise<{ child: ChildProcess; port: number }> {
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
