import { rename, rm, writeFile } from 'node:fs/promises';
import type { Logger } from '../telemetry/logger.ts';
import { CertificateError } from './certificate-error.ts';
import type { CertificateListener, CertificateSource, ServingCertificate } from './certificate-source.ts';
import type { CertificateAuthority } from './self-signed-authority.ts';
import { createAuthority, issueServingCertificate } from './self-signed-authority.ts';

export interface SelfSignedOptions {
  /** The DNS names and IP addresses clients call; at least one. */
  readonly hosts: readonly string[];
  /** Where to write the CA for clients, if anywhere. */
  readonly caOut?: string | undefined;
  readonly logger: Logger;
  /** Milliseconds since the epoch; the clock of this machine by default. */
  readonly now?: () => number;
  /** How often it is asked whether renewal is due. */
  readonly checkIntervalMs?: number;
}

/** Asking every hour holds after a suspended machine or a clock that jumped; one long timer would not. */
const CHECK_INTERVAL_MS = 60 * 60 * 1000;

/**
 * A CA and a serving certificate in memory, new at every start. The serving certificate is renewed at two thirds of its
 * life, from the same CA, so that clients notice nothing (spec S1).
 */
export class SelfSignedCertificateSource implements CertificateSource {
  readonly #options: SelfSignedOptions;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #listeners: CertificateListener[] = [];
  #authority: CertificateAuthority | undefined;
  #current: ServingCertificate | undefined;
  #problem: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> = Promise.resolve();

  constructor(options: SelfSignedOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'certs' });
    this.#now = options.now ?? Date.now;
  }

  async start(): Promise<void> {
    const { hosts, caOut, checkIntervalMs = CHECK_INTERVAL_MS } = this.#options;
    const nowMs = this.#now();
    this.#authority = await createAuthority(nowMs);
    this.#current = await issueServingCertificate(this.#authority, hosts, nowMs);
    if (caOut !== undefined) await replaceFile(caOut, this.#authority.certPem);
    this.#timer = setInterval(() => {
      this.#renewing = this.#renewing.then(() => this.#renewIfDue());
    }, checkIntervalMs).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#renewing;
  }

  current(): ServingCertificate {
    if (this.#current === undefined) throw new Error('the certificate source has not been started');
    return this.#current;
  }

  onChange(listener: CertificateListener): void {
    this.#listeners.push(listener);
  }

  problem(): string | undefined {
    return this.#problem;
  }

  async #renewIfDue(): Promise<void> {
    const nowMs = this.#now();
    if (this.#timer === undefined || this.#authority === undefined || nowMs < renewalDueMs(this.current())) return;
    try {
      const certificate = await issueServingCertificate(this.#authority, this.#options.hosts, nowMs);
      this.#current = certificate;
      this.#problem = undefined;
      this.#logger.info({ notAfter: certificate.notAfter }, 'certificate renewed');
      for (const listener of this.#listeners) listener(certificate);
    } catch (error) {
      this.#problem = `renewal failed: ${error instanceof Error ? error.message : String(error)}`;
      this.#logger.error({ err: error }, 'certificate not renewed, the old one stays');
    }
  }
}

/** Two thirds of the life of a certificate, in milliseconds since the epoch. */
function renewalDueMs({ notBefore, notAfter }: ServingCertificate): number {
  return notBefore.getTime() + ((notAfter.getTime() - notBefore.getTime()) * 2) / 3;
}

/** Readers see the old file or the new one, never a part. */
async function replaceFile(file: string, text: string): Promise<void> {
  const scratch = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(scratch, text, { mode: 0o644 });
    await rename(scratch, file);
  } catch (cause) {
    await rm(scratch, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CertificateError(`${file}: the CA cannot be written (${reason}): choose another place for it`, { cause });
  }
}
