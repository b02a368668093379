import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from '../telemetry/logger.ts';
import { CertificateError } from './certificate-error.ts';
import type { CertificateListener, CertificateSource, ServingCertificate } from './certificate-source.ts';
import { checkServingPair } from './serving-pair.ts';

/** The two PEM files of a pair. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Where a folder holds its pair, as a mounted Secret of type `kubernetes.io/tls` does. */
export function certificateFilesIn(directory: string): CertificateFiles {
  return { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') };
}

export interface FileCertificateOptions extends CertificateFiles {
  readonly logger: Logger;
  /** Milliseconds since the epoch; the clock of this machine by default. */
  readonly now?: () => number;
  /** How often the files are read again even if no news of a change came. */
  readonly rereadIntervalMs?: number;
}

/** The two files of a pair are rarely written in one moment: they are read when things have calmed down. */
const DEBOUNCE_MS = 100;

/** News of a change can get lost, on network drives for instance. */
const REREAD_INTERVAL_MS = 30_000;

/**
 * Serves the pair in two files and follows its changes. What is watched are the folders: a mounted Secret changes by
 * swapping a symbolic link, which a watch on the file itself would see once at most. A pair that cannot be served is
 * refused, and the one before it stays.
 */
export class FileCertificateSource implements CertificateSource {
  readonly #files: CertificateFiles;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #rereadIntervalMs: number;
  readonly #listeners: CertificateListener[] = [];
  readonly #watchers = new Map<string, FSWatcher>();
  #current: ServingCertificate | undefined;
  #problem: string | undefined;
  #reread: NodeJS.Timeout | undefined;
  #debounce: NodeJS.Timeout | undefined;
  /** Readings happen one after another, so that an older one never overtakes a newer. */
  #reading: Promise<void> = Promise.resolve();

  constructor({ certFile, keyFile, logger, now = Date.now, rereadIntervalMs }: FileCertificateOptions) {
    this.#files = { certFile, keyFile };
    this.#logger = logger.child({ component: 'certs' });
    this.#now = now;
    this.#rereadIntervalMs = rereadIntervalMs ?? REREAD_INTERVAL_MS;
  }

  async start(): Promise<void> {
    // Watching comes first: a change during the first reading must not go unseen.
    this.#reread = setInterval(() => this.#check(), this.#rereadIntervalMs).unref();
    this.#watchFolders();
    try {
      this.#current = await this.#read();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#reread);
    clearTimeout(this.#debounce);
    this.#reread = undefined;
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#reading;
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

  /** A folder that cannot be watched now is tried again at the next slow reading. */
  #watchFolders(): void {
    for (const folder of new Set([dirname(this.#files.certFile), dirname(this.#files.keyFile)])) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#changed());
        watcher.on('error', () => {
          watcher.close();
          this.#watchers.delete(folder);
        });
        this.#watchers.set(folder, watcher);
      } catch (error) {
        this.#logger.debug({ folder, err: error }, 'cannot watch the folder of the certificate');
      }
    }
  }

  #changed(): void {
    clearTimeout(this.#debounce);
    this.#debounce = setTimeout(() => this.#check(), DEBOUNCE_MS).unref();
  }

  #check(): void {
    this.#reading = this.#reading.then(() => this.#replace());
  }

  async #replace(): Promise<void> {
    if (this.#reread === undefined) return;
    this.#watchFolders();
    try {
      const certificate = await this.#read();
      this.#problem = undefined;
      const { certPem, keyPem } = this.current();
      if (certificate.certPem === certPem && certificate.keyPem === keyPem) return;
      this.#current = certificate;
      this.#logger.info({ certFile: this.#files.certFile, notAfter: certificate.notAfter }, 'certificate replaced');
      for (const listener of this.#listeners) listener(certificate);
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** Each reason is logged once, not at every reading. */
  #refuse(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#logger.error({ err: error, notAfter: this.#current?.notAfter }, 'certificate refused, the old one stays');
  }

  async #read(): Promise<ServingCertificate> {
    const { certFile, keyFile } = this.#files;
    const [certPem, keyPem] = await Promise.all([readPem(certFile), readPem(keyFile)]);
    return checkServingPair({ certPem, keyPem, certName: certFile, keyName: keyFile }, this.#now());
  }
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CertificateError(`${file}: cannot be read (${reason}): check the path and its permissions`, { cause });
  }
}
