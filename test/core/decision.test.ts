import { describe, expect, it } from 'vitest';
import type { DecisionSettings } from '../../src/core/settings.ts';
import type { ClusterContents } from '../support/cluster-builder.ts';
import { aCluster, hoursFromNow, NOW_MS } from '../support/cluster-builder.ts';
import { DIGEST_A } from '../support/digests.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod, aPod } from '../support/pod-builder.ts';
import type { Answer } from '../support/review.ts';
import { review } from '../support/review.ts';

const AUTO = 'k8s.aliyun.com/eci-auto-imc';
const LEGACY_AUTO = 'k8s.aliyun.com/eci-image-cache';
const PERFECT = 'k8s.aliyun.com/imc-perfect-match';
const COUNT = 'k8s.aliyun.com/imc-match-count-request';
const PIN = 'k8s.aliyun.com/eci-imc-id';
const LEGACY_PIN = 'k8s.aliyun.com/eci-image-snapshot-id';
const DECISION = 'imc-webhook/decision';

const NGINX = 'docker.io/library/nginx:1';
const REDIS = 'docker.io/library/redis:1';

function answer(pod: PodBuilder, contents: ClusterContents = {}, settings: Partial<DecisionSettings> = {}): Answer {
  return review(pod, aCluster(contents), settings);
}

/** The vendor's annotations after the review. */
function vendorAnnotations({ annotations }: Answer): Record<string, unknown> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => key.startsWith('k8s.aliyun.com/')));
}

function becauseOf({ verdict }: Answer): NonNullable<Answer['verdict']['decision']>['because'] {
  if (verdict.decision === undefined) throw new Error(`the pod was not handled: ${verdict.reason}`);
  return verdict.decision.because;
}

describe('a pin on the pod', () => {
  const pinned = anEciPod().withImage('nginx:1').withAnnotation(PIN, 'imc-a');

  it.each([
    ['a Ready cache', anImageCache('a'), 'Pinned'],
    ['a cache that expires within the margin', anImageCache('a').expiringAt(hoursFromNow(1)), 'Pinned'],
    ['a cache of another platform', anImageCache('a').forArchitecture('arm64'), 'Pinned'],
    ['a retiring cache', anImageCache('a').retiring(), 'Pinned'],
    ['a cache that holds none of the images', anImageCache('a').holding('redis:9'), 'Pinned'],
    ['a cache that is being made', anImageCache('a').inPhase('Creating', '45%'), 'PinNotReady'],
    ['a cache that failed', anImageCache('a').inPhase('Failed'), 'PinNotReady'],
    ['a cache that is being deleted', anImageCache('a').beingDeleted(), 'PinNotReady'],
    ['a cache that has expired', anImageCache('a').expiringAt(hoursFromNow(0)), 'PinNotReady'],
    ['another cache', anImageCache('b'), 'PinUnknown'],
  ])('spec M1: %s', (_title, cache, outcome) => {
    const result = answer(pinned, { caches: [cache] });
    expect(result.verdict).toMatchObject({ outcome, allowed: true });
    expect(vendorAnnotations(result)).toEqual({ [PIN]: 'imc-a' });
    expect(result.decision).toEqual({ outcome, ...(outcome === 'PinUnknown' ? {} : { cache: 'a' }) });
    expect(result.warnings).toHaveLength(outcome === 'Pinned' ? 0 : 1);
  });

  it('spec M1: a pin beats automatic mode, on or off', () => {
    const caches = [anImageCache('a'), anImageCache('better').holding('nginx:1')];
    for (const value of ['true', 'false']) {
      const result = answer(pinned.withAnnotation(AUTO, value), { caches });
      expect(result.verdict.outcome).toBe('Pinned');
      expect(vendorAnnotations(result)).toEqual({ [PIN]: 'imc-a', [AUTO]: value });
    }
  });

  it('spec M1: a legacy pin counts and stays, and no new one is written', () => {
    const result = answer(anEciPod().withImage('nginx:1').withAnnotation(LEGACY_PIN, 'imc-a'), {
      caches: [anImageCache('a'), anImageCache('better').holding('nginx:1')],
    });
    expect(result.decision).toEqual({ outcome: 'Pinned', cache: 'a' });
    expect(vendorAnnotations(result)).toEqual({ [LEGACY_PIN]: 'imc-a' });
  });

  it('section 1: the new pin hides the legacy one', () => {
    const result = answer(pinned.withAnnotation(LEGACY_PIN, 'imc-b'), {
      caches: [anImageCache('a'), anImageCache('b')],
    });
    expect(result.decision).toEqual({ outcome: 'Pinned', cache: 'a' });
  });

  it('section 1: an empty pin is no pin, and we may fill it', () => {
    const result = answer(aPod().withImage('nginx:1').withAnnotation(PIN, ''), {
      caches: [anImageCache('a').holding('nginx:1')],
    });
    expect(result.verdict.outcome).toBe('CompleteMatch');
    expect(vendorAnnotations(result)).toEqual({ [PIN]: 'imc-a' });
  });

  it('section 1: beside an empty pin the legacy one is read', () => {
    const pod = anEciPod().withAnnotation(PIN, '').withAnnotation(LEGACY_PIN, 'imc-a');
    const result = answer(pod, { caches: [anImageCache('a')] });
    expect(result.verdict.outcome).toBe('Pinned');
    expect(vendorAnnotations(result)).toEqual({ [PIN]: '', [LEGACY_PIN]: 'imc-a' });
  });

  it('section 1: two empty pins are no pin', () => {
    const pod = anEciPod().withAnnotation(PIN, '').withAnnotation(LEGACY_PIN, '');
    expect(answer(pod).verdict.outcome).toBe('NoMatch');
  });

  it.each([
    ['one that works', [anImageCache('a').inPhase('Failed'), anImageCache('b')], 'Pinned', 'b'],
    ['the first by name', [anImageCache('b'), anImageCache('a')], 'Pinned', 'a'],
    [
      'the first by name if none works',
      [anImageCache('b').inPhase('Failed'), anImageCache('a').beingDeleted()],
      'PinNotReady',
      'a',
    ],
  ])('spec M1: of several caches with one id it means %s', (_title, caches, outcome, cache) => {
    const sameId = caches.map((it) => it.withId('imc-a'));
    expect(answer(pinned, { caches: sameId }).decision).toEqual({ outcome, cache });
    expect(answer(pinned, { caches: sameId.toReversed() }).decision).toEqual({ outcome, cache });
  });

  it('spec M1: a pin that is the name of a cache is unknown, and the warning gives the id', () => {
    const result = answer(anEciPod().withAnnotation(PIN, 'web-cache'), {
      caches: [anImageCache('web-cache').withId('imc-2ze')],
    });
    expect(result.decision).toEqual({ outcome: 'PinUnknown' });
    expect(result.warnings[0]).toContain('web-cache');
    expect(result.warnings[0]).toContain('imc-2ze');
  });

  it('spec M1: a pin that is both a name and an id is an id', () => {
    const result = answer(anEciPod().withAnnotation(PIN, 'a'), {
      caches: [anImageCache('a'), anImageCache('b').withId('a')],
    });
    expect(result.decision).toEqual({ outcome: 'Pinned', cache: 'b' });
  });

  it('spec M1: a cache without an id is meant by no pin', () => {
    expect(answer(anEciPod().withAnnotation(PIN, ' '), { caches: [anImageCache('a').withId('')] }).decision).toEqual({
      outcome: 'PinUnknown',
    });
  });

  it('spec M1: the warning names cache, phase and progress', () => {
    const result = answer(pinned, { caches: [anImageCache('a').inPhase('Creating', '45%')] });
    expect(result.warnings).toEqual(['pinned ImageCache a is Creating (45%): the pod may fail to start']);
  });
});

