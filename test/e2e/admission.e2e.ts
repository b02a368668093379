import { beforeAll, describe, expect, it } from 'vitest';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { KubeObject } from './support/api-client.ts';
import { Cluster } from './support/cluster.ts';
import { eventually } from './support/eventually.ts';
import { sourceOfFiles } from './support/files-cluster.ts';
import { OtherWebhook } from './support/other-webhook.ts';
import { anEciPodNamed, annotation, decisionOn, PIN } from './support/pods.ts';
import { register, unregister } from './support/registration.ts';
import { Webhook } from './support/webhook.ts';

/** What only a real API server can tell of a single review: is the patch taken, is every part of the answer understood? */

const CART = 'registry.example.com/shop/cart:1.4.2';
const PROXY = 'registry.example.com/mesh/proxy:2.0.0';

let cluster: Cluster;
let webhook: Webhook;

beforeAll(async () => {
  cluster = await Cluster.start();
  webhook = await Webhook.start({
    source: sourceOfFiles(
      anImageCache('cart').holding(CART),
      anImageCache('cart-and-proxy').holding(CART, PROXY).createdAt('2025-01-01T00:00:00Z'),
    ),
    certificate: await cluster.webhookCa.server('127.0.0.1'),
  });
  cluster.atEnd(() => webhook.kill());
  await register(cluster.api, { name: 'imc-webhook', port: webhook.port, caBundle: cluster.webhookCa.cert });
  await cluster.untilStamped(anEciPodNamed('probe', CART));
  return () => cluster.stop();
});

/** Traces of webhooks beside the last creation of this pod: the call of round and index, and whether it changed it. */
function callsFor(pod: string): Record<string, boolean> {
  const creation = cluster.controlPlane.podCreations().findLast(({ name }) => name === pod);
  const prefix = 'mutation.webhook.admission.k8s.io/';
  const traces = Object.entries(creation?.annotations ?? {}).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(
    traces.map(([key, value]) => {
      const { webhook: name, mutated } = JSON.parse(value) as { webhook: string; mutated: boolean };
      return [`${key.slice(prefix.length)} ${name.split('.')[0]}`, mutated];
    }),
  );
}

/** What somebody would write who copies a pod out of the cluster. */
function copyOf({ metadata, spec }: KubeObject, name: string): KubeObject {
  const { labels = {}, annotations = {} } = metadata;
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels, annotations }, spec };
}

describe('a pod created with kubectl', () => {
  it('is stored with the pin and the decision', async () => {
    await cluster.kubectl.run('create -f -', JSON.stringify(anEciPodNamed('cart', CART)));
    const pod = JSON.parse(await cluster.kubectl.run('get pod cart -o json')) as KubeObject;
    expect(annotation(pod, PIN)).toBe('imc-cart');
    expect(decisionOn(pod)).toMatchObject({ outcome: 'CompleteMatch', cache: 'cart', exact: 1, images: 1 });
    expect(callsFor('cart')).toEqual({ 'round_0_index_0 imc-webhook': true });
  });

  it('is answered the same in a dry run, and not stored', async () => {
    const manifest = JSON.stringify(anEciPodNamed('never', CART));
    const dry = JSON.parse(await cluster.kubectl.run('create --dry-run=server -o json -f -', manifest)) as KubeObject;
    const stored = await cluster.createPod(anEciPodNamed('once', CART));
    expect(annotation(dry, PIN)).toBe('imc-cart');
    expect(dry.metadata.annotations).toEqual(stored.metadata.annotations);
    expect(await cluster.api.find('/api/v1/namespaces/default/pods/never')).toBeUndefined();
  });

  it('may have a generateName and no name', async () => {
    const { metadata, ...rest } = anEciPodNamed('', CART);
    const manifest = { ...rest, metadata: { labels: metadata.labels, generateName: 'made-up-' } };
    const pod = JSON.parse(await cluster.kubectl.run('create -o json -f -', JSON.stringify(manifest))) as KubeObject;
    expect(pod.metadata.name).toMatch(/^made-up-\w+$/);
    expect(annotation(pod, PIN)).toBe('imc-cart');
    const reviews = await eventually('its line in the log', () => {
      const lines = webhook.reviewsOf('made-up-');
      return lines.length > 0 && lines;
    });
    expect(reviews).toMatchObject([{ outcome: 'CompleteMatch', namespace: 'default' }]);
  });

  it('has its warnings shown, whole and each on its line', async () => {
    const pod = anEciPodNamed('warned', CART);
    const annotations = {
      'k8s.aliyun.com/imc-perfect-match': 'perhaps',
      'k8s.aliyun.com/imc-match-count-request': '0',
    };
    const { code, err } = await cluster.kubectl.try(
      'create -f -',
      JSON.stringify({ ...pod, metadata: { ...pod.metadata, annotations } }),
    );
    expect(code).toBe(0);
    const warnings = err.split('\n').filter((line) => line.startsWith('Warning: '));
    expect(warnings).toEqual([
      expect.stringMatching(/^Warning: k8s.aliyun.com\/imc-perfect-match is ignored: .* not "perhaps"$/),
      expect.stringMatching(/^Warning: k8s.aliyun.com\/imc-match-count-request is ignored: .* not "0"$/),
    ]);
  });

  it('is left alone when it is not for ECI', async () => {
    const { metadata, ...rest } = anEciPodNamed('ordinary', CART);
    const pod = await cluster.createPod({ ...rest, metadata: { ...metadata, labels: { app: 'ordinary' } } });
    expect(pod.metadata.annotations).toBeUndefined();
    expect(callsFor('ordinary')).toEqual({ 'round_0_index_0 imc-webhook': false });
  });

  it('may hold a key called __proto__ where the API allows one', async () => {
    const { spec, ...rest } = anEciPodNamed('proto', CART);
    const volume = '{"name":"v","csi":{"driver":"disk.example.com","volumeAttributes":{"__proto__":"x"}}}';
    const pod = JSON.parse(
      JSON.stringify({ ...rest, spec: { ...(spec as object), volumes: ['VOLUME'] } }).replace('"VOLUME"', volume),
    ) as KubeObject;
    expect(annotation(await cluster.createPod(pod), PIN)).toBe('imc-cart');
  });

  it('has outcome and cache written to the audit log', async () => {
    await cluster.createPod(anEciPodNamed('audited', CART));
    const { annotations } = cluster.controlPlane.podCreations().findLast(({ name }) => name === 'audited')!; // just made
    const ours = Object.entries(annotations).filter(([key]) => key.startsWith('imc-webhook.'));
    expect(ours.map(([key, value]) => [key.split('/')[1], value])).toEqual(
      expect.arrayContaining([
        ['outcome', 'CompleteMatch'],
        ['cache', 'cart'],
      ]),
    );
  });
});

