import { beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { eventually } from './support/eventually.ts';
import { Forwarder } from './support/forwarder.ts';
import { ImageCaches } from './support/image-caches.ts';
import { PodLoad } from './support/pod-load.ts';
import { anEciPodNamed, annotation, PIN } from './support/pods.ts';
import { register } from './support/registration.ts';
import { Webhook } from './support/webhook.ts';

/** Spec S3: replicas come and go under load, and no pod notices. */

const RESTARTS = 20;
const CART = 'registry.example.com/shop/cart:1.4.2';

let cluster: Cluster;
let service: Forwarder;

beforeAll(async () => {
  cluster = await Cluster.start();
  const caches = new ImageCaches(cluster);
  await caches.define();
  await caches.createReady('cart', CART);
  service = await Forwarder.start();
  cluster.atEnd(() => service.stop());
  // A slow machine must not look like a lost call.
  const registration = {
    name: 'imc-webhook',
    port: service.port,
    caBundle: cluster.webhookCa.cert,
    timeoutSeconds: 20,
  };
  await register(cluster.api, registration);
  return () => cluster.stop();
});

async function aReplica(): Promise<Webhook> {
  const webhook = await Webhook.start({
    source: cluster.watched(),
    certificate: await cluster.webhookCa.server('127.0.0.1'),
    args: ['--drain-seconds', '2'],
  });
  cluster.atEnd(() => webhook.kill());
  return webhook;
}

describe('two replicas behind one address', () => {
  it(`stamp every pod while replicas are replaced ${RESTARTS} times`, { timeout: 600_000 }, async () => {
    let replicas: readonly Webhook[] = [await aReplica(), await aReplica()];
    service.endpoints(...replicas.map(({ port }) => port));
    await cluster.untilStamped(anEciPodNamed('probe', CART));
    const load = new PodLoad(cluster, {
      pod: (number) => anEciPodNamed(`pod-${number}`, CART),
      perSecond: 50,
      problem: (pod) => (annotation(pod, PIN) === 'imc-cart' ? undefined : 'not stamped'),
    });

    for (let restart = 1; restart <= RESTARTS; restart += 1) {
      const [leaving, staying] = [replicas[0]!, replicas[1]!]; // there are two
      const coming = await aReplica();
      // As a cluster does it: the signal, the probe that fails, and only then is it no endpoint any more.
      leaving.process.signal('SIGTERM');
      await eventually('the leaving replica to be unready', async () => !(await isReady(leaving)));
      service.endpoints(staying.port, coming.port);
      const before = load.created;
      expect(await leaving.process.ended()).toBe(0);
      await eventually('more pods', () => load.created > before);
      replicas = [staying, coming];
    }

    const { created, problems } = await load.stop();
    expect(problems).toEqual([]);
    expect(created).toBeGreaterThan(RESTARTS);
    expect(cluster.controlPlane.openCallsLogged()).toEqual([]);
    expect(cluster.controlPlane.openCallsAudited()).toEqual([]);
  });
});

async function isReady(webhook: Webhook): Promise<boolean> {
  try {
    return (await webhook.operation('/readyz')).status === 200;
  } catch {
    return false;
  }
}
