import { readdirSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { JSON_SCHEMAS, jsonSchemaText } from '../../script/lib/json-schemas.ts';
import { loadConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { SETTING_KEYS, SETTINGS } from '../../src/config/definitions.ts';
import { readCaseFile } from '../../src/testing/case-file.ts';
import { decodeEciProfile } from '../../src/wire/eci-profile.ts';
import { ManifestError } from '../../src/wire/manifest-error.ts';
import { parseManifests } from '../../src/wire/manifests.ts';

const ROOT = new URL('../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

/** The schema in a file of `schemas/`, which refuses itself when it uses a word that JSON Schema does not have. */
function validatorOf(name: string): ValidateFunction {
  // An editor's validator, as strict as there is; unions of types and conditions are not mistakes here.
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, strictTypes: false, strictRequired: false });
  return ajv.compile(JSON.parse(text(`schemas/${name}`)) as object);
}

/** What is wrong with a value; `undefined` when it is good. */
function problemOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError || error instanceof ManifestError) return error.message;
    throw error;
  }
}

describe('schemas/', () => {
  it.each(Object.entries(JSON_SCHEMAS))('%s is the one of the definitions (script/docs writes it)', (name, schema) => {
    expect(text(`schemas/${name}`)).toBe(jsonSchemaText(schema()));
  });

  it('has no other files', () => {
    expect(readdirSync(new URL('schemas', ROOT)).toSorted()).toEqual(Object.keys(JSON_SCHEMAS).toSorted());
  });
});

