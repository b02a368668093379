import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ListSplitter } from '../../src/kubernetes/list-splitter.ts';
import type { JsonObject } from '../../src/wire/json.ts';

function split(text: string, sizes: readonly number[] = []): { items: JsonObject[]; rest: JsonObject } {
  const items: JsonObject[] = [];
  const splitter = new ListSplitter((item) => items.push(item));
  const bytes = Buffer.from(text);
  let at = 0;
  for (const size of sizes) {
    splitter.push(bytes.subarray(at, at + size));
    at += size;
  }
  splitter.push(bytes.subarray(at));
  return { items, rest: splitter.end() };
}

describe('a list as it arrives', () => {
  const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }));

  it('gives the same objects as the whole text, wherever items stand in it and however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(object, { maxLength: 6 }),
        object,
        object,
        fc.constantFrom(undefined, 1, 2),
        fc.array(fc.nat(40), { maxLength: 40 }),
        (items, before, after, indent, sizes) => {
          delete before['items'];
          delete after['items'];
          const list = { ...before, items, ...after };
          const result = split(JSON.stringify(list, undefined, indent), sizes);
          expect(result.items).toEqual(JSON.parse(JSON.stringify(items)));
          expect(result.rest).toEqual(JSON.parse(JSON.stringify({ ...list, items: [] })));
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each<[string, string, JsonObject[], JsonObject]>([
    ['no items', '{"kind":"List","metadata":{}}', [], { kind: 'List', metadata: {} }],
    ['items that are null', '{"items":null}', [], { items: null }],
    ['no item', '{"items":[]}', [], { items: [] }],
    [
      'items elsewhere',
      '{"metadata":{"items":[{"a":1}]},"x":"items","y":[{"b":2}]}',
      [],
      {
        metadata: { items: [{ a: 1 }] },
        x: 'items',
        y: [{ b: 2 }],
      },
    ],
    ['items that are no objects', '{"items":[1,"{",["}",{"a":1}],{"b":2},null]}', [{ b: 2 }], { items: [] }],
    [
      'brackets and quotes in texts',
      '{"items":[{"a":"}]\\"["},{"b":"\\\\"}]}',
      [{ a: '}]"[' }, { b: '\\' }],
      { items: [] },
    ],
    [
      'what comes behind',
      '{"items":[{"a":1}],"metadata":{"continue":"x"}}',
      [{ a: 1 }],
      {
        items: [],
        metadata: { continue: 'x' },
      },
    ],
  ])('may have %s', (_title, text, items, rest) => {
    const sizes = Array<number>(text.length).fill(1);
    expect(split(text)).toEqual({ items, rest });
    expect(split(text, sizes)).toEqual({ items, rest });
  });

  it.each(['', '{"items":[{"a":1}', '{"items":[{"a":1}]', '[]', '<html>', '{"items":[{"a":}]}'])(
    '%j is none',
    (text) => {
      expect(() => split(text)).toThrow(SyntaxError);
    },
  );
});
