import type { EciProfile, ProfileRule } from './eci-profile.ts';
import { evaluateRule, hasSelector } from './eci-profile.ts';
import {
  ACS_LABEL,
  BURST_KEY,
  ECI_LABEL,
  ENABLED_KEY,
  IGNORE_KEY,
  LEGACY_ECI_LABEL,
  LEGACY_ECI_NAMESPACE_LABEL,
  MIRROR_KEY,
  NODE_TYPE_KEY,
  VENDOR_KEYS,
  VIRTUAL_KUBELET_TAINT,
  VNODE_KEY,
} from './keys.ts';
import type { StringMap } from './label-selector.ts';
import type { PodView } from './pod.ts';
import type { DecisionSettings } from './settings.ts';

/** Why a review was not acted on (spec G7). */
export type SkipReason = (typeof SKIP_REASONS)[number];

/** All reasons, for the case files that expect one. */
export const SKIP_REASONS = [
  'NotCreate',
  'NotPod',
  'SystemNamespace',
  'OwnNamespace',
  'Ignored',
  'Acs',
  'Mirror',
  'RealNode',
  'DaemonSet',
  'NotEci',
  'Off',
] as const;

/** What the gate looks at besides the pod. */
export interface GateContext {
  readonly namespace: string;
  /** `undefined` when the namespace is not known (spec G6). */
  readonly namespaceLabels: StringMap | undefined;
  /** The namespace this program runs in, if any. */
  readonly ownNamespace: string | undefined;
  readonly podScope: DecisionSettings['podScope'];
}

/** The gate's answer: the profile rules that apply to a pod it lets through (spec P2), or why it stays closed. */
export type GateResult =
  | { readonly open: true; readonly rules: readonly ProfileRule[] }
  | { readonly open: false; readonly reason: SkipReason };

/** Namespaces whose pods are always left alone (spec G3). */
export const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

/**
 * Decides whether a pod is ours to handle (spec G3, G4), reasons in the order of spec G7.
 *
 * @param pod - without what a former review of ours added (spec M11).
 */
export function passGate(pod: PodView, profile: EciProfile, context: GateContext): GateResult {
  const { namespace, namespaceLabels, ownNamespace } = context;
  const closed = (reason: SkipReason): GateResult => ({ open: false, reason });
  if (SYSTEM_NAMESPACES.has(namespace)) return closed('SystemNamespace');
  if (namespace === ownNamespace) return closed('OwnNamespace');
  const ignored = [pod.labels, pod.annotations, namespaceLabels].some((map) => map?.get(IGNORE_KEY) === 'true');
  if (ignored) return closed('Ignored');
  if (pod.labels.get(ACS_LABEL) === 'true') return closed('Acs');
  if (pod.annotations.has(MIRROR_KEY)) return closed('Mirror');
  if (pod.nodeName !== '' && !isVirtualNodeName(pod.nodeName)) return closed('RealNode');

  const ownSignal = hasOwnSignal(pod);
  if (!ownSignal && pod.ownerKinds.includes('DaemonSet')) return closed('DaemonSet');
  const rules = profile.rules.filter((rule) => evaluateRule(rule, pod.labels, namespaceLabels).matched);
  const isHandled =
    ownSignal ||
    context.podScope === 'all' ||
    (namespaceLabels !== undefined && hasNamespaceSignal(namespaceLabels)) ||
    rules.some(hasSelector);
  return isHandled ? { open: true, rules } : closed('NotEci');
}

/**
 * Whether nothing but a virtual node can run this pod, so that a pin that does not work would stop it (spec M1, `deny`).
 * `imc-webhook/enabled` asks us to look at pods, it binds none.
 */
export function isBoundToEci(pod: PodView, namespaceLabels: StringMap | undefined): boolean {
  return (
    hasEciLabel(pod) ||
    (namespaceLabels !== undefined && isEciNamespace(namespaceLabels)) ||
    selectsVirtualNode(pod) ||
    isVirtualNodeName(pod.nodeName)
  );
}

/** The signals of spec G4 that stand on the pod itself. */
function hasOwnSignal(pod: PodView): boolean {
  const burst = pod.annotations.get(BURST_KEY);
  return (
    hasEciLabel(pod) ||
    selectsVirtualNode(pod) ||
    pod.requiredNodeTerms.some((term) => term.expressions.some(asksForVirtualNode)) ||
    pod.tolerationKeys.some((key) => key === VIRTUAL_KUBELET_TAINT || key === VNODE_KEY) ||
    isVirtualNodeName(pod.nodeName) ||
    burst === 'eci' ||
    burst === 'eci_only' ||
    hasVendorKey(pod.annotations)
  );
}

function hasVendorKey(annotations: StringMap): boolean {
  for (const key of annotations.keys()) if (VENDOR_KEYS.has(key)) return true;
  return false;
}

function hasEciLabel(pod: PodView): boolean {
  return pod.labels.get(ECI_LABEL) === 'true' || pod.labels.get(LEGACY_ECI_LABEL) === 'true';
}

function hasNamespaceSignal(labels: StringMap): boolean {
  return isEciNamespace(labels) || labels.get(ENABLED_KEY) === 'true';
}

function isEciNamespace(labels: StringMap): boolean {
  return labels.get(ECI_LABEL) === 'true' || labels.get(LEGACY_ECI_NAMESPACE_LABEL) === 'enabled';
}

function selectsVirtualNode(pod: PodView): boolean {
  return pod.nodeSelector.get(NODE_TYPE_KEY) === 'virtual-kubelet' || pod.nodeSelector.get(VNODE_KEY) === 'true';
}

function asksForVirtualNode(expression: PodView['requiredNodeTerms'][number]['expressions'][number]): boolean {
  const { key, operator, values } = expression;
  if (key !== NODE_TYPE_KEY && key !== VNODE_KEY) return false;
  if (operator === 'Exists') return true;
  return operator === 'In' && values.includes(key === NODE_TYPE_KEY ? 'virtual-kubelet' : 'true');
}

function isVirtualNodeName(name: string): boolean {
  return name.startsWith('virtual-kubelet') || name.startsWith('virtual-node-eci') || name.includes('.vnd-');
}
