import type { PodView } from './pod.ts';
import { compareCodeUnits } from './text-order.ts';

/** What a cache was built for, and what a pod asks for, in the words of Kubernetes' node labels. */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
}

/** The platform of caches that name none and of pods that accept any (spec C2). */
export const DEFAULT_PLATFORM: Platform = { architecture: 'amd64', os: 'linux' };

const ARCH_LABELS = ['kubernetes.io/arch', 'beta.kubernetes.io/arch'] as const;
const OS_LABELS = ['kubernetes.io/os', 'beta.kubernetes.io/os'] as const;

/**
 * The platform a pod asks for (spec C2): its nodeSelector decides, else what its required node affinity accepts.
 * `spec.os.name` stands between the two: the kubelet refuses a pod whose node contradicts it.
 */
export function platformOf(pod: PodView): Platform {
  return {
    architecture: selected(pod, ARCH_LABELS) ?? acceptable(pod, ARCH_LABELS, DEFAULT_PLATFORM.architecture),
    os: selected(pod, OS_LABELS) ?? (pod.osName || acceptable(pod, OS_LABELS, DEFAULT_PLATFORM.os)),
  };
}

function selected(pod: PodView, labels: readonly string[]): string | undefined {
  for (const label of labels) {
    const value = pod.nodeSelector.get(label);
    if (value !== undefined) return value;
  }
  return undefined;
}

function acceptable(pod: PodView, labels: readonly string[], preferred: string): string {
  const accepted: string[] = [];
  for (const term of pod.requiredNodeTerms) {
    const named = term.expressions.filter(({ key, operator }) => operator === 'In' && labels.includes(key));
    // Terms are alternatives: one that does not name the label lets every node through.
    if (named.length === 0) return preferred;
    accepted.push(...named.flatMap(({ values }) => values));
  }
  if (accepted.length === 0 || accepted.includes(preferred)) return preferred;
  return accepted.reduce((least, value) => (compareCodeUnits(value, least) < 0 ? value : least));
}