describe('a pod that is reviewed again (spec M11)', () => {
  it('is not changed when it is a copy of one we have answered', async () => {
    const first = await cluster.createPod(anEciPodNamed('first', CART));
    const second = await cluster.createPod(copyOf(first, 'second'));
    expect(second.metadata.annotations).toEqual(first.metadata.annotations);
    expect(callsFor('second')).toEqual({ 'round_0_index_0 imc-webhook': false });
  });

  it('is decided afresh when its images have changed since', async () => {
    const first = await cluster.createPod(anEciPodNamed('before', CART));
    const { spec, ...rest } = copyOf(first, 'after');
    const containers = [{ name: 'proxy', image: PROXY }];
    const pod = await cluster.createPod({ ...rest, spec: { ...(spec as object), containers } });
    expect(annotation(pod, PIN)).toBe('imc-cart-and-proxy');
    expect(decisionOn(pod)).toMatchObject({ cache: 'cart-and-proxy', exact: 1, images: 1 });
  });

  it('counts the sidecar that another webhook adds after us', async () => {
    const injector = await OtherWebhook.start(await cluster.webhookCa.server('127.0.0.1'), (pod) =>
      pod.metadata.labels?.['mesh'] === 'on'
        ? [{ op: 'add', path: '/spec/containers/-', value: { name: 'proxy', image: PROXY } }]
        : [],
    );
    cluster.atEnd(() => injector.stop());
    // The API server calls webhooks in the order of the names of their configurations.
    await register(cluster.api, {
      name: 'sidecar-injector',
      port: injector.port,
      caBundle: cluster.webhookCa.cert,
      reinvocationPolicy: 'Never',
    });
    const { metadata, ...rest } = anEciPodNamed('meshed', CART);
    const pod = { ...rest, metadata: { ...metadata, labels: { ...metadata.labels, mesh: 'on' } } };
    await eventually('the sidecar', async () =>
      JSON.stringify(await cluster.createPod(pod, { dryRun: true })).includes(PROXY),
    );
    const meshed = await cluster.createPod(pod);
    await unregister(cluster.api, 'sidecar-injector');

    expect(callsFor('meshed')).toEqual({
      'round_0_index_0 imc-webhook': true,
      'round_0_index_1 sidecar-injector': true,
      'round_1_index_0 imc-webhook': true,
    });
    expect(annotation(meshed, PIN)).toBe('imc-cart-and-proxy');
    expect(decisionOn(meshed)).toMatchObject({ outcome: 'CompleteMatch', exact: 2, images: 2 });
  });
});

it('every call of these tests was answered', () => {
  expect(cluster.controlPlane.openCallsLogged()).toEqual([]);
  expect(cluster.controlPlane.openCallsAudited()).toEqual([]);
  expect(webhook.log().filter(({ outcome }) => outcome === 'Error')).toEqual([]);
});
