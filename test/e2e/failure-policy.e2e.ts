import { beforeAll, describe, expect, it } from 'vitest';
import { anImageCache } from '../support/image-cache-builder.ts';
import { ApiError } from './support/api-client.ts';
import { Cluster } from './support/cluster.ts';
import { eventually } from './support/eventually.ts';
import { sourceOfFiles } from './support/files-cluster.ts';
import { anEciPodNamed, annotation, decisionOn, PIN } from './support/pods.ts';
import { register } from './support/registration.ts';
import { Webhook } from './support/webhook.ts';

/** Never stop a pod that would have started without us: what happens to pods when the webhook is hurt or gone. */

const CART = 'registry.example.com/shop/cart:1.4.2';

let cluster: Cluster;
let webhook: Webhook;

beforeAll(async () => {
  cluster = await Cluster.start();
  webhook = await Webhook.start({
    source: sourceOfFiles(anImageCache('cart').holding(CART)),
    certificate: await cluster.webhookCa.server('127.0.0.1'),
  });
  cluster.atEnd(() => webhook.kill());
  await register(cluster.api, registration());
  await cluster.untilStamped(anEciPodNamed('probe', CART));
  return () => cluster.stop();
});

function registration() {
  return { name: 'imc-webhook', port: webhook.port, caBundle: cluster.webhookCa.cert, timeoutSeconds: 1 };
}

/** Runs an action and gives the reasons of the calls the API server let pass meanwhile. */
async function openCallsDuring(action: () => Promise<void>): Promise<readonly string[]> {
  const before = cluster.controlPlane.openCallsLogged().length;
  await action();
  return cluster.controlPlane.openCallsLogged().slice(before);
}

describe('with failurePolicy Ignore, as the chart has it', () => {
  it('pods are created while the webhook hangs, and stamped again once it goes on', async () => {
    const openCalls = await openCallsDuring(async () => {
      webhook.process.freeze();
      const pod = await cluster.createPod(anEciPodNamed('meanwhile', CART));
      expect(pod.metadata.annotations).toBeUndefined();
      webhook.process.thaw();
    });
    expect(openCalls).toEqual([expect.stringContaining('failing open imc-webhook.')]);
    const pod = await cluster.createPod(anEciPodNamed('afterwards', CART));
    expect(annotation(pod, PIN)).toBe('imc-cart');
  });

  it('pods are created while nobody is there, and stamped once somebody is', async () => {
    const openCalls = await openCallsDuring(async () => {
      await webhook.kill();
      const pod = await cluster.createPod(anEciPodNamed('alone', CART));
      expect(pod.metadata.annotations).toBeUndefined();
    });
    expect(openCalls).toEqual([expect.stringContaining('connection refused')]);
    webhook.process.start();
    await webhook.ready();
    const pod = await cluster.createPod(anEciPodNamed('not-alone', CART));
    expect(annotation(pod, PIN)).toBe('imc-cart');
  });

  it('pods are created when the API server does not know our CA', async () => {
    const openCalls = await openCallsDuring(async () => {
      await register(cluster.api, { ...registration(), caBundle: cluster.controlPlane.ca.cert });
      await eventually('a pod that is not stamped', async () => {
        const pod = await cluster.createPod(anEciPodNamed('unknown-ca', CART), { dryRun: true });
        return decisionOn(pod) === undefined;
      });
    });
    expect(openCalls).toEqual([expect.stringContaining('certificate signed by unknown authority')]);
    await register(cluster.api, registration());
    await cluster.untilStamped(anEciPodNamed('known-ca', CART));
  });
});

describe('with failurePolicy Fail, for those who choose it', () => {
  it('pods are refused while nobody is there', async () => {
    await register(cluster.api, { ...registration(), failurePolicy: 'Fail' });
    await webhook.kill();
    const refusal = await eventually('a refusal', async () => {
      try {
        await cluster.createPod(anEciPodNamed('refused', CART), { dryRun: true });
        return undefined;
      } catch (error) {
        return error;
      }
    });
    expect(refusal).toBeInstanceOf(ApiError);
    expect(String(refusal)).toContain('failed calling webhook \\"imc-webhook.');
  });
});
