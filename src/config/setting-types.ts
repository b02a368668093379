import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration } from './duration.ts';
import { closest } from './suggestion.ts';

/** What a setting can hold, and how it is read from a file, the environment or a flag alike. */
export interface SettingType<Value> {
  /** What the table of settings calls it. */
  readonly type: string;
  /** Values as one may write them. */
  readonly examples: readonly (string | number | boolean)[];
  readonly schema: z.ZodType<Value>;
}

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
  };
}

/** A whole number within bounds, also as decimal digits in a text. */
export function wholeNumber(least: number, most: number): SettingType<number> {
  const error = ({ input }: { input?: unknown }) => expected(`a whole number from ${least} to ${most}`, input);
  return {
    type: `${least} to ${most}`,
    examples: [least, most, String(most)],
    schema: z.preprocess(
      (value) => (typeof value === 'string' && /^[0-9]{1,15}$/.test(value) ? Number(value) : value),
      z.int({ error }).min(least, { error }).max(most, { error }),
    ),
  };
}

/** A time that is not negative, as Go writes durations, in milliseconds. */
export const duration: SettingType<number> = {
  type: 'duration',
  examples: ['4h', '90m', '1h30m', '0', 0],
  schema: z.unknown().transform((value, context) => {
    const text = value === 0 ? '0' : value;
    const milliseconds = typeof text === 'string' ? parseDuration(text) : undefined;
    if (milliseconds !== undefined && milliseconds >= 0) return milliseconds;
    context.addIssue(expected('a duration of 0 or more, such as 4h, 90m, 1h30m or 0', value));
    return z.NEVER;
  }),
};

/** The path of a file or folder; relative paths start at the working folder. */
export function path(what: 'file' | 'folder', ...examples: readonly string[]): SettingType<string> {
  const error = ({ input }: { input?: unknown }) => expected(`the path of a ${what}`, input);
  return { type: what, examples, schema: z.string({ error }).regex(/^[^\0]+$/, { error }) };
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
};

/** The same, for a setting that has no default. */
export function optional<Value>(setting: SettingType<Value>): SettingType<Value | undefined> {
  return { ...setting, schema: setting.schema.optional() };
}

const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

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
