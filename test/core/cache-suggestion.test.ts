import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SuggestedCaches, UncoveredPod } from '../../src/core/cache-suggestion.ts';
import { suggestCaches } from '../../src/core/cache-suggestion.ts';
import type { Decision } from '../../src/core/decision.ts';
import { decide } from '../../src/core/decision.ts';
import { IMAGES_LIMIT } from '../../src/core/image-cache-spec.ts';
import { DEFAULT_CREATION_SETTINGS, DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { decodeImageCache } from '../../src/wire/image-cache.ts';
import { manifestOf } from '../../src/wire/image-cache-manifest.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { anyCluster, anyNamespace, anyPod } from '../support/arbitraries.ts';
import type { ClusterContents } from '../support/cluster-builder.ts';
import { aCluster, hoursFromNow, NOW_MS } from '../support/cluster-builder.ts';
import { DIGEST_A } from '../support/digests.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod } from '../support/pod-builder.ts';

interface Workload {
  readonly pod: PodBuilder;
  readonly namespace?: string;
  readonly pullSecrets?: readonly string[];
}

const GIB = 1024 ** 3;

/** Suggestions for the workloads a new cache is wanted for, named `0`, `1` and so on. */
function suggestFor(workloads: readonly Workload[], contents: ClusterContents = {}): SuggestedCaches {
  const cluster = aCluster(contents).view(NOW_MS);
  if (cluster === undefined) throw new Error('a cluster built for a test has all its listings');
  const context = { cluster, settings: DEFAULT_SETTINGS, nowMs: NOW_MS, ownNamespace: undefined };
  const uncovered = workloads.flatMap(({ pod, namespace = 'default', pullSecrets = [] }, i): UncoveredPod[] => {
    const decision: Decision = decide(decodePod(pod.build()), namespace, context);
    if (decision.kind === 'skip' || !decision.because.cacheWanted) return [];
    return [{ title: String(i), namespace, decision, pullSecrets: pullSecrets.map((name) => `${namespace}:${name}`) }];
  });
  const { imageCaches } = cluster;
  return suggestCaches(uncovered, (key) => imageCaches.sizeOf(key), imageCaches.all(), {
    buildDeadlineMs: DEFAULT_CREATION_SETTINGS.buildDeadlineMs,
    nowMs: NOW_MS,
  });
}

/** Images by suggestion, without the registry; and for whom. */
function brief({ suggestions }: SuggestedCaches): string[] {
  return suggestions
    .map(({ images, workloads }) => {
      const names = images.map(({ key }) => key.replace('docker.io/library/', ''));
      return `${names.join(' ')} for ${workloads.join(',')}`;
    })
    .toSorted();
}

function holding(...images: readonly string[]): Workload {
  return { pod: anEciPod().withImages(...images) };
}

/** A cache that records these sizes in GiB and is of no use otherwise. */
function sized(sizes: Readonly<Record<string, number>>): ClusterContents {
  const cache = Object.entries(sizes).reduce(
    (builder, [name, gib]) => builder.recording({ name, sizeBytes: gib * GIB }),
    anImageCache('sizes').inPhase('Failed'),
  );
  return { caches: [cache] };
}

/** A cache that somebody asked for half an hour ago. */
function comingCache(): ImageCacheBuilder {
  return anImageCache('coming').createdAt(hoursFromNow(-0.5));
}

function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `app-${String(from + i).padStart(2, '0')}:1`);
}

