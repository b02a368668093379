import { describe, expect, it, onTestFinished } from 'vitest';
import { CurrentSettings } from '../../src/composition/current-settings.ts';
import { imageCacheTask } from '../../src/composition/image-cache-task.ts';
import { type HotSettings, loadConfig } from '../../src/config/config.ts';
import type { CreationResult } from '../../src/controller/auto-creator.ts';
import { until } from '../certs/until.ts';
import { aServer } from '../kubernetes/cluster-writers.ts';
import type { FakeApiServer } from '../support/fake-api-server.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const PODS = '/api/v1/pods';
const STATE = '/api/v1/namespaces/imc-system/configmaps';
const EVENTS = '/api/v1/namespaces/default/events';
const POD_EVENTS = '/api/v1/namespaces/shop/events';

describe('the leader’s care for ImageCaches', () => {
  it('makes one for a pod that misses, builds it, and tells of it', async () => {
    const { api, counted, lead } = await aCluster();
    api.put(PODS, aPod('web', 'web:1'));
    lead();
    await until(() => phases(api).join() === 'Ready');
    expect(api.objects(CACHES)).toMatchObject([
      {
        metadata: { name: expect.stringMatching(/^auto-/), labels: { 'imc-webhook/auto-created': 'true' } },
        spec: { images: ['docker.io/library/web:1'], imageCacheSize: 20 },
        status: { imageCacheId: expect.stringMatching(/^imc-sim/), progress: '100%' },
      },
    ]);
    expect(counted).toEqual(['created']);
    expect(api.objects(STATE)).toMatchObject([{ binaryData: { 'simulated-caches.json.gz': expect.any(String) } }]);
    await until(() => api.objects(EVENTS).length === 1);
    expect(api.objects(EVENTS)).toMatchObject([{ reason: 'AutoCreated' }]);
  });

  it('writes images in an annotation where the status schema prunes them', async () => {
    const { api, lead } = await aCluster();
    api.statusOf = (status) => ({ phase: status?.['phase'], imageCacheId: status?.['imageCacheId'] });
    api.put(CACHES, aCache('by-hand'));
    lead();
    await until(() => annotationsOf(api)['imc-webhook/images'] !== undefined);
    expect(JSON.parse(annotationsOf(api)['imc-webhook/images'] ?? '')).toMatchObject([{ name: 'nginx:1' }]);
  });

  it('touches no status with the driver external, and follows no pods for nothing', async () => {
    const { api, lead, change } = await aCluster({ controllerDriver: 'external' });
    api.put(PODS, aPod('web', 'web:1'));
    api.put(CACHES, aCache('by-hand'));
    const task = lead();
    await until(() => api.watches.size === 1);
    change({ autoCreate: 'true' });
    await until(() => api.objects(CACHES).length === 2);
    await task.end();
    expect(phases(api)).toEqual([undefined, undefined]);
  });

  it('makes nothing with the driver eci, which there is not yet, nor in the mode observe', async () => {
    const { api, lead, change, counted } = await aCluster({ controllerDriver: 'eci' });
    api.put(PODS, aPod('web', 'web:1'));
    lead();
    change({ autoCreate: 'true' });
    change({ controllerDriver: 'simulated', mode: 'observe' });
    api.put(CACHES, aCache('by-hand'));
    await until(() => phases(api).join() === 'Ready');
    expect(counted).toEqual([]);
    change({ mode: 'enforce' });
    await until(() => api.objects(CACHES).length === 2);
  });

  it('leaves what somebody else has built as it is', async () => {
    const { api, lead } = await aCluster();
    const theirs = { ...aCache('theirs'), status: { phase: 'Ready', imageCacheId: 'imc-2ze1' } };
    api.put(CACHES, theirs);
    api.put(CACHES, aCache('by-hand'));
    lead();
    await until(() => phases(api).includes('Ready') && phases(api).length === 2 && phases(api)[1] === 'Ready');
    expect(api.objects(CACHES)[0]?.['status']).toEqual(theirs.status);
  });

  it('tells the pod why none is made', async () => {
    const { api, lead } = await aCluster();
    api.put(PODS, aPod('web', 'web:latest'));
    lead();
    await until(() => api.objects(POD_EVENTS).length === 1);
    expect(api.objects(POD_EVENTS)).toMatchObject([
      { reason: 'ImageCacheMutableTag', involvedObject: { kind: 'Pod', name: 'web' } },
    ]);
  });

  it('writes nothing once another may be leading', async () => {
    const { api, lead } = await aCluster();
    api.put(PODS, aPod('web', 'web:1'));
    lead({ isHeld: false });
    await until(() => api.watches.size === 2);
    await until(() => api.requests.some(({ path }) => path.endsWith('/pods/web')));
    expect(api.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  it('goes on where the last leader was stopped, whatever it was doing', async () => {
    const { api, lead } = await aCluster({ simulateBuildMs: 300 });
    for (let i = 0; i < 30; i += 1) api.put(PODS, aPod(`web-${i}`, `web:${i % 10}`));
    const isDone = (): boolean => phases(api).length === 10 && isSettled(api);
    for (let turn = 0; !isDone(); turn += 1) {
      const task = lead();
      const before = api.requests.length;
      await until(() => api.requests.length > before + 5 + turn * 7 || isDone());
      await task.end();
    }
    const ids = api.objects(CACHES).map(({ status }) => (status as { imageCacheId: string }).imageCacheId);
    expect(new Set(ids).size).toBe(10);
    expect(api.objects(CACHES)).toHaveLength(10);
  });

  it('makes each once, and loses none, when answers get lost and watches are cut', async () => {
    const { api, lead } = await aCluster({ simulateBuildMs: 200 });
    for (let i = 0; i < 40; i += 1) api.put(PODS, aPod(`web-${i}`, `web:${i % 20}`));
    let writes = 0;
    api.intercept(({ method, path }) => {
      if (method === 'GET' || !path.includes('/imagecaches')) return false;
      writes += 1;
      // The write is done, but whoever asked for it does not learn of it, nor does any watch.
      if (writes % 7 === 0) setImmediate(() => api.cutConnections());
      return false;
    });
    lead();
    await until(() => phases(api).length === 20 && isSettled(api));
    const made = api.requests.filter(({ method, path }) => method === 'POST' && path === CACHES);
    expect(made.length).toBeLessThan(40);
    const ids = api.objects(CACHES).map(({ status }) => (status as { imageCacheId: string }).imageCacheId);
    expect(new Set(ids).size).toBe(20);
  });
});

function isSettled(api: FakeApiServer): boolean {
  return phases(api).every((phase) => phase === 'Ready');
}

function phases(api: FakeApiServer): unknown[] {
  return api.objects(CACHES).map(({ status }) => (status as { phase?: string } | undefined)?.phase);
}

function annotationsOf(api: FakeApiServer): Record<string, string> {
  const { metadata } = api.objects(CACHES)[0] as { metadata: { annotations?: Record<string, string> } };
  return metadata.annotations ?? {};
}

function aPod(name: string, image: string) {
  const decision = JSON.stringify({ outcome: 'NoMatch', exact: 0, images: 1 });
  return {
    metadata: { name, namespace: 'shop', uid: `uid-of-${name}`, annotations: { 'imc-webhook/decision': decision } },
    spec: { containers: [{ name: 'main', image, imagePullPolicy: 'IfNotPresent' }] },
    status: { phase: 'Pending' },
  };
}

function aCache(name: string) {
  return { metadata: { name, uid: `uid-of-${name}` }, spec: { images: ['nginx:1'] } };
}

interface Choices {
  readonly controllerDriver?: HotSettings['decision']['controllerDriver'];
  readonly mode?: HotSettings['decision']['mode'];
  readonly autoCreate?: HotSettings['autoCreate']['enabled'];
  readonly simulateBuildMs?: number;
}

async function aCluster(choices: Choices = {}) {
  const { api, client } = await aServer(CACHES, PODS, STATE, EVENTS, POD_EVENTS);
  const { config } = loadConfig({ env: {}, flags: {}, context: { command: 'controller' } });
  const chosen = (
    settings: HotSettings,
    {
      controllerDriver = settings.decision.controllerDriver,
      mode = settings.decision.mode,
      autoCreate = settings.autoCreate.enabled,
      simulateBuildMs = settings.simulateBuildMs,
    }: Choices,
  ): HotSettings => ({
    ...settings,
    simulateBuildMs,
    decision: { ...settings.decision, controllerDriver, mode },
    autoCreate: { ...settings.autoCreate, enabled: autoCreate },
  });
  const settings = new CurrentSettings(
    chosen(config, { controllerDriver: 'simulated', simulateBuildMs: 0, ...choices }),
  );
  const counted: CreationResult[] = [];
  const logger = new RecordingLogger();
  const task = imageCacheTask({
    client,
    state: { namespace: 'imc-system', name: 'state' },
    settings,
    logger,
    count: (result) => counted.push(result),
  });
  return {
    api,
    logger,
    counted,
    change: (changes: Choices) => settings.change(chosen(settings.now(), changes)),
    lead: ({ isHeld = true } = {}) => {
      const leading = new AbortController();
      const running = task.run({ signal: leading.signal, isHeld: () => isHeld });
      const end = async (): Promise<void> => {
        leading.abort();
        await running;
      };
      onTestFinished(end);
      return { end };
    },
  };
}
