import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBundle } from '../../src/certs/certificate-facts.ts';
import { OWNER_LABEL } from '../../src/certs/certificate-rotation.ts';
import { PROPAGATION_MS } from '../../src/certs/rotation-plan.ts';
import { aPair } from './pairs.ts';
import { CA_SECRET, HOST, SimulatedCluster, type SimulatedReplica, TLS_SECRET } from './simulated-cluster.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const YEAR_MS = 365 * DAY_MS;

describe('CertificateRotation (spec S1)', () => {
  it('makes everything at the first look: CA, certificate, bundles', async () => {
    const cluster = new SimulatedCluster();
    const { rotation, news } = cluster.connect();
    await rotation.reconcile();
    const { 'ca.crt': ca = '', 'tls.crt': certPem = '' } = dataOf(cluster, TLS_SECRET);
    expect(Object.keys(dataOf(cluster, TLS_SECRET)).toSorted()).toEqual(['ca.crt', 'tls.crt', 'tls.key']);
    expect(cluster.configuration?.webhooks.map(({ bundlePem }) => bundlePem)).toEqual([ca, ca]);
    expect(dataOf(cluster, CA_SECRET)['tls.crt']).toBe(ca);
    const certificate = new X509Certificate(certPem);
    expect(certificate.checkHost(HOST)).toBe(HOST);
    expect(certificate.verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(rotation.problem()).toBeUndefined();
    expect(rotation.expiry()).toEqual(certificate.validToDate);
    expect(news.map(({ reason }) => reason)).toEqual([
      'CertificateAuthorityCreated',
      'BundlePublished',
      'CertificateIssued',
    ]);
  });

  it('writes nothing when all is well', async () => {
    const { cluster, rotation } = await settled();
    const { writes } = cluster;
    for (let look = 0; look < 10; look++) {
      cluster.pass(DAY_MS);
      await rotation.reconcile();
    }
    expect(cluster.writes).toBe(writes);
  });

  it('keeps the key of the CA out of the Secret that replicas read', async () => {
    const { cluster } = await settled();
    const caKey = dataOf(cluster, CA_SECRET)['tls.key'] ?? '';
    expect(caKey).toContain('PRIVATE KEY');
    expect(Object.values(dataOf(cluster, TLS_SECRET))).not.toContain(caKey);
  });

  it('renews at two thirds from the same CA, without touching the bundles', async () => {
    const { cluster, rotation } = await settled();
    const before = dataOf(cluster, TLS_SECRET);
    const { configuration } = cluster;
    cluster.pass((YEAR_MS * 2) / 3);
    await rotation.reconcile();
    const after = dataOf(cluster, TLS_SECRET);
    expect(after['tls.crt']).not.toBe(before['tls.crt']);
    expect(after['ca.crt']).toBe(before['ca.crt']);
    expect(cluster.configuration).toBe(configuration);
  });

  it('goes over to a new CA in the documented order when the old one is due', async () => {
    const { cluster, rotation, news } = await settled();
    const old = dataOf(cluster, CA_SECRET)['tls.crt'] ?? '';
    // Two thirds of ten years, in which the certificate has been renewed whenever it was due.
    for (let renewal = 0; renewal < 10; renewal++) {
      cluster.pass(245 * DAY_MS);
      await rotation.reconcile();
      for (const replica of cluster.replicas) cluster.deliver(replica);
    }
    expect(news.filter(({ reason }) => reason === 'CertificateAuthorityCreated')).toHaveLength(2);
    const young = dataOf(cluster, CA_SECRET)['tls.crt'] ?? '';
    expect(bundleOf(cluster)).toEqual([young, old]);
    const certificate = dataOf(cluster, TLS_SECRET)['tls.crt'];

    cluster.pass(PROPAGATION_MS);
    await rotation.reconcile();
    expect(dataOf(cluster, TLS_SECRET)['tls.crt']).not.toBe(certificate);
    expect(bundleOf(cluster)).toEqual([young, old]);

    const [first, ...others] = cluster.replicas;
    for (const replica of others) cluster.deliver(replica);
    for (let day = 0; day < 3; day++) {
      cluster.pass(DAY_MS);
      await rotation.reconcile();
    }
    expect(bundleOf(cluster)).toEqual([young, old]);
    expect(rotation.problem()).toBe('older CAs stay in the caBundle: not seen to serve the new certificate: replica-0');

    cluster.deliver(first as SimulatedReplica);
    await rotation.reconcile();
    expect(bundleOf(cluster)).toEqual([young]);
    expect(dataOf(cluster, TLS_SECRET)['ca.crt']).toBe(young);
    expect(rotation.problem()).toBeUndefined();
  });

  it('keeps older CAs when no replica is found, and says where to look', async () => {
    const { cluster, rotation } = await settled();
    cluster.secrets.delete(CA_SECRET);
    cluster.replicas.length = 0;
    for (let look = 0; look < 4; look++) {
      await rotation.reconcile();
      cluster.pass(PROPAGATION_MS);
    }
    expect(bundleOf(cluster)).toHaveLength(2);
    expect(rotation.problem()).toMatch(/no replica was found; check tls\.podSelector/);
  });

  it.each<[string, (cluster: SimulatedCluster) => void]>([
    ['emptied', (cluster) => cluster.register(['', ''])],
    ['half changed', (cluster) => cluster.register([bundlePemOf(cluster), 'garbage'])],
  ])('repairs a caBundle that was %s at the next look', async (_what, damage) => {
    const { cluster, rotation } = await settled();
    const before = bundlePemOf(cluster);
    damage(cluster);
    await rotation.reconcile();
    expect(cluster.configuration?.webhooks.map(({ bundlePem }) => bundlePem)).toEqual([before, before]);
  });

  it('makes a Secret anew that was deleted, at once and from the same CA', async () => {
    const { cluster, rotation } = await settled();
    const ca = dataOf(cluster, TLS_SECRET)['ca.crt'];
    cluster.secrets.delete(TLS_SECRET);
    await rotation.reconcile();
    expect(dataOf(cluster, TLS_SECRET)['ca.crt']).toBe(ca);
    expect(cluster.readablePair()).toBeDefined();
  });

  it('fills an empty Secret, as a chart may make it, and keeps what else it says', async () => {
    const cluster = new SimulatedCluster();
    cluster.putSecret(TLS_SECRET, { labels: { app: 'imc' }, data: { 'tls.crt': '', 'tls.key': '' } });
    await cluster.connect().rotation.reconcile();
    expect(cluster.readablePair()).toBeDefined();
    expect(cluster.secrets.get(TLS_SECRET)?.labels).toEqual({ app: 'imc', ...OWNER_LABEL });
  });

  it.each([TLS_SECRET, CA_SECRET])('never touches data of others in %s, and says what to do', async (name) => {
    const cluster = new SimulatedCluster();
    cluster.putSecret(name, { labels: {}, data: { password: 'x' } });
    const { rotation, news, logger } = cluster.connect();
    await rotation.reconcile();
    await rotation.reconcile();
    expect(dataOf(cluster, name)).toEqual({ password: 'x' });
    expect(rotation.problem()).toMatch(
      new RegExp(`^Secret ${name} holds data that is not ours: it has no label imc-webhook/certificates=managed; name`),
    );
    expect(news.filter(({ type }) => type === 'Warning')).toHaveLength(1);
    expect(logger.of('warn')).toHaveLength(1);
  });

  it('says so when there is no webhook configuration, and goes on when there is', async () => {
    const cluster = new SimulatedCluster();
    cluster.configuration = undefined;
    const { rotation, logger } = cluster.connect();
    await rotation.reconcile();
    expect(rotation.problem()).toMatch(/^there is no MutatingWebhookConfiguration imc .*tls\.webhookConfiguration/);
    cluster.register(['']);
    await rotation.reconcile();
    expect(rotation.problem()).toBeUndefined();
    expect(logger.of('certificates are in order again')).toHaveLength(1);
    expect(cluster.readablePair()).toBeDefined();
  });

  it('issues a certificate for a new host name at once', async () => {
    const { cluster, rotation } = await settled();
    const [webhook] = cluster.configuration?.webhooks ?? [];
    const hosts = ['other.imc-system.svc', '192.0.2.7', '2001:db8::7'];
    cluster.configuration = {
      resourceVersion: 'x',
      webhooks: [{ name: 'w', bundlePem: webhook?.bundlePem ?? '', hosts }],
    };
    await rotation.reconcile();
    const certificate = new X509Certificate(dataOf(cluster, TLS_SECRET)['tls.crt'] ?? '');
    expect([certificate.checkHost(hosts[0] ?? ''), certificate.checkIP('192.0.2.7')]).toEqual([hosts[0], '192.0.2.7']);
  });

  it('tells a failure once, keeps everything, and recovers', async () => {
    const { cluster } = await settled();
    let isDown = true;
    const { rotation, logger } = cluster.connect({ skewMs: YEAR_MS * 0.7 }, () => {
      if (isDown) throw new Error('the API server answered 500');
    });
    const before = dataOf(cluster, TLS_SECRET);
    await rotation.reconcile();
    await rotation.reconcile();
    expect(rotation.problem()).toBe('the API server answered 500');
    expect(logger.of('error')).toHaveLength(1);
    expect(dataOf(cluster, TLS_SECRET)).toBe(before);
    isDown = false;
    await rotation.reconcile();
    expect(rotation.problem()).toBeUndefined();
  });

  it('writes nothing once it may not act any more', async () => {
    const cluster = new SimulatedCluster();
    await cluster.connect().rotation.reconcile(() => false);
    expect(cluster.writes).toBe(0);
  });

  it('gives up for now, with a clear word, when somebody undoes whatever it writes', async () => {
    const { cluster } = await settled();
    const { rotation } = cluster.connect({ skewMs: 0 }, () => cluster.register(['', '']));
    await rotation.reconcile();
    expect(rotation.problem()).toMatch(/something else rewrites MutatingWebhookConfiguration imc/);
  });

  it('replaces a pair in its own Secret that no CA of ours has signed', async () => {
    const { cluster, rotation } = await settled();
    const { certPem, keyPem } = await aPair();
    const before = dataOf(cluster, TLS_SECRET);
    cluster.putSecret(TLS_SECRET, { labels: OWNER_LABEL, data: { ...before, 'tls.crt': certPem, 'tls.key': keyPem } });
    await rotation.reconcile();
    expect(dataOf(cluster, TLS_SECRET)['tls.crt']).not.toBe(certPem);
  });

  it('never makes an API server distrust a replica, whatever happens in whatever order, and settles in the end', async () => {
    await fc.assert(fc.asyncProperty(fc.array(event, { minLength: 15, maxLength: 40, size: 'max' }), playStory), {
      numRuns: 40,
    });
  }, 120_000);
});

/** One thing that happens to a cluster. */
type Event =
  | { readonly kind: 'reconcile'; readonly writer: number; readonly crashAt?: number; readonly rivalAt?: number }
  | { readonly kind: 'restart writer' | 'restart' | 'serve' | 'deliver' | 'inform'; readonly index: number }
  | { readonly kind: 'pass'; readonly milliseconds: number }
  | { readonly kind: 'skew'; readonly writer: number; readonly milliseconds: number }
  | { readonly kind: 'lose CA' | 'lose Secret' | 'damage Secret' | 'damage CA' | 'reset bundles' | 'damage bundle' };

const index = fc.nat({ max: 2 });
const writer = fc.nat({ max: 1 });
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('reconcile'), writer }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reconcile'), writer, crashAt: fc.nat({ max: 25 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reconcile'), writer, rivalAt: fc.nat({ max: 25 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('restart writer', 'restart', 'serve', 'deliver', 'deliver', 'inform'),
      index,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('pass'),
      milliseconds: fc.constantFrom(
        1_000,
        30_000,
        PROPAGATION_MS,
        PROPAGATION_MS,
        PROPAGATION_MS,
        250 * DAY_MS,
        4 * YEAR_MS,
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('skew'),
      writer,
      milliseconds: fc.constantFrom(0, 8 * MINUTE_MS, -8 * MINUTE_MS, YEAR_MS, -YEAR_MS, 8 * YEAR_MS, -8 * YEAR_MS),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'lose CA',
        'lose CA',
        'lose CA',
        'lose CA',
        'lose Secret',
        'damage Secret',
        'damage CA',
        'reset bundles',
        'damage bundle',
      ),
    }),
  },
);

