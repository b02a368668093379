import { CertificateError } from '../certs/certificate-error.ts';
import { fetchServerCertificates } from '../certs/server-certificates.ts';
import type { Answer, DryRun, LiveCluster } from '../doctor/live-cluster.ts';
import type { JsonObject } from '../wire/json.ts';
import { ApiStatusError, ClusterUnavailableError } from './cluster-errors.ts';
import type { KubeClient } from './kube-client.ts';
import { dryRunPod } from './pod-dry-run.ts';
import { readWholeList } from './whole-list.ts';

/** A cluster for an examination: what the API server says, or why it does not. */
export function examinedCluster(
  client: KubeClient,
  { isInside, timeoutMs }: { readonly isInside: boolean; readonly timeoutMs: number },
): LiveCluster {
  return {
    server: client.server,
    isInside,
    get: (address) => answered(async () => (await client.get(address, { timeoutMs })).object),
    list: (address, labelSelector) =>
      answered(async () => {
        const read = (object: JsonObject): JsonObject => object;
        return (await readWholeList(client, address, read, { query: { labelSelector }, timeoutMs })).items;
      }),
    text: (path) => answered(() => client.text(path, { timeoutMs })),
    ask: (path, question) => answered(async () => (await client.create(path, question, { timeoutMs })).object),
    dryRun: (pod, namespace) => dryRun(client, pod, namespace, timeoutMs),
    certificates: async (host, port) => {
      try {
        return { kind: 'found', value: await fetchServerCertificates({ server: `${host}:${port}`, host, port }) };
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error;
        return { kind: 'unreadable', problem: error.message, isForbidden: false };
      }
    },
  };
}

async function answered<Value>(ask: () => Promise<Value>): Promise<Answer<Value>> {
  try {
    return { kind: 'found', value: await ask() };
  } catch (error) {
    if (error instanceof ApiStatusError) {
      if (error.status === 404) return { kind: 'absent' };
      const isForbidden = error.status === 403 || error.status === 401;
      return { kind: 'unreadable', problem: error.statusMessage || error.message, isForbidden };
    }
    if (error instanceof ClusterUnavailableError) {
      return { kind: 'unreadable', problem: error.message, isForbidden: false };
    }
    throw error;
  }
}

async function dryRun(client: KubeClient, pod: JsonObject, namespace: string, timeoutMs: number): Promise<DryRun> {
  try {
    const answer = await dryRunPod(client, pod, namespace, timeoutMs);
    if (answer.allowed) return { kind: 'created', pod: answer.pod };
    const [, uncalled] = UNCALLED.exec(answer.message) ?? [];
    return { kind: 'refused', message: answer.message, webhook: answer.webhook || (uncalled ?? '') };
  } catch (error) {
    if (error instanceof ApiStatusError) return { kind: 'unasked', problem: error.statusMessage || error.message };
    if (error instanceof ClusterUnavailableError) return { kind: 'unasked', problem: error.message };
    throw error;
  }
}

/** How API servers say that a webhook with the failure policy Fail could not be called. */
const UNCALLED = /failed calling webhook "([^"]+)"/;
