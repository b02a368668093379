import { describe, expect, it } from 'vitest';
import type { PodCoverage } from '../../src/core/coverage.ts';
import { coverageOf } from '../../src/core/coverage.ts';
import { decide } from '../../src/core/decision.ts';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { aClusterView, NOW_MS } from '../support/cluster-builder.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod, aPod } from '../support/pod-builder.ts';

function cover(pod: PodBuilder, ...caches: readonly ImageCacheBuilder[]): PodCoverage {
  const context = {
    cluster: aClusterView({ caches }),
    settings: DEFAULT_SETTINGS,
    nowMs: NOW_MS,
    ownNamespace: undefined,
  };
  return coverageOf(decide(decodePod(pod.build()), 'default', context), 'off', NOW_MS);
}

const TWO = anEciPod().withImages('a:1', 'b:1');
const A = 'docker.io/library/a:1';
const B = 'docker.io/library/b:1';

describe('coverageOf', () => {
  it('complete: one cache holds every image', () => {
    expect(cover(TWO, anImageCache('both').holding('b:1', 'a:1'))).toMatchObject({
      coverage: 'complete',
      cache: { name: 'both' },
      inUse: true,
      exact: 2,
      images: 2,
      missing: [],
    });
  });

  it('partial: what the best cache lacks is missing, whatever others hold', () => {
    const caches = [
      anImageCache('one').holding('a:1'),
      anImageCache('other').holding('b:1').createdAt('2025-01-01T00:00:00Z'),
    ];
    expect(cover(TWO, ...caches)).toMatchObject({
      coverage: 'partial',
      cache: { name: 'one' },
      inUse: true,
      exact: 1,
      missing: [B],
    });
  });

  it('none: no usable cache holds any image', () => {
    expect(cover(TWO, anImageCache('both').holding('a:1', 'b:1').inPhase('Creating'))).toEqual({
      coverage: 'none',
      cache: undefined,
      inUse: false,
      exact: 0,
      images: 2,
      missing: [A, B],
    });
  });

  it('an invalid reference can only be missing', () => {
    const cache = anImageCache('x').holding('a:1', 'Bad');
    expect(cover(anEciPod().withImages('a:1', 'Bad'), cache)).toMatchObject({ coverage: 'partial', missing: ['Bad'] });
  });

  it.each([
    ['all images', 'imc-perfect-match', 'true'],
    ['two images', 'imc-match-count-request', '2'],
  ])('the best cache is not in use where the pod asks for %s and it has one', (_title, key, value) => {
    const pod = TWO.withAnnotation(`k8s.aliyun.com/${key}`, value);
    expect(cover(pod, anImageCache('one').holding('a:1'))).toMatchObject({
      coverage: 'partial',
      cache: { name: 'one' },
      inUse: false,
    });
  });

  it.each([
    ['holds everything', anImageCache('p').holding('a:1', 'b:1'), 'complete', []],
    ['holds a part', anImageCache('p').holding('b:1'), 'partial', [A]],
    ['holds nothing', anImageCache('p'), 'none', [A, B]],
  ])('a pinned cache that %s counts, not a better one', (_title, pinned, coverage, missing) => {
    const pod = TWO.withAnnotation('k8s.aliyun.com/eci-imc-id', 'imc-p');
    expect(cover(pod, pinned, anImageCache('better').holding('a:1', 'b:1'))).toMatchObject({
      coverage,
      cache: { name: 'p' },
      inUse: true,
      missing,
    });
  });

  it.each([
    ['is not known', [anImageCache('better').holding('a:1', 'b:1')]],
    ['does not work', [anImageCache('p').holding('a:1', 'b:1').inPhase('Creating')]],
  ])('a pinned cache that %s holds nothing', (_title, caches) => {
    const pod = TWO.withAnnotation('k8s.aliyun.com/eci-imc-id', 'imc-p');
    expect(cover(pod, ...caches)).toMatchObject({ coverage: 'none', cache: undefined, inUse: false, missing: [A, B] });
  });

  it.each([
    ['is not on ECI', aPod().withImage('a:1')],
    ['wants no cache', TWO.withAnnotation('k8s.aliyun.com/eci-auto-imc', 'false')],
    ['has no images', anEciPod()],
  ])('a pod that %s is skipped', (_title, pod) => {
    expect(cover(pod, anImageCache('x').holding('a:1'))).toMatchObject({ coverage: 'skipped', images: 0, missing: [] });
  });
});
