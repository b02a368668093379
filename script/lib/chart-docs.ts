import { parseDocument } from 'yaml';
import { SETTINGS, type SettingKey } from '../../src/config/definitions.ts';
import type { JsonSchema } from '../../src/config/setting-types.ts';
import { replaceBetween } from './generated-part.ts';
import { JSON_SCHEMAS } from './json-schemas.ts';
import { markdownTable } from './markdown-table.ts';

/** One value of the chart: its path, its default, and what the comment above it in values.yaml says. */
export interface ChartValue {
  readonly path: readonly string[];
  readonly default: unknown;
  readonly meaning: string;
}

/**
 * Every value of values.yaml that stands on its own: what has a comment above it, whole. Comments end at the first line
 * with nothing but `#`: what follows is an example.
 *
 * @throws Error for a value that no comment tells of.
 */
export function chartValues(valuesYaml: string): ChartValue[] {
  const defaults: unknown = parseDocument(valuesYaml).toJS();
  const values: ChartValue[] = [];
  const groups: { readonly key: string; readonly indent: number }[] = [];
  let comment: string[] = [];
  let insideOf = -1;
  for (const line of valuesYaml.split('\n')) {
    const [, spaces = '', key, rest = ''] = /^( *)([A-Za-z][\w./-]*):(.*)$/.exec(line) ?? [];
    const indent = spaces.length;
    if (/^ *#/.test(line)) comment.push(line.trim().slice(1).trim());
    else if (key === undefined) comment = [];
    else if (insideOf < 0 || indent <= insideOf) {
      insideOf = -1;
      while ((groups.at(-1)?.indent ?? -1) >= indent) groups.pop();
      const path = [...groups.map((group) => group.key), key];
      if (comment.length > 0) {
        values.push({ path, default: memberOf(defaults, path), meaning: firstParagraph(comment) });
        insideOf = indent;
      } else if (rest.trim() === '') groups.push({ key, indent });
      else throw new Error(`values.yaml: ${path.join('.')} has no comment that tells what it is`);
      comment = [];
    }
  }
  return values;
}

/** The chart's README with its table of values as values.yaml has them now. */
export function updatedChartReadme(readme: string, valuesYaml: string): string {
  const rows = chartValues(valuesYaml).map(({ path, default: fallback, meaning }) => [
    `\`${path.join('.')}\``,
    `\`${JSON.stringify(fallback)}\``,
    meaning,
  ]);
  return replaceBetween(readme, 'values', markdownTable(['value', 'default', 'meaning'], rows));
}

/** values.schema.json with the descriptions of values.yaml, and with `config` as the settings have it. */
export function updatedValuesSchema(schemaText: string, valuesYaml: string): string {
  // The file is ours; what it holds is looked up below, and missed where it is not there.
  const schema = JSON.parse(schemaText) as JsonSchema;
  let updated = withMember(schema, ['properties', 'config'], configSchema());
  for (const { path, meaning } of chartValues(valuesYaml)) {
    const steps = path.flatMap((key) => ['properties', key]);
    const { description: _, ...rest } = memberOf(updated, steps) as JsonSchema;
    updated = withMember(updated, steps, described(meaning, rest));
  }
  return `${JSON.stringify(updated, null, 2)}\n`;
}

/** Draft 7 knows no neighbours of `$ref`. */
function described(description: string, schema: JsonSchema): JsonSchema {
  return '$ref' in schema ? { description, allOf: [schema] } : { description, ...schema };
}

/**
 * The settings that count without a restart, which the chart leaves to its user; all others say how the program sits in
 * its pod, and the chart gives them.
 */
function configSchema(): JsonSchema {
  const properties = JSON_SCHEMAS['settings.schema.json']?.()['properties'];
  return hotGroup(properties as Readonly<Record<string, JsonSchema>>, '') ?? {};
}

function hotGroup(properties: Readonly<Record<string, JsonSchema>>, prefix: string): JsonSchema | undefined {
  const hot: Record<string, JsonSchema> = {};
  for (const [name, schema] of Object.entries(properties)) {
    const key = `${prefix}${name}`;
    const inner = schema['properties'];
    const kept =
      inner === undefined
        ? SETTINGS[key as SettingKey].applies === 'hot' && plain(schema)
        : hotGroup(inner as Readonly<Record<string, JsonSchema>>, `${key}.`);
    if (kept) hot[name] = kept;
  }
  if (Object.keys(hot).length === 0) return undefined;
  return { type: prefix === '' ? 'object' : ['object', 'null'], properties: hot, additionalProperties: false };
}

/** One list of what is allowed in place of alternatives: of those, Helm would only say that none of them fits. */
function plain({ anyOf, ...rest }: JsonSchema): JsonSchema {
  const branches = (anyOf ?? []) as readonly JsonSchema[];
  if (branches.every((branch) => 'enum' in branch || 'const' in branch || branch['type'] === 'null')) {
    const values = branches.flatMap((branch) => ('enum' in branch ? (branch['enum'] as unknown[]) : [branch['const']]));
    return { ...rest, enum: values.map((value) => value ?? null) };
  }
  const types = branches.map((branch) => ('const' in branch ? 'integer' : branch['type']));
  const limits = branches.map(({ type: _, const: only, ...limit }) =>
    only === undefined ? limit : { minimum: only, maximum: only },
  );
  return Object.assign({ ...rest, type: types }, ...limits) as JsonSchema;
}

function firstParagraph(lines: readonly string[]): string {
  const end = lines.indexOf('');
  return lines.slice(0, end < 0 ? lines.length : end).join(' ');
}

function memberOf(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, step) => {
    if (typeof at !== 'object' || at === null || !(step in at)) throw new Error(`there is no ${path.join('.')}`);
    return (at as Record<string, unknown>)[step];
  }, value);
}

function withMember(object: JsonSchema, [step = '', ...rest]: readonly string[], value: JsonSchema): JsonSchema {
  const inner = rest.length === 0 ? value : withMember(object[step] as JsonSchema, rest, value);
  return { ...object, [step]: inner };
}
