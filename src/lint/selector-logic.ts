import type { LabelRequirement, LabelSelector } from '../core/label-selector.ts';

/**
 * What requirements on one key come to together. Labels have endlessly many values, so nothing but these four facts
 * matters, and what follows from them is all that follows.
 */
interface KeyConstraint {
  exists: boolean;
  absent: boolean;
  /** The values that are left by `In`; `undefined`: all. */
  allowed: ReadonlySet<string> | undefined;
  readonly forbidden: Set<string>;
}

/** Requirements that no label set meets together. */
export interface Contradiction {
  readonly key: string;
  /** All requirements on that key, in the order written. */
  readonly requirements: readonly LabelRequirement[];
}

/** The first key whose requirements contradict each other; `undefined` if some label set meets them all. Linear. */
export function contradictionIn(requirements: readonly LabelRequirement[]): Contradiction | undefined {
  for (const [key, constraint] of constraintsOf(requirements)) {
    if (isImpossible(constraint)) {
      return { key, requirements: requirements.filter((requirement) => requirement.key === key) };
    }
  }
  return undefined;
}

/**
 * Tells whether every label set that `narrow` selects is selected by another selector, too. An absent selector selects
 * everything.
 */
export function containment(narrow: LabelSelector | undefined): (wide: LabelSelector | undefined) => boolean {
  const constraints = constraintsOf(narrow?.requirements ?? []);
  return (wide) =>
    wide === undefined ||
    wide.requirements.every((requirement) => follows(requirement, constraints.get(requirement.key)));
}

function constraintsOf(requirements: readonly LabelRequirement[]): Map<string, KeyConstraint> {
  const constraints = new Map<string, KeyConstraint>();
  for (const { key, operator, values } of requirements) {
    const constraint = constraints.get(key) ?? {
      exists: false,
      absent: false,
      allowed: undefined,
      forbidden: new Set<string>(),
    };
    constraints.set(key, constraint);
    if (operator === 'In' || operator === 'Exists') constraint.exists = true;
    if (operator === 'DoesNotExist') constraint.absent = true;
    if (operator === 'NotIn') for (const value of values) constraint.forbidden.add(value);
    if (operator === 'In') {
      const { allowed } = constraint;
      constraint.allowed = new Set(allowed === undefined ? values : values.filter((value) => allowed.has(value)));
    }
  }
  return constraints;
}

function isImpossible(constraint: KeyConstraint): boolean {
  if (constraint.exists && constraint.absent) return true;
  return valuesLeft(constraint)?.length === 0;
}

/** The values a label can still have; `undefined`: endlessly many. */
function valuesLeft({ allowed, forbidden }: KeyConstraint): readonly string[] | undefined {
  return allowed && [...allowed].filter((value) => !forbidden.has(value));
}

function follows({ operator, values }: LabelRequirement, constraint: KeyConstraint | undefined): boolean {
  if (constraint === undefined) return false;
  const left = valuesLeft(constraint);
  switch (operator) {
    case 'In':
      return left !== undefined && left.every((value) => values.includes(value));
    case 'NotIn':
      if (constraint.absent) return true;
      if (left !== undefined) return !left.some((value) => values.includes(value));
      return values.every((value) => constraint.forbidden.has(value));
    case 'Exists':
      return constraint.exists;
    case 'DoesNotExist':
      return constraint.absent;
  }
}
