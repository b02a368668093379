import type { Operation } from 'fast-json-patch';
import type { HandledDecision } from '../core/decision.ts';
import type { SkipReason } from '../core/gate.ts';
import type { Outcome } from '../core/outcome.ts';

/** The answer to one review, before it is written as an AdmissionReview. */
export interface Verdict {
  readonly uid: string;
  readonly allowed: boolean;
  readonly outcome: Outcome;
  /** Why the review was skipped (spec G7), or what went wrong (`Error`); empty otherwise. */
  readonly reason: SkipReason | '' | (string & {});
  /** Operations that apply to the object as received; empty when nothing changes (spec A1). */
  readonly patch: readonly Operation[];
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
  /** What a refused user reads; empty when allowed. */
  readonly message: string;
  /** The decision behind it, when the pod was handled. */
  readonly decision: HandledDecision | undefined;
  /** An unexpected failure (spec A5), for the log. */
  readonly failure: unknown;
}
