import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CreationResult, CreatorSettings } from '../../src/controller/auto-creator.ts';
import { AutoCreator } from '../../src/controller/auto-creator.ts';
import { FailureLedger } from '../../src/controller/failure-ledger.ts';
import { RefusedWriteError } from '../../src/controller/refused-write-error.ts';
import type { Demand } from '../../src/core/creation-plan.ts';
import { wantedCacheOf } from '../../src/core/wanted-cache.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { InMemoryImageCaches } from '../support/in-memory-image-caches.ts';
import { anEciPod } from '../support/pod-builder.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SETTINGS: CreatorSettings = {
  enabled: true,
  allow: [],
  deny: [],
  mutableTags: ['latest'],
  buildDeadlineMs: HOUR_MS,
  expiryMarginMs: 4 * HOUR_MS,
  maxCaches: 500,
  perMinute: 10_000,
  retentionDays: undefined,
};

function demandFor(image: string, pullSecrets: readonly string[] = []): Demand {
  const pod = decodePod(anEciPod().withImage(image).build());
  const wanted = wantedCacheOf(pod, 'shop', pullSecrets, { copyAnnotations: [], share: 'namespace' });
  return { name: `auto-${image.replace(/\W/g, '-')}`, wanted, pod };
}

function aWorld(settings: Partial<CreatorSettings> = {}) {
  const clock = { nowMs: Date.parse('2026-01-01T00:00:00Z') };
  const objects = new InMemoryImageCaches(() => clock.nowMs);
  const wanted = new Map<string, Demand>();
  const ids = new Set<string>();
  let note: string | undefined;
  const ledger = new FailureLedger({
    read: () => Promise.resolve(note),
    write: (text) => {
      note = text;
      return Promise.resolve();
    },
  });
  const told: string[] = [];
  const state = { isComplete: true };
  const want = (image: string, pullSecrets: readonly string[] = []): void => {
    const demand = demandFor(image, pullSecrets);
    wanted.set(demand.name, demand);
  };
  const creator = (): AutoCreator =>
    new AutoCreator({
      objects,
      demands: {
        isComplete: () => state.isComplete,
        demands: () => wanted.values(),
        idsInUse: () => ids,
        onChange: () => undefined,
      },
      ledger,
      settings: () => ({ ...SETTINGS, ...settings }),
      now: () => clock.nowMs,
      logger: silentLogger(),
      reports: {
        count: (result: CreationResult) => void told.push(result),
        refused: (name, _wanted, { reason }) => void told.push(`${name}: ${reason}`),
        done: () => undefined,
      },
    });
  const built = (name: string, phase = 'Ready'): void => {
    const object = objects.current().get(name);
    if (object === undefined) throw new Error(`no ${name}`);
    void objects.writeStatus(object, { phase, imageCacheId: `imc-${name}` });
  };
  return { clock, objects, wanted, want, ids, ledger, told, state, creator, built };
}

