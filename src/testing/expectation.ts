import type { AnsweredReview } from '../admission/answered-review.ts';
import type { Decision } from '../core/decision.ts';
import { isValidReference, parseImageReference } from '../core/image-reference.ts';
import { DECISION_KEY } from '../core/keys.ts';
import { compareCodeUnits } from '../core/text-order.ts';
import { listMember, member, textMap } from '../wire/json.ts';
import { formatPath } from '../wire/manifest-error.ts';
import type { Expectation } from './case-schema.ts';

/** What came of a case, in the terms of its expectations. */
export interface Outcome {
  readonly allowed: boolean;
  readonly outcome: string;
  /** Why the pod was left alone, or what failed; empty otherwise. */
  readonly reason: string;
  /** Empty when the decision names none. */
  readonly cache: string;
  /** Undefined where no ranking ran. */
  readonly missing: readonly string[] | undefined;
  readonly rules: readonly string[];
  /** All annotations and labels of the pod afterwards; undefined for a refused one, which does not come to be. */
  readonly annotations: ReadonlyMap<string, string> | undefined;
  readonly labels: ReadonlyMap<string, string> | undefined;
  /** Those the answer adds or changes, the decision left out. */
  readonly added: { readonly annotations: readonly string[]; readonly labels: readonly string[] };
  readonly warnings: readonly string[];
  readonly message: string;
  readonly creates: boolean;
}

/** An expectation that was not met. */
export interface Difference {
  /** The key below `expect`, such as `annotations["k8s.aliyun.com/eci-imc-id"]`. */
  readonly field: string;
  /** Undefined where the case does not expect what came. */
  readonly expected: ExpectedValue;
  /** Undefined where nothing came. */
  readonly got: ExpectedValue;
}

/** What an expectation can name. */
export type ExpectedValue = string | boolean | readonly string[] | undefined;

/**
 * Reads an answer in the terms of expectations.
 *
 * @param object - what was under review.
 * @param dryRun - a dry run creates nothing (spec N1).
 */
export function outcomeOf(
  object: unknown,
  answer: AnsweredReview,
  { reason, decision, mode, dryRun }: OutcomeFacts,
): Outcome {
  // A decision that could not be carried out (outcome Error) came to nothing.
  const carriedOut =
    decision === undefined || decision.kind === 'skip' || answer.outcome === 'Error' ? undefined : decision;
  const { allowed, warnings, message } = answer;
  const [before, after] = [member(object, 'metadata'), member(answer.pod, 'metadata')];
  const changed = (map: 'annotations' | 'labels'): readonly string[] => {
    const old = textMap(member(before, map));
    return [...textMap(member(after, map))]
      .filter(([key, value]) => old.get(key) !== value && key !== DECISION_KEY)
      .map(([key]) => key)
      .toSorted(compareCodeUnits);
  };
  const missing = member(answer.decision, 'images') === undefined ? undefined : listMember(answer.decision, 'missing');
  return {
    allowed,
    outcome: answer.outcome || carriedOut?.outcome || '',
    reason,
    cache: answer.cache,
    missing: carriedOut === undefined ? undefined : missing?.map(String),
    rules: carriedOut?.because.rules.map(({ name }) => name) ?? [],
    annotations: allowed ? textMap(member(after, 'annotations')) : undefined,
    labels: allowed ? textMap(member(after, 'labels')) : undefined,
    added: { annotations: changed('annotations'), labels: changed('labels') },
    warnings,
    message,
    creates: carriedOut?.kind === 'mutate' && carriedOut.because.cacheWanted && mode === 'enforce' && !dryRun,
  };
}

/** What an answer's body does not say. */
export interface OutcomeFacts {
  readonly reason: string;
  readonly decision: Decision | undefined;
  readonly mode: 'enforce' | 'observe' | 'off';
  readonly dryRun: boolean;
}

/** Every expectation that was not met, in the order of the documentation; none when the case passes. */
export function differencesOf(expect: Expectation, got: Outcome): Difference[] {
  return [...differences(expect, got)];
}

function* differences(expect: Expectation, got: Outcome): Generator<Difference> {
  const { allowed = true } = expect;
  if (got.allowed !== allowed) yield { field: 'allowed', expected: allowed, got: got.allowed };
  for (const key of ['outcome', 'reason', 'cache'] as const) {
    const wanted = expect[key];
    if (wanted !== undefined && got[key] !== wanted) yield { field: key, expected: wanted, got: got[key] || undefined };
  }
  if (expect.missing !== undefined && !isSameSet(expect.missing.map(imageKey), got.missing)) {
    yield { field: 'missing', expected: expect.missing, got: got.missing };
  }
  if (expect.rules !== undefined && !isSameSet(expect.rules, got.rules)) {
    yield { field: 'rules', expected: expect.rules, got: got.rules };
  }
  for (const map of ['annotations', 'labels'] as const) {
    for (const [key, value] of Object.entries(expect[map] ?? {})) {
      const found = got[map]?.get(key);
      if (found !== value) yield { field: formatPath([map, key]), expected: value, got: found };
    }
    if (expect.exact !== true) continue;
    for (const key of got.added[map]) {
      if (Object.hasOwn(expect[map] ?? {}, key)) continue;
      yield { field: formatPath([map, key]), expected: undefined, got: got[map]?.get(key) };
    }
  }
  for (const key of expect.absent ?? []) {
    const found = got.annotations?.get(key) ?? got.labels?.get(key);
    if (found !== undefined) yield { field: formatPath(['absent', key]), expected: undefined, got: found };
  }
  yield* warningDifferences(expect, got.warnings);
  if (expect.message !== undefined && !new RegExp(expect.message, 'u').test(got.message)) {
    yield { field: 'message', expected: pattern(expect.message), got: got.message || undefined };
  }
  if (expect.creates !== undefined && expect.creates !== got.creates) {
    yield { field: 'creates', expected: expect.creates, got: got.creates };
  }
}

/** Each pattern must be met; what none meets counts if the case is exact, or expects that there is no warning. */
function* warningDifferences(expect: Expectation, got: readonly string[]): Generator<Difference> {
  const patterns = (expect.warnings ?? []).map((text) => ({ text, regex: new RegExp(text, 'u') }));
  const unmet = patterns.filter(({ regex }) => !got.some((warning) => regex.test(warning)));
  const isComplete = expect.exact === true || expect.warnings?.length === 0;
  const unexpected = got.filter((warning) => !patterns.some(({ regex }) => regex.test(warning)));
  if (unmet.length === 0 && (unexpected.length === 0 || !isComplete)) return;
  const shown = unexpected.length > 0 ? unexpected : got;
  yield {
    field: 'warnings',
    expected: unmet.length === 0 ? undefined : unmet.map(({ text }) => pattern(text)),
    got: shown.length === 0 ? undefined : shown,
  };
}

/** As people write regular expressions. */
function pattern(text: string): string {
  return `/${text}/`;
}

/** The key of an image, however it was written; what is no reference stays as it is (spec I1, A2). */
export function imageKey(image: string): string {
  const parsed = parseImageReference(image);
  return isValidReference(parsed) ? parsed.key : image;
}

function isSameSet(expected: readonly string[], got: readonly string[] | undefined): boolean {
  const [a, b] = [new Set(expected), new Set(got ?? [])];
  return got !== undefined && a.size === b.size && [...a].every((item) => b.has(item));
}
