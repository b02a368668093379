import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from './support/api-client.ts';
import { kubernetesMinor } from './support/assets.ts';
import { Cluster } from './support/cluster.ts';
import { eventually } from './support/eventually.ts';
import { ImageCaches } from './support/image-caches.ts';
import { anEciPodNamed, annotation, decisionOn, PIN } from './support/pods.ts';
import { register } from './support/registration.ts';
import { Webhook } from './support/webhook.ts';

/** Pods as people make them, mostly through controllers, in a cluster whose ImageCaches are watched. */

const NGINX = 'nginx:1.25.3';
const REDIS = 'redis:7.2.4';
const WEB = 'registry.example.com/shop/web:3.1.0';

let cluster: Cluster;
let webhook: Webhook;

beforeAll(async () => {
  cluster = await Cluster.start();
  const caches = new ImageCaches(cluster);
  await caches.define();
  await caches.createReady('nginx-only', NGINX);
  await caches.createReady('nginx-and-redis', NGINX, REDIS);
  await caches.createReady('web', WEB);
  webhook = await Webhook.start({
    source: cluster.watched(),
    certificate: await cluster.webhookCa.server('127.0.0.1'),
  });
  cluster.atEnd(() => webhook.kill());
  // Slow machines must not look like lost calls.
  const registration = {
    name: 'imc-webhook',
    port: webhook.port,
    caBundle: cluster.webhookCa.cert,
    timeoutSeconds: 20,
  };
  await register(cluster.api, registration);
  await cluster.untilStamped(anEciPodNamed('probe', WEB));
  return () => cluster.stop();
});

/** The pods with this label, once there are so many. */
async function podsOf(namespace: string, app: string, count: number): Promise<readonly KubeObject[]> {
  return eventually(`${count} pods of ${app}`, async () => {
    const pods = await cluster.pods(namespace, `app=${app}`);
    return pods.length === count ? pods : undefined;
  });
}

/** A pod template for a controller; it is for ECI by its label. */
function templateOf(app: string, { annotations = {}, spec = {} }: { annotations?: object; spec?: object } = {}) {
  return {
    metadata: { labels: { app, 'alibabacloud.com/eci': 'true' }, annotations },
    spec: { containers: [{ name: 'web', image: WEB }], ...spec },
  };
}

describe("the vendor's two Deployments, applied with kubectl", () => {
  beforeAll(async () => {
    await cluster.kubectl.apply(readFileSync(new URL('manifests/vendor-deployments.yaml', import.meta.url), 'utf8'));
  });

  it('keep the pin they name', async () => {
    for (const pod of await podsOf('default', 'pinned', 2)) {
      expect(annotation(pod, PIN)).toBe('imc-nginx-only');
      expect(decisionOn(pod)).toMatchObject({ outcome: 'Pinned', cache: 'nginx-only' });
    }
  });

  it('get the pin of the ImageCache that holds every image', async () => {
    for (const pod of await podsOf('default', 'perfect-match', 2)) {
      expect(annotation(pod, PIN)).toBe('imc-nginx-and-redis');
      expect(decisionOn(pod)).toMatchObject({ outcome: 'CompleteMatch', exact: 2, images: 2 });
    }
  });
});

describe('pods are handled or left alone', () => {
  const plainPod = (name: string, namespace: string, metadata: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, ...metadata },
    spec: { containers: [{ name: 'web', image: WEB }] },
  });

  it.each<{ title: string; labels: Record<string, string>; metadata?: object; pin: string | undefined }>([
    { title: 'by our label on the namespace', labels: { 'imc-webhook/enabled': 'true' }, pin: 'imc-web' },
    {
      title: "by the vendor's label on the namespace",
      labels: { 'alibabacloud.com/eci': 'true' },
      pin: 'imc-web',
    },
    {
      title: "by the vendor's old label on the namespace",
      labels: { 'virtual-node-affinity-injection': 'enabled' },
      pin: 'imc-web',
    },
    {
      title: 'by a label on the pod',
      labels: {},
      metadata: { labels: { 'alibabacloud.com/eci': 'true' } },
      pin: 'imc-web',
    },
    { title: 'not without any sign of ECI', labels: {}, pin: undefined },
    {
      title: 'not when the namespace says to ignore them',
      labels: { 'imc-webhook/enabled': 'true', 'imc-webhook/ignore': 'true' },
      pin: undefined,
    },
    {
      title: 'not when the pod says to ignore it',
      labels: { 'imc-webhook/enabled': 'true' },
      metadata: { annotations: { 'imc-webhook/ignore': 'true' } },
      pin: undefined,
    },
    {
      title: 'not when the pod is for ACS',
      labels: { 'imc-webhook/enabled': 'true' },
      metadata: { labels: { 'alibabacloud.com/acs': 'true' } },
      pin: undefined,
    },
  ])('$title', async ({ title, labels, metadata, pin }) => {
    const namespace = await cluster.namespace(title.toLowerCase().replaceAll(/[^a-z]+/g, '-'), labels);
    const pod = await cluster.createPod(plainPod('web', namespace, metadata));
    expect(annotation(pod, PIN)).toBe(pin);
    expect(decisionOn(pod)?.outcome).toBe(pin === undefined ? undefined : 'CompleteMatch');
  });

  it('when namespace and pod come in one apply', async () => {
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const namespace = `together-${attempt}`;
      // Release 1.20 refuses pods before their service account has its token; this pod wants none.
      const objects = [
        {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: namespace, labels: { 'imc-webhook/enabled': 'true' } },
        },
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'web', namespace } },
        {
          ...plainPod('web', namespace),
          spec: {
            serviceAccountName: 'web',
            automountServiceAccountToken: false,
            containers: [{ name: 'web', image: WEB }],
          },
        },
      ];
      await cluster.kubectl.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
      const [pod] = await cluster.pods(namespace);
      expect(pod && annotation(pod, PIN)).toBe('imc-web');
    }
  });
});

