import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from './support/api-client.ts';
import { builtProgram, runFolder } from './support/assets.ts';
import { CHART, renderChart } from './support/chart.ts';
import { chartPod } from './support/chart-pod.ts';
import { Cluster } from './support/cluster.ts';
import { Component } from './support/component.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/ports.ts';
import { Webhook } from './support/webhook.ts';

/**
 * Certificates of a release with `tls.mode: self-managed`: the controller and one replica run beside the cluster with the
 * arguments and the rights the chart gives them, and with nothing else.
 */

const NAME = 'imc-eci-imagecache-webhook';
const CONFIGURATION = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/zz-${NAME}`;
const OURS = '/api/v1/namespaces/imc-system';

let cluster: Cluster;
let controller: Component;

beforeAll(async () => {
  cluster = await Cluster.start();
  await helm(`install imc ${CHART} --create-namespace`);
  const { args, env } = await chartPod(cluster, await renderChart(), `${NAME}-controller`);
  const folder = runFolder('controller');
  controller = new Component({
    program: process.execPath,
    args: [builtProgram(), ...args, '--admin-port', String(await freePort())],
    cwd: folder,
    logFile: join(folder, 'controller.log'),
    env,
  });
  cluster.atEnd(() => controller.stop('SIGKILL'));
  controller.start();
  return () => cluster.stop();
});

const helm = (command: string): Promise<string> => cluster.kubectl.helm(`${command} --namespace imc-system`);

async function bundles(): Promise<readonly string[]> {
  const { webhooks } = (await cluster.api.get(CONFIGURATION)) as KubeObject & {
    readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
  };
  return webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? '', 'base64').toString());
}

async function secret(name: string): Promise<Readonly<Record<string, string>>> {
  const { data = {} } = (await cluster.api.get(`${OURS}/secrets/${name}`)) as KubeObject & {
    readonly data?: Readonly<Record<string, string>>;
  };
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

describe('the controller', () => {
  it('spec S1: fills the empty Secrets and the caBundle', async () => {
    const bundle = await eventually('the caBundle', async () => (await bundles())[0] || undefined);
    const pair = await eventually('the certificate', async () => {
      const found = await secret(`${NAME}-tls`);
      return found['tls.crt'] !== undefined && found;
    });
    const certificate = new X509Certificate(pair['tls.crt'] ?? '');
    expect(certificate.verify(new X509Certificate(bundle).publicKey)).toBe(true);
    expect(certificate.subjectAltName).toContain(`DNS:${NAME}.imc-system.svc`);
    expect(Object.keys(await secret(`${NAME}-tls-ca`))).toContain('tls.key');
  });

  it('holds the Lease, and keeps the last good eci-profile', async () => {
    const lease = `/apis/coordination.k8s.io/v1/namespaces/imc-system/leases/${NAME}-controller`;
    const { spec } = (await cluster.api.get(lease)) as KubeObject & {
      readonly spec: { readonly holderIdentity: string };
    };
    expect(spec.holderIdentity).toContain(`${NAME}-controller-1`);
    const profile = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'eci-profile', namespace: 'kube-system' },
    };
    const selectors = '[{"name":"every-pod"}]';
    await cluster.kubectl.apply(JSON.stringify({ ...profile, data: { selectors } }));
    await eventually('the profile to be kept', async () => {
      const { data } = await cluster.api.get(`${OURS}/configmaps/${NAME}-profile`);
      return (data as Record<string, string> | undefined)?.['selectors'] === selectors;
    });
  });

  it('a replica serves what it made', async () => {
    const { args, env } = await chartPod(cluster, await renderChart(), NAME);
    const webhook = await Webhook.start({ source: args.slice(1), env });
    cluster.atEnd(() => webhook.kill());
    expect((await webhook.operation('/readyz')).status).toBe(200);
    expect(webhook.process.log()).not.toMatch(/forbidden/i);
    await webhook.stop();
  });

  it('gives its CA to the entries of another scope', async () => {
    const [bundle] = await bundles();
    await helm(`upgrade imc ${CHART} --set webhook.scope=labelled`);
    const all = await eventually('every entry to have a CA', async () => {
      const found = await bundles();
      return found.length === 5 && !found.includes('') && found;
    });
    expect(new Set(all)).toEqual(new Set([bundle]));
  });

  it('spec S6: was refused nothing', () => {
    expect(controller.log()).not.toMatch(/forbidden/i);
  });

  it('makes nothing anew when the release is uninstalled under its feet', async () => {
    await helm('uninstall imc --wait');
    for (const path of [CONFIGURATION, `${OURS}/secrets/${NAME}-tls`, `${OURS}/secrets/${NAME}-tls-ca`])
      expect(await cluster.api.find(path)).toBeUndefined();
    await controller.stop();
    for (const path of [CONFIGURATION, `${OURS}/secrets/${NAME}-tls`, `${OURS}/secrets/${NAME}-tls-ca`])
      expect(await cluster.api.find(path)).toBeUndefined();
  });
});
