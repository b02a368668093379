import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEciProfile, readRules, selectorsOf } from '../../src/wire/eci-profile.ts';
import { ManifestError } from '../../src/wire/manifest-error.ts';

const KEY_PROBLEM = 'not a legal key: expected [prefix/]name of letters, digits, "-", "_" and "."';
const VALUE_PROBLEM = 'not a legal label value: at most 63 letters, digits, "-", "_" and "."';
const FORBIDDEN_PROBLEM = 'a rule must not set this key: it could make a pod invalid or hide it from the webhook';

function errorOf(selectors: string): ManifestError {
  try {
    decodeEciProfile(selectors);
  } catch (error) {
    if (error instanceof ManifestError) return error;
    throw error;
  }
  throw new Error('the text is valid');
}

function effect(parts: object): string {
  return JSON.stringify([{ name: 'r', effect: parts }]);
}

describe('valid texts', () => {
  it.each(['', ' ', '\n', '[]', ' [ ] '])('spec P6: %j has no rules', (text) => {
    expect(decodeEciProfile(text).rules).toEqual([]);
  });

  it('spec P1: a rule is read whole', () => {
    const [rule] = decodeEciProfile(
      JSON.stringify([
        {
          name: 'gpu',
          namespaceSelector: { matchLabels: { env: 'prod', team: '' } },
          objectSelector: {
            matchLabels: { app: 'web' },
            matchExpressions: [
              { key: 'a', operator: 'In', values: ['x', 'y'] },
              { key: 'b', operator: 'NotIn', values: ['z'] },
              { key: 'c', operator: 'Exists' },
              { key: 'd', operator: 'DoesNotExist', values: [] },
              { key: 'e', operator: 'Exists', values: null },
            ],
          },
          effect: { annotations: { 'Example.COM/any': 'any\ntext' }, labels: { tier: '' } },
        },
      ]),
    ).rules;
    expect(rule).toEqual({
      name: 'gpu',
      namespaceSelector: {
        requirements: [
          { key: 'env', operator: 'In', values: ['prod'] },
          { key: 'team', operator: 'In', values: [''] },
        ],
      },
      objectSelector: {
        requirements: [
          { key: 'app', operator: 'In', values: ['web'] },
          { key: 'a', operator: 'In', values: ['x', 'y'] },
          { key: 'b', operator: 'NotIn', values: ['z'] },
          { key: 'c', operator: 'Exists', values: [] },
          { key: 'd', operator: 'DoesNotExist', values: [] },
          { key: 'e', operator: 'Exists', values: [] },
        ],
      },
      effect: { annotations: new Map([['Example.COM/any', 'any\ntext']]), labels: new Map([['tier', '']]) },
    });
  });

  it.each([
    ['nothing but a name', { name: 'r' }],
    ['null for every part', { name: 'r', namespaceSelector: null, objectSelector: null, effect: null }],
    ['empty parts', { name: 'r', namespaceSelector: {}, objectSelector: {}, effect: {} }],
    [
      'empty lists and maps',
      { name: 'r', objectSelector: { matchLabels: {}, matchExpressions: [] }, effect: { labels: {}, annotations: {} } },
    ],
    [
      'null for lists and maps',
      {
        name: 'r',
        objectSelector: { matchLabels: null, matchExpressions: null },
        effect: { labels: null, annotations: null },
      },
    ],
    [
      'null for values',
      {
        name: 'r',
        objectSelector: { matchLabels: { a: null } },
        effect: { labels: { a: null }, annotations: { a: null } },
      },
    ],
  ])('spec P1: %s: null is absent, an empty selector is none', (_title, rule) => {
    expect(decodeEciProfile(JSON.stringify([rule])).rules).toEqual([
      {
        name: 'r',
        namespaceSelector: undefined,
        objectSelector: undefined,
        effect: { annotations: new Map(), labels: new Map() },
      },
    ]);
  });

  it('spec P5: unknown fields are ignored wherever they stand', () => {
    const text = JSON.stringify([
      { name: 'r', policy: 'fair', priority: 3, objectSelector: { extra: 1 }, effect: { nodeSelector: {} } },
    ]);
    expect(decodeEciProfile(text).rules).toHaveLength(1);
  });

  it('spec P3: rules keep their order', () => {
    const names = ['b', 'a', '10', '2', '__proto__'];
    expect(decodeEciProfile(JSON.stringify(names.map((name) => ({ name })))).rules.map(({ name }) => name)).toEqual(
      names,
    );
  });

  it.each([
    'k8s.aliyun.com/eci-imc-id',
    'k8s.aliyun.com/eci-auto-imc',
    'alibabacloud.com/eci',
    'kubernetes.io/config.source',
    'seccomp.example.com/x',
    'scheduler.alpha.kubernetes.io.example.com/x',
    'constructor',
  ])('spec P6: a rule may set %s', (key) => {
    const { rules } = decodeEciProfile(effect({ annotations: { [key]: 'x' }, labels: { [key]: 'x' } }));
    expect(rules[0]?.effect.annotations.get(key)).toBe('x');
    expect(rules[0]?.effect.labels.get(key)).toBe('x');
  });
});

