import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CacheQuery, RankedCache } from '../../src/core/cache-search.ts';
import type { ImageCache } from '../../src/core/image-cache.ts';
import { unusableReason } from '../../src/core/image-cache.ts';
import { ImageCacheIndex } from '../../src/core/image-cache-index.ts';
import { compareAge, compareDegree, matchDegree, podImagesOf } from '../../src/core/image-match.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { anyImageCache, anyNamespace, anyReference } from '../support/arbitraries.ts';
import { hoursFromNow, NOW_MS } from '../support/cluster-builder.ts';
import { DIGEST_A } from '../support/digests.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import { aPod } from '../support/pod-builder.ts';

function indexOf(...caches: readonly ImageCacheBuilder[]): ImageCacheIndex {
  return ImageCacheIndex.of(caches.map((cache) => cache.decode()));
}

function queryFor(images: readonly string[], options: Partial<CacheQuery> = {}): CacheQuery {
  return {
    images: podImagesOf(
      decodePod(
        aPod()
          .withImages(...images)
          .build(),
      ),
    ),
    platform: { architecture: 'amd64', os: 'linux' },
    namespace: 'default',
    aliases: 'off',
    usableUntilMs: NOW_MS,
    ...options,
  };
}

describe('best', () => {
  const OLD = anImageCache('old').createdAt('2026-01-01T00:00:00Z');
  const NEW = anImageCache('new').createdAt('2026-01-02T00:00:00Z');

  it.each([
    ['no caches: none', [], ['nginx:1'], undefined],
    ['no images: none', [OLD.holding('nginx:1')], [], undefined],
    ['only invalid images: none', [OLD.holding('Nginx')], ['Nginx'], undefined],
    ['a match by repository alone is no candidate', [OLD.holding('nginx:2')], ['nginx:1'], undefined],
    ['an exact match is', [OLD.holding('nginx:1')], ['nginx:1'], 'old'],
    [
      'more exact matches beat a newer cache',
      [OLD.holding('nginx:1', 'redis:1'), NEW.holding('nginx:1')],
      ['nginx:1', 'redis:1'],
      'old',
    ],
    [
      'more exact matches beat many by repository',
      [OLD.holding('nginx:1', 'redis:1'), NEW.holding('nginx:1', 'redis:9', 'busybox:9')],
      ['nginx:1', 'redis:1', 'busybox:1'],
      'old',
    ],
    [
      'matches by repository beat a newer cache',
      [OLD.holding('nginx:1', 'redis:9'), NEW.holding('nginx:1')],
      ['nginx:1', 'redis:1'],
      'old',
    ],
    [
      'matches by repository beat more bytes',
      [OLD.holding('nginx:1', 'redis:9'), NEW.holding('redis:1').recording({ name: 'redis:1', sizeBytes: 9 })],
      ['nginx:1', 'redis:1'],
      'old',
    ],
    [
      'more bytes beat a newer cache',
      [
        OLD.holding('nginx:1').recording({ name: 'nginx:1', sizeBytes: 2 }),
        NEW.holding('redis:1').recording({ name: 'redis:1', sizeBytes: 1 }),
      ],
      ['nginx:1', 'redis:1'],
      'old',
    ],
    [
      'a known size beats an unknown one',
      [OLD.holding('nginx:1').recording({ name: 'nginx:1', sizeBytes: 1 }), NEW.holding('redis:1')],
      ['nginx:1', 'redis:1'],
      'old',
    ],
    ['the newer beats the older', [OLD.holding('nginx:1'), NEW.holding('nginx:1')], ['nginx:1'], 'new'],
    [
      'other images of a cache do not matter',
      [OLD.holding('nginx:1', 'a', 'b', 'c'), NEW.holding('nginx:1')],
      ['nginx:1'],
      'new',
    ],
    [
      'its size neither',
      [OLD.holding('nginx:1').recording({ name: 'a', sizeBytes: 1e12 }), NEW.holding('nginx:1', 'a')],
      ['nginx:1'],
      'new',
    ],
    [
      'equal times leave it to the name',
      [anImageCache('b').holding('nginx:1'), anImageCache('a').holding('nginx:1')],
      ['nginx:1'],
      'a',
    ],
    [
      'no time is the oldest',
      [OLD.holding('nginx:1').createdAt(''), anImageCache('b').createdAt('0001-01-01T00:00:00Z').holding('nginx:1')],
      ['nginx:1'],
      'b',
    ],
    [
      'a cache that is not usable is none',
      [NEW.holding('nginx:1').inPhase('Creating'), OLD.holding('nginx:1')],
      ['nginx:1'],
      'old',
    ],
  ])('spec M4: %s', (_title, caches, images, best) => {
    expect(indexOf(...caches).best(queryFor(images))?.cache.name).toBe(best);
    expect(indexOf(...caches.toReversed()).best(queryFor(images))?.cache.name).toBe(best);
  });

  it('spec M4: the degree of the best and what it holds are told', () => {
    const cache = anImageCache('a')
      .holding('nginx:1', 'redis:9')
      .recording({ name: 'nginx:1', digest: DIGEST_A, sizeBytes: 7 });
    const best = indexOf(cache).best(queryFor(['nginx:1', `nginx@${DIGEST_A}`, 'redis:1', 'Bad']));
    expect(best).toMatchObject({ exact: 2, repository: 1 });
    expect([...(best?.exactKeys ?? [])].toSorted()).toEqual([
      'docker.io/library/nginx:1',
      `docker.io/library/nginx@${DIGEST_A}`,
    ]);
  });

  it.each([
    ['its own architecture', { platform: { architecture: 'arm64', os: 'linux' } }, 'arm'],
    ['its own operating system', { platform: { architecture: 'amd64', os: 'windows' } }, 'windows'],
    ['a platform without caches', { platform: { architecture: 'arm64', os: 'windows' } }, undefined],
    ['the default platform', {}, 'shared'],
  ])('spec C2: a pod gets caches of %s', (_title, options, name) => {
    const index = indexOf(
      anImageCache('shared').holding('nginx:1'),
      anImageCache('arm').holding('nginx:1').forArchitecture('arm64'),
      anImageCache('windows').holding('nginx:1').forOs('windows'),
    );
    expect(index.best(queryFor(['nginx:1'], options))?.cache.name).toBe(name);
  });

  it.each([
    ['its own namespace', 'team-a', 'private'],
    ['all namespaces', 'team-b', 'shared'],
  ])('spec C4: a pod gets caches of %s', (_title, namespace, name) => {
    const index = indexOf(
      anImageCache('shared').holding('nginx:1'),
      anImageCache('private').holding('nginx:1').privateTo('team-a').createdAt('2026-01-02T00:00:00Z'),
      anImageCache('nobody').holding('nginx:1').privateTo('').createdAt('2026-01-03T00:00:00Z'),
    );
    expect(index.best(queryFor(['nginx:1'], { namespace }))?.cache.name).toBe(name);
  });

  it('spec C4: private and shared caches are ranked together', () => {
    const index = indexOf(
      anImageCache('shared').holding('nginx:1', 'redis:1'),
      anImageCache('private').holding('nginx:1').privateTo('team-a').createdAt('2026-01-02T00:00:00Z'),
    );
    expect(index.best(queryFor(['nginx:1', 'redis:1'], { namespace: 'team-a' }))?.cache.name).toBe('shared');
  });

  it('spec C1: a cache drops out when its time has come, without any news of it', () => {
    const index = indexOf(
      anImageCache('short').holding('nginx:1').createdAt('2026-01-02T00:00:00Z').expiringAt(hoursFromNow(1)),
      anImageCache('long').holding('nginx:1'),
    );
    expect(index.best(queryFor(['nginx:1']))?.cache.name).toBe('short');
    expect(index.best(queryFor(['nginx:1'], { usableUntilMs: Date.parse(hoursFromNow(1)) }))?.cache.name).toBe('long');
  });

  it('spec M4: equal sets of images have equal sizes, in whatever order they are added up', () => {
    // 2^53 + 1 + 1 is 2^53 when added from the left and 2^53 + 2 from the right.
    const sizes = [2 ** 53, 1, 1];
    const images = ['a', 'b', 'c'].map((name) => `${name}.io/x@${DIGEST_A}`);
    const recorded = images.map((name, i) => ({ name, sizeBytes: sizes[i] }));
    const asked = anImageCache('newer')
      .holding(...images)
      .createdAt('2026-01-02T00:00:00Z')
      .with(['status', 'images'], recorded);
    const found = anImageCache('older').holding('c.io/x:1', 'b.io/x:1').with(['status', 'images'], recorded);
    const index = indexOf(asked, found);
    const query = queryFor(images);
    expect(index.best(query)?.cache.name).toBe(straightforward([...index.all()], query, index)?.cache.name);
    expect(index.best(query)?.cache.name).toBe('newer');
  });
});