describe('denials', () => {
  const pinned = anEciPod().withImage('nginx:1').withAnnotation(PIN, 'imc-a');
  const failed: ClusterContents = { caches: [anImageCache('a').inPhase('Failed', '10%')] };
  const bare = aPod().withAnnotation(PIN, 'imc-a');

  it('spec M1: with unreadyPin deny a pin that is not Ready is refused, and the message says what to do', () => {
    const result = answer(pinned, failed, { unreadyPin: 'deny' });
    expect(result.verdict).toMatchObject({ allowed: false, outcome: 'PinNotReady', patch: [] });
    expect(result.verdict.message).toBe(
      'annotation k8s.aliyun.com/eci-imc-id pins ImageCache a (imc-a), which is Failed (10%): ECI fails a pod whose pinned ' +
        'cache is not Ready. Wait until it is Ready, pin another cache, or remove the annotation to let the best Ready ' +
        'cache be chosen.',
    );
    expect(result.annotations).toEqual({ [PIN]: 'imc-a' });
  });

  it.each([
    ['a legacy pin', anEciPod().withAnnotation(LEGACY_PIN, 'imc-a'), failed],
    ['a cache without a phase', pinned, { caches: [anImageCache('a').with(['status', 'phase'], undefined)] }],
    ['news of 120 seconds ago', pinned, { ...failed, heardAtMs: NOW_MS - 120_000 }],
    ['the older label', bare.withLabel('eci', 'true'), failed],
    ['a namespace on ECI', bare, { ...failed, namespaces: { default: { 'alibabacloud.com/eci': 'true' } } }],
    [
      'a namespace on ECI by its older label',
      bare,
      { ...failed, namespaces: { default: { 'virtual-node-affinity-injection': 'enabled' } } },
    ],
    ['a nodeSelector', bare.withNodeSelector('k8s.aliyun.com/vnode', 'true'), failed],
    ['a nodeName', bare.onNode('virtual-kubelet-a'), failed],
  ] satisfies [string, PodBuilder, ClusterContents][])('spec M1: refused: %s', (_title, pod, contents) => {
    expect(answer(pod, contents, { unreadyPin: 'deny' }).verdict.allowed).toBe(false);
  });

  it.each([
    ['unreadyPin warn', pinned, failed, { unreadyPin: 'warn' }],
    ['mode observe', pinned, failed, { mode: 'observe' }],
    ['news of more than 120 seconds ago', pinned, { ...failed, heardAtMs: NOW_MS - 120_001 }, {}],
    ['a Ready cache that is being deleted', pinned, { caches: [anImageCache('a').beingDeleted()] }, {}],
    ['a Ready cache that has expired', pinned, { caches: [anImageCache('a').expiringAt(hoursFromNow(-1))] }, {}],
    [
      'another cache of that id that is Ready',
      pinned,
      { caches: [anImageCache('a').inPhase('Failed'), anImageCache('b').withId('imc-a').beingDeleted()] },
      {},
    ],
    ['an unknown pin', pinned, {}, {}],
    ['a signal that binds no pod', bare, failed, {}],
    ['affinity only', bare.requiring({ key: 'type', operator: 'In', values: ['virtual-kubelet'] }), failed, {}],
    ['a toleration only', bare.tolerating({ key: 'virtual-kubelet.io/provider' }), failed, {}],
    [
      'a namespace that only asks us to look',
      bare,
      { ...failed, namespaces: { default: { 'imc-webhook/enabled': 'true' } } },
      {},
    ],
    [
      'a label that only a rule adds',
      bare,
      { ...failed, rules: [{ name: 'r', effect: { labels: { 'alibabacloud.com/eci': 'true' } } }] },
      {},
    ],
  ] satisfies [string, PodBuilder, ClusterContents, Partial<DecisionSettings>][])(
    'spec M1: not refused: %s',
    (_title, pod, contents, settings) => {
      expect(answer(pod, contents, { unreadyPin: 'deny', ...settings }).verdict.allowed).toBe(true);
    },
  );

  it('spec P4: a rule never leads to a denial, whatever its pin', () => {
    const rules = [{ name: 'r', effect: { annotations: { [PIN]: 'imc-a', [LEGACY_PIN]: 'imc-a' } } }];
    const result = answer(anEciPod().withImage('nginx:1'), { ...failed, rules }, { unreadyPin: 'deny' });
    expect(result.verdict).toMatchObject({ allowed: true, outcome: 'NoMatch' });
  });

  it('spec M11: nor does a pin that we chose ourselves once', () => {
    const caches = [anImageCache('a').holding('nginx:1')];
    const pod = anEciPod().withImage('nginx:1');
    const first = answer(pod, { caches }, { unreadyPin: 'deny' });
    const again = review(first.pod, aCluster(failed), { unreadyPin: 'deny' });
    expect(again.verdict).toMatchObject({ allowed: true, outcome: 'NoMatch' });
    expect(vendorAnnotations(again)).toEqual({ [AUTO]: 'true' });
  });
});

