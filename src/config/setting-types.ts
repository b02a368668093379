import { isIP } from 'node:net';
import { z } from 'zod';
import { DURATION, parseDuration } from './duration.ts';
import { closest } from './suggestion.ts';

const LIST_ITEM = /^[^\s,\0][^,\0]*$/;
const LIST_ITEM_SPACED = /^\s*[^\s,\0][^,\0]*$/;
const LIST_TEXT = /^\s*[^\s,\0][^,\0]*(?:,\s*[^\s,\0][^,\0]*)*$/;
const DIGITS = /^[0-9]{1,15}$/;
const PATH = /^[^\0]+$/;
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)*[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/;

/** For editors; what is read is asked of `node:net`. */
const IP_V4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;
const LIKE_IP_V6 = /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%.+)?$/;

/** What a setting can hold, and how it is read from a file, the environment or a flag alike. */
export interface SettingType<Value> {
  /** What the table of settings calls it. */
  readonly type: string;
  /** Values as one may write them. */
  readonly examples: readonly (string | number | boolean)[];
  readonly schema: z.ZodType<Value>;
  /** What may stand in a settings file, for editors: any of these. They never refuse what `schema` takes. */
  readonly json: readonly JsonSchema[];
}

/** A JSON Schema, draft 7, as editors understand it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * One word of a list. `false` counts as `off` and `true` as `on` where these are in the list: YAML 1.1, which kubectl and
 * Helm still write, has no other way to say them without quotes.
 */
export function choice<const Value extends string>(...values: readonly Value[]): SettingType<Value> {
  const switches = new Map<unknown, string>();
  for (const [word, flag] of [['off', false] as const, ['on', true] as const]) {
    if (values.some((value) => value === word)) switches.set(flag, word).set(String(flag), word);
  }
  const error = ({ input }: { input?: unknown }) => {
    const meant = typeof input === 'string' ? closest(input, values) : undefined;
    return expected(oneOf(values), input) + (meant === undefined ? '' : `; did you mean ${meant}?`);
  };
  return {
    type: values.join(' | '),
    examples: [...values, ...[...switches.keys()].filter((key) => typeof key === 'boolean')],
    schema: z.preprocess((value) => switches.get(value) ?? value, z.enum(values, { error })),
    json: [{ enum: values }, ...(switches.size === 0 ? [] : [{ enum: [...switches.keys()] }])],
  };
}

/** A whole number within bounds, also as decimal digits in a text. */
export function wholeNumber(least: number, most: number): SettingType<number> {
  const error = ({ input }: { input?: unknown }) => expected(`a whole number from ${least} to ${most}`, input);
  return {
    type: `${least} to ${most}`,
    examples: [least, most, String(most)],
    schema: z.preprocess(
      (value) => (typeof value === 'string' && DIGITS.test(value) ? Number(value) : value),
      z.int({ error }).min(least, { error }).max(most, { error }),
    ),
    json: [
      { type: 'integer', minimum: least, maximum: most },
      { type: 'string', pattern: DIGITS.source },
    ],
  };
}

/** A time that is not negative, as Go writes durations, in milliseconds. */
export const duration: SettingType<number> = {
  type: 'duration',
  examples: ['4h', '90m', '1h30m', '0', 0],
  schema: z.unknown().transform((value, context) => {
    const text = value === 0 ? '0' : value;
    const milliseconds = typeof text === 'string' && !text.startsWith('-') ? parseDuration(text) : undefined;
    if (milliseconds !== undefined) return milliseconds;
    context.addIssue(expected('a duration of 0 or more, such as 4h, 90m, 1h30m or 0', value));
    return z.NEVER;
  }),
  json: [{ type: 'string', pattern: DURATION.source }, { const: 0 }],
};

/** `auto`, or yes or no: a boolean in a file, a word elsewhere. */
export const automatic: SettingType<'auto' | 'true' | 'false'> = {
  type: 'auto | true | false',
  examples: ['auto', 'true', 'false', true, false],
  schema: z.preprocess(
    (value) => (typeof value === 'boolean' ? String(value) : value),
    z.enum(['auto', 'true', 'false'], { error: ({ input }) => expected('auto, true or false', input) }),
  ),
  json: [{ enum: ['auto', 'true', 'false', true, false] }],
};

/** Texts without commas: a list in a file; elsewhere, and in a file too if one likes, one text with commas between. */
export function list(what: string, ...examples: readonly string[]): SettingType<readonly string[]> {
  return {
    type: `list of ${what}`,
    examples: [examples.join(',')],
    schema: z.unknown().transform((value, context) => {
      const items: readonly unknown[] =
        typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
      const texts = items.filter((item) => typeof item === 'string').map((item) => item.trim());
      const isList = Array.isArray(value) || (typeof value === 'string' && value !== '');
      if (isList && texts.length === items.length && texts.every((text) => LIST_ITEM.test(text))) return texts;
      context.addIssue(expected(`a list of ${what}, such as ${examples.join(',')}`, value));
      return z.NEVER;
    }),
    json: [
      { type: 'array', items: { type: 'string', pattern: LIST_ITEM_SPACED.source } },
      { type: 'string', pattern: LIST_TEXT.source },
    ],
  };
}

/** The path of a file or folder; relative paths start at the working folder. */
export function path(what: 'file' | 'folder', ...examples: readonly string[]): SettingType<string> {
  const error = ({ input }: { input?: unknown }) => expected(`the path of a ${what}`, input);
  return {
    type: what,
    examples,
    schema: z.string({ error }).regex(PATH, { error }),
    json: [{ type: 'string', pattern: PATH.source }],
  };
}

/** A name of something elsewhere: any text that is not empty. */
export function word(...examples: readonly string[]): SettingType<string> {
  const error = ({ input }: { input?: unknown }) => expected('a name', input);
  return {
    type: 'name',
    examples,
    schema: z.string({ error }).regex(PATH, { error }),
    json: [{ type: 'string', pattern: PATH.source }],
  };
}

/** An address to listen on, without a port. */
export const address: SettingType<string> = {
  type: 'address',
  examples: ['::', '0.0.0.0', '127.0.0.1', '::1', 'localhost'],
  schema: z.unknown().transform((value, context) => {
    if (typeof value === 'string' && (isIP(value) !== 0 || HOST_NAME.test(value))) return value;
    context.addIssue(expected('an IP address or a host name, without port or brackets', value));
    return z.NEVER;
  }),
  json: [HOST_NAME, IP_V4, LIKE_IP_V6].map(({ source }) => ({ type: 'string', pattern: source })),
};

/** The same, for a setting that has no default. */
export function optional<Value>(setting: SettingType<Value>): SettingType<Value | undefined> {
  return { ...setting, schema: setting.schema.optional() };
}

/** `enforce, observe or off` */
function oneOf(values: readonly string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

function expected(what: string, input: unknown): string {
  return `expected ${what}, not ${describe(input)}`;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
