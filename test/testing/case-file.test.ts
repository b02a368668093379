import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CASE_FILE_SCHEMA } from '../../src/testing/case-schema.ts';
import { A_POD, aDocument, aDocumentWith, problemsOf, read } from './cases.ts';

describe('a case file that can be used', () => {
  it('holds documents, each with its cases, settings and time', () => {
    const text = [
      aDocument({ metadata: { name: 'one' }, now: '2026-01-01T00:00:00+01:00', config: { partialMatch: 'delegate' } }),
      aDocument({ metadata: { name: 'two' } }),
    ].join('\n---\n');
    const { suites, problems } = read(text);
    expect(problems).toEqual([]);
    expect(suites.map(({ name, document, nowMs }) => ({ name, document, nowMs }))).toEqual([
      { name: 'one', document: 0, nowMs: Date.parse('2025-12-31T23:00:00Z') },
      { name: 'two', document: 1, nowMs: undefined },
    ]);
    expect(suites[0]?.settings).toMatchObject({ partialMatch: 'delegate', mode: 'enforce' });
    expect(suites[1]?.settings).toMatchObject({ partialMatch: 'auto' });
  });

  it.each([
    { title: 'a path', pod: 'pod.yaml' },
    { title: 'one pod of a file', pod: { file: 'pods.yaml', name: 'Deployment/web' } },
    { title: 'an object', pod: A_POD },
  ])('may say which pod as $title', ({ pod }) => {
    expect(problemsOf(aDocumentWith({ pod }))).toEqual([]);
  });

  it.each([
    { title: 'an outcome', expected: { outcome: 'NoMatch' } },
    { title: 'that no warning comes', expected: { warnings: [] } },
    { title: 'that no rule matches', expected: { rules: [] } },
    { title: 'that no image is missing', expected: { missing: [] } },
    { title: 'that nothing is added', expected: { exact: true } },
    { title: 'that the pod is admitted', expected: { allowed: true } },
    { title: 'a key that is not there', expected: { absent: ['k8s.aliyun.com/eci-imc-id'] } },
    { title: 'a refusal and its message', expected: { allowed: false, outcome: 'PinNotReady', message: 'Wait' } },
    {
      title: 'everything of the contract at once (spec section 8)',
      expected: {
        allowed: true,
        outcome: 'CompleteMatch',
        annotations: { 'k8s.aliyun.com/eci-imc-id': 'imc-a' },
        labels: {},
        absent: [],
        warnings: ['regex'],
        creates: false,
      },
    },
  ])('may expect $title', ({ expected }) => {
    expect(problemsOf(aDocumentWith({ expect: expected }))).toEqual([]);
  });

  it('may leave the expectations to be written', () => {
    for (const definition of [{ expect: {} }, { expect: undefined }, { expect: { labels: {}, absent: [] } }]) {
      expect(read(aDocumentWith(definition), { mayExpectNothing: true }).problems).toEqual([]);
    }
  });

  it('has a JSON Schema that describes every key', () => {
    const schema = z.toJSONSchema(CASE_FILE_SCHEMA) as unknown as {
      // the shape of a schema of an object
      properties: {
        cases: { items: { properties: { expect: { properties: Record<string, { description?: string }> } } } };
      };
    };
    const { properties } = schema.properties.cases.items.properties.expect;
    for (const [key, { description }] of Object.entries(properties)) expect(description, key).toMatch(/\.$/);
    expect(schema).toMatchObject({
      additionalProperties: false,
      required: ['apiVersion', 'kind', 'metadata', 'cases'],
    });
  });
});

