import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageCache } from '../../src/core/image-cache.ts';
import { ImageSizes } from '../../src/core/image-sizes.ts';
import { DIGEST_A, DIGEST_B } from '../support/digests.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';

const NGINX = 'docker.io/library/nginx';

function sizeIn(caches: readonly ImageCacheBuilder[], key: string): number {
  const sizes = new ImageSizes();
  for (const cache of caches) sizes.replace(undefined, cache.decode());
  return sizes.sizeOf(key);
}

function reporting(sizeBytes: unknown, image: object = { name: 'nginx:1' }): ImageCacheBuilder {
  return anImageCache('a').recording({ ...image, sizeBytes });
}

describe('ImageSizes', () => {
  it.each([
    ['a report counts', [reporting(7)], `${NGINX}:1`, 7],
    ['a fraction of a byte counts', [reporting(0.5)], `${NGINX}:1`, 0.5],
    ['a report of another tag does not', [reporting(7)], `${NGINX}:2`, 0],
    ['the largest of several counts', [reporting(7), reporting(9), reporting(8)], `${NGINX}:1`, 9],
    [
      'the largest within one cache counts',
      [reporting(7).recording({ name: 'docker.io/nginx:1', sizeBytes: 9 })],
      `${NGINX}:1`,
      9,
    ],
    ['a cache in any phase reports', [reporting(7).inPhase('Failed').withId('')], `${NGINX}:1`, 7],
    ['an expired cache reports', [reporting(7).expiringAt('2020-01-01T00:00:00Z')], `${NGINX}:1`, 7],
    [
      'a private cache of another platform reports',
      [reporting(7).privateTo('x').forArchitecture('arm64')],
      `${NGINX}:1`,
      7,
    ],
    ['an image that is only recorded reports', [reporting(7).holding('redis')], `${NGINX}:1`, 7],
    ['zero is no size', [reporting(0)], `${NGINX}:1`, 0],
    ['a negative number is no size', [reporting(-7)], `${NGINX}:1`, 0],
    ['a text is no size', [reporting('7')], `${NGINX}:1`, 0],
    ['NaN is no size', [reporting(Number.NaN)], `${NGINX}:1`, 0],
    ['Infinity is no size', [reporting(Number.POSITIVE_INFINITY)], `${NGINX}:1`, 0],
    ['null is no size', [reporting(null)], `${NGINX}:1`, 0],
    ['no size is none', [reporting(undefined)], `${NGINX}:1`, 0],
    ['a bad size does not hide a good one', [reporting(0), reporting(7), reporting('9')], `${NGINX}:1`, 7],
    ['an invalid name reports nothing', [reporting(7, { name: 'Nginx' })], 'Nginx', 0],
    [
      'a report with a digest counts for the tag',
      [reporting(7, { name: 'nginx:1', digest: DIGEST_A })],
      `${NGINX}:1`,
      7,
    ],
    [
      'a report with a digest counts for the digest',
      [reporting(7, { name: 'nginx:1', digest: DIGEST_A })],
      `${NGINX}@${DIGEST_A}`,
      7,
    ],
    ['a digest in the name counts', [reporting(7, { name: `nginx@${DIGEST_A}` })], `${NGINX}@${DIGEST_A}`, 7],
    [
      'the same digest twice counts once',
      [reporting(7, { name: `nginx@${DIGEST_A}`, digest: DIGEST_A })],
      `${NGINX}@${DIGEST_A}`,
      7,
    ],
    ['an unreadable digest is none', [reporting(7, { name: 'nginx:1', digest: 'sha256:abc' })], `${NGINX}:1`, 7],
    [
      'a report of the annotation counts',
      [anImageCache('a').annotatedImages({ name: 'nginx:1', sizeBytes: 7 })],
      `${NGINX}:1`,
      7,
    ],
    [
      'the status goes before a larger annotation',
      [reporting(7), anImageCache('b').annotatedImages({ name: 'nginx:1', sizeBytes: 99 })],
      `${NGINX}:1`,
      7,
    ],
    [
      'a bad status leaves it to the annotation',
      [reporting(0), anImageCache('b').annotatedImages({ name: 'nginx:1', sizeBytes: 99 })],
      `${NGINX}:1`,
      99,
    ],
    [
      'a broken annotation reports nothing',
      [anImageCache('b').withAnnotation('imc-webhook/images', '[{')],
      `${NGINX}:1`,
      0,
    ],
  ])('spec C3: %s', (_title, caches, key, size) => {
    expect(sizeIn(caches, key)).toBe(size);
    expect(sizeIn(caches.toReversed(), key)).toBe(size);
  });

  it('spec C3: the size of a key is forgotten with the last cache that reports it', () => {
    const sizes = new ImageSizes();
    const first = reporting(7).decode();
    const second = reporting(9).decode();
    sizes.replace(undefined, first);
    sizes.replace(undefined, second);
    sizes.replace(second, undefined);
    expect(sizes.sizeOf(`${NGINX}:1`)).toBe(7);
    sizes.replace(first, undefined);
    expect(sizes.sizeOf(`${NGINX}:1`)).toBe(0);
  });

  it('spec C3: after any additions and removals sizes are what they are when worked out afresh', () => {
    fc.assert(
      fc.property(
        fc.array(cache(), { maxLength: 12 }),
        fc.array(fc.nat({ max: 11 }), { maxLength: 24 }),
        (caches, steps) => {
          const sizes = new ImageSizes();
          const present = new Set<number>();
          for (const step of steps) {
            const cache = caches[step];
            if (cache === undefined) continue;
            if (present.delete(step)) sizes.replace(cache, undefined);
            else {
              present.add(step);
              sizes.replace(undefined, cache);
            }
            const left = [...present].flatMap((i) => caches[i] ?? []);
            for (const key of KEYS) expect(sizes.sizeOf(key)).toBe(largestReport(left, key));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  const KEYS = [`${NGINX}:1`, `${NGINX}:2`, `${NGINX}@${DIGEST_A}`, `${NGINX}@${DIGEST_B}`];

  function largestReport(caches: readonly ImageCache[], key: string): number {
    const largest = (source: 'statusImages' | 'annotationImages'): number =>
      Math.max(
        0,
        ...caches
          .flatMap((cache) => cache[source])
          .filter(({ reference, digestKey }) => reference.key === key || digestKey === key)
          .map(({ sizeBytes }) => sizeBytes ?? 0),
      );
    return largest('statusImages') || largest('annotationImages');
  }

  function cache(): fc.Arbitrary<ImageCache> {
    const image = fc.record(
      {
        name: fc.constantFrom('nginx:1', 'nginx:2', `nginx@${DIGEST_A}`, `nginx:1@${DIGEST_B}`),
        digest: fc.constantFrom(DIGEST_A, DIGEST_B, 'sha256:abc'),
        sizeBytes: fc.constantFrom(1, 2, 3, 0.5, 0, -1),
      },
      { requiredKeys: ['name'] },
    );
    return fc.tuple(fc.array(image, { maxLength: 4 }), fc.array(image, { maxLength: 2 })).map(([status, annotation]) =>
      anImageCache('a')
        .with(['status', 'images'], status)
        .annotatedImages(...annotation)
        .decode(),
    );
  }
});
