/** The first wait is about half a second, and none is longer than half a minute. */
const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** What a server asks for is heeded up to here. */
const RETRY_AFTER_LIMIT_MS = 300_000;

/**
 * How long to wait before another attempt: twice as long each time, and anything between half of that and the whole, so
 * that replicas that were cut off together do not come back together. Where the server says when to come back
 * (`Retry-After`), not before, and a little spread.
 *
 * @param failures - attempts in a row that led to nothing, from 1.
 * @param random - from 0 to 1.
 * @returns milliseconds.
 */
export function backoffMs(failures: number, retryAfterSeconds: number | undefined, random: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  const own = whole / 2 + (whole / 2) * random;
  if (retryAfterSeconds === undefined) return own;
  const asked = Math.min(retryAfterSeconds * 1000, RETRY_AFTER_LIMIT_MS);
  return Math.max(own, asked * (1 + random / 10));
}
