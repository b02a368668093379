import { z } from 'zod';
import { SETTING_KEYS, SETTINGS, type SettingDefinition, type SettingKey } from '../../src/config/definitions.ts';
import type { JsonSchema } from '../../src/config/setting-types.ts';
import { CASE_FILE_SCHEMA } from '../../src/testing/case-schema.ts';
import { ECI_PROFILE_RULES } from '../../src/wire/eci-profile.ts';

/** The files of `schemas/`, made from the definitions that parse what they describe. */
export const JSON_SCHEMAS: Readonly<Record<string, () => JsonSchema>> = {
  'settings.schema.json': settingsSchema,
  'eci-profile.schema.json': () =>
    schemaOf(ECI_PROFILE_RULES, {
      title: 'Rules of an eci-profile',
      description: 'The JSON array in the key `selectors` of the ConfigMap kube-system/eci-profile.',
    }),
  'case-file.schema.json': caseFileSchema,
};

/** A schema as it stands in its file. */
export function jsonSchemaText(schema: JsonSchema): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** What a zod schema takes, before it changes anything. What only a function can check is left out. */
function schemaOf(
  definition: z.ZodType,
  heading: { readonly title: string; readonly description: string },
): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(definition, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
  });
  return { $schema, ...heading, ...schema };
}

/** Among the settings of a case file are only those that an answer depends on. */
function caseFileSchema(): JsonSchema {
  const schema = schemaOf(CASE_FILE_SCHEMA, {
    title: 'Cases for imc test',
    description: 'A document of a file called *.imctest.yaml: pods, a cluster, and what must become of the pods.',
  });
  const properties = schema['properties'] as Record<string, JsonSchema>; // CASE_FILE_SCHEMA is an object
  const decisions = SETTING_KEYS.filter((key) => SETTINGS[key].commands.includes('test'));
  const { anyOf, ...about } = properties['config'] ?? {};
  const [path] = anyOf as JsonSchema[]; // a path, or settings
  const config = { ...about, anyOf: [path, { ...groupSchema('', decisions), type: 'object' }] };
  return { ...schema, properties: { ...properties, config } };
}

/** A settings file is nested where keys have dots, and a key without a value is absent. */
function settingsSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Settings of imc',
    description: 'The file of `--config`. Environment variables win over it, and flags over those.',
    ...groupSchema(''),
    type: 'object',
  };
}

/** The settings whose keys begin with a prefix such as `log.`, and the groups among them. */
function groupSchema(prefix: string, keys: readonly SettingKey[] = SETTING_KEYS): JsonSchema {
  const properties = new Map<string, JsonSchema>();
  for (const key of keys.filter((key) => key.startsWith(prefix))) {
    const [step = '', ...rest] = key.slice(prefix.length).split('.');
    if (properties.has(step)) continue;
    properties.set(step, rest.length === 0 ? settingSchema(SETTINGS[key]) : groupSchema(`${prefix}${step}.`, keys));
  }
  return {
    type: ['object', 'null'],
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

function settingSchema({ description, default: fallback, json }: SettingDefinition<unknown>): JsonSchema {
  return {
    description,
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [...json, { type: 'null' }],
  };
}
