import { describe, expect, it } from 'vitest';
import type { PlannedAction, PlanRefusal } from '../../src/core/creation-plan.ts';
import { CreationEvents } from '../../src/kubernetes/creation-events.ts';
import { until } from '../certs/until.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { aServer } from './cluster-writers.ts';

const SHOP = '/api/v1/namespaces/shop/events';
const DEFAULT = '/api/v1/namespaces/default/events';
const MUTABLE: PlanRefusal = { reason: 'MutableTag', image: 'docker.io/library/web:latest' };

describe('CreationEvents', () => {
  it('tells whoever wants a cache why none is made, once for each reason', async () => {
    const { api, events } = await aCluster();
    events.refused('auto-1', MUTABLE);
    await until(() => api.objects(SHOP).length === 1);
    expect(api.objects(SHOP)).toMatchObject([
      {
        involvedObject: { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'shop', name: 'web', uid: 'u' },
        type: 'Warning',
        reason: 'ImageCacheMutableTag',
        message: expect.stringMatching(/^no ImageCache is made for the images of ReplicaSet web: the tag of .* moves/),
        source: { component: 'imc-controller' },
        firstTimestamp: '2026-01-01T00:00:00Z',
      },
    ]);
    events.refused('auto-1', MUTABLE);
    events.refused('auto-1', { reason: 'PerMinute' });
    await until(() => api.objects(SHOP).length === 2 && api.requests.length === 3);
    expect(api.objects(SHOP)[1]).toMatchObject({ type: 'Normal', reason: 'ImageCachePerMinute' });
  });

  it('says nothing where it is switched off, or nobody is left to be told', async () => {
    const { api, events } = await aCluster();
    events.refused('auto-1', { reason: 'Disabled' });
    events.refused('auto-of-nobody', MUTABLE);
    events.refused('auto-1', MUTABLE);
    await until(() => api.requests.length === 1);
    expect(api.objects(SHOP)).toHaveLength(1);
  });

  it.each<[PlannedAction, string, RegExp]>([
    [{ kind: 'restore', name: 'auto-1' }, 'Restored', /offered again/],
    [{ kind: 'retire', name: 'auto-1', because: 'NeverMatched' }, 'Retired', /no pod has used it for 7 days/],
    [{ kind: 'delete', name: 'auto-1', because: 'Retired' }, 'Deleted', /no pod names it any more/],
    [
      { kind: 'record-failure', name: 'auto-1', record: { failures: 2, lastFailedAtMs: 0 } },
      'BuildFailed',
      /attempt 2/,
    ],
  ])('tells on the ImageCache what was done to it, in the namespace default: %j', async (action, reason, message) => {
    const { api, events } = await aCluster();
    events.done('auto-1', action);
    await until(() => api.objects(DEFAULT).length === 1);
    expect(api.objects(DEFAULT)).toMatchObject([
      {
        involvedObject: { apiVersion: 'eci.alibabacloud.com/v1', kind: 'ImageCache', name: 'auto-1', uid: 'uid-1' },
        reason,
        message: expect.stringMatching(message),
      },
    ]);
    expect((api.objects(DEFAULT)[0] as { involvedObject: object }).involvedObject).not.toHaveProperty('namespace');
  });

  it('writes 25 at once, then one every four seconds, and never saves up more', async () => {
    const { api, events, clock } = await aCluster();
    const refuse = (count: number): void => {
      for (let i = 0; i < count; i += 1) events.refused(`auto-${clock.nowMs}-${i}`, { reason: 'MaxCaches' });
    };
    refuse(40);
    await until(() => api.objects(SHOP).length === 25);
    clock.nowMs += 9_000;
    refuse(40);
    await until(() => api.objects(SHOP).length === 27);
    clock.nowMs += 3_600_000;
    refuse(40);
    await until(() => api.objects(SHOP).length === 52);
    expect(api.requests).toHaveLength(52);
  });

  it('holds nothing up when Events cannot be written', async () => {
    const { api, events, logger } = await aCluster();
    api.removeCollection(SHOP);
    events.refused('auto-1', MUTABLE);
    await until(() => logger.lines.length > 0);
    expect(logger.lines).toMatchObject([{ level: 'debug', message: 'an Event was not written' }]);
  });
});

async function aCluster() {
  const { api, client } = await aServer(SHOP, DEFAULT);
  const clock = { nowMs: Date.parse('2026-01-01T00:00:00Z') };
  const logger = new RecordingLogger();
  const events = new CreationEvents({
    client,
    logger,
    now: () => clock.nowMs,
    whoWants: (name) =>
      name === 'auto-of-nobody'
        ? undefined
        : { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'shop', name: 'web', uid: 'u' },
    uidOf: () => 'uid-1',
    maxCaches: () => 50,
  });
  return { api, events, clock, logger };
}
