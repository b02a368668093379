import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, member, textMember } from '../wire/json.ts';
import { backoffMs } from './backoff.ts';
import { ApiStatusError, ClusterUnavailableError, isStatus, KubeconfigError } from './cluster-errors.ts';
import type { KubeClient } from './kube-client.ts';
import { readStatus } from './kube-client.ts';
import type { ResourceAddress } from './resource-path.ts';
import { pause, systemTimers, type Timers } from './timers.ts';
import { readWholeList } from './whole-list.ts';

/** Why a list or watch had to begin again (spec S8). */
export type RestartCause = 'ended' | 'cut' | 'silent' | 'expired' | 'refused' | 'missing' | 'failed';

/**
 * All of them: `ended` by the server at its time limit; `cut` off, or no answer to be had; `silent` for too long;
 * `expired`, since the server no longer knows where we were (410); `refused` with another status; `missing`, since the
 * server does not know the resource (404); `failed` through a fault of ours.
 */
export const RESTART_CAUSES: readonly RestartCause[] = [
  'ended',
  'cut',
  'silent',
  'expired',
  'refused',
  'missing',
  'failed',
];

/**
 * Who wants to know of the objects of a resource. A listener that throws is told so (`failed`), and hears of the same
 * objects again with the next listing.
 */
export interface ReflectorListener<Value> {
  /**
   * A full listing: what is new or has changed since the last, and the names of what is gone. Objects that were known
   * already in this version are in neither.
   *
   * @param resourceVersion - the listing is how things were then; empty when the server does not know the resource.
   */
  listed(changed: readonly Value[], gone: readonly string[], resourceVersion: string): void;
  /** An object was added or changed. */
  changed(value: Value): void;
  /** An object was deleted; of one in a namespace the name is `NAMESPACE/NAME`, here as in `listed`. */
  removed(name: string): void;
  /** The server was heard of: a listing, an event, or a bookmark. */
  heard(): void;
  /** The server was heard of, and does not know the resource; told each time it says so, after `listed` of nothing. */
  missing(): void;
  /** A list or watch came to an end and begins again; `error` unless the server ended it as it should. */
  restarted(cause: RestartCause, error?: unknown): void;
  /** A fault of ours, or of this listener. */
  failed(error: unknown): void;
}

/** What a reflector works with. */
export interface ReflectorOptions<Value> {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly address: ResourceAddress;
  /** Of list and watch alike, such as a field selector. */
  readonly query?: Readonly<Record<string, string>>;
  /** The media types wanted of the list and of the watch, for asking for less than whole objects. */
  readonly accept?: { readonly list: string; readonly watch: string };
  /** Reduces an object to what is needed of it; called as objects arrive. Must not throw. */
  readonly read: (object: JsonObject) => Value;
  readonly listener: ReflectorListener<Value>;
  readonly timers?: Timers;
}

/** API servers send a bookmark about once a minute; after this long without one the connection is taken for dead (spec S4). */
const SILENCE_MS = 130_000;

/** Watches are given a time limit of their own, spread so that not all end at once. */
const WATCH_SECONDS = { least: 240, most: 480 };

/** A watch that ends by itself after this long was a good one, even if nothing happened in it. */
const GOOD_WATCH_MS = 10_000;

/** A resource that the server does not know is asked for this often (spec S2). */
const MISSING_RETRY_MS = 30_000;

/**
 * A server that has just started may deny a resource it is about to serve. What was known of it is given up only when
 * the server still denies it after this long.
 */
const MISSING_GRACE_MS = 25_000;

/**
 * After so many watches in a row without a word, or with the word that the server has not got so far (504, as after etcd
 * was restored from a backup), the place they start from is in doubt as well: list again.
 */
const DOUBTS = 5;

/**
 * Follows one resource of the API server: lists it, watches it from there, and goes on whatever happens (spec S4). The
 * listener is told of a listing only when it is complete, so what it knew before stays in force until then.
 */
export class Reflector<Value> {
  readonly #options: ReflectorOptions<Value>;
  readonly #timers: Timers;
  readonly #stop = new AbortController();
  /** The version of every object that is known, by name: a listing need not repeat what has not changed. */
  #versions = new Map<string, string>();
  /** Where the next watch starts; `undefined` when a listing is needed first. */
  #resourceVersion: string | undefined;
  /** Attempts in a row without a sign of life. */
  #failures = 0;
  #doubts = 0;
  #missingSinceMs: number | undefined;
  #hasListed = false;
  #running: Promise<void> | undefined;

  constructor(options: ReflectorOptions<Value>) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Begins to follow; never throws. A second call does nothing. */
  start(): void {
    this.#running ??= this.#run(this.#stop.signal);
  }

