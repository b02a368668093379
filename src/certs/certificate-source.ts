/** Where the serving certificate comes from, and news of a newer one (spec S1). */
export interface CertificateSource {
  /**
   * Provides the first certificate and watches for newer ones.
   *
   * @throws CertificateError when there is none that can be served.
   */
  start(): Promise<void>;
  /** Stops watching; `current` stays as it is. Safe to call twice. */
  stop(): Promise<void>;
  /** The newest good certificate. Throws before `start` has succeeded. */
  current(): ServingCertificate;
  /** Calls the listener with every certificate that replaces another. */
  onChange(listener: CertificateListener): void;
  /** Why a newer certificate is not in use, for readiness details; `undefined` when all is well. */
  problem(): string | undefined;
}

export type CertificateListener = (certificate: ServingCertificate) => void;

/** A certificate and its key, checked to belong together. */
export interface ServingCertificate {
  /** The serving certificate first, then intermediate certificates, if any. */
  readonly certPem: string;
  readonly keyPem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The CA that signed it, where we made it ourselves. */
  readonly caPem: string | undefined;
}
