import type { Node, ParseError } from 'jsonc-parser';
import { findNodeAtLocation, parseTree, printParseErrorCode } from 'jsonc-parser';
import { z } from 'zod';
import type { EciProfile, ProfileRule } from '../core/eci-profile.ts';
import { EMPTY_PROFILE, eciProfileOf } from '../core/eci-profile.ts';
import type { LabelRequirement, LabelSelector } from '../core/label-selector.ts';
import { ANNOTATION_KEY, LABEL_KEY, LABEL_VALUE } from '../core/qualified-name.ts';
import type { JsonObject } from './json.ts';
import { isJsonObject, member } from './json.ts';
import { ECI_PROFILE } from './kinds.ts';
import type { Origin } from './manifest-error.ts';
import { formatPath, ManifestError } from './manifest-error.ts';

/** Where a `selectors` text stands, so that a message can point into its file. */
export interface SelectorsPlace {
  readonly origin: Origin;
  readonly path: readonly (string | number)[];
}

/**
 * The rules of an eci-profile (spec P1, P2, P6). Unknown fields are ignored (spec P5), `null` is absent.
 *
 * @param selectors - text of the key `selectors`; blank means no rules.
 * @throws ManifestError naming line, column, rule and field; one error makes the whole text invalid (spec P6).
 */
export function decodeEciProfile(selectors: string, place?: SelectorsPlace): EciProfile {
  if (selectors.trim() === '') return EMPTY_PROFILE;
  const text = new SelectorsText(selectors, place);
  const json = text.parse();
  const polluted = findPath(json, '__proto__', []);
  if (polluted !== undefined) throw text.error(polluted, LABEL_KEY_PROBLEM);
  const result = ECI_PROFILE_RULES.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw text.error(
      (issue?.path ?? []).filter((step) => typeof step !== 'symbol'),
      issueText(issue),
    );
  }
  return eciProfileOf(result.data.map(ruleOf));
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
const LABEL_VALUE_PROBLEM = 'not a legal label value: at most 63 letters, digits, "-", "_" and "."';

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

const FORBIDDEN_PROBLEM = 'a rule must not set this key: it could make a pod invalid or hide it from the webhook';
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

/** The rules, as the JSON of the key `selectors` has them (spec P1, P6). */
export const ECI_PROFILE_RULES = z.array(RULE).superRefine((rules, context) => {
  const names = new Set<string>();
  for (const [i, { name }] of rules.entries()) {
    if (names.has(name)) {
      context.addIssue({
        code: 'custom',
        path: [i, 'name'],
        message: `another rule has the name ${JSON.stringify(name)}`,
      });
    }
    names.add(name);
  }
});

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

function issueText(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'not a list of rules';
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

/** The text of the key and the places in it. */
class SelectorsText {
  readonly #text: string;
  readonly #place: SelectorsPlace | undefined;
  #json: unknown;

  constructor(text: string, place: SelectorsPlace | undefined) {
    this.#text = text;
    this.#place = place;
  }

  parse(): unknown {
    try {
      this.#json = JSON.parse(this.#text);
      return this.#json;
    } catch (cause) {
      throw this.#syntaxError(cause);
    }
  }

  /** An error about a value, with the name of the rule it belongs to (spec P6). */
  error(path: readonly (string | number)[], problem: string): ManifestError {
    const name = member(Array.isArray(this.#json) ? this.#json[Number(path[0] ?? -1)] : undefined, 'name');
    const rule = typeof name === 'string' && name !== '' ? `rule ${JSON.stringify(name)}: ` : '';
    const node = nearestNode(treeOf(this.#text), path);
    return this.#errorAt(node?.offset ?? 0, `${ECI_PROFILE.key}${formatPath(path)}`, `${rule}${problem}`);
  }

  #syntaxError(cause: unknown): ManifestError {
    const errors: ParseError[] = [];
    treeOf(this.#text, errors);
    const first = errors[0];
    const what = first === undefined ? '' : ` (${sentence(printParseErrorCode(first.error))})`;
    return this.#errorAt(
      first?.offset ?? 0,
      ECI_PROFILE.key,
      `not valid JSON${what}: expected an array of rules without comments or trailing commas`,
      cause,
    );
  }

  #errorAt(offset: number, field: string, problem: string, cause?: unknown): ManifestError {
    const inFile = this.#place?.origin.positionIn?.(this.#place.path, offset);
    if (inFile !== undefined) {
      const location = `${this.#place?.origin.file}:${inFile.line}:${inFile.column}`;
      return new ManifestError(problem, { location, field, cause });
    }
    const before = this.#text.slice(0, offset).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    const inText = `line ${before.length} column ${column}`;
    const file = this.#place?.origin.position(this.#place.path);
    const location = file === undefined ? inText : `${this.#place?.origin.file}:${file.line}:${file.column}: ${inText}`;
    return new ManifestError(problem, { location, field, cause });
  }
}

/** The node at a path, or the nearest that exists above it. */
function nearestNode(root: Node | undefined, path: readonly (string | number)[]): Node | undefined {
  if (root === undefined) return undefined;
  for (let length = path.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node !== undefined) return node;
  }
  return root;
}

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

/** The text's syntax tree; `undefined` for a text nested too deeply to have one. */
function treeOf(text: string, errors: ParseError[] = []): Node | undefined {
  try {
    return parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  } catch {
    return undefined;
  }
}

/** `CommaExpected` as `comma expected`. */
function sentence(code: string): string {
  return code.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}
