import { beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from './support/api-client.ts';
import { Cluster } from './support/cluster.ts';
import { writeEciProfile } from './support/eci-profile.ts';
import { eventually } from './support/eventually.ts';
import { ImageCaches } from './support/image-caches.ts';
import { AUTO, anEciPodNamed, annotation, decisionOn, PIN } from './support/pods.ts';
import { register } from './support/registration.ts';
import { Webhook } from './support/webhook.ts';

/** What changes in the cluster counts from the next review on (spec P6, P7, M1). */

const WEB = 'registry.example.com/shop/web:3.1.0';
const CART = 'registry.example.com/shop/cart:1.4.2';

let cluster: Cluster;
let caches: ImageCaches;
let webhook: Webhook;

beforeAll(async () => {
  cluster = await Cluster.start();
  caches = new ImageCaches(cluster);
  await caches.define();
  await caches.createReady('web', WEB);
  webhook = await aReplica([]);
  await register(cluster.api, registration('imc-webhook', webhook));
  await cluster.untilStamped(anEciPodNamed('probe', WEB));
  return () => cluster.stop();
});

async function aReplica(args: readonly string[]): Promise<Webhook> {
  const replica = await Webhook.start({
    source: cluster.watched(),
    certificate: await cluster.webhookCa.server('127.0.0.1'),
    args,
  });
  cluster.atEnd(() => replica.kill());
  return replica;
}

/** Slow machines must not look like lost calls, hence the long timeout. */
function registration(name: string, replica: Webhook) {
  return { name, port: replica.port, caBundle: cluster.webhookCa.cert, timeoutSeconds: 20 };
}

function labelled(pod: KubeObject, labels: Readonly<Record<string, string>>): KubeObject {
  return { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, ...labels } } };
}

/** A pod created in a dry run, once it is as expected. */
function podOnce(what: string, pod: KubeObject, isExpected: (pod: KubeObject) => boolean): Promise<KubeObject> {
  return eventually(what, async () => {
    const created = await cluster.createPod(pod, { dryRun: true });
    return isExpected(created) ? created : undefined;
  });
}

describe('ImageCaches', () => {
  it('count from Ready on, until they are deleted', async () => {
    const pod = anEciPodNamed('cart', CART);
    await caches.create('cart', CART);
    const before = await cluster.createPod(pod, { dryRun: true });
    expect(decisionOn(before)?.outcome).toBe('NoMatch');
    expect(annotation(before, AUTO)).toBe('true');

    await caches.setStatus('cart', { phase: 'Creating', progress: '40%', imageCacheId: 'imc-cart' });
    await caches.setStatus('cart', { phase: 'Ready', progress: '100%' });
    const pinned = await podOnce('the pin', pod, (created) => annotation(created, PIN) !== undefined);
    expect(annotation(pinned, PIN)).toBe('imc-cart');

    await caches.delete('cart');
    const after = await podOnce('no pin', pod, (created) => annotation(created, PIN) === undefined);
    expect(decisionOn(after)?.outcome).toBe('NoMatch');
  });
});

describe('labels of namespaces', () => {
  it('count when they are added, and when they are taken away', async () => {
    const namespace = await cluster.namespace('changing');
    const pod: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace },
      spec: { containers: [{ name: 'web', image: WEB }] },
    };
    expect(decisionOn(await cluster.createPod(pod, { dryRun: true }))).toBeUndefined();
    await cluster.kubectl.run(`label namespace ${namespace} imc-webhook/enabled=true`);
    await podOnce('a stamped pod', pod, (created) => annotation(created, PIN) === 'imc-web');
    await cluster.kubectl.run(`label namespace ${namespace} imc-webhook/enabled-`);
    await podOnce('a pod left alone', pod, (created) => decisionOn(created) === undefined);
  });
});

