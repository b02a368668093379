import { z } from 'zod';
import type { EciProfile, ProfileRule } from '../core/eci-profile.ts';
import { EMPTY_PROFILE, eciProfileOf } from '../core/eci-profile.ts';
import type { LabelRequirement, LabelSelector } from '../core/label-selector.ts';
import { ANNOTATION_KEY, LABEL_KEY, LABEL_VALUE } from '../core/qualified-name.ts';
import type { JsonObject } from './json.ts';
import { isJsonObject, member } from './json.ts';
import { ECI_PROFILE } from './kinds.ts';
import type { Origin } from './manifest-error.ts';
import { ManifestError } from './manifest-error.ts';
import type { Path } from './manifest-text.ts';
import type { SelectorsPlace } from './selectors-text.ts';
import { SelectorsText } from './selectors-text.ts';

/**
 * The rules of an eci-profile (spec P1, P2, P6). Unknown fields are ignored (spec P5), `null` is absent.
 *
 * @param selectors - text of the key `selectors`; blank means no rules.
 * @throws ManifestError naming line, column, rule and field; one error makes the whole text invalid (spec P6).
 */
export function decodeEciProfile(selectors: string, place?: SelectorsPlace): EciProfile {
  if (selectors.trim() === '') return EMPTY_PROFILE;
  const text = new SelectorsText(selectors, place);
  const { problems, rules } = readRules(text.parse());
  if (problems[0] !== undefined) throw text.error(problems[0].path, problems[0].problem);
  return eciProfileOf(rules.map(({ rule }) => rule));
}

/** What is wrong with a part of a `selectors` text (spec P6). */
export interface SelectorsProblem {
  readonly kind: 'shape' | 'illegal' | 'forbidden' | 'duplicate';
  readonly path: Path;
  /** Whether the key at the end of the path is wrong, or the value there. */
  readonly at: 'key' | 'value';
  /** What was expected. */
  readonly problem: string;
}

/** Rules as far as they can be read: all that is wrong, and those that are valid by themselves. */
export interface RulesReading {
  readonly problems: readonly SelectorsProblem[];
  readonly rules: readonly { readonly index: number; readonly rule: ProfileRule }[];
}

/** Reads the JSON of a `selectors` text. One problem makes the whole text invalid (spec P6). */
export function readRules(json: unknown): RulesReading {
  if (!Array.isArray(json)) {
    return { problems: [{ kind: 'shape', path: [], at: 'value', problem: 'expected a list' }], rules: [] };
  }
  const problems: SelectorsProblem[] = [];
  const rules: { index: number; rule: ProfileRule }[] = [];
  const names = new Set<unknown>();
  for (const [index, value] of json.entries()) {
    const polluted = findPath(value, '__proto__', [index]);
    const result = RULE.safeParse(value);
    if (polluted !== undefined) {
      problems.push({ kind: 'illegal', path: polluted, at: 'key', problem: LABEL_KEY_PROBLEM });
    } else if (result.success) {
      rules.push({ index, rule: ruleOf(result.data) });
    } else {
      problems.push(...result.error.issues.map((issue) => problemOf(index, issue)));
    }
    const name = member(value, 'name');
    if (names.has(name)) {
      const problem = `another rule has the name ${JSON.stringify(name)}`;
      problems.push({ kind: 'duplicate', path: [index, 'name'], at: 'value', problem });
    }
    if (typeof name === 'string' && name !== '') names.add(name);
  }
  return { problems, rules };
}

/**
 * The `selectors` text of the eci-profile ConfigMap; `undefined` when it has none (spec P6: no rules, no error).
 *
 * @throws ManifestError when the value is no text.
 */
export function selectorsOf(configMap: JsonObject, origin?: Origin): string | undefined {
  const value = member(member(configMap, 'data'), ECI_PROFILE.key);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') {
    throw ManifestError.at(origin, ['data', ECI_PROFILE.key], 'expected a text that holds a JSON array of rules');
  }
  return value;
}

const LABEL_KEY_PROBLEM = 'not a legal key: expected [prefix/]name of letters, digits, "-", "_" and "."';
const FORBIDDEN_PROBLEM = 'a rule must not set this key: it could make a pod invalid or hide it from the webhook';
const LABEL_VALUE_PROBLEM = 'not a legal label value: at most 63 letters, digits, "-", "_" and "."';

const KINDS: Readonly<Record<string, SelectorsProblem['kind']>> = {
  [LABEL_KEY_PROBLEM]: 'illegal',
  [LABEL_VALUE_PROBLEM]: 'illegal',
  [FORBIDDEN_PROBLEM]: 'forbidden',
};

/** Any key but those that could make a pod invalid or fool the gate (spec P6). */
const ALLOWED_EFFECT = new RegExp(
  `^(?!(?:${[
    'kubernetes.io/config.mirror$',
    'controller.kubernetes.io/pod-deletion-cost$',
    'alibabacloud.com/acs$',
    'imc-webhook/',
    'scheduler.alpha.kubernetes.io/',
    'seccomp.security.alpha.kubernetes.io/',
    'container.seccomp.security.alpha.kubernetes.io/',
    'apparmor.security.beta.kubernetes.io/',
    'container.apparmor.security.beta.kubernetes.io/',
  ]
    .map((key) => key.replaceAll('.', '\\.'))
    .join('|')}))`,
);

