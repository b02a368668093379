import type { SourceProblem } from '../cluster/cluster-source.ts';
import type { ClusterStore, Resource } from '../cluster/cluster-store.ts';
import type { Logger } from '../telemetry/logger.ts';
import { NO_IMAGE_CACHE_RESOURCE } from './cluster-objects.ts';
import type { RestartCause } from './reflector.ts';

export interface WatchHealthOptions {
  readonly resource: Resource;
  readonly store: ClusterStore;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of every list or watch that had to begin again (spec S8). */
  readonly onRestart?: ((resource: Resource, cause: RestartCause) => void) | undefined;
}

/** Whether we are in touch with a resource: keeps its age, and says once what is wrong and once that it is over. */
export class WatchHealth {
  readonly #options: WatchHealthOptions;
  #problem: string | undefined;

  constructor(options: WatchHealthOptions) {
    this.#options = options;
  }

  problems(): readonly SourceProblem[] {
    return this.#problem === undefined ? [] : [{ resource: this.#options.resource, message: this.#problem }];
  }

  heard(): void {
    const { resource, store, logger, now } = this.#options;
    store.heard(resource, now());
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    logger.info({ resource }, 'in touch with the API server again');
  }

  /** The API server does not know the resource, which counts as knowing that there is nothing of it (spec S2). */
  missing(): void {
    const { resource, store, logger, now } = this.#options;
    store.heard(resource, now());
    if (this.#problem === NO_IMAGE_CACHE_RESOURCE) return;
    this.#problem = NO_IMAGE_CACHE_RESOURCE;
    logger.warn({ resource }, NO_IMAGE_CACHE_RESOURCE);
  }

  restarted(cause: RestartCause, error: unknown): void {
    const { resource, logger, onRestart } = this.#options;
    onRestart?.(resource, cause);
    const reason = error instanceof Error ? error.message : undefined;
    // A silent or expired watch begins again at once, as it should; it is a problem if that fails.
    const isRoutine = reason === undefined || cause === 'silent' || cause === 'expired';
    const isKnownToMiss = cause === 'missing' && this.#problem === NO_IMAGE_CACHE_RESOURCE;
    const message = `${resource} cannot be followed: ${reason}`;
    if (isRoutine || isKnownToMiss || message === this.#problem) {
      logger.debug({ resource, cause, reason }, 'a watch begins again');
      return;
    }
    this.#problem = message;
    // The server may just not have begun to serve it; `missing` follows if that is not so.
    if (cause === 'missing') logger.debug({ resource, cause, reason }, 'the API server does not know a resource');
    else logger.warn({ resource, cause, reason }, 'a resource cannot be followed; what was known of it stays in force');
  }

  failed(error: unknown): void {
    const { resource, logger } = this.#options;
    logger.error({ resource, err: error }, 'news of the cluster could not be taken in, for a fault of this program');
  }
}
