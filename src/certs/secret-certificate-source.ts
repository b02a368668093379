import type { Logger } from '../telemetry/logger.ts';
import { CertificateError } from './certificate-error.ts';
import type { CertificateListener, CertificateSource, ServingCertificate } from './certificate-source.ts';
import { CA_BUNDLE, type SecretWatch, type StoredSecret, TLS_CERT, TLS_KEY } from './secret-store.ts';
import { checkServingPair } from './serving-pair.ts';

export interface SecretCertificateOptions {
  readonly secrets: SecretWatch;
  /** A Secret of our own namespace. */
  readonly secretName: string;
  readonly logger: Logger;
  /** Milliseconds since the epoch; the clock of this machine by default. */
  readonly now?: () => number;
  /** How often a Secret that could not be served is tried again. */
  readonly retryIntervalMs?: number;
}

/** A certificate that begins in a moment is good a moment later, without any news of it. */
const RETRY_INTERVAL_MS = 10_000;

/**
 * Serves the pair in a Secret and follows it through the API server, so that a new one arrives within moments, where a
 * mounted Secret takes a minute or more. A pair that cannot be served is refused, and the one before it stays; so it does
 * when the Secret is gone.
 */
export class SecretCertificateSource implements CertificateSource {
  readonly #options: SecretCertificateOptions;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #listeners: CertificateListener[] = [];
  readonly #first = Promise.withResolvers<void>();
  #unfollow: (() => Promise<void>) | undefined;
  #isStopped = false;
  #retry: NodeJS.Timeout | undefined;
  #latest: StoredSecret | undefined;
  #current: ServingCertificate | undefined;
  #problem: string | undefined;

  constructor(options: SecretCertificateOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'certs' });
    this.#now = options.now ?? Date.now;
    this.#problem = `Secret ${options.secretName} has not been read yet`;
  }

  /** Waits for the first pair that can be served, however long that takes. */
  async start(): Promise<void> {
    const { secrets, secretName, retryIntervalMs = RETRY_INTERVAL_MS } = this.#options;
    const unfollow = await secrets.follow(secretName, (secret) => {
      this.#latest = secret;
      this.#take();
    });
    if (this.#isStopped) {
      await unfollow();
    } else {
      this.#unfollow = unfollow;
      this.#retry = setInterval(() => {
        if (this.#latest !== undefined && this.#problem !== undefined) this.#take();
      }, retryIntervalMs).unref();
    }
    await this.#first.promise;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#retry);
    const unfollow = this.#unfollow;
    this.#unfollow = undefined;
    // Whoever still waits for the first certificate need not wait any longer; without anybody it must not go unhandled.
    this.#first.promise.catch(() => undefined);
    this.#first.reject(new CertificateError(`stopped before there was a certificate: ${this.#problem ?? ''}`));
    await unfollow?.();
  }

  current(): ServingCertificate {
    if (this.#current === undefined) throw new Error('there is no certificate yet');
    return this.#current;
  }

  onChange(listener: CertificateListener): void {
    this.#listeners.push(listener);
  }

  problem(): string | undefined {
    return this.#problem;
  }

  #take(): void {
    let certificate: ServingCertificate;
    try {
      certificate = this.#read();
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.#problem = undefined;
    const before = this.#current;
    if (before?.certPem === certificate.certPem && before.keyPem === certificate.keyPem) return;
    this.#current = certificate;
    const { secretName } = this.#options;
    const message = before === undefined ? 'certificate read' : 'certificate replaced';
    this.#logger.info({ secret: secretName, notAfter: certificate.notAfter }, message);
    this.#first.resolve();
    if (before !== undefined) for (const listener of this.#listeners) listener(certificate);
  }

  #read(): ServingCertificate {
    const { secretName } = this.#options;
    if (this.#latest === undefined) {
      throw new CertificateError(
        `Secret ${secretName} is not there: imc controller makes it; see that it runs, and its log`,
      );
    }
    const { [TLS_CERT]: certPem = '', [TLS_KEY]: keyPem = '', [CA_BUNDLE]: caPem } = this.#latest.data;
    if (certPem === '' && keyPem === '') {
      throw new CertificateError(
        `Secret ${secretName} holds no certificate yet: imc controller issues it; see its log`,
      );
    }
    const names = { certName: `Secret ${secretName}, ${TLS_CERT}`, keyName: `Secret ${secretName}, ${TLS_KEY}` };
    // Clients do not forgive a certificate that begins too late, and the one in use is good as long as it is.
    return { ...checkServingPair({ certPem, keyPem, ...names }, this.#now(), 0), caPem };
  }

  /** Each reason is logged once, not at every try. */
  #refuse(err: unknown): void {
    const problem = err instanceof Error ? err.message : String(err);
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (this.#current === undefined) this.#logger.warn({ problem }, 'no certificate to serve yet');
    else this.#logger.error({ err, notAfter: this.#current.notAfter }, 'certificate refused, the old one stays');
  }
}
