import type { Resource } from './cluster-store.ts';

/** Fills a ClusterStore and keeps it current. */
export interface ClusterSource {
  /**
   * Starts listening. For files this resolves after the first full listing; for an API server as soon as it listens,
   * since readiness waits for the listing (spec S2).
   */
  start(): Promise<void>;
  /** Stops listening; the store keeps what it has. Safe to call twice. */
  stop(): Promise<void>;
  /** What the source cannot use at present, for readiness details and logs; empty when all is well. */
  problems(): readonly SourceProblem[];
  /** Whether the eci-profile can be used as it is (spec P6); `undefined` before it has been read. */
  isProfileValid(): boolean | undefined;
  /** Whether a namespace that is not in the store may still be on its way (spec G6). Files are always complete. */
  readonly mayLag: boolean;
}

/** Something that could not be used; what was there before stays in force. */
export interface SourceProblem {
  readonly resource: Resource;
  /** Where and what, ready to print: `caches/web.yaml:12:5: spec.images: expected a list of texts`. */
  readonly message: string;
}
