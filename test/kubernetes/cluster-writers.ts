import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { KubeClient } from '../../src/kubernetes/kube-client.ts';
import { FakeApiServer } from '../support/fake-api-server.ts';

/** An API server with these collections, and a client for it; both are gone after the test. */
export async function aServer(...collections: string[]) {
  const api = await FakeApiServer.start();
  for (const collection of collections) api.addCollection(collection);
  const folder = mkdtempSync(join(tmpdir(), 'imc-test-'));
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, api.kubeconfig());
  const client = await KubeClient.open({ kubeconfig, env: {} });
  onTestFinished(async () => {
    await client.close();
    await api.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { api, client, kubeconfig };
}
