import { describe, expect, it } from 'vitest';
import { brief, lintText } from './lint-files.ts';

/** A profile whose text starts on line 6, four blanks in. */
function profile(text: string): string {
  const lines = text.split('\n').map((line) => `    ${line}\n`);
  return `apiVersion: v1
kind: ConfigMap
metadata: {name: eci-profile, namespace: kube-system}
data:
  selectors: |
${lines.join('')}`;
}

/** Findings in a profile of these rules, one a line from line 7 on. */
function findingsIn(...rules: readonly (object | string)[]): readonly string[] {
  const texts = rules.map((rule) => (typeof rule === 'string' ? rule : JSON.stringify(rule)));
  return brief(lintText(profile(`[\n${texts.join(',\n')}\n]`)));
}

/** The codes found and the lines they are on. */
function codesIn(...rules: readonly object[]): readonly string[] {
  return findingsIn(...rules).map((line) => line.replace(/^(\d+):\d+ (IMC\d+) .*/, '$1 $2'));
}

const effect = { labels: { x: 'y' } };
const app = (value: string): object => ({ matchLabels: { app: value } });

describe('what makes the selectors text invalid (spec P6): everything is found, at its place', () => {
  it('all problems of a profile at once', () => {
    expect(
      findingsIn(
        '{"name": "a", "objectSelector": {"matchLabels": {"app": "a b"}}, "effect": {"labels": {"b c": "d"}}}',
        '{"name": "a", "effect": {"annotations": {"imc-webhook/x": "y", "n": 7}}}',
        '{"name": "", "objectSelector": {"matchExpressions": [{"key": "k", "operator": "Is"}]}, "effect": {"labels": {}}}',
        '7',
      ),
    ).toEqual([
      '7:61 IMC103 rule "a", objectSelector.matchLabels.app: not a legal label value: at most 63 letters, digits, "-", "_" and "."',
      '7:92 IMC103 rule "a", effect.labels.b c: not a legal key: expected [prefix/]name of letters, digits, "-", "_" and "."',
      '8:14 IMC104 rule "a", name: another rule has the name "a"',
      '8:46 IMC105 rule "a", effect.annotations.imc-webhook/x: a rule must not set this key: it could make a pod invalid or hide it from the webhook',
      '8:73 IMC102 rule "a", effect.annotations.n: expected a text',
      '9:14 IMC102 rule 3, name: a rule needs a name that is not empty',
      '9:83 IMC102 rule 3, objectSelector.matchExpressions.0.operator: expected one of In, NotIn, Exists, DoesNotExist',
      '10:5 IMC102 rule 4: expected an object',
    ]);
  });

  it.each([
    ['{}', '6:5 IMC102 selectors: expected a list'],
    [
      '[,]',
      '6:6 IMC101 not valid JSON (value expected): expected an array of rules without comments or trailing commas',
    ],
    ['[] # none', /^6:8 IMC101 not valid JSON/],
    ['[\n  {"name": "a"', /^8:1 IMC101 not valid JSON/],
    [
      '[{"name": "a", "effect": {"labels": {"__proto__": "x"}}}]',
      /^6:42 IMC103 rule "a", effect\.labels\.__proto__: not a legal key/,
    ],
  ])('%j', (text, finding) => {
    expect(brief(lintText(profile(text)))).toEqual([
      typeof finding === 'string' ? finding : expect.stringMatching(finding),
    ]);
  });

  it('a value that is no text', () => {
    const text =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: eci-profile, namespace: kube-system}\ndata: {selectors: []}\n';
    expect(brief(lintText(text))).toEqual([
      '4:19 IMC004 in data the value of selectors is a list, not a text',
      '4:19 IMC102 data.selectors: expected a text that holds a JSON array of rules',
    ]);
  });

  it('points into texts in quotes, folded blocks and JSON, too', () => {
    const rules =
      '[{"name": "a", "policy": 1, "objectSelector": {"matchLabels": {"k": "v"}}, "effect": {"labels": {"x": "y"}}}]';
    const start = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: eci-profile, namespace: kube-system}\ndata:\n';
    const json = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'eci-profile', namespace: 'kube-system' } };
    const column = rules.indexOf('"policy"') + 1;
    const message = 'IMC107 rule "a": the field policy is not known and ignored';
    expect(brief(lintText(`${start}  selectors: '${rules}'\n`))).toEqual([`5:${column + 14} ${message}`]);
    expect(brief(lintText(`${start}  selectors: >-\n    ${rules}\n`))).toEqual([`6:${column + 4} ${message}`]);
    const text = JSON.stringify({ ...json, data: { selectors: rules } });
    expect(brief(lintText(text))).toEqual([`1:${text.indexOf('\\"policy') + 1} ${message}`]);
  });
});