  /** Ends whatever is under way; the listener hears nothing more. Safe to call twice, and at any moment. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let cause: RestartCause = 'ended';
      let problem: unknown;
      const startedAtMs = this.#timers.now();
      try {
        if (this.#resourceVersion === undefined) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        cause = causeOf(error);
        problem = error;
      }
      if (signal.aborted) return;
      if (cause === 'ended' && this.#timers.now() - startedAtMs >= GOOD_WATCH_MS) this.#failures = 0;
      this.#failures += 1;
      if (cause === 'silent' || isStatus(problem, 504)) this.#doubts += 1;
      if (cause === 'expired' || cause === 'missing' || this.#doubts >= DOUBTS) this.#resourceVersion = undefined;
      this.#tell((listener) => listener.restarted(cause, problem));
      const retryAfter = problem instanceof ApiStatusError ? problem.retryAfterSeconds : undefined;
      const isMissing = cause === 'missing' && this.#settleMissing();
      const waitMs = isMissing ? MISSING_RETRY_MS : backoffMs(this.#failures, retryAfter, this.#timers.random());
      await pause(this.#timers, waitMs, signal);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, address, query = {}, accept, read } = this.#options;
    const known = this.#versions;
    const list = await readWholeList(
      client,
      address,
      (object): Listed<Value> => {
        const name = nameOf(object);
        const version = textMember(member(object, 'metadata'), 'resourceVersion');
        const isKnown = version !== '' && known.get(name) === version;
        return { name, version, value: isKnown ? undefined : { of: read(object) } };
      },
      { query, signal, accept: accept?.list },
    );
    signal.throwIfAborted();
    const versions = new Map(list.items.map(({ name, version }) => [name, version]));
    const changed = list.items.flatMap(({ value }) => (value === undefined ? [] : [value.of]));
    const gone = [...known.keys()].filter((name) => !versions.has(name));
    this.#resourceVersion = list.resourceVersion;
    this.#doubts = 0;
    this.#missingSinceMs = undefined;
    this.#hasListed = true;
    if (this.#tell((listener) => listener.listed(changed, gone, list.resourceVersion))) this.#versions = versions;
    this.#tell((listener) => listener.heard());
  }

  /** Until the server ends it; throws for every other end. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { client, address, query = {}, accept } = this.#options;
    const { least, most } = WATCH_SECONDS;
    const silence = new AbortController();
    let cancel = this.#watchOver(silence);
    const events = client.watch(address, {
      signal: AbortSignal.any([signal, silence.signal]),
      accept: accept?.watch,
      query: {
        ...query,
        resourceVersion: this.#resourceVersion,
        allowWatchBookmarks: true,
        timeoutSeconds: least + Math.floor(this.#timers.random() * (most - least + 1)),
      },
    });
    try {
      for await (const event of events) {
        signal.throwIfAborted();
        cancel();
        cancel = this.#watchOver(silence);
        this.#take(event);
      }
    } finally {
      cancel();
    }
  }

  #watchOver(silence: AbortController): () => void {
    return this.#timers.after(SILENCE_MS, () => silence.abort(new SilentWatch()));
  }

  #take(event: JsonObject): void {
    const type = textMember(event, 'type');
    const object = member(event, 'object');
    if (type === 'ERROR') throw new ApiStatusError('watch', readStatus(object));
    if (!isJsonObject(object))
      throw new ClusterUnavailableError(`a watch sent ${type || 'an event'} without its object`);
    const version = textMember(member(object, 'metadata'), 'resourceVersion');
    const name = nameOf(object);
    switch (type) {
      case 'BOOKMARK':
        break;
      case 'ADDED':
      case 'MODIFIED': {
        const value = this.#options.read(object);
        if (this.#tell((listener) => listener.changed(value))) this.#versions.set(name, version);
        else this.#versions.set(name, '');
        break;
      }
      case 'DELETED':
        this.#versions.delete(name);
        this.#tell((listener) => listener.removed(name));
        break;
      default:
        // A kind of event that servers to come may send.
        return;
    }
    if (version !== '') this.#resourceVersion = version;
    this.#failures = 0;
    this.#doubts = 0;
    this.#tell((listener) => listener.heard());
  }

  /** Whether the server has denied the resource for long enough to believe it; then there is nothing of it. */
  #settleMissing(): boolean {
    const nowMs = this.#timers.now();
    this.#missingSinceMs ??= nowMs;
    if (this.#hasListed && nowMs - this.#missingSinceMs < MISSING_GRACE_MS) return false;
    const gone = [...this.#versions.keys()];
    this.#versions = new Map();
    this.#failures = 0;
    this.#tell((listener) => listener.listed([], gone, ''));
    this.#tell((listener) => listener.missing());
    return true;
  }

  /** A listener that throws must end neither the watch nor the program; whether it did not. */
  #tell(what: (listener: ReflectorListener<Value>) => void): boolean {
    if (this.#stop.signal.aborted) return false;
    try {
      what(this.#options.listener);
      return true;
    } catch (error) {
      this.#options.listener.failed(error);
      return false;
    }
  }
}

interface Listed<Value> {
  readonly name: string;
  readonly version: string;
  /** `undefined` for an object that is known in this version. */
  readonly value: { readonly of: Value } | undefined;
}

class SilentWatch extends Error {
  constructor() {
    super(`neither an event nor a bookmark within ${SILENCE_MS / 1000} s`);
    this.name = 'SilentWatch';
  }
}

function causeOf(error: unknown): RestartCause {
  if (error instanceof SilentWatch) return 'silent';
  if (isStatus(error, 410)) return 'expired';
  if (isStatus(error, 404)) return 'missing';
  if (error instanceof ApiStatusError) return 'refused';
  if (error instanceof ClusterUnavailableError || error instanceof KubeconfigError) return 'cut';
  return 'failed';
}

function nameOf(object: JsonObject): string {
  const metadata = member(object, 'metadata');
  const namespace = textMember(metadata, 'namespace');
  const name = textMember(metadata, 'name');
  return namespace === '' ? name : `${namespace}/${name}`;
}
