import { beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from './support/api-client.ts';
import { Cluster } from './support/cluster.ts';
import { writeEciProfile } from './support/eci-profile.ts';
import { eventually } from './support/eventually.ts';
import { ImageCaches } from './support/image-caches.ts';
import { anEciPodNamed, annotation, decisionOn, PIN } from './support/pods.ts';
import { Release } from './support/release.ts';
import { ServiceNetwork } from './support/service-network.ts';
import type { Webhook } from './support/webhook.ts';

/** The webhook as the chart installs it: called through its Service, under the name in its certificate, with no other rights. */

const WEB = 'registry.example.com/shop/web:3.1.0';

let cluster: Cluster;
let release: Release;
let webhook: Webhook;
/** Calls that found nobody before the webhook ran: those for its own pods. */
let openAtFirst: number;

beforeAll(async () => {
  const network = await ServiceNetwork.start();
  cluster = await Cluster.start({ apiServerArgs: network.apiServerArgs() });
  cluster.atEnd(() => network.stop());
  const caFile = cluster.writeFile('webhook-ca.crt', cluster.webhookCa.cert);
  const files = `tls.mode=files,tls.files.secretName=tls,webhook.timeoutSeconds=10 --set-file tls.files.caBundle=${caFile}`;
  release = await Release.install(cluster, network, `--set ${files}`);
  webhook = await release.serve(await cluster.webhookCa.server(release.host));
  await release.endpoints(webhook);
  await new ImageCaches(cluster).createReady('web', WEB);
  await cluster.untilStamped(anEciPodNamed('probe', WEB));
  openAtFirst = cluster.controlPlane.openCallsLogged().length;
  return () => cluster.stop();
});

function plainPod(namespace: string, name: string, labels: Readonly<Record<string, string>> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { containers: [{ name: 'web', image: WEB }] },
  };
}

describe('installed', () => {
  it('has given the webhook all the rights it needs', async () => {
    const { text } = await webhook.operation('/readyz?verbose');
    expect(text).not.toMatch(/forbidden/i);
  });

  it('may say in an Event that the eci-profile is broken', async () => {
    await writeEciProfile(cluster, '[{]');
    const [event] = await eventually('an Event', async () => {
      const selector = encodeURIComponent('involvedObject.name=eci-profile');
      const events = await cluster.api.items(`/api/v1/namespaces/kube-system/events?fieldSelector=${selector}`);
      return events.length > 0 && events;
    });
    expect(event).toMatchObject({ type: 'Warning', message: expect.stringContaining('line 1') });
    await writeEciProfile(cluster, []);
  });
});

describe('in scope cluster', () => {
  it('stamps pods through the Service', async () => {
    const pod = await cluster.createPod(anEciPodNamed('web', WEB));
    expect(annotation(pod, PIN)).toBe('imc-web');
  });

  it('leaves pods of the system alone', async () => {
    const pod = await cluster.createPod(plainPod('kube-system', 'web', { 'alibabacloud.com/eci': 'true' }));
    expect(decisionOn(pod)).toBeUndefined();
  });
});

describe('in scope labelled', () => {
  beforeAll(async () => {
    await release.upgrade('--set webhook.scope=labelled');
    const configuration = await cluster.api.get(release.configuration);
    expect((configuration['webhooks'] as unknown[]).length).toBeGreaterThan(1);
    await cluster.untilStamped(anEciPodNamed('probe', WEB));
  });

  it.each<{ title: string; namespaceLabels: Record<string, string>; podLabels: Record<string, string>; calls: number }>(
    [
      {
        title: 'a label of the namespace',
        namespaceLabels: { 'alibabacloud.com/eci': 'true' },
        podLabels: {},
        calls: 1,
      },
      {
        title: 'our label of the namespace',
        namespaceLabels: { 'imc-webhook/enabled': 'true' },
        podLabels: {},
        calls: 1,
      },
      { title: 'a label of the pod', namespaceLabels: {}, podLabels: { eci: 'true' }, calls: 1 },
      {
        title: 'every label there is, and that once',
        namespaceLabels: { 'alibabacloud.com/eci': 'true', 'imc-webhook/enabled': 'true' },
        podLabels: { 'alibabacloud.com/eci': 'true', eci: 'true' },
        calls: 1,
      },
      { title: 'no label: the pod never leaves the API server', namespaceLabels: {}, podLabels: {}, calls: 0 },
      {
        title: 'a label, and one to be left alone',
        namespaceLabels: { 'imc-webhook/enabled': 'true', 'imc-webhook/ignore': 'true' },
        podLabels: {},
        calls: 0,
      },
    ],
  )('$title', async ({ title, namespaceLabels, podLabels, calls }) => {
    const name = title.toLowerCase().replaceAll(/[^a-z]+/g, '-');
    const namespace = await cluster.namespace(name, namespaceLabels);
    const pod = await eventually('the labels of the namespace to be known', async () => {
      const created = await cluster.createPod(plainPod(namespace, 'web', podLabels), { dryRun: true });
      return (calls === 0 || decisionOn(created) !== undefined) && created;
    });
    expect(annotation(pod, PIN)).toBe(calls === 0 ? undefined : 'imc-web');
    const before = await webhook.reviewsCounted();
    await cluster.createPod(plainPod(namespace, 'counted', podLabels));
    expect((await webhook.reviewsCounted()) - before).toBe(calls);
  });
});

describe('removed', () => {
  it('leaves nothing that pods meet, and every ImageCache', async () => {
    expect(cluster.controlPlane.openCallsLogged().slice(openAtFirst)).toEqual([]);
    await release.uninstall();
    await webhook.kill();
    expect(await cluster.api.find(release.configuration)).toBeUndefined();
    expect(await new ImageCaches(cluster).names()).toEqual(['web']);

    await eventually('a pod that is not stamped', async () => {
      const pod = await cluster.createPod(anEciPodNamed('after', WEB), { dryRun: true });
      return decisionOn(pod) === undefined;
    });
    const before = cluster.controlPlane.openCallsLogged().length;
    const pod = await cluster.createPod(anEciPodNamed('after', WEB));
    expect(pod.metadata.annotations).toBeUndefined();
    expect(cluster.controlPlane.openCallsLogged()).toHaveLength(before);
  });
});