describe('automatic mode off', () => {
  it.each([
    ['eci-auto-imc', AUTO, 'false'],
    ['eci-auto-imc with blanks and capitals', AUTO, ' False '],
    ['the legacy key', LEGACY_AUTO, 'false'],
  ])('spec M2: %s: nothing is added but the decision', (_title, key, value) => {
    const result = answer(anEciPod().withImage('nginx:1').withAnnotation(key, value), {
      caches: [anImageCache('a').holding('nginx:1')],
    });
    expect(result.decision).toEqual({ outcome: 'AutoDisabled' });
    expect(vendorAnnotations(result)).toEqual({ [key]: value });
    expect(becauseOf(result).cacheWanted).toBe(false);
  });

  it('spec M2: effects are added all the same', () => {
    const rules = [{ name: 'r', effect: { annotations: { 'example.com/a': '1' }, labels: { tier: 'x' } } }];
    const result = answer(anEciPod().withAnnotation(AUTO, 'false'), { rules });
    expect(result.annotations).toMatchObject({ 'example.com/a': '1' });
    expect(result.labels).toMatchObject({ tier: 'x' });
    expect(result.decision).toMatchObject({ outcome: 'AutoDisabled', rules: ['r'] });
  });

  it('section 1: the new key hides the legacy one', () => {
    const pod = anEciPod().withImage('nginx:1').withAnnotation(AUTO, 'true').withAnnotation(LEGACY_AUTO, 'false');
    expect(answer(pod).verdict.outcome).toBe('NoMatch');
  });
});