describe('rejected texts', () => {
  it.each([
    ['an open brace', '{', 'line 1 column 2', '(close brace expected)'],
    ['an open bracket', '[\n\n', 'line 3 column 1', '(close bracket expected)'],
    ['a trailing comma', '[{"name":"a"},]', 'line 1 column 15', '(value expected)'],
    ['a comment', '[{"name":"a"} // why\n]', 'line 1 column 15', '(invalid comment token)'],
    ['something behind the end', '[]]', 'line 1 column 3', '(end of file expected)'],
    ['a word', 'nope', 'line 1 column 1', '(invalid symbol)'],
    [
      'a missing value on the third line',
      '[\n  {"name": "a",\n   "objectSelector": }\n]',
      'line 3 column 22',
      '(value expected)',
    ],
    ['a missing comma', '[{"name":"a"}\n {"name":"b"}]', 'line 2 column 2', '(comma expected)'],
    ['single quotes', "[{'name':'a'}]", 'line 1 column 3', '('],
  ])('spec P6: not JSON: %s', (_title, text, location, problem) => {
    const error = errorOf(text);
    expect(error).toMatchObject({ location, field: 'selectors' });
    expect(error.problem).toContain(`not valid JSON ${problem}`);
    expect(error.message).toBe(`${location}: selectors: ${error.problem}`);
  });

  it.each([
    ['an object', '{"rules":[]}', 'line 1 column 1', 'selectors', 'expected a list'],
    ['null', ' null', 'line 1 column 2', 'selectors', 'expected a list'],
    ['a text', '"[]"', 'line 1 column 1', 'selectors', 'expected a list'],
    ['a rule that is a text', '[{"name":"a"},\n"x"]', 'line 2 column 1', 'selectors[1]', 'expected an object'],
    ['a rule that is null', '[null]', 'line 1 column 2', 'selectors[0]', 'expected an object'],
    ['a rule that is a list', '[[]]', 'line 1 column 2', 'selectors[0]', 'expected an object'],
    ['no name', '[{"effect":{}}]', 'line 1 column 2', 'selectors[0].name', 'expected a text'],
    [
      'an empty name',
      '[\n{"name":""}]',
      'line 2 column 9',
      'selectors[0].name',
      'a rule needs a name that is not empty',
    ],
    ['a name of null', '[{"name":null}]', 'line 1 column 10', 'selectors[0].name', 'expected a text'],
    ['a name that is a number', '[{"name":7}]', 'line 1 column 10', 'selectors[0].name', 'expected a text'],
    [
      'a name that stands twice',
      '[{"name":"a"},{"name":"b"},\n{"name":"a"}]',
      'line 2 column 9',
      'selectors[2].name',
      'rule "a": another rule has the name "a"',
    ],
    [
      'an effect that is a text',
      '[{"name":"r","effect":"x"}]',
      'line 1 column 23',
      'selectors[0].effect',
      'rule "r": expected an object',
    ],
    [
      'an effect that is a list',
      '[{"name":"r","effect":[]}]',
      'line 1 column 23',
      'selectors[0].effect',
      'rule "r": expected an object',
    ],
    [
      'annotations that are a list',
      '[{"name":"r","effect":{"annotations":[]}}]',
      'line 1 column 38',
      'selectors[0].effect.annotations',
      'rule "r": expected an object of keys and texts',
    ],
    [
      'labels that are a text',
      '[{"name":"r","effect":{"labels":"x"}}]',
      'line 1 column 33',
      'selectors[0].effect.labels',
      'rule "r": expected an object of keys and texts',
    ],
    [
      'a selector that is a text',
      '[{"name":"r","namespaceSelector":"x"}]',
      'line 1 column 34',
      'selectors[0].namespaceSelector',
      'rule "r": expected an object',
    ],
    [
      'a selector that is a list',
      '[{"name":"r","objectSelector":[]}]',
      'line 1 column 31',
      'selectors[0].objectSelector',
      'rule "r": expected an object',
    ],
    [
      'matchLabels that are a list',
      '[{"name":"r","objectSelector":{"matchLabels":["a"]}}]',
      'line 1 column 46',
      'selectors[0].objectSelector.matchLabels',
      'rule "r": expected an object of keys and texts',
    ],
    [
      'a label value that is a number',
      '[{"name":"r","objectSelector":{"matchLabels":{"a":7}}}]',
      'line 1 column 51',
      'selectors[0].objectSelector.matchLabels.a',
      'rule "r": expected a text',
    ],
    [
      'an illegal label key',
      '[{"name":"r","objectSelector":{"matchLabels":{"a b":"x"}}}]',
      'line 1 column 53',
      'selectors[0].objectSelector.matchLabels["a b"]',
      `rule "r": ${KEY_PROBLEM}`,
    ],
    [
      'an illegal label value',
      '[{"name":"r","objectSelector":{"matchLabels":{"a":"b c"}}}]',
      'line 1 column 51',
      'selectors[0].objectSelector.matchLabels.a',
      `rule "r": ${VALUE_PROBLEM}`,
    ],
    [
      'matchExpressions that are an object',
      '[{"name":"r","objectSelector":{"matchExpressions":{}}}]',
      'line 1 column 51',
      'selectors[0].objectSelector.matchExpressions',
      'rule "r": expected a list',
    ],
    [
      'an expression that is a text',
      '[{"name":"r","objectSelector":{"matchExpressions":["a"]}}]',
      'line 1 column 52',
      'selectors[0].objectSelector.matchExpressions[0]',
      'rule "r": expected an object',
    ],
    [
      'a bad operator',
      '[{"name":"r","objectSelector":{"matchExpressions":[\n{"key":"a","operator":"in","values":["x"]}]}}]',
      'line 2 column 23',
      'selectors[0].objectSelector.matchExpressions[0].operator',
      'rule "r": expected one of In, NotIn, Exists, DoesNotExist',
    ],
    [
      'no operator',
      '[{"name":"r","objectSelector":{"matchExpressions":[{"key":"a"}]}}]',
      'line 1 column 52',
      'selectors[0].objectSelector.matchExpressions[0].operator',
      'rule "r": expected one of In, NotIn, Exists, DoesNotExist',
    ],
    [
      'no key',
      '[{"name":"r","objectSelector":{"matchExpressions":[{"operator":"Exists"}]}}]',
      'line 1 column 52',
      'selectors[0].objectSelector.matchExpressions[0].key',
      'rule "r": expected a text',
    ],
    [
      'an illegal key',
      '[{"name":"r","objectSelector":{"matchExpressions":[{"key":"a/b/c","operator":"Exists"}]}}]',
      'line 1 column 59',
      'selectors[0].objectSelector.matchExpressions[0].key',
      `rule "r": ${KEY_PROBLEM}`,
    ],
    [
      'In without values',
      '[{"name":"r","objectSelector":{"matchExpressions":[{"key":"a","operator":"In"}]}}]',
      'line 1 column 52',
      'selectors[0].objectSelector.matchExpressions[0].values',
      'rule "r": operator In needs at least one value',
    ],
    [
      'NotIn with an empty list',
      '[{"name":"r","objectSelector":{"matchExpressions":[{"key":"a","operator":"NotIn","values":[]}]}}]',
      'line 1 column 91',
      'selectors[0].objectSelector.matchExpressions[0].values',
      'rule "r": operator NotIn needs at least one value',
    ],
    [
      'Exists with values',
      '[{"name":"r","objectSelector":{"matchExpressions":[{"key":"a","operator":"Exists","values":["x"]}]}}]',
      'line 1 column 92',
      'selectors[0].objectSelector.matchExpressions[0].values',
      'rule "r": operator Exists takes no values',
    ],
    [
      'a value that is a number',
      '[{"name":"r","objectSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["x",7]}]}}]',
      'line 1 column 93',
      'selectors[0].objectSelector.matchExpressions[0].values[1]',
      'rule "r": expected a text',
    ],
    [
      'values that are a text',
      '[{"name":"r","objectSelector":{"matchExpressions":[{"key":"a","operator":"In","values":"x"}]}}]',
      'line 1 column 88',
      'selectors[0].objectSelector.matchExpressions[0].values',
      'rule "r": expected a list',
    ],
    [
      'an illegal value',
      '[{"name":"r","objectSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["x y"]}]}}]',
      'line 1 column 89',
      'selectors[0].objectSelector.matchExpressions[0].values[0]',
      `rule "r": ${VALUE_PROBLEM}`,
    ],
    [
      'an annotation that is a number',
      '[{"name":"r","effect":{"annotations":{"a":7}}}]',
      'line 1 column 43',
      'selectors[0].effect.annotations.a',
      'rule "r": expected a text',
    ],
    [
      'a label that is a boolean',
      '[{"name":"r","effect":{"labels":{"a":true}}}]',
      'line 1 column 38',
      'selectors[0].effect.labels.a',
      'rule "r": expected a text',
    ],
    [
      'an illegal annotation key',
      '[{"name":"r","effect":{"annotations":{"":"x"}}}]',
      'line 1 column 42',
      'selectors[0].effect.annotations[""]',
      `rule "r": ${KEY_PROBLEM}`,
    ],
    [
      'an illegal label of an effect',
      '[{"name":"r","effect":{"labels":{"a":"b c"}}}]',
      'line 1 column 38',
      'selectors[0].effect.labels.a',
      `rule "r": ${VALUE_PROBLEM}`,
    ],
    [
      'capitals in the prefix of a label',
      '[{"name":"r","effect":{"labels":{"A.com/b":"x"}}}]',
      'line 1 column 44',
      'selectors[0].effect.labels["A.com/b"]',
      `rule "r": ${KEY_PROBLEM}`,
    ],
    [
      'a key that every object has',
      '[{"name":"r","effect":{"annotations":{"__proto__":"x"}}}]',
      'line 1 column 51',
      'selectors[0].effect.annotations.__proto__',
      `rule "r": ${KEY_PROBLEM}`,
    ],
    [
      'the same in a selector',
      '[{"name":"r","objectSelector":{"matchLabels":{"__proto__":"x"}}}]',
      'line 1 column 59',
      'selectors[0].objectSelector.matchLabels.__proto__',
      `rule "r": ${KEY_PROBLEM}`,
    ],
  ])('spec P6: %s', (_title, text, location, field, problem) => {
    const { location: place, field: path, problem: what, message } = errorOf(text);
    expect({ place, path, what }).toEqual({ place: location, path: field, what: problem });
    expect(message).toBe(`${location}: ${field}: ${problem}`);
  });

  it.each([
    'kubernetes.io/config.mirror',
    'controller.kubernetes.io/pod-deletion-cost',
    'alibabacloud.com/acs',
    'imc-webhook/ignore',
    'imc-webhook/decision',
    'imc-webhook/anything',
    'scheduler.alpha.kubernetes.io/anything',
    'seccomp.security.alpha.kubernetes.io/pod',
    'container.seccomp.security.alpha.kubernetes.io/app',
    'container.apparmor.security.beta.kubernetes.io/app',
  ])('spec P6: a rule must not set %s', (key) => {
    for (const parts of [{ annotations: { [key]: 'x' } }, { labels: { [key]: 'x' } }]) {
      const error = errorOf(effect(parts));
      expect(error.problem).toBe(`rule "r": ${FORBIDDEN_PROBLEM}`);
      expect(error.field).toContain(key);
    }
  });

  it('spec P6: one error makes the whole text invalid', () => {
    expect(errorOf('[{"name":"good"},{"name":"bad","effect":7},{"name":"good too"}]').problem).toContain('rule "bad"');
  });

  it('spec P6: a text that is nested without end is rejected like any other', () => {
    for (const depth of [1_000, 200_000]) {
      expect(errorOf('['.repeat(depth))).toBeInstanceOf(ManifestError);
      expect(errorOf(`${'['.repeat(depth)}${']'.repeat(depth)}`)).toBeInstanceOf(ManifestError);
    }
  });

  it('spec P6: any text is read or rejected with a place and a field', () => {
    const texts = fc.oneof(
      fc.json(),
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify([{ name: 'r', effect: value, objectSelector: value }])),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          expect(decodeEciProfile(text).rules).toBeInstanceOf(Array);
        } catch (error) {
          if (!(error instanceof ManifestError)) throw error;
          expect(error.location).toMatch(/^line \d+ column \d+$/);
          expect(error.field).toMatch(/^selectors/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('places in files', () => {
  const path = ['data', 'selectors'];

  it('spec P6: a text that its file spells line by line is pointed into', () => {
    const origin = {
      file: 'profile.yaml',
      position: () => ({ line: 7, column: 14 }),
      positionIn: (_path: readonly (string | number)[], offset: number) => ({ line: 8, column: 5 + offset }),
    };
    expect(() => decodeEciProfile('[{"name":""}]', { origin, path })).toThrow(
      'profile.yaml:8:14: selectors[0].name: a rule needs a name that is not empty',
    );
  });

  it('spec P6: any other is pointed at, with the place in the text', () => {
    const origin = { file: 'profile.json', position: () => ({ line: 7, column: 14 }) };
    expect(() => decodeEciProfile('[\n{"name":""}]', { origin, path })).toThrow(
      'profile.json:7:14: line 2 column 9: selectors[0].name: a rule needs a name that is not empty',
    );
  });
});

describe('readRules', () => {
  it('finds all that is wrong, and the rules that are valid by themselves', () => {
    const { problems, rules } = readRules([
      { name: 'a', effect: { labels: { 'a b': 'c', d: 7, 'imc-webhook/x': 'y' } } },
      {
        name: 'b',
        objectSelector: {
          matchExpressions: [
            { key: 'k', operator: 'Is' },
            { key: 'k', operator: 'In' },
          ],
        },
      },
      { name: 'c' },
      { name: 'c', effect: {} },
      'rule',
      {},
    ]);
    expect(problems).toEqual([
      { kind: 'illegal', path: [0, 'effect', 'labels', 'a b'], at: 'key', problem: KEY_PROBLEM },
      { kind: 'shape', path: [0, 'effect', 'labels', 'd'], at: 'value', problem: 'expected a text' },
      { kind: 'forbidden', path: [0, 'effect', 'labels', 'imc-webhook/x'], at: 'key', problem: FORBIDDEN_PROBLEM },
      {
        kind: 'shape',
        path: [1, 'objectSelector', 'matchExpressions', 0, 'operator'],
        at: 'value',
        problem: 'expected one of In, NotIn, Exists, DoesNotExist',
      },
      {
        kind: 'shape',
        path: [1, 'objectSelector', 'matchExpressions', 1, 'values'],
        at: 'value',
        problem: 'operator In needs at least one value',
      },
      { kind: 'duplicate', path: [3, 'name'], at: 'value', problem: 'another rule has the name "c"' },
      { kind: 'shape', path: [4], at: 'value', problem: 'expected an object' },
      { kind: 'shape', path: [5, 'name'], at: 'value', problem: 'expected a text' },
    ]);
    expect(rules.map(({ index, rule }) => [index, rule.name])).toEqual([
      [2, 'c'],
      [3, 'c'],
    ]);
  });

  it('what is no list has no rules', () => {
    expect(readRules({})).toEqual({
      problems: [{ kind: 'shape', path: [], at: 'value', problem: 'expected a list' }],
      rules: [],
    });
  });
});

describe('selectorsOf', () => {
  it.each([
    ['no data', {}, undefined],
    ['null for data', { data: null }, undefined],
    ['other keys', { data: { vpcId: 'x' } }, undefined],
    ['null', { data: { selectors: null } }, undefined],
    ['an empty text', { data: { selectors: '' } }, ''],
    ['a text', { data: { selectors: '[]' } }, '[]'],
  ])('spec P6: %s', (_title, configMap, text) => {
    expect(selectorsOf(configMap)).toBe(text);
  });

  it('spec P6: a list instead of a text is an error that says so', () => {
    expect(() => selectorsOf({ data: { selectors: [] } })).toThrow(
      'data.selectors: expected a text that holds a JSON array of rules',
    );
  });
});
