import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CacheLifecycle } from '../../src/controller/cache-lifecycle.ts';
import type { CacheService } from '../../src/controller/cache-service.ts';
import { ThrottledError } from '../../src/controller/cache-service.ts';
import { RefusedWriteError } from '../../src/controller/refused-write-error.ts';
import { SimulatedCacheService } from '../../src/controller/simulated-cache-service.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { InMemoryImageCaches } from '../support/in-memory-image-caches.ts';

const BUILD_MS = 10_000;

function manifest(name: string, images: readonly string[], annotations: Record<string, string> = {}): JsonObject {
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: { name, annotations },
    spec: { images },
  };
}

/** A cluster, a service whose books outlive it, and life cycles that can be started anew at any time. */
function aWorld() {
  const clock = { nowMs: Date.parse('2026-01-01T00:00:00Z') };
  const now = (): number => clock.nowMs;
  const objects = new InMemoryImageCaches(now);
  let text: string | undefined;
  const books = {
    read: () => Promise.resolve(text),
    write: (news: string) => {
      text = news;
      return Promise.resolve();
    },
  };
  const service = (): CacheService => new SimulatedCacheService({ books, now, buildMs: () => BUILD_MS });
  const lifecycle = (using: CacheService = service(), isOurs: () => boolean = () => true): CacheLifecycle =>
    new CacheLifecycle({ objects, service: using, now, logger: silentLogger(), isOurs });
  const held = async () => (await service().describe({ nextToken: '', limit: 1000 })).caches;
  const phases = (): readonly string[] => [...objects.current().values()].map(({ cache }) => cache.phase);
  return { clock, objects, service, lifecycle, held, phases };
}

