import type { ClusterStore } from '../cluster/cluster-store.ts';
import type { Decision } from '../core/decision.ts';
import { decide } from '../core/decision.ts';
import type { PodView } from '../core/pod.ts';
import type { DecisionSettings } from '../core/settings.ts';
import type { AdmissionRequest } from '../wire/admission-review.ts';
import { patchFor } from './json-patch.ts';
import type { Verdict } from './verdict.ts';

/** What a reviewer works with. */
export interface ReviewerOptions {
  readonly store: ClusterStore;
  /** Read at every review, so that changed settings count from the next one on. */
  readonly settings: () => DecisionSettings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The namespace this program runs in, if any (spec G3). */
  readonly ownNamespace: string | undefined;
  /** Whether a namespace that is not in the store may still be on its way (spec G6). */
  readonly namespacesMayLag: boolean;
}

/** The longest a review waits for news of its namespace (spec G6). */
const NAMESPACE_WAIT_MS = 150;

/** Answers reviews from the cluster as it is known: the one engine of the server and of the command line. */
export class AdmissionReviewer {
  readonly #options: ReviewerOptions;

  constructor(options: ReviewerOptions) {
    this.#options = options;
  }

  /** Whether this review has to wait for its namespace first (spec G6). */
  needsNamespace({ subject, namespace }: AdmissionRequest): boolean {
    const { store, namespacesMayLag } = this.#options;
    return namespacesMayLag && subject.kind === 'pod' && store.isSynced() && !store.hasNamespace(namespace);
  }

  /** Waits for the namespace of a review, at most 150 ms (spec G6). */
  waitForNamespace({ namespace }: AdmissionRequest): Promise<void> {
    return this.#options.store.waitForNamespace(namespace, NAMESPACE_WAIT_MS);
  }

  /**
   * Answers one review. Never throws: an unexpected failure admits the pod unchanged (spec A5).
   *
   * @param options - `late`: the review's own deadline has passed, so that nobody would read more (spec M13).
   */
  review(request: AdmissionRequest, options: { readonly late: boolean } = { late: false }): Verdict {
    const { uid, subject } = request;
    if (subject.kind === 'none') return unchanged(uid, 'Skipped', subject.reason);
    try {
      return this.#reviewPod(request, subject.pod, options.late);
    } catch (failure) {
      return { ...unchanged(uid, 'Error', failure instanceof Error ? failure.message : String(failure)), failure };
    }
  }

  #reviewPod(request: AdmissionRequest, pod: PodView, late: boolean): Verdict {
    const { store, settings, now, ownNamespace } = this.#options;
    const { uid, namespace, object } = request;
    const current = settings();
    if (current.mode === 'off') return unchanged(uid, 'Skipped', 'Off');
    if (late) return unchanged(uid, 'Late', '');
    const nowMs = now();
    const cluster = store.view(nowMs);
    if (cluster === undefined) return unchanged(uid, 'NotSynced', store.unsynced().join(', '));
    return verdictOf(uid, object, decide(pod, namespace, { cluster, settings: current, nowMs, ownNamespace }));
  }
}

/** The verdict that carries out a decision on a pod as received. */
function verdictOf(uid: string, object: unknown, decision: Decision): Verdict {
  if (decision.kind === 'skip') return unchanged(uid, 'Skipped', decision.reason);
  const { outcome, warnings, auditAnnotations, message } = decision;
  return {
    uid,
    allowed: decision.kind !== 'deny',
    outcome,
    reason: '',
    patch: decision.kind === 'deny' ? [] : patchFor(object, decision),
    warnings,
    auditAnnotations,
    message,
    decision,
    failure: undefined,
  };
}

function unchanged(uid: string, outcome: Verdict['outcome'], reason: Verdict['reason']): Verdict {
  return {
    uid,
    allowed: true,
    outcome,
    reason,
    patch: [],
    warnings: [],
    auditAnnotations: { outcome },
    message: '',
    decision: undefined,
    failure: undefined,
  };
}
