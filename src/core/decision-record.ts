import type { EciProfile } from './eci-profile.ts';
import { DECISION_KEY, VENDOR_KEYS } from './keys.ts';
import type { StringMap } from './label-selector.ts';
import type { Outcome } from './outcome.ts';
import { compareCodeUnits } from './text-order.ts';
import { utf8Length } from './utf8.ts';

/** What the annotation `imc-webhook/decision` holds (spec A2). Parts that say nothing are absent. */
export interface DecisionRecord {
  readonly outcome: Outcome;
  /** Name of the pinned cache, or of the first by spec M4. */
  readonly cache?: string | undefined;
  /** A pin we inject. */
  readonly id?: string | undefined;
  /** The pin we would inject, in mode `observe` (spec M12). */
  readonly would?: string | undefined;
  /** Where ranking ran: how many of the images that cache holds exactly, out of how many, and which it does not. */
  readonly coverage?:
    | { readonly exact: number; readonly images: number; readonly missing: readonly string[] }
    | undefined;
  /** Names of the profile rules that matched. */
  readonly rules: readonly string[];
  readonly added: Additions;
}

/** Every annotation and label we added, with its value; the decision itself not (spec M11). */
export interface Additions {
  readonly annotations: StringMap;
  readonly labels: StringMap;
}

const NO_ADDITIONS: Additions = { annotations: new Map(), labels: new Map() };

/** Bytes the annotation may take without `added` (spec A2). */
const SIZE_LIMIT_BYTES = 4096;

/**
 * The annotation's text (spec A2): compact JSON on one line, keys in the contract's order, under 4 KiB without `added`.
 * The same record gives the same bytes everywhere.
 */
export function encodeDecisionRecord(record: DecisionRecord): string {
  const { outcome, cache, id, would, coverage, rules, added } = record;
  const encode = (missing: readonly string[], matched: readonly string[], additions: object | undefined): string =>
    JSON.stringify({
      outcome,
      cache,
      id,
      would,
      exact: coverage?.exact,
      images: coverage?.images,
      missing: missing.length === 0 ? undefined : missing,
      rules: matched.length === 0 ? undefined : matched,
      added: additions,
    });
  const additions = encodeAdditions(added);
  const missing = coverage?.missing ?? [];
  const text = encode(missing, rules, additions);
  // What is short enough with `added` is so without it; and a UTF-16 code unit takes at most three bytes in UTF-8.
  if (text.length * 3 < SIZE_LIMIT_BYTES || utf8Length(text) < SIZE_LIMIT_BYTES) return text;

  const bytesForLists = SIZE_LIMIT_BYTES - 1 - utf8Length(encode([], [], undefined));
  const missingList = new CutList('missing', missing);
  const rulesList = new CutList('rules', rules);
  while (missingList.bytes + rulesList.bytes > bytesForLists) {
    const longer = missingList.bytes >= rulesList.bytes ? missingList : rulesList;
    const other = longer === missingList ? rulesList : missingList;
    if (!longer.cut() && !other.cut()) break;
  }
  return encode(missingList.items(), rulesList.items(), additions);
}

/**
 * What a former review of ours added to this pod (spec M11).
 *
 * @param profile - keys that are neither the vendor's nor set by some rule are not ours to take back.
 * @returns nothing for a missing or unreadable decision.
 */
export function formerAdditions(annotations: StringMap, profile: EciProfile): Additions {
  const added = parseDecision(annotations)?.['added'];
  if (!isObject(added)) return NO_ADDITIONS;
  return {
    annotations: additionsOf(added['annotations'], (key) => VENDOR_KEYS.has(key) || profile.effectAnnotations.has(key)),
    labels: additionsOf(added['labels'], (key) => profile.effectLabels.has(key)),
  };
}

/** The audited parts of the decision a pod already carries (spec A3), if it carries a readable one. */
export function formerAudit(annotations: StringMap): Record<string, string> | undefined {
  const decision = parseDecision(annotations);
  if (decision === undefined || typeof decision['outcome'] !== 'string') return undefined;
  const { outcome, cache, rules } = decision;
  return auditAnnotations(
    outcome as Outcome, // compared with a decided one, never acted on
    typeof cache === 'string' ? cache : undefined,
    Array.isArray(rules) ? rules.filter((rule) => typeof rule === 'string') : [],
  );
}

