import { describe, expect, it, onTestFinished } from 'vitest';
import { RefusedWriteError } from '../../src/controller/refused-write-error.ts';
import { ImageCacheClient } from '../../src/kubernetes/image-cache-client.ts';
import type { ImageCacheObject, NewImageCache } from '../../src/wire/image-cache-object.ts';
import { until } from '../certs/until.ts';
import { answerJson, answerStatus, type FakeApiServer } from '../support/fake-api-server.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { aServer } from './cluster-writers.ts';

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';

describe('ImageCacheClient', () => {
  it('knows nothing before the first listing, and all of it afterwards', async () => {
    const { api, client, caches, start } = await aCluster();
    api.put(CACHES, anObject('web'));
    expect(caches.current()).toBeUndefined();
    await start();
    expect([...(caches.current() ?? [])].map(([name]) => name)).toEqual(['web']);
    await client.create({ group: 'eci.alibabacloud.com', version: 'v1', resource: 'imagecaches' }, anObject('db'));
    await until(() => caches.current()?.size === 2);
  });

  it('keeps of labels and annotations only what somebody here reads', async () => {
    const { api, caches, start } = await aCluster();
    const annotations = {
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      'k8s.aliyun.com/imc-cpu-arch': 'arm64',
      'imc-webhook/simulate': 'fail',
    };
    api.put(CACHES, anObject('web', { annotations, labels: { team: 'a', 'imc-webhook/namespace': 'shop' } }));
    await start();
    const web = known(caches, 'web');
    expect([...web.annotations.keys()]).toEqual(['k8s.aliyun.com/imc-cpu-arch', 'imc-webhook/simulate']);
    expect([...web.labels.keys()]).toEqual(['imc-webhook/namespace']);
  });

  it('shows what it writes at once, and the watch adds nothing to that', async () => {
    const { api, caches, start } = await aCluster();
    await start();
    const changes: number[] = [];
    caches.onChange(() => changes.push(caches.current()?.size ?? 0));
    expect(await caches.create(aNewCache('auto-1'))).toBe(true);
    const made = known(caches, 'auto-1');
    expect(made).toMatchObject({ uid: expect.stringMatching(/./), spec: { images: ['docker.io/library/nginx:1'] } });
    expect(changes[0]).toBe(1);

    await caches.mark(made, { labels: { 'imc-webhook/retiring': 'true' } });
    expect(known(caches, 'auto-1').cache.retiring).toBe(true);
    await caches.remove(made);
    expect(caches.current()?.size).toBe(0);
    expect(api.objects(CACHES)).toEqual([]);
  });

  it('writes several times about one object of a plan', async () => {
    const { api, caches, start } = await aCluster();
    api.put(CACHES, anObject('web', { uid: 'u1', annotations: { 'imc-webhook/simulate': 'fail' } }));
    await start();
    const web = known(caches, 'web');
    expect(await caches.writeStatus(web, { phase: 'Ready', progress: '100%' })).toEqual({
      phase: 'Ready',
      progress: '100%',
    });
    await caches.mark(web, { annotations: { 'imc-webhook/images': '[]', 'imc-webhook/simulate': null } });
    expect(await caches.writeStatus(web, { progress: null })).toEqual({ phase: 'Ready' });
    expect(api.objects(CACHES)).toMatchObject([
      { metadata: { annotations: { 'imc-webhook/images': '[]' } }, status: { phase: 'Ready' } },
    ]);
  });

  it('gives back the status as it is kept where the schema prunes it', async () => {
    const { api, caches, start } = await aCluster();
    api.put(CACHES, anObject('web'));
    api.statusOf = (status) => ({ phase: status?.['phase'] });
    await start();
    expect(await caches.writeStatus(known(caches, 'web'), { phase: 'Ready', images: [] })).toEqual({ phase: 'Ready' });
  });

  it('is refused where somebody else has changed the object, or made another of its name', async () => {
    const { api, caches, start } = await aCluster();
    api.put(CACHES, anObject('web', { uid: 'u1' }));
    await start();
    const web = known(caches, 'web');
    api.put(CACHES, anObject('web', { uid: 'u2' }));
    await expect(caches.mark(web, { labels: { 'imc-webhook/retiring': 'true' } })).rejects.toThrow(RefusedWriteError);
    await expect(caches.writeStatus(web, { phase: 'Ready' })).rejects.toThrow(RefusedWriteError);
    // What was to be deleted is gone.
    await caches.remove(web);
    expect(api.objects(CACHES)).toMatchObject([{ metadata: { uid: 'u2' } }]);
    await until(() => known(caches, 'web').uid === 'u2');
  });

  it.each([
    ['does not take the object', 422, RefusedWriteError],
    ['forbids it', 403, { status: 403 }],
    ['fails', 500, { status: 500 }],
  ])('tells a refusal of this object from trouble: the server %s', async (_title, status, error) => {
    const { api, caches, start } = await aCluster();
    await start();
    api.intercept((request, response) =>
      request.method === 'POST' ? answerStatus(status, 'Reason', 'no')(request, response) : false,
    );
    const creating = caches.create(aNewCache('auto-1'));
    if (typeof error === 'function') await expect(creating).rejects.toThrow(error);
    else await expect(creating).rejects.toMatchObject(error);
  });

  it('takes an object that another one made for its own, and knows it from then on', async () => {
    const { api, caches, start } = await aCluster();
    await start();
    api.silently(() => api.put(CACHES, anObject('auto-1', { uid: 'theirs' })));
    expect(await caches.create(aNewCache('auto-1'))).toBe(false);
    expect(known(caches, 'auto-1').uid).toBe('theirs');
  });

  it('waits for the finalizers of others', async () => {
    const { api, caches, start } = await aCluster();
    api.put(CACHES, anObject('web', { uid: 'u1' }));
    await start();
    const leaving = anObject('web', { uid: 'u1', resourceVersion: '500', deletionTimestamp: '2026-01-01T00:00:00Z' });
    api.intercept((request, response) =>
      request.method === 'DELETE' ? answerJson(200, leaving)(request, response) : false,
    );
    await caches.remove(known(caches, 'web'));
    expect(known(caches, 'web').cache.deleting).toBe(true);
  });

  it('forgets what it made and somebody deleted while the watch was cut', async () => {
    const { api, caches, start } = await aCluster();
    await start();
    await until(() => api.watches.size === 1);
    api.intercept((request, response) =>
      request.query.get('watch') === 'true' ? answerStatus(410, 'Expired', 'gone')(request, response) : false,
    );
    // Cut off, and told to list again: no listing saw it come, none saw it go.
    const stop = api.intercept((request, response) =>
      request.method === 'GET' ? answerStatus(503, 'ServiceUnavailable', 'no')(request, response) : false,
    );
    api.endWatches(CACHES);
    await until(() => api.watches.size === 0);
    await caches.create(aNewCache('auto-1'));
    api.remove(CACHES, 'auto-1');
    expect(caches.current()?.size).toBe(1);
    stop();
    await until(() => caches.current()?.size === 0);
  });

  it('has nothing to work with where the cluster has no such resource, and says so once', async () => {
    const { api, caches, logger, start } = await aCluster();
    api.removeCollection(CACHES);
    caches.start();
    await until(() => logger.lines.some(({ message }) => message.includes('no ImageCache resource')));
    expect(caches.current()).toBeUndefined();
    void start;
  });

  it('keeps the last good version of an object that cannot be read', async () => {
    const { api, caches, logger, start } = await aCluster();
    api.put(CACHES, anObject('web'));
    await start();
    api.put(CACHES, { ...anObject('web'), spec: { images: 'nginx' } });
    await until(() => logger.of('an object cannot be read; its last good version stays').length === 1);
    expect(known(caches, 'web').spec.images).toEqual(['docker.io/library/nginx:1']);
  });
});

async function aCluster() {
  const { api, client } = await aServer(CACHES);
  const logger = new RecordingLogger();
  const caches = new ImageCacheClient({ client, logger });
  onTestFinished(() => caches.stop());
  return {
    api,
    client,
    caches,
    logger,
    start: async () => {
      caches.start();
      await until(() => caches.current() !== undefined && api.watches.size === 1);
    },
  };
}

function known(caches: ImageCacheClient, name: string): ImageCacheObject {
  const object = caches.current()?.get(name);
  if (object === undefined) throw new Error(`${name} is not known`);
  return object;
}

function anObject(name: string, metadata: object = {}): Parameters<FakeApiServer['put']>[1] {
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: { name, uid: `uid-of-${name}`, ...metadata },
    spec: { images: ['docker.io/library/nginx:1'] },
  };
}

function aNewCache(name: string): NewImageCache {
  return {
    name,
    labels: new Map([['imc-webhook/auto-created', 'true']]),
    annotations: new Map(),
    spec: {
      images: ['docker.io/library/nginx:1'],
      imagePullSecrets: [],
      imageCacheSizeGib: 20,
      retentionDays: undefined,
    },
  };
}
