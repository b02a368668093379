import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeAdmissionReview } from '../../src/admission/admission-response.ts';
import { AdmissionReviewer } from '../../src/admission/reviewer.ts';
import { ClusterStore } from '../../src/cluster/cluster-store.ts';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { decodeAdmissionReview, MalformedReviewError } from '../../src/wire/admission-review.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { isJsonObject } from '../../src/wire/json.ts';
import { anyCluster, anyNamespace, anyPod, anyReference, anySettings } from '../support/arbitraries.ts';
import type { ClusterContents } from '../support/cluster-builder.ts';
import { aCluster, NOW_MS } from '../support/cluster-builder.ts';
import { anImageCache, ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { copyOf, withMember } from '../support/json-edit.ts';
import { anEciPod, aPod, PodBuilder } from '../support/pod-builder.ts';
import { review } from '../support/review.ts';
import { aReview, REVIEW_UID } from '../support/review-builder.ts';

const POD = anEciPod().withImage('nginx:1');
const CACHED = { caches: [anImageCache('a').holding('nginx:1')] };

function reviewerOf(store: ClusterStore, namespacesMayLag = false): AdmissionReviewer {
  return new AdmissionReviewer({
    store,
    settings: () => DEFAULT_SETTINGS,
    now: () => NOW_MS,
    ownNamespace: undefined,
    namespacesMayLag,
  });
}

describe('answers', () => {
  it('spec A1: carry the uid and a patch that touches the two maps only', () => {
    const answer = review(POD.withLabel('app', 'web'), aCluster(CACHED));
    expect(answer.response).toMatchObject({ uid: REVIEW_UID, allowed: true, patchType: 'JSONPatch' });
    expect(answer.patch.map(({ op, path }) => `${op} ${path}`)).toEqual(['add /metadata/annotations']);
    expect(answer.annotations['k8s.aliyun.com/eci-imc-id']).toBe('imc-a');
  });

  it.each([
    ['no metadata', POD.with(['metadata'], undefined)],
    ['metadata of null', POD.with(['metadata'], null)],
    ['no maps', POD.with(['metadata'], { name: 'x' })],
    ['maps of null', POD.with(['metadata'], { annotations: null, labels: null })],
    ['empty maps', POD.with(['metadata'], { annotations: {}, labels: {} })],
    ['generateName only', POD.with(['metadata'], { generateName: 'web-' })],
  ])('spec A7: a pod with %s gets its annotations', (_title, pod) => {
    const rules = [{ name: 'r', effect: { labels: { tier: 'x' } } }];
    const answer = review(pod, aCluster({ ...CACHED, rules }), { podScope: 'all' });
    expect(answer.annotations).toMatchObject({ 'k8s.aliyun.com/eci-imc-id': 'imc-a' });
    expect(answer.labels).toMatchObject({ tier: 'x' });
  });

  it('spec A7: keys that every object has are data and stay', () => {
    const metadata: unknown = JSON.parse(
      '{"annotations":{"__proto__":"a","constructor":"b"},"labels":{"__proto__":"c","alibabacloud.com/eci":"true"}}',
    );
    const answer = review(POD.with(['metadata'], metadata), aCluster(CACHED));
    expect(answer.verdict.outcome).toBe('CompleteMatch');
    expect(Object.entries(answer.annotations)).toContainEqual(['__proto__', 'a']);
    expect(Object.entries(answer.annotations)).toContainEqual(['constructor', 'b']);
    expect(Object.entries(answer.labels)).toContainEqual(['__proto__', 'c']);
  });

  it('spec A7: optional parts of the request may be missing', () => {
    const full = aReview(POD);
    const bare = [
      'kind',
      'requestKind',
      'requestResource',
      'userInfo',
      'dryRun',
      'options',
      'oldObject',
      'name',
      'namespace',
    ]
      .reduce((it, part) => it.with(['request', part], undefined), full)
      .with(['request', 'future'], { x: 1 });
    expect(review(bare, aCluster(CACHED)).text).toBe(review(full, aCluster(CACHED)).text);
  });

  it.each([
    ['NotCreate', aReview(POD).forOperation('UPDATE')],
    ['NotPod', aReview(POD).with(['request', 'subResource'], 'binding')],
    ['SystemNamespace', aReview(POD).inNamespace('kube-system')],
    ['OwnNamespace', aReview(POD).inNamespace('imc-system')],
    ['Ignored', aReview(POD.withLabel('imc-webhook/ignore', 'true'))],
    ['Acs', aReview(POD.withLabel('alibabacloud.com/acs', 'true'))],
    ['Mirror', aReview(POD.withAnnotation('kubernetes.io/config.mirror', ''))],
    ['RealNode', aReview(POD.onNode('cn-hangzhou.10.0.0.1'))],
    ['DaemonSet', aReview(aPod().ownedBy('DaemonSet'))],
    ['NotEci', aReview(aPod())],
  ])('spec G7: skipped for the reason %s: allowed, no patch', (reason, it) => {
    const { verdict, text } = review(it, aCluster(CACHED), {}, { ownNamespace: 'imc-system' });
    expect(verdict).toMatchObject({ outcome: 'Skipped', reason, allowed: true, patch: [], decision: undefined });
    expect(text).toBe(
      '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002",' +
        '"allowed":true,"auditAnnotations":{"outcome":"Skipped"}}}',
    );
  });

  it('spec G7: mode off is a reason too, after those of G1', () => {
    expect(review(POD, aCluster(CACHED), { mode: 'off' }).verdict).toMatchObject({ outcome: 'Skipped', reason: 'Off' });
    const update = aReview(POD).forOperation('UPDATE');
    expect(review(update, aCluster(), { mode: 'off' }).verdict.reason).toBe('NotCreate');
  });

  it('spec A3: a denial is answered with 422', () => {
    const caches = [anImageCache('a').inPhase('Failed')];
    const pod = POD.withAnnotation('k8s.aliyun.com/eci-imc-id', 'imc-a');
    const { response } = review(pod, aCluster({ caches }), { unreadyPin: 'deny' });
    expect(response).toMatchObject({
      allowed: false,
      status: { code: 422, reason: 'Invalid', status: 'Failure' },
      auditAnnotations: { outcome: 'PinNotReady', cache: 'a' },
    });
    expect(response).not.toHaveProperty('patch');
  });
});

describe('before and beyond a decision', () => {
  it('spec M13: without a full listing: allowed, no patch, NotSynced', () => {
    const store = new ClusterStore();
    const request = decodeAdmissionReview(aReview(POD).build());
    expect(reviewerOf(store).review(request)).toMatchObject({
      outcome: 'NotSynced',
      reason: 'imagecaches, namespaces, eci-profile',
      allowed: true,
      patch: [],
    });
    store.markSynced('imagecaches');
    store.markSynced('eci-profile');
    expect(reviewerOf(store).review(request)).toMatchObject({ outcome: 'NotSynced', reason: 'namespaces' });
    store.markSynced('namespaces');
    expect(reviewerOf(store).review(request)).toMatchObject({ outcome: 'NoMatch' });
  });

  it('spec M13: past its deadline: allowed, no patch, Late', () => {
    const { verdict } = review(POD, aCluster(CACHED), {}, { late: true });
    expect(verdict).toMatchObject({ outcome: 'Late', allowed: true, patch: [], auditAnnotations: { outcome: 'Late' } });
  });

  it('spec A5: an unexpected failure: allowed, no patch, Error, and the failure for the log', () => {
    const failure = new Error('out of cheese');
    const reviewer = new AdmissionReviewer({
      store: aCluster(),
      settings: () => {
        throw failure;
      },
      now: () => NOW_MS,
      ownNamespace: undefined,
      namespacesMayLag: false,
    });
    const verdict = reviewer.review(decodeAdmissionReview(aReview(POD).build()));
    expect(verdict).toMatchObject({
      uid: REVIEW_UID,
      outcome: 'Error',
      reason: 'out of cheese',
      allowed: true,
      patch: [],
    });
    expect(verdict.failure).toBe(failure);
  });

  it.each([
    ['metadata is a list', POD.with(['metadata'], [])],
    ['annotations are a text', POD.with(['metadata', 'annotations'], 'x')],
    ['an annotation is a number', POD.withAnnotation('example.com/a', 7)],
    ['a label is null', POD.withLabel('example.com/a', null)],
  ])('spec A6: where no safe patch exists, the pod is admitted unchanged: %s', (_title, pod) => {
    const { verdict } = review(pod, aCluster(CACHED), { podScope: 'all' });
    expect(verdict).toMatchObject({ outcome: 'Error', allowed: true, patch: [], decision: undefined });
    expect(verdict.failure).toBeInstanceOf(Error);
  });

  it.each([
    ['the decision makes exactly 256 KiB', 0, 'CompleteMatch'],
    ['the decision makes one byte more', 1, 'Error'],
  ])('spec A6: annotations near 256 KiB: %s', (_title, more, outcome) => {
    const key = 'example.com/filler';
    const small = review(POD.withAnnotation(key, ''), aCluster(CACHED));
    const bytes = Buffer.byteLength(Object.entries(small.annotations).flat().join(''));
    const { verdict } = review(POD.withAnnotation(key, 'x'.repeat(256 * 1024 - bytes + more)), aCluster(CACHED));
    expect(verdict).toMatchObject({ outcome, allowed: true });
    expect(verdict.patch.length > 0).toBe(more === 0);
  });

  it('spec A6: a great many annotations are no trouble', () => {
    let metadata: JsonObject = { labels: { 'alibabacloud.com/eci': 'true' } };
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`example.com/${i}`, 'x'.repeat(30)]));
    metadata = withMember(metadata, ['annotations'], many);
    const answer = review(POD.with(['metadata'], metadata), aCluster(CACHED));
    expect(answer.patch.map(({ path }) => path).toSorted()).toEqual([
      '/metadata/annotations/imc-webhook~1decision',
      '/metadata/annotations/k8s.aliyun.com~1eci-imc-id',
    ]);
  });
});