describe('pods of controllers are stamped', () => {
  it('of a StatefulSet, each with its name', async () => {
    const spec = {
      serviceName: 'db',
      replicas: 2,
      selector: { matchLabels: { app: 'db' } },
      template: templateOf('db'),
    };
    await cluster.kubectl.apply(
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db' },
        // Without a kubelet the first is never ready.
        spec: { ...spec, podManagementPolicy: 'Parallel' },
      }),
    );
    const pods = await podsOf('default', 'db', 2);
    expect(new Set(pods.map(({ metadata }) => metadata.name))).toEqual(new Set(['db-0', 'db-1']));
    for (const pod of pods) expect(annotation(pod, PIN)).toBe('imc-web');
  });

  it('of a Job, with a parallelism of three', async () => {
    const template = templateOf('batch', { spec: { restartPolicy: 'Never' } });
    await cluster.kubectl.apply(
      JSON.stringify({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'batch' },
        spec: { parallelism: 3, completions: 3, template },
      }),
    );
    for (const pod of await podsOf('default', 'batch', 3)) expect(annotation(pod, PIN)).toBe('imc-web');
  });

  it('of a CronJob that is due', async () => {
    const version = kubernetesMinor() < 21 ? 'batch/v1beta1' : 'batch/v1';
    const template = templateOf('nightly', { spec: { restartPolicy: 'Never' } });
    await cluster.kubectl.apply(
      JSON.stringify({
        apiVersion: version,
        kind: 'CronJob',
        metadata: { name: 'nightly' },
        spec: { schedule: '*/1 * * * *', concurrencyPolicy: 'Forbid', jobTemplate: { spec: { template } } },
      }),
    );
    // It was due since; otherwise the first run would be up to a minute away.
    const lastScheduleTime = new Date(Date.now() - 100_000).toISOString().replace(/\.\d+/, '');
    await cluster.api.patch(`/apis/${version}/namespaces/default/cronjobs/nightly/status`, {
      status: { lastScheduleTime },
    });
    const [pod] = await podsOf('default', 'nightly', 1);
    expect(pod && annotation(pod, PIN)).toBe('imc-web');
  });

  it('of a DaemonSet only if the pods themselves ask for it', async () => {
    await cluster.api.create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'virtual-node' } });
    const daemonSet = (app: string, template: object): string =>
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: app, namespace: 'daemons' },
        spec: { selector: { matchLabels: { app } }, template },
      });
    // Nobody reports that the node is ready, so the API server has given it a taint.
    const tolerations = [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists' }];
    await cluster.namespace('daemons', { 'imc-webhook/enabled': 'true' });
    const { metadata, spec } = templateOf('not-asking', { spec: { tolerations } });
    await cluster.kubectl.apply(daemonSet('asking', templateOf('asking', { spec: { tolerations } })));
    await cluster.kubectl.apply(
      daemonSet('not-asking', { metadata: { ...metadata, labels: { app: 'not-asking' } }, spec }),
    );
    const [asking] = await podsOf('daemons', 'asking', 1);
    const [notAsking] = await podsOf('daemons', 'not-asking', 1);
    expect(asking && annotation(asking, PIN)).toBe('imc-web');
    expect(notAsking && decisionOn(notAsking)).toBeUndefined();
  });
});

it('every call of these tests was answered, and none went wrong', () => {
  expect(cluster.controlPlane.openCallsLogged()).toEqual([]);
  expect(cluster.controlPlane.openCallsAudited()).toEqual([]);
  expect(webhook.log().filter(({ outcome }) => ['Error', 'Late', 'NotSynced'].includes(String(outcome)))).toEqual([]);
});
