import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CacheAge, MatchDegree, PodImages, RegistryAliases } from '../../src/core/image-match.ts';
import { compareAge, compareDegree, matchDegree, podImagesOf } from '../../src/core/image-match.ts';
import { parseTimestamp } from '../../src/core/timestamp.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { DIGEST_A, DIGEST_B } from '../support/digests.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { aPod } from '../support/pod-builder.ts';

function imagesOf(pod: PodBuilder): PodImages {
  return podImagesOf(decodePod(pod.build()));
}

describe('podImagesOf', () => {
  it.each([
    ['no containers', aPod(), []],
    ['one image', aPod().withImage('nginx'), ['docker.io/library/nginx:latest']],
    [
      'one image twice',
      aPod().withImages('nginx', 'nginx:latest', 'docker.io/library/nginx'),
      ['docker.io/library/nginx:latest'],
    ],
    [
      'init containers count',
      aPod().withImage('nginx:1').withInitImage('busybox:1'),
      ['docker.io/library/busybox:1', 'docker.io/library/nginx:1'],
    ],
    [
      'an image of both kinds counts once',
      aPod().withImage('nginx:1').withInitImage('nginx:1'),
      ['docker.io/library/nginx:1'],
    ],
    [
      'ephemeral containers do not count',
      aPod().withImage('nginx:1').withEphemeralImage('busybox'),
      ['docker.io/library/nginx:1'],
    ],
    [
      'a digest hides its tag',
      aPod().withImages(`nginx:1@${DIGEST_A}`, `nginx:2@${DIGEST_A}`),
      [`docker.io/library/nginx@${DIGEST_A}`],
    ],
    [
      'a tag and a digest are two images',
      aPod().withImages('nginx:1', `nginx:1@${DIGEST_A}`),
      ['docker.io/library/nginx:1', `docker.io/library/nginx@${DIGEST_A}`],
    ],
    ['a registry with a port', aPod().withImage('localhost:5000/web'), ['localhost:5000/web:latest']],
  ])('spec I2: %s', (_title, pod, keys) => {
    const images = imagesOf(pod);
    expect(images.valid.map(({ key }) => key)).toEqual(keys);
    expect(images).toMatchObject({ invalid: [], count: keys.length });
  });

  it('spec I2: each distinct invalid text counts as one image', () => {
    const images = imagesOf(aPod().withImages('Nginx', 'nginx', 'Nginx', 'nginx:', ''));
    expect(images.invalid).toEqual(['', 'Nginx', 'nginx:']);
    expect(images.count).toBe(4);
  });

  it('spec I2: a container without an image counts as an invalid one', () => {
    expect(imagesOf(aPod().with(['spec', 'containers'], [{ name: 'a' }, { name: 'b' }]))).toMatchObject({
      invalid: [''],
      count: 1,
    });
  });

  it('spec I2: a line break in a text does not make two images of it', () => {
    expect(imagesOf(aPod().withImages('nginx', 'redis')).count).toBe(2);
    expect(imagesOf(aPod().withImage('nginx\nredis'))).toMatchObject({
      valid: [],
      invalid: ['nginx\nredis'],
      count: 1,
    });
    expect(imagesOf(aPod().withImages('nginx', 'redis')).count).toBe(2);
  });

  it('spec I2: the order of containers does not matter', () => {
    const pod = aPod().withImages('redis:1', 'nginx:1', 'Bad', 'acme/app');
    const turned = aPod().withImages('acme/app', 'Bad').withInitImage('nginx:1').withImage('redis:1');
    expect(imagesOf(turned)).toEqual(imagesOf(pod));
  });
});

