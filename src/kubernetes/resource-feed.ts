import type { SourceProblem } from '../cluster/cluster-source.ts';
import type { Resource } from '../cluster/cluster-store.ts';
import type { Reading } from './cluster-objects.ts';
import type { ReflectorListener, RestartCause } from './reflector.ts';
import { WatchHealth, type WatchHealthOptions } from './watch-health.ts';

export interface ResourceFeedOptions<Value> extends WatchHealthOptions {
  readonly put: (name: string, value: Value) => void;
  readonly remove: (name: string) => void;
  /** Told of every object that could not be read, once for each version of it (spec S8). */
  readonly onUndecodable?: ((resource: Resource) => void) | undefined;
  /** A full listing is in the store. */
  readonly onListed: () => void;
}

/** Brings the objects of one resource into the store; an object that cannot be read keeps its last good version. */
export class ResourceFeed<Value> implements ReflectorListener<Reading<Value>> {
  readonly #options: ResourceFeedOptions<Value>;
  readonly #health: WatchHealth;
  /** Of objects that cannot be read, by name. */
  readonly #unreadable = new Map<string, string>();

  constructor(options: ResourceFeedOptions<Value>) {
    this.#options = options;
    this.#health = new WatchHealth(options);
  }

  problems(): readonly SourceProblem[] {
    const { resource } = this.#options;
    return [
      ...this.#health.problems(),
      ...[...this.#unreadable.values()].map((message): SourceProblem => ({ resource, message })),
    ];
  }

  listed(changed: readonly Reading<Value>[], gone: readonly string[]): void {
    for (const name of gone) this.removed(name);
    for (const reading of changed) this.changed(reading);
    this.#options.store.markSynced(this.#options.resource);
    this.#options.onListed();
  }

  changed(reading: Reading<Value>): void {
    const { resource, put, logger, onUndecodable } = this.#options;
    const { name } = reading;
    if ('problem' in reading) {
      this.#unreadable.set(name, reading.problem);
      logger.warn({ resource, problem: reading.problem }, 'an object cannot be read; its last good version stays');
      onUndecodable?.(resource);
      return;
    }
    if (this.#unreadable.delete(name)) logger.info({ resource, name }, 'an object can be read again');
    put(name, reading.value);
  }

  removed(name: string): void {
    this.#unreadable.delete(name);
    this.#options.remove(name);
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
}
