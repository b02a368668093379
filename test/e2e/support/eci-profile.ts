import type { Cluster } from './cluster.ts';

const MAPS = '/api/v1/namespaces/kube-system/configmaps';

/** Writes the rules of `kube-system/eci-profile`; a text as it is, anything else as JSON. */
export async function writeEciProfile(cluster: Cluster, selectors: unknown): Promise<void> {
  const data = { selectors: typeof selectors === 'string' ? selectors : JSON.stringify(selectors) };
  const path = `${MAPS}/eci-profile`;
  if ((await cluster.api.find(path)) === undefined) {
    await cluster.api.create(MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'eci-profile' }, data });
  } else await cluster.api.patch(path, { data });
}
