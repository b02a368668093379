import { describe, expect, it } from 'vitest';
import type { ImageCache } from '../../src/core/image-cache.ts';
import { ImageCacheIndex } from '../../src/core/image-cache-index.ts';
import { podImagesOf } from '../../src/core/image-match.ts';
import { DEFAULT_PLATFORM } from '../../src/core/platform.ts';
import { decodeImageCache } from '../../src/wire/image-cache.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { makeRng, randomReference, randomWorld } from '../oracle/generator.ts';

const HOUR_MS = 60 * 60 * 1000;

describe('what is remembered stays true while caches change', () => {
  it('spec M4: after every change, for the same pods, at later and at earlier times, as an index made anew', () => {
    for (let seed = 1; seed <= 25; seed += 1) {
      const rng = makeRng(seed);
      const pool = [seed, seed + 1000, seed + 2000].flatMap((world) => decoded(randomWorld(world, 60).imageCaches));
      const caches = new Map<string, ImageCache>();
      const index = new ImageCacheIndex();
      const questions = Array.from({ length: 8 }, (_, i) => ({
        images: podImagesOf(
          decodePod({ spec: { containers: rng.some(someReferences(rng), 0.5).map((image) => ({ image })) } }),
        ),
        platform: { architecture: rng.chance(0.2) ? 'arm64' : 'amd64', os: 'linux' },
        namespace: rng.pick(['default', 'team-a', 'team-b']),
        aliases: i % 3 === 0 ? ('repository' as const) : ('off' as const),
      }));
      let nowMs = rng.nowMs;
      for (let step = 0; step < 150; step += 1) {
        const cache = rng.pick(pool);
        if (rng.chance(0.3)) {
          caches.delete(cache.name);
          index.remove(cache.name);
        } else {
          caches.set(cache.name, cache);
          index.upsert(cache);
        }
        if (rng.chance(0.3)) nowMs += rng.pick([-HOUR_MS, 1000, HOUR_MS, 4 * HOUR_MS]);
        const fresh = ImageCacheIndex.of(caches.values());
        // Not every question every time, so that some have several changes to catch up with.
        for (const question of rng.some(questions, 0.6)) {
          const query = { ...question, usableUntilMs: nowMs };
          const expected = fresh.best(query);
          const actual = index.best(query);
          const where = `seed ${seed}, step ${step}`;
          expect(actual?.cache.name, where).toBe(expected?.cache.name);
          expect(actual?.exact, where).toBe(expected?.exact);
          expect(actual?.repository, where).toBe(expected?.repository);
          expect(new Set(actual?.exactKeys), where).toEqual(new Set(expected?.exactKeys));
        }
      }
    }
  });
});

describe('a cache private to no namespace', () => {
  it('spec C4: an empty label makes it nobody’s, also when it comes after the answer was remembered', () => {
    const images = podImagesOf(decodePod({ spec: { containers: [{ image: 'nginx:1' }] } }));
    const query = { images, platform: DEFAULT_PLATFORM, namespace: 'shop', aliases: 'off', usableUntilMs: 0 } as const;
    const index = ImageCacheIndex.of([cacheOf('shared', undefined, '2026-01-01T00:00:00Z')]);
    expect(index.best(query)?.cache.name).toBe('shared');
    index.upsert(cacheOf('nobodys', '', '2026-01-02T00:00:00Z'));
    expect(index.best(query)?.cache.name).toBe('shared');
  });
});

function cacheOf(name: string, privateTo: string | undefined, creationTimestamp: string): ImageCache {
  const labels = privateTo === undefined ? {} : { 'imc-webhook/namespace': privateTo };
  return decodeImageCache({
    metadata: { name, labels, creationTimestamp },
    spec: { images: ['nginx:1'] },
    status: { phase: 'Ready', imageCacheId: `imc-${name}` },
  });
}

function someReferences(rng: ReturnType<typeof makeRng>): string[] {
  return Array.from({ length: 8 }, () => randomReference(rng));
}

function decoded(objects: readonly object[]): ImageCache[] {
  return objects.flatMap((object) => {
    try {
      return [decodeImageCache({ ...object })];
    } catch {
      return [];
    }
  });
}
