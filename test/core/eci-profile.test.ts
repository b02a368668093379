import { describe, expect, it } from 'vitest';
import type { ProfileRule } from '../../src/core/eci-profile.ts';
import { EMPTY_PROFILE, eciProfileOf, evaluateRule, hasSelector } from '../../src/core/eci-profile.ts';
import { decodeEciProfile } from '../../src/wire/eci-profile.ts';

function ruleOf(rule: object): ProfileRule {
  const [decoded] = decodeEciProfile(JSON.stringify([{ name: 'it', ...rule }])).rules;
  if (decoded === undefined) throw new Error('the text holds one rule');
  return decoded;
}

const WEB = { matchLabels: { app: 'web' } };
const PROD = { matchLabels: { env: 'prod' } };

describe('evaluateRule', () => {
  it.each([
    ['no selector matches every pod', {}, {}, {}, true],
    ['an object selector looks at the pod', { objectSelector: WEB }, { app: 'web' }, {}, true],
    ['an object selector does not look at the namespace', { objectSelector: WEB }, {}, { app: 'web' }, false],
    ['a namespace selector looks at the namespace', { namespaceSelector: PROD }, {}, { env: 'prod' }, true],
    ['a namespace selector does not look at the pod', { namespaceSelector: PROD }, { env: 'prod' }, {}, false],
    ['both must match', { namespaceSelector: PROD, objectSelector: WEB }, { app: 'web' }, { env: 'prod' }, true],
    ['the namespace alone is not enough', { namespaceSelector: PROD, objectSelector: WEB }, {}, { env: 'prod' }, false],
    ['the pod alone is not enough', { namespaceSelector: PROD, objectSelector: WEB }, { app: 'web' }, {}, false],
    ['an empty selector is none', { namespaceSelector: {}, objectSelector: WEB }, { app: 'web' }, {}, true],
  ])('spec P2: %s', (_title, rule, labels, namespaceLabels, matched) => {
    const evaluation = evaluateRule(ruleOf(rule), mapOf(labels), mapOf(namespaceLabels));
    expect(evaluation.matched).toBe(matched);
  });

  it('spec P2: what failed first is told, the namespace before the pod', () => {
    const rule = ruleOf({ namespaceSelector: PROD, objectSelector: WEB });
    expect(evaluateRule(rule, new Map(), new Map())).toEqual({
      rule,
      matched: false,
      failed: { selector: 'namespaceSelector', requirement: { key: 'env', operator: 'In', values: ['prod'] } },
    });
    expect(evaluateRule(rule, new Map(), mapOf({ env: 'prod' }))).toEqual({
      rule,
      matched: false,
      failed: { selector: 'objectSelector', requirement: { key: 'app', operator: 'In', values: ['web'] } },
    });
  });

  it('spec G6: without the namespace no rule with a namespaceSelector matches', () => {
    const negative = { matchExpressions: [{ key: 'env', operator: 'DoesNotExist' }] };
    const rule = ruleOf({ namespaceSelector: negative });
    expect(evaluateRule(rule, new Map(), undefined)).toEqual({ rule, matched: false, failed: 'unknown-namespace' });
    expect(evaluateRule(rule, new Map(), new Map()).matched).toBe(true);
  });

  it('spec G6: without the namespace other rules match all the same', () => {
    expect(evaluateRule(ruleOf({ objectSelector: WEB }), mapOf({ app: 'web' }), undefined).matched).toBe(true);
    expect(evaluateRule(ruleOf({}), new Map(), undefined).matched).toBe(true);
    expect(evaluateRule(ruleOf({ namespaceSelector: {} }), new Map(), undefined).matched).toBe(true);
  });

  function mapOf(labels: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
    return new Map(Object.entries(labels));
  }
});

describe('hasSelector', () => {
  it.each([
    ['no selector', {}, false],
    ['null', { namespaceSelector: null, objectSelector: null }, false],
    ['an empty selector', { objectSelector: {} }, false],
    ['empty lists', { objectSelector: { matchLabels: {}, matchExpressions: [] } }, false],
    ['a namespace selector', { namespaceSelector: PROD }, true],
    ['an object selector', { objectSelector: WEB }, true],
  ])('spec P2: %s', (_title, rule, has) => {
    expect(hasSelector(ruleOf(rule))).toBe(has);
  });
});

describe('eciProfileOf', () => {
  it('spec M11: the keys of all effects are known', () => {
    const profile = eciProfileOf([
      ruleOf({ effect: { annotations: { 'example.com/a': '1' }, labels: { tier: 'x' } } }),
      ruleOf({ effect: { annotations: { 'example.com/a': '2', 'example.com/b': '3' } } }),
      ruleOf({}),
    ]);
    expect([...profile.effectAnnotations]).toEqual(['example.com/a', 'example.com/b']);
    expect([...profile.effectLabels]).toEqual(['tier']);
  });

  it('spec P6: without an eci-profile there are no rules', () => {
    expect(EMPTY_PROFILE.rules).toEqual([]);
  });
});
