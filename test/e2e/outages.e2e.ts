import { beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.ts';
import { reviewDirectly } from './support/direct-review.ts';
import { eventually } from './support/eventually.ts';
import { Forwarder } from './support/forwarder.ts';
import { ImageCaches } from './support/image-caches.ts';
import { anEciPodNamed } from './support/pods.ts';
import { Webhook } from './support/webhook.ts';

/**
 * Spec S4: the cluster behind the watches fails in every way it knows. Reviews are answered from the last known state
 * meanwhile, and the state catches up afterwards. The webhook is asked directly, since the API server cannot ask it.
 */

const WEB = 'registry.example.com/shop/web:3.1.0';

let cluster: Cluster;
let caches: ImageCaches;
/** The network between the webhook and the API server. */
let network: Forwarder;
let webhook: Webhook;

beforeAll(async () => {
  cluster = await Cluster.start();
  caches = new ImageCaches(cluster);
  await caches.define();
  await caches.createReady('web', WEB);
  network = await Forwarder.start();
  cluster.atEnd(() => network.stop());
  connect();
  webhook = await Webhook.start({
    source: cluster.watched(cluster.controlPlane.kubeconfigFor(`https://127.0.0.1:${network.port}`)),
    certificate: await cluster.webhookCa.server('127.0.0.1'),
  });
  cluster.atEnd(() => webhook.kill());
  await expectPin('web', WEB);
  return () => cluster.stop();
});

function connect(): void {
  network.endpoints(Number(new URL(cluster.controlPlane.server).port));
}

/** Nothing passes between webhook and API server any more, and nobody answers. */
function disconnect(): void {
  network.endpoints();
  network.cut();
}

async function pinFor(image: string): Promise<string | undefined> {
  return (await reviewDirectly(webhook, cluster.webhookCa.cert, anEciPodNamed('pod', image))).pin;
}

/** Now, not some time. */
async function expectPin(name: string, image: string): Promise<void> {
  expect(await pinFor(image)).toBe(`imc-${name}`);
}

/** A cache that is made now is known some time later. */
async function expectCatchesUp(name: string): Promise<void> {
  const image = `registry.example.com/new/${name}:1.0.0`;
  await caches.createReady(name, image);
  await eventually(`the new ImageCache ${name} to count`, async () => (await pinFor(image)) === `imc-${name}`);
}

it('the API server is restarted, twice: in order, and by force', async () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const restart = cluster.controlPlane.restartApiServer(signal);
    await expectPin('web', WEB);
    await restart;
    await expectPin('web', WEB);
    await expectCatchesUp(`after-${signal.toLowerCase()}`);
  }
});

it('etcd stands still for a while', async () => {
  cluster.controlPlane.etcd.freeze();
  const write = caches.createReady('written-meanwhile', 'registry.example.com/new/meanwhile:1.0.0');
  await expectPin('web', WEB);
  cluster.controlPlane.etcd.thaw();
  await write;
  await eventually(
    'what was written meanwhile to count',
    async () => (await pinFor('registry.example.com/new/meanwhile:1.0.0')) === 'imc-written-meanwhile',
  );
});

it('the watches are cut', async () => {
  network.cut();
  await expectPin('web', WEB);
  await expectCatchesUp('after-a-cut');
});

it('the API server is out of reach, while ImageCaches come and go', async () => {
  await caches.createReady('short-lived', 'registry.example.com/new/short-lived:1.0.0');
  await eventually(
    'it to count',
    async () => (await pinFor('registry.example.com/new/short-lived:1.0.0')) !== undefined,
  );
  disconnect();
  await caches.delete('short-lived');
  await expectPin('short-lived', 'registry.example.com/new/short-lived:1.0.0');
  connect();
  await eventually(
    'what was deleted meanwhile to be forgotten',
    async () => (await pinFor('registry.example.com/new/short-lived:1.0.0')) === undefined,
  );
  await expectPin('web', WEB);
});

describe('the resource version it watched from has expired', () => {
  it('lists again, and knows what has come and gone meanwhile', async () => {
    await caches.createReady('gone', 'registry.example.com/new/gone:1.0.0');
    await eventually('it to count', async () => (await pinFor('registry.example.com/new/gone:1.0.0')) !== undefined);
    disconnect();
    await caches.delete('gone');
    await caches.createReady('come', 'registry.example.com/new/come:1.0.0');
    // A new API server has no events of before its start, and etcd has forgotten them too.
    await cluster.controlPlane.compact();
    await cluster.controlPlane.restartApiServer('SIGKILL');
    connect();
    await eventually(
      'the new ImageCache to count',
      async () => (await pinFor('registry.example.com/new/come:1.0.0')) === 'imc-come',
    );
    expect(await pinFor('registry.example.com/new/gone:1.0.0')).toBeUndefined();
    await expectPin('web', WEB);
  });
});

it('nothing of all this was an error of a review', () => {
  const outcomes = new Set(webhook.log().flatMap(({ msg, outcome }) => (msg === 'reviewed' ? [outcome] : [])));
  expect(outcomes).toEqual(new Set(['CompleteMatch', 'NoMatch']));
});