describe('matchDegree', () => {
  const VPC = 'registry-vpc.cn-hangzhou.aliyuncs.com/acme/app:1';
  const PUBLIC = 'registry.cn-hangzhou.aliyuncs.com/acme/app:1';

  function degree(
    pod: PodBuilder,
    cache: ImageCacheBuilder,
    aliases: RegistryAliases = 'off',
    sizes: Readonly<Record<string, number>> = {},
  ): { exact: number; repository: number; matchedBytes: number } {
    const { exact, repository, matchedBytes } = matchDegree(
      imagesOf(pod),
      cache.decode(),
      aliases,
      (key) => sizes[key] ?? 0,
    );
    return { exact, repository, matchedBytes };
  }

  it.each([
    ['the same tag', 'nginx:1', anImageCache('a').holding('nginx:1'), 1, 0],
    ['another spelling', 'docker.io/nginx', anImageCache('a').holding('library/nginx:latest'), 1, 0],
    ['another tag', 'nginx:1', anImageCache('a').holding('nginx:2'), 0, 1],
    ['another case of a tag', 'nginx:V1', anImageCache('a').holding('nginx:v1'), 0, 1],
    ['another repository', 'nginx:1', anImageCache('a').holding('redis:1'), 0, 0],
    ['another registry', 'nginx:1', anImageCache('a').holding('ghcr.io/library/nginx:1'), 0, 0],
    ['another port', 'a.io:1/x:1', anImageCache('a').holding('a.io/x:1'), 0, 0],
    ['a tag that stands beside a digest', 'nginx:1', anImageCache('a').holding(`nginx:1@${DIGEST_A}`), 1, 0],
    ['a tag where only a digest stands', 'nginx:1', anImageCache('a').holding(`nginx@${DIGEST_A}`), 0, 1],
    [
      'a tag that is only recorded',
      'nginx:1',
      anImageCache('a').holding('redis:1').recording({ name: 'nginx:1' }),
      0,
      0,
    ],
    ['the same digest', `nginx@${DIGEST_A}`, anImageCache('a').holding(`nginx@${DIGEST_A}`), 1, 0],
    [
      'the same digest behind another tag',
      `nginx:2@${DIGEST_A}`,
      anImageCache('a').holding(`nginx:1@${DIGEST_A}`),
      1,
      0,
    ],
    [
      'another digest behind the same tag',
      `nginx:1@${DIGEST_A}`,
      anImageCache('a').holding(`nginx:1@${DIGEST_B}`),
      0,
      1,
    ],
    ['a digest where only a tag stands', `nginx:1@${DIGEST_A}`, anImageCache('a').holding('nginx:1'), 0, 1],
    [
      'a digest that the status records',
      `nginx@${DIGEST_A}`,
      anImageCache('a').holding('nginx:1').recording({ name: 'nginx:1', digest: DIGEST_A }),
      1,
      0,
    ],
    [
      'a digest that the annotation records',
      `nginx@${DIGEST_A}`,
      anImageCache('a').holding('nginx:1').annotatedImages({ name: 'nginx:1', digest: DIGEST_A }),
      1,
      0,
    ],
    [
      'a digest recorded for another repository',
      `nginx@${DIGEST_A}`,
      anImageCache('a').holding('nginx:1').recording({ name: 'redis:1', digest: DIGEST_A }),
      0,
      1,
    ],
    [
      'a digest recorded for an image nobody asked for',
      `nginx@${DIGEST_A}`,
      anImageCache('a').holding('redis').recording({ name: 'nginx', digest: DIGEST_A }),
      1,
      0,
    ],
    ['an invalid reference', 'Nginx', anImageCache('a').holding('Nginx'), 0, 0],
    ['an alias, which is off by default', VPC, anImageCache('a').holding(PUBLIC), 0, 0],
  ])('spec I3: %s', (_title, image, cache, exact, repository) => {
    expect(degree(aPod().withImage(image), cache)).toEqual({ exact, repository, matchedBytes: 0 });
  });

  it.each([
    ['an alias', VPC, PUBLIC, 0, 1],
    ['an alias the other way round', PUBLIC, VPC, 0, 1],
    ['an alias with another tag', VPC, PUBLIC.replace(':1', ':2'), 0, 0],
    ['an exact match is better', PUBLIC, PUBLIC, 1, 0],
    ['an alias beside a digest', `${VPC}@${DIGEST_A}`, PUBLIC, 0, 1],
    ['a digest without a tag has no alias', `${VPC.replace(':1', '')}@${DIGEST_A}`, PUBLIC, 0, 0],
  ])('spec I4: %s', (_title, image, held, exact, repository) => {
    const cache = anImageCache('a').holding(held);
    expect(degree(aPod().withImage(image), cache, 'repository')).toMatchObject({ exact, repository });
  });

  it('spec I4: an image counts once, by repository or by alias', () => {
    const cache = anImageCache('a').holding(PUBLIC, VPC.replace(':1', ':9'));
    expect(degree(aPod().withImage(VPC), cache, 'repository')).toMatchObject({ exact: 0, repository: 1 });
  });

  it('spec I4: the order of containers does not matter where one digest stands behind two tags', () => {
    const images = [`${VPC}@${DIGEST_A}`, `${VPC.replace(':1', ':2')}@${DIGEST_A}`];
    const cache = anImageCache('a').holding(PUBLIC);
    const forwards = degree(aPod().withImages(...images), cache, 'repository');
    expect(degree(aPod().withImages(...images.toReversed()), cache, 'repository')).toEqual(forwards);
  });

  it('spec M4: distinct images count, not containers', () => {
    const cache = anImageCache('a').holding('nginx:1', 'redis:1');
    const pod = aPod().withImages('nginx:1', 'nginx:1').withInitImage('docker.io/nginx:1').withImage('redis:2');
    expect(degree(pod, cache)).toMatchObject({ exact: 1, repository: 1 });
  });

  it('spec M4: several images of one repository count each', () => {
    const cache = anImageCache('a').holding('nginx:1');
    expect(degree(aPod().withImages('nginx:1', 'nginx:2', 'nginx:3'), cache)).toMatchObject({
      exact: 1,
      repository: 2,
    });
  });

  it('spec M4: only the sizes of exact matches count, unknown ones as 0', () => {
    const cache = anImageCache('a').holding('nginx:1', 'redis:1', 'busybox:1');
    const sizes = {
      'docker.io/library/nginx:1': 5,
      'docker.io/library/redis:2': 100,
      'docker.io/library/redis:1': 1000,
    };
    const pod = aPod().withImages('nginx:1', 'redis:2', 'busybox:1');
    expect(degree(pod, cache, 'off', sizes)).toEqual({ exact: 2, repository: 1, matchedBytes: 5 });
  });
});

