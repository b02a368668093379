import { describe, expect, it } from 'vitest';
import { ImageCacheIndex } from '../../src/core/image-cache-index.ts';
import { podImagesOf } from '../../src/core/image-match.ts';
import { DEFAULT_PLATFORM } from '../../src/core/platform.ts';
import { decodeImageCache } from '../../src/wire/image-cache.ts';
import { decodePod } from '../../src/wire/pod.ts';

const MIB = 1024 * 1024;

describe('a search that stops early still finds the first by spec M4', () => {
  it('a cache met again in a later list does not end the reading of that list', () => {
    const best = bestFor(
      ['a', 'b', 'c'],
      [
        cache('newest', { images: ['a', 'c'], sizes: { a: 1, c: 1 } }),
        cache('larger', { images: ['b', 'c'], sizes: { b: 5 }, day: 2 }),
        cache('other', { images: ['b'], day: 1 }),
        cache('another', { images: ['b'], day: 1 }),
      ],
    );
    expect(best).toBe('larger');
  });

  it('caches of two visibilities compete, whichever is searched first', () => {
    const shared = cache('shared', { images: ['a', 'b'] });
    const own = cache('own', { images: ['a', 'b', 'c'], privateTo: 'shop' });
    expect(bestFor(['a', 'b', 'c'], [shared, own])).toBe('own');
    expect(bestFor(['a', 'b'], [shared, own])).toBe('own');
    expect(bestFor(['a', 'b', 'c'], [shared, own], 'office')).toBe('shared');
  });

  it('a repository match decides among caches with equally many exact matches, however long the lists are', () => {
    const many = Array.from({ length: 400 }, (_, i) => cache(`plain-${i}`, { images: ['a'], day: 20 }));
    const helpful = cache('helpful', { images: ['a', 'b:older'], day: 1 });
    expect(bestFor(['a', 'b'], [...many, helpful])).toBe('helpful');
  });
});

interface CacheOptions {
  readonly images: readonly string[];
  readonly sizes?: Readonly<Record<string, number>>;
  readonly day?: number;
  readonly privateTo?: string;
}

function cache(name: string, { images, sizes = {}, day = 28, privateTo }: CacheOptions): Record<string, unknown> {
  return {
    metadata: {
      name,
      creationTimestamp: `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`,
      labels: privateTo === undefined ? {} : { 'imc-webhook/namespace': privateTo },
    },
    spec: { images },
    status: {
      phase: 'Ready',
      imageCacheId: `imc-${name}`,
      images: Object.entries(sizes).map(([image, size]) => ({ name: image, sizeBytes: size * MIB })),
    },
  };
}

function bestFor(images: readonly string[], caches: readonly Record<string, unknown>[], namespace = 'shop'): string {
  const index = ImageCacheIndex.of(caches.map((object) => decodeImageCache(object)));
  const pod = decodePod({ spec: { containers: images.map((image) => ({ image })) } });
  const query = {
    images: podImagesOf(pod),
    platform: DEFAULT_PLATFORM,
    namespace,
    aliases: 'off',
    usableUntilMs: 0,
  } as const;
  return index.best(query)?.cache.name ?? 'none';
}