describe('automatic mode', () => {
  const both = anEciPod().withImages('nginx:1', 'redis:1');
  const PART = anImageCache('part').holding('nginx:1');
  const WHOLE = anImageCache('whole').holding('nginx:1', 'redis:1');

  it.each([
    [
      'every image: CompleteMatch, pinned',
      both,
      [PART, WHOLE],
      'CompleteMatch',
      'imc-whole',
      { cache: 'whole', exact: 2, images: 2 },
    ],
    [
      'a part: PartialMatch, pinned',
      both,
      [PART],
      'PartialMatch',
      'imc-part',
      { cache: 'part', exact: 1, images: 2, missing: [REDIS] },
    ],
    ['nothing: NoMatch', both, [], 'NoMatch', undefined, { exact: 0, images: 2, missing: [NGINX, REDIS] }],
    [
      'a repository only: NoMatch',
      both,
      [anImageCache('a').holding('nginx:2')],
      'NoMatch',
      undefined,
      { exact: 0, images: 2, missing: [NGINX, REDIS] },
    ],
    [
      'an invalid image never matches',
      both.withImage('Bad'),
      [WHOLE],
      'PartialMatch',
      'imc-whole',
      { cache: 'whole', exact: 2, images: 3, missing: ['Bad'] },
    ],
    ['no images at all: NoMatch', anEciPod(), [WHOLE], 'NoMatch', undefined, { exact: 0, images: 0 }],
    [
      'an expiring cache is not chosen',
      both,
      [WHOLE.expiringAt(hoursFromNow(4))],
      'NoMatch',
      undefined,
      { exact: 0, images: 2, missing: [NGINX, REDIS] },
    ],
    [
      'a private cache of another namespace is not chosen',
      both,
      [WHOLE.privateTo('other'), PART],
      'PartialMatch',
      'imc-part',
      { cache: 'part', exact: 1, images: 2, missing: [REDIS] },
    ],
    [
      'a cache of another platform is not chosen',
      both.withNodeSelector('kubernetes.io/arch', 'arm64'),
      [WHOLE],
      'NoMatch',
      undefined,
      { exact: 0, images: 2, missing: [NGINX, REDIS] },
    ],
  ])('spec M7: %s', (_title, pod, caches, outcome, id, parts) => {
    const result = answer(pod, { caches });
    const added = id === undefined ? { [AUTO]: 'true' } : { [PIN]: id };
    expect(result.decision).toEqual({
      outcome,
      ...(id === undefined ? {} : { id }),
      ...parts,
      added: { annotations: added },
    });
    expect(vendorAnnotations(result)).toEqual(added);
  });

  it.each([
    ['auto', 'simulated', undefined, true],
    ['auto', 'eci', undefined, true],
    ['auto', 'external', undefined, false],
    ['auto', 'external', '1', true],
    ['auto', 'external', 'illegal', false],
    ['pin', 'external', undefined, true],
    ['pin', 'simulated', undefined, true],
    ['delegate', 'simulated', undefined, false],
    ['delegate', 'external', '1', false],
  ] as const)(
    'spec M7: partialMatch %s with driver %s and a count of %s pins: %s',
    (partialMatch, controllerDriver, count, isPinned) => {
      const pod = count === undefined ? both : both.withAnnotation(COUNT, count);
      const result = answer(pod, { caches: [PART] }, { partialMatch, controllerDriver });
      expect(result.verdict.outcome).toBe('PartialMatch');
      expect(result.annotations[PIN]).toBe(isPinned ? 'imc-part' : undefined);
      expect(result.annotations[AUTO]).toBe(isPinned ? undefined : 'true');
      expect(result.decision).toMatchObject({ cache: 'part', exact: 1 });
      expect(result.decision?.['id']).toBe(isPinned ? 'imc-part' : undefined);
    },
  );

  it('spec M7: a complete match is pinned whatever partialMatch says', () => {
    const result = answer(both, { caches: [WHOLE] }, { partialMatch: 'delegate', controllerDriver: 'external' });
    expect(result.annotations[PIN]).toBe('imc-whole');
  });

  it.each([
    ['satisfied', [PART, WHOLE], 'true', 'CompleteMatch', 'imc-whole'],
    ['not satisfied', [PART], 'true', 'PerfectMatchUnsatisfied', undefined],
    ['not satisfied by nothing', [], 'true', 'PerfectMatchUnsatisfied', undefined],
    ['off', [PART], 'false', 'PartialMatch', 'imc-part'],
    ['illegal, which is absent', [PART], 'yes', 'PartialMatch', 'imc-part'],
  ])('spec M5: perfect match %s', (_title, caches, value, outcome, id) => {
    const result = answer(both.withAnnotation(PERFECT, value), { caches });
    expect(result.verdict.outcome).toBe(outcome);
    expect(result.annotations[PIN]).toBe(id);
    expect(result.annotations[AUTO]).toBe(id === undefined ? 'true' : undefined);
  });

  it('spec M5: an invalid image makes a perfect match impossible', () => {
    const pod = both.withImage('Bad').withAnnotation(PERFECT, 'true');
    expect(answer(pod, { caches: [WHOLE] }).decision).toMatchObject({
      outcome: 'PerfectMatchUnsatisfied',
      cache: 'whole',
    });
  });

  it.each([
    ['1 satisfied by a part', [PART], '1', 'PartialMatch', 'imc-part'],
    ['2 satisfied by the whole', [PART, WHOLE], '2', 'CompleteMatch', 'imc-whole'],
    ['2 not satisfied by a part', [PART], '2', 'MatchCountUnsatisfied', undefined],
    ['1 not satisfied by nothing', [], '1', 'MatchCountUnsatisfied', undefined],
    ['above the number of distinct images', [WHOLE], '3', 'MatchCountUnsatisfied', undefined],
    ['illegal, which is absent', [], '0', 'NoMatch', undefined],
  ])('spec M6: a count of %s', (_title, caches, value, outcome, id) => {
    const result = answer(both.withAnnotation(COUNT, value), { caches });
    expect(result.verdict.outcome).toBe(outcome);
    expect(result.annotations[PIN]).toBe(id);
    expect(result.annotations[AUTO]).toBe(id === undefined ? 'true' : undefined);
  });

  it('spec M6: distinct images count, so that two containers of one image are one', () => {
    const pod = anEciPod()
      .withImages('nginx:1', 'nginx:1')
      .withInitImage('docker.io/nginx:1')
      .withAnnotation(COUNT, '2');
    expect(answer(pod, { caches: [WHOLE] }).decision).toMatchObject({
      outcome: 'MatchCountUnsatisfied',
      exact: 1,
      images: 1,
    });
  });

  it.each([
    ['both satisfied', 'true', '1', [WHOLE], 'CompleteMatch'],
    ['the count alone satisfied', 'true', '1', [PART], 'PerfectMatchUnsatisfied'],
    ['the count impossible', 'true', '9', [WHOLE], 'CompleteMatch'],
    ['perfect match off', 'false', '2', [PART], 'MatchCountUnsatisfied'],
    ['perfect match illegal', 'maybe', '2', [PART], 'MatchCountUnsatisfied'],
  ])('spec M6: of both keys perfect match alone decides: %s', (_title, perfect, count, caches, outcome) => {
    const pod = both.withAnnotation(PERFECT, perfect).withAnnotation(COUNT, count);
    expect(answer(pod, { caches }).verdict.outcome).toBe(outcome);
  });

  it('spec A2: the cache named is the first before restrictions', () => {
    const result = answer(both.withAnnotation(PERFECT, 'true'), { caches: [PART] });
    expect(result.decision).toEqual({
      outcome: 'PerfectMatchUnsatisfied',
      cache: 'part',
      exact: 1,
      images: 2,
      missing: [REDIS],
      added: { annotations: { [AUTO]: 'true' } },
    });
  });

  it.each([
    ['absent', {}, 'true'],
    ['true', { [AUTO]: 'true' }, 'true'],
    ['in other letters', { [AUTO]: ' True' }, ' True'],
    ['illegal', { [AUTO]: 'maybe' }, 'maybe'],
    ['empty', { [AUTO]: '' }, ''],
    ['there by its legacy key', { [LEGACY_AUTO]: 'true' }, undefined],
    ['there by an illegal legacy key', { [LEGACY_AUTO]: 'maybe' }, undefined],
  ])('spec M8: eci-auto-imc is injected only if it is absent: %s', (_title, annotations, value) => {
    let pod = both;
    for (const [key, text] of Object.entries(annotations)) pod = pod.withAnnotation(key, text);
    expect(answer(pod).annotations[AUTO]).toBe(value);
  });

  it.each([
    ['CompleteMatch', both, [WHOLE], false],
    ['PartialMatch', both, [PART], true],
    ['NoMatch', both, [], true],
    ['PerfectMatchUnsatisfied', both.withAnnotation(PERFECT, 'true'), [PART], true],
    ['MatchCountUnsatisfied', both.withAnnotation(COUNT, '2'), [PART], true],
    ['MatchCountUnsatisfied', both.withAnnotation(COUNT, '3'), [WHOLE], false],
    ['Pinned', both.withAnnotation(PIN, 'imc-part'), [PART], false],
    ['PinUnknown', both.withAnnotation(PIN, 'imc-x'), [PART], false],
    ['PinNotReady', both.withAnnotation(PIN, 'imc-part'), [PART.inPhase('Failed')], false],
    ['AutoDisabled', both.withAnnotation(AUTO, 'false'), [], false],
  ])('spec M9: %s: a new cache is wanted: case %#', (outcome, pod, caches, wanted) => {
    const result = answer(pod, { caches });
    expect(result.verdict.outcome).toBe(outcome);
    expect(becauseOf(result).cacheWanted).toBe(wanted);
  });
});

