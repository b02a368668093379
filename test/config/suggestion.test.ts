import { describe, expect, it } from 'vitest';
import { closest } from '../../src/config/suggestion.ts';

describe('closest', () => {
  const names = ['mode', 'partialMatch', 'port', 'tls.cert', 'tls.key', 'drainSeconds'];

  it.each([
    ['partialMacth', 'partialMatch'],
    ['partialmatch', 'partialMatch'],
    ['partial-match', 'partialMatch'],
    ['modes', 'mode'],
    ['tlsCert', 'tls.cert'],
    ['tls.cart', 'tls.cert'],
    ['drainSecond', 'drainSeconds'],
    ['prot', 'port'],
  ])('finds for %s what was meant', (word, meant) => {
    expect(closest(word, names)).toBe(meant);
  });

  it.each(['', 'x', 'autoCreate', 'constructor', '__proto__', 'a'.repeat(100_000)])(
    'has no guess for %.20s',
    (word) => {
      expect(closest(word, names)).toBeUndefined();
    },
  );
});
