import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patchFor } from '../../src/admission/json-patch.ts';
import type { PatchOperation } from '../support/apply-patch.ts';
import { applyPatch } from '../support/apply-patch.ts';
import { copyOf } from '../support/json-edit.ts';

type Entries = Readonly<Record<string, string>>;

function patch(object: unknown, annotations: Entries, labels: Entries = {}): readonly PatchOperation[] {
  return patchFor(object, {
    annotations: new Map(Object.entries(annotations)),
    labels: new Map(Object.entries(labels)),
  });
}

describe('patchFor', () => {
  it.each([
    ['nothing to change', { metadata: { annotations: { a: '1' }, labels: { b: '2' } } }, { a: '1' }, { b: '2' }, []],
    ['nothing there and nothing wanted', { metadata: {} }, {}, {}, []],
    ['nothing there, not even metadata', {}, {}, {}, []],
    ['null there and nothing wanted', { metadata: { annotations: null, labels: null } }, {}, {}, []],
    [
      'a key added',
      { metadata: { annotations: { a: '1' } } },
      { a: '1', b: '2' },
      {},
      [{ op: 'add', path: '/metadata/annotations/b', value: '2' }],
    ],
    [
      'a value replaced',
      { metadata: { annotations: { a: '1' } } },
      { a: '2' },
      {},
      [{ op: 'replace', path: '/metadata/annotations/a', value: '2' }],
    ],
    [
      'a key removed',
      { metadata: { annotations: { a: '1', b: '2' } } },
      { b: '2' },
      {},
      [{ op: 'remove', path: '/metadata/annotations/a' }],
    ],
    [
      'the last key removed',
      { metadata: { labels: { a: '1' } } },
      {},
      {},
      [{ op: 'remove', path: '/metadata/labels/a' }],
    ],
    [
      'an absent map',
      { metadata: { name: 'x' } },
      { a: '1' },
      {},
      [{ op: 'add', path: '/metadata/annotations', value: { a: '1' } }],
    ],
    [
      'a map of null',
      { metadata: { annotations: null, labels: null } },
      { a: '1' },
      { b: '2' },
      [
        { op: 'add', path: '/metadata/annotations', value: { a: '1' } },
        { op: 'add', path: '/metadata/labels', value: { b: '2' } },
      ],
    ],
    [
      'an empty map',
      { metadata: { annotations: {} } },
      { a: '1' },
      {},
      [{ op: 'add', path: '/metadata/annotations/a', value: '1' }],
    ],
    [
      'absent metadata',
      { spec: {} },
      { a: '1' },
      {},
      [{ op: 'add', path: '/metadata', value: { annotations: { a: '1' } } }],
    ],
    [
      'metadata of null',
      { metadata: null },
      { a: '1' },
      { b: '2' },
      [{ op: 'add', path: '/metadata', value: { annotations: { a: '1' }, labels: { b: '2' } } }],
    ],
    [
      'a slash in a key',
      { metadata: { annotations: {} } },
      { 'x.io/a': '1' },
      {},
      [{ op: 'add', path: '/metadata/annotations/x.io~1a', value: '1' }],
    ],
    [
      'a tilde in a key that is there',
      { metadata: { annotations: { 'a~b/c': '1' } } },
      {},
      {},
      [{ op: 'remove', path: '/metadata/annotations/a~0b~1c' }],
    ],
    [
      'a key that is there although it is illegal',
      { metadata: { annotations: { 'not legal!': '1', a: '' }, labels: { 'not legal!': 'not legal!' } } },
      { 'not legal!': '1' },
      { 'not legal!': 'not legal!' },
      [{ op: 'remove', path: '/metadata/annotations/a' }],
    ],
  ])('spec A1: %s', (_title, object, annotations, labels, expected) => {
    const before = copyOf(object);
    expect(patch(object, annotations, labels)).toEqual(expected);
    expect(object).toEqual(before);
  });

  it('spec A7: keys that every object has are data', () => {
    const object: unknown = JSON.parse('{"metadata":{"annotations":{"__proto__":"x","constructor":"y"}}}');
    const wanted = new Map([
      ['__proto__', 'x'],
      ['constructor', 'z'],
      ['prototype', 'p'],
    ]);
    const operations = patchFor(object, { annotations: wanted, labels: new Map() });
    expect(operations.map(({ path }) => path).toSorted()).toEqual([
      '/metadata/annotations/constructor',
      '/metadata/annotations/prototype',
    ]);
    expect(JSON.stringify(applyPatch(object, operations))).toBe(
      '{"metadata":{"annotations":{"__proto__":"x","constructor":"z","prototype":"p"}}}',
    );
  });

  it.each([
    ['metadata that is a list', { metadata: [] }, { a: '1' }, {}, 'metadata is not an object'],
    ['metadata that is a text', { metadata: 'x' }, { a: '1' }, {}, 'metadata is not an object'],
    [
      'annotations that are a list',
      { metadata: { annotations: [] } },
      { a: '1' },
      {},
      'metadata.annotations is not an object',
    ],
    ['labels that are a text', { metadata: { labels: 'x' } }, { a: '1' }, {}, 'metadata.labels is not an object'],
    [
      'an annotation that is a number',
      { metadata: { annotations: { n: 1 } } },
      { a: '1' },
      {},
      'metadata.annotations holds a value that is not a text',
    ],
    [
      'a label that is null',
      { metadata: { labels: { n: null } } },
      { a: '1' },
      {},
      'metadata.labels holds a value that is not a text',
    ],
    [
      'a new annotation key that is illegal',
      { metadata: {} },
      { 'a b': '1' },
      {},
      '"a b" is not a legal annotation key',
    ],
    ['a new label key that is illegal', { metadata: {} }, {}, { 'a/b/c': '1' }, '"a/b/c" is not a legal label key'],
    ['a new label value that is illegal', { metadata: {} }, {}, { a: 'b c' }, 'label a: "b c" is not a legal value'],
    [
      'a label value that becomes illegal',
      { metadata: { labels: { a: 'b' } } },
      {},
      { a: 'b c' },
      'label a: "b c" is not a legal value',
    ],
  ])('spec A6: no patch is safe: %s', (_title, object, annotations, labels, message) => {
    expect(() => patch(object, annotations, labels)).toThrow(
      expect.objectContaining({ name: 'UnsafePatchError', code: 'ERR_PATCH_UNSAFE', message }),
    );
  });

  it.each([
    ['exactly 256 KiB are allowed', 'x', 0],
    ['exactly 256 KiB of other characters are allowed', '\u955c', 0],
    ['one byte more is not', 'x', 1],
  ])('spec A6: annotations together: %s', (_title, character, more) => {
    const key = 'example.com/filler';
    const room = 256 * 1024 - Buffer.byteLength(key) - 'a1'.length;
    const bytes = Buffer.byteLength(character);
    const filler = character.repeat(Math.floor(room / bytes)) + 'y'.repeat((room % bytes) + more);
    const object = { metadata: { annotations: { [key]: filler } } };
    if (more === 0) expect(patch(object, { [key]: filler, a: '1' })).toHaveLength(1);
    else
      expect(() => patch(object, { [key]: filler, a: '1' })).toThrow(/would take 262145 bytes, more than the 262144/);
  });

  it('spec A1: whatever is there and wanted, the patch gives exactly that and touches nothing else', () => {
    const key = fc.oneof(
      fc.constantFrom('a', 'b', 'x.io/c', 'constructor', 'x.io/d'),
      fc.stringMatching(/^[a-z]{1,3}$/),
    );
    const map = fc.dictionary(key, fc.constantFrom('', '1', 'V_2'));
    const maybeMap = fc.option(fc.option(map, { nil: undefined }));
    const object = fc.record({ annotations: maybeMap, labels: maybeMap, name: fc.constant('web') });
    fc.assert(
      fc.property(fc.option(object), map, map, (metadata, annotations, labels) => {
        const pod = { kind: 'Pod', spec: { containers: [] }, metadata: copyOf(metadata) };
        const operations = patch(pod, annotations, labels);
        const patched = applyPatch(pod, operations) as { metadata: { annotations?: object; labels?: object } | null };
        expect(patched.metadata?.annotations ?? {}).toEqual(annotations);
        expect(patched.metadata?.labels ?? {}).toEqual(labels);
        for (const { path } of operations)
          expect(path).toMatch(/^\/metadata(?:\/(?:annotations|labels)(?:\/[^/]+)?)?$/);
        const { annotations: _annotations, labels: _labels, ...rest } = patched.metadata ?? {};
        expect({ ...patched, metadata: rest }).toEqual({ ...pod, metadata: metadata === null ? {} : { name: 'web' } });
      }),
      { numRuns: 500 },
    );
  });
});
