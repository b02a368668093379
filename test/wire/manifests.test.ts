import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { ManifestError } from '../../src/wire/manifest-error.ts';
import { decodeUtf8, MANIFEST_LIMIT_BYTES, parseManifests } from '../../src/wire/manifests.ts';

const FILE = 'dir/file.yaml';

function valuesOf(text: string): unknown[] {
  return parseManifests(FILE, text).map(({ value }) => value);
}

function errorOf(run: () => unknown): ManifestError {
  try {
    run();
  } catch (error) {
    if (error instanceof ManifestError) return error;
    throw error;
  }
  throw new Error('expected a ManifestError');
}

describe('what a manifest file may hold (spec 8, Files source)', () => {
  const rows: readonly (readonly [title: string, text: string, values: readonly unknown[]])[] = [
    ['nothing', '', []],
    ['only blanks and comments', '\n# nothing yet\n\n', []],
    ['empty documents', '---\n---\n# none\n---\nnull\n...\n', []],
    ['one YAML document', 'kind: A\n', [{ kind: 'A' }]],
    [
      'several YAML documents, empty ones left out',
      '---\nkind: A\n---\n---\nkind: B\n...\n---\n',
      [{ kind: 'A' }, { kind: 'B' }],
    ],
    ['a byte order mark', '\uFEFFkind: A\n', [{ kind: 'A' }]],
    ['Windows line ends', 'kind: A\r\nx:\r\n  - 1\r\n---\r\nkind: B\r\n', [{ kind: 'A', x: [1] }, { kind: 'B' }]],
    ['one JSON document', ' {"kind": "A", "x": [1, null]}\n', [{ kind: 'A', x: [1, null] }]],
    ['JSON documents one per line', '{"kind":"A"}\n{"kind":"B"}\n', [{ kind: 'A' }, { kind: 'B' }]],
    ['JSON documents in a row, brackets in their texts', '{"a":"}{\\""}{"b":[{}]}', [{ a: '}{"' }, { b: [{}] }]],
    ['JSON documents with YAML separators', '{"kind":"A"}\n---\n{"kind":"B"}\n', [{ kind: 'A' }, { kind: 'B' }]],
    ['YAML in flow style', '{kind: A, x: [1, 2,]}', [{ kind: 'A', x: [1, 2] }]],
    [
      'values of YAML 1.2',
      'a: on\nb: 010\nc: true\nd: ~\ne: 1.5\nf: "1"\ng: 2026-01-01\nh: 1e3\n',
      [{ a: 'on', b: 10, c: true, d: null, e: 1.5, f: '1', g: '2026-01-01', h: 1000 }],
    ],
    [
      'the same values whatever version the file claims',
      '%YAML 1.1\n---\na: yes\nb: 2026-01-01\n',
      [{ a: 'yes', b: '2026-01-01' }],
    ],
    ['keys that are no texts, as the API has them', '1: a\ntrue: b\n', [{ 1: 'a', true: 'b' }]],
    ['tags it does not know', 'a: !secret x\nb: !!binary aGk=\nc: !!str 1\n', [{ a: 'x', b: 'aGk=', c: '1' }]],
    ['aliases', 'a: &x {n: 1}\nb: *x\nc: [*x]\n', [{ a: { n: 1 }, b: { n: 1 }, c: [{ n: 1 }] }]],
    [
      'an anchor that is set anew',
      'a: &x 1\nb: &y [*x]\nc: &x 2\nd: *y\ne: *x\n',
      [{ a: 1, b: [1], c: 2, d: [1], e: 2 }],
    ],
    [
      'merge keys, as kubectl has them',
      'a: &x {m: 1, n: 2}\nb:\n  n: 3\n  <<: *x\n',
      [{ a: { m: 1, n: 2 }, b: { n: 3, m: 1 } }],
    ],
    ['merge keys of several objects, the earlier wins', 'b: {<<: [{m: 1}, {m: 2, n: 2}]}\n', [{ b: { m: 1, n: 2 } }]],
    ['a quoted << as a key like any other', '"<<": {m: 1}\n', [{ '<<': { m: 1 } }]],
    ['a List', 'kind: List\nitems:\n- kind: A\n- kind: List\n  items: [{kind: B}]\n', [{ kind: 'A' }, { kind: 'B' }]],
    ['a List of nothing', 'kind: List\nitems: []\n---\nkind: List\n---\nkind: List\nitems:\n', []],
    [
      'a list as an API server answers',
      '{"kind":"PodList","apiVersion":"v1","items":[{"x":1},{"kind":"Y"}]}',
      [{ apiVersion: 'v1', kind: 'Pod', x: 1 }, { kind: 'Y' }],
    ],
    ['a kind that only ends in List', 'kind: AllowList\nspec: {}\n', [{ kind: 'AllowList', spec: {} }]],
  ];
  it.each(rows)('%s', (_title, text, values) => {
    expect(valuesOf(text)).toEqual(values);
  });

  it.each([
    ['YAML', '__proto__: {polluted: true}\nconstructor: 1\n'],
    ['JSON', '{"__proto__": {"polluted": true}, "constructor": 1}'],
    ['merged YAML', 'x: &x\n  __proto__: {polluted: true}\n  constructor: 1\n<<: *x\n'],
  ])('keys such as __proto__ are data in %s (spec A7)', (_title, text) => {
    const value = parseManifests(FILE, text)[0]?.value ?? {};
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(value, '__proto__')?.value).toEqual({ polluted: true });
    expect(Object.hasOwn(value, 'constructor')).toBe(true);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('copies what an alias repeats, so that no part of an object is shared', () => {
    const [{ a, b }] = valuesOf('a: &x {n: {}}\nb: *x\n') as [{ a: { n: object }; b: { n: object } }];
    expect(a).not.toBe(b);
    expect(a.n).not.toBe(b.n);
  });

  it('allows as many aliases as a large file has', () => {
    const text = `base: &x {a: 1, b: [1, 2, 3]}\nall:\n${'- *x\n'.repeat(5_000)}`;
    expect(valuesOf(text)).toMatchObject([{ all: { length: 5_000 } }]);
  });

  const key = fc
    .string({ unit: fc.constantFrom(...Array.from('ab<:#-é "\'\\')), minLength: 1, maxLength: 6 })
    .filter((text) => text !== '<<');
  const tree = fc.letrec<{ node: unknown; object: Record<string, unknown> }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: fc.constantFrom(...Array.from('ab:#-\n {}[]"\'\\é😀')) }),
      fc.constantFrom(null, true, 0, -1.5, 'true', '1', '', '~', '0x1'),
      fc.array(tie('node'), { maxLength: 3 }),
      tie('object'),
    ),
    object: fc.dictionary(key, tie('node'), { maxKeys: 4 }),
  })).object;

  test('property: JSON reads back as what was written, YAML as the library reads it, several documents of each', () => {
    fc.assert(
      fc.property(fc.array(tree, { maxLength: 3 }), (objects) => {
        const json = objects.map((object) => JSON.stringify(object));
        const indented = objects.map((object) => JSON.stringify(object, null, 2));
        const yaml = objects.map((object) => stringify(object));
        expect(valuesOf(json.join('\n'))).toEqual(objects);
        expect(valuesOf(indented.join(''))).toEqual(objects);
        // Not always what was written: the library spells a text of blanks so that it reads back as another.
        expect(valuesOf(yaml.join('---\n'))).toEqual(yaml.map((text): unknown => parse(text)));
      }),
    );
  });

  test('property: positions point at the value in JSON and in YAML', () => {
    fc.assert(
      fc.property(tree, fc.array(key, { maxLength: 3 }), (object, prefix) => {
        const path = [...prefix, 'here'];
        const whole = path.reduceRight<unknown>((inner, step) => ({ ...object, [step]: inner }), '@@here');
        for (const text of [JSON.stringify(whole), JSON.stringify(whole, null, 1), stringify(whole)]) {
          const position = parseManifests(FILE, text)[0]?.origin.position(path);
          const line = text.split('\n')[(position?.line ?? 0) - 1] ?? '';
          expect(line.slice((position?.column ?? 0) - 1)).toMatch(/^"@@here"/);
        }
      }),
    );
  });
});

