import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from './clock.ts';
import type { Lease, LeaseLock, LeaseRecord } from './lease-lock.ts';

/** What the leader has, and what ends. */
export interface Leadership {
  /** Aborted when leading ends; whoever works for the leader then stops. */
  readonly signal: AbortSignal;
  /**
   * Whether nobody else can be leading yet. To be asked before each write: after a pause of the whole process, which
   * nothing announces, it is the first to know.
   */
  readonly isHeld: () => boolean;
}

export interface LeaderElectionOptions {
  readonly lock: LeaseLock;
  /** Who we are: unique among all processes, restarts included. */
  readonly identity: string;
  /** The work of the leader; it ends when the signal is aborted. */
  readonly lead: (leadership: Leadership) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to below 1; `Math.random` by default. */
  readonly random?: () => number;
}

/** As in client-go: others may take over after so long without a sign of life. */
export const LEASE_DURATION_MS = 15_000;
/** The leader gives up after so long without a renewal: well before others may take over. */
export const RENEW_DEADLINE_MS = 10_000;
/** How often the leader renews, and others look. */
export const RETRY_PERIOD_MS = 2_000;

/** Those who wait do not all look at the same moment. */
const RETRY_JITTER = 1.2;

/** How long stopping waits for the API server. */
const RELEASE_TIMEOUT_MS = 2_000;

/** A Lease that is given back can be taken at once. */
const RELEASED_DURATION_SECONDS = 1;

