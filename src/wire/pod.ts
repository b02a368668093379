import type { ContainerView, NodeSelectorTerm, PodView } from '../core/pod.ts';
import { listMember, member, textMap, textMember } from './json.ts';

/**
 * The part of a pod that decisions read. Anything may be missing or of an unexpected type: it then counts as absent,
 * for a review must be answered whatever the object looks like (spec A7). Linear in the size of what it reads.
 */
export function decodePod(object: unknown): PodView {
  const metadata = member(object, 'metadata');
  const spec = member(object, 'spec');
  const nodeAffinity = member(member(spec, 'affinity'), 'nodeAffinity');
  const required = member(nodeAffinity, 'requiredDuringSchedulingIgnoredDuringExecution');
  return {
    name: textMember(metadata, 'name'),
    generateName: textMember(metadata, 'generateName'),
    namespace: textMember(metadata, 'namespace'),
    labels: textMap(member(metadata, 'labels')),
    annotations: textMap(member(metadata, 'annotations')),
    nodeName: textMember(spec, 'nodeName'),
    nodeSelector: textMap(member(spec, 'nodeSelector')),
    requiredNodeTerms: listMember(required, 'nodeSelectorTerms').map(decodeTerm),
    tolerationKeys: listMember(spec, 'tolerations').map((toleration) => textMember(toleration, 'key')),
    ownerKinds: listMember(metadata, 'ownerReferences').map((owner) => textMember(owner, 'kind')),
    osName: textMember(member(spec, 'os'), 'name'),
    containers: [...listMember(spec, 'initContainers'), ...listMember(spec, 'containers')].map(decodeContainer),
  };
}

function decodeTerm(term: unknown): NodeSelectorTerm {
  return {
    expressions: listMember(term, 'matchExpressions').map((expression) => ({
      key: textMember(expression, 'key'),
      operator: textMember(expression, 'operator'),
      values: listMember(expression, 'values').filter((value) => typeof value === 'string'),
    })),
  };
}

function decodeContainer(container: unknown): ContainerView {
  return {
    image: textMember(container, 'image'),
    imagePullPolicy: textMember(container, 'imagePullPolicy'),
  };
}

/** Names of the Secrets a pod's images are pulled with, as far as the pod itself says: its service account may add more. */
export function pullSecretNamesOf(object: unknown): readonly string[] {
  return listMember(member(object, 'spec'), 'imagePullSecrets')
    .map((reference) => textMember(reference, 'name'))
    .filter((name) => name !== '');
}
