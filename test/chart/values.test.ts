import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chartValues, updatedChartReadme, updatedValuesSchema } from '../../script/lib/chart-docs.ts';
import { loadConfig } from '../../src/config/config.ts';
import { SETTING_KEYS, SETTINGS, type SettingKey } from '../../src/config/definitions.ts';
import { flagOf } from '../../src/config/setting-names.ts';

const ROOT = new URL('../../', import.meta.url);
const CHART = new URL('charts/eci-imagecache-webhook/', ROOT);
const text = (name: string): string => readFileSync(new URL(name, CHART), 'utf8');

interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

// What a file of ours holds; a wrong one fails below.
const schema = JSON.parse(text('values.schema.json')) as Schema;
const isValid = new Ajv({ strict: true, allowUnionTypes: true, strictTypes: false, strictRequired: false }).compile(
  schema,
);
const validFor = (values: unknown): boolean => isValid(values);

describe('the chart keeps up with its source', () => {
  it('spec 8: values.schema.json has the comments of values.yaml and the settings (script/docs writes it)', () => {
    expect(updatedValuesSchema(text('values.schema.json'), text('values.yaml'))).toBe(text('values.schema.json'));
  });

  it('README.md has the table of values (script/docs writes it)', () => {
    expect(updatedChartReadme(text('README.md'), text('values.yaml'))).toBe(text('README.md'));
  });

  it('is of the version of the program', () => {
    const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { version: string };
    expect(parse(text('Chart.yaml'))).toMatchObject({ version, appVersion: version });
  });
});

describe('values.yaml', () => {
  it('is valid', () => {
    isValid(parse(text('values.yaml')));
    expect(isValid.errors).toBeNull();
  });

  it('names every value of the schema, and no other', () => {
    const inSchema = (at: Schema, path: readonly string[], leaves: ReadonlySet<string>): string[] =>
      leaves.has(path.join('.')) || at.properties === undefined
        ? [path.join('.')]
        : Object.entries(at.properties).flatMap(([key, inner]) => inSchema(inner, [...path, key], leaves));
    const documented = chartValues(text('values.yaml')).map(({ path }) => path.join('.'));
    // Helm gives `global` to every chart.
    expect(inSchema(schema, [], new Set(documented)).toSorted()).toEqual([...documented, 'global'].toSorted());
  });

  it.each([
    ['without a comment', 'a:\n  b: 1\n', /a\.b has no comment/],
    ['whose comment is apart from it', '# A.\n\na: 1\n', /a has no comment/],
  ])('a value %s is noticed', (_title, yaml, message) => {
    expect(() => chartValues(yaml)).toThrow(message);
  });
});

describe('values.schema.json is strict', () => {
  /** Every schema of an object in it, by where it is. */
  function objects(at: unknown, path: string): [string, Schema][] {
    if (typeof at !== 'object' || at === null) return [];
    const here = 'type' in at && [at.type].flat().includes('object') ? [[path, at] as [string, Schema]] : [];
    return [...here, ...Object.entries(at).flatMap(([key, inner]) => objects(inner, `${path}/${key}`))];
  }

  /** Whole objects of Kubernetes, which the API server knows better. */
  const OPEN = [
    /^\/properties\/global$/,
    /\/affinity$/,
    /\/topologySpreadConstraints\/items$/,
    /\/valueFrom$/,
    /\/(adminFrom|controllerEgress)\/items$/,
  ];

  it('says of every object what it may hold', () => {
    const open = objects(schema, '').filter(([, { additionalProperties }]) => additionalProperties === undefined);
    for (const [path] of open) expect(path).toSatisfy((found: string) => OPEN.some((pattern) => pattern.test(found)));
  });

  it.each<[string, object]>([
    ['an unknown value', { replicas: 2 }],
    ['an unknown value of a group', { serve: { replica: 2 } }],
    ['no replicas', { serve: { replicas: 0 } }],
    ['a number in quotes', { serve: { replicas: '2' } }],
    ['an unknown scope', { webhook: { scope: 'namespaced' } }],
    ['a failure policy', { webhook: { failurePolicy: 'Fail' } }],
    ['a timeout longer than 10 s', { webhook: { timeoutSeconds: 30 } }],
    ['an unknown mode of TLS', { tls: { mode: 'certManager' } }],
    ['a digest that is none', { image: { digest: 'sha256:12' } }],
    ['an illegal label', { commonLabels: { 'a b': 'c' } }],
    ['a label that is no text', { commonLabels: { a: true } }],
    ['a label without value', { webhook: { podLabels: [{ key: 'a' }] } }],
    ['a namespace that is none', { webhook: { excludeNamespaces: ['Shop'] } }],
    ['an operator there is not', { webhook: { podExpressions: [{ key: 'a', operator: 'Is' }] } }],
    ['an address without a mask', { networkPolicy: { apiServerCidrs: ['10.0.0.1'] } }],
    ['an amount that is none', { serve: { resources: { limits: { memory: '384 MB' } } } }],
    ['a long name', { fullnameOverride: 'n'.repeat(53) }],
    ['a setting there is not', { config: { modus: 'off' } }],
    ['a setting that the chart gives', { config: { port: 9443 } }],
    ['a value of a setting there is not', { config: { mode: 'enforced' } }],
  ])('refuses %s', (_title, values) => {
    expect(validFor(values)).toBe(false);
  });

  it.each<[string, object]>([
    ['nothing', {}],
    ['values shared with other charts', { global: { region: 'cn-beijing' } }],
    ['an issuer of one kind', { tls: { certManager: { issuerRef: { kind: 'ClusterIssuer', name: 'internal-ca' } } } }],
    ['numbers as amounts', { serve: { resources: { limits: { cpu: 1 } } } }],
    [
      'a variable from elsewhere',
      { serve: { extraEnv: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } }] } },
    ],
  ])('takes %s', (_title, values) => {
    isValid(values);
    expect(isValid.errors).toBeNull();
  });
});

