import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer as createSilentServer, type Server } from 'node:net';
import { createServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ServingReplicaClient } from '../../src/kubernetes/serving-replica-client.ts';
import { aPair } from '../certs/pairs.ts';
import { aServer } from './cluster-writers.ts';

const PODS = '/api/v1/namespaces/imc-system/pods';

describe('ServingReplicaClient', () => {
  it('sees what each pod serves, whoever signed it', async () => {
    const pair = await aPair();
    const server = createServer({ cert: pair.certPem, key: pair.keyPem, requestCert: true });
    const { api, inspect } = await replicasAt(await portOf(server));
    api.put(PODS, aPod('a', { ready: 'True' }));
    api.put(PODS, aPod('b', { ready: 'False' }));
    const certificate = new X509Certificate(pair.certPem).raw;
    expect(await inspect()).toEqual([
      { name: 'a', isReady: true, certificate },
      { name: 'b', isReady: false, certificate },
    ]);
    expect(api.requests.at(-1)?.query.get('labelSelector')).toBe('app=imc');
  });

  it('leaves out pods that have ended, and says which cannot be reached', async () => {
    const silent = createSilentServer(() => {});
    const { api, inspect } = await replicasAt(await portOf(silent));
    api.put(PODS, aPod('over', { phase: 'Succeeded' }));
    api.put(PODS, aPod('failed', { phase: 'Failed' }));
    api.put(PODS, aPod('silent', { ready: 'True' }));
    api.put(PODS, aPod('refusing', { ip: '127.0.0.2' }));
    api.put(PODS, aPod('new', { ip: '' }));
    expect(await inspect()).toEqual([
      { name: 'silent', isReady: true, certificate: undefined },
      { name: 'refusing', isReady: false, certificate: undefined },
      { name: 'new', isReady: false, certificate: undefined },
    ]);
  });
});

async function replicasAt(port: number) {
  const { api, client } = await aServer(PODS);
  const replicas = new ServingReplicaClient({
    client,
    namespace: 'imc-system',
    labelSelector: 'app=imc',
    port,
    timeoutMs: 300,
  });
  return { api, inspect: () => replicas.inspect() };
}

async function portOf(server: Server): Promise<number> {
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const open = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket) => open.add(socket));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  // A server that listens on TCP has an address with a port.
  return (server.address() as AddressInfo).port;
}

function aPod(name: string, { phase = 'Running', ip = '127.0.0.1', ready = 'False' } = {}) {
  return { metadata: { name }, status: { phase, podIP: ip, conditions: [{ type: 'Ready', status: ready }] } };
}
