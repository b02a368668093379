import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from './api-client.ts';
import { runFolder } from './assets.ts';
import { type Manifest, manifest } from './chart.ts';
import type { Cluster } from './cluster.ts';
import { kubeconfig } from './kubeconfig.ts';

/** What a pod of the chart would be started with. */
export interface ChartPod {
  /** `serve` or `controller`, then its flags; without those for addresses and mounted certificates, which differ here. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

interface Workload extends Manifest {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly [{ readonly args: string[] }];
      };
    };
  };
}

/**
 * The arguments of a Deployment of an installed release, to start its program with beside the cluster: with the token of
 * its own service account, and so with no rights but those the chart gives.
 */
export async function chartPod(cluster: Cluster, manifests: readonly Manifest[], name: string): Promise<ChartPod> {
  const { metadata, spec } = manifest(manifests, 'Deployment', name) as Workload;
  const { serviceAccountName, containers } = spec.template.spec;
  const account = `/api/v1/namespaces/${metadata.namespace}/serviceaccounts/${serviceAccountName}`;
  const { status } = (await cluster.api.create(`${account}/token`, { spec: {} })) as KubeObject & {
    readonly status: { readonly token: string };
  };
  const { server, ca } = cluster.controlPlane;
  const folder = runFolder('mounted');
  writeFileSync(join(folder, 'kubeconfig'), kubeconfig(server, ca.cert, status));
  const settings = manifest(manifests, 'ConfigMap', `${name.replace(/-controller$/, '')}-settings`);
  writeFileSync(join(folder, 'imc.yaml'), (settings['data'] as Record<string, string>)['imc.yaml'] ?? '');
  const isSame = (arg: string): boolean => !/^--(cert-dir|host|port|admin-host|admin-port)=/.test(arg);
  const args = containers[0].args.filter(isSame).map((arg) => arg.replace('/etc/imc/settings', folder));
  return {
    args: [...args, '--kubeconfig', join(folder, 'kubeconfig')],
    env: { POD_NAMESPACE: metadata.namespace, POD_NAME: `${name}-1` },
  };
}
