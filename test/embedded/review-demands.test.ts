import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decision.ts';
import { DEFAULT_CREATION_SETTINGS, DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { ReviewDemands } from '../../src/embedded/review-demands.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { aClusterView } from '../support/cluster-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod } from '../support/pod-builder.ts';

const HOUR_MS = 3_600_000;

function because(pod: PodBuilder) {
  const cluster = aClusterView({ caches: [anImageCache('nginx').holding('nginx:1')] });
  const context = { cluster, settings: DEFAULT_SETTINGS, nowMs: 0, ownNamespace: undefined };
  const decision = decide(decodePod(pod.build()), 'shop', context);
  if (decision.kind === 'skip') throw new Error('skipped');
  return decision.because;
}

function demandsAt(clock: { nowMs: number }): ReviewDemands {
  return new ReviewDemands({ settings: () => DEFAULT_CREATION_SETTINGS, now: () => clock.nowMs });
}

describe('ReviewDemands', () => {
  it('wants a cache for what was not covered, once for each image set', () => {
    const demands = demandsAt({ nowMs: 0 });
    let told = 0;
    demands.onChange(() => {
      told += 1;
    });
    for (const image of ['redis:1', 'redis:1', 'mysql:1', 'nginx:1']) {
      demands.admitted(because(anEciPod().withImage(image)), 'shop', []);
    }
    expect([...demands.demands()].map(({ wanted }) => wanted.references)).toEqual([
      ['docker.io/library/redis:1'],
      ['docker.io/library/mysql:1'],
    ]);
    expect(told).toBe(4);
  });

  it('knows which ImageCaches are used: pinned by us, or by the pod', () => {
    const demands = demandsAt({ nowMs: 0 });
    demands.admitted(because(anEciPod().withImage('nginx:1')), 'shop', []);
    demands.admitted(because(anEciPod().withAnnotation('k8s.aliyun.com/eci-imc-id', 'imc-other')), 'shop', []);
    expect([...demands.idsInUse()]).toEqual(['imc-nginx', 'imc-other']);
  });

  it('takes a pod for living for two days', () => {
    const clock = { nowMs: 0 };
    const demands = demandsAt(clock);
    demands.admitted(because(anEciPod().withImages('nginx:1')), 'shop', []);
    demands.admitted(because(anEciPod().withImage('redis:1')), 'shop', []);
    clock.nowMs += 48 * HOUR_MS - 1;
    expect([[...demands.demands()].length, demands.idsInUse().size]).toEqual([1, 1]);
    clock.nowMs += 1;
    expect([[...demands.demands()].length, demands.idsInUse().size]).toEqual([0, 0]);
  });

  it('remembers no more than the last thousand', () => {
    const demands = demandsAt({ nowMs: 0 });
    for (let i = 0; i < 1_100; i += 1) demands.admitted(because(anEciPod().withImage(`redis:${i}`)), 'shop', []);
    expect([...demands.demands()]).toHaveLength(1_000);
  });
});
