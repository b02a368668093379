import type { FailureRecord } from '../core/creation-plan.ts';

/** Port: where failed attempts are remembered (spec N4), also across restarts and when the failed object is gone. */
export interface FailureLedger {
  /** @throws when it cannot be read; then nothing is retried, since nobody knows how often it was. */
  load(): Promise<ReadonlyMap<string, FailureRecord>>;
  save(failures: ReadonlyMap<string, FailureRecord>): Promise<void>;
}