describe('pinned', () => {
  it('spec M1: an unknown id stands for nothing, an empty one neither', () => {
    const index = indexOf(anImageCache('a').withId(''));
    expect(index.pinned('imc-a', NOW_MS)).toBeUndefined();
    expect(index.pinned('', NOW_MS)).toBeUndefined();
  });

  it.each([
    ['the one that works', [anImageCache('a').inPhase('Failed'), anImageCache('b')], 'b', true],
    [
      'the first by name of those that work',
      [anImageCache('c'), anImageCache('b'), anImageCache('a').beingDeleted()],
      'b',
      true,
    ],
    [
      'the first by name if none works',
      [anImageCache('c').inPhase('Failed'), anImageCache('b').beingDeleted()],
      'b',
      false,
    ],
  ])('spec M1: of several caches with one id it stands for %s', (_title, caches, name, working) => {
    const withOneId = caches.map((cache) => cache.withId('imc-x'));
    for (const index of [indexOf(...withOneId), indexOf(...withOneId.toReversed())]) {
      expect(index.pinned('imc-x', NOW_MS)).toMatchObject({ cache: { name }, working });
    }
  });

  it('spec M1: a pin is followed when a cache gets another id or goes away', () => {
    const index = indexOf(anImageCache('a').withId('imc-1'));
    index.upsert(anImageCache('a').withId('imc-2').decode());
    expect(index.pinned('imc-1', NOW_MS)).toBeUndefined();
    expect(index.pinned('imc-2', NOW_MS)?.cache.name).toBe('a');
    index.remove('a');
    expect(index.pinned('imc-2', NOW_MS)).toBeUndefined();
  });

  it('spec M1: an id counts as not Ready only if no cache of that id is', () => {
    const index = indexOf(
      anImageCache('a').withId('imc-1').inPhase('Failed'),
      anImageCache('b').withId('imc-1').beingDeleted(),
      anImageCache('c').withId('imc-2').inPhase('Failed'),
    );
    expect(index.nonePhaseReady('imc-1')).toBe(false);
    expect(index.nonePhaseReady('imc-2')).toBe(true);
  });
});

