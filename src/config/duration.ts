/**
 * Reads a duration as Go writes it (`4h`, `90m`, `1h30m`, `1.5s`, `-2ms`, `0`), to whole milliseconds.
 *
 * @returns milliseconds, rounded to the nearest; undefined if the text is no duration, or one longer than Go can hold.
 */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const unsigned = text.replace(/^[-+]/, '');
  if (unsigned === '0') return 0;
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/y;
  let milliseconds = 0;
  do {
    const match = part.exec(unsigned);
    if (match === null) return undefined;
    const [, amount, unit] = match;
    milliseconds += Number(amount) * (MILLISECONDS[unit ?? ''] ?? Number.NaN);
  } while (part.lastIndex < unsigned.length);
  if (!(milliseconds <= LONGEST_MILLISECONDS)) return undefined;
  const rounded = Math.round(milliseconds);
  return rounded === 0 ? 0 : sign * rounded;
}

/** A duration without a minus, as `parseDuration` reads it; it takes no more, save durations that are too long. */
export const DURATION = /^\+?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** Writes whole milliseconds as the shortest Go duration of hours, minutes, seconds and milliseconds: `1h30m`, `0`. */
export function formatDuration(milliseconds: number): string {
  let rest = Math.abs(Math.round(milliseconds));
  if (rest === 0) return '0';
  let text = milliseconds < 0 ? '-' : '';
  for (const unit of ['h', 'm', 's', 'ms']) {
    const size = MILLISECONDS[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  // Two characters are in use for micro: the sign and the Greek letter.
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ns: 1e-6,
};

/** Go counts nanoseconds in 63 bits. */
const LONGEST_MILLISECONDS = 2 ** 63 / 1e6;