describe('settings of the ranking', () => {
  it('spec I4: an alias counts as a repository match only if the setting says so', () => {
    const pod = anEciPod().withImages('nginx:1', 'registry-vpc.cn-hangzhou.aliyuncs.com/acme/app:1');
    const caches = [
      anImageCache('newer').holding('nginx:1').createdAt('2026-01-02T00:00:00Z'),
      anImageCache('older').holding('nginx:1', 'registry.cn-hangzhou.aliyuncs.com/acme/app:1'),
    ];
    expect(answer(pod, { caches }, { registryAliases: 'off' }).decision).toMatchObject({ cache: 'newer', exact: 1 });
    expect(answer(pod, { caches }, { registryAliases: 'repository' }).decision).toMatchObject({
      cache: 'older',
      exact: 1,
    });
  });

  it('spec C1: the margin is a setting', () => {
    const caches = [anImageCache('a').holding('nginx:1').expiringAt(hoursFromNow(2))];
    const pod = anEciPod().withImage('nginx:1');
    expect(answer(pod, { caches }).verdict.outcome).toBe('NoMatch');
    expect(answer(pod, { caches }, { expiryMarginMs: 60 * 60 * 1000 }).verdict.outcome).toBe('CompleteMatch');
  });
});

describe('effects of rules', () => {
  const NAME = { 'kubernetes.io/metadata.name': 'default' };

  it('spec P3: all matching rules contribute in order; the pod goes first, then the earlier rule', () => {
    const rules = [
      {
        name: 'one',
        effect: {
          annotations: { 'example.com/a': 'one', 'example.com/pod': 'one' },
          labels: { tier: 'one', app: 'one' },
        },
      },
      {
        name: 'no',
        objectSelector: { matchLabels: { app: 'db' } },
        effect: { annotations: { 'example.com/no': 'no' } },
      },
      {
        name: 'two',
        namespaceSelector: { matchLabels: NAME },
        effect: { annotations: { 'example.com/a': 'two', 'example.com/b': 'two' }, labels: { tier: 'two' } },
      },
    ];
    const result = answer(anEciPod().withLabel('app', 'web').withAnnotation('example.com/pod', ''), { rules });
    expect(result.annotations).toMatchObject({ 'example.com/a': 'one', 'example.com/b': 'two', 'example.com/pod': '' });
    expect(result.annotations).not.toHaveProperty(['example.com/no']);
    expect(result.labels).toEqual({ 'alibabacloud.com/eci': 'true', app: 'web', tier: 'one' });
    expect(result.decision).toMatchObject({
      rules: ['one', 'two'],
      added: {
        annotations: { 'example.com/a': 'one', 'example.com/b': 'two', [AUTO]: 'true' },
        labels: { tier: 'one' },
      },
    });
  });

  it('spec P3: selectors do not see what other rules add', () => {
    const rules = [
      { name: 'one', effect: { labels: { tier: 'gold' } } },
      {
        name: 'two',
        objectSelector: { matchLabels: { tier: 'gold' } },
        effect: { annotations: { 'example.com/b': 'x' } },
      },
    ];
    const result = answer(anEciPod(), { rules });
    expect(result.decision).toMatchObject({ rules: ['one'] });
    expect(review(result.pod, aCluster({ rules })).patch).toEqual([]);
  });

  it('spec P3: a label that a rule adds does not open the gate of another review', () => {
    const rules = [
      {
        name: 'one',
        namespaceSelector: { matchLabels: { env: 'prod' } },
        effect: { labels: { 'alibabacloud.com/eci': 'true' } },
      },
    ];
    const first = review(aPod(), aCluster({ rules, namespaces: { default: { env: 'prod' } } }));
    expect(first.labels).toEqual({ 'alibabacloud.com/eci': 'true' });
    expect(review(first.pod, aCluster({ rules, namespaces: { default: {} } })).verdict.reason).toBe('NotEci');
  });

  it('spec P4: matching works on the result of the effects', () => {
    const rules = [{ name: 'r', effect: { annotations: { [PERFECT]: 'true' } } }];
    const result = answer(anEciPod().withImages('nginx:1', 'redis:1'), {
      rules,
      caches: [anImageCache('a').holding('nginx:1')],
    });
    expect(result.verdict.outcome).toBe('PerfectMatchUnsatisfied');
  });

  it('spec P4: a rule may switch automatic mode off', () => {
    const rules = [{ name: 'r', effect: { annotations: { [AUTO]: 'false' } } }];
    const result = answer(anEciPod().withImage('nginx:1'), { rules, caches: [anImageCache('a').holding('nginx:1')] });
    expect(result.decision).toEqual({
      outcome: 'AutoDisabled',
      rules: ['r'],
      added: { annotations: { [AUTO]: 'false' } },
    });
  });

  it.each([
    ['known and working', [anImageCache('a')], 'Pinned', 'imc-a', []],
    [
      'unknown',
      [],
      'PinUnknown',
      'imc-a',
      ['no ImageCache here has the id imc-a that is pinned; the region may hold it'],
    ],
    [
      'not Ready',
      [anImageCache('a').inPhase('Creating')],
      'NoMatch',
      undefined,
      ['rule r: its pin is left out, ImageCache a does not work'],
    ],
    [
      'expired',
      [anImageCache('a').expiringAt(hoursFromNow(-1))],
      'NoMatch',
      undefined,
      ['rule r: its pin is left out, ImageCache a does not work'],
    ],
    ['expiring within the margin', [anImageCache('a').expiringAt(hoursFromNow(1))], 'Pinned', 'imc-a', []],
  ])("spec P4: a rule's pin whose cache is %s", (_title, caches, outcome, pin, warnings) => {
    const rules = [{ name: 'r', effect: { annotations: { [PIN]: 'imc-a', 'example.com/a': '1' } } }];
    const result = answer(anEciPod().withImage('nginx:1'), { rules, caches });
    expect(result.verdict.outcome).toBe(outcome);
    expect(result.annotations[PIN]).toBe(pin);
    expect(result.annotations['example.com/a']).toBe('1');
    expect(result.warnings).toEqual(warnings);
    expect(result.decision).toMatchObject({ rules: ['r'] });
  });

  it("spec P4: where a rule's pin is left out, a later rule may supply one", () => {
    const rules = [
      { name: 'broken', effect: { annotations: { [PIN]: 'imc-a' } } },
      { name: 'good', effect: { annotations: { [PIN]: 'imc-b' } } },
      { name: 'late', effect: { annotations: { [PIN]: 'imc-c' } } },
    ];
    const caches = [anImageCache('a').inPhase('Failed'), anImageCache('b'), anImageCache('c')];
    const result = answer(anEciPod(), { rules, caches });
    expect(result.decision).toMatchObject({ outcome: 'Pinned', cache: 'b', rules: ['broken', 'good', 'late'] });
    expect(result.warnings).toEqual(['rule broken: its pin is left out, ImageCache a does not work']);
  });

  it('spec P4: where no rule supplies one, automatic mode decides', () => {
    const rules = [{ name: 'broken', effect: { annotations: { [PIN]: 'imc-a' } } }];
    const caches = [anImageCache('a').inPhase('Failed'), anImageCache('b').holding('nginx:1')];
    expect(answer(anEciPod().withImage('nginx:1'), { rules, caches }).decision).toMatchObject({
      outcome: 'CompleteMatch',
      id: 'imc-b',
    });
  });

  it('spec P3: a pin on the pod is not overwritten by a rule', () => {
    const rules = [{ name: 'r', effect: { annotations: { [PIN]: 'imc-b' } } }];
    const result = answer(anEciPod().withAnnotation(PIN, 'imc-a'), {
      rules,
      caches: [anImageCache('a'), anImageCache('b')],
    });
    expect(result.decision).toEqual({ outcome: 'Pinned', cache: 'a', rules: ['r'] });
  });

  it('section 1: an empty pin is no pin, so that a rule may fill it', () => {
    const rules = [{ name: 'r', effect: { annotations: { [PIN]: 'imc-b' } } }];
    const result = answer(anEciPod().withAnnotation(PIN, ''), { rules, caches: [anImageCache('b')] });
    expect(result.annotations[PIN]).toBe('imc-b');
  });

  it('section 1: an empty pin of a rule is none and hides no later one', () => {
    const rules = [
      { name: 'empty', effect: { annotations: { [PIN]: '' } } },
      { name: 'good', effect: { annotations: { [PIN]: 'imc-b' } } },
    ];
    expect(answer(anEciPod(), { rules, caches: [anImageCache('b')] }).decision).toMatchObject({
      outcome: 'Pinned',
      cache: 'b',
    });
  });

  it('spec P2: a rule without selector applies to every pod that passes the gate, by whatever signal', () => {
    const rules = [{ name: 'all', effect: { labels: { tier: 'x' } } }];
    expect(answer(aPod().withAnnotation(AUTO, 'true'), { rules }).labels).toEqual({ tier: 'x' });
    expect(answer(aPod(), { rules }, { podScope: 'all' }).labels).toEqual({ tier: 'x' });
    expect(answer(aPod(), { rules }).verdict.reason).toBe('NotEci');
  });

  it('spec P1: a rule without effect recognises pods', () => {
    const rules = [{ name: 'web', objectSelector: { matchLabels: { app: 'web' } } }];
    expect(answer(aPod().withLabel('app', 'web'), { rules }).decision).toMatchObject({
      outcome: 'NoMatch',
      rules: ['web'],
    });
  });

  it('spec G6: rules with a namespaceSelector do not match in a namespace that is not known', () => {
    const rules = [
      {
        name: 'all-but-prod',
        namespaceSelector: { matchExpressions: [{ key: 'env', operator: 'NotIn', values: ['prod'] }] },
      },
    ];
    expect(answer(anEciPod(), { rules, namespaces: {} }).decision).not.toHaveProperty('rules');
    expect(answer(anEciPod(), { rules }).decision).toMatchObject({ rules: ['all-but-prod'] });
  });
});

