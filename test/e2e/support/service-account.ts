import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runFolder } from './assets.ts';
import type { Cluster } from './cluster.ts';

/** A kubeconfig with no rights but those of a service account. */
export async function serviceAccountKubeconfig(cluster: Cluster, namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const request = await cluster.api.create(path, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 7200 },
  });
  const { token } = request['status'] as { token: string }; // of a TokenRequest
  const { server, ca } = cluster.controlPlane;
  const authority = Buffer.from(ca.cert).toString('base64');
  const file = join(runFolder('account'), 'kubeconfig');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': authority } }],
    users: [{ name: name, user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name, namespace } }],
  };
  writeFileSync(file, JSON.stringify(kubeconfig), { mode: 0o600 }); // JSON is YAML
  return file;
}