describe('settings', () => {
  it('spec M12: changes apply to the next review', () => {
    let settings = DEFAULT_SETTINGS;
    const reviewer = new AdmissionReviewer({
      store: aCluster(CACHED),
      settings: () => settings,
      now: () => NOW_MS,
      ownNamespace: undefined,
      namespacesMayLag: false,
    });
    const request = decodeAdmissionReview(aReview(POD).build());
    expect(reviewer.review(request).outcome).toBe('CompleteMatch');
    settings = { ...settings, mode: 'off' };
    expect(reviewer.review(request).outcome).toBe('Skipped');
  });

  it('spec P7: a changed profile counts from the next review on', () => {
    const store = aCluster();
    expect(review(POD, store).labels).not.toHaveProperty('tier');
    const changed = aCluster({ rules: [{ name: 'r', effect: { labels: { tier: 'x' } } }] }).view(NOW_MS)?.profile;
    if (changed !== undefined) store.setProfile(changed);
    expect(review(POD, store).labels).toHaveProperty('tier', 'x');
  });
});

describe('a namespace that the watch has not delivered yet', () => {
  const request = decodeAdmissionReview(aReview(POD).inNamespace('fresh').build());

  it.each([
    ['a pod, where news may lag', 'fresh', true, aReview(POD), true],
    ['a pod, where nothing lags', 'fresh', false, aReview(POD), false],
    ['a namespace that is known', 'default', true, aReview(POD), false],
    ['a review that is none of ours', 'fresh', true, aReview(POD).forOperation('UPDATE'), false],
  ])('spec G6: waits for %s: case %#', (_title, namespace, mayLag, it, waits) => {
    const reviewer = reviewerOf(aCluster(), mayLag);
    expect(reviewer.needsNamespace(decodeAdmissionReview(it.inNamespace(namespace).build()))).toBe(waits);
  });

  it('spec G6: nothing is waited for before the first listing', () => {
    expect(reviewerOf(new ClusterStore(), true).needsNamespace(request)).toBe(false);
  });

  it('spec G6: the wait ends when the namespace arrives, and its labels then count', async () => {
    const store = aCluster({ rules: [{ name: 'prod', namespaceSelector: { matchLabels: { env: 'prod' } } }] });
    const reviewer = reviewerOf(store, true);
    const waits = Promise.all([reviewer.waitForNamespace(request), reviewer.waitForNamespace(request)]);
    store.putNamespace('other', new Map());
    store.putNamespace('fresh', new Map([['env', 'prod']]));
    await waits;
    expect(reviewer.needsNamespace(request)).toBe(false);
    expect(reviewer.review(request).decision?.because.rules.map(({ name }) => name)).toEqual(['prod']);
  });

  it('spec G6: the wait ends without it too, and the review decides without its labels', async () => {
    const rules = [
      { name: 'all', namespaceSelector: { matchExpressions: [{ key: 'env', operator: 'DoesNotExist' }] } },
    ];
    const reviewer = reviewerOf(aCluster({ rules }), true);
    await reviewer.waitForNamespace(request);
    expect(reviewer.review(request)).toMatchObject({ outcome: 'NoMatch', decision: { because: { rules: [] } } });
  });

  it('spec G6: kubernetes.io/metadata.name is filled in when absent', () => {
    const rules = [{ name: 'r', namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } }];
    expect(review(POD, aCluster({ rules })).decision).toMatchObject({ rules: ['r'] });
    const named = { default: { 'kubernetes.io/metadata.name': 'another' } };
    expect(review(POD, aCluster({ rules, namespaces: named })).decision).not.toHaveProperty('rules');
  });
});