/**
 * One leader at a time by a Lease, with the rules of client-go. Clocks may differ and jump: what counts is how long, by
 * our own monotonic clock, we have seen the Lease unchanged. Every write names the resource version it has seen.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #observed: { readonly lease: Lease; readonly atMs: number } | undefined;
  /** When the last request that made or kept us leader was sent; undefined while we are not. */
  #renewedMs: number | undefined;
  #failure: string | undefined;
  #contactMs: number | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'leader' });
  }

  /** Begins to try; returns at once. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends the work of the leader, gives the Lease back and stops trying. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Whether we lead. */
  isLeader(): boolean {
    return this.#renewedMs !== undefined;
  }

  /** Who leads, as last seen; empty if nobody does or it is not known. */
  holder(): string {
    return this.#observed?.lease.holder ?? '';
  }

  /** Milliseconds since the Lease was last read or written; undefined before the first time. */
  contactAgeMs(): number | undefined {
    return this.#contactMs === undefined ? undefined : this.#options.clock.monotonicMs() - this.#contactMs;
  }

  /** Why the Lease could not be read or written the last time, if so. */
  problem(): string | undefined {
    return this.#failure;
  }

  async #run(): Promise<void> {
    const { clock, random = Math.random } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (await this.#tryAcquireOrRenew(RENEW_DEADLINE_MS)) await this.#lead();
      else await clock.sleep(RETRY_PERIOD_MS * (1 + RETRY_JITTER * random()), signal);
    }
  }

  async #lead(): Promise<void> {
    const { lead, identity } = this.#options;
    this.#logger.info({ identity }, 'leading');
    const work = new AbortController();
    const working = lead({ signal: work.signal, isHeld: () => this.#remainingMs() > 0 }).catch((err: unknown) => {
      this.#logger.error({ err }, 'the work of the leader failed');
    });
    const isLost = await this.#renewUntilLost();
    work.abort();
    await working;
    if (!isLost) await this.#release();
    this.#renewedMs = undefined;
    if (isLost) this.#logger.warn({ identity, holder: this.holder() }, 'no longer leading');
  }

  /** Resolves with true when leadership is lost, with false when we are to stop. */
  async #renewUntilLost(): Promise<boolean> {
    const { clock, identity } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(RETRY_PERIOD_MS, signal);
      if (signal.aborted) return this.#remainingMs() <= 0;
      const remainingMs = this.#remainingMs();
      if (remainingMs <= 0) return true;
      if (!(await this.#tryAcquireOrRenew(remainingMs)) && this.holder() !== identity) return true;
    }
  }

  #remainingMs(): number {
    const { clock } = this.#options;
    return this.#renewedMs === undefined ? 0 : this.#renewedMs + RENEW_DEADLINE_MS - clock.monotonicMs();
  }

  /** True when the Lease is ours afterwards. */
  async #tryAcquireOrRenew(timeoutMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const sentMs = clock.monotonicMs();
    try {
      const isOurs = await this.#within(timeoutMs, (signal) => this.#attempt(signal));
      if (isOurs) this.#renewedMs = sentMs;
      this.#contactMs = clock.monotonicMs();
      this.#failure = undefined;
      return isOurs;
    } catch (err) {
      this.#fail(err);
      return false;
    }
  }

  /**
   * Ends a request that takes too long, also one that does not heed its signal. When we are to stop, a request is not
   * waited for, unless the Lease is ours: it is given back afterwards.
   */
  async #within<Result>(timeoutMs: number, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const { clock } = this.#options;
    const request = new AbortController();
    const finished = new AbortController();
    const stopping = AbortSignal.any([this.#stopping.signal, finished.signal]);
    const graceMs = this.isLeader() ? Math.min(timeoutMs, RELEASE_TIMEOUT_MS) : 0;
    const outOfTime = clock
      .sleep(timeoutMs, stopping)
      .then(() => clock.sleep(this.#stopping.signal.aborted ? graceMs : 0, finished.signal))
      .then(() => {
        const error = new Error('the API server has not answered in time');
        request.abort(error);
        throw error;
      });
    try {
      return await Promise.race([work(request.signal), outOfTime]);
    } finally {
      finished.abort();
    }
  }

  async #attempt(signal: AbortSignal): Promise<boolean> {
    const { lock, identity, clock } = this.#options;
    // The leader usually knows the Lease as it is, and saves the reading.
    const known = this.isLeader() ? this.#observed?.lease : undefined;
    if (known !== undefined && this.#observe(await lock.update(known.resourceVersion, this.#renewal(known), signal))) {
      return true;
    }
    const lease = await lock.read(signal);
    if (lease === undefined) return this.#observe(await lock.create(this.#renewal(undefined), signal));
    this.#observe(lease);
    const validMs = lease.durationSeconds > 0 ? lease.durationSeconds * 1000 : LEASE_DURATION_MS;
    const expiresMs = (this.#observed?.atMs ?? 0) + validMs;
    if (lease.holder !== '' && lease.holder !== identity && clock.monotonicMs() < expiresMs) return false;
    return this.#observe(await lock.update(lease.resourceVersion, this.#renewal(lease), signal));
  }

  #renewal(before: Lease | undefined): LeaseRecord {
    const { identity, clock } = this.#options;
    const now = new Date(clock.epochMs());
    const isSame = before?.holder === identity;
    return {
      holder: identity,
      durationSeconds: LEASE_DURATION_MS / 1000,
      acquiredAt: isSame ? before.acquiredAt : now,
      renewedAt: now,
      transitions: before === undefined ? 0 : before.transitions + (isSame ? 0 : 1),
    };
  }

  #observe(lease: Lease | 'conflict'): boolean {
    if (lease === 'conflict') return false;
    const before = this.#observed;
    if (before?.lease.resourceVersion !== lease.resourceVersion) {
      if (before?.lease.holder !== lease.holder) this.#logger.info({ holder: lease.holder }, 'leader changed');
      this.#observed = { lease, atMs: this.#options.clock.monotonicMs() };
    }
    return true;
  }

  /** Others need not wait for the Lease to run out. */
  async #release(): Promise<void> {
    const { lock, clock } = this.#options;
    const lease = this.#observed?.lease;
    if (lease === undefined) return;
    const now = new Date(clock.epochMs());
    const record = {
      ...lease,
      holder: '',
      durationSeconds: RELEASED_DURATION_SECONDS,
      acquiredAt: now,
      renewedAt: now,
    };
    try {
      await this.#within(RELEASE_TIMEOUT_MS, (signal) => lock.update(lease.resourceVersion, record, signal));
    } catch (err) {
      this.#logger.warn({ err }, 'the Lease was not given back and will run out');
    }
  }

  /** Each reason is logged once, not at every attempt. */
  #fail(err: unknown): void {
    const failure = err instanceof Error ? err.message : String(err);
    if (failure !== this.#failure) this.#logger.warn({ err }, 'the Lease cannot be read or written');
    this.#failure = failure;
  }
}
