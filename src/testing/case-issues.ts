import type { z } from 'zod';
import { closest } from '../config/suggestion.ts';
import { isJsonObject } from '../wire/json.ts';
import { CASE, CASE_FILE_SCHEMA, EXPECTATION, POD_FILE } from './case-schema.ts';

/** What is wrong at a path of a document. */
export interface Issue {
  readonly path: readonly (string | number)[];
  readonly problem: string;
}

/** What the schema finds wrong, in words of a user. */
export function issuesOf(document: unknown, error: z.ZodError): Issue[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], problem: unknownKey(key, knownKeys(path)) }));
    }
    return [{ path, problem: textOf(issue, valueAt(document, path)) }];
  });
}

/** What to say about a word that is none of those there are. */
export function notAmong(word: string, known: readonly string[], what: string, none: string): string {
  if (known.length === 0) return none;
  const meant = closest(word, known);
  if (meant !== undefined) return `${what}; did you mean ${meant}?`;
  const shown = known.slice(0, SHOWN);
  const more = known.length > shown.length ? ` and ${known.length - shown.length} more` : '';
  return `${what}; there are ${shown.join(', ')}${more}`;
}

const SHOWN = 20;

function unknownKey(key: string, known: readonly string[]): string {
  const meant = closest(key, known);
  return `unknown key; ${meant === undefined ? `known here are ${known.join(', ')}` : `did you mean ${meant}?`}`;
}

function knownKeys(path: readonly (string | number)[]): readonly string[] {
  switch (path.at(-1)) {
    case undefined:
      return Object.keys(CASE_FILE_SCHEMA.shape);
    case 'metadata':
      return ['name'];
    case 'expect':
      return Object.keys(EXPECTATION.shape);
    case 'pod':
      return Object.keys(POD_FILE.shape);
    default:
      return Object.keys(CASE.shape);
  }
}

function textOf(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type': {
      const expected = EXPECTED[issue.expected] ?? issue.expected;
      if (value === undefined) return `is missing; expected ${expected}`;
      return `expected ${expected}, not ${describe(value)}${quoted(issue.expected, value)}`;
    }
    case 'invalid_value':
      return invalidValue(issue.values.map(String), value);
    case 'too_small':
      return issue.origin === 'string' ? 'expected a text that is not empty' : issue.message;
    case 'invalid_union':
      return value === undefined ? `is missing; ${issue.message}` : issue.message;
    default:
      return issue.message;
  }
}

function invalidValue(values: readonly string[], value: unknown): string {
  const word = typeof value === 'string' ? value : undefined;
  if (word === 'NotSynced' || word === 'Late') {
    return `the outcome ${word} cannot come about in a case: its files are always read, and nothing is late`;
  }
  if (word === 'OwnNamespace') return 'the reason OwnNamespace cannot come about in a case: it runs in no namespace';
  const meant = word === undefined ? undefined : closest(word, values);
  const choice = values.length === 1 ? `${values[0]}` : `one of ${values.join(', ')}`;
  if (value === undefined) return `is missing; expected ${choice}`;
  return `expected ${choice}, not ${describe(value)}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping of keys and texts',
};

/** YAML makes numbers and truth values of what looks like one. */
function quoted(expected: string, value: unknown): string {
  if (expected !== 'string' || (typeof value !== 'number' && typeof value !== 'boolean')) return '';
  return `; put it in quotes: "${value}"`;
}

function describe(value: unknown): string {
  if (value === null) return 'nothing; give a value or remove the key';
  if (Array.isArray(value)) return 'a list';
  if (isJsonObject(value)) return 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function valueAt(document: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, step) => {
    if (Array.isArray(value)) return value[Number(step)] as unknown;
    return isJsonObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }, document);
}
