import { describe, expect, it, onTestFinished } from 'vitest';
import type { CopySettings } from '../../src/core/wanted-cache.ts';
import { LivingPods } from '../../src/kubernetes/living-pods.ts';
import { until } from '../certs/until.ts';
import { answerStatus, type FakeRequest } from '../support/fake-api-server.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { aServer } from './cluster-writers.ts';

const PODS = '/api/v1/pods';
const MISS = { outcome: 'NoMatch', exact: 0, images: 1 };

interface PodParts {
  readonly namespace?: string;
  readonly image?: string;
  readonly decision?: object | string;
  readonly annotations?: Record<string, string>;
  readonly metadata?: object;
  readonly spec?: object;
  readonly phase?: string;
}

function aPod(name: string, parts: PodParts = {}) {
  const {
    namespace = 'shop',
    image = 'web:1',
    decision = MISS,
    annotations,
    metadata,
    spec,
    phase = 'Pending',
  } = parts;
  const text = typeof decision === 'string' ? decision : JSON.stringify(decision);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `uid-of-${name}`,
      annotations: { 'imc-webhook/decision': text, ...annotations },
      ...metadata,
    },
    spec: { containers: [{ name: 'main', image }], ...spec },
    status: { phase },
  };
}

/** What a pod of a workload has of it. */
function ofTemplate(kind: string, uid: string, labels: Record<string, string> = {}): object {
  return { labels, ownerReferences: [{ apiVersion: 'apps/v1', kind, name: uid, uid, controller: true }] };
}

