import type { LabelRequirement, LabelSelector, StringMap } from './label-selector.ts';
import { firstFailure } from './label-selector.ts';

/** One rule of the eci-profile (spec P1). A selector without requirements is no selector and is absent here (spec P2). */
export interface ProfileRule {
  readonly name: string;
  readonly namespaceSelector: LabelSelector | undefined;
  readonly objectSelector: LabelSelector | undefined;
  readonly effect: {
    readonly annotations: StringMap;
    readonly labels: StringMap;
  };
}

/** The rules in force, in the order they are evaluated (spec P3). */
export interface EciProfile {
  readonly rules: readonly ProfileRule[];
  /** Every annotation key that some rule's effect sets: what a review may take back (spec M11). */
  readonly effectAnnotations: ReadonlySet<string>;
  /** Every label key that some rule's effect sets (spec M11). */
  readonly effectLabels: ReadonlySet<string>;
}

/** Builds the profile of these rules. Linear in their number. */
export function eciProfileOf(rules: readonly ProfileRule[]): EciProfile {
  return {
    rules,
    effectAnnotations: new Set(rules.flatMap((rule) => [...rule.effect.annotations.keys()])),
    effectLabels: new Set(rules.flatMap((rule) => [...rule.effect.labels.keys()])),
  };
}

/** What applies when there is no eci-profile (spec P6). */
export const EMPTY_PROFILE: EciProfile = eciProfileOf([]);

/** Whether a rule applies to a pod, and if not, the first thing that stood in its way. */
export type RuleEvaluation =
  | { readonly rule: ProfileRule; readonly matched: true }
  | {
      readonly rule: ProfileRule;
      readonly matched: false;
      /** `unknown-namespace`: the rule has a namespaceSelector and the namespace's labels are not known (spec G6). */
      readonly failed:
        | 'unknown-namespace'
        | { readonly selector: 'namespaceSelector' | 'objectSelector'; readonly requirement: LabelRequirement };
    };

/**
 * Evaluates one rule (spec P2).
 *
 * @param labels - the pod's own labels, without those a former review of ours added (spec P3).
 * @param namespaceLabels - `undefined` when the namespace is not known; then no rule with a namespaceSelector matches (spec G6).
 */
export function evaluateRule(
  rule: ProfileRule,
  labels: StringMap,
  namespaceLabels: StringMap | undefined,
): RuleEvaluation {
  const { namespaceSelector, objectSelector } = rule;
  if (namespaceSelector !== undefined) {
    if (namespaceLabels === undefined) return { rule, matched: false, failed: 'unknown-namespace' };
    const requirement = firstFailure(namespaceSelector, namespaceLabels);
    if (requirement !== undefined) {
      return { rule, matched: false, failed: { selector: 'namespaceSelector', requirement } };
    }
  }
  if (objectSelector !== undefined) {
    const requirement = firstFailure(objectSelector, labels);
    if (requirement !== undefined) return { rule, matched: false, failed: { selector: 'objectSelector', requirement } };
  }
  return { rule, matched: true };
}

/** Whether a rule recognises pods by itself, so that a match is a signal of the gate (spec G4). */
export function hasSelector(rule: ProfileRule): boolean {
  return rule.namespaceSelector !== undefined || rule.objectSelector !== undefined;
}
