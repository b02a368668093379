import { describe, expect, it } from 'vitest';
import { parseGoDuration } from '../../src/server/go-duration.ts';

describe('parseGoDuration', () => {
  it.each([
    ['3s', 3000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['2.s', 2000],
    ['1µs', 0.001],
    ['1μs', 0.001],
    ['1us', 0.001],
    ['1ns', 0.000001],
  ])('reads %s', (text, milliseconds) => {
    expect(parseGoDuration(text)).toBeCloseTo(milliseconds, 9);
  });

  it.each(['', '3', '0', '0s', '-3s', '+3s', ' 3s', '3s ', '3sx', 's', '3x', '1e3s', '3s,4s', `${'9'.repeat(400)}h`])(
    'has no deadline for "%s"',
    (text) => {
      expect(parseGoDuration(text)).toBeUndefined();
    },
  );
});