describe('warnings', () => {
  const illegal = { [AUTO]: 'maybe', [PERFECT]: 'yes', [COUNT]: 'two' };

  function withAll(pod: PodBuilder, annotations: Readonly<Record<string, string>>): PodBuilder {
    return Object.entries(annotations).reduce((it, [key, value]) => it.withAnnotation(key, value), pod);
  }

  it('spec M10: illegal values are read as absent, stay on the pod, and are warned of', () => {
    const result = answer(withAll(anEciPod().withImage('nginx:1'), illegal));
    expect(vendorAnnotations(result)).toEqual(illegal);
    expect(result.warnings).toEqual([
      'k8s.aliyun.com/eci-auto-imc is ignored: expected "true" or "false", not "maybe"',
      'k8s.aliyun.com/imc-perfect-match is ignored: expected "true" or "false", not "yes"',
      'k8s.aliyun.com/imc-match-count-request is ignored: expected a whole number from 1, not "two"',
    ]);
  });

  it.each([
    ['a pin', { [PIN]: 'imc-a' }, 'imc-perfect-match, imc-match-count-request ignored: the pod has a pin'],
    [
      'automatic mode off',
      { [AUTO]: 'false' },
      'imc-perfect-match, imc-match-count-request ignored: eci-auto-imc is "false"',
    ],
  ])('spec M10: restriction keys beside %s are ignored with a warning', (_title, annotations, warning) => {
    const pod = withAll(anEciPod(), { ...annotations, [PERFECT]: 'true', [COUNT]: '2' });
    expect(answer(pod, { caches: [anImageCache('a')] }).warnings).toEqual([warning]);
  });

  it('spec A3: pins go first, then rules, illegal values, ignored keys', () => {
    const rules = [{ name: 'r', effect: { annotations: { [LEGACY_PIN]: 'imc-bad' } } }];
    const caches = [anImageCache('bad').inPhase('Failed')];
    const pod = withAll(anEciPod(), { [PIN]: 'imc-x', [PERFECT]: 'true' });
    const beginnings = (it: PodBuilder): string[] =>
      answer(it, { rules, caches }).warnings.map((text) => text.slice(0, 24));
    expect(beginnings(pod)).toEqual([
      'no ImageCache here has t',
      'rule r: its pin is left ',
      'imc-perfect-match ignore',
    ]);
    expect(beginnings(pod.withAnnotation(COUNT, '-1'))).toEqual([
      'no ImageCache here has t',
      'rule r: its pin is left ',
      'k8s.aliyun.com/imc-match',
    ]);
  });

  it('spec A3: illegal values go before images, mutable tags before pull policies', () => {
    const caches = [anImageCache('a').holding('nginx:1')];
    const pod = anEciPod().withImage('nginx:1', 'Always').withImage('redis:latest').withAnnotation(AUTO, 'maybe');
    expect(answer(pod, { caches }).warnings.map((text) => text.slice(0, 24))).toEqual([
      'k8s.aliyun.com/eci-auto-',
      'no cache holds docker.io',
      'imagePullPolicy Always a',
    ]);
  });

  it.each(['latest', 'dev', 'main', 'master', 'nightly', 'stable'])(
    'spec A3: the tag %s moves: a miss is warned of',
    (tag) => {
      const pod = anEciPod().withImage(`nginx:${tag}`);
      expect(answer(pod).warnings).toEqual([expect.stringContaining(`no cache holds docker.io/library/nginx:${tag}`)]);
      expect(answer(pod, { caches: [anImageCache('a').holding(`nginx:${tag}`)] }).warnings).toEqual([]);
    },
  );

  it('spec A3: which tags move is a setting', () => {
    const mutableTags = ['edge'];
    const pod = anEciPod().withImage('nginx:edge').withImage('redis:latest');
    expect(answer(pod, {}, { mutableTags }).warnings).toEqual([
      expect.stringContaining('docker.io/library/nginx:edge'),
    ]);
    expect(answer(pod, {}, { mutableTags: [] }).warnings).toEqual([]);
  });

  it.each([
    ['a fixed tag', anEciPod().withImage('nginx:1')],
    ['a digest', anEciPod().withImage(`nginx:latest@${DIGEST_A}`)],
    ['a pin', anEciPod().withImage('nginx').withAnnotation(PIN, 'imc-a')],
    ['automatic mode off', anEciPod().withImage('nginx').withAnnotation(AUTO, 'false')],
  ])('spec A3: no warning of a moving tag: %s', (_title, pod) => {
    expect(answer(pod, { caches: [anImageCache('a')] }).warnings).toEqual([]);
  });

  it.each([
    ['a match', anEciPod().withImage('nginx:1', 'Always'), 1],
    ['a match of a part', anEciPod().withImage('nginx:1', 'Always').withImage('redis:1'), 1],
    ['one policy of several', anEciPod().withImage('nginx:1').withInitImage('nginx:1', 'Always'), 1],
    ['a miss', anEciPod().withImage('nginx:1').withImage('redis:1', 'Always'), 0],
    ['another policy', anEciPod().withImage('nginx:1', 'IfNotPresent'), 0],
    ['a restriction that is not satisfied', anEciPod().withImage('nginx:1', 'Always').withAnnotation(COUNT, '2'), 0],
  ])('spec A3: imagePullPolicy Always beside %s', (_title, pod, count) => {
    expect(answer(pod, { caches: [anImageCache('a').holding('nginx:1')] }).warnings).toHaveLength(count);
  });

  it('spec A3: warnings can be switched off', () => {
    expect(answer(withAll(anEciPod(), illegal), {}, { warnings: 'off' }).response).not.toHaveProperty('warnings');
  });
});

