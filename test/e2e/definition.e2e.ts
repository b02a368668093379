import { beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from './support/api-client.ts';
import { Cluster } from './support/cluster.ts';
import { eventually } from './support/eventually.ts';
import { ImageCaches, VENDOR_DEFINITION } from './support/image-caches.ts';
import { AUTO, anEciPodNamed, annotation, decisionOn, PIN } from './support/pods.ts';
import { register } from './support/registration.ts';
import { Webhook } from './support/webhook.ts';

/** A cluster that does not know ImageCaches yet, and then gets the vendor's definition of them, not ours (spec S2, E5). */

const WEB = 'registry.example.com/shop/web:3.1.0';
const DIGEST = `sha256:${'5'.repeat(64)}`;

let cluster: Cluster;
let caches: ImageCaches;
let webhook: Webhook;

beforeAll(async () => {
  cluster = await Cluster.start();
  caches = new ImageCaches(cluster);
  webhook = await Webhook.start({
    source: cluster.watched(),
    certificate: await cluster.webhookCa.server('127.0.0.1'),
  });
  cluster.atEnd(() => webhook.kill());
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

describe('without a definition of ImageCaches', () => {
  it('the webhook is ready, says what is missing, and leaves pods to ECI', async () => {
    const { status, text } = await webhook.operation('/readyz?verbose');
    expect(status).toBe(200);
    expect(text).toMatch(/imagecaches/i);
    const pod = await cluster.createPod(anEciPodNamed('early', WEB));
    expect(decisionOn(pod)?.outcome).toBe('NoMatch');
    expect(annotation(pod, AUTO)).toBe('true');
  });
});

describe("with the vendor's definition, installed later", () => {
  beforeAll(async () => {
    await caches.define(VENDOR_DEFINITION);
  });

  it('ImageCaches count within a minute', async () => {
    await caches.create('web', WEB);
    await caches.setStatus('web', { phase: 'Ready', progress: '100%', imageCacheId: 'imc-web' });
    const pod = await eventually('the pin', async () => {
      const created = await cluster.createPod(anEciPodNamed('late', WEB), { dryRun: true });
      return annotation(created, PIN) !== undefined && created;
    });
    expect(annotation(pod, PIN)).toBe('imc-web');
  });

  it('recorded images live in the annotation, since status has no room for them', async () => {
    const byDigest: KubeObject = anEciPodNamed('by-digest', `registry.example.com/shop/web@${DIGEST}`);
    const recorded = [{ name: WEB, digest: DIGEST, sizeBytes: 104_857_600 }];
    const pruned = await caches.setStatus('web', { images: recorded });
    expect(pruned['status']).not.toHaveProperty('images');
    expect(decisionOn(await cluster.createPod(byDigest, { dryRun: true }))?.outcome).toBe('NoMatch');

    await caches.annotate('web', { 'imc-webhook/images': JSON.stringify(recorded) });
    const pod = await eventually('the pin', async () => {
      const created = await cluster.createPod(byDigest, { dryRun: true });
      return annotation(created, PIN) !== undefined && created;
    });
    expect(decisionOn(pod)).toMatchObject({ outcome: 'CompleteMatch', cache: 'web', exact: 1, images: 1 });
  });
});
