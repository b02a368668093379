import type { ProfileRule } from '../core/eci-profile.ts';
import { SYSTEM_NAMESPACES } from '../core/gate.ts';
import { ACS_LABEL, IGNORE_KEY, LEGACY_PIN_KEY, NAMESPACE_NAME_LABEL, PIN_KEY } from '../core/keys.ts';
import type { LabelRequirement, StringMap } from '../core/label-selector.ts';
import type { Contradiction } from './selector-logic.ts';
import { containment, contradictionIn } from './selector-logic.ts';

/** Why a rule can never match a pod. */
export interface Unreachable extends Contradiction {
  readonly selector: 'namespaceSelector' | 'objectSelector';
  /** The requirements hold together, but pods that meet them are always left alone (spec G3). */
  readonly leftAlone: boolean;
}

/** Labels of the pods and namespaces that the gate lets through (spec G3). */
const GATE: Readonly<Record<Unreachable['selector'], readonly LabelRequirement[]>> = {
  namespaceSelector: [
    { key: NAMESPACE_NAME_LABEL, operator: 'NotIn', values: [...SYSTEM_NAMESPACES] },
    { key: IGNORE_KEY, operator: 'NotIn', values: ['true'] },
  ],
  objectSelector: [
    { key: ACS_LABEL, operator: 'NotIn', values: ['true'] },
    { key: IGNORE_KEY, operator: 'NotIn', values: ['true'] },
  ],
};

/**
 * Why a rule never matches a pod that is handled, whatever pods and namespaces there are; `undefined` when some could
 * be (spec P2, G3). Never wrong: what it calls unreachable is.
 */
export function unreachableBy(rule: ProfileRule): Unreachable | undefined {
  for (const selector of ['namespaceSelector', 'objectSelector'] as const) {
    const requirements = rule[selector]?.requirements ?? [];
    const contradiction = contradictionIn(requirements);
    if (contradiction !== undefined) return { ...contradiction, selector, leftAlone: false };
    const gated = contradictionIn([...requirements, ...GATE[selector]]);
    if (gated === undefined) continue;
    const own = requirements.filter(({ key }) => key === gated.key);
    return { key: gated.key, requirements: own, selector, leftAlone: true };
  }
  return undefined;
}

/**
 * The earlier rules that leave nothing to a rule (spec P3): whenever it matches they match, and together they set every
 * key it sets. Empty when it has an effect of its own on some pod, as far as selectors tell. Never wrong: a rule with
 * such rules before it never adds anything. A pin is shadowed only by the same pin, since a rule's pin is left out while
 * its cache does not work (spec P4).
 *
 * Costs a comparison of selectors for each earlier rule that sets one of its keys.
 */
export function shadowersOf(rule: ProfileRule, earlier: readonly ProfileRule[]): readonly ProfileRule[] {
  const shadowers = new Set<ProfileRule>();
  const matchesWith = new Map<ProfileRule, boolean>();
  const isWithinNamespaces = containment(rule.namespaceSelector);
  const isWithinObjects = containment(rule.objectSelector);
  const isShadowed = (map: 'annotations' | 'labels', key: string, value: string): boolean => {
    const shadower = earlier.find((other) => {
      if (!sets(other.effect[map], key, value, map)) return false;
      const known = matchesWith.get(other);
      if (known !== undefined) return known;
      const matches = isWithinNamespaces(other.namespaceSelector) && isWithinObjects(other.objectSelector);
      matchesWith.set(other, matches);
      return matches;
    });
    if (shadower !== undefined) shadowers.add(shadower);
    return shadower !== undefined;
  };
  for (const map of ['annotations', 'labels'] as const) {
    for (const [key, value] of rule.effect[map]) if (!isShadowed(map, key, value)) return [];
  }
  return [...shadowers];
}

function sets(effect: StringMap, key: string, value: string, map: 'annotations' | 'labels'): boolean {
  const isPin = map === 'annotations' && (key === PIN_KEY || key === LEGACY_PIN_KEY);
  return isPin ? value !== '' && effect.get(key) === value : effect.has(key);
}
