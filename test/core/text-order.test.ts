import { describe, expect, it } from 'vitest';
import { compareCodeUnits } from '../../src/core/text-order.ts';

describe('compareCodeUnits', () => {
  it.each([
    ['capitals come before small letters', ['a', 'B'], ['B', 'a']],
    ['digits compare as texts', ['cache-2', 'cache-10'], ['cache-10', 'cache-2']],
    ['a beginning comes before the whole', ['ab', 'a', ''], ['', 'a', 'ab']],
    ['a dash comes before a dot and both before digits', ['a0', 'a.', 'a-'], ['a-', 'a.', 'a0']],
    ['code units count, not code points', ['\uFFFD', '\u{1F600}'], ['\u{1F600}', '\uFFFD']],
    ['letters with accents come after plain ones', ['z', '\u00e9'], ['z', '\u00e9']],
  ])('spec M4: %s', (_title, texts, sorted) => {
    expect(texts.toSorted(compareCodeUnits)).toEqual(sorted);
  });

  it('spec M4: equal texts compare as 0', () => {
    expect(compareCodeUnits('a', 'a')).toBe(0);
  });
});
