import { expectsNothing } from './case-file.ts';
import type { Expectation } from './case-schema.ts';
import type { Outcome } from './expectation.ts';
import { differencesOf, imageKey } from './expectation.ts';
import { literalPattern } from './literal-pattern.ts';

/**
 * The expectations that what came today meets: each one that was not met says what came instead, the others stay as they
 * are. A case that expected nothing gets everything that tells its outcome from others.
 */
export function updatedExpectation(expect: Expectation | undefined, got: Outcome): Expectation {
  if (expect === undefined || expectsNothing(expect)) return recordedExpectation(got);
  if (differencesOf(expect, got).length === 0) return expect;
  const wanted = got.allowed ? admitted(expect, got) : refused(expect, got);
  const kept = Object.entries(wanted).filter(([, value]) => value !== undefined);
  const saysSomething = kept.some(([key]) => key !== 'exact');
  return { ...(saysSomething ? {} : { outcome: outcomeName(got) }), ...Object.fromEntries(kept) };
}

function recordedExpectation(got: Outcome): Expectation {
  const outcome = outcomeName(got);
  if (!got.allowed) return { allowed: false, outcome, message: literalPattern(got.message) };
  if (got.outcome === 'Skipped') return { outcome, ...reasonOf(got) };
  const added = (map: 'annotations' | 'labels'): Expectation =>
    got.added[map].length === 0 ? {} : { [map]: pick(got[map], got.added[map]) };
  return {
    outcome,
    ...(got.cache === '' ? {} : { cache: got.cache }),
    ...(got.missing === undefined || got.missing.length === 0 ? {} : { missing: [...got.missing] }),
    ...(got.rules.length === 0 ? {} : { rules: [...got.rules] }),
    ...added('annotations'),
    ...added('labels'),
    ...(got.warnings.length === 0 ? {} : { warnings: got.warnings.map(literalPattern) }),
    ...(got.creates ? { creates: true } : {}),
  };
}

/** Expectations of a pod that is refused: only these can be said of it. */
function refused(expect: Expectation, got: Outcome): Partial<Expectation> {
  return {
    allowed: false,
    outcome: outcomeName(got),
    cache: expect.cache === undefined ? undefined : got.cache,
    rules: sameOrNew(expect.rules, got.rules),
    warnings: warningsOf(expect, got),
    message:
      expect.message !== undefined && new RegExp(expect.message, 'u').test(got.message)
        ? expect.message
        : literalPattern(got.message),
    creates: expect.creates === undefined ? undefined : false,
    exact: expect.exact,
  };
}

function admitted(expect: Expectation, got: Outcome): Partial<Expectation> {
  const isDecided = got.outcome !== 'Skipped' && got.outcome !== 'Error';
  const back = (expect.absent ?? []).filter(
    (key) => got.annotations?.has(key) === true || got.labels?.has(key) === true,
  );
  const absent = expect.absent?.filter((key) => !back.includes(key));
  return {
    allowed: expect.allowed === undefined ? undefined : true,
    outcome: expect.outcome === undefined && expect.reason === undefined ? undefined : outcomeName(got),
    reason: expect.reason === undefined ? undefined : reasonOf(got).reason,
    cache: isDecided && expect.cache !== undefined && got.cache !== '' ? got.cache : undefined,
    missing: isDecided && got.missing !== undefined ? sameOrNew(expect.missing, got.missing, imageKey) : undefined,
    rules: isDecided ? sameOrNew(expect.rules, got.rules) : undefined,
    annotations: mapOf('annotations', expect, got, back),
    labels: mapOf('labels', expect, got, back),
    absent: absent?.length === 0 && back.length > 0 ? undefined : absent,
    warnings: warningsOf(expect, got),
    creates: expect.creates === undefined ? undefined : got.creates,
    exact: expect.exact,
  };
}

/** The expected keys with today's values; more where the case is exact, or where a key came that should be absent. */
function mapOf(
  map: 'annotations' | 'labels',
  expect: Expectation,
  got: Outcome,
  back: readonly string[],
): Record<string, string> | undefined {
  const known = Object.keys(expect[map] ?? {});
  const more = expect.exact === true ? got.added[map] : [];
  const keys = [...new Set([...known, ...back, ...more])];
  const values = pick(got[map], keys);
  return Object.keys(values).length === 0 && (known.length > 0 || expect[map] === undefined) ? undefined : values;
}

function pick(map: ReadonlyMap<string, string> | undefined, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    keys.flatMap((key): [string, string][] => {
      const value = map?.get(key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/** Patterns that are met stay; for the others, and for unexpected warnings where these count, the warnings stand. */
function warningsOf(expect: Expectation, got: Outcome): string[] | undefined {
  const patterns = expect.warnings ?? [];
  const met = patterns.filter((pattern) => got.warnings.some((warning) => new RegExp(pattern, 'u').test(warning)));
  const isComplete = expect.exact === true || expect.warnings?.length === 0 || met.length < patterns.length;
  const unexpected = got.warnings.filter((warning) => !met.some((pattern) => new RegExp(pattern, 'u').test(warning)));
  const more = isComplete ? unexpected.map(literalPattern) : [];
  if (expect.warnings === undefined && more.length === 0) return undefined;
  return [...met, ...more];
}

/** A list that holds the same in another order, or written otherwise, stays as it is. */
function sameOrNew(
  expected: string[] | undefined,
  got: readonly string[],
  keyOf: (item: string) => string = (item) => item,
): string[] | undefined {
  if (expected === undefined) return undefined;
  const [a, b] = [new Set(expected.map(keyOf)), new Set(got)];
  return a.size === b.size && [...a].every((item) => b.has(item)) ? expected : [...got];
}

function outcomeName({ outcome }: Outcome): Expectation['outcome'] {
  return outcome as Expectation['outcome']; // what a case can end in is what it can expect
}

function reasonOf({ outcome, reason }: Outcome): Pick<Expectation, 'reason'> {
  return outcome === 'Skipped' ? { reason: reason as Expectation['reason'] } : {}; // as above
}