describe('where things stand', () => {
  const text = `# caches
kind: A
spec:
  images:
    - nginx:1
    - &img redis:7
  same: *img
---
kind: List
items:
  - kind: B
    data:
      literal: |
        [
          {"name": "x"}
        ]
      folded: >-
        one
        two

        three
      double: "a\\tb\\u00e9c"
      single: 'it''s'
      plain: some text
    base: &base {deep: 1}
    child: {<<: *base}
`;
  const [a, b] = parseManifests(FILE, text).map(({ origin }) => origin);
  const rows: readonly (readonly [title: string, origin: typeof a, path: (string | number)[], at: string])[] = [
    ['the object', a, [], '2:1'],
    ['a value', a, ['kind'], '2:7'],
    ['an item', a, ['spec', 'images', 1], '6:12'],
    ['an alias', a, ['spec', 'same'], '7:9'],
    ['something missing: what would hold it', a, ['spec', 'nope', 'deeper'], '4:3'],
    ['an item that is missing', a, ['spec', 'images', 7], '5:5'],
    ['an object of a List in a later document', b, [], '11:5'],
    ['a value in it', b, ['data', 'plain'], '24:14'],
    ['a value merged in', b, ['child', 'deep'], '25:24'],
  ];
  it.each(rows)('%s', (_title, origin, path, at) => {
    const position = origin?.position(path);
    expect(`${position?.line}:${position?.column}`).toBe(at);
  });

  const inText: readonly (readonly [title: string, key: string, find: string, at: string])[] = [
    ['the start of a literal block', 'literal', '[', '14:9'],
    ['inside a literal block', 'literal', '"x"', '15:20'],
    ['a folded line', 'folded', 'two', '19:9'],
    ['a folded paragraph', 'folded', 'three', '21:9'],
    ['after escapes', 'double', 'c', '22:26'],
    ['after a doubled quote', 'single', 's', '23:20'],
    ['a plain text', 'plain', 'text', '24:19'],
  ];
  it.each(inText)('inside a text: %s', (_title, key, find, at) => {
    const lines = text.split('\n');
    const data = parseManifests(FILE, text)[1]?.value['data'] as Record<string, string>;
    const position = b?.positionIn?.(['data', key], data[key]?.indexOf(find) ?? -1);
    const [line, column] = at.split(':').map(Number);
    expect(lines[(line ?? 0) - 1]?.slice((column ?? 0) - 1).startsWith(find)).toBe(true);
    expect(position).toEqual({ line, column });
  });

  it('inside a text of a JSON file', () => {
    const json = '{"data": {\n  "selectors": "[\\n  {\\"name\\": 7}\\n]"}}';
    const [object] = parseManifests('x.json', json);
    const offset = '[\n  {"name": 7}\n]'.indexOf('7');
    expect(object?.origin.positionIn?.(['data', 'selectors'], offset)).toEqual({ line: 2, column: 33 });
  });

  test.each(['literal', 'folded', 'double', 'single', 'plain'])(
    'inside a %s text, in whichever order it is asked',
    (key) => {
      const offsets = fc.array(fc.record({ key: fc.constantFrom(key, 'plain'), offset: fc.nat(30) }), { maxLength: 8 });
      fc.assert(
        fc.property(offsets, (asked) => {
          const [, once] = parseManifests(FILE, text);
          for (const { key, offset } of asked) {
            const [, fresh] = parseManifests(FILE, text);
            const path = ['data', key];
            expect(once?.origin.positionIn?.(path, offset)).toEqual(fresh?.origin.positionIn?.(path, offset));
          }
        }),
      );
    },
  );

  it('no position inside what is no text', () => {
    expect(a?.positionIn?.(['spec', 'images'], 0)).toBeUndefined();
    expect(a?.positionIn?.(['nope'], 0)).toBeUndefined();
  });

  it('counts lines and columns in a later JSON document', () => {
    const [, second] = parseManifests('x.json', '{"kind":"A"}\n  {"kind":"B","x":[0,{"y":1}]}');
    expect(second?.origin.position([])).toEqual({ line: 2, column: 3 });
    expect(second?.origin.position(['x', 1, 'y'])).toEqual({ line: 2, column: 27 });
    expect(second?.origin.position(['x', 9])).toEqual({ line: 2, column: 19 });
  });
});

