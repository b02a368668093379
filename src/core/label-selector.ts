/** Labels or annotations of an object. A Map, so that keys such as `__proto__` are only data (spec A7). */
export type StringMap = ReadonlyMap<string, string>;

/** One condition on a label set, with the operators of Kubernetes. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /** Empty for `Exists` and `DoesNotExist`. */
  readonly values: readonly string[];
}

/** A LabelSelector: all requirements must hold. `matchLabels` entries are `In` requirements of one value. */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
}

/**
 * The first requirement the labels do not meet, in the order written; `undefined` when all hold (spec P1).
 * `NotIn` and `DoesNotExist` hold when the key is absent, as in Kubernetes.
 */
export function firstFailure(selector: LabelSelector, labels: StringMap): LabelRequirement | undefined {
  return selector.requirements.find((requirement) => !meets(requirement, labels));
}

function meets(requirement: LabelRequirement, labels: StringMap): boolean {
  const value = labels.get(requirement.key);
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** A requirement as kubectl prints selectors: `tier=web`, `tier in (web,api)`, `!tier`. */
export function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(',')})`;
    case 'NotIn':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(',')})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
  }
}