describe('which workloads share a suggested cache', () => {
  it.each([
    ['the same images', [holding('a:1', 'b:1'), holding('b:1', 'a:1')], ['a:1 b:1 for 0,1']],
    ['some of the images of another', [holding('a:1'), holding('a:1', 'b:1')], ['a:1 b:1 for 0,1']],
    ['an image in common', [holding('a:1', 'b:1'), holding('b:1', 'c:1')], ['a:1 b:1 c:1 for 0,1']],
    ['nothing in common', [holding('a:1'), holding('b:1')], ['a:1 for 0', 'b:1 for 1']],
    ['the repository only', [holding('a:1'), holding('a:2')], ['a:1 for 0', 'a:2 for 1']],
    [
      'a chain of common images',
      [holding('a:1', 'b:1'), holding('c:1', 'd:1'), holding('b:1', 'c:1')],
      ['a:1 b:1 c:1 d:1 for 0,1,2'],
    ],
  ])('%s', (_title, workloads, expected) => {
    expect(brief(suggestFor(workloads))).toEqual(expected);
  });

  it('not more than 20 images: the workload goes where more of its images are', () => {
    const workloads = [
      holding(...numbered(18)),
      holding(...numbered(18, 30)),
      holding('app-00:1', 'app-30:1', 'app-31:1'),
    ];
    const covers = suggestFor(workloads).suggestions.map(({ images, workloads }) => [images.length, workloads]);
    expect(covers).toEqual([
      [19, ['1', '2']],
      [18, ['0']],
    ]);
  });

  it('not two that would exceed 20 images together, though they have some in common', () => {
    const { suggestions } = suggestFor([holding(...numbered(15)), holding(...numbered(15, 6))]);
    expect(suggestions.map(({ images }) => images.length)).toEqual([15, 15]);
  });

  it('not two whose common cache gives a pod a larger disk than its own would', () => {
    const workloads = [holding('a:1', 'side:1'), holding('b:1', 'side:1')];
    expect(brief(suggestFor(workloads, sized({ 'a:1': 6, 'b:1': 3, 'side:1': 1 })))).toEqual([
      'a:1 b:1 side:1 for 0,1',
    ]);
    expect(brief(suggestFor(workloads, sized({ 'a:1': 6, 'b:1': 4, 'side:1': 1 })))).toHaveLength(2);
  });

  it('one whose images another needs anyway, whatever the disk: the ranking does not look at it (spec M3)', () => {
    const contents = sized({ 'a:1': 1, 'model:1': 80 });
    expect(brief(suggestFor([holding('a:1'), holding('a:1', 'model:1')], contents))).toEqual(['a:1 model:1 for 0,1']);
  });

  it.each([
    [
      'architectures',
      [holding('a:1'), { pod: anEciPod().withImage('a:1').withNodeSelector('kubernetes.io/arch', 'arm64') }],
    ],
    ['systems', [holding('a:1'), { pod: anEciPod().withImage('a:1').forOs('windows') }]],
    ['Secrets and none', [holding('a:1'), { ...holding('a:1'), pullSecrets: ['s'] }]],
    [
      'different Secrets',
      [
        { ...holding('a:1'), pullSecrets: ['s'] },
        { ...holding('a:1'), pullSecrets: ['s', 't'] },
      ],
    ],
    [
      'Secrets of two namespaces',
      [
        { ...holding('a:1'), pullSecrets: ['s'], namespace: 'team-a' },
        { ...holding('a:1'), pullSecrets: ['s'], namespace: 'team-b' },
      ],
    ],
    [
      'access to different ACR instances',
      [
        { pod: anEciPod().withImage('a:1').withAnnotation('k8s.aliyun.com/acr-instance-ids', 'cri-1') },
        { pod: anEciPod().withImage('a:1').withAnnotation('k8s.aliyun.com/acr-instance-ids', 'cri-2') },
      ],
    ],
  ])('not two with %s, be their images the same', (_title, workloads) => {
    const { suggestions } = suggestFor(workloads);
    expect(suggestions.map(({ workloads }) => workloads.join())).toHaveLength(2);
  });

  it('workloads of different namespaces without Secrets', () => {
    const workloads = [holding('a:1'), { ...holding('a:1'), namespace: 'team-a' }];
    expect(suggestFor(workloads).suggestions).toMatchObject([{ privateTo: undefined, workloads: ['0', '1'] }]);
  });
});

describe('what a suggested cache is like', () => {
  it('spec N2: with Secrets or ACR access it is for its namespace only', () => {
    const acr = anEciPod().withImage('a:1').withAnnotation('k8s.aliyun.com/acr-instance-ids', 'cri-1');
    expect(suggestFor([{ pod: acr, namespace: 'team-a' }]).suggestions).toMatchObject([
      { privateTo: 'team-a', annotations: new Map([['k8s.aliyun.com/acr-instance-ids', 'cri-1']]) },
    ]);
    expect(suggestFor([{ ...holding('a:1'), pullSecrets: ['z', 'b', 'z'] }]).suggestions).toMatchObject([
      { privateTo: 'default', pullSecrets: ['default:b', 'default:z'] },
    ]);
  });

  it('copies how own registries are reached, which makes nothing private', () => {
    const pod = anEciPod().withImage('a:1').withAnnotation('k8s.aliyun.com/insecure-registry', 'registry.example.com');
    expect(suggestFor([{ pod: pod.withAnnotation('k8s.aliyun.com/eci-vswitch', 'vsw-1') }]).suggestions).toMatchObject([
      { privateTo: undefined, annotations: new Map([['k8s.aliyun.com/insecure-registry', 'registry.example.com']]) },
    ]);
  });

  it.each([
    ['nothing is known', {}, 20, ['docker.io/library/a:1', 'docker.io/library/b:1']],
    ['some is known', { 'a:1': 11 }, 22, ['docker.io/library/b:1']],
    ['twice the sizes is a part of a GiB more', { 'a:1': 10, 'b:1': 0.3 }, 21, []],
    ['little is needed', { 'a:1': 1, 'b:1': 1 }, 20, []],
    ['more is needed than ECI has', { 'a:1': 20_000, 'b:1': 1 }, 32_768, []],
  ])('spec N2: a disk for twice the known sizes, where %s', (_title, sizes, diskGib, unknownSizes) => {
    expect(suggestFor([holding('a:1', 'b:1')], sized(sizes)).suggestions).toMatchObject([{ diskGib, unknownSizes }]);
  });

  it('keeps tag and digest of a reference, the same tag in any order', () => {
    const [one, two] = [holding(`a:1@${DIGEST_A}`), holding(`a:2@${DIGEST_A}`, 'b:1')];
    const images = (workloads: readonly Workload[]): unknown =>
      suggestFor(workloads).suggestions.map((suggestion) => manifestOf(suggestion)['spec']);
    expect(images([one, two])).toEqual([
      { images: ['docker.io/library/b:1', `docker.io/library/a:1@${DIGEST_A}`].toSorted(), imageCacheSize: 20 },
    ]);
    expect(images([two, one])).toEqual(images([one, two]));
  });
});