describe('where keys stand', () => {
  const yaml = 'a: {b: 1}\nc:\n  - d: e\n    "f g": >-\n      text\n';
  const json = '{"a": {"b": 1}, "c": [{"d": "e", "f g": "text"}]}';

  it.each<{ text: string; path: (string | number)[]; at: readonly [line: number, column: number] }>([
    { text: yaml, path: ['a'], at: [1, 1] },
    { text: yaml, path: ['a', 'b'], at: [1, 5] },
    { text: yaml, path: ['c', 0], at: [3, 5] },
    { text: yaml, path: ['c', 0, 'f g'], at: [4, 5] },
    { text: yaml, path: ['a', 'x'], at: [1, 4] },
    { text: json, path: ['a', 'b'], at: [1, 8] },
    { text: json, path: ['c', 0], at: [1, 23] },
    { text: json, path: ['c', 0, 'f g'], at: [1, 34] },
    { text: json, path: ['c', 0, 'x'], at: [1, 23] },
    { text: '--- # another\nx: 1\n---\nk: &k {l: 1}\nm: {<<: *k}\n', path: ['m', 'l'], at: [4, 8] },
  ])('$path of $text', ({ text, path, at: [line, column] }) => {
    expect(parseManifests(FILE, text).at(-1)?.origin.keyPosition?.(path)).toEqual({ line, column });
  });
});

