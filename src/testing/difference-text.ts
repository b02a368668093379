import type { Difference, ExpectedValue } from './expectation.ts';

/**
 * A difference as lines: the field, then `-` before what was expected and `+` before what came. Lists are shown item by
 * item, so that what both have stands without a sign.
 */
export function formatDifference({ field, expected, got }: Difference): string[] {
  if (typeof expected === 'object' && typeof got === 'object' && field !== 'warnings') {
    return [
      field,
      ...expected.map((item) => `${got.includes(item) ? ' ' : '-'} ${item}`),
      ...got.filter((item) => !expected.includes(item)).map((item) => `+ ${item}`),
      ...(expected.length === 0 ? ['- (none)'] : []),
      ...(got.length === 0 ? ['+ (none)'] : []),
    ];
  }
  return [field, ...linesOf(expected).map((line) => `- ${line}`), ...linesOf(got).map((line) => `+ ${line}`)];
}

function linesOf(value: ExpectedValue): readonly string[] {
  if (value === undefined) return ['(none)'];
  if (typeof value === 'object') return value.length === 0 ? ['(none)'] : value;
  if (value === '') return ['""'];
  return String(value).split(/\r?\n/);
}
