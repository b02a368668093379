import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareTimestamps, parseTimestamp, toEpochMs } from '../../src/core/timestamp.ts';

function msOf(text: string): number | undefined {
  const timestamp = parseTimestamp(text);
  return timestamp === undefined ? undefined : toEpochMs(timestamp);
}

describe('parseTimestamp', () => {
  it.each([
    ['UTC', '2026-01-15T12:00:00Z', Date.UTC(2026, 0, 15, 12)],
    ['an offset to the east', '2026-01-15T20:00:00+08:00', Date.UTC(2026, 0, 15, 12)],
    ['an offset to the west', '2026-01-15T06:30:00-05:30', Date.UTC(2026, 0, 15, 12)],
    ['an offset over midnight', '2026-01-16T00:30:00+23:59', Date.UTC(2026, 0, 15, 0, 31)],
    ['an offset of nothing', '2026-01-15T12:00:00-00:00', Date.UTC(2026, 0, 15, 12)],
    ['a fraction', '2026-01-15T12:00:00.25Z', Date.UTC(2026, 0, 15, 12, 0, 0, 250)],
    ['nanoseconds', '2026-01-15T12:00:00.250000000+00:00', Date.UTC(2026, 0, 15, 12, 0, 0, 250)],
    ['small letters', '2026-01-15t12:00:00z', Date.UTC(2026, 0, 15, 12)],
    ['a leap day', '2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
    ['the first second of all', '1970-01-01T00:00:00Z', 0],
    ['a moment before it', '1969-12-31T23:59:59.5Z', -500],
    ['the last year', '9999-12-31T23:59:59Z', Date.UTC(9999, 11, 31, 23, 59, 59)],
  ])('spec C1: %s is read', (_title, text, ms) => {
    expect(msOf(text)).toBe(ms);
  });

  it.each([
    ['nothing', ''],
    ['a word', 'soon'],
    ['a date', '2026-01-15'],
    ['a time without an offset', '2026-01-15T12:00:00'],
    ['a blank instead of T', '2026-01-15 12:00:00Z'],
    ['a blank around it', ' 2026-01-15T12:00:00Z'],
    ['a line break behind it', '2026-01-15T12:00:00Z\n'],
    ['a day February does not have', '2026-02-29T00:00:00Z'],
    ['a thirteenth month', '2026-13-01T00:00:00Z'],
    ['a month 0', '2026-00-01T00:00:00Z'],
    ['a day 0', '2026-01-00T00:00:00Z'],
    ['an hour 24', '2026-01-15T24:00:00Z'],
    ['a minute 60', '2026-01-15T12:60:00Z'],
    ['a leap second', '2026-06-30T23:59:60Z'],
    ['an offset of 24 hours', '2026-01-15T12:00:00+24:00'],
    ['an offset without a colon', '2026-01-15T12:00:00+0800'],
    ['a dot without digits', '2026-01-15T12:00:00.Z'],
    ['a comma', '2026-01-15T12:00:00,5Z'],
    ['seconds since the epoch', '1768478400'],
    ['a short year', '26-01-15T12:00:00Z'],
  ])('spec C1: %s is unreadable, which is absent', (_title, text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  it('spec C1: every moment JavaScript prints is read back', () => {
    const moments = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
    fc.assert(
      fc.property(moments, (date) => {
        expect(msOf(date.toISOString())).toBeCloseTo(date.getTime(), 3);
      }),
      { numRuns: 500 },
    );
  });
});

describe('compareTimestamps', () => {
  it.each([
    ['an earlier second is earlier', '2026-01-15T12:00:00Z', '2026-01-15T12:00:01Z'],
    ['an offset is no difference in time', '2026-01-15T12:00:00+08:00', '2026-01-15T12:00:00Z'],
    ['no fraction is earlier than any', '2026-01-15T12:00:00Z', '2026-01-15T12:00:00.000000001Z'],
    ['digits beyond nanoseconds count', '2026-01-15T12:00:00.0000000000001Z', '2026-01-15T12:00:00.0000000000002Z'],
    ['fractions compare as numbers', '2026-01-15T12:00:00.19Z', '2026-01-15T12:00:00.2Z'],
    ['an unreadable time is the earliest', 'soon', '0001-01-01T00:00:00Z'],
  ])('spec M4: %s', (_title, earlier, later) => {
    expect(compareTimestamps(parseTimestamp(earlier), parseTimestamp(later))).toBe(-1);
    expect(compareTimestamps(parseTimestamp(later), parseTimestamp(earlier))).toBe(1);
  });

  it.each([
    ['the same moment with another offset', '2026-01-15T12:00:00Z', '2026-01-15T20:00:00+08:00'],
    ['zeros behind a fraction', '2026-01-15T12:00:00.5Z', '2026-01-15T12:00:00.500Z'],
    ['a fraction of nothing', '2026-01-15T12:00:00Z', '2026-01-15T12:00:00.000Z'],
    ['two unreadable times', 'soon', 'later'],
  ])('spec M4: %s compares as equal', (_title, one, other) => {
    expect(compareTimestamps(parseTimestamp(one), parseTimestamp(other))).toBe(0);
  });
});