/** What the audit log is told (spec A3): outcome, cache and rules, each only if there is something to say. */
export function auditAnnotations(
  outcome: Outcome,
  cache: string | undefined,
  rules: readonly string[],
): Record<string, string> {
  return {
    outcome,
    ...(cache === undefined ? {} : { cache }),
    ...(rules.length === 0 ? {} : { rules: rules.join(',') }),
  };
}

/** Outcomes of pods that a new ImageCache would help (spec M9). */
const WANTING: ReadonlySet<unknown> = new Set<Outcome>([
  'NoMatch',
  'PartialMatch',
  'PerfectMatchUnsatisfied',
  'MatchCountUnsatisfied',
]);

/**
 * Whether the decision that a pod carries asks for a new ImageCache (spec M9, N1): nothing held all of its images then.
 * So does one made in mode `observe`; whether anything is made is for the mode in force now to say.
 */
export function asksForCache(annotations: StringMap): boolean {
  const decision = parseDecision(annotations);
  if (decision === undefined || !WANTING.has(decision['outcome'])) return false;
  const { exact, images } = decision;
  return typeof exact !== 'number' || exact !== images;
}

function parseDecision(annotations: StringMap): Record<string, unknown> | undefined {
  const text = annotations.get(DECISION_KEY);
  if (text === undefined) return undefined;
  try {
    const decision: unknown = JSON.parse(text);
    return isObject(decision) ? decision : undefined;
  } catch {
    return undefined;
  }
}

function additionsOf(value: unknown, isOurs: (key: string) => boolean): StringMap {
  const additions = new Map<string, string>();
  if (!isObject(value)) return additions;
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === 'string' && isOurs(key)) additions.set(key, text);
  }
  return additions;
}

function encodeAdditions({ annotations, labels }: Additions): object | undefined {
  if (annotations.size === 0 && labels.size === 0) return undefined;
  return { annotations: sortedObject(annotations), labels: sortedObject(labels) };
}

/** Sorted by key, so that the order in which rules spell their effects leaves no trace. */
function sortedObject(map: StringMap): object | undefined {
  if (map.size === 0) return undefined;
  return Object.fromEntries(map.size === 1 ? map : [...map].toSorted(([a], [b]) => compareCodeUnits(a, b)));
}

/** A list that loses items from its end until the record fits, and then says how many (spec A2). */
class CutList {
  readonly #all: readonly string[];
  /** Bytes of each item in the annotation, with its comma. */
  readonly #itemBytes: readonly number[];
  readonly #frameBytes: number;
  #keptBytes: number;
  #kept: number;

  constructor(key: string, all: readonly string[]) {
    this.#all = all;
    this.#kept = all.length;
    this.#itemBytes = all.map((item) => utf8Length(JSON.stringify(item)) + 1);
    this.#keptBytes = this.#itemBytes.reduce((sum, bytes) => sum + bytes, 0);
    // Of `,"key":[…]`; the last item has no comma, hence 5 and not 6.
    this.#frameBytes = key.length + 5;
  }

  /** Bytes of the whole member in the annotation. */
  get bytes(): number {
    if (this.#all.length === 0) return 0;
    const note = this.#note();
    return this.#frameBytes + this.#keptBytes + (note === undefined ? 0 : note.length + 3);
  }

  /** Takes the last item away; false when none is left. */
  cut(): boolean {
    if (this.#kept === 0) return false;
    this.#kept -= 1;
    this.#keptBytes -= this.#itemBytes[this.#kept] ?? 0;
    return true;
  }

  items(): readonly string[] {
    const note = this.#note();
    return note === undefined ? this.#all : [...this.#all.slice(0, this.#kept), note];
  }

  #note(): string | undefined {
    const cut = this.#all.length - this.#kept;
    return cut === 0 ? undefined : `+${cut} more`;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
