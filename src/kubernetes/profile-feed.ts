import type { SourceProblem } from '../cluster/cluster-source.ts';
import type { Resource } from '../cluster/cluster-store.ts';
import type { EciProfile } from '../core/eci-profile.ts';
import { EMPTY_PROFILE } from '../core/eci-profile.ts';
import { decodeEciProfile } from '../wire/eci-profile.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import { backoffMs } from './backoff.ts';
import { ApiStatusError } from './cluster-errors.ts';
import type { ProfileReading } from './cluster-objects.ts';
import type { KubeClient } from './kube-client.ts';
import { type KeptProfile, readKeptProfile } from './last-good-profile.ts';
import { writeProfileEvent } from './profile-event.ts';
import type { ReflectorListener, RestartCause } from './reflector.ts';
import { pause, type Timers } from './timers.ts';
import { WatchHealth, type WatchHealthOptions } from './watch-health.ts';

export interface ProfileFeedOptions extends WatchHealthOptions {
  readonly client: Pick<KubeClient, 'get' | 'create'>;
  /** Where the last good text is kept; nowhere outside of a cluster. */
  readonly kept: KeptProfile | undefined;
  readonly timers: Timers;
  /** Told of every version that could not be read (spec S8). */
  readonly onUndecodable?: ((resource: Resource) => void) | undefined;
  /** The rules in force are known. */
  readonly onListed: () => void;
}

/**
 * Keeps the rules in force (spec P6): those of the eci-profile, while it is good; else the last good ones; else, for a
 * replica that has seen none, those that the controller has kept.
 */
export class ProfileFeed implements ReflectorListener<ProfileReading> {
  readonly #options: ProfileFeedOptions;
  readonly #health: WatchHealth;
  readonly #stop = new AbortController();
  /** Why the eci-profile of now cannot be used. */
  #broken: string | undefined;
  /** Whether rules are in force, be it none at all. */
  #hasRules = false;
  #adopting: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: ProfileFeedOptions) {
    this.#options = options;
    this.#health = new WatchHealth(options);
  }

  /** Whether the eci-profile of the cluster is the one in force; `undefined` before it is known. */
  isValid(): boolean | undefined {
    return this.#hasRules || this.#broken !== undefined ? this.#broken === undefined : undefined;
  }

  problems(): readonly SourceProblem[] {
    const message = this.#broken;
    return [
      ...this.#health.problems(),
      ...(message === undefined ? [] : [{ resource: 'eci-profile' as const, message }]),
    ];
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    await Promise.all([this.#adopting, this.#writing]);
  }

  listed(changed: readonly ProfileReading[], gone: readonly string[]): void {
    const [reading] = changed;
    if (reading !== undefined) this.changed(reading);
    // What is neither changed nor gone is as it was; the first time it is simply not there.
    else if (gone.length > 0 || (!this.#hasRules && this.#broken === undefined)) this.removed();
  }

  changed(reading: ProfileReading): void {
    if ('value' in reading) {
      if (this.#broken !== undefined) this.#options.logger.info({}, 'the eci-profile can be used again');
      this.#broken = undefined;
      this.#putInForce(reading.value);
      return;
    }
    const { logger, onUndecodable } = this.#options;
    this.#broken = reading.problem;
    logger.error({ problem: reading.problem }, 'the eci-profile cannot be used; the last good rules stay in force');
    onUndecodable?.('eci-profile');
    this.#writing = this.#writing.then(() => this.#tellOnConfigMap(reading, reading.problem));
    if (!this.#hasRules) this.#adopting ??= this.#adoptKept();
  }

  removed(): void {
    this.#broken = undefined;
    this.#putInForce(EMPTY_PROFILE);
  }

  heard(): void {
    this.#health.heard();
  }

  missing(): void {
    this.#health.missing();
  }

  restarted(cause: RestartCause, error?: unknown): void {
    this.#health.restarted(cause, error);
  }

  failed(error: unknown): void {
    this.#health.failed(error);
  }

  #putInForce(profile: EciProfile): void {
    const { store, onListed } = this.#options;
    store.setProfile(profile);
    if (this.#hasRules) return;
    this.#hasRules = true;
    store.markSynced('eci-profile');
    onListed();
  }

  /** A replica that starts while the eci-profile is broken takes the rules that the others have (spec P6). */
  async #adoptKept(): Promise<void> {
    const profile = await this.#readKept();
    // A good one may have come meanwhile.
    if (profile !== undefined && !this.#hasRules) this.#putInForce(profile);
  }

  /** Tries until there is an answer; `undefined` when stopped before. */
  async #readKept(): Promise<EciProfile | undefined> {
    const { client, kept, logger, timers } = this.#options;
    const { signal } = this.#stop;
    if (kept === undefined) return EMPTY_PROFILE;
    for (let failures = 1; !signal.aborted && !this.#hasRules; failures += 1) {
      try {
        const text = await readKeptProfile(client, kept, signal);
        logger.warn({ ...kept, found: text !== undefined }, 'the rules kept by the controller are in force');
        return text === undefined ? EMPTY_PROFILE : decodeEciProfile(text);
      } catch (err) {
        if (signal.aborted) return undefined;
        const isFinal = err instanceof ManifestError || (err instanceof ApiStatusError && err.status === 403);
        logger.warn({ ...kept, err }, 'the rules kept by the controller cannot be read');
        if (isFinal) return EMPTY_PROFILE;
        await pause(timers, backoffMs(failures, undefined, timers.random()), signal);
      }
    }
    return undefined;
  }

  /** Once for each version; other replicas do the same, and one Event comes of it. */
  async #tellOnConfigMap(reading: ProfileReading, problem: string): Promise<void> {
    const { client, logger, now, timers } = this.#options;
    const { signal } = this.#stop;
    for (let failures = 1; !signal.aborted && this.#broken === problem; failures += 1) {
      try {
        await writeProfileEvent(client, reading, problem, new Date(now()), signal);
        return;
      } catch (err) {
        if (signal.aborted) return;
        const isFinal = err instanceof ApiStatusError && err.status < 500 && err.status !== 429;
        if (isFinal || failures === EVENT_TRIES) {
          logger.warn({ err }, 'no Event could be written about the broken eci-profile');
          return;
        }
        await pause(timers, backoffMs(failures, undefined, timers.random()), signal);
      }
    }
  }
}

const EVENT_TRIES = 5;
