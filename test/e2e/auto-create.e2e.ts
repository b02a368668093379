import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from './support/api-client.ts';
import { CHART, renderChart } from './support/chart.ts';
import { chartPod } from './support/chart-pod.ts';
import { Cluster } from './support/cluster.ts';
import { Controller } from './support/controller.ts';
import { eventually } from './support/eventually.ts';
import { anEciPodNamed, annotation, decisionOn, PIN } from './support/pods.ts';
import { register } from './support/registration.ts';
import { Webhook } from './support/webhook.ts';

/**
 * New ImageCaches for what was not covered: controllers with the arguments and the rights of the chart, a webhook, and the
 * simulated builder. Spec section 7.
 */

const NAME = 'imc-eci-imagecache-webhook';
const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const STATE = `/api/v1/namespaces/imc-system/configmaps/${NAME}-state`;
const CONFIG = {
  controller: { driver: 'simulated' },
  autoCreate: { maxCaches: 500, perMinute: 1000 },
  simulateBuild: '1s',
};

let cluster: Cluster;
/** Controllers of the chart, of which one leads. */
const controllers: Controller[] = [];

beforeAll(async () => {
  cluster = await Cluster.start();
  const values = {
    tls: { mode: 'files', files: { secretName: 'pair', caBundle: cluster.webhookCa.cert } },
    config: CONFIG,
  };
  const file = cluster.writeFile('values.json', JSON.stringify(values));
  await cluster.kubectl.helm(`install imc ${CHART} --create-namespace --namespace imc-system --values ${file}`);
  const webhook = await Webhook.start({
    source: cluster.watched(),
    certificate: await cluster.webhookCa.server('127.0.0.1'),
  });
  cluster.atEnd(() => webhook.kill());
  await register(cluster.api, {
    name: 'straight',
    port: webhook.port,
    caBundle: cluster.webhookCa.cert,
    timeoutSeconds: 20,
  });
  // Nobody serves behind the Service of the chart.
  await cluster.api.delete(`/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/zz-${NAME}`);
  await cluster.untilStamped(anEciPodNamed('probe', 'probe:1'));
  const pod = await chartPod(cluster, await renderChart({ values }), `${NAME}-controller`);
  for (let i = 0; i < 2; i += 1) controllers.push(await startController(pod.args.slice(1), pod.env));
  return () => cluster.stop();
});

async function startController(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Controller> {
  const controller = await Controller.start({ args, env });
  cluster.atEnd(() => controller.kill());
  return controller;
}

interface ImageCache extends KubeObject {
  readonly spec: { readonly images: readonly string[]; readonly imagePullSecrets?: readonly string[] };
  readonly status?: { readonly phase?: string; readonly imageCacheId?: string };
}

/** ImageCaches that hold an image whose name has this in it. */
async function cachesWith(text: string): Promise<readonly ImageCache[]> {
  const all = (await cluster.api.items(CACHES)) as readonly ImageCache[];
  return all.filter(({ spec }) => spec.images.some((image) => image.includes(text)));
}

/** The same, once there are at least so many, and all of them are Ready. */
async function readyCachesWith(text: string, count: number): Promise<readonly ImageCache[]> {
  return eventually(`${count} ImageCaches with ${text} to be Ready`, async () => {
    const caches = await cachesWith(text);
    return caches.length >= count && caches.every(({ status }) => status?.phase === 'Ready') && caches;
  });
}

/** Names of what the simulated builder has built, from its books. */
async function builtCaches(): Promise<readonly string[]> {
  const { binaryData } = (await cluster.api.get(STATE)) as KubeObject & {
    readonly binaryData: Readonly<Record<string, string>>;
  };
  const books = gunzipSync(Buffer.from(binaryData['simulated-caches.json.gz'] ?? '', 'base64')).toString();
  return (JSON.parse(books) as readonly { readonly name: string }[]).map(({ name }) => name);
}

async function createPods(prefix: string, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, i) => i);
  await Promise.all(numbers.map((i) => cluster.createPod(anEciPodNamed(`${prefix}-${i}`, `${prefix}/image-${i}:1`))));
}

/** Every one of them exists once, is Ready, and was built once. */
async function expectEachOnce(prefix: string, count: number): Promise<void> {
  const caches = await readyCachesWith(`${prefix}/`, count);
  expect(caches).toHaveLength(count);
  expect(new Set(caches.map(({ status }) => status?.imageCacheId)).size).toBe(count);
  const built = await builtCaches();
  for (const { metadata } of caches) expect(built.filter((name) => name === metadata.name)).toHaveLength(1);
}