describe('workloads without a suggestion are named with the reason', () => {
  it.each([
    ['too many images', holding(...numbered(21)), { kind: 'TooManyImages', count: 21 }],
    ['an invalid reference', holding('a:1', 'Bad'), { kind: 'InvalidReference', images: ['Bad'] }],
    [
      'a count that no cache can reach',
      { pod: anEciPod().withImage('a:1').withAnnotation('k8s.aliyun.com/imc-match-count-request', '2') },
      { kind: 'MatchCountAboveImages', matchCount: 2, count: 1 },
    ],
  ])('%s', (_title, workload, refusal) => {
    expect(suggestFor([workload])).toEqual({ suggestions: [], refused: [{ title: '0', refusal }] });
  });

  it('20 images are not too many', () => {
    expect(suggestFor([holding(...numbered(20))]).suggestions).toHaveLength(1);
  });

  it.each(['', 'Pending', 'Preparing', 'Creating', 'Updating'])(
    'a cache in phase "%s" that holds all the images only has to become Ready',
    (phase) => {
      const caches = [comingCache().inPhase(phase).withId('').holding('a:1', 'b:1', 'c:1')];
      expect(suggestFor([holding('a:1', 'b:1')], { caches })).toMatchObject({
        suggestions: [],
        refused: [{ refusal: { kind: 'Building', cache: { name: 'coming' } } }],
      });
    },
  );

  it('a cache that says nothing about its creation may be new', () => {
    const cache = comingCache().inPhase('').createdAt('').holding('a:1');
    expect(suggestFor([holding('a:1')], { caches: [cache] })).toMatchObject({
      refused: [{ refusal: { kind: 'Building' } }],
    });
  });

  it.each([
    ['has failed', comingCache().inPhase('Failed').holding('a:1', 'b:1')],
    ['lacks an image', comingCache().inPhase('Creating').holding('a:1')],
    ['is for another architecture', comingCache().inPhase('Creating').holding('a:1', 'b:1').forArchitecture('arm64')],
    ['is for another namespace', comingCache().inPhase('Creating').holding('a:1', 'b:1').privateTo('team-a')],
    ['is being deleted', comingCache().inPhase('Creating').holding('a:1', 'b:1').beingDeleted()],
    [
      'has been building for an hour',
      comingCache().inPhase('Creating').holding('a:1', 'b:1').createdAt(hoursFromNow(-1)),
    ],
    ['is retiring', comingCache().inPhase('Creating').holding('a:1', 'b:1').retiring()],
  ])('a cache that %s is nothing to wait for', (_title, cache) => {
    expect(brief(suggestFor([holding('a:1', 'b:1')], { caches: [cache] }))).toEqual(['a:1 b:1 for 0']);
  });
});

/** Workloads of few images, so that they share some; now and then of too many. */
function anyWorkloads(): fc.Arbitrary<readonly Workload[]> {
  const image = fc.integer({ min: 0, max: 25 }).map((i) => `app-${i}:1`);
  const images = fc.oneof(
    { arbitrary: fc.uniqueArray(image, { minLength: 1, maxLength: 5 }), weight: 8 },
    { arbitrary: fc.uniqueArray(image, { minLength: 15, maxLength: 22 }), weight: 1 },
  );
  const plain = fc.record({
    images,
    namespace: anyNamespace(),
    pullSecrets: fc.constantFrom<readonly string[]>([], [], [], ['s'], ['s', 't']),
    arch: fc.constantFrom('amd64', 'amd64', 'arm64'),
  });
  const workload = plain.map(({ images, namespace, pullSecrets, arch }): Workload => {
    const pod = anEciPod().withNodeSelector('kubernetes.io/arch', arch);
    return { pod: pod.withImages(...images), namespace, pullSecrets };
  });
  const odd = fc.record({ pod: anyPod(), namespace: anyNamespace() });
  return fc.array(fc.oneof({ arbitrary: workload, weight: 6 }, { arbitrary: odd, weight: 1 }), { maxLength: 12 });
}

