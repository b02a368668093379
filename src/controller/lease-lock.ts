/** One `coordination.k8s.io` Lease. Implemented where the API server is known. */
export interface LeaseLock {
  /** @returns undefined when there is none yet. */
  read(signal: AbortSignal): Promise<Lease | undefined>;
  /** A conflict when there is one already. */
  create(record: LeaseRecord, signal: AbortSignal): Promise<Lease | 'conflict'>;
  /** A conflict when the Lease has changed since it had this resource version, or is gone. */
  update(resourceVersion: string, record: LeaseRecord, signal: AbortSignal): Promise<Lease | 'conflict'>;
}

/** What a Lease says. Its times are for people: nobody's clock is compared with them. */
export interface LeaseRecord {
  /** Empty when it has been given back. */
  readonly holder: string;
  readonly durationSeconds: number;
  readonly acquiredAt: Date;
  readonly renewedAt: Date;
  /** How often it has changed hands. */
  readonly transitions: number;
}

export interface Lease extends LeaseRecord {
  readonly resourceVersion: string;
}