describe('settings.schema.json', () => {
  const isValid = validatorOf('settings.schema.json');
  const problem = (settings: unknown): string | undefined =>
    problemOf(() =>
      loadConfig({
        file: 'imc.yaml',
        fileText: JSON.stringify(settings),
        env: {},
        flags: {},
        context: { command: 'serve' },
      }),
    );

  /** What a schema cannot say, or says less exactly: everything else the parser refuses, the schema refuses too. */
  const TAKEN_BY_THE_SCHEMA_ALONE = [
    /needs tls\.\w+ as well/,
    /cannot be combined with/,
    /port and adminPort are the same/,
    /expected a whole number from \d+ to \d+, not \d+$/m, // digits in quotes, out of range
    /expected a duration .*, not ".*\d{5}/, // longer than Go can hold
    /expected an IP address or a host name, .*, not ".*:/, // almost an IPv6 address
  ];

  it('takes the example file, which names it', () => {
    isValid(parse(text('examples/imc.yaml')));
    expect(isValid.errors).toBeNull();
    const [, path = ''] = /^# yaml-language-server: \$schema=(.*)$/m.exec(text('examples/imc.yaml')) ?? [];
    expect(new URL(path, new URL('examples/imc.yaml', ROOT))).toEqual(new URL('schemas/settings.schema.json', ROOT));
  });

  it.each([
    ['an empty mapping', {}],
    ['a key without a value', { mode: null, log: null }],
    ['a group without a value in it', { log: { level: null } }],
    ['words as YAML 1.1 has them', { mode: false, warnings: true, registryAliases: 'false' }],
    ['numbers in quotes', { port: '8443', drainSeconds: '0' }],
    ['durations', { expiryMargin: '1h30m' }],
    ['a duration of 0', { expiryMargin: 0 }],
    ['addresses', { host: '::', adminHost: 'fe80::1%eth0' }],
    ['an address of four numbers', { host: '10.0.0.255', adminHost: 'localhost' }],
    ['a group', { tls: { cert: 'a.crt', key: 'a.key' }, controller: { driver: 'external' } }],
  ])('and the parser take %s', (_title, settings) => {
    expect(problem(settings)).toBeUndefined();
    isValid(settings);
    expect(isValid.errors).toBeNull();
  });

  it.each([
    ['a list', []],
    ['null', null],
    ['an unknown setting', { modus: 'off' }],
    ['an unknown setting of a group', { log: { levle: 'info' } }],
    ['a dotted key', { 'log.level': 'info' }],
    ['a value for a group', { log: 'info' }],
    ['a word there is not', { mode: 'enforced' }],
    ['a switch where there is none', { podScope: false }],
    ['a number out of range', { port: 65_536 }],
    ['a broken number', { drainSeconds: 1.5 }],
    ['a number for a duration', { expiryMargin: 4 }],
    ['a negative duration', { expiryMargin: '-4h' }],
    ['no duration', { expiryMargin: '4 hours' }],
    ['an address with a port', { host: 'localhost:8443' }],
    ['an address of numbers that are too large', { host: '256.0.0.1' }],
    ['an empty path', { certDir: '' }],
    ['a mapping for a path', { caOut: {} }],
  ])('and the parser refuse %s', (_title, settings) => {
    expect(problem(settings)).toBeDefined();
    expect(isValid(settings)).toBe(false);
  });

  it.each([
    ['a certificate without its key, which a flag may give', { tls: { cert: 'a.crt' } }],
    ['two ways to a certificate', { tls: { cert: 'a', key: 'b' }, certDir: 'c' }],
    ['one port for two servers', { port: 8080, adminPort: 8080 }],
    ['digits in quotes that are out of range', { port: '65536' }],
    ['a duration longer than Go can hold', { expiryMargin: '9999999h' }],
    ['what is almost an IPv6 address', { host: ':::' }],
  ])('does not know what is wrong with %s', (_title, settings) => {
    expect(isValid(settings)).toBe(true);
    const found = problem(settings) ?? '';
    expect(
      TAKEN_BY_THE_SCHEMA_ALONE.some((pattern) => pattern.test(found)),
      found,
    ).toBe(true);
  });

  it('tells every setting with its description and default', () => {
    const schema: unknown = JSON.parse(text('schemas/settings.schema.json'));
    for (const key of SETTING_KEYS) {
      const path = ['properties', ...key.split('.').join('.properties.').split('.')];
      const found: unknown = path.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], schema);
      const { description, default: fallback } = SETTINGS[key];
      expect(found, key).toMatchObject({ description, ...(fallback === undefined ? {} : { default: fallback }) });
    }
  });

  it('agrees with the parser on random files', () => {
    const values = fc.oneof(
      { arbitrary: fc.constantFrom<unknown>(...SETTING_KEYS.flatMap((key) => [...SETTINGS[key].examples])), weight: 6 },
      fc.constantFrom<unknown>(null, true, false, 'true', 'on', '', 0, -1, 1e9, 1.5, [], {}, '1h-', '+1m', '.5s', '-0'),
      textOf('0123456789abf:.%hms-+'),
      fc.string(),
    );
    const leaves = SETTING_KEYS.map((key) =>
      fc.oneof(
        { arbitrary: fc.constantFrom<unknown>(SETTINGS[key].default, ...SETTINGS[key].examples), weight: 2 },
        values,
      ),
    );
    const files = fc.tuple(...leaves.map((leaf) => fc.option(leaf, { nil: undefined, freq: 2 }))).map((chosen) => {
      const file: Record<string, unknown> = {};
      for (const [i, key] of SETTING_KEYS.entries()) {
        if (chosen[i] === undefined) continue;
        const [group = '', name] = key.split('.');
        if (name === undefined) file[group] = chosen[i];
        else file[group] = { ...(file[group] as object | undefined), [name]: chosen[i] };
      }
      return file;
    });
    const oneSetting = fc
      .tuple(fc.constantFrom(...SETTING_KEYS), values)
      .map(([key, value]) => key.split('.').reduceRight<unknown>((inner, step) => ({ [step]: inner }), value));
    fc.assert(
      fc.property(fc.oneof(oneSetting, files), (settings) => {
        const refused = problem(settings);
        if (refused === undefined) expect(isValid(settings), JSON.stringify(isValid.errors)).toBe(true);
        else if (isValid(settings)) {
          const lines = refused.split('\n').filter((line) => !/^\d+ problems/.test(line));
          for (const line of lines)
            expect(
              TAKEN_BY_THE_SCHEMA_ALONE.some((pattern) => pattern.test(line)),
              line,
            ).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('eci-profile.schema.json', () => {
  const isValid = validatorOf('eci-profile.schema.json');
  const problem = (rules: unknown): string | undefined => problemOf(() => decodeEciProfile(JSON.stringify(rules)));

  it('takes the rules of the example', () => {
    const configMap: unknown = parse(text('examples/cluster/eci-profile.yaml'));
    isValid(JSON.parse((configMap as { data: { selectors: string } }).data.selectors));
    expect(isValid.errors).toBeNull();
  });

  const rule = (parts: object): object[] => [{ name: 'r', ...parts }];
  const requirement = (parts: object): object[] => rule({ objectSelector: { matchExpressions: [parts] } });

  it.each([
    ['no rules', []],
    ['a rule with nothing but a name', rule({})],
    ['null for every part', rule({ namespaceSelector: null, objectSelector: null, effect: null })],
    ['null for what is in them', rule({ objectSelector: { matchLabels: null }, effect: { labels: null } })],
    ['null for a value', rule({ effect: { labels: { a: null }, annotations: { b: null } } })],
    ['unknown fields', rule({ policy: 'fair', effect: { nodeSelector: {} } })],
    ['values for In', requirement({ key: 'a/b', operator: 'In', values: ['x', ''] })],
    ['no values for Exists', requirement({ key: 'a', operator: 'Exists', values: null })],
    ['an empty list for DoesNotExist', requirement({ key: 'a', operator: 'DoesNotExist', values: [] })],
    ['capitals in the prefix of an annotation', rule({ effect: { annotations: { 'Example.COM/a': '1' } } })],
    ['the sign for Kelvin in an annotation', rule({ effect: { annotations: { '\u212a': '1' } } })],
  ])('and the parser take %s', (_title, rules) => {
    expect(problem(rules)).toBeUndefined();
    isValid(rules);
    expect(isValid.errors).toBeNull();
  });

  it.each([
    ['an object', {}],
    ['a rule that is none', ['r']],
    ['a rule without a name', [{}]],
    ['an empty name', [{ name: '' }]],
    ['a selector that is a list', rule({ objectSelector: [] })],
    ['a label that is no text', rule({ objectSelector: { matchLabels: { a: 1 } } })],
    ['an illegal key', rule({ effect: { annotations: { 'a b': '' } } })],
    ['an illegal value of a label', rule({ effect: { labels: { a: 'a b' } } })],
    ['capitals in the prefix of a label', rule({ effect: { labels: { 'Example.COM/a': '1' } } })],
    ['a key no rule may set', rule({ effect: { annotations: { 'imc-webhook/ignore': 'true' } } })],
    ['another key no rule may set', rule({ effect: { labels: { 'alibabacloud.com/acs': 'true' } } })],
    ['an operator there is not', requirement({ key: 'a', operator: 'in', values: ['x'] })],
    ['In without values', requirement({ key: 'a', operator: 'In' })],
    ['NotIn with none', requirement({ key: 'a', operator: 'NotIn', values: [] })],
    ['Exists with values', requirement({ key: 'a', operator: 'Exists', values: ['x'] })],
    ['the key __proto__', rule({ effect: { labels: JSON.parse('{"__proto__":"x"}') as object } })],
  ])('and the parser refuse %s', (_title, rules) => {
    expect(problem(rules)).toBeDefined();
    expect(isValid(rules)).toBe(false);
  });

  it('does not know what is wrong with a name given twice: no schema can', () => {
    const rules = [...rule({}), ...rule({})];
    expect(problem(rules)).toContain('another rule has the name "r"');
    expect(isValid(rules)).toBe(true);
  });

  it('agrees with the parser on random rules', () => {
    const key = fc.oneof(
      fc.constantFrom('a', 'app.kubernetes.io/name', 'Example.com/x', 'imc-webhook/x', 'a b', '', '/a', 'a/', '\u212a'),
      fc.constantFrom('n'.repeat(63), 'n'.repeat(64), `${'a'.repeat(253)}/b`, `${'a'.repeat(254)}/b`, '__proto__'),
      textOf('abZ09-_./ '),
      fc.string({ unit: 'grapheme' }),
    );
    const value = fc.oneof(
      fc.constantFrom<unknown>('', 'x', 'v'.repeat(63), 'v'.repeat(64), null, 1, 'a b'),
      textOf('aZ0-_. '),
    );
    const map = nullish(fc.dictionary(key, value, { maxKeys: 2 }));
    const requirement = fc.record(
      {
        key,
        operator: fc.constantFrom<unknown>('In', 'NotIn', 'Exists', 'DoesNotExist', 'In', 'Gt', null),
        values: nullish(fc.array(value, { maxLength: 2 })),
      },
      { requiredKeys: ['key', 'operator'] },
    );
    const selector = nullish(
      fc.record(
        { matchLabels: map, matchExpressions: nullish(fc.array(requirement, { maxLength: 2 })) },
        { requiredKeys: [] },
      ),
    );
    const effect = nullish(fc.record({ annotations: map, labels: map }, { requiredKeys: [] }));
    const oneRule = fc.record(
      {
        name: fc.constantFrom<unknown>('a', 'b', 'c', '', null),
        namespaceSelector: selector,
        objectSelector: selector,
        effect,
        priority: fc.integer(),
      },
      { requiredKeys: ['name'] },
    );
    fc.assert(
      fc.property(fc.array(oneRule, { maxLength: 2 }), (rules) => {
        const refused = problem(rules);
        if (refused === undefined || !/another rule has the name/.test(refused)) {
          expect(isValid(rules), refused ?? JSON.stringify(isValid.errors)).toBe(refused === undefined);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('case-file.schema.json', () => {
  const isValid = validatorOf('case-file.schema.json');
  const problems = (document: unknown): string[] =>
    readCaseFile('a.imctest.yaml', parseManifests('a.imctest.yaml', JSON.stringify(document))).problems.map(
      ({ problem }) => problem,
    );
  const document = (parts: object): object => ({
    apiVersion: 'imc-webhook/v1',
    kind: 'AdmissionTest',
    metadata: { name: 'a' },
    cases: [{ name: 'a', pod: 'pod.yaml', expect: { outcome: 'NoMatch' } }],
    ...parts,
  });
  const one = (parts: object): object =>
    document({ cases: [{ name: 'a', pod: 'a', expect: { allowed: true }, ...parts }] });

  it.each(readdirSync(new URL('examples/tests', ROOT)))('takes the cases of %s, which name it', (name) => {
    for (const each of parseAllDocuments(text(`examples/tests/${name}`))) {
      isValid(each.toJS());
      expect(isValid.errors).toBeNull();
    }
    expect(text(`examples/tests/${name}`)).toMatch(
      /^# yaml-language-server: \$schema=\.\.\/\.\.\/schemas\/case-file\.schema\.json\n/,
    );
  });

  it.each([
    ['a document', document({})],
    ['settings', document({ config: { partialMatch: 'pin', controller: { driver: 'eci' }, expiryMargin: '1h' } })],
    ['resources', document({ resources: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } }] })],
    ['one pod of several', one({ pod: { file: 'a', name: 'b' } })],
    ['a pod', one({ pod: { apiVersion: 'v1', kind: 'Pod', spec: {} } })],
    ['a request', one({ namespace: 'a', namespaceLabels: { a: 'b' }, operation: 'UPDATE', dryRun: true })],
    ['expectations', one({ expect: { rules: [], missing: [], warnings: ['a'], labels: { a: 'b' }, exact: true } })],
  ])('and the parser take %s', (_title, value) => {
    expect(problems(value)).toEqual([]);
    isValid(value);
    expect(isValid.errors).toBeNull();
  });

  it.each([
    ['another kind', document({ kind: 'Test' })],
    ['an unknown key', document({ resource: [] })],
    ['no cases', document({ cases: [] })],
    ['an unknown setting', document({ config: { partialMath: 'pin' } })],
    ['a setting that no answer depends on', document({ config: { port: 1 } })],
    ['a resource that is no object', document({ resources: [{ name: 'a' }] })],
    ['a pod without a kind', one({ pod: { file: 'a', nam: 'b' } })],
    ['an unknown expectation', one({ expect: { outcom: 'NoMatch' } })],
    ['an outcome there is not', one({ expect: { outcome: 'Match' } })],
    ['an outcome that no case has', one({ expect: { outcome: 'Late' } })],
    ['an annotation that is no text', one({ expect: { annotations: { a: true } } })],
    ['an empty pattern', one({ expect: { warnings: [''] } })],
  ])('and the parser refuse %s', (_title, value) => {
    expect(problems(value)).not.toEqual([]);
    expect(isValid(value)).toBe(false);
  });
});

function nullish<Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> {
  return fc.oneof({ arbitrary, weight: 8 }, { arbitrary: fc.constant(null), weight: 1 });
}

/** Texts of these characters. */
function textOf(characters: string): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...characters.split('')) });
}