describe('what cannot be read is named with its place and what to do (spec 8)', () => {
  const bomb = [
    'a0: &a0 [x,x,x,x,x,x,x,x,x]',
    ...Array.from({ length: 8 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(',')}]`),
  ].join('\n');
  const rows: readonly (readonly [title: string, text: string, at: string, says: RegExp])[] = [
    ['a tab as indentation', 'spec:\n\timages: []\n', ':2:1', /tab.*blanks/i],
    ['an indentation that fits nowhere', 'a:\n  b: 1\n c: 2\n', ':3:1', /same column.*line it up/],
    ['a colon too many', 'image: a: b\n', ':1:8', /quotes/],
    ['a text that is not closed', 'kind: A\nx:\n  y: "abc\nz: 1\n', ':3:6', /never closed.*complete\?/],
    ['a bracket that is not closed', 'kind: A\nx: [1, 2', ':2:4', /never closed/],
    ['a reserved character', 'x: @a\n', ':1:4', /quotes/],
    ['an illegal escape', 'x: "\\q"\n', ':1:5', /escape/],
    ['a key twice', 'kind: A\nspec:\n  a: 1\n  b: 2\n  a: 3\n', ':5:3', /"a" stands twice.*remove/],
    ['a key twice in JSON', '{"kind": "A",\n "x": [{"a": 1, "b": 2, "a": 3}]}', ':2:25', /"a" stands twice.*remove/],
    ['a key twice in a later JSON document', '{"kind": "A"}\n{"b": 1, "b": 2}', ':2:10', /"b" stands twice/],
    ['an alias of nothing', 'a: *nope\n', ':1:4', /no anchor &nope/],
    ['an alias of another document', 'a: &x 1\n---\nb: *x\n', ':3:4', /no anchor &x/],
    ['an alias inside what it repeats', 'a: &x\n  b: [*x]\n', ':2:7', /\*x stands inside/],
    ['an alias bomb', bomb, ':1:', /stand for more than/],
    ['a merge of no object', 'a:\n  <<: text\n', ':2:7', /merges objects/],
    ['a key that is an object', '? {a: 1}\n: 2\n', ':1:3', /write the key as a text/],
    ['nesting without end', '['.repeat(50_000), ':1:', /nest less deeply/],
    ['a list', '- kind: A\n', ':1:1', /found a list.*kind: List/],
    ['a JSON list', '[{"kind": "A"}]', ':1:1', /found a list/],
    ['a text', 'kind: A\n---\nhello\n', ':3:1', /found a text/],
    ['a missing blank', 'kind:ImageCache\n', ':1:1', /blank is missing after the colon/],
    ['a number', '42\n', ':1:1', /found a number/],
    ['items that are no list', 'kind: List\nitems: 7\n', ':2:8: items', /expected a list/],
    ['an item that is no object', 'kind: List\nitems:\n- kind: A\n- b\n', ':4:3', /found a text/],
    ['an item that is nothing', 'kind: List\nitems: [null]\n', ':2:9', /found nothing/],
    ['JSON that ends too early', '{"kind": "A",\n "x": [1', ':2:9', /ends too early.*complete\?/],
    [
      'JSON with a comma too many, nothing YAML could read',
      '{"a": 1,\n "b": 2,, "c": 3}',
      ':2:9',
      /not valid JSON.*correct it/,
    ],
    ['a broken line among JSON lines', '{"a": 1}\n{"a" 1}\n{"a": 2}', ':2:6', /not valid JSON/],
    ['binary data', 'kind: A\nx: \0\0\n', ':2:4', /binary/],
  ];
  it.each(rows)('%s', (_title, text, at, says) => {
    const error = errorOf(() => parseManifests(FILE, text));
    expect(error.message.startsWith(`${FILE}${at}`), error.message).toBe(true);
    expect(error.problem).toMatch(says);
    expect(error.message).not.toContain('\n');
  });

  it('a file above the limit', () => {
    expect(errorOf(() => parseManifests(FILE, 'x'.repeat(MANIFEST_LIMIT_BYTES + 1))).message).toMatch(/64 MiB.*split/);
    expect(errorOf(() => decodeUtf8(FILE, new Uint8Array(MANIFEST_LIMIT_BYTES + 1))).message).toMatch(/64 MiB.*split/);
  });

  it('bytes that are no UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('kind: A\nname: '), Buffer.from([0xe9]), Buffer.from('\n')]);
    expect(errorOf(() => decodeUtf8(FILE, bytes)).message).toBe(
      `${FILE}:2:7: this is no UTF-8 text; save the file as UTF-8`,
    );
    expect(decodeUtf8(FILE, Buffer.from('\uFEFFa: é'))).toBe('a: é');
  });

  test('property: a truncated or damaged file is read or refused with a ManifestError, never anything else', () => {
    const whole =
      'kind: A\nspec:\n  images: ["a", \'b\']\n  text: |\n    x\n  map: {a: &q 1, b: *q}\n---\n{"a": [1, {"b": "c\\n"}]}\n';
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(whole.length), fc.string({ maxLength: 3 }), (from, to, between) => {
        const text = whole.slice(0, from) + between + whole.slice(to);
        try {
          parseManifests(FILE, text);
        } catch (error) {
          expect(error).toBeInstanceOf(ManifestError);
          expect((error as ManifestError).location).toMatch(/^dir\/file\.yaml:\d+:\d+$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
