import type { DependencyContainer } from 'tsyringe';
import { giveBackMemory } from './give-back-memory.ts';
import { rehearsal } from './rehearsal.ts';
import type { Token } from './token.ts';
import { INPUTS, TOKENS } from './tokens.ts';

/** Where an application listens. */
export interface Addresses {
  readonly admission: Address;
  readonly operations: Address;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * The webhook as a whole: starts its parts in order and stops them in reverse (design: tsyringe disposes of nothing).
 */
export class Application {
  readonly #container: DependencyContainer;
  #isServing = false;
  #isStopping = false;

  constructor(container: DependencyContainer) {
    this.#container = container;
  }

  /**
   * Starts everything; resolves when reviews are answered, or ready to be as soon as an API server has been listed.
   * Health can be asked from the first moment on.
   *
   * @throws when something cannot be had; what had been started is stopped again.
   */
  async start(): Promise<Addresses> {
    const { host, port, adminHost, adminPort } = this.#get(INPUTS.serveSettings);
    try {
      let hasCertificate = false;
      this.#readMetrics(() => hasCertificate);
      const operations = this.#get(TOKENS.operationsServer);
      await operations.start({ host: adminHost, port: adminPort });
      await Promise.all([this.#get(TOKENS.certificates).start(), this.#get(TOKENS.source).start()]);
      hasCertificate = true;
      if (this.#isStopping) throw new Error('stopped before it served');
      await this.#listen(host, port);
      this.#isServing = true;
      const ready = this.#becomeReady();
      if (this.#get(TOKENS.store).isSynced()) await ready;
      return { admission: this.#get(TOKENS.admissionServer).address(), operations: operations.address() };
    } catch (error) {
      await this.#stopParts();
      throw error;
    }
  }

  /** Whether the stop was asked for; a start that waits, for a certificate for instance, then fails. */
  isStopping(): boolean {
    return this.#isStopping;
  }

  /** Not ready from now on; answers for `drainSeconds` more, then stops everything (spec S3). */
  async stop(drainSeconds: number): Promise<void> {
    this.#isStopping = true;
    this.#get(TOKENS.readiness).startDraining();
    if (this.#isServing) await this.#get(TOKENS.admissionServer).drain(drainSeconds);
    await this.#stopParts();
  }

  /** What comes between the first full listing and the first caller. */
  async #becomeReady(): Promise<void> {
    await this.#get(TOKENS.store).whenSynced();
    if (this.#isStopping) return;
    // Before the rehearsal, which leaves the heap as the first caller finds it.
    if (this.#get(INPUTS.serveSettings).source.kind === 'kubernetes') giveBackMemory();
    await this.#get(TOKENS.admissionServer).rehearse(rehearsal);
    if (this.#isStopping) return;
    this.#get(TOKENS.readiness).startAnswering();
    this.#get(TOKENS.background).start();
  }

  /** `::` means every address; on a machine without IPv6 that is `0.0.0.0`. */
  async #listen(host: string, port: number): Promise<void> {
    const server = this.#get(TOKENS.admissionServer);
    try {
      await server.start({ host, port });
    } catch (error) {
      if (host !== '::' || !hasNoIpv6(error)) throw error;
      await server.start({ host: '0.0.0.0', port });
    }
  }

  async #stopParts(): Promise<void> {
    await this.#get(TOKENS.background).stop();
    await Promise.all([this.#get(TOKENS.source).stop(), this.#get(TOKENS.certificates).stop()]);
    await this.#get(TOKENS.operationsServer).close();
  }

  #readMetrics(hasStarted: () => boolean): void {
    const store = this.#get(TOKENS.store);
    const source = this.#get(TOKENS.source);
    const now = this.#get(INPUTS.clock);
    this.#get(TOKENS.metrics).read({
      snapshotAgeSeconds: (resource) => {
        const ageMs = store.ageMs(resource, now());
        return ageMs === undefined ? undefined : ageMs / 1000;
      },
      objects: (resource) => (store.unsynced().includes(resource) ? undefined : store.counts()[resource]),
      profileValid: () => source.isProfileValid(),
      // Probes and scrapes come before the first certificate.
      certificateExpiry: () => (hasStarted() ? this.#get(TOKENS.certificates).current().notAfter : undefined),
    });
  }

  #get<Part>(wanted: Token<Part>): Part {
    return this.#container.resolve(wanted.name);
  }
}

function hasNoIpv6(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';
}