describe('re-invocation', () => {
  const pod = anEciPod().withImage('nginx:1');
  const caches = [anImageCache('a').holding('nginx:1')];

  it('spec M11: reviewing our own answer changes nothing, and the audit log is told the same again', () => {
    const first = answer(pod, { caches });
    const again = review(first.pod, aCluster({ caches }));
    expect(again.patch).toEqual([]);
    expect(again.verdict.outcome).toBe('CompleteMatch');
    expect(again.verdict.auditAnnotations).toEqual(first.verdict.auditAnnotations);
  });

  it('spec M11: a sidecar that came after us is decided on afresh', () => {
    const first = answer(pod, { caches });
    const withSidecar = anEciPod()
      .withImages('nginx:1', 'envoy:1')
      .with(['metadata', 'annotations'], first.annotations);
    const again = answer(withSidecar, { caches }, { partialMatch: 'delegate' });
    expect(again.verdict.outcome).toBe('PartialMatch');
    expect(vendorAnnotations(again)).toEqual({ [AUTO]: 'true' });
    expect(again.verdict.auditAnnotations).toEqual({});
  });

  it('spec M11: a value that somebody changed after us is theirs', () => {
    const first = answer(pod, { caches });
    const changed = anEciPod()
      .withImage('nginx:1')
      .with(['metadata', 'annotations'], { ...first.annotations, [PIN]: 'imc-b' });
    const again = answer(changed, { caches: [...caches, anImageCache('b')] });
    expect(again.decision).toEqual({ outcome: 'Pinned', cache: 'b' });
    expect(vendorAnnotations(again)).toEqual({ [PIN]: 'imc-b' });
  });

  it("spec M11: a copied pod is decided on afresh, and the pin we chose then is not its user's", () => {
    const first = answer(pod, { caches });
    const again = review(first.pod, aCluster({ caches: [anImageCache('b').holding('nginx:1')] }));
    expect(again.decision).toMatchObject({ outcome: 'CompleteMatch', id: 'imc-b' });
    expect(again.annotations[PIN]).toBe('imc-b');
  });

  it('spec M11: effects of rules that are gone are taken away', () => {
    const effect = { annotations: { 'example.com/a': '1' }, labels: { tier: 'x' } };
    const first = answer(pod, { rules: [{ name: 'old', effect }] });
    const rules = [{ name: 'never', objectSelector: { matchLabels: { no: 'body' } }, effect }];
    const again = review(first.pod, aCluster({ rules }));
    expect(again.annotations).not.toHaveProperty(['example.com/a']);
    expect(again.labels).toEqual({ 'alibabacloud.com/eci': 'true' });
  });

  it('spec M11: a key that no rule sets any more stays: it is not ours to take', () => {
    const first = answer(pod, { rules: [{ name: 'old', effect: { labels: { tier: 'x' } } }] });
    expect(review(first.pod, aCluster()).labels).toEqual({ 'alibabacloud.com/eci': 'true', tier: 'x' });
  });

  it('spec M11: a decision that claims other keys takes nothing away', () => {
    const claim = JSON.stringify({
      outcome: 'NoMatch',
      added: { annotations: { 'example.com/a': '1' }, labels: { app: 'web' } },
    });
    const claimed = pod.withLabel('app', 'web').withAnnotation('example.com/a', '1').withAnnotation(DECISION, claim);
    const result = answer(claimed);
    expect(result.labels).toMatchObject({ app: 'web' });
    expect(result.annotations).toMatchObject({ 'example.com/a': '1' });
  });

  it.each(['', '{', '[]', 'null', '{"added":7}'])(
    'spec M11: an unreadable decision counts as absent: %s',
    (decision) => {
      const result = answer(pod.withAnnotation(DECISION, decision), { caches });
      expect(result.decision).toMatchObject({ outcome: 'CompleteMatch', id: 'imc-a' });
      expect(result.verdict.auditAnnotations).toEqual({ outcome: 'CompleteMatch', cache: 'a' });
    },
  );

  it('spec A3: on a re-invocation the audit log is told only what has not changed', () => {
    const rules = [{ name: 'r', objectSelector: { matchLabels: { app: 'web' } } }];
    const first = answer(pod, { caches });
    expect(first.verdict.auditAnnotations).toEqual({ outcome: 'CompleteMatch', cache: 'a' });
    const labelled = anEciPod()
      .withLabel('app', 'web')
      .withImage('nginx:1')
      .with(['metadata', 'annotations'], first.annotations);
    expect(answer(labelled, { caches, rules }).verdict.auditAnnotations).toEqual({});
    expect(answer(labelled, { caches }).verdict.auditAnnotations).toEqual({ outcome: 'CompleteMatch', cache: 'a' });
  });
});

