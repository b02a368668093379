/** The replicas that answer reviews, as seen from outside. Implemented where the API server is known. */
export interface ServingReplicas {
  /** Shakes hands with every replica there is. */
  inspect(): Promise<readonly ServingReplica[]>;
}

export interface ServingReplica {
  /** The name of its pod. */
  readonly name: string;
  /** Whether API servers are sent there. */
  readonly isReady: boolean;
  /** The certificate it serves, in DER; undefined if no handshake was to be had. */
  readonly certificate: Buffer | undefined;
}