describe('AutoCreator', () => {
  it('makes the object of spec N2', async () => {
    const { objects, want, creator } = aWorld({ retentionDays: 14 });
    want('nginx:1', ['regcred']);
    await creator().pass();
    expect(objects.current().get('auto-nginx-1')).toMatchObject({
      labels: new Map([
        ['imc-webhook/auto-created', 'true'],
        ['imc-webhook/namespace', 'shop'],
      ]),
      spec: {
        images: ['docker.io/library/nginx:1'],
        imagePullSecrets: ['shop:regcred'],
        imageCacheSizeGib: 20,
        retentionDays: 14,
      },
    });
  });

  it('knows sizes from other caches', async () => {
    const { objects, want, creator } = aWorld();
    objects.apply({
      apiVersion: 'eci.alibabacloud.com/v1',
      kind: 'ImageCache',
      metadata: { name: 'by-hand' },
      spec: { images: ['nginx:1', 'redis:1'] },
      status: { phase: 'Failed', images: [{ name: 'nginx:1', sizeBytes: 30 * 1024 ** 3 }] },
    });
    want('nginx:1');
    await creator().pass();
    expect(objects.current().get('auto-nginx-1')?.spec.imageCacheSizeGib).toBe(60);
  });

  it('does nothing before all pods are known', async () => {
    const { objects, want, creator, state } = aWorld();
    state.isComplete = false;
    want('nginx:1');
    await creator().pass();
    expect(objects.log).toEqual([]);
  });

  it('makes the others while one is not accepted, and tries that one again, later each time', async () => {
    const { objects, clock, want, creator, told } = aWorld();
    for (const image of ['a:1', 'b:1', 'c:1']) want(image);
    let isAccepted = false;
    objects.interrupt = (_when, what) => {
      if (what === 'create auto-b-1' && !isAccepted) throw new RefusedWriteError('not like this');
    };
    const one = creator();
    const first = (await one.pass()) - clock.nowMs;
    expect([...objects.current().keys()]).toEqual(['auto-a-1', 'auto-c-1']);
    expect(told).toEqual(['created', 'error', 'created']);
    expect(first).toBeLessThanOrEqual(1_000);
    // News do not lead to another attempt before its time.
    await one.pass();
    expect(told).toHaveLength(3);
    clock.nowMs += 1_000;
    await one.pass();
    expect(told.slice(3)).toEqual(['error']);
    isAccepted = true;
    clock.nowMs += 2_000;
    await one.pass();
    expect(objects.current().size).toBe(3);
  });

  it('tells a refusal once, and again when its reason changes', async () => {
    const { want, creator, told } = aWorld();
    const one = creator();
    want('nginx:latest');
    for (let i = 0; i < 3; i += 1) await one.pass();
    expect(told).toEqual(['refused', 'auto-nginx-latest: MutableTag']);
  });

  it('retires what nobody uses, deletes it after the margin, and remembers when it was used', async () => {
    const { objects, want, wanted, creator, built, clock, ids } = aWorld();
    want('nginx:1');
    await creator().pass();
    built('auto-nginx-1');
    await Promise.resolve();
    wanted.clear();
    ids.add('imc-auto-nginx-1');
    await creator().pass();
    expect(objects.current().get('auto-nginx-1')?.annotations.get('imc-webhook/last-matched-at')).toBe(
      '2026-01-01T00:00:00.000Z',
    );
    ids.clear();
    clock.nowMs += 30 * DAY_MS;
    await creator().pass();
    expect(objects.current().get('auto-nginx-1')?.labels.get('imc-webhook/retiring')).toBe('true');
    clock.nowMs += 4 * HOUR_MS - 1;
    await creator().pass();
    expect(objects.current().has('auto-nginx-1')).toBe(true);
    clock.nowMs += 1;
    await creator().pass();
    expect(objects.current().has('auto-nginx-1')).toBe(false);
  });

  it('counts failures in the ledger, also across restarts', async () => {
    const { objects, want, creator, built, clock, ledger } = aWorld();
    want('nginx:1');
    const waits = [1, 6, 24].map((hours) => hours * HOUR_MS);
    for (const [i, waitMs] of waits.entries()) {
      await creator().pass();
      built('auto-nginx-1', 'Failed');
      await Promise.resolve();
      clock.nowMs += 60_000;
      await creator().pass();
      expect((await ledger.load()).get('auto-nginx-1')?.failures).toBe(i + 1);
      clock.nowMs += waitMs;
      await creator().pass();
      expect(objects.current().has('auto-nginx-1')).toBe(false);
    }
    await creator().pass();
    built('auto-nginx-1', 'Failed');
    await Promise.resolve();
    for (let day = 0; day < 20; day += 1) {
      clock.nowMs += DAY_MS;
      await creator().pass();
    }
    expect(objects.log.filter((line) => line.startsWith('create'))).toHaveLength(4);
  });

  it('makes 300 objects for 300 image sets with three creators that race', async () => {
    const { objects, want, creator } = aWorld();
    for (let i = 0; i < 300; i += 1) want(`a/b:${i}`);
    const racing = [creator(), creator(), creator()];
    await Promise.all(racing.map((each) => each.pass()));
    await Promise.all(racing.map((each) => each.pass()));
    expect(objects.current().size).toBe(300);
  });

  it('is right in the end, wherever writes and their answers get lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 5, maxLength: 60 }), async (failing) => {
        const { objects, want, creator, clock } = aWorld();
        let call = 0;
        objects.interrupt = () => {
          call += 1;
          if (failing[call] === true)
            throw call % 5 === 0 ? new RefusedWriteError('refused') : new Error('interrupted');
        };
        for (const image of ['a:1', 'b:1', 'c:1']) want(image);
        for (let i = 0; i < failing.length; i += 1) {
          await creator()
            .pass()
            .catch(() => undefined);
          clock.nowMs += 1_000;
        }
        await creator().pass();
        expect([...objects.current().keys()].toSorted()).toEqual(['auto-a-1', 'auto-b-1', 'auto-c-1']);
        expect(objects.log.filter((line) => line.startsWith('delete'))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});
