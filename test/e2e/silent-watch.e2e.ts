import { beforeAll, expect, it } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { reviewDirectly } from './support/direct-review.ts';
import { eventually } from './support/eventually.ts';
import { Forwarder } from './support/forwarder.ts';
import { ImageCaches } from './support/image-caches.ts';
import { anEciPodNamed } from './support/pods.ts';
import { Webhook } from './support/webhook.ts';

/** Spec S4: a connection the network has forgotten stays open and silent. Alone in a file, since noticing takes 130 s. */

const NOTICED_AFTER_MS = 130_000;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ audit: false });
  return () => cluster.stop();
});

it('watches that fall silent are begun anew', { timeout: 3 * NOTICED_AFTER_MS }, async () => {
  const caches = new ImageCaches(cluster);
  await caches.define();
  await caches.createReady('before', 'registry.example.com/shop/before:1.0.0');
  const network = await Forwarder.start();
  cluster.atEnd(() => network.stop());
  network.endpoints(Number(new URL(cluster.controlPlane.server).port));
  const webhook = await Webhook.start({
    source: cluster.watched(cluster.controlPlane.kubeconfigFor(`https://127.0.0.1:${network.port}`)),
    certificate: await cluster.webhookCa.server('127.0.0.1'),
  });
  cluster.atEnd(() => webhook.kill());
  const pinFor = async (name: string): Promise<string | undefined> => {
    const pod = anEciPodNamed('pod', `registry.example.com/shop/${name}:1.0.0`);
    return (await reviewDirectly(webhook, cluster.webhookCa.cert, pod)).pin;
  };
  expect(await pinFor('before')).toBe('imc-before');

  network.silence();
  await caches.createReady('after', 'registry.example.com/shop/after:1.0.0');
  expect(await pinFor('before')).toBe('imc-before');
  await eventually('the ImageCache that came in the silence', async () => (await pinFor('after')) === 'imc-after', {
    timeoutMs: 2 * NOTICED_AFTER_MS,
    intervalMs: 500,
  });
});