describe('laws', () => {
  const RUNS = { numRuns: 300 };

  it('spec M11: reviewing our own answer again changes nothing', () => {
    fc.assert(
      fc.property(anyPod(), anyCluster(), anySettings(), anyNamespace(), (pod, contents, settings, namespace) => {
        const cluster = aCluster(contents);
        const first = review(aReview(pod).inNamespace(namespace), cluster, settings);
        const again = review(aReview(first.pod).inNamespace(namespace), cluster, settings);
        expect(again.patch).toEqual([]);
        expect(again.verdict.outcome).toBe(first.verdict.outcome);
        expect(again.warnings).toEqual(first.warnings);
      }),
      RUNS,
    );
  });

  it('spec M11: so it is with an empty pin, and with a decision copied from anywhere', () => {
    const copied = fc.constantFrom(
      '{',
      '{"outcome":"CompleteMatch","added":{"annotations":{"k8s.aliyun.com/eci-imc-id":"imc-1","k8s.aliyun.com/eci-auto-imc":"true"},"labels":{"app":"web"}}}',
      '{"outcome":"NoMatch","rules":["rule-0"],"added":{"annotations":{"example.com/other":"x","k8s.aliyun.com/imc-perfect-match":"true"}}}',
    );
    fc.assert(
      fc.property(
        anyPod(),
        anyCluster(),
        anySettings(),
        copied,
        fc.boolean(),
        (pod, contents, settings, decision, isPinEmpty) => {
          let start = pod.withAnnotation('imc-webhook/decision', decision).withLabel('eci', 'true');
          if (isPinEmpty) start = start.withAnnotation('k8s.aliyun.com/eci-imc-id', '');
          const cluster = aCluster(contents);
          const first = review(start, cluster, settings);
          if (!first.verdict.allowed || first.verdict.outcome === 'Skipped') return;
          expect(review(first.pod, cluster, settings).patch).toEqual([]);
        },
      ),
      RUNS,
    );
  });

  it('spec M11: a sidecar added after us gets the answer of a review of the pod with that sidecar', () => {
    fc.assert(
      fc.property(anyPod(), anyReference(), anyCluster(), anySettings(), (pod, sidecar, contents, settings) => {
        const cluster = aCluster(contents);
        const direct = review(pod.withImage(sidecar), cluster, settings);
        const first = review(pod, cluster, settings);
        if (!first.verdict.allowed || !direct.verdict.allowed) return;
        const after = review(new PodBuilder(first.pod).withImage(sidecar), cluster, settings);
        expect(after.annotations).toEqual(direct.annotations);
        expect(after.labels).toEqual(direct.labels);
        expect(after.warnings).toEqual(direct.warnings);
        expect(after.verdict.outcome).toBe(direct.verdict.outcome);
      }),
      RUNS,
    );
  });

  it('spec G5: a dry run gets byte for byte the same answer', () => {
    fc.assert(
      fc.property(anyPod(), anyCluster(), anySettings(), (pod, contents, settings) => {
        const cluster = aCluster(contents);
        const real = review(aReview(pod).asDryRun(false), cluster, settings).text;
        expect(review(aReview(pod).asDryRun(true), cluster, settings).text).toBe(real);
        expect(review(aReview(pod).with(['request', 'dryRun'], undefined), cluster, settings).text).toBe(real);
      }),
      RUNS,
    );
  });

  it('spec A1: every patch gives the decided maps and touches nothing else', () => {
    fc.assert(
      fc.property(anyPod(), anyCluster(), anySettings(), (pod, contents, settings) => {
        const object = pod.build();
        const answer = review(pod, aCluster(contents), settings);
        for (const { path } of answer.patch) expect(path).toMatch(/^\/metadata\/(?:annotations|labels)(?:\/[^/]+)?$/);
        expect(withoutMaps(answer.pod)).toEqual(withoutMaps(object));
        const { decision } = answer.verdict;
        if (decision?.kind !== 'mutate') {
          expect(answer.patch).toEqual([]);
          return;
        }
        expect(new Map(Object.entries(answer.annotations))).toEqual(new Map(decision.annotations));
        expect(new Map(Object.entries(answer.labels))).toEqual(new Map(decision.labels));
      }),
      RUNS,
    );
  });

  it('spec M11: the decision lists everything that was added, and nothing that its author wrote was changed', () => {
    fc.assert(
      fc.property(anyPod(), anyCluster(), anySettings(), (pod, contents, settings) => {
        const answer = review(pod, aCluster(contents), settings);
        const { added } = (answer.decision ?? {}) as { added?: { annotations?: object; labels?: object } };
        const before = review(aReview(pod).forOperation('UPDATE'), aCluster());
        const { 'imc-webhook/decision': _decision, ...annotations } = answer.annotations;
        expect(annotations).toEqual({ ...before.annotations, ...added?.annotations });
        expect(new Map(Object.entries(answer.labels))).toEqual(
          new Map([...Object.entries(before.labels), ...Object.entries(added?.labels ?? {})]),
        );
      }),
      RUNS,
    );
  });

  it('spec M4: the order of caches and of containers never matters', () => {
    fc.assert(
      fc.property(anyPod(), anyCluster(), anySettings(), (pod, contents, settings) => {
        const caches = distinct(contents.caches ?? []);
        const forwards = aCluster({ ...contents, caches });
        const backwards = aCluster({ ...contents, caches: caches.toReversed() });
        const answer = review(pod, forwards, settings);
        expect(review(pod, backwards, settings).text).toBe(answer.text);
        expect(review(turned(pod), forwards, settings).text).toBe(answer.text);
      }),
      RUNS,
    );
  });

  it('spec A4: any JSON is answered or refused as malformed, never anything else', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        expectAnsweredOrRefused(body);
      }),
      { numRuns: 1000 },
    );
  });

  it('spec A4: so is every review in which something is of another shape', () => {
    const places = fc.array(fc.tuple(fc.infiniteStream(fc.nat({ max: 20 })), fc.jsonValue({ maxDepth: 2 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(anyPod(), places, (pod, places) => {
        let body: unknown = copyOf(aReview(pod).build());
        for (const [chance, value] of places) body = withSomethingElse(body, () => chance.next().value, value);
        expectAnsweredOrRefused(body);
      }),
      { numRuns: 1000 },
    );
  });

  function expectAnsweredOrRefused(body: unknown): void {
    let request: ReturnType<typeof decodeAdmissionReview>;
    try {
      request = decodeAdmissionReview(body);
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedReviewError);
      return;
    }
    const reviewer = reviewerOf(STORE);
    const verdict = reviewer.review(request);
    expect(verdict.allowed).toBe(true);
    expect(JSON.parse(encodeAdmissionReview(verdict))).toMatchObject({ response: { uid: request.uid } });
  }

  const STORE = aCluster({ ...CACHED, rules: [{ name: 'r', effect: { labels: { tier: 'x' } } }] });

  /** Puts a value somewhere into an object or list, the deeper the more members there are on the way. */
  function withSomethingElse(target: unknown, chance: () => number, value: unknown): unknown {
    const keys = isJsonObject(target) || Array.isArray(target) ? Object.keys(target) : [];
    const key = keys[chance() % (keys.length + 1)];
    if (key === undefined) return value;
    if (Array.isArray(target)) return target.with(Number(key), withSomethingElse(target[Number(key)], chance, value));
    if (!isJsonObject(target)) return value;
    return withMember(target, [key], withSomethingElse(target[key], chance, value));
  }

  function withoutMaps(pod: JsonObject): JsonObject {
    return withMember(withMember(pod, ['metadata', 'annotations'], undefined), ['metadata', 'labels'], undefined);
  }

  /** Of several caches with one name the last, as in a cluster. */
  function distinct(caches: NonNullable<ClusterContents['caches']>): readonly ImageCacheBuilder[] {
    const builders = caches.map((cache) => (cache instanceof ImageCacheBuilder ? cache : new ImageCacheBuilder(cache)));
    return [...new Map(builders.map((cache) => [cache.decode().name, cache])).values()];
  }

  function turned(pod: PodBuilder): PodBuilder {
    const spec = pod.build()['spec'];
    if (!isJsonObject(spec)) return pod;
    const reversed = (list: unknown): unknown => (Array.isArray(list) ? list.toReversed() : list);
    return pod
      .with(['spec', 'containers'], reversed(spec['containers']))
      .with(['spec', 'initContainers'], reversed(spec['initContainers']));
  }
});