const labelKey = z.string().regex(LABEL_KEY, LABEL_KEY_PROBLEM);
const labelValue = z.string().regex(LABEL_VALUE, LABEL_VALUE_PROBLEM);

const REQUIREMENT = z
  .looseObject({
    key: labelKey.describe('Key of a label.'),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('What must hold for the label.'),
    values: z.array(labelValue).nullish().describe('At least one for In and NotIn, none for Exists and DoesNotExist.'),
  })
  .superRefine(({ operator, values }, context) => {
    const needsValues = operator === 'In' || operator === 'NotIn';
    if (needsValues === (values ?? []).length > 0) return;
    const message = needsValues
      ? `operator ${operator} needs at least one value`
      : `operator ${operator} takes no values`;
    context.addIssue({ code: 'custom', path: ['values'], message });
  })
  // The same, for editors.
  .meta({
    if: { properties: { operator: { enum: ['In', 'NotIn'] } } },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { required: ['values'], properties: { values: { type: 'array', minItems: 1 } } },
    else: { properties: { values: { maxItems: 0 } } },
  });

const SELECTOR = z.looseObject({
  matchLabels: z.record(labelKey, labelValue.nullable()).nullish().describe('Labels and the values they must have.'),
  matchExpressions: z.array(REQUIREMENT).nullish().describe('Conditions on labels; all must hold.'),
});

const EFFECT = z.looseObject({
  annotations: z
    .record(
      z.string().regex(ANNOTATION_KEY, LABEL_KEY_PROBLEM).regex(ALLOWED_EFFECT, FORBIDDEN_PROBLEM),
      z.string().nullable(),
    )
    .nullish()
    .describe('Annotations for the pod; one it has already is never overwritten.'),
  labels: z
    .record(labelKey.regex(ALLOWED_EFFECT, FORBIDDEN_PROBLEM), labelValue.nullable())
    .nullish()
    .describe('Labels for the pod; one it has already is never overwritten.'),
});

const RULE = z.looseObject({
  name: z
    .string()
    .min(1, 'a rule needs a name that is not empty')
    .describe('Name of the rule, which no other rule has; messages and decisions use it.'),
  namespaceSelector: SELECTOR.nullish().describe('Which namespaces, by their labels; none means all.'),
  objectSelector: SELECTOR.nullish().describe('Which pods, by their labels; none means all.'),
  effect: EFFECT.nullish().describe('What a pod gets to which the rule applies.'),
});

/** The rules, as the JSON of the key `selectors` has them (spec P1, P6); that names differ is not said here. */
export const ECI_PROFILE_RULES = z.array(RULE);

function ruleOf({ name, namespaceSelector, objectSelector, effect }: z.infer<typeof RULE>): ProfileRule {
  return {
    name,
    namespaceSelector: selectorOf(namespaceSelector),
    objectSelector: selectorOf(objectSelector),
    effect: {
      annotations: new Map(presentEntries(effect?.annotations)),
      labels: new Map(presentEntries(effect?.labels)),
    },
  };
}

/** `null` is absent (spec P1). */
function presentEntries(map: Readonly<Record<string, string | null>> | null | undefined): [string, string][] {
  return Object.entries(map ?? {}).flatMap(([key, value]): [string, string][] =>
    value === null ? [] : [[key, value]],
  );
}

/** A selector without requirements is no selector (spec P2). */
function selectorOf(selector: z.infer<typeof SELECTOR> | null | undefined): LabelSelector | undefined {
  const requirements: LabelRequirement[] = [
    ...presentEntries(selector?.matchLabels).map(
      ([key, value]): LabelRequirement => ({ key, operator: 'In', values: [value] }),
    ),
    ...(selector?.matchExpressions ?? []).map(({ key, operator, values }) => ({ key, operator, values: values ?? [] })),
  ];
  return requirements.length === 0 ? undefined : { requirements };
}

function problemOf(index: number, issue: z.core.$ZodIssue): SelectorsProblem {
  const problem = issueText(issue);
  const path = [index, ...issue.path.filter((step) => typeof step !== 'symbol')];
  return { kind: KINDS[problem] ?? 'shape', path, at: issue.code === 'invalid_key' ? 'key' : 'value', problem };
}

function issueText(issue: z.core.$ZodIssue): string {
  // A record reports a bad key as an issue of its own kind that wraps the reason.
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? LABEL_KEY_PROBLEM;
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.join(', ')}`;
  if (issue.code === 'invalid_type') return `expected ${EXPECTED[issue.expected] ?? issue.expected}`;
  return issue.message;
}

const EXPECTED: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'an object',
  record: 'an object of keys and texts',
  string: 'a text',
};

/** Path of a member with this key, down to where selectors and effects hold their keys. */
function findPath(value: unknown, key: string, path: (string | number)[]): (string | number)[] | undefined {
  if (typeof value !== 'object' || value === null || path.length > KEY_DEPTH) return undefined;
  for (const [step, inner] of Object.entries(value)) {
    if (path.length === 1 && !KEY_HOLDERS.has(step)) continue;
    const next = [...path, Array.isArray(value) ? Number(step) : step];
    if (step === key && isJsonObject(value)) return next;
    const found = findPath(inner, key, next);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `[0].objectSelector.matchLabels` */
const KEY_DEPTH = 3;
const KEY_HOLDERS: ReadonlySet<string> = new Set(['namespaceSelector', 'objectSelector', 'effect']);
