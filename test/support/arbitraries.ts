import fc from 'fast-check';
import type { DecisionSettings } from '../../src/core/settings.ts';
import type { ClusterContents } from './cluster-builder.ts';
import { hoursFromNow } from './cluster-builder.ts';
import { DIGEST_A, DIGEST_B } from './digests.ts';
import type { ImageCacheBuilder } from './image-cache-builder.ts';
import { anImageCache } from './image-cache-builder.ts';
import type { PodBuilder } from './pod-builder.ts';
import { aPod } from './pod-builder.ts';

/** Random parts out of a small universe, so that they meet. */

const REPOSITORIES = [
  'nginx',
  'nginx',
  'nginx',
  'redis',
  'docker.io/library/nginx',
  'redis',
  'ghcr.io/acme/app',
  'registry.cn-hangzhou.aliyuncs.com/acme/app',
  'registry-vpc.cn-hangzhou.aliyuncs.com/acme/app',
];
const NAMESPACES = ['default', 'team-a', 'team-b'];
const IDS = ['imc-0', 'imc-1', 'imc-2', 'imc-3'];
const NAMES = ['a', 'b', 'c', 'cache-2', 'cache-10', 'x.y', 'imc-0'];

/** A reference of an image; now and then one that is invalid. */
export function anyReference(): fc.Arbitrary<string> {
  const suffix = fc.constantFrom(':1', ':1', ':1', ':1', ':2', '', `@${DIGEST_A}`, `:1@${DIGEST_A}`, `:2@${DIGEST_B}`);
  const valid = fc.tuple(fc.constantFrom(...REPOSITORIES), suffix).map((parts) => parts.join(''));
  return fc.oneof({ arbitrary: valid, weight: 20 }, { arbitrary: fc.constantFrom('Nginx', 'nginx:', ''), weight: 1 });
}

export function anyNamespace(): fc.Arbitrary<string> {
  return fc.constantFrom(...NAMESPACES);
}

/** A cache in any state, mostly usable. */
export function anyImageCache(): fc.Arbitrary<ImageCacheBuilder> {
  const recorded = fc.array(
    fc.record(
      {
        name: anyReference(),
        digest: fc.constantFrom(DIGEST_A, DIGEST_B),
        sizeBytes: fc.constantFrom<unknown>(1, 2, 1000, 5_000_000_000, 0, -1, '7', null),
      },
      { requiredKeys: ['name'] },
    ),
    { maxLength: 3 },
  );
  const state = fc.record({
    name: fc.constantFrom(...NAMES),
    id: mostly(fc.constantFrom(...IDS), fc.constant('')),
    phase: mostly(fc.constant('Ready'), fc.constant('Creating')),
    createdAt: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T08:00:00+08:00', '2026-01-02T00:00:00.5Z', 'never'),
    expiresAt: fc.constantFrom('', '', '', hoursFromNow(-1), hoursFromNow(2), hoursFromNow(4), hoursFromNow(9)),
    architecture: mostly(fc.constant('amd64'), fc.constant('arm64')),
    os: mostly(fc.constant('linux'), fc.constant('windows')),
    privateTo: mostly(fc.constant(undefined), fc.constant('team-a')),
    retiring: mostly(fc.constant(false), fc.constant(true)),
    deleting: mostly(fc.constant(false), fc.constant(true)),
  });
  const images = fc.array(anyReference(), { minLength: 1, maxLength: 5 });
  return fc.tuple(state, images, recorded, recorded).map(([state, images, status, annotation]) => {
    let cache = anImageCache(state.name)
      .withId(state.id)
      .inPhase(state.phase, '45%')
      .createdAt(state.createdAt)
      .expiringAt(state.expiresAt)
      .forArchitecture(state.architecture)
      .forOs(state.os)
      .holding(...images)
      .with(['status', 'images'], status)
      .annotatedImages(...annotation);
    if (state.privateTo !== undefined) cache = cache.privateTo(state.privateTo);
    if (state.retiring) cache = cache.retiring();
    return state.deleting ? cache.beingDeleted() : cache;
  });
}

