/** A moment as Kubernetes objects write it, exact to any number of fractional digits. */
export interface Timestamp {
  /** Whole seconds since 1970-01-01T00:00:00Z. */
  readonly seconds: number;
  /** The digits after the decimal point without trailing zeros; empty for a whole second. */
  readonly fraction: string;
}

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * Reads an RFC 3339 time with any offset and any number of fractional digits (spec C1).
 *
 * @returns `undefined` for anything else, for a day the calendar does not have, and for a leap second: the API server's
 * own parser refuses those too.
 */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = '', sign, oh, om] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(oh ?? 0) > 23 || Number(om ?? 0) > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  const local = date.getTime() / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  const offset = (Number(oh ?? 0) * 60 + Number(om ?? 0)) * 60;
  return {
    seconds: sign === '-' ? local + offset : local - offset,
    fraction: fraction.replace(/0+$/, ''),
  };
}

/** Orders two moments, earlier first; a missing one is the earliest of all (spec M4). */
export function compareTimestamps(a: Timestamp | undefined, b: Timestamp | undefined): number {
  if (a === undefined || b === undefined) {
    if (a === b) return 0;
    return a === undefined ? -1 : 1;
  }
  if (a.seconds !== b.seconds) return a.seconds < b.seconds ? -1 : 1;
  // Without trailing zeros, digit strings compare like the fractions they stand for.
  if (a.fraction === b.fraction) return 0;
  return a.fraction < b.fraction ? -1 : 1;
}

/** Milliseconds since the epoch, with the fraction as far as a double holds it. */
export function toEpochMs(timestamp: Timestamp): number {
  return timestamp.seconds * 1000 + (timestamp.fraction === '' ? 0 : Number(`0.${timestamp.fraction}`) * 1000);
}