describe('modes', () => {
  const pod = anEciPod().withImage('nginx:1');
  const caches = [anImageCache('a').holding('nginx:1')];
  const rules = [{ name: 'r', effect: { annotations: { 'example.com/a': '1' }, labels: { tier: 'x' } } }];

  it('spec M12: observe writes only the decision, with would instead of id', () => {
    const result = answer(pod, { caches, rules }, { mode: 'observe' });
    expect(result.annotations).toEqual({
      [DECISION]: '{"outcome":"CompleteMatch","cache":"a","would":"imc-a","exact":1,"images":1,"rules":["r"]}',
    });
    expect(result.labels).toEqual({ 'alibabacloud.com/eci': 'true' });
  });

  it('spec M12: observe decides as if effects had been added', () => {
    const pinning = [{ name: 'r', effect: { annotations: { [PIN]: 'imc-a' } } }];
    const result = answer(pod, { caches, rules: pinning }, { mode: 'observe' });
    expect(result.decision).toEqual({ outcome: 'Pinned', cache: 'a', rules: ['r'] });
    expect(vendorAnnotations(result)).toEqual({});
  });

  it('spec M12: observe without a match writes no automatic mode', () => {
    const result = answer(pod, {}, { mode: 'observe' });
    expect(result.decision).toEqual({ outcome: 'NoMatch', exact: 0, images: 1, missing: [NGINX] });
    expect(vendorAnnotations(result)).toEqual({});
  });

  it('spec M12: observe warns', () => {
    expect(answer(anEciPod().withImage('nginx'), {}, { mode: 'observe' }).warnings).toHaveLength(1);
  });

  it('spec M12: observe takes back what enforce added', () => {
    const enforced = answer(pod, { caches, rules });
    const observed = review(enforced.pod, aCluster({ caches, rules }), { mode: 'observe' });
    expect(observed.annotations).toEqual(answer(pod, { caches, rules }, { mode: 'observe' }).annotations);
    expect(observed.labels).toEqual({ 'alibabacloud.com/eci': 'true' });
  });

  it('spec M12: off: allowed, no patch', () => {
    const result = answer(pod, { caches, rules }, { mode: 'off' });
    expect(result.verdict).toMatchObject({ allowed: true, outcome: 'Skipped', reason: 'Off', patch: [], warnings: [] });
  });
});

describe('the decision annotation', () => {
  it('spec A2: names invalid texts as written, up to 256 characters, sorted among the missing', () => {
    const long = `Z${'z'.repeat(300)}`;
    const result = answer(anEciPod().withImages(long, 'nginx:1', 'Bad image', ''));
    expect(result.decision).toMatchObject({ images: 4, missing: ['', 'Bad image', long.slice(0, 256), NGINX] });
  });

  it('spec A2: stays under 4 KiB however many images a pod has', () => {
    const images = Array.from({ length: 200 }, (_, i) => `registry.example.com/team/application-number-${i}:1`);
    const result = answer(anEciPod().withImages(...images));
    const { added: _added, ...rest } = result.decision ?? {};
    expect(Buffer.byteLength(JSON.stringify(rest))).toBeLessThan(4096);
    expect(rest).toMatchObject({ exact: 0, images: 200 });
    expect(JSON.stringify(rest)).toMatch(/"\+\d+ more"\]\}$/);
  });

  it('spec A2: is one line, whatever an image is called', () => {
    expect(answer(anEciPod().withImage('a\n\u0000b')).annotations[DECISION]).not.toMatch(/\p{Cc}/u);
  });
});