describe('a case file that cannot be used: every problem with place, field and what to do', () => {
  it.each<{ title: string; text: string; says: RegExp }>([
    {
      title: 'no document',
      text: '# nothing\n',
      says: /^web\.imctest\.yaml: there is no case in this file; expected apiV/,
    },
    {
      title: 'another kind',
      text: 'apiVersion: v1\nkind: Pod\n',
      says: /:1:13: apiVersion: expected imc-webhook\/v1, not "v1"\n.*:2:7: kind: expected AdmissionTest, not "Pod"$/,
    },
    {
      title: 'a version to come',
      text: aDocument({ apiVersion: 'imc-webhook/v2' }),
      says: /apiVersion: expected imc-webhook\/v1, not "imc-webhook\/v2"/,
    },
    { title: 'no name', text: aDocument({ metadata: {} }), says: /metadata\.name: is missing; expected a text$/ },
    {
      title: 'an unknown key',
      text: aDocument({ resource: ['a'] }),
      says: /:1:\d+: resource: unknown key; did you mean resources\?$/,
    },
    {
      title: 'an unknown key of a case',
      text: aDocumentWith({ namespaces: 'a' }),
      says: /cases\[0\]\.namespaces: unknown key; did you mean namespace\?$/,
    },
    {
      title: 'an unknown expectation',
      text: aDocumentWith({ expect: { outcom: 'NoMatch' } }),
      says: /cases\[0\]\.expect\.outcom: unknown key; did you mean outcome\?$/,
    },
    {
      title: 'a key that hides from objects',
      text: '{"apiVersion":"imc-webhook/v1","kind":"AdmissionTest","metadata":{"name":"a"},"cases":[{"name":"a","pod":"b","expect":{"labels":{"__proto__":"x"}}}]}',
      says: /expect\.labels\.__proto__: no key can have this name; remove it$/,
    },
    { title: 'no case', text: aDocument({ cases: [] }), says: /cases: expected at least one case$/ },
    { title: 'cases that are no list', text: aDocument({ cases: {} }), says: /cases: expected a list, not a mapping$/ },
    {
      title: 'a case that expects nothing',
      text: aDocumentWith({ expect: {} }),
      says: /cases\[0\]\.expect: the case expects nothing; name an outcome, or let imc test --update write/,
    },
    {
      title: 'a case that only seems to expect something',
      text: aDocumentWith({ expect: { labels: {}, annotations: {}, absent: [], exact: false } }),
      says: /the case expects nothing/,
    },
    {
      title: 'an expectation without a value',
      text: aDocumentWith({ expect: { outcome: null } }),
      says: /expect\.outcome: expected one of .*, not nothing; give a value or remove the key$/,
    },
    {
      title: 'two cases of one name',
      text: aDocument({ cases: [1, 2].map(() => ({ name: 'a', pod: 'b', expect: { outcome: 'NoMatch' } })) }),
      says: /cases\[1\]\.name: another case of this document has the same name/,
    },
    {
      title: 'two documents of one name',
      text: `${aDocument({})}\n---\n${aDocument({})}`,
      says: /:3:\d+: metadata\.name: another document of this file has the same name/,
    },
    {
      title: 'a misspelt outcome',
      text: aDocumentWith({ expect: { outcome: 'CompletMatch' } }),
      says: /outcome: expected one of .*, not "CompletMatch"; did you mean CompleteMatch\?$/,
    },
    {
      title: 'an outcome that no case can have',
      text: aDocumentWith({ expect: { outcome: 'NotSynced' } }),
      says: /the outcome NotSynced cannot come about in a case/,
    },
    {
      title: 'a reason that no case can have',
      text: aDocumentWith({ expect: { outcome: 'Skipped', reason: 'OwnNamespace' } }),
      says: /the reason OwnNamespace cannot come about in a case/,
    },
    {
      title: 'a reason without being skipped',
      text: aDocumentWith({ expect: { outcome: 'NoMatch', reason: 'NotEci' } }),
      says: /expect\.reason: only the outcome Skipped has a reason/,
    },
    {
      title: 'rules of a pod that is skipped',
      text: aDocumentWith({ expect: { outcome: 'Skipped', rules: [] } }),
      says: /expect\.rules: the outcome Skipped names none; remove it$/,
    },
    {
      title: 'a message without a refusal',
      text: aDocumentWith({ expect: { message: 'a' } }),
      says: /expect\.message: only a refusal has a message; say allowed: false as well$/,
    },
    {
      title: 'annotations of a refused pod',
      text: aDocumentWith({ expect: { allowed: false, annotations: { a: 'b' } } }),
      says: /expect\.annotations: a refused pod has none; remove it$/,
    },
    {
      title: 'a refusal that cannot be',
      text: aDocumentWith({ expect: { allowed: false, outcome: 'NoMatch' } }),
      says: /expect\.outcome: only PinNotReady can be refused, never NoMatch$/,
    },
    {
      title: 'a key that is expected and expected to be absent',
      text: aDocumentWith({ expect: { labels: { a: 'b' }, absent: ['a'] } }),
      says: /expect\.absent\[0\]: the same key is expected among labels; choose one$/,
    },
    {
      title: 'a value that YAML makes a truth value of',
      text: aDocumentWith({ expect: { annotations: { a: true } } }),
      says: /expect\.annotations\.a: expected a text, not true; put it in quotes: "true"$/,
    },
    {
      title: 'an annotation that cannot be',
      text: aDocumentWith({ expect: { annotations: { 'a b': 'c' } } }),
      says: /expect\.annotations\["a b"\]: no annotation or label can have this key/,
    },
    {
      title: 'a label value that cannot be',
      text: aDocumentWith({ expect: { labels: { a: 'b c' } } }),
      says: /expect\.labels\.a: no label can have this value/,
    },
    {
      title: 'a warning that is no regular expression',
      text: aDocumentWith({ expect: { warnings: ['('] } }),
      says: /expect\.warnings\[0\]: not a regular expression: Unterminated group; put a \\ before/,
    },
    {
      title: 'a warning that anything matches',
      text: aDocumentWith({ expect: { warnings: ['.*'] } }),
      says: /expect\.warnings\[0\]: this regular expression matches anything/,
    },
    {
      title: 'a time that is none',
      text: aDocument({ now: 'yesterday' }),
      says: /:1:\d+: now: expected an RFC 3339 time such as 2026-01-01T00:00:00Z$/,
    },
    {
      title: 'a pod that is a number',
      text: aDocumentWith({ pod: 1 }),
      says: /cases\[0\]\.pod: expected a file beside this one, \{file, name\} for one pod of several, or the object/,
    },
    { title: 'no pod', text: aDocumentWith({ pod: undefined }), says: /cases\[0\]\.pod: is missing; expected a file/ },
    {
      title: 'a namespace that cannot be',
      text: aDocumentWith({ namespace: 'Web' }),
      says: /cases\[0\]\.namespace: no namespace can have this name/,
    },
    {
      title: 'namespace labels that cannot be',
      text: aDocumentWith({ namespaceLabels: { team: 'a b' } }),
      says: /cases\[0\]\.namespaceLabels\.team: no label can have this value/,
    },
    {
      title: 'an operation there is not',
      text: aDocumentWith({ operation: 'PATCH' }),
      says: /cases\[0\]\.operation: expected one of CREATE, UPDATE, DELETE, CONNECT, not "PATCH"$/,
    },
    {
      title: 'a setting there is not',
      text: aDocument({ config: { partialMath: 'pin' } }),
      says: /:1:\d+: config\.partialMath: unknown setting; did you mean partialMatch\?$/,
    },
    {
      title: 'a value that a setting does not take',
      text: aDocument({ config: { controller: { driver: 'extern' } } }),
      says: /config\.controller\.driver: expected external, simulated or eci, not "extern"/,
    },
    {
      title: 'a setting that no answer depends on',
      text: aDocument({ config: { port: 1, log: { level: 'debug' } } }),
      says: /config\.port: no answer depends on this setting; remove it\n.*config\.log\.level: no answer depends/,
    },
    {
      title: 'a setting of automatic creation, which comes after the answer',
      text: aDocument({ config: { autoCreate: { deny: ['docker.io/*'], mutableTags: ['edge'] } } }),
      says: /^[^\n]*config\.autoCreate\.deny: no answer depends on this setting; remove it$/,
    },
    {
      title: 'a settings file that is not there',
      text: aDocument({ config: 'nowhere.yaml' }),
      says: /:1:\d+: config: nowhere\.yaml: the settings file cannot be read \(ENOENT\); name a file that exists/,
    },
  ])('$title', ({ text, says }) => {
    const problems = problemsOf(text).join('\n');
    expect(problems).toMatch(/^web\.imctest\.yaml/);
    expect(problems).toMatch(says);
  });

  it('tells all problems at once, in the order of the text, and keeps the documents that are right', () => {
    const text = `${aDocumentWith({ expect: { outcome: 'No', allowed: 'yes' }, nam: 1 })}\n---\n${aDocument({ metadata: { name: 'right' } })}`;
    const { suites, problems } = read(text);
    expect(problems.map(({ field }) => field)).toEqual([
      'cases[0].expect.outcome',
      'cases[0].expect.allowed',
      'cases[0].nam',
    ]);
    expect(suites.map(({ name }) => name)).toEqual(['right']);
  });
});