describe('the eci-profile', () => {
  const rule = (annotations: Readonly<Record<string, string>>) => [
    { name: 'by-label', objectSelector: { matchLabels: { 'image-cache': 'true' } }, effect: { annotations } },
  ];
  const pod = labelled(anEciPodNamed('ruled', CART), { 'image-cache': 'true' });
  const profileEvents = async (): Promise<readonly KubeObject[]> => {
    const selector = encodeURIComponent('involvedObject.name=eci-profile,type=Warning');
    return cluster.api.items(`/api/v1/namespaces/kube-system/events?fieldSelector=${selector}`);
  };
  const isProfileValid = async (): Promise<boolean> => {
    const { text } = await webhook.operation('/metrics');
    return /^imc_profile_valid 1$/m.test(text);
  };

  it('takes effect when it is written and when it is changed', async () => {
    await writeEciProfile(cluster, rule({ [PIN]: 'imc-web' }));
    const first = await podOnce("the rule's pin", pod, (created) => annotation(created, PIN) === 'imc-web');
    expect(decisionOn(first)).toMatchObject({ outcome: 'Pinned', rules: ['by-label'] });

    await writeEciProfile(cluster, rule({ [AUTO]: 'false' }));
    const second = await podOnce("the new rule's value", pod, (created) => annotation(created, AUTO) === 'false');
    expect(decisionOn(second)?.outcome).toBe('AutoDisabled');
  });

  it('is told of by one Event when it is broken, while the last good rules stay', async () => {
    await writeEciProfile(cluster, '[{"name": "by-label", "effect": {"annotations": {}}},]');
    const [event] = await eventually('an Event', async () => {
      const events = await profileEvents();
      return events.length > 0 && events;
    });
    expect(event).toMatchObject({
      involvedObject: { kind: 'ConfigMap', namespace: 'kube-system', name: 'eci-profile' },
      message: expect.stringMatching(/line 1 column 54: selectors: not valid JSON/),
    });
    await eventually('the metric', async () => !(await isProfileValid()));
    const created = await cluster.createPod(pod, { dryRun: true });
    expect(decisionOn(created)).toMatchObject({ outcome: 'AutoDisabled', rules: ['by-label'] });
    expect((await webhook.operation('/readyz?verbose')).text).toContain('eci-profile');
    expect(await profileEvents()).toHaveLength(1);
  });

  it('takes effect again once it is mended', async () => {
    await writeEciProfile(cluster, rule({ [PIN]: 'imc-web' }));
    await podOnce("the mended rule's pin", pod, (created) => annotation(created, PIN) === 'imc-web');
    expect(await isProfileValid()).toBe(true);
    await cluster.kubectl.run('delete configmap eci-profile -n kube-system');
    await podOnce('no rule', pod, (created) => decisionOn(created)?.rules === undefined);
  });
});

describe('a pin to an ImageCache that is not Ready', () => {
  const building = { phase: 'Creating', progress: '70%', imageCacheId: 'imc-slow' };
  const annotations = { [PIN]: 'imc-slow' };

  beforeAll(async () => {
    await caches.create('slow', CART);
    await caches.setStatus('slow', building);
  });

  it('is warned of', async () => {
    const pod = anEciPodNamed('warned', CART);
    const manifest = JSON.stringify({ ...pod, metadata: { ...pod.metadata, annotations } });
    const { code, err } = await eventually('the warning', async () => {
      const result = await cluster.kubectl.try('create --dry-run=server -f -', manifest);
      return result.err.includes('slow') && result;
    });
    expect(code).toBe(0);
    expect(err).toMatch(/^Warning: .*slow is Creating \(70%\)/m);
  });

  it('keeps the pods of a Deployment out with unreadyPin deny, in its events, until the ImageCache is Ready', async () => {
    const strict = await aReplica(['--unready-pin', 'deny']);
    await register(cluster.api, {
      ...registration('imc-webhook-strict', strict),
      objectSelector: { matchLabels: { app: 'strict' } },
    });
    const probe = labelled(anEciPodNamed('probe', CART), { app: 'strict' });
    await eventually('a refusal', async () => {
      const path = '/api/v1/namespaces/default/pods?dryRun=All';
      const { status, text } = await cluster.api.send('POST', path, {
        ...probe,
        metadata: { ...probe.metadata, annotations },
      });
      return status === 422 && text.includes('imc-slow');
    });
    await cluster.kubectl.apply(
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'strict' },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'strict' } },
          template: {
            metadata: { labels: { app: 'strict', 'alibabacloud.com/eci': 'true' }, annotations },
            spec: { containers: [{ name: 'cart', image: CART }] },
          },
        },
      }),
    );
    const events = await eventually('the refusal among the events', async () => {
      const text = await cluster.kubectl.run('get events --field-selector reason=FailedCreate');
      return text.includes('imc-slow') && text;
    });
    expect(events).toMatch(/replicaset\/strict-\w+ .*denied the request: .*slow/);
    expect(await cluster.pods('default', 'app=strict')).toEqual([]);

    await caches.setStatus('slow', { phase: 'Ready', progress: '100%' });
    const [pod] = await eventually('the pod', async () => {
      const pods = await cluster.pods('default', 'app=strict');
      return pods.length === 1 && pods;
    });
    expect(pod && decisionOn(pod)).toMatchObject({ outcome: 'Pinned', cache: 'slow' });
  });
});

it('every call of these tests was answered', () => {
  expect(cluster.controlPlane.openCallsLogged()).toEqual([]);
  expect(cluster.controlPlane.openCallsAudited()).toEqual([]);
});