describe('CacheLifecycle', () => {
  it('takes an object that somebody wrote from Pending to Ready, with id, times and images', async () => {
    const { objects, lifecycle, clock, held } = aWorld();
    objects.apply(manifest('web', ['nginx:1']));
    const cycle = lifecycle();
    const building: boolean[] = [];
    for (let i = 0; i <= 11; i += 1) {
      building.push(await cycle.pass());
      clock.nowMs += 1_000;
    }
    expect(building).toEqual([...Array.from({ length: 10 }, () => true), false, false]);
    const written = objects.log.map((line) => line.split(' ').at(-1));
    expect([...new Set(written)]).toEqual(['Pending', 'Preparing', 'Creating', 'Ready']);
    const [cache] = await held();
    expect(objects.current().get('web')?.status).toEqual({
      phase: 'Ready',
      progress: '100%',
      imageCacheId: cache?.imageCacheId,
      startTime: '2026-01-01T00:00:00.000Z',
      images: cache?.recorded,
    });
  });

  it('records images in an annotation where the status has no room for them', async () => {
    const { objects, lifecycle, clock, held } = aWorld();
    objects.keepsImages = false;
    objects.apply(manifest('web', ['nginx:1']));
    await lifecycle().pass();
    clock.nowMs += BUILD_MS;
    for (let i = 0; i < 3; i += 1) await lifecycle().pass();
    const [cache] = await held();
    expect(objects.current().get('web')?.cache.annotationImages).toHaveLength(1);
    expect(objects.current().get('web')?.annotations.get('imc-webhook/images')).toBe(JSON.stringify(cache?.recorded));
    expect(objects.log.filter((line) => line.startsWith('mark'))).toHaveLength(1);
  });

  it('writes nothing when there is no news', async () => {
    const { objects, lifecycle, clock } = aWorld();
    objects.apply(manifest('web', ['nginx:1']));
    const cycle = lifecycle();
    await cycle.pass();
    clock.nowMs += BUILD_MS;
    await cycle.pass();
    const writes = objects.log.length;
    for (let i = 0; i < 5; i += 1) await cycle.pass();
    await lifecycle().pass();
    expect(objects.log).toHaveLength(writes);
  });

  it('updates a cache whose object asks for other images', async () => {
    const { objects, lifecycle, clock, held, phases } = aWorld();
    objects.apply(manifest('web', ['nginx:1']));
    const cycle = lifecycle();
    await cycle.pass();
    clock.nowMs += BUILD_MS;
    await cycle.pass();
    objects.apply(manifest('web', ['nginx:2']));
    await cycle.pass();
    await cycle.pass();
    expect(phases()).toEqual(['Updating']);
    clock.nowMs += BUILD_MS;
    await cycle.pass();
    expect(phases()).toEqual(['Ready']);
    expect((await held()).map(({ images }) => images)).toEqual([['nginx:2']]);
  });

  it('tells a failure with its reason, and does not build it again by itself', async () => {
    const { objects, lifecycle, clock, held } = aWorld();
    objects.apply(manifest('web', ['nginx:1'], { 'imc-webhook/simulate': 'fail' }));
    const cycle = lifecycle();
    for (let hours = 0; hours < 30; hours += 1) {
      await cycle.pass();
      clock.nowMs += 3_600_000;
    }
    expect(objects.current().get('web')?.status).toMatchObject({
      phase: 'Failed',
      reason: expect.stringContaining('failure') as string,
    });
    expect(await held()).toEqual([]);
  });

  it('deletes a cache whose object is gone, and makes a new one for another object of its name', async () => {
    const { objects, lifecycle, clock, held } = aWorld();
    objects.apply(manifest('web', ['nginx:1']));
    const cycle = lifecycle();
    await cycle.pass();
    const [first] = await held();
    objects.drop('web');
    objects.apply(manifest('web', ['nginx:1']));
    clock.nowMs += 1_000;
    await cycle.pass();
    const [second, ...others] = await held();
    expect(others).toEqual([]);
    expect(second?.owner).not.toBe(first?.owner);
    objects.drop('web');
    await cycle.pass();
    expect(await held()).toEqual([]);
  });

  it('says that a cache was deleted behind its object’s back', async () => {
    const { objects, lifecycle, clock, held, service } = aWorld();
    objects.apply(manifest('web', ['nginx:1']));
    await lifecycle().pass();
    clock.nowMs += BUILD_MS;
    await lifecycle().pass();
    const [cache] = await held();
    await service().delete(cache?.imageCacheId ?? '', 'by hand');
    await lifecycle().pass();
    expect(objects.current().get('web')?.status).toMatchObject({
      phase: 'Failed',
      reason: expect.stringContaining('is gone') as string,
    });
  });

  it('leaves alone what is not ours', async () => {
    const { objects, lifecycle, held } = aWorld();
    objects.apply({ ...manifest('web', ['nginx:1']), status: { phase: 'Creating', progress: '45%' } });
    await lifecycle(undefined, () => false).pass();
    expect(objects.log).toEqual([]);
    expect(await held()).toEqual([]);
  });

  it('builds the others while the status of one is not accepted, and tries that one again', async () => {
    const { objects, clock, lifecycle, phases } = aWorld();
    for (const name of ['a', 'b', 'c']) objects.apply(manifest(name, [`${name}:1`]));
    let isAccepted = false;
    objects.interrupt = (_when, what) => {
      if (what.startsWith('status b') && !isAccepted) throw new RefusedWriteError('not like this');
    };
    const cycle = lifecycle();
    const passes = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        const comesBack = await cycle.pass();
        expect(comesBack).toBe(phases().some((phase) => phase !== 'Ready'));
        clock.nowMs += 5_000;
      }
    };
    await passes(4);
    expect(phases()).toEqual(['Ready', '', 'Ready']);
    isAccepted = true;
    await passes(20);
    expect(phases()).toEqual(['Ready', 'Ready', 'Ready']);
  });

  it('looks after more caches than fit on a page', async () => {
    const { objects, lifecycle, held } = aWorld();
    for (let i = 0; i < 120; i += 1) objects.apply(manifest(`cache-${i}`, [`a/b:${i}`]));
    await lifecycle().pass();
    await lifecycle().pass();
    expect(await held()).toHaveLength(120);
  });

  it('builds nothing twice and loses nothing, however often it is killed, throttled or not answered', async () => {
    // true: this call fails; even calls lose the request, odd ones the answer.
    const faults = fc.array(fc.boolean(), { minLength: 10, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(faults, async (failing) => {
        const world = aWorld();
        const { objects, clock, held, phases } = world;
        let call = 0;
        const interrupt = (): void => {
          call += 1;
          if (failing[call] !== true) return;
          if (call % 5 === 0) throw new RefusedWriteError('refused');
          throw call % 3 === 0 ? new ThrottledError(1) : new Error('interrupted');
        };
        objects.interrupt = interrupt;
        const real = world.service();
        const service: CacheService = {
          create: (request) => guarded(() => real.create(request)),
          describe: (page) => guarded(() => real.describe(page)),
          update: (request) => guarded(() => real.update(request)),
          delete: (id, token) => guarded(() => real.delete(id, token)),
        };
        async function guarded<Result>(request: () => Promise<Result>): Promise<Result> {
          interrupt();
          const result = await request();
          interrupt();
          return result;
        }
        objects.apply(manifest('a', ['a:1']));
        objects.apply(manifest('b', ['b:1']));
        for (let i = 0; i < failing.length; i += 1) {
          await world
            .lifecycle(service)
            .pass()
            .catch(() => undefined);
          expect((await held()).length).toBeLessThanOrEqual(2);
          clock.nowMs += 1_000;
        }
        for (let i = 0; i < 3; i += 1) {
          clock.nowMs += BUILD_MS;
          await world
            .lifecycle()
            .pass()
            .catch(() => undefined);
        }
        await world.lifecycle().pass();
        expect(phases()).toEqual(['Ready', 'Ready']);
        const caches = await held();
        expect(new Set(caches.map(({ name }) => name))).toEqual(new Set(['a', 'b']));
        expect(caches).toHaveLength(2);
      }),
      { numRuns: 60 },
    );
  });
});
