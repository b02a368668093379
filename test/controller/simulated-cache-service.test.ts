import { describe, expect, it } from 'vitest';
import type { CreateRequest } from '../../src/controller/cache-service.ts';
import { SimulatedCacheService } from '../../src/controller/simulated-cache-service.ts';

const DAY_MS = 86_400_000;

class Books {
  text: string | undefined;
  isFull = false;

  read(): Promise<string | undefined> {
    return Promise.resolve(this.text);
  }

  write(text: string): Promise<void> {
    if (this.isFull) return Promise.reject(new Error('no space left'));
    this.text = text;
    return Promise.resolve();
  }
}

const REQUEST: CreateRequest = {
  clientToken: 'token-1',
  name: 'web',
  owner: 'uid-1',
  images: ['docker.io/library/nginx:1'],
  imagePullSecrets: [],
  sizeGib: 20,
  retentionDays: undefined,
  annotations: new Map(),
};

function aService(books = new Books()) {
  const clock = { nowMs: Date.parse('2026-01-01T00:00:00Z') };
  const open = () => new SimulatedCacheService({ books, now: () => clock.nowMs, buildMs: () => 10_000 });
  return { books, clock, open, service: open() };
}

async function shown(service: SimulatedCacheService) {
  const { caches } = await service.describe({ nextToken: '', limit: 50 });
  return caches.map(({ status, progressPercent }) => `${status} ${progressPercent}%`);
}

describe('SimulatedCacheService', () => {
  it('takes a cache from Preparing to Ready, with what it holds', async () => {
    const { service, clock } = aService();
    await service.create(REQUEST);
    const seen: string[] = [];
    for (let i = 0; i <= 5; i += 1) {
      seen.push(...(await shown(service)));
      clock.nowMs += 2_000;
    }
    expect(seen).toEqual(['Preparing 0%', 'Creating 0%', 'Creating 25%', 'Creating 50%', 'Creating 75%', 'Ready 100%']);
    const [cache] = (await service.describe({ nextToken: '', limit: 1 })).caches;
    expect(cache?.imageCacheId).toMatch(/^imc-sim[0-9a-f]{20}$/);
    expect(cache?.recorded).toEqual([
      {
        name: 'docker.io/library/nginx:1',
        digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
        sizeBytes: expect.toSatisfy((bytes: number) => bytes >= 20e6 && bytes <= 2e9) as number,
      },
    ]);
  });

  it('gives the same cache for the same token, also after a restart', async () => {
    const { service, open } = aService();
    const first = await service.create(REQUEST);
    expect(await service.create(REQUEST)).toEqual(first);
    expect(await open().create(REQUEST)).toEqual(first);
    expect(await shown(open())).toHaveLength(1);
    expect(await service.create({ ...REQUEST, clientToken: 'token-2' })).not.toEqual(first);
  });

  it('fails when asked to, and is gone a day later', async () => {
    const { service, clock } = aService();
    await service.create({ ...REQUEST, annotations: new Map([['imc-webhook/simulate', 'fail']]) });
    clock.nowMs += 5_000;
    expect(await shown(service)).toEqual(['Failed 0%']);
    clock.nowMs += DAY_MS + 5_000;
    expect(await shown(service)).toEqual([]);
  });

  it('expires after its retention', async () => {
    const { service, clock } = aService();
    await service.create({ ...REQUEST, retentionDays: 2 });
    clock.nowMs += 10_000;
    const [cache] = (await service.describe({ nextToken: '', limit: 1 })).caches;
    expect(cache?.expiresAtMs).toBe(clock.nowMs + 2 * DAY_MS);
    clock.nowMs += 2 * DAY_MS;
    expect(await shown(service)).toEqual([]);
  });

  it('updates a cache that is Ready, once for each token, and no other', async () => {
    const { service, clock } = aService();
    const { imageCacheId } = await service.create(REQUEST);
    const update = { ...REQUEST, imageCacheId, clientToken: 'token-2', images: ['docker.io/library/nginx:2'] };
    await expect(service.update(update)).rejects.toThrow('not Ready');
    clock.nowMs += 10_000;
    await service.update(update);
    clock.nowMs += 6_000;
    await service.update(update);
    expect(await shown(service)).toEqual(['Updating 50%']);
    clock.nowMs += 4_000;
    expect(await shown(service)).toEqual(['Ready 100%']);
  });

  it('keeps the old contents when an update fails', async () => {
    const { service, clock } = aService();
    const { imageCacheId } = await service.create(REQUEST);
    clock.nowMs += 10_000;
    const annotations = new Map([['imc-webhook/simulate', 'fail']]);
    await service.update({ ...REQUEST, imageCacheId, clientToken: 'token-2', images: ['a/b:1'], annotations });
    clock.nowMs += 10_000;
    const [cache] = (await service.describe({ nextToken: '', limit: 1 })).caches;
    expect(cache).toMatchObject({ status: 'UpdateFailed', images: REQUEST.images });
  });

  it('tells its caches page by page', async () => {
    const { service } = aService();
    for (let i = 0; i < 5; i += 1) await service.create({ ...REQUEST, clientToken: `token-${i}`, name: `cache-${i}` });
    const names: string[] = [];
    let nextToken = '';
    do {
      const page = await service.describe({ nextToken, limit: 2 });
      expect(page.caches.length).toBeLessThanOrEqual(2);
      names.push(...page.caches.map(({ name }) => name));
      nextToken = page.nextToken;
    } while (nextToken !== '');
    expect(names).toEqual(['cache-0', 'cache-1', 'cache-2', 'cache-3', 'cache-4']);
  });

  it('has not done what it could not write down', async () => {
    const { service, books } = aService();
    books.isFull = true;
    await expect(service.create(REQUEST)).rejects.toThrow('no space left');
    books.isFull = false;
    expect(await shown(service)).toEqual([]);
  });

  it('deletes once and for all', async () => {
    const { service, open } = aService();
    const { imageCacheId } = await service.create(REQUEST);
    await service.delete(imageCacheId);
    await service.delete(imageCacheId);
    expect(await shown(open())).toEqual([]);
  });

  it('refuses books that are none', async () => {
    const books = new Books();
    books.text = '{"not": "a list"}';
    await expect(aService(books).service.create(REQUEST)).rejects.toThrow('not a list');
  });
});
