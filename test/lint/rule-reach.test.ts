import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decision.ts';
import type { EciProfile, ProfileRule } from '../../src/core/eci-profile.ts';
import { eciProfileOf } from '../../src/core/eci-profile.ts';
import { passGate } from '../../src/core/gate.ts';
import { DECISION_KEY } from '../../src/core/keys.ts';
import type { LabelRequirement, StringMap } from '../../src/core/label-selector.ts';
import { firstFailure } from '../../src/core/label-selector.ts';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { shadowersOf, unreachableBy } from '../../src/lint/rule-reach.ts';
import { containment, contradictionIn } from '../../src/lint/selector-logic.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { aClusterView, NOW_MS } from '../support/cluster-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';

/** Few keys and values, so that requirements meet. */
const KEYS = ['a', 'b', 'kubernetes.io/metadata.name', 'imc-webhook/ignore', 'alibabacloud.com/acs'];
const VALUES = ['x', 'y', 'true', 'kube-system', 'team'];
const PIN = 'k8s.aliyun.com/eci-imc-id';
const LEGACY_PIN = 'k8s.aliyun.com/eci-image-snapshot-id';

function anyRequirement(): fc.Arbitrary<LabelRequirement> {
  const values = fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 3 });
  return fc
    .tuple(fc.constantFrom(...KEYS), fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'), values)
    .map(([key, operator, values]) => ({
      key,
      operator,
      values: operator === 'In' || operator === 'NotIn' ? values : [],
    }));
}

function anySelector(): fc.Arbitrary<ProfileRule['objectSelector']> {
  return fc.oneof(
    fc.constant(undefined),
    fc.array(anyRequirement(), { minLength: 1, maxLength: 4 }).map((requirements) => ({ requirements })),
  );
}

function anyRule(name: string): fc.Arbitrary<ProfileRule> {
  const annotations = fc.dictionary(fc.constantFrom(PIN, LEGACY_PIN, 'n'), fc.constantFrom('imc-ok', 'imc-late', ''), {
    maxKeys: 2,
  });
  const labels = fc.dictionary(fc.constantFrom('a', 'l', 'm'), fc.constantFrom('x', 'y'), { maxKeys: 2 });
  return fc
    .tuple(anySelector(), anySelector(), annotations, labels)
    .map(([namespaceSelector, objectSelector, annotations, labels]) => ({
      name,
      namespaceSelector,
      objectSelector,
      effect: { annotations: new Map(Object.entries(annotations)), labels: new Map(Object.entries(labels)) },
    }));
}

function anyLabels(): fc.Arbitrary<Record<string, string>> {
  return fc.dictionary(
    fc.constantFrom('a', 'b', 'imc-webhook/ignore', 'alibabacloud.com/acs'),
    fc.constantFrom(...VALUES),
  );
}

/** A namespace as the API server keeps them: its own name is among its labels. */
function anyNamespace(): fc.Arbitrary<{ name: string; labels: StringMap | undefined }> {
  return fc.tuple(fc.constantFrom('x', 'team', 'kube-system'), fc.option(anyLabels())).map(([name, labels]) => ({
    name,
    labels: labels === null ? undefined : new Map([...Object.entries(labels), ['kubernetes.io/metadata.name', name]]),
  }));
}

function anyPod(): fc.Arbitrary<object> {
  return fc
    .tuple(
      anyLabels(),
      fc.dictionary(fc.constantFrom(PIN, LEGACY_PIN, 'n'), fc.constantFrom('imc-ok', ''), { maxKeys: 1 }),
    )
    .map(([labels, annotations]) => ({
      metadata: { labels, annotations },
      spec: { containers: [{ image: 'nginx:1' }] },
    }));
}

const RUNS = { numRuns: 1000 };

describe('claims about selectors are never wrong', () => {
  it('no labels meet requirements that are called contradictory', () => {
    fc.assert(
      fc.property(fc.array(anyRequirement(), { maxLength: 5 }), anyLabels(), (requirements, labels) => {
        fc.pre(contradictionIn(requirements) !== undefined);
        expect(firstFailure({ requirements }, new Map(Object.entries(labels)))).toBeDefined();
      }),
      RUNS,
    );
  });

  it('labels that a selector takes are taken by every selector that is called wider', () => {
    fc.assert(
      fc.property(anySelector(), anySelector(), anyLabels(), (narrow, wide, labels) => {
        fc.pre(containment(narrow)(wide));
        const map = new Map(Object.entries(labels));
        if (narrow !== undefined && firstFailure(narrow, map) !== undefined) return;
        expect(wide && firstFailure(wide, map)).toBeUndefined();
      }),
      RUNS,
    );
  });

  it('and miss nothing: requirements that are not called contradictory are met by some labels', () => {
    fc.assert(
      fc.property(fc.array(anyRequirement(), { maxLength: 5 }), (requirements) => {
        fc.pre(contradictionIn(requirements) === undefined);
        const labels = new Map<string, string>();
        for (const { key, operator } of requirements) {
          if (operator !== 'In' && operator !== 'Exists') continue;
          const own = { requirements: requirements.filter((other) => other.key === key) };
          const value = [...VALUES, 'another'].find((text) => firstFailure(own, new Map([[key, text]])) === undefined);
          expect(value).toBeDefined();
          labels.set(key, value ?? '');
        }
        expect(firstFailure({ requirements }, labels)).toBeUndefined();
      }),
      RUNS,
    );
  });
});