describe('content', () => {
  it('section 8: a cache is known by its name until it is removed', () => {
    const index = indexOf(anImageCache('a'), anImageCache('b').inPhase('Failed'), anImageCache('a').withId('imc-2'));
    expect(index.size).toBe(2);
    expect(index.get('a')?.id).toBe('imc-2');
    expect([...index.all()].map(({ name }) => name).toSorted()).toEqual(['a', 'b']);
    index.remove('a');
    index.remove('nobody');
    expect(index.size).toBe(1);
    expect(index.get('a')).toBeUndefined();
  });
});

describe('laws', () => {
  it('spec M4: after any changes the best is that of a new index and of the straightforward ranking', () => {
    fc.assert(
      fc.property(fc.array(anyStep(), { maxLength: 40 }), (steps) => {
        const index = new ImageCacheIndex();
        const present = new Map<string, ImageCache>();
        for (const step of steps) {
          if (step.kind === 'ask') {
            const best = index.best(step.query);
            expectSame(best, ImageCacheIndex.of(present.values()).best(step.query));
            expectSame(best, straightforward([...present.values()], step.query, index));
          } else if (step.kind === 'remove') {
            index.remove(step.name);
            present.delete(step.name);
          } else {
            index.upsert(step.cache);
            present.set(step.cache.name, step.cache);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('spec M4: so it is where few images in few caches tie in almost everything', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 }), (seed) => {
        const chance = chanceOf(seed);
        const universe = ['a:1', 'b:1', 'c:1', 'd:1', 'a:2', 'b:2'];
        const caches = Array.from({ length: 3 + chance(7) }, (_, i) => {
          const images = universe.filter(() => chance(5) < 2);
          const recorded = images.map((name) => ({ name, sizeBytes: chance(3) }));
          return anImageCache(`cache-${i}`)
            .holding(...images)
            .createdAt(`2026-01-0${1 + chance(4)}T00:00:00Z`)
            .with(['status', 'images'], chance(2) === 0 ? [] : recorded);
        });
        const index = indexOf(...caches);
        const query = queryFor(universe.slice(0, 2 + chance(3)));
        expectSame(index.best(query), straightforward([...index.all()], query, index));
      }),
      { numRuns: 1000 },
    );
  });

  it('spec M4: so it is among many caches, asked again and again while they change and time goes by', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 }), (seed) => {
        const chance = chanceOf(seed);
        const index = new ImageCacheIndex();
        for (let i = 0; i < 400; i += 1) index.upsert(oneOfMany(`cache-${i}`, chance));
        let hours = 0;
        for (let step = 0; step < 25; step += 1) {
          // Mostly the same question, so that answers could be remembered.
          const namespace = chance(5) === 0 ? 'team-a' : 'default';
          const aliases = chance(5) === 0 ? 'repository' : 'off';
          const query = queryFor(SPREAD, { usableUntilMs: Date.parse(hoursFromNow(hours)), namespace, aliases });
          const best = straightforward([...index.all()], query, index);
          expectSame(index.best(query), best);
          expectSame(index.best(query), best);
          if (chance(4) === 0 && best !== undefined) index.remove(best.cache.name);
          const name = `cache-${chance(400)}`;
          const next = chance(5);
          if (next === 0) index.upsert(oneOfMany(name, chance));
          // What follows changes sizes and nothing else, or nothing at all.
          else if (next === 1) index.upsert(reportOf(SPREAD[chance(SPREAD.length)], 1 + chance(9)));
          else if (next === 2) index.upsert(anImageCache('elsewhere').holding('other:1').decode());
          else if (next === 3) hours += chance(3) - 1;
        }
      }),
      { numRuns: 40 },
    );
  });

  it('spec M4: the order in which caches arrive never matters', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyImageCache(), { selector: (cache) => cache.decode().name, maxLength: 7 }),
        question(),
        (caches, query) => {
          expectSame(indexOf(...caches.toReversed()).best(query), indexOf(...caches).best(query));
        },
      ),
      { numRuns: 300 },
    );
  });

  type Step =
    | { readonly kind: 'put'; readonly cache: ImageCache }
    | { readonly kind: 'remove'; readonly name: string }
    | { readonly kind: 'ask'; readonly query: CacheQuery };

  function anyStep(): fc.Arbitrary<Step> {
    const put = anyImageCache().map((cache): Step => ({ kind: 'put', cache: cache.decode() }));
    const names = fc.constantFrom('a', 'b', 'c', 'cache-2', 'cache-10');
    return fc.oneof(
      { arbitrary: put, weight: 5 },
      { arbitrary: names.map((name): Step => ({ kind: 'remove', name })), weight: 1 },
      { arbitrary: question().map((query): Step => ({ kind: 'ask', query })), weight: 3 },
    );
  }

  function question(): fc.Arbitrary<CacheQuery> {
    return fc
      .record({
        images: fc.array(anyReference(), { maxLength: 6 }),
        architecture: fc.constantFrom('amd64', 'amd64', 'arm64'),
        os: fc.constantFrom('linux', 'linux', 'windows'),
        namespace: anyNamespace(),
        aliases: fc.constantFrom('off' as const, 'repository' as const),
        hours: fc.constantFrom(0, 2, 4),
      })
      .map(({ images, architecture, os, namespace, aliases, hours }) =>
        queryFor(images, {
          platform: { architecture, os },
          namespace,
          aliases,
          usableUntilMs: Date.parse(hoursFromNow(hours)),
        }),
      );
  }

  /** The images of a pod of which most caches hold just one, so that none can be ruled out early. */
  const ALIASED = 'registry-vpc.cn-hangzhou.aliyuncs.com/acme/app:1';
  const SPREAD: readonly string[] = ['a:1', 'b:1', 'c:1', 'd:1', 'e:1', 'f:1', `h:1@${DIGEST_A}`, ALIASED];
  const ALIAS = 'registry.cn-hangzhou.aliyuncs.com/acme/app:1';

  function oneOfMany(name: string, chance: (below: number) => number): ImageCache {
    let cache = anImageCache(name)
      .holding(SPREAD[chance(SPREAD.length)] ?? '', chance(4) === 0 ? 'a:2' : chance(20) === 0 ? ALIAS : 'z:1')
      .createdAt(`2026-01-0${1 + chance(9)}T00:00:00Z`);
    if (chance(40) === 0) cache = cache.holding('c:1');
    if (chance(3) === 0) cache = cache.expiringAt(hoursFromNow(1 + chance(6)));
    if (chance(20) === 0) cache = cache.privateTo(chance(2) === 0 ? 'team-a' : 'team-b');
    return cache.decode();
  }

  /** A cache that is of no use to pods, but reports a size. */
  function reportOf(name: string | undefined, sizeBytes: number): ImageCache {
    return anImageCache('report').inPhase('Failed').recording({ name, sizeBytes }).decode();
  }

  /** Numbers below a limit, all from one seed: a failure names the seed and need not print the caches. */
  function chanceOf(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }
});

/** The ranking by its definition: every cache weighed, all sorted. */
function straightforward(
  caches: readonly ImageCache[],
  query: CacheQuery,
  index: ImageCacheIndex,
): RankedCache | undefined {
  const { images, platform, namespace, aliases, usableUntilMs } = query;
  return caches
    .filter(
      (cache) =>
        unusableReason(cache, usableUntilMs, 0) === undefined &&
        cache.platform.architecture === platform.architecture &&
        cache.platform.os === platform.os &&
        (cache.privateTo === undefined || cache.privateTo === namespace),
    )
    .map((cache) => ({ cache, ...matchDegree(images, cache, aliases, (key) => index.sizeOf(key)) }))
    .filter(({ exact }) => exact > 0)
    .toSorted((a, b) => compareDegree(a, b) || compareAge(a.cache, b.cache))[0];
}

function expectSame(actual: RankedCache | undefined, expected: RankedCache | undefined): void {
  expect(plain(actual)).toEqual(plain(expected));
}

function plain(ranked: RankedCache | undefined): object | undefined {
  if (ranked === undefined) return undefined;
  const { cache, exact, repository, exactKeys } = ranked;
  return { name: cache.name, exact, repository, exactKeys: [...exactKeys].toSorted() };
}
