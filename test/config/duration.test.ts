import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['-0', 0],
    ['4h', 14_400_000],
    ['90m', 5_400_000],
    ['1h30m', 5_400_000],
    ['1h30m0s', 5_400_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1000],
    ['250ms', 250],
    ['1500us', 2],
    ['1500µs', 2],
    ['1500μs', 2],
    ['999999ns', 1],
    ['1ns', 0],
    ['-1ns', 0],
    ['-1h', -3_600_000],
    ['+1h', 3_600_000],
    ['30m1h', 5_400_000],
    ['2562047h', 2_562_047 * 3_600_000],
  ])('reads %j', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each([
    '',
    ' ',
    '4',
    '4 h',
    ' 4h',
    '4h ',
    '4H',
    '4d',
    '1w',
    'h',
    '.h',
    '-',
    '+-1h',
    '1h-30m',
    '1,5h',
    '00',
    '2562048h',
    '1e3s',
    'P1D',
    '4h30',
  ])('does not read %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('takes a long text that is wrong at the end in one pass', () => {
    expect(parseDuration(`${'1h'.repeat(100_000)}!`)).toBeUndefined();
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0'],
    [-0, '0'],
    [1, '1ms'],
    [14_400_000, '4h'],
    [5_400_000, '1h30m'],
    [90_061_001, '25h1m1s1ms'],
    [-5_400_000, '-1h30m'],
  ])('writes %d', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  it('writes what is read as the same time', () => {
    const longest = 2_562_047 * 3_600_000;
    fc.assert(
      fc.property(fc.integer({ min: -longest, max: longest }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
  });

  it('writes what was read in a form that stays the same', () => {
    const unit = fc.constantFrom('ns', 'us', 'ms', 's', 'm', 'h');
    const amount = fc.oneof(
      fc.nat({ max: 9999 }).map(String),
      fc.float({ min: 0, max: 9999, noNaN: true }).map((n) => n.toFixed(4)),
    );
    const text = fc.array(fc.tuple(amount, unit), { minLength: 1, maxLength: 4 }).map((parts) => parts.flat().join(''));
    fc.assert(
      fc.property(text, (written) => {
        const once = formatDuration(parseDuration(written) ?? Number.NaN);
        expect(formatDuration(parseDuration(once) ?? Number.NaN)).toBe(once);
      }),
    );
  });
});
