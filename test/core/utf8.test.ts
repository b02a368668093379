import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Length } from '../../src/core/utf8.ts';

describe('utf8Length', () => {
  it.each([
    ['nothing', '', 0],
    ['a letter', 'a', 1],
    ['an accent', '\u00e9', 2],
    ['a Chinese character', '\u955c', 3],
    ['a smiley', '\u{1F600}', 4],
    ['half a smiley, which is sent as a replacement character', '\ud83d', 3],
    ['the halves in the wrong order', '\ude00\ud83d', 6],
    ['half a smiley before a letter', '\ud83da', 4],
  ])('spec A2: %s takes its bytes in UTF-8', (_title, text, bytes) => {
    expect(utf8Length(text)).toBe(bytes);
  });

  it('spec A2: every text takes as many bytes as it has when it is sent', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), halves());
    fc.assert(
      fc.property(texts, (text) => utf8Length(text) === Buffer.byteLength(text, 'utf8')),
      { numRuns: 300 },
    );
  });

  function halves(): fc.Arbitrary<string> {
    return fc.array(fc.constantFrom('\ud83d', '\ude00', 'a', '\u00e9', '\u955c')).map((units) => units.join(''));
  }
});
