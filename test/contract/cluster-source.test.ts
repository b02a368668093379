import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClusterSource } from '../../src/cluster/cluster-source.ts';
import type { Resource } from '../../src/cluster/cluster-store.ts';
import { ClusterStore } from '../../src/cluster/cluster-store.ts';
import { EmbeddedSource } from '../../src/embedded/embedded-source.ts';
import { KubeClient } from '../../src/kubernetes/kube-client.ts';
import { KubernetesSource } from '../../src/kubernetes/kubernetes-source.ts';
import { until } from '../certs/until.ts';
import { temporaryFolder, writeIn } from '../composition/temporary-folder.ts';
import { FakeApiServer } from '../support/fake-api-server.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';

type Json = Record<string, unknown>;

/** A cluster of the kind that a source reads, and the source. */
interface World {
  readonly source: ClusterSource;
  readonly store: ClusterStore;
  readonly undecodable: Resource[];
  put(object: Json): void;
  remove(object: Json): void;
}

/** What every source promises, whatever it reads (port ClusterSource). */
describe.each<[string, () => Promise<World>]>([
  ['EmbeddedSource', filesWorld],
  ['KubernetesSource', apiServerWorld],
])('%s', (_name, open) => {
  it('fills the store with all there is, and follows every change', async () => {
    const world = await opened(open);
    world.put(aCache('a'));
    world.put(aNamespace('web', { team: 'shop' }));
    world.put(aProfile('[{"name":"first"}]'));
    await world.source.start();
    await until(() => world.store.isSynced());
    expect(stateOf(world)).toEqual({
      caches: { a: 'imc-a' },
      namespaces: { web: { team: 'shop', 'kubernetes.io/metadata.name': 'web' } },
      rules: ['first'],
      valid: true,
      problems: 0,
    });

    world.put(aCache('b'));
    world.put(anImageCache('a').withId('imc-other').build());
    world.put(aNamespace('web', {}));
    world.put(aNamespace('new', {}));
    world.put(aProfile('[{"name":"second"},{"name":"third"}]'));
    await expectState(world, {
      caches: { a: 'imc-other', b: 'imc-b' },
      namespaces: {
        web: { 'kubernetes.io/metadata.name': 'web' },
        new: { 'kubernetes.io/metadata.name': 'new' },
      },
      rules: ['second', 'third'],
    });

    world.remove(aCache('a'));
    world.remove(aNamespace('web', {}));
    world.remove(aProfile(''));
    await expectState(world, { caches: { b: 'imc-b' }, rules: [], valid: true });
    expect(Object.keys(stateOf(world).namespaces)).toEqual(['new']);
  });

  it('an empty cluster is a complete listing of nothing', async () => {
    const world = await opened(open);
    await world.source.start();
    await until(() => world.store.isSynced());
    expect(stateOf(world)).toEqual({ caches: {}, namespaces: {}, rules: [], valid: true, problems: 0 });
  });

  it.each([
    ['no key', undefined],
    ['nothing', ''],
    ['blanks', ' \n'],
    ['an empty list', '[]'],
  ])('spec P6: an eci-profile with %s has no rules, and is no error', async (_title, selectors) => {
    const world = await opened(open);
    world.put(aProfile('[{"name":"r"}]'));
    await world.source.start();
    await expectState(world, { rules: ['r'] });
    world.put(aProfile(selectors));
    await expectState(world, { rules: [], valid: true, problems: 0 });
  });

  it('spec P6: the last good rules stay while the eci-profile is broken, until it is mended or gone', async () => {
    const world = await opened(open);
    world.put(aProfile('[{"name":"good"}]'));
    await world.source.start();
    await expectState(world, { rules: ['good'] });
    world.put(aProfile('[{"name":"x","effect":{"labels":{"imc-webhook/x":"y"}}}]'));
    await expectState(world, { rules: ['good'], valid: false, problems: 1 });
    expect(world.source.problems()[0]).toMatchObject({
      resource: 'eci-profile',
      message: expect.stringMatching(
        /(?:line 1 column |:1:)\d+: selectors\[0\].*rule "x": a rule must not set this key/,
      ),
    });
    expect(world.undecodable).toEqual(['eci-profile']);
    world.put(aProfile('[{"name":"better"}]'));
    await expectState(world, { rules: ['better'], valid: true, problems: 0 });
    world.put(aProfile('['));
    await expectState(world, { rules: ['better'], valid: false });
    world.remove(aProfile(''));
    await expectState(world, { rules: [], valid: true, problems: 0 });
  });

  it('an object that cannot be read keeps its last good version, and no other from being read', async () => {
    const world = await opened(open);
    world.put(aCache('a'));
    await world.source.start();
    await expectState(world, { caches: { a: 'imc-a' } });
    world.put({ ...aCache('a'), spec: { images: 'nginx' } });
    world.put(aCache('b'));
    await expectState(world, { caches: { a: 'imc-a', b: 'imc-b' }, problems: 1 });
    expect(world.source.problems()[0]).toMatchObject({
      resource: 'imagecaches',
      message: expect.stringContaining('spec.images: expected a list of image references'),
    });
    expect(world.undecodable).toEqual(['imagecaches']);
    world.put(anImageCache('a').withId('imc-again').build());
    await expectState(world, { caches: { a: 'imc-again', b: 'imc-b' }, problems: 0 });
  });

  it('has no say after it is stopped, twice if need be, and the store keeps what it has', async () => {
    const world = await opened(open);
    world.put(aCache('a'));
    await world.source.start();
    await until(() => world.store.isSynced());
    await Promise.all([world.source.stop(), world.source.stop()]);
    await world.source.stop();
    world.put(aCache('b'));
    expect(stateOf(world).caches).toEqual({ a: 'imc-a' });
  });

  it('may be stopped before it has begun', async () => {
    const world = await opened(open);
    await world.source.stop();
    expect(world.source.problems()).toEqual([]);
  });
});