describe('the order of caches', () => {
  const middle: MatchDegree = { exact: 2, repository: 1, matchedBytes: 100 };

  it.each([
    ['more exact matches', { exact: 3, repository: 0, matchedBytes: 0 }],
    ['as many, and more by repository', { exact: 2, repository: 2, matchedBytes: 0 }],
    ['as many of both, and more bytes', { exact: 2, repository: 1, matchedBytes: 101 }],
  ])('spec M4: %s', (_title, better) => {
    expect(compareDegree(better, middle)).toBeLessThan(0);
    expect(compareDegree(middle, better)).toBeGreaterThan(0);
    expect(compareDegree(middle, { ...middle })).toBe(0);
  });

  it.each([
    ['the newer goes first', ['b', '2026-01-02T00:00:00Z'], ['a', '2026-01-01T00:00:00Z']],
    ['offsets are read', ['b', '2026-01-01T00:00:00Z'], ['a', '2026-01-01T07:00:00+08:00']],
    ['fractions are read', ['b', '2026-01-01T00:00:00.2Z'], ['a', '2026-01-01T00:00:00.19Z']],
    ['a missing time is the oldest', ['b', '0001-01-01T00:00:00Z'], ['a', undefined]],
    ['an unreadable time is the oldest', ['b', '1970-01-01T00:00:00Z'], ['a', 'yesterday']],
    ['equal times leave it to the name', ['a', '2026-01-01T00:00:00Z'], ['b', '2026-01-01T00:00:00Z']],
    ['equal moments with other offsets too', ['a', '2026-01-01T08:00:00+08:00'], ['b', '2026-01-01T00:00:00.000Z']],
    ['no times leave it to the name', ['a', undefined], ['b', 'soon']],
    ['names by code unit', ['cache-10', undefined], ['cache-2', undefined]],
  ] as const)('spec M4: %s', (_title, [better, betterTime], [worse, worseTime]) => {
    const first = ageOf(better, betterTime);
    const second = ageOf(worse, worseTime);
    expect(compareAge(first, second)).toBeLessThan(0);
    expect(compareAge(second, first)).toBeGreaterThan(0);
  });

  it('spec M4: the order is total: antisymmetric, transitive, and equal only for one cache and itself', () => {
    fc.assert(
      fc.property(ranked(), ranked(), ranked(), (a, b, c) => {
        const ab = Math.sign(compare(a, b));
        expect(ab + Math.sign(compare(b, a))).toBe(0);
        expect(compare(a, { ...a })).toBe(0);
        if (ab === 0) expect(a.name).toBe(b.name);
        if (ab <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 1000 },
    );
  });

  it('spec M4: ranking gives one order, however the caches arrive', () => {
    const distinct = fc.uniqueArray(ranked(), { selector: ({ name }) => name, maxLength: 8 });
    fc.assert(
      fc.property(distinct, fc.infiniteStream(fc.nat()), (caches, chance) => {
        const shuffled = caches
          .map((cache) => ({ cache, at: chance.next().value }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ cache }) => cache);
        expect(shuffled.toSorted(compare)).toEqual(caches.toSorted(compare));
      }),
      { numRuns: 300 },
    );
  });

  type Ranked = MatchDegree & CacheAge;

  function compare(a: Ranked, b: Ranked): number {
    return compareDegree(a, b) || compareAge(a, b);
  }

  function ranked(): fc.Arbitrary<Ranked> {
    return fc.record({
      exact: fc.integer({ min: 1, max: 2 }),
      repository: fc.integer({ min: 0, max: 1 }),
      matchedBytes: fc.constantFrom(0, 1, 2 ** 53, Number.MAX_VALUE, Number.POSITIVE_INFINITY),
      createdAt: fc
        .constantFrom('2026-01-01T00:00:00Z', '2026-01-01T08:00:00+08:00', '2026-01-01T00:00:00.5Z', 'never', '')
        .map(parseTimestamp),
      name: fc.constantFrom('a', 'b', 'cache-10', 'cache-2', '\uFFFD', '\u{1F600}'),
    });
  }

  function ageOf(name: string, time: string | undefined): CacheAge {
    return { name, createdAt: time === undefined ? undefined : parseTimestamp(time) };
  }
});