describe('claims about rules are never wrong', () => {
  it('IMC109: a rule that is called unreachable applies to no pod that passes the gate', () => {
    fc.assert(
      fc.property(anyRule('r'), anyPod(), anyNamespace(), (rule, pod, namespace) => {
        fc.pre(unreachableBy(rule) !== undefined);
        const gate = passGate(decodePod(pod), eciProfileOf([rule]), {
          namespace: namespace.name,
          namespaceLabels: namespace.labels,
          ownNamespace: undefined,
          podScope: 'all',
        });
        expect(gate.open ? gate.rules : []).toEqual([]);
      }),
      RUNS,
    );
  });

  it('IMC110: a pod comes out the same without the effect of a rule that is called shadowed', () => {
    const caches = [
      anImageCache('ok').withId('imc-ok').holding('nginx:1'),
      anImageCache('late').withId('imc-late').inPhase('Creating', '5%').holding('nginx:1'),
    ];
    const cluster = aClusterView({ caches, namespaces: {} });
    const rules = fc.tuple(anyRule('first'), anyRule('second'), anyRule('third'));
    fc.assert(
      fc.property(rules, anyPod(), anyNamespace(), (rules, pod, namespace) => {
        const [first, second, third] = rules;
        fc.pre(shadowersOf(third, [first, second]).length > 0);
        const idle = { ...third, effect: { annotations: new Map(), labels: new Map() } };
        expect(written([...rules.slice(0, 2), idle])).toEqual(written(rules));

        function written(rules: readonly ProfileRule[]): unknown {
          const profile: EciProfile = eciProfileOf(rules);
          const namespaces = new Map(namespace.labels === undefined ? [] : [[namespace.name, namespace.labels]]);
          const decision = decide(decodePod(pod), namespace.name, {
            cluster: { ...cluster, profile, namespaces },
            settings: { ...DEFAULT_SETTINGS, podScope: 'all' },
            nowMs: NOW_MS,
            ownNamespace: undefined,
          });
          if (decision.kind === 'skip') return decision.reason;
          const annotations = new Map(decision.annotations);
          annotations.delete(DECISION_KEY);
          return { outcome: decision.outcome, annotations, labels: decision.labels };
        }
      }),
      RUNS,
    );
  });
});

describe('what is noticed', () => {
  const inValues = (key: string, ...values: string[]): LabelRequirement => ({ key, operator: 'In', values });
  const notIn = (key: string, ...values: string[]): LabelRequirement => ({ key, operator: 'NotIn', values });
  const exists = (key: string): LabelRequirement => ({ key, operator: 'Exists', values: [] });
  const absent = (key: string): LabelRequirement => ({ key, operator: 'DoesNotExist', values: [] });

  it.each<{ title: string; requirements: LabelRequirement[]; key: string | undefined }>([
    { title: 'nothing', requirements: [], key: undefined },
    { title: 'two values at once', requirements: [inValues('a', 'x'), inValues('a', 'y')], key: 'a' },
    { title: 'lists of values that share none', requirements: [inValues('a', 'x', 'y'), inValues('a', 'z')], key: 'a' },
    {
      title: 'lists of values that share one',
      requirements: [inValues('a', 'x', 'y'), inValues('a', 'y')],
      key: undefined,
    },
    {
      title: 'three lists that share none',
      requirements: [inValues('a', 'x', 'y'), inValues('a', 'y', 'z'), inValues('a', 'x', 'z')],
      key: 'a',
    },
    { title: 'there and not there', requirements: [exists('a'), absent('a')], key: 'a' },
    { title: 'a value, and not there', requirements: [absent('a'), inValues('a', 'x')], key: 'a' },
    { title: 'a value that is excluded', requirements: [inValues('a', 'x'), notIn('a', 'x', 'y')], key: 'a' },
    {
      title: 'values of which one is left',
      requirements: [inValues('a', 'x', 'z'), notIn('a', 'x', 'y')],
      key: undefined,
    },
    { title: 'not there, and not a value', requirements: [absent('a'), notIn('a', 'x')], key: undefined },
    { title: 'different keys', requirements: [exists('a'), absent('b')], key: undefined },
  ])('contradiction: $title', ({ requirements, key }) => {
    expect(contradictionIn(requirements)?.key).toBe(key);
  });

  it.each<{ title: string; narrow: LabelRequirement[]; wide: LabelRequirement[]; within: boolean }>([
    { title: 'the same', narrow: [inValues('a', 'x')], wide: [inValues('a', 'x')], within: true },
    { title: 'fewer values', narrow: [inValues('a', 'x')], wide: [inValues('a', 'x', 'y')], within: true },
    { title: 'more values', narrow: [inValues('a', 'x', 'y')], wide: [inValues('a', 'x')], within: false },
    { title: 'a value is there', narrow: [inValues('a', 'x')], wide: [exists('a')], within: true },
    { title: 'a value is none of others', narrow: [inValues('a', 'x')], wide: [notIn('a', 'y')], within: true },
    { title: 'what is not there has no value', narrow: [absent('a')], wide: [notIn('a', 'y')], within: true },
    { title: 'what is there may have the value', narrow: [exists('a')], wide: [notIn('a', 'y')], within: false },
    { title: 'more values excluded', narrow: [notIn('a', 'x', 'y')], wide: [notIn('a', 'y')], within: true },
    { title: 'more requirements', narrow: [exists('a'), exists('b')], wide: [exists('b')], within: true },
    { title: 'another key', narrow: [exists('a')], wide: [exists('b')], within: false },
  ])('within: $title ($within)', ({ narrow, wide, within }) => {
    expect(containment({ requirements: narrow })({ requirements: wide })).toBe(within);
  });

  it('a selector is within none, none is within no selector', () => {
    const selector = { requirements: [exists('a')] };
    expect(containment(selector)(undefined)).toBe(true);
    expect(containment(undefined)(undefined)).toBe(true);
    expect(containment(undefined)(selector)).toBe(false);
  });
});
