import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decision.ts';
import type { Explanation } from '../../src/core/explanation.ts';
import { explain } from '../../src/core/explanation.ts';
import type { DecisionSettings } from '../../src/core/settings.ts';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { anyCluster, anyNamespace, anyPod, anySettings } from '../support/arbitraries.ts';
import type { ClusterContents } from '../support/cluster-builder.ts';
import { aClusterView, hoursFromNow, NOW_MS } from '../support/cluster-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod, aPod } from '../support/pod-builder.ts';

function explained(
  pod: PodBuilder,
  cluster: ClusterContents,
  settings: Partial<DecisionSettings> = {},
  namespace = 'default',
): Explanation {
  return explain(decodePod(pod.build()), namespace, {
    cluster: aClusterView(cluster),
    settings: { ...DEFAULT_SETTINGS, ...settings },
    nowMs: NOW_MS,
    ownNamespace: undefined,
  });
}

function reasonsOf({ candidates, others }: Explanation): Record<string, string> {
  return Object.fromEntries([...candidates, ...others].map(({ cache, reason }) => [cache.name, reason ?? 'chosen']));
}

const NGINX = anImageCache('a').holding('nginx:1');

describe('explain', () => {
  it.each([
    ['NotReady', NGINX.inPhase('Creating')],
    ['Expired', NGINX.expiringAt(hoursFromNow(3))],
    ['Deleting', NGINX.beingDeleted()],
    ['Retiring', NGINX.retiring()],
    ['NoId', NGINX.withId('')],
    ['ArchMismatch', NGINX.forArchitecture('arm64')],
    ['OsMismatch', NGINX.forOs('windows')],
    ['OtherNamespace', NGINX.privateTo('other')],
    ['NoImageMatch', anImageCache('a').holding('nginx:2')],
    ['chosen', NGINX],
  ])('section 8: a cache can be %s', (reason, cache) => {
    expect(reasonsOf(explained(anEciPod().withImage('nginx:1'), { caches: [cache] }))).toEqual({ a: reason });
  });

  it('section 8: every other candidate is outranked by the first, which stands first', () => {
    const caches = [NGINX, anImageCache('b').holding('nginx:1', 'redis:1'), anImageCache('c').holding('redis:1')];
    const explanation = explained(anEciPod().withImages('nginx:1', 'redis:1'), { caches });
    expect(explanation.candidates.map(({ cache }) => cache.name)).toEqual(['b', 'a', 'c']);
    expect(reasonsOf(explanation)).toEqual({ b: 'chosen', a: 'OutrankedBy:b', c: 'OutrankedBy:b' });
  });

  it('spec M5: with perfect match, candidates that do not hold every image are named so', () => {
    const pod = anEciPod().withImages('nginx:1', 'redis:1').withAnnotation('k8s.aliyun.com/imc-perfect-match', 'true');
    expect(reasonsOf(explained(pod, { caches: [NGINX] }))).toEqual({ a: 'NotPerfect' });
  });

  it('spec M6: with a count, candidates that hold too few images are named so', () => {
    const pod = anEciPod()
      .withImages('nginx:1', 'redis:1')
      .withAnnotation('k8s.aliyun.com/imc-match-count-request', '2');
    const caches = [NGINX, anImageCache('b').holding('nginx:1', 'redis:1')];
    expect(reasonsOf(explained(pod, { caches }))).toEqual({ b: 'chosen', a: 'BelowMatchCount' });
  });

  it('section 8: every image is told with who has it, best first, and its size', () => {
    const sized = { name: 'nginx:1', sizeBytes: 7 };
    const caches = [
      NGINX.recording(sized),
      anImageCache('b').holding('nginx:1', 'redis:2'),
      NGINX.with(['metadata', 'name'], 'c').inPhase('Failed'),
    ];
    expect(explained(anEciPod().withImages('nginx:1', 'redis:1', 'Bad'), { caches }).images).toEqual([
      { image: 'docker.io/library/nginx:1', invalid: false, heldBy: ['b', 'a'], sizeBytes: 7 },
      { image: 'docker.io/library/redis:1', invalid: false, heldBy: [], sizeBytes: 0 },
      { image: 'Bad', invalid: true, heldBy: [], sizeBytes: 0 },
    ]);
  });

  it('section 8: every rule is told, matched or with what failed first', () => {
    const rules = [
      { name: 'all' },
      { name: 'db', objectSelector: { matchLabels: { app: 'db' } } },
      { name: 'prod', namespaceSelector: { matchLabels: { env: 'prod' } } },
    ];
    const explanation = explained(anEciPod().withLabel('app', 'web'), { rules, namespaces: {} });
    expect(explanation.rules.map((rule) => (rule.matched ? 'matched' : rule.failed))).toEqual([
      'matched',
      { selector: 'objectSelector', requirement: { key: 'app', operator: 'In', values: ['db'] } },
      'unknown-namespace',
    ]);
  });

  it('section 8: the ranking is told also where a pin or the gate made it idle', () => {
    const pinned = anEciPod().withImage('nginx:1').withAnnotation('k8s.aliyun.com/eci-imc-id', 'imc-x');
    expect(explained(pinned, { caches: [NGINX] }).candidates).toHaveLength(1);
    expect(explained(aPod().withImage('nginx:1'), { caches: [NGINX] })).toMatchObject({
      decision: { kind: 'skip', reason: 'NotEci' },
      candidates: [{ exact: 1 }],
    });
  });

  it('spec M4: the first candidate is the one the decision found, and the decision is the same', () => {
    fc.assert(
      fc.property(anyPod(), anyCluster(), anySettings(), anyNamespace(), (pod, contents, settings, namespace) => {
        const view = decodePod(pod.build());
        const context = {
          cluster: aClusterView(contents),
          settings: { ...DEFAULT_SETTINGS, ...settings },
          nowMs: NOW_MS,
          ownNamespace: undefined,
        };
        const decision = decide(view, namespace, context);
        const explanation = explain(view, namespace, context);
        expect(explanation.decision).toEqual(decision);
        expect(explanation.candidates.length + explanation.others.length).toBe(context.cluster.imageCaches.size);
        if (decision.kind === 'skip' || decision.because.wishes.pin !== undefined || !decision.because.wishes.auto)
          return;
        const [first] = explanation.candidates;
        expect(decision.because.best?.cache.name).toBe(first?.cache.name);
        expect(decision.because.best?.exact).toBe(first?.exact);
        expect(decision.because.best?.repository).toBe(first?.repository);
      }),
      { numRuns: 300 },
    );
  });
});