/** A pod as its author wrote it: no annotation of ours, no empty pin (which a review may take for none). */
export function anyPod(): fc.Arbitrary<PodBuilder> {
  const annotations = optionally({
    'k8s.aliyun.com/eci-imc-id': fc.constantFrom(...IDS, 'imc-none', 'a'),
    'k8s.aliyun.com/eci-image-snapshot-id': fc.constantFrom(...IDS, ''),
    'k8s.aliyun.com/eci-auto-imc': fc.constantFrom('true', 'false', ' TRUE ', 'maybe'),
    'k8s.aliyun.com/eci-image-cache': fc.constantFrom('true', 'false', ''),
    'k8s.aliyun.com/imc-perfect-match': fc.constantFrom('true', 'false', 'yes'),
    'k8s.aliyun.com/imc-match-count-request': fc.constantFrom('1', '2', '9', '0'),
    'example.com/note~1/x': fc.constantFrom('', 'a "quoted"\n text'),
    'example.com/other': fc.constantFrom('x'),
    constructor: fc.constantFrom('x'),
  });
  const labels = optionally({
    app: fc.constantFrom('web', 'db'),
    'alibabacloud.com/acs': fc.constantFrom('false', 'false', 'true'),
    ['__proto__']: fc.constantFrom('x'),
  });
  const image = fc.tuple(anyReference(), fc.constantFrom(undefined, undefined, 'Always'));
  const images = fc.oneof(
    { arbitrary: fc.array(image, { minLength: 1, maxLength: 3 }), weight: 9 },
    { arbitrary: fc.array(image, { maxLength: 0 }), weight: 1 },
  );
  return fc
    .record({
      images,
      initImages: mostly(fc.constant([]), fc.array(anyReference(), { maxLength: 2 })),
      annotations,
      labels,
      onEci: mostly(fc.constant(true), fc.constant(false)),
      arch: mostly(fc.constant(undefined), fc.constant('arm64')),
    })
    .map(({ images, initImages, annotations, labels, onEci, arch }) => {
      let pod = images.reduce((pod, [image, policy]) => pod.withImage(image, policy), aPod());
      for (const image of initImages) pod = pod.withInitImage(image);
      for (const [key, value] of Object.entries(annotations)) pod = pod.withAnnotation(key, value);
      for (const [key, value] of Object.entries(labels)) pod = pod.withLabel(key, value);
      if (onEci) pod = pod.withLabel('alibabacloud.com/eci', 'true');
      return arch === undefined ? pod : pod.withNodeSelector('kubernetes.io/arch', arch);
    });
}

/** Caches, namespaces and rules. */
export function anyCluster(): fc.Arbitrary<ClusterContents> {
  const selector = fc.constantFrom<unknown>(
    undefined,
    undefined,
    {},
    { matchLabels: { app: 'web' } },
    { matchExpressions: [{ key: 'alibabacloud.com/eci', operator: 'Exists' }] },
    { matchExpressions: [{ key: 'team.example.com/cost', operator: 'DoesNotExist' }] },
  );
  const effect = fc.record({
    annotations: optionally({
      'k8s.aliyun.com/eci-imc-id': fc.constantFrom(...IDS, 'imc-none', ''),
      'k8s.aliyun.com/eci-auto-imc': fc.constantFrom('true', 'false'),
      'k8s.aliyun.com/imc-perfect-match': fc.constantFrom('true', 'false'),
      'example.com/by.rule': fc.constantFrom('by-rule'),
      'example.com/other': fc.constantFrom('by-rule'),
    }),
    labels: optionally({
      'alibabacloud.com/eci': fc.constantFrom('true'),
      'team.example.com/cost': fc.constantFrom('1', ''),
      app: fc.constantFrom('web'),
    }),
  });
  const rule = fc.record({ namespaceSelector: selector, objectSelector: selector, effect });
  const rules: fc.Arbitrary<readonly object[]> = fc.oneof(fc.constant([]), fc.array(rule, { maxLength: 3 }));
  return fc
    .record({
      caches: mostly(
        fc.array(anyImageCache(), { minLength: 3, maxLength: 8 }),
        fc.array(anyImageCache(), { maxLength: 2 }),
      ),
      namespaces: fc.constantFrom<NonNullable<ClusterContents['namespaces']>>(
        { default: {}, 'team-a': { 'alibabacloud.com/eci': 'true' } },
        { default: { app: 'web' } },
        {},
      ),
      rules,
    })
    .map(({ rules, ...rest }) => ({ ...rest, rules: rules.map((rule, i) => ({ name: `rule-${i}`, ...rule })) }));
}

/** Settings that let reviews through. */
export function anySettings(): fc.Arbitrary<Partial<DecisionSettings>> {
  return fc.record({
    mode: fc.constantFrom('enforce', 'enforce', 'enforce', 'observe'),
    podScope: fc.constantFrom('eci', 'all'),
    partialMatch: fc.constantFrom('auto', 'pin', 'delegate'),
    unreadyPin: fc.constantFrom('warn', 'deny'),
    registryAliases: fc.constantFrom('off', 'repository'),
    controllerDriver: fc.constantFrom('external', 'simulated', 'eci'),
  });
}

/** Seven times out of eight the first, else the other. */
function mostly<Usual, Other>(usual: fc.Arbitrary<Usual>, other: fc.Arbitrary<Other>): fc.Arbitrary<Usual | Other> {
  return fc.oneof({ arbitrary: usual, weight: 7 }, { arbitrary: other, weight: 1 });
}

/** An object with each member now and then. */
function optionally(members: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<Record<string, string>> {
  const entries = Object.entries(members).map(([key, value]) =>
    fc.tuple(fc.constant(key), mostly(fc.constant(undefined), value)),
  );
  return fc
    .tuple(...entries)
    .map((pairs) => Object.fromEntries(pairs.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))));
}
