import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Cluster } from './support/cluster.ts';
import type { Component } from './support/component.ts';
import { reviewDirectly } from './support/direct-review.ts';
import { writeEciProfile } from './support/eci-profile.ts';
import { eventually } from './support/eventually.ts';
import { ImageCaches } from './support/image-caches.ts';
import { PodLoad } from './support/pod-load.ts';
import { AUTO, anEciPodNamed, annotation, PIN } from './support/pods.ts';
import { Release } from './support/release.ts';
import { ServiceNetwork } from './support/service-network.ts';
import type { Webhook } from './support/webhook.ts';

/**
 * What the controller keeps for the replicas, with the chart's own rights and arguments: certificate, CA and caBundle
 * (spec S1), and the last good rules (spec P6).
 */

const CART = 'registry.example.com/shop/cart:1.4.2';
/** API servers get two minutes to hear of a new CA before a certificate of it is served. */
const ROTATION_TIMEOUT_MS = 400_000;

let cluster: Cluster;
let release: Release;
let controller: Component;
let replicas: readonly [Webhook, Webhook];

beforeAll(async () => {
  const network = await ServiceNetwork.start();
  cluster = await Cluster.start({ apiServerArgs: network.apiServerArgs() });
  cluster.atEnd(() => network.stop());
  release = await Release.install(cluster, network, '--set webhook.timeoutSeconds=10');
  controller = await release.control();
  await new ImageCaches(cluster).createReady('cart', CART);
  replicas = [await release.serve(), await release.serve()];
  await release.endpoints(...replicas);
  await cluster.untilStamped(anEciPodNamed('probe', CART));
  return () => cluster.stop();
});

/** The CAs in the caBundle of the webhook configuration. */
async function registeredAuthorities(): Promise<readonly X509Certificate[]> {
  const { webhooks } = (await cluster.api.get(release.configuration)) as unknown as {
    webhooks: readonly { clientConfig: { caBundle?: string } }[];
  }; // of a webhook configuration
  const pem = Buffer.from(webhooks[0]?.clientConfig.caBundle ?? '', 'base64').toString('utf8');
  return (pem.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g) ?? []).map((text) => new X509Certificate(text));
}

/** The certificate a replica shows to those who come now. */
async function servedBy({ port }: Webhook): Promise<X509Certificate> {
  const socket = connect({ host: '127.0.0.1', port, servername: release.host, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return new X509Certificate(socket.getPeerCertificate().raw);
  } finally {
    socket.destroy();
  }
}

describe('the last good rules (spec P6)', () => {
  it('are those of a replica that starts while the eci-profile is broken', async () => {
    const pod = anEciPodNamed('ruled', CART);
    onTestFinished(async () => {
      await writeEciProfile(cluster, []);
      await eventually('no rule', async () => annotation(await cluster.createPod(pod, { dryRun: true }), PIN));
    });
    await writeEciProfile(cluster, [{ name: 'no-automatic-mode', effect: { annotations: { [AUTO]: 'false' } } }]);
    await eventually(
      'the rule',
      async () => annotation(await cluster.createPod(pod, { dryRun: true }), AUTO) === 'false',
    );
    await eventually('the controller to have kept it', async () => {
      const kept = await cluster.api.find(`/api/v1/namespaces/${release.namespace}/configmaps/${release.name}-profile`);
      return JSON.stringify(kept?.['data'] ?? {}).includes('no-automatic-mode');
    });
    await writeEciProfile(cluster, '[{"name":');
    await eventually('the Event', async () => {
      const events = await cluster.api.items('/api/v1/namespaces/kube-system/events');
      return events.some((event) => JSON.stringify(event['involvedObject']).includes('eci-profile'));
    });

    const late = await release.serve();
    const [ca] = await registeredAuthorities();
    const answer = await reviewDirectly(late, ca!.toString(), pod, release.host); // the API server trusts it
    expect(answer).toMatchObject({ allowed: true, outcome: 'AutoDisabled' });
    await late.kill();
  });
});

describe('the caBundle', () => {
  it('is put right when somebody empties it', async () => {
    const [before] = await registeredAuthorities();
    await cluster.kubectl.run(
      `patch ${release.configuration.split('/').slice(-2).join('/')} --type json -p [{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`,
    );
    const [after] = await eventually('a caBundle', async () => {
      const authorities = await registeredAuthorities();
      return authorities.length > 0 && authorities;
    });
    expect(after?.fingerprint256).toBe(before?.fingerprint256);
    await cluster.untilStamped(anEciPodNamed('probe', CART));
  });
});

describe('a certificate', () => {
  it('is renewed, and then its CA, under load: no pod notices', { timeout: 2 * ROTATION_TIMEOUT_MS }, async () => {
    const openAtFirst = cluster.controlPlane.openCallsLogged().length;
    const load = new PodLoad(cluster, {
      pod: (number) => anEciPodNamed(`pod-${number}`, CART),
      perSecond: 20,
      problem: (pod) => (annotation(pod, PIN) === 'imc-cart' ? undefined : 'not stamped'),
    });
    const secrets = `/api/v1/namespaces/${release.namespace}/secrets`;
    const first = await servedBy(replicas[0]);

    // What docs/certificates.md tells people to do for a new certificate, and for a new CA.
    await cluster.api.delete(`${secrets}/${release.name}-tls`);
    const isRenewed = async (replica: Webhook): Promise<boolean> =>
      (await servedBy(replica)).fingerprint256 !== first.fingerprint256;
    for (const replica of replicas) await eventually('the new certificate', () => isRenewed(replica));
    const [oldCa] = await registeredAuthorities();
    expect((await servedBy(replicas[0])).checkIssued(oldCa!)).toBe(true); // it is the one that is there

    await cluster.api.delete(`${secrets}/${release.name}-tls-ca`);
    const newCa = await eventually('both CAs in the caBundle', async () => {
      const authorities = await registeredAuthorities();
      return (
        authorities.length === 2 && authorities.find(({ fingerprint256 }) => fingerprint256 !== oldCa?.fingerprint256)
      );
    });
    for (const replica of replicas) {
      const isOfTheNewCa = async (): Promise<boolean> => (await servedBy(replica)).verify(newCa.publicKey);
      await eventually('a certificate of the new CA', isOfTheNewCa, {
        timeoutMs: ROTATION_TIMEOUT_MS,
        intervalMs: 500,
      });
    }
    const before = load.created;
    await eventually('pods after the change', () => load.created > before + 20);

    const { created, problems } = await load.stop();
    expect(problems).toEqual([]);
    expect(created).toBeGreaterThan(0);
    expect(cluster.controlPlane.openCallsLogged().slice(openAtFirst)).toEqual([]);
    expect(cluster.controlPlane.openCallsAudited()).toEqual([]);
    for (const replica of replicas) expect(replica.process.isRunning).toBe(true);
  });
});

it('the controller ends in order, and gives its Lease back', async () => {
  await controller.stop('SIGTERM');
  expect(controller.exitCode).toBe(0);
  const lease = await cluster.api.get(
    `/apis/coordination.k8s.io/v1/namespaces/${release.namespace}/leases/${release.name}-controller`,
  );
  expect(lease['spec']).not.toMatchObject({ holderIdentity: expect.stringMatching(/./) });
});
