import type { Verdict } from '../admission/verdict.ts';
import type { AdmissionRequest } from '../wire/admission-review.ts';

/** What goes on beside the answering of reviews. */
export interface Background {
  start(): void;
  /** Finishes what is under way. */
  stop(): Promise<void>;
  /** A review was answered. */
  reviewed(request: AdmissionRequest, verdict: Verdict): void;
}

/** Nothing does. */
export const NO_BACKGROUND: Background = {
  start: () => undefined,
  stop: () => Promise.resolve(),
  reviewed: () => undefined,
};
