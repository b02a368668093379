import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Warning } from '../../src/core/warnings.ts';
import { formatWarnings, stateOf } from '../../src/core/warnings.ts';
import { anImageCache } from '../support/image-cache-builder.ts';

function format(warning: Warning): string {
  const [text] = formatWarnings([warning]);
  if (text === undefined) throw new Error('a warning has a text');
  return text;
}

const CREATING = anImageCache('web-cache').inPhase('Creating', '45%').decode();

describe('formatWarnings', () => {
  it.each([
    [
      'a pin that is not ready names cache, phase and progress',
      { kind: 'pin-not-ready', id: 'imc-a', cache: CREATING, expired: false },
      'pinned ImageCache web-cache is Creating (45%): the pod may fail to start',
    ],
    [
      'a pin that has expired',
      { kind: 'pin-not-ready', id: 'imc-a', cache: anImageCache('a').decode(), expired: true },
      'pinned ImageCache a is expired: the pod may fail to start',
    ],
    [
      'an unknown pin',
      { kind: 'pin-unknown', pin: 'imc-zzz', namesake: undefined },
      'no ImageCache here has the id imc-zzz that is pinned; the region may hold it',
    ],
    [
      'a name in place of an id',
      { kind: 'pin-unknown', pin: 'web-cache', namesake: anImageCache('web-cache').withId('imc-1').decode() },
      "web-cache is an ImageCache's name; pin its id, imc-1",
    ],
    [
      'a name of a cache that has no id',
      { kind: 'pin-unknown', pin: 'a', namesake: anImageCache('a').withId('').decode() },
      "a is an ImageCache's name; pin its id, none yet",
    ],
    [
      "a rule's pin left out names rule and cache",
      { kind: 'rule-pin-left-out', rule: 'gpu', cache: CREATING },
      'rule gpu: its pin is left out, ImageCache web-cache does not work',
    ],
    [
      'an illegal value',
      {
        kind: 'illegal-value',
        illegal: { key: 'k8s.aliyun.com/imc-match-count-request', value: 'two', expected: 'a whole number from 1' },
      },
      'k8s.aliyun.com/imc-match-count-request is ignored: expected a whole number from 1, not "two"',
    ],
    [
      'a long illegal value is cut',
      {
        kind: 'illegal-value',
        illegal: { key: 'k8s.aliyun.com/eci-auto-imc', value: 'x'.repeat(99), expected: '"true" or "false"' },
      },
      'k8s.aliyun.com/eci-auto-imc is ignored: expected "true" or "false", not "xxxxxxxxxxx\u2026"',
    ],
    [
      'keys beside a pin',
      {
        kind: 'ignored-keys',
        keys: ['k8s.aliyun.com/imc-perfect-match', 'k8s.aliyun.com/imc-match-count-request'],
        because: 'pin',
      },
      'imc-perfect-match, imc-match-count-request ignored: the pod has a pin',
    ],
    [
      'keys beside automatic mode off',
      { kind: 'ignored-keys', keys: ['k8s.aliyun.com/imc-perfect-match'], because: 'auto-off' },
      'imc-perfect-match ignored: eci-auto-imc is "false"',
    ],
    [
      'a mutable tag',
      { kind: 'mutable-tag', images: ['docker.io/library/nginx:latest'] },
      'no cache holds docker.io/library/nginx:latest, and its tag moves: use a fixed tag',
    ],
    [
      'pulling always',
      { kind: 'pull-always', images: ['a.io/x:1', 'a.io/y:1', 'a.io/z:1'] },
      'imagePullPolicy Always asks the registry for a.io/x:1 and 2 more, though cached',
    ],
  ] satisfies [string, Warning, string][])('spec A3: %s', (_title, warning, text) => {
    expect(format(warning)).toBe(text);
  });

  it('spec A3: of a long reference the end is shown, which tells the tag', () => {
    const image = `registry.example.com/${'team/'.repeat(20)}web:latest`;
    expect(format({ kind: 'mutable-tag', images: [image] })).toBe(
      `no cache holds \u2026${image.slice(-49)}, and its tag moves: use a fixed tag`,
    );
  });

  it('spec A3: the first three are sent', () => {
    const warnings = ['a', 'b', 'c', 'd'].map((pin): Warning => ({ kind: 'pin-unknown', pin, namesake: undefined }));
    expect(formatWarnings(warnings)).toHaveLength(3);
    expect(formatWarnings(warnings)[2]).toContain('the id c ');
    expect(formatWarnings([])).toEqual([]);
  });

  it('spec M1: the id of a cache with a long name is given whole', () => {
    const name = 'web-frontend-production-image-cache-2026-0115';
    const id = 'imc-2zebxkiifuyzzlhlab12';
    const namesake = anImageCache(name).withId(id).decode();
    expect(format({ kind: 'pin-unknown', pin: name, namesake })).toContain(id);
  });

  it.each([
    ['line breaks', 'a\r\nb', 'a b'],
    ['control characters', 'a\u0000\u0007\u001b[31mb\u007f', 'a [31mb'],
    ['control characters beyond ASCII', 'a\u0085b\u009fc', 'a b c'],
    ['separators of lines and paragraphs', 'a\u2028b\u2029c', 'a b c'],
  ])('spec A3: %s are removed', (_title, pin, shown) => {
    expect(format({ kind: 'pin-unknown', pin, namesake: undefined })).toContain(`the id ${shown} that`);
  });

  it('spec A3: a cut never splits a character', () => {
    const text = format({ kind: 'pin-unknown', pin: '\u{1F600}'.repeat(99), namesake: undefined });
    expect(text.isWellFormed()).toBe(true);
    expect(text).toContain(`${'\u{1F600}'.repeat(44)}\u2026`);
  });

  it('spec A3: whatever they tell, warnings are one line of at most 120 characters without control characters', () => {
    fc.assert(
      fc.property(fc.array(anyWarning(), { maxLength: 6 }), (warnings) => {
        const texts = formatWarnings(warnings);
        expect(texts).toHaveLength(Math.min(3, warnings.length));
        for (const text of texts) {
          expect(Array.from(text).length).toBeLessThanOrEqual(120);
          expect(text).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
          expect(text).not.toBe('');
        }
      }),
      { numRuns: 300 },
    );
  });

  function anyWarning(): fc.Arbitrary<Warning> {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme', minLength: 60, maxLength: 200 }),
    );
    const cache = fc
      .record({ name: text, id: text, phase: text, progress: text })
      .map((parts) => ({ ...anImageCache('a').decode(), ...parts }));
    const images = fc.array(text, { minLength: 1, maxLength: 3 });
    return fc.oneof(
      fc.record({ kind: fc.constant('pin-not-ready' as const), id: text, cache, expired: fc.boolean() }),
      fc.record({
        kind: fc.constant('pin-unknown' as const),
        pin: text,
        namesake: fc.option(cache, { nil: undefined }),
      }),
      fc.record({ kind: fc.constant('rule-pin-left-out' as const), rule: text, cache }),
      fc.record({
        kind: fc.constant('illegal-value' as const),
        illegal: fc.record({ key: fc.constant('k8s.aliyun.com/eci-auto-imc'), value: text, expected: text }),
      }),
      fc.record({ kind: fc.constant('mutable-tag' as const), images }),
      fc.record({ kind: fc.constant('pull-always' as const), images }),
    );
  }
});

describe('stateOf', () => {
  it.each([
    ['a phase with its progress', CREATING, false, 'Creating (45%)'],
    ['a phase without progress', anImageCache('a').inPhase('Pending', '').decode(), false, 'Pending'],
    ['no phase', anImageCache('a').with(['status'], undefined).decode(), false, 'without a phase'],
    ['Ready, but being deleted', anImageCache('a').beingDeleted().decode(), true, 'being deleted'],
    ['Ready, but expired', anImageCache('a').decode(), true, 'expired'],
    ['Ready', anImageCache('a').decode(), false, 'Ready'],
    ['not Ready and being deleted', anImageCache('a').inPhase('Failed', '').beingDeleted().decode(), false, 'Failed'],
  ])('spec M1: %s', (_title, cache, expired, text) => {
    expect(stateOf(cache, expired)).toBe(text);
  });
});