/** Clusters whose recorded sizes are of every scale. */
function anyContents(): fc.Arbitrary<ClusterContents> {
  const sizes = fc.dictionary(
    fc.integer({ min: 0, max: 25 }).map((i) => `app-${i}:1`),
    fc.constantFrom(0.1, 1, 4, 9, 30),
  );
  return fc.tuple(anyCluster(), sizes).map(([contents, known]) => ({
    ...contents,
    caches: [...(contents.caches ?? []), ...(sized(known).caches ?? [])],
  }));
}

describe('laws of suggestions', () => {
  it('proof by the engine: with the suggestions built, every workload they are for matches completely', () => {
    fc.assert(
      fc.property(anyWorkloads(), anyContents(), (workloads, contents) => {
        const { suggestions } = suggestFor(workloads, contents);
        const store = aCluster(contents);
        for (const [i, suggestion] of suggestions.entries()) {
          const status = { phase: 'Ready', imageCacheId: `imc-suggested-${i}` };
          store.putImageCache(decodeImageCache({ ...manifestOf(suggestion), status }));
        }
        const cluster = store.view(NOW_MS);
        if (cluster === undefined) throw new Error('a cluster built for a test has all its listings');
        const context = { cluster, settings: DEFAULT_SETTINGS, nowMs: NOW_MS, ownNamespace: undefined };
        for (const title of suggestions.flatMap(({ workloads }) => workloads)) {
          const workload = workloads[Number(title)];
          const decision = decide(decodePod(workload?.pod.build()), workload?.namespace ?? 'default', context);
          expect(decision.outcome).toBe('CompleteMatch');
        }
      }),
    );
  });

  it('every workload that wants a cache is in exactly one suggestion, or is refused', () => {
    fc.assert(
      fc.property(anyWorkloads(), anyContents(), (workloads, contents) => {
        const { suggestions, refused } = suggestFor(workloads, contents);
        const named = [...suggestions.flatMap(({ workloads }) => workloads), ...refused.map(({ title }) => title)];
        expect(new Set(named).size).toBe(named.length);
        const cluster = aCluster(contents).view(NOW_MS);
        if (cluster === undefined) throw new Error('a cluster built for a test has all its listings');
        const context = { cluster, settings: DEFAULT_SETTINGS, nowMs: NOW_MS, ownNamespace: undefined };
        const wanted = workloads.flatMap(({ pod, namespace = 'default' }, i) => {
          const decision = decide(decodePod(pod.build()), namespace, context);
          return decision.kind !== 'skip' && decision.because.cacheWanted ? [String(i)] : [];
        });
        expect(named.toSorted()).toEqual(wanted.toSorted());
      }),
    );
  });

  it('none has more than 20 images, and there are no more than workloads they are for', () => {
    fc.assert(
      fc.property(anyWorkloads(), anyContents(), (workloads, contents) => {
        for (const { images, workloads: covered } of suggestFor(workloads, contents).suggestions) {
          expect(images.length).toBeGreaterThan(0);
          expect(images.length).toBeLessThanOrEqual(IMAGES_LIMIT);
          expect(covered.length).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('there are never more than distinct sets of images, for workloads that could share', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 20 })),
        (sets) => {
          const workloads = sets.map((set) => holding(...set.map((i) => `app-${i}:1`)));
          const distinct = new Set(sets.map((set) => set.toSorted((a, b) => a - b).join()));
          expect(suggestFor(workloads).suggestions.length).toBeLessThanOrEqual(distinct.size);
        },
      ),
    );
  });

  it('the order of workloads leaves no trace', () => {
    const shuffled = anyWorkloads().chain((workloads) =>
      fc.tuple(fc.constant(workloads), fc.shuffledSubarray([...workloads.keys()], { minLength: workloads.length })),
    );
    fc.assert(
      fc.property(shuffled, anyContents(), ([workloads, order], contents) => {
        const content = (found: SuggestedCaches): unknown => found.suggestions.map(manifestOf);
        const reordered = order.flatMap((i) => workloads[i] ?? []);
        expect(content(suggestFor(reordered, contents))).toEqual(content(suggestFor(workloads, contents)));
      }),
    );
  });
});
