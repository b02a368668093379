import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { ClusterStore } from '../../src/cluster/cluster-store.ts';
import { KubeClient } from '../../src/kubernetes/kube-client.ts';
import { KubernetesSource } from '../../src/kubernetes/kubernetes-source.ts';
import { LastGoodProfileKeeper } from '../../src/kubernetes/last-good-profile.ts';
import { until } from '../certs/until.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { answerStatus, FakeApiServer, type FakeRequest, type Interceptor } from '../support/fake-api-server.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import { ManualTimers } from '../support/manual-timers.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const NAMESPACES = '/api/v1/namespaces';
const CONFIG_MAPS = '/api/v1/namespaces/kube-system/configmaps';
const EVENTS = '/api/v1/namespaces/kube-system/events';
const OWN_CONFIG_MAPS = '/api/v1/namespaces/imc-system/configmaps';
const KEPT = { namespace: 'imc-system', name: 'imc-profile' };
const GOOD = '[{"name":"good"}]';
const BROKEN = '[{"name":"good"},]';

let api: FakeApiServer;

beforeEach(async () => {
  api = await FakeApiServer.start();
  for (const path of [CACHES, NAMESPACES, CONFIG_MAPS, EVENTS, OWN_CONFIG_MAPS]) api.addCollection(path);
});

afterEach(() => api.stop());

describe('the listings (spec S2)', () => {
  it('all have to be there; a log line tells when they are', async () => {
    const stop = api.intercept(forPath(NAMESPACES, answerStatus(403, 'Forbidden', 'namespaces is forbidden')));
    const { store, source, logger, timers } = await start();
    await until(() => store.unsynced().length === 1);
    await until(() => source.problems().length === 1);
    expect(store.unsynced()).toEqual(['namespaces']);
    expect(source.problems()).toEqual([
      {
        resource: 'namespaces',
        message: expect.stringMatching(
          /^namespaces cannot be followed: .*403 Forbidden: namespaces is forbidden; grant/,
        ),
      },
    ]);
    expect(source.mayLag).toBe(true);
    stop();
    await timers.passWait();
    await until(() => store.isSynced());
    await until(() => source.problems().length === 0);
    expect(messages(logger, 'info')).toEqual([
      'reading the cluster',
      'read the cluster',
      'in touch with the API server again',
    ]);
    expect(messages(logger, 'warn')).toEqual(['a resource cannot be followed; what was known of it stays in force']);
  });

  it('of a missing CRD is empty, told once, and made up for when the CRD is installed', async () => {
    api.removeCollection(CACHES);
    const { store, source, timers, restarts, logger } = await start();
    await until(() => store.isSynced());
    await until(() => source.problems().length === 1);
    expect(source.problems()[0]?.message).toMatch(/^the cluster has no ImageCache resource .*: install the CRD/);
    await timers.passWait();
    await until(() => restarts.length === 2);
    expect(restarts).toEqual(['imagecaches missing', 'imagecaches missing']);
    expect(messages(logger, 'warn')).toHaveLength(1);
    expect(store.ageMs('imagecaches', NOW_MS)).toBe(0);
    api.addCollection(CACHES).put(CACHES, anImageCache('a').build());
    await timers.passWait();
    await until(() => store.counts().imagecaches === 1);
    expect(source.problems()).toEqual([]);
  });

  it('only of the one ConfigMap are asked for (spec S6)', async () => {
    api.put(CONFIG_MAPS, aConfigMap('another', 'kube-system', BROKEN));
    const { store, source } = await start();
    await until(() => store.isSynced() && api.watches.size === 3);
    const asked = api.requests.filter(({ path }) => path === CONFIG_MAPS);
    expect(asked.map(({ query }) => query.get('fieldSelector'))).toEqual([
      'metadata.name=eci-profile',
      'metadata.name=eci-profile',
    ]);
    expect(source.isProfileValid()).toBe(true);
  });
});