/** API servers and starting replicas hear of changes within this time. */
const LAG_MS = MINUTE_MS;

async function playStory(events: readonly Event[]): Promise<void> {
  // The first certificate is issued at once, since there is nothing it could break; the story begins after that.
  const { cluster } = await settled();
  const writers = [0, 1].map(() => newWriter(cluster));
  /** What somebody took from a bundle or a Secret and nobody has put back: two losses at once can lose a CA for good. */
  let isDamaged = false;
  /** Until a bundle that somebody else changed is repaired, calls may fail; that is not our doing. */
  let isTainted = false;

  const check = (): void => {
    if (!isTainted) expect(cluster.untrusted()).toEqual([]);
  };
  const reconcile = async (who: number): Promise<void> => {
    const { rotation } = writers[who] as Writer;
    await rotation.reconcile();
    if (rotation.problem()?.startsWith('crash') === true) return;
    isDamaged = false;
    if (!isTainted) return;
    for (const i of cluster.apiServers.keys()) cluster.inform(i);
    isTainted = false;
  };

  for (const step of events) {
    switch (step.kind) {
      case 'reconcile': {
        const actor = writers[step.writer] as Writer;
        let requests = 0;
        actor.interfere = async () => {
          check();
          requests++;
          if (requests === step.crashAt) throw new Error('crash');
          if (requests === step.rivalAt) await (writers[1 - step.writer] as Writer).rotation.reconcile();
        };
        await reconcile(step.writer);
        actor.interfere = check;
        if (requests === step.crashAt) writers[step.writer] = newWriter(cluster, actor.clock);
        break;
      }
      case 'restart writer':
        writers[step.index % 2] = newWriter(cluster, writers[step.index % 2]?.clock);
        break;
      case 'restart': {
        const replica = cluster.replicas[step.index] as SimulatedReplica;
        replica.served = undefined;
        replica.read = cluster.readablePair();
        break;
      }
      case 'serve':
        begin(cluster.replicas[step.index] as SimulatedReplica);
        break;
      case 'deliver':
        cluster.deliver(cluster.replicas[step.index] as SimulatedReplica);
        break;
      case 'inform':
        cluster.inform(step.index % 2);
        break;
      case 'pass':
        if (step.milliseconds >= LAG_MS) catchUp(cluster);
        else if (step.milliseconds * 2 >= LAG_MS) for (const i of cluster.apiServers.keys()) cluster.inform(i);
        check();
        cluster.pass(step.milliseconds);
        break;
      case 'skew':
        (writers[step.writer] as Writer).clock.skewMs = step.milliseconds;
        break;
      case 'lose CA':
        cluster.secrets.delete(CA_SECRET);
        break;
      case 'damage CA':
        if (cluster.secrets.has(CA_SECRET)) {
          cluster.putSecret(CA_SECRET, { labels: OWNER_LABEL, data: { 'tls.crt': 'x', 'tls.key': 'y' } });
        }
        break;
      case 'lose Secret':
      case 'damage Secret':
        if (isDamaged || !cluster.secrets.has(TLS_SECRET)) break;
        isDamaged = true;
        if (step.kind === 'lose Secret') cluster.secrets.delete(TLS_SECRET);
        else cluster.putSecret(TLS_SECRET, { labels: OWNER_LABEL, data: { 'tls.crt': 'x', 'ca.crt': 'y' } });
        break;
      case 'reset bundles':
      case 'damage bundle':
        if (isDamaged) break;
        isDamaged = true;
        isTainted = true;
        cluster.register(step.kind === 'reset bundles' ? ['', ''] : [bundlePemOf(cluster), 'garbage']);
        break;
    }
    check();
  }

  // All is well again, and some minutes pass.
  for (const { clock } of writers) clock.skewMs = 0;
  for (let round = 0; round < 6; round++) {
    await reconcile(0);
    check();
    catchUp(cluster);
    for (const replica of cluster.replicas) cluster.deliver(replica);
    check();
    cluster.pass(PROPAGATION_MS);
  }
  expect(writers[0]?.rotation.problem()).toBeUndefined();
  expect(bundleOf(cluster)).toEqual([dataOf(cluster, CA_SECRET)['tls.crt']]);
  expect(dataOf(cluster, TLS_SECRET)['ca.crt']).toBe(dataOf(cluster, CA_SECRET)['tls.crt']);
  expect(cluster.replicas.map(({ served }) => served)).toEqual(cluster.replicas.map(() => cluster.readablePair()));
  expect(cluster.readablePair()).toBeDefined();
}