async function opened(open: () => Promise<World>): Promise<World> {
  const world = await open();
  onTestFinished(() => world.source.stop());
  return world;
}

async function filesWorld(): Promise<World> {
  const directory = temporaryFolder();
  const store = new ClusterStore();
  const undecodable: Resource[] = [];
  const source = new EmbeddedSource({
    directory,
    store,
    logger: new RecordingLogger(),
    now: Date.now,
    onUndecodable: (resource) => undecodable.push(resource),
  });
  return {
    source,
    store,
    undecodable,
    put: (object) => writeIn(directory, fileOf(object), JSON.stringify(object)),
    remove: (object) => rmSync(join(directory, fileOf(object))),
  };
}

async function apiServerWorld(): Promise<World> {
  const api = await FakeApiServer.start();
  onTestFinished(() => api.stop());
  for (const path of Object.values(COLLECTIONS)) api.addCollection(path);
  api.addCollection('/api/v1/namespaces/kube-system/events');
  const kubeconfig = join(temporaryFolder({ config: api.kubeconfig() }), 'config');
  const store = new ClusterStore();
  const undecodable: Resource[] = [];
  const source = new KubernetesSource({
    open: () => KubeClient.open({ kubeconfig, env: {} }),
    store,
    logger: new RecordingLogger(),
    now: Date.now,
    kept: undefined,
    onUndecodable: (resource) => undecodable.push(resource),
  });
  return {
    source,
    store,
    undecodable,
    put: (object) => api.put(collectionOf(object), object),
    remove: (object) => api.remove(collectionOf(object), nameOf(object)),
  };
}

const COLLECTIONS = {
  ImageCache: '/apis/eci.alibabacloud.com/v1/imagecaches',
  Namespace: '/api/v1/namespaces',
  ConfigMap: '/api/v1/namespaces/kube-system/configmaps',
} as const;

function collectionOf(object: Json): string {
  return COLLECTIONS[object['kind'] as keyof typeof COLLECTIONS];
}

function fileOf(object: Json): string {
  return `${String(object['kind'])}-${nameOf(object)}.json`;
}

function nameOf(object: Json): string {
  return (object['metadata'] as { name: string }).name;
}

function aCache(name: string): Json {
  return anImageCache(name).build();
}

function aNamespace(name: string, labels: Record<string, string>): Json {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function aProfile(selectors: string | undefined): Json {
  const metadata = { name: 'eci-profile', namespace: 'kube-system' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: selectors === undefined ? {} : { selectors } };
}

interface State {
  readonly caches: Readonly<Record<string, string>>;
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly rules: readonly string[];
  readonly valid: boolean | undefined;
  readonly problems: number;
}

function stateOf({ store, source }: World): State {
  const view = store.view(0);
  if (view === undefined) throw new Error('the store is not synced');
  return {
    caches: Object.fromEntries([...view.imageCaches.all()].map(({ name, id }) => [name, id])),
    namespaces: Object.fromEntries([...view.namespaces].map(([name, labels]) => [name, Object.fromEntries(labels)])),
    rules: view.profile.rules.map(({ name }) => name),
    valid: source.isProfileValid(),
    problems: source.problems().length,
  };
}

async function expectState(world: World, expected: Partial<State>): Promise<void> {
  await expect
    .poll(() => (world.store.isSynced() ? stateOf(world) : undefined), { timeout: 20_000, interval: 5 })
    .toMatchObject(expected);
  for (const [part, value] of Object.entries(expected)) {
    expect(stateOf(world)[part as keyof State]).toEqual(value);
  }
}
