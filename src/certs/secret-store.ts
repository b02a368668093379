/** Reads and writes Secrets of our own namespace. Implemented where the API server is known. */
export interface SecretStore {
  /**
   * Answers from the API server's own storage, not from anybody's memory of it.
   *
   * @returns undefined when there is none of this name.
   */
  read(name: string): Promise<StoredSecret | undefined>;
  /** Makes a Secret of type `kubernetes.io/tls`; a conflict when there is one of this name already. */
  create(name: string, content: SecretContent): Promise<WriteResult>;
  /**
   * Gives these keys of a Secret new values and adds these labels; everything else of it stays. A conflict when the
   * Secret has changed since it had this resource version, or is gone.
   */
  patch(name: string, resourceVersion: string, content: SecretContent): Promise<WriteResult>;
}

/** A conflict means: look again, then decide again. */
export type WriteResult = 'written' | 'conflict';

export interface SecretContent {
  readonly labels: Readonly<Record<string, string>>;
  /** Texts, not base64. */
  readonly data: Readonly<Record<string, string>>;
}

export interface StoredSecret extends SecretContent {
  readonly resourceVersion: string;
}

/** News of one Secret of our own namespace. */
export interface SecretWatch {
  /**
   * Calls the listener with the Secret as it is now and after every change, `undefined` when there is none. Lost
   * connections are mended in the background.
   *
   * @returns what ends the watch.
   * @throws when it is not even known where to ask.
   */
  follow(name: string, listener: (secret: StoredSecret | undefined) => void): Promise<() => Promise<void>>;
}

/** The key of a Secret of type `kubernetes.io/tls` that holds the certificate, in PEM. */
export const TLS_CERT = 'tls.crt';
/** The key that holds the private key, in PEM. */
export const TLS_KEY = 'tls.key';
/** The key that holds the CAs that clients should trust, in PEM. */
export const CA_BUNDLE = 'ca.crt';