describe('LivingPods', () => {
  it('is complete when all pods are listed, and what they want is known', async () => {
    const { api, pods, start } = await aCluster();
    api.put(PODS, aPod('a'));
    expect(pods.isComplete()).toBe(false);
    await start();
    expect([...pods.demands()]).toMatchObject([
      { name: expect.stringMatching(/^auto-[0-9a-f]{16}$/), wanted: { references: ['docker.io/library/web:1'] } },
    ]);
  });

  it('asks for the metadata of living pods, and for one whole pod of each template', async () => {
    const { api, pods, start } = await aCluster();
    for (let i = 0; i < 200; i += 1)
      api.put(PODS, aPod(`web-${i}`, { metadata: ofTemplate('ReplicaSet', 'rs-1', { 'pod-template-hash': 'h1' }) }));
    for (let i = 0; i < 20; i += 1) api.put(PODS, aPod(`job-${i}`, { metadata: ofTemplate('Job', 'job-1') }));
    await start();
    const [list, watch] = api.requests.filter(({ path }) => path === PODS);
    expect(list?.headers.accept).toMatch(/as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application\/json$/);
    expect(watch?.headers.accept).toMatch(/as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application\/json$/);
    for (const request of [list, watch]) {
      expect(request?.query.get('fieldSelector')).toBe('status.phase!=Succeeded,status.phase!=Failed');
    }
    expect(api.requests.filter(isWholePod)).toHaveLength(2);
    expect([...pods.demands()]).toHaveLength(1);
  });

  it.each([
    ['another namespace', { namespace: 'other' }],
    ['another controller', { metadata: ofTemplate('ReplicaSet', 'rs-2', { 'pod-template-hash': 'h1' }) }],
    ['another template', { metadata: ofTemplate('ReplicaSet', 'rs-1', { 'pod-template-hash': 'h2' }) }],
    ['another decision', { decision: { ...MISS, images: 2 } }],
    ['no controller', { metadata: {} }],
  ])('asks for a whole pod once more for one with %s', async (_title, parts) => {
    const { api, start } = await aCluster();
    const metadata = ofTemplate('ReplicaSet', 'rs-1', { 'pod-template-hash': 'h1' });
    api.put(PODS, aPod('a', { metadata }));
    api.put(PODS, aPod('b', { metadata, ...parts }));
    await start();
    expect(api.requests.filter(isWholePod)).toHaveLength(2);
  });

  it.each([
    ['NoMatch', { outcome: 'NoMatch', exact: 0, images: 1 }, 1],
    ['PartialMatch', { outcome: 'PartialMatch', cache: 'c', exact: 1, images: 2 }, 1],
    ['PerfectMatchUnsatisfied', { outcome: 'PerfectMatchUnsatisfied', exact: 1, images: 2 }, 1],
    ['MatchCountUnsatisfied', { outcome: 'MatchCountUnsatisfied', exact: 0, images: 1 }, 1],
    ['PartialMatch in mode observe', { outcome: 'PartialMatch', would: 'imc-1', exact: 1, images: 2 }, 1],
    // The pod asked for more images than it has; all of them are in a cache.
    ['MatchCountUnsatisfied, though covered', { outcome: 'MatchCountUnsatisfied', exact: 2, images: 2 }, 0],
    ['CompleteMatch', { outcome: 'CompleteMatch', exact: 1, images: 1 }, 0],
    ['Pinned', { outcome: 'Pinned' }, 0],
    ['AutoDisabled', { outcome: 'AutoDisabled' }, 0],
    ['an unreadable one', '{', 0],
    ['none', 'null', 0],
  ])('a decision says whether a cache is wanted: %s', async (_title, decision, demands) => {
    const { api, pods, start } = await aCluster();
    api.put(PODS, aPod('a', { decision }));
    await start();
    expect([...pods.demands()]).toHaveLength(demands);
  });

  it('a pod that ends, is deleted, or is on its way out, wants nothing any more', async () => {
    const { api, pods, start } = await aCluster();
    for (const name of ['ends', 'goes', 'leaves']) api.put(PODS, aPod(name, { image: `${name}:1` }));
    await start();
    expect([...pods.demands()]).toHaveLength(3);
    api.put(PODS, aPod('ends', { image: 'ends:1', phase: 'Succeeded' }));
    await until(() => [...pods.demands()].length === 2);
    api.remove(PODS, 'goes');
    await until(() => [...pods.demands()].length === 1);
    api.put(PODS, aPod('leaves', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }));
    await until(() => [...pods.demands()].length === 0);
  });

  it('counts an id as in use as long as one living pod carries it, in whatever way', async () => {
    const { api, pods, start } = await aCluster();
    const carrying = (key: string, id: string) => ({ annotations: { [key]: id }, decision: { outcome: 'Pinned' } });
    api.put(PODS, aPod('a', carrying('k8s.aliyun.com/eci-imc-id', 'imc-1')));
    api.put(PODS, aPod('b', carrying('k8s.aliyun.com/eci-matched-image-cache', 'imc-1')));
    api.put(PODS, aPod('c', carrying('k8s.aliyun.com/eci-image-snapshot-id', 'imc-2')));
    const leaving = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } };
    api.put(PODS, {
      ...aPod('d'),
      metadata: {
        ...aPod('d').metadata,
        ...leaving.metadata,
        annotations: { 'k8s.aliyun.com/eci-imc-id': 'imc-3' },
      },
    });
    await start();
    expect([...pods.idsInUse()].toSorted()).toEqual(['imc-1', 'imc-2', 'imc-3']);
    api.remove(PODS, 'a');
    api.remove(PODS, 'd');
    await until(() => pods.idsInUse().size === 2);
    api.put(PODS, { ...aPod('b', carrying('k8s.aliyun.com/eci-imc-id', 'imc-1')), status: { phase: 'Failed' } });
    await until(() => pods.idsInUse().size === 1);
  });

  it('a pod of the same name that is another does not inherit anything', async () => {
    const { api, pods, start } = await aCluster();
    api.put(PODS, aPod('a', { image: 'one:1' }));
    await start();
    api.put(PODS, aPod('a', { image: 'two:1', metadata: { uid: 'another' } }));
    await until(() => [...pods.demands()][0]?.wanted.references[0] === 'docker.io/library/two:1');
    expect([...pods.demands()]).toHaveLength(1);
  });

  it('two pods of one name in two namespaces are two pods', async () => {
    const { api, pods, start } = await aCluster();
    await start();
    api.sendLine(PODS, JSON.stringify({ type: 'ADDED', object: aPod('a', carryingId('imc-1', 'x')) }));
    api.sendLine(PODS, JSON.stringify({ type: 'ADDED', object: aPod('a', carryingId('imc-2', 'y')) }));
    await until(() => pods.idsInUse().size === 2);
    api.sendLine(PODS, JSON.stringify({ type: 'DELETED', object: aPod('a', carryingId('imc-2', 'y')) }));
    await until(() => pods.idsInUse().size === 1);
    expect([...pods.idsInUse()]).toEqual(['imc-1']);
  });

  it('asks another pod when one is gone before it was read, and makes nothing of a set that is gone', async () => {
    const { api, pods, start } = await aCluster();
    const metadata = ofTemplate('ReplicaSet', 'rs-1', { 'pod-template-hash': 'h1' });
    api.put(PODS, aPod('a', { metadata }));
    api.put(PODS, aPod('b', { metadata }));
    api.put(PODS, aPod('lonely', { image: 'lonely:1' }));
    api.intercept((request, response) =>
      /\/pods\/(a|lonely)$/.test(request.path) ? answerStatus(404, 'NotFound', 'gone')(request, response) : false,
    );
    await start();
    expect([...pods.demands()].map(({ wanted }) => wanted.references)).toEqual([['docker.io/library/web:1']]);
  });

  it('goes on after a pod that could not be read, reads it later, and holds nothing up meanwhile', async () => {
    const { api, pods, logger, start } = await aCluster();
    for (let i = 0; i < 30; i += 1) api.put(PODS, aPod(`p${i}`, { image: `i${i}:1` }));
    let failures = 0;
    const answered = new Set<string>();
    api.intercept((request, response) => {
      if (!isWholePod(request) || answered.has(request.path)) return false;
      answered.add(request.path);
      failures += 1;
      return answerStatus(500, 'InternalError', 'no')(request, response);
    });
    await start();
    expect(logger.of('a pod cannot be read; tried again later')).toHaveLength(failures);
    await until(() => [...pods.demands()].length === 30);
  });

  it('asks for no more than eight whole pods at a time', async () => {
    const { api, pods, start } = await aCluster();
    for (let i = 0; i < 40; i += 1) api.put(PODS, aPod(`p${i}`, { image: `i${i}:1` }));
    let open = 0;
    let most = 0;
    api.intercept((request, response) => {
      if (!isWholePod(request)) return false;
      open += 1;
      most = Math.max(most, open);
      response.on('finish', () => {
        open -= 1;
      });
      return false;
    });
    await start();
    expect([...pods.demands()]).toHaveLength(40);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('reads no whole pod where nothing is made, and all of them when that changes', async () => {
    const { api, pods, wishes, start } = await aCluster({ areDemandsWanted: false });
    api.put(PODS, aPod('a', { annotations: { 'k8s.aliyun.com/eci-imc-id': 'imc-1' } }));
    await start();
    expect(pods.idsInUse().size).toBe(1);
    expect(api.requests.filter(isWholePod)).toEqual([]);
    wishes.areDemandsWanted = true;
    expect(pods.isComplete()).toBe(false);
    await until(() => pods.isComplete());
    expect([...pods.demands()]).toHaveLength(1);
    wishes.areDemandsWanted = false;
    await until(() => pods.isComplete());
    expect([...pods.demands()]).toEqual([]);
  });

  it('works out anew what is wanted when the settings ask for other caches', async () => {
    const { api, pods, wishes, start } = await aCluster();
    api.put(PODS, aPod('a', { spec: { imagePullSecrets: [{ name: 'key' }] } }));
    await start();
    expect([...pods.demands()]).toMatchObject([{ wanted: { privateTo: 'shop', pullSecrets: ['shop:key'] } }]);
    wishes.copy = { ...wishes.copy, share: 'cluster' };
    expect(pods.isComplete()).toBe(false);
    await until(() => pods.isComplete());
    expect([...pods.demands()]).toMatchObject([{ wanted: { privateTo: undefined } }]);
  });

  it('says who wants a cache: the controller of the pods, or the pod', async () => {
    const { api, pods, start } = await aCluster();
    api.put(PODS, aPod('a', { image: 'one:1', metadata: ofTemplate('Job', 'job-1') }));
    api.put(PODS, aPod('b', { image: 'two:1' }));
    await start();
    const names = new Map([...pods.demands()].map(({ name, wanted }) => [wanted.references[0], name]));
    expect(pods.whoWants(names.get('docker.io/library/one:1') ?? '')).toMatchObject({ kind: 'Job', name: 'job-1' });
    expect(pods.whoWants(names.get('docker.io/library/two:1') ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: 'shop',
      name: 'b',
      uid: 'uid-of-b',
    });
    expect(pods.whoWants('auto-of-nobody')).toBeUndefined();
  });

  it('is told of changes, and not of those that change nothing here', async () => {
    const { api, pods, start } = await aCluster();
    api.put(PODS, aPod('a'));
    await start();
    let changes = 0;
    pods.onChange(() => {
      changes += 1;
    });
    api.put(PODS, aPod('a', { phase: 'Running' }));
    api.put(PODS, aPod('b', carryingId('imc-1', 'shop')));
    await until(() => pods.idsInUse().size === 1);
    expect(changes).toBe(1);
  });
});

function carryingId(id: string, namespace: string): PodParts {
  return { namespace, decision: { outcome: 'Pinned' }, annotations: { 'k8s.aliyun.com/eci-imc-id': id } };
}

function isWholePod({ path }: FakeRequest): boolean {
  return /\/pods\/[^/]+$/.test(path);
}

async function aCluster({ areDemandsWanted = true } = {}) {
  const { api, client } = await aServer(PODS);
  const logger = new RecordingLogger();
  const wishes = { areDemandsWanted, copy: { copyAnnotations: [], share: 'namespace' } as CopySettings };
  const pods = new LivingPods({
    client,
    settings: () => wishes.copy,
    areDemandsWanted: () => wishes.areDemandsWanted,
    logger,
  });
  onTestFinished(() => pods.stop());
  return {
    api,
    pods,
    logger,
    wishes,
    start: async () => {
      pods.start();
      await until(() => api.watches.size === 1 && pods.isComplete());
    },
  };
}
