import type { KubeObject } from './api-client.ts';
import type { Cluster } from './cluster.ts';
import { eventually } from './eventually.ts';

/**
 * What a scheduler and a kubelet would do for the pods of a Deployment: binds them to a node, and says that they run and
 * are ready, each with an address of its own. Nothing is started.
 *
 * @returns the addresses.
 */
export async function runPods(
  cluster: Cluster,
  namespace: string,
  selector: string,
  count: number,
): Promise<readonly string[]> {
  await cluster.api.send('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  const pods = await eventually(`${count} pods of ${selector}`, async () => {
    const all = await cluster.pods(namespace, selector);
    return all.length === count && all;
  });
  return Promise.all(pods.map((pod) => run(cluster, namespace, pod)));
}

const NODE = 'worker';
let addresses = 0;

async function run(cluster: Cluster, namespace: string, { metadata }: KubeObject): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/pods/${metadata.name}`;
  await cluster.api.create(`${path}/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: metadata.name },
    target: { kind: 'Node', name: NODE },
  });
  addresses += 1;
  const podIP = `10.244.0.${addresses}`;
  const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: new Date().toISOString(),
  }));
  await cluster.api.patch(`${path}/status`, {
    status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions },
  });
  return podIP;
}