describe('the templates give the program', () => {
  const templates = readdirSync(new URL('templates/', CHART))
    .filter((name) => /\.(yaml|tpl)$/.test(name))
    .map((name) => text(`templates/${name}`))
    .join('\n');
  const given = new Set([...templates.matchAll(/"(--[a-z-]+)=/g)].map(([, flag]) => flag ?? ''));
  /** What makes no sense in a pod. */
  const NEVER: readonly SettingKey[] = ['dir', 'kubeconfig', 'context', 'tls.cert', 'tls.key', 'caOut'];

  it('only flags that there are', () => {
    const known = SETTING_KEYS.map(flagOf);
    expect(given.size).toBeGreaterThan(0);
    for (const flag of given) expect(['--config', ...known]).toContain(flag);
  });

  it('every setting that counts at the start', () => {
    const atStart = SETTING_KEYS.filter((key) => SETTINGS[key].applies === 'restart' && !NEVER.includes(key));
    for (const key of atStart) expect([...given], key).toContain(flagOf(key));
  });
});

describe('the value config takes the settings of the program', () => {
  const nested = (key: string, value: unknown): object =>
    key.split('.').reduceRight<object>((inner, step) => ({ [step]: inner }), value as object);

  it('those that apply without a restart, and no others', () => {
    for (const key of SETTING_KEYS) {
      const { applies, examples } = SETTINGS[key];
      for (const example of examples)
        expect(validFor({ config: nested(key, example) }), `${key}: ${example}`).toBe(applies === 'hot');
    }
  });

  it('refuses at least what settings.schema.json refuses, and what is taken the program takes', () => {
    const settings = JSON.parse(readFileSync(new URL('schemas/settings.schema.json', ROOT), 'utf8')) as object;
    const isSetting = new Ajv({ strict: false }).compile(settings);
    const hot = SETTING_KEYS.filter((key) => SETTINGS[key].applies === 'hot');
    const value = fc.oneof(
      fc.constantFrom<unknown>(...hot.flatMap((key: SettingKey) => [...SETTINGS[key].examples])),
      fc.constantFrom<unknown>(null, true, false, 'true', 'on', '', 0, -1, 1, 1e9, 1.5, [], {}, '1h-', '+1m', '-0'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.constantFrom(...hot), value, (key, given) => {
        const config = nested(key, given);
        expect(validFor({ config }), `${key}: ${JSON.stringify(given)}`).toBe(isSetting(config));
        if (!validFor({ config }) || /^\d+$/.test(String(given)) || /\d{5}/.test(String(given))) return;
        const request = { env: {}, flags: {}, context: { command: 'serve' } } as const;
        loadConfig({ ...request, file: 'imc.yaml', fileText: JSON.stringify(config) });
      }),
      { numRuns: 1000 },
    );
  });
});
