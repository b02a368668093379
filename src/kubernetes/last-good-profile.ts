import type { Logger } from '../telemetry/logger.ts';
import type { JsonObject } from '../wire/json.ts';
import { member } from '../wire/json.ts';
import { ECI_PROFILE } from '../wire/kinds.ts';
import { backoffMs } from './backoff.ts';
import { isStatus } from './cluster-errors.ts';
import { ECI_PROFILE_ADDRESS, type ProfileReading, readProfile } from './cluster-objects.ts';
import type { KubeClient } from './kube-client.ts';
import { Reflector } from './reflector.ts';
import type { ResourceAddress } from './resource-path.ts';
import { pause, systemTimers, type Timers } from './timers.ts';

/** The ConfigMap of our own in which the last good `selectors` text is kept (spec P6). */
export interface KeptProfile {
  readonly namespace: string;
  readonly name: string;
}

/**
 * The last good `selectors` text, as the controller has kept it; for whoever starts while the eci-profile is broken.
 *
 * @returns `undefined` when none is kept.
 * @throws what {@link KubeClient} throws, but not for a missing ConfigMap.
 */
export async function readKeptProfile(
  client: Pick<KubeClient, 'get'>,
  kept: KeptProfile,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    const { object } = await client.get(addressOf(kept), { signal });
    return selectorsIn(object);
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

export interface LastGoodProfileKeeperOptions {
  readonly client: Pick<KubeClient, 'get' | 'list' | 'watch' | 'create' | 'patch'>;
  readonly kept: KeptProfile;
  readonly logger: Logger;
  readonly timers?: Timers;
}

/**
 * Keeps the last good text of the eci-profile in a ConfigMap of our own, so that a replica of `imc serve` that starts
 * while the eci-profile is broken agrees with the others (spec P6). serve itself may only read that ConfigMap (spec S6):
 * this is a task for `imc controller`, to be run by its leader.
 */
export class LastGoodProfileKeeper {
  readonly name = 'last-good-profile';
  readonly #options: LastGoodProfileKeeperOptions;
  readonly #logger: Logger;

  constructor(options: LastGoodProfileKeeperOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'last-good-profile' });
  }

  /**
   * Follows the eci-profile and writes what is good of it until `signal` is aborted. Never fails: what cannot be written
   * now is written later.
   *
   * @param leadership - `isHeld` is asked before each write.
   */
  async run({ signal, isHeld }: { readonly signal: AbortSignal; readonly isHeld: () => boolean }): Promise<void> {
    const { client, timers = systemTimers } = this.#options;
    let wanted: string | undefined;
    let wake = new AbortController();
    const want = (selectors: string | undefined): void => {
      // A broken text is not kept: the last good one stays.
      if (selectors === undefined) return;
      wanted = selectors;
      wake.abort();
    };
    const reflector = new Reflector<ProfileReading>({
      client,
      address: ECI_PROFILE_ADDRESS.address,
      query: ECI_PROFILE_ADDRESS.query,
      read: readProfile,
      timers,
      listener: {
        listed: ([reading], gone) => {
          if (reading !== undefined) want(goodTextOf(reading));
          else if (gone.length > 0 || wanted === undefined) want('');
        },
        changed: (reading) => want(goodTextOf(reading)),
        removed: () => want(''),
        heard: () => undefined,
        missing: () => undefined,
        restarted: (cause, err) => this.#logger.debug({ cause, err }, 'a watch begins again'),
        failed: (err) => this.#logger.error({ err }, 'the eci-profile could not be taken in'),
      },
    });
    reflector.start();
    try {
      let failures = 0;
      let written: string | undefined;
      while (!signal.aborted) {
        wake = new AbortController();
        if (wanted !== undefined && wanted !== written && isHeld()) {
          const attempt = wanted;
          try {
            await this.#write(attempt, signal);
            written = attempt;
            failures = 0;
            continue;
          } catch (err) {
            failures += 1;
            this.#logger.warn({ err }, 'the last good eci-profile cannot be kept now; tried again later');
          }
        }
        const retryMs = failures === 0 ? LOOK_AGAIN_MS : backoffMs(failures, undefined, timers.random());
        await pause(timers, retryMs, AbortSignal.any([signal, wake.signal]));
        // Somebody may have changed or deleted what we wrote.
        if (failures === 0) written = undefined;
      }
    } finally {
      await reflector.stop();
    }
  }

  /** Writes only what differs; makes the ConfigMap if it is not there. */
  async #write(selectors: string, signal: AbortSignal): Promise<void> {
    const { client, kept } = this.#options;
    const address = addressOf(kept);
    let current: JsonObject | undefined;
    try {
      current = (await client.get(address, { signal })).object;
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
    if (current !== undefined && selectorsIn(current) === selectors) return;
    const data = { [ECI_PROFILE.key]: selectors };
    if (current === undefined) {
      const { name: _name, ...collection } = address;
      const metadata = { name: kept.name, namespace: kept.namespace };
      await client.create(collection, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { signal });
    } else {
      await client.patch(address, 'merge', { data }, { signal });
    }
    this.#logger.info({ namespace: kept.namespace, name: kept.name }, 'kept the last good eci-profile');
  }
}

/** How often it is checked that what was kept is still there. */
const LOOK_AGAIN_MS = 600_000;

function addressOf({ namespace, name }: KeptProfile): ResourceAddress & { readonly name: string } {
  return { version: 'v1', resource: 'configmaps', namespace, name };
}

function selectorsIn(configMap: JsonObject): string | undefined {
  const text = member(member(configMap, 'data'), ECI_PROFILE.key);
  return typeof text === 'string' ? text : undefined;
}

function goodTextOf(reading: ProfileReading): string | undefined {
  return 'problem' in reading ? undefined : reading.selectors;
}
