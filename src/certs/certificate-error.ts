/** A certificate or key that cannot be served. The message names the file and what to do. */
export class CertificateError extends Error {
  readonly code = 'ERR_CERTIFICATE_INVALID';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CertificateError';
  }
}