interface Writer {
  rotation: ReturnType<SimulatedCluster['connect']>['rotation'];
  readonly clock: { skewMs: number };
  interfere: () => void | Promise<void>;
}

function newWriter(cluster: SimulatedCluster, clock = { skewMs: 0 }): Writer {
  const made: Writer = {
    clock,
    interfere: () => {},
    rotation: cluster.connect(clock, () => made.interfere()).rotation,
  };
  return made;
}

/** What was on its way arrives. */
function catchUp(cluster: SimulatedCluster): void {
  for (const i of cluster.apiServers.keys()) cluster.inform(i);
  for (const replica of cluster.replicas) begin(replica);
}

function begin(replica: SimulatedReplica): void {
  replica.served ??= replica.read;
  replica.read = undefined;
}

async function settled() {
  const cluster = new SimulatedCluster();
  const connected = cluster.connect();
  await connected.rotation.reconcile();
  catchUp(cluster);
  for (const replica of cluster.replicas) cluster.deliver(replica);
  cluster.pass(PROPAGATION_MS);
  await connected.rotation.reconcile();
  return { cluster, ...connected };
}

function dataOf(cluster: SimulatedCluster, name: string): Readonly<Record<string, string>> {
  return cluster.secrets.get(name)?.data ?? {};
}

function bundlePemOf(cluster: SimulatedCluster): string {
  return cluster.configuration?.webhooks[0]?.bundlePem ?? '';
}

function bundleOf(cluster: SimulatedCluster): string[] {
  return readBundle(bundlePemOf(cluster)).authorities.map(({ certPem }) => certPem);
}
