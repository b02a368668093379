const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3], // micro sign
  ['μs', 1e-3], // Greek letter mu
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/**
 * Reads a positive duration as Go writes it (`3s`, `1m30s`, `500ms`), in milliseconds.
 *
 * @returns `undefined` for anything else, zero included: Kubernetes means "no deadline" by it.
 */
export function parseGoDuration(text: string): number | undefined {
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let milliseconds = 0;
  let end = 0;
  for (let match = part.exec(text); match !== null; match = part.exec(text)) {
    const [, amount, unit = ''] = match;
    milliseconds += Number(amount) * (UNIT_MS.get(unit) ?? 0);
    end = part.lastIndex;
  }
  return end === text.length && milliseconds > 0 && Number.isFinite(milliseconds) ? milliseconds : undefined;
}
