import type { StringMap } from './label-selector.ts';

/** The part of a pod that a decision reads. Anything missing in the object is empty here. */
export interface PodView {
  /** Empty with `generateName`. */
  readonly name: string;
  readonly generateName: string;
  /** The namespace written in the object; the review's own namespace goes before it (spec G2). */
  readonly namespace: string;
  readonly labels: StringMap;
  readonly annotations: StringMap;
  /** Empty until bound. */
  readonly nodeName: string;
  readonly nodeSelector: StringMap;
  /** `spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`: any of them. */
  readonly requiredNodeTerms: readonly NodeSelectorTerm[];
  /** Keys of all tolerations; a toleration of everything has none. */
  readonly tolerationKeys: readonly string[];
  readonly ownerKinds: readonly string[];
  /** `spec.os.name` */
  readonly osName: string;
  /** Init containers first, then containers; ephemeral ones do not count (spec I2). */
  readonly containers: readonly ContainerView[];
}

/** `matchExpressions` of one term: all of them. */
export interface NodeSelectorTerm {
  readonly expressions: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values: readonly string[];
  }[];
}

export interface ContainerView {
  /** As written; empty when missing. */
  readonly image: string;
  /** Empty when missing. */
  readonly imagePullPolicy: string;
}
