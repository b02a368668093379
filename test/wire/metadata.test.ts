import { describe, expect, it } from 'vitest';
import { decodeTextMap } from '../../src/wire/metadata.ts';

describe('decodeTextMap', () => {
  it.each([
    ['nothing', undefined, []],
    ['null', null, []],
    ['an empty object', {}, []],
    [
      'texts',
      { a: '', b: 'x' },
      [
        ['a', ''],
        ['b', 'x'],
      ],
    ],
    [
      'keys that every object has',
      JSON.parse('{"__proto__":"x","constructor":"y"}'),
      [
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ],
    ],
  ])('spec A7: %s', (_title, value, entries) => {
    expect([...decodeTextMap(value, ['metadata', 'labels'])]).toEqual(entries);
  });

  it.each([
    ['a list', ['a'], 'metadata.labels: expected a mapping of keys to texts'],
    ['a text', 'a', 'metadata.labels: expected a mapping of keys to texts'],
    ['a number', { a: 1.5 }, 'metadata.labels.a: expected a text; put it in quotes: "1.5"'],
    [
      'a boolean',
      { 'example.com/a': true },
      'metadata.labels["example.com/a"]: expected a text; put it in quotes: "true"',
    ],
    ['null', { a: null }, 'metadata.labels.a: expected a text; put it in quotes: "null"'],
    ['an object', { a: {} }, 'metadata.labels.a: expected a text'],
    ['a list as a value', { a: [] }, 'metadata.labels.a: expected a text'],
  ])('section 8: %s is refused by name', (_title, value, message) => {
    expect(() => decodeTextMap(value, ['metadata', 'labels'])).toThrow(expect.objectContaining({ message }));
  });
});