describe('the whole story', () => {
  it('the first pod misses, an ImageCache is made and built for it, and the second pod is pinned to that', async () => {
    const first = await cluster.createPod(anEciPodNamed('first', 'registry.example.com/shop/web:1', 'redis:7.2'));
    expect(decisionOn(first)).toMatchObject({ outcome: 'NoMatch', images: 2 });
    const [cache] = await readyCachesWith('shop/web', 1);
    expect(cache?.metadata.labels).toEqual({ 'imc-webhook/auto-created': 'true' });
    expect(cache?.spec.images).toEqual(['docker.io/library/redis:7.2', 'registry.example.com/shop/web:1']);
    const second = await eventually('a pod that is pinned', async () => {
      const images = ['registry.example.com/shop/web:1', 'redis:7.2'];
      const pod = await cluster.createPod(anEciPodNamed('second', ...images), { dryRun: true });
      return decisionOn(pod)?.outcome === 'CompleteMatch' && pod;
    });
    expect(annotation(second, PIN)).toBe(cache?.status?.imageCacheId);
  });

  it('is told in Events: on the ImageCache what was done, on a pod why nothing was', async () => {
    await cluster.createPod(anEciPodNamed('moving', 'moving/image:main'));
    await eventually('an Event on the pod', async () => {
      const text = await cluster.kubectl.run('describe pod moving');
      return /Warning +ImageCacheMutableTag .*imc-controller +no ImageCache is made/.test(text);
    });
    const [cache] = await cachesWith('shop/web');
    const text = await cluster.kubectl.run(`describe imagecaches.eci.alibabacloud.com ${cache?.metadata.name}`);
    expect(text).toMatch(/Normal +AutoCreated .*imc-controller +made for pods with/);
    expect(await cachesWith('moving/')).toEqual([]);
  });

  it('an ImageCache written by hand becomes Ready and is used by the vendor’s example Deployment', async () => {
    const manifest = {
      apiVersion: 'eci.alibabacloud.com/v1',
      kind: 'ImageCache',
      metadata: { name: 'by-hand' },
      spec: { images: ['nginx:1.25.3', 'redis:7.2.4'] },
    };
    await cluster.kubectl.apply(JSON.stringify(manifest));
    const phases = new Set<string | undefined>();
    const id = await eventually(
      'by-hand to be Ready',
      async () => {
        const { status } = (await cluster.api.get(`${CACHES}/by-hand`)) as ImageCache;
        phases.add(status?.phase);
        return status?.phase === 'Ready' && status.imageCacheId;
      },
      { intervalMs: 10 },
    );
    expect(['Pending', 'Preparing', 'Creating'].filter((phase) => phases.has(phase))).not.toEqual([]);
    const probe = anEciPodNamed('uses-by-hand', 'nginx:1.25.3', 'redis:7.2.4');
    await eventually('the webhook to know it', async () =>
      Boolean(annotation(await cluster.createPod(probe, { dryRun: true }), PIN)),
    );
    await cluster.kubectl.apply(readFileSync(new URL('manifests/vendor-deployments.yaml', import.meta.url), 'utf8'));
    const pods = await eventually('the pods of the Deployment', async () => {
      const found = await cluster.pods('default', 'app=perfect-match');
      return found.length === 2 && found;
    });
    for (const pod of pods) expect(annotation(pod, PIN)).toBe(id);
  });
});

describe('how many are made', () => {
  it('one for 200 pods of one Deployment', async () => {
    const labels = { app: 'many', 'alibabacloud.com/eci': 'true' };
    await cluster.api.create('/apis/apps/v1/namespaces/default/deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'many' },
      spec: {
        replicas: 200,
        selector: { matchLabels: { app: 'many' } },
        template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'many/image:1' }] } },
      },
    });
    await eventually('200 pods', async () => (await cluster.pods('default', 'app=many')).length === 200);
    await expectEachOnce('many', 1);
  });

  it('two private ones for pods of two namespaces with pull secrets of their own (spec C4)', async () => {
    for (const namespace of ['team-a', 'team-b']) {
      await cluster.namespace(namespace);
      const pod = anEciPodNamed('secretive', 'secretive/image:1');
      await cluster.createPod({
        ...pod,
        metadata: { ...pod.metadata, namespace },
        spec: { ...(pod['spec'] as object), imagePullSecrets: [{ name: 'key' }] },
      });
    }
    const caches = await readyCachesWith('secretive/', 2);
    const secrets = new Map(
      caches.map(({ metadata, spec }) => [metadata.labels?.['imc-webhook/namespace'], spec.imagePullSecrets]),
    );
    expect(Object.fromEntries(secrets)).toEqual({ 'team-a': ['team-a:key'], 'team-b': ['team-b:key'] });
  });

  it('none for dry runs (spec G5)', async () => {
    const pod = anEciPodNamed('rehearsed', 'rehearsed/image:1');
    expect(decisionOn(await cluster.createPod(pod, { dryRun: true }))?.outcome).toBe('NoMatch');
    await cluster.createPod(anEciPodNamed('real', 'real/image:1'));
    await readyCachesWith('real/', 1);
    expect(await cachesWith('rehearsed/')).toEqual([]);
  });

  it('each once when the leader is killed half-way', async () => {
    await createPods('killed', 40);
    await eventually('some of them', async () => (await cachesWith('killed/')).length >= 5, { intervalMs: 5 });
    const leader = await leading();
    await leader.kill();
    await expectEachOnce('killed', 40);
    expect(await leading()).not.toBe(leader);
  });

  it('each once when two controllers do not know of each other', async () => {
    const other = cluster.writeFile('other.json', JSON.stringify(CONFIG));
    const places = ['--controller-lease', 'another', '--controller-state-config-map', `${NAME}-state`];
    const rival = await startController(
      ['--config', other, '--kubeconfig', cluster.controlPlane.kubeconfig, ...places],
      { POD_NAMESPACE: 'imc-system' },
    );
    await eventually('the rival to lead', () => rival.isLeader());
    await createPods('raced', 40);
    await expectEachOnce('raced', 40);
    await rival.stop();
  });
});

it('spec S6: the controllers were refused nothing', () => {
  for (const controller of controllers) expect(controller.process.log()).not.toMatch(/forbidden/i);
});

/** The controller of the chart that leads, once one does. */
async function leading(): Promise<Controller> {
  return eventually('a leader', async () => {
    for (const controller of controllers) {
      if (controller.process.isRunning && (await controller.isLeader())) return controller;
    }
    return undefined;
  });
}