describe('no rules, no findings (spec P6)', () => {
  it.each(['""', "' '", "'[]'", '', 'null'])('selectors: %s', (value) => {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: eci-profile, namespace: kube-system}\ndata:\n  selectors: ${value}\n`;
    expect(lintText(text).filter(({ code }) => code !== 'IMC004')).toEqual([]);
  });

  it('an eci-profile of another namespace without rules', () => {
    expect(lintText('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: eci-profile}\ndata: {vpcId: a}\n')).toEqual([]);
  });
});

describe('fields that are not known (spec P5)', () => {
  it.each([
    { rule: { name: 'a', objectSelector: app('a'), effect, policy: 1 }, field: 'policy' },
    { rule: { name: 'a', objectSelector: { ...app('a'), matchLabel: {} }, effect }, field: 'matchLabel' },
    { rule: { name: 'a', namespaceSelector: { ...app('a'), any: 1 }, effect }, field: 'any' },
    { rule: { name: 'a', objectSelector: app('a'), effect: { ...effect, annotation: {} } }, field: 'annotation' },
    {
      rule: { name: 'a', objectSelector: { matchExpressions: [{ key: 'k', operator: 'Exists', value: 'x' }] }, effect },
      field: 'value',
    },
  ])('$field', ({ rule, field }) => {
    const found = findingsIn(rule);
    expect(found).toEqual([
      expect.stringMatching(new RegExp(`IMC107 .*: the field ${field} is not known and ignored$`)),
    ]);
    const column = Number(/:(\d+)/.exec(found[0] ?? '')?.[1]);
    expect(JSON.stringify(rule).slice(column - 5)).toMatch(new RegExp(`^"${field}"`));
  });
});

describe('rules by themselves', () => {
  it.each<{ title: string; rule: object; codes: string[] }>([
    { title: 'a good one', rule: { name: 'a', objectSelector: app('a'), effect }, codes: [] },
    { title: 'no effect (P1)', rule: { name: 'a', objectSelector: app('a') }, codes: ['7 IMC106'] },
    {
      title: 'an empty effect',
      rule: { name: 'a', objectSelector: app('a'), effect: { labels: {} } },
      codes: ['7 IMC106'],
    },
    {
      title: 'an effect of nulls (P1)',
      rule: { name: 'a', objectSelector: app('a'), effect: { labels: { x: null } } },
      codes: ['7 IMC106'],
    },
    { title: 'no selector (P2)', rule: { name: 'a', effect }, codes: ['7 IMC108'] },
    {
      title: 'empty selectors (P2)',
      rule: { name: 'a', objectSelector: {}, namespaceSelector: { matchLabels: {} }, effect },
      codes: ['7 IMC108'],
    },
    { title: 'a selector on the namespace only', rule: { name: 'a', namespaceSelector: app('a'), effect }, codes: [] },
    {
      title: 'contradictory requirements',
      rule: {
        name: 'a',
        objectSelector: { ...app('a'), matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] },
        effect,
      },
      codes: ['7 IMC109'],
    },
    {
      title: 'requirements of two selectors do not meet',
      rule: { name: 'a', objectSelector: app('a'), namespaceSelector: app('b'), effect },
      codes: [],
    },
    {
      title: 'a system namespace (G3)',
      rule: { name: 'a', namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-public' } }, effect },
      codes: ['7 IMC109'],
    },
    {
      title: 'a system namespace or another',
      rule: {
        name: 'a',
        namespaceSelector: {
          matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['kube-system', 'web'] }],
        },
        effect,
      },
      codes: [],
    },
    {
      title: 'pods on ACS (G3)',
      rule: { name: 'a', objectSelector: { matchLabels: { 'alibabacloud.com/acs': 'true' } }, effect },
      codes: ['7 IMC109'],
    },
    {
      title: 'pods to be ignored (G3)',
      rule: { name: 'a', objectSelector: { matchLabels: { 'imc-webhook/ignore': 'true' } }, effect },
      codes: ['7 IMC109'],
    },
    {
      title: 'pods not to be ignored',
      rule: { name: 'a', objectSelector: { matchLabels: { 'imc-webhook/ignore': 'false' } }, effect },
      codes: [],
    },
    {
      title: 'an effect with a bad value (M10)',
      rule: {
        name: 'a',
        objectSelector: app('a'),
        effect: { annotations: { 'k8s.aliyun.com/eci-auto-imc': 'on', 'k8s.aliyun.com/imc-match-count-request': '0' } },
      },
      codes: ['7 IMC302', '7 IMC302'],
    },
    {
      title: 'an effect with an older key',
      rule: {
        name: 'a',
        objectSelector: app('a'),
        effect: { annotations: { 'k8s.aliyun.com/eci-image-cache': 'true' } },
      },
      codes: ['7 IMC303'],
    },
    {
      title: 'an effect with a pin, automatic mode and a restriction',
      rule: {
        name: 'a',
        objectSelector: app('a'),
        effect: {
          annotations: {
            'k8s.aliyun.com/eci-imc-id': 'imc-1',
            'k8s.aliyun.com/eci-auto-imc': 'true',
            'k8s.aliyun.com/imc-perfect-match': 'true',
          },
        },
      },
      codes: ['7 IMC307', '7 IMC308'],
    },
  ])('$title', ({ rule, codes }) => {
    expect(codesIn(rule)).toEqual(codes);
  });
});

describe('rules that earlier ones leave nothing to (spec P3)', () => {
  const pin = (id: string): object => ({ annotations: { 'k8s.aliyun.com/eci-imc-id': id } });
  const first = { name: 'a', objectSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, effect };

  it.each<{ title: string; rules: object[]; shadowed: boolean }>([
    {
      title: 'a narrower selector and the same key',
      rules: [first, { name: 'b', objectSelector: app('a'), effect: { labels: { x: 'z' } } }],
      shadowed: true,
    },
    {
      title: 'a wider selector',
      rules: [
        { ...first, objectSelector: app('a') },
        { ...first, name: 'b' },
      ],
      shadowed: false,
    },
    {
      title: 'one key more',
      rules: [first, { name: 'b', objectSelector: app('a'), effect: { labels: { x: 'z', w: 'v' } } }],
      shadowed: false,
    },
    {
      title: 'an annotation instead of a label',
      rules: [first, { name: 'b', objectSelector: app('a'), effect: { annotations: { x: 'z' } } }],
      shadowed: false,
    },
    {
      title: 'keys that two earlier rules set',
      rules: [
        first,
        { name: 'b', namespaceSelector: app('n'), effect: { annotations: { y: '1' } } },
        {
          name: 'c',
          namespaceSelector: app('n'),
          objectSelector: app('a'),
          effect: { labels: { x: '2' }, annotations: { y: '2' } },
        },
      ],
      shadowed: true,
    },
    {
      title: 'a namespaceSelector that only the earlier rule has',
      rules: [
        { ...first, namespaceSelector: app('n') },
        { name: 'b', objectSelector: app('a'), effect },
      ],
      shadowed: false,
    },
    {
      title: 'the same pin',
      rules: [
        { ...first, effect: pin('imc-1') },
        { name: 'b', objectSelector: app('a'), effect: pin('imc-1') },
      ],
      shadowed: true,
    },
    {
      title: 'another pin, which counts while the first does not work (P4)',
      rules: [
        { ...first, effect: pin('imc-1') },
        { name: 'b', objectSelector: app('a'), effect: pin('imc-2') },
      ],
      shadowed: false,
    },
    { title: 'no effect of its own', rules: [first, { name: 'b', objectSelector: app('a') }], shadowed: false },
  ])('$title ($shadowed)', ({ rules, shadowed }) => {
    const last = 6 + rules.length;
    expect(codesIn(...rules).includes(`${last} IMC110`)).toBe(shadowed);
  });

  it('names those rules', () => {
    expect(findingsIn(first, { name: 'b', objectSelector: app('a'), effect })).toEqual([
      '8:62 IMC110 rule "b" adds nothing: whenever it matches, so does "a", before it and with the same keys',
    ]);
  });
});

describe('rules beside Namespaces', () => {
  const namespace = (name: string, labels = '{}'): string =>
    `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: ${labels}}\n`;
  const rule = { name: 'a', namespaceSelector: app('n'), effect };
  const byName = { name: 'a', namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'web' } }, effect };
  const found = (rule: object, ...namespaces: readonly string[]): readonly string[] =>
    lintText([profile(JSON.stringify([rule])), ...namespaces].join('---\n')).map(({ code }) => code);

  it.each<{ title: string; codes: readonly string[]; expected: string[] }>([
    { title: 'none given: nothing is said', codes: found(rule), expected: [] },
    {
      title: 'none of them matches',
      codes: found(rule, namespace('x'), namespace('z', '{app: m}')),
      expected: ['IMC111'],
    },
    { title: 'one matches', codes: found(rule, namespace('x'), namespace('z', '{app: "n"}')), expected: [] },
    {
      title: 'by name, which need not be a label in the file (G6)',
      codes: found(byName, namespace('web')),
      expected: [],
    },
    { title: 'by a name that is not among them', codes: found(byName, namespace('shop')), expected: ['IMC111'] },
    {
      title: 'without a namespaceSelector',
      codes: found({ name: 'a', objectSelector: app('n'), effect }, namespace('x')),
      expected: [],
    },
  ])('$title', ({ codes, expected }) => {
    expect(codes).toEqual(expected);
  });

  it('those of --dir count', () => {
    expect(lintText(profile(JSON.stringify([rule])), namespace('x')).map(({ code }) => code)).toEqual(['IMC111']);
  });
});

describe('an eci-profile where nobody reads it', () => {
  it.each([
    { metadata: '{name: eci-profile, namespace: kube-system}', found: [] },
    {
      metadata: '{name: eci-profile, namespace: web}',
      found: ['3:42 IMC112 this eci-profile stands in web; only the one in kube-system is read'],
    },
    {
      metadata: '{name: eci-profile}',
      found: ['3:18 IMC112 this eci-profile names no namespace; only the one in kube-system is read'],
    },
    { metadata: '{name: eci-profil, namespace: web}', found: [] },
  ])('$metadata', ({ metadata, found }) => {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: ${metadata}\ndata:\n  selectors: "[]"\n`;
    expect(brief(lintText(text))).toEqual(found);
  });
});