describe('an API server that goes away (spec S4)', () => {
  it('leaves what was known in force, and its age grows until it is back', async () => {
    api.put(CACHES, anImageCache('a').build());
    const { store, source, timers, restarts } = await start();
    await until(() => store.isSynced() && api.watches.size === 3);
    const stop = api.intercept(answerStatus(503, 'ServiceUnavailable', 'etcd is gone'));
    api.cutConnections();
    for (let i = 0; i < 6; i += 1) await timers.passWait();
    await until(() => source.problems().length === 3);
    expect(store.view(NOW_MS + 5_000)).toMatchObject({ imageCachesAgeMs: 5_000 });
    expect(store.counts().imagecaches).toBe(1);
    expect(new Set(restarts)).toEqual(
      new Set(['imagecaches', 'namespaces', 'eci-profile'].flatMap((each) => [`${each} cut`, `${each} refused`])),
    );
    stop();
    api.put(CACHES, anImageCache('b').build());
    while (store.counts().imagecaches < 2) {
      timers.advance(30_000);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  });

  it('before anything is known does not keep the source from starting', async () => {
    api.intercept(answerStatus(500, '', 'no'));
    const { store, source } = await start();
    await until(() => source.problems().length === 3);
    expect(store.isSynced()).toBe(false);
  });
});

describe('a broken eci-profile (spec P6)', () => {
  it('is told in one Event for each version, however many replicas there are', async () => {
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', GOOD));
    const replicas = [await start(), await start(), await start()];
    await until(() => replicas.every(({ store }) => store.isSynced()));
    await until(() => api.watches.size === 9);
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', BROKEN));
    await until(() => posts(EVENTS) === 3);
    expect(api.objects(EVENTS)).toEqual([
      expect.objectContaining({
        kind: 'Event',
        metadata: expect.objectContaining({ name: expect.stringMatching(/^eci-profile\.[0-9a-f]{16}$/) }),
        involvedObject: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          name: 'eci-profile',
          namespace: 'kube-system',
          uid: 'uid-eci-profile',
          resourceVersion: '102',
        },
        type: 'Warning',
        reason: 'InvalidProfile',
        message: expect.stringMatching(
          /^ConfigMap kube-system\/eci-profile: line 1 column 18: .*; the last good rules stay/,
        ),
      }),
    ]);
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', '{'));
    await until(() => posts(EVENTS) === 6);
    expect(api.objects(EVENTS)).toHaveLength(2);
    for (const { store, source } of replicas) {
      expect(source.isProfileValid()).toBe(false);
      expect(store.view(NOW_MS)?.profile.rules).toHaveLength(1);
    }
  });

  it('may have a message too long for an Event', async () => {
    const name = 'n'.repeat(2_000);
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', `[{"name":"${name}"},{"name":"${name}"}]`));
    await start();
    await until(() => api.objects(EVENTS).length === 1);
    expect(String(api.objects(EVENTS)[0]?.['message'])).toHaveLength(1024);
  });

  it('is told once the API server takes Events again; a right that is missing stops nothing', async () => {
    const stop = api.intercept(forPath(EVENTS, answerStatus(503, '', 'no')));
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', BROKEN));
    const { source, timers, logger } = await start();
    await until(() => posts(EVENTS) === 1);
    stop();
    await timers.passWait();
    await until(() => api.objects(EVENTS).length === 1);

    api.intercept(forPath(EVENTS, answerStatus(403, 'Forbidden', 'no')));
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', '{'));
    await until(() => messages(logger, 'warn').includes('no Event could be written about the broken eci-profile'));
    expect(source.isProfileValid()).toBe(false);
  });

  it('met at the start: the rules that the controller has kept are in force, as in the other replicas', async () => {
    api.put(OWN_CONFIG_MAPS, aConfigMap(KEPT.name, KEPT.namespace, '[{"name":"kept"}]'));
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', BROKEN));
    const { store, source } = await start();
    await until(() => store.isSynced());
    expect(rulesOf(store)).toEqual(['kept']);
    expect(source.isProfileValid()).toBe(false);
    await until(() => api.watches.size === 3);
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', GOOD));
    await until(() => source.isProfileValid());
    expect(rulesOf(store)).toEqual(['good']);
  });

  it.each<[string, () => void]>([
    ['nothing is kept', () => undefined],
    ['what is kept is empty', () => api.put(OWN_CONFIG_MAPS, { metadata: { name: KEPT.name } })],
    ['what is kept is broken', () => api.put(OWN_CONFIG_MAPS, aConfigMap(KEPT.name, KEPT.namespace, '['))],
    [
      'what is kept may not be read',
      () => void api.intercept(forPath(`${OWN_CONFIG_MAPS}/${KEPT.name}`, answerStatus(403, 'Forbidden', 'no'))),
    ],
  ])('met at the start, no rules are in force when %s', async (_title, prepare) => {
    prepare();
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', BROKEN));
    const { store, source } = await start();
    await until(() => store.isSynced());
    expect(rulesOf(store)).toEqual([]);
    expect(source.isProfileValid()).toBe(false);
  });

  it('met at the start, the replica is not ready before it knows what is kept, or the eci-profile is mended', async () => {
    api.intercept(forPath(`${OWN_CONFIG_MAPS}/${KEPT.name}`, answerStatus(500, '', 'no')));
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', BROKEN));
    const { store, timers } = await start();
    await until(() => store.unsynced().length === 1 && api.watches.size === 3);
    await timers.passWait();
    expect(store.unsynced()).toEqual(['eci-profile']);
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', GOOD));
    await until(() => store.isSynced());
    expect(rulesOf(store)).toEqual(['good']);
  });
});

describe('the keeper of the last good eci-profile', () => {
  it('keeps what is good and nothing else, also that there are no rules', async () => {
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', GOOD));
    await keep();
    await until(() => keptText() === GOOD);
    await until(() => api.watches.size === 1);
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', BROKEN));
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', '[{"name":"next"}]'));
    await until(() => keptText() === '[{"name":"next"}]');
    api.remove(CONFIG_MAPS, 'eci-profile');
    await until(() => keptText() === '');
    expect(api.requests.filter(({ body }) => body.includes(BROKEN))).toEqual([]);
  });

  it('keeps nothing as long as it has seen nothing good', async () => {
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', BROKEN));
    await keep();
    await until(() => api.watches.size === 1);
    expect(keptText()).toBeUndefined();
  });

  it('writes into the ConfigMap that is there, only what differs, and again when somebody changed it', async () => {
    api.put(OWN_CONFIG_MAPS, { metadata: { name: KEPT.name, labels: { chart: 'ours' } }, data: { selectors: GOOD } });
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', GOOD));
    const { timers } = await keep();
    await until(() => timers.waits.includes(600_000));
    expect(api.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
    api.put(OWN_CONFIG_MAPS, {
      metadata: { name: KEPT.name, labels: { chart: 'ours' } },
      data: { selectors: 'x', y: 'z' },
    });
    await timers.passWait();
    await until(() => keptText() === GOOD);
    expect(api.objects(OWN_CONFIG_MAPS)[0]).toMatchObject({
      metadata: { labels: { chart: 'ours' } },
      data: { y: 'z' },
    });
  });

  it('tries again what cannot be written, and writes only while it leads', async () => {
    const stop = api.intercept(forPath(`${OWN_CONFIG_MAPS}/${KEPT.name}`, answerStatus(500, '', 'no')));
    api.put(CONFIG_MAPS, aConfigMap('eci-profile', 'kube-system', GOOD));
    let isHeld = true;
    const { timers, logger } = await keep(() => isHeld);
    await until(() => messages(logger, 'warn').length === 1);
    isHeld = false;
    stop();
    await timers.passWait();
    await until(() => timers.waits.filter((ms) => ms === 250).length === 2);
    expect(keptText()).toBeUndefined();
    isHeld = true;
    await timers.passWait();
    await until(() => keptText() === GOOD);
  });
});

const NOW_MS = 1_000_000;

async function start() {
  const store = new ClusterStore();
  const logger = new RecordingLogger();
  const timers = new ManualTimers();
  const restarts: string[] = [];
  const kubeconfig = join(temporaryFolder({ config: api.kubeconfig() }), 'config');
  const source = new KubernetesSource({
    open: () => KubeClient.open({ kubeconfig, env: {} }),
    store,
    logger,
    now: () => NOW_MS,
    kept: KEPT,
    onRestart: (resource, cause) => restarts.push(`${resource} ${cause}`),
    timers,
  });
  onTestFinished(() => source.stop());
  await source.start();
  return { store, source, logger, timers, restarts };
}

async function keep(isHeld: () => boolean = () => true) {
  const kubeconfig = join(temporaryFolder({ config: api.kubeconfig() }), 'config');
  const client = await KubeClient.open({ kubeconfig, env: {} });
  const timers = new ManualTimers();
  const logger = new RecordingLogger();
  const abort = new AbortController();
  const running = new LastGoodProfileKeeper({ client, kept: KEPT, logger, timers }).run({
    signal: abort.signal,
    isHeld,
  });
  onTestFinished(async () => {
    abort.abort();
    await running;
    await client.close();
  });
  return { timers, logger };
}

function messages({ lines }: RecordingLogger, wanted: string): string[] {
  return lines.filter(({ level }) => level === wanted).map(({ message }) => message);
}

function keptText(): unknown {
  return (api.objects(OWN_CONFIG_MAPS)[0]?.['data'] as Record<string, unknown> | undefined)?.['selectors'];
}

function rulesOf(store: ClusterStore): string[] | undefined {
  return store.view(NOW_MS)?.profile.rules.map(({ name }) => name);
}

function posts(path: string): number {
  return api.requests.filter((request) => request.method === 'POST' && request.path === path).length;
}

function forPath(path: string, answer: Interceptor): Interceptor {
  return (request: FakeRequest, response) => request.path === path && answer(request, response);
}

function aConfigMap(name: string, namespace: string, selectors: string): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, uid: `uid-${name}` },
    data: { selectors },
  };
}
