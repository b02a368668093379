import type { ImageCacheObjects, Marks } from '../controller/image-cache-objects.ts';
import { RefusedWriteError } from '../controller/refused-write-error.ts';
import type { StringMap } from '../core/label-selector.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ImageCacheObject, NewImageCache } from '../wire/image-cache-object.ts';
import { decodeImageCacheObject, encodeNewImageCache } from '../wire/image-cache-object.ts';
import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, member, textMember } from '../wire/json.ts';
import { isStatus } from './cluster-errors.ts';
import { IMAGE_CACHES, NO_IMAGE_CACHE_RESOURCE, type Reading, readObject } from './cluster-objects.ts';
import type { KubeClient } from './kube-client.ts';
import { Reflector, type ReflectorListener, type RestartCause } from './reflector.ts';
import type { ResourceAddress } from './resource-path.ts';
import type { Timers } from './timers.ts';

export interface ImageCacheClientOptions {
  readonly client: Pick<KubeClient, 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete'>;
  readonly logger: Logger;
  readonly timers?: Timers;
}

/** The owner of what we write in the record of managed fields. */
const FIELD_MANAGER = 'imc-controller';

/**
 * The ImageCaches of an API server, followed from {@link start} to {@link stop}. What we write is there at once, not only
 * when the watch tells of it: otherwise the next plan would do it again. Every change names the version of the object it
 * is about, so that of two writers one is refused.
 */
export class ImageCacheClient implements ImageCacheObjects, ReflectorListener<Reading<ImageCacheObject>> {
  readonly #options: ImageCacheClientOptions;
  readonly #logger: Logger;
  readonly #reflector: Reflector<Reading<ImageCacheObject>>;
  readonly #objects = new Map<string, ImageCacheObject>();
  readonly #listeners: (() => void)[] = [];
  /** Names that we wrote and the watch has not told of yet. */
  readonly #ahead = new Set<string>();
  /** Uids that we deleted and the watch still believes in, by name. */
  readonly #deleted = new Map<string, string>();
  /** The version an object has after our own writes about it: a plan may hold several for one. */
  readonly #versions = new WeakMap<ImageCacheObject, string>();
  #isListed = false;
  #isMissing = false;

  constructor(options: ImageCacheClientOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'image-caches' });
    this.#reflector = new Reflector({
      client: options.client,
      address: IMAGE_CACHES,
      read: readReduced,
      listener: this,
      ...(options.timers === undefined ? {} : { timers: options.timers }),
    });
  }

  start(): void {
    this.#reflector.start();
  }

  async stop(): Promise<void> {
    await this.#reflector.stop();
  }

  /** `undefined` also where the cluster has no such resource: nothing can be made there. */
  current(): ReadonlyMap<string, ImageCacheObject> | undefined {
    return this.#isListed && !this.#isMissing ? new Map(this.#objects) : undefined;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async create(cache: NewImageCache): Promise<boolean> {
    const { client } = this.#options;
    try {
      const { object } = await client.create(IMAGE_CACHES, encodeNewImageCache(cache), { fieldManager: FIELD_MANAGER });
      this.#wrote(decodeReduced(object));
      return true;
    } catch (error) {
      if (!isStatus(error, 409)) throw refusal(error);
    }
    try {
      // Somebody was faster: the next plan is to know.
      this.#wrote(decodeReduced((await client.get(addressOf(cache.name))).object));
    } catch (error) {
      if (!isStatus(error, 404)) throw refusal(error);
    }
    return false;
  }

  async mark(object: ImageCacheObject, { labels, annotations }: Marks): Promise<void> {
    await this.#patch(object, addressOf(object.cache.name), { metadata: { labels, annotations } });
  }

  async writeStatus(object: ImageCacheObject, status: JsonObject): Promise<JsonObject> {
    const written = await this.#patch(object, { ...addressOf(object.cache.name), subresource: 'status' }, { status });
    return written.status ?? {};
  }

  async remove(object: ImageCacheObject): Promise<void> {
    const { client } = this.#options;
    const { name } = object.cache;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: object.uid } };
    try {
      const { object: answer } = await client.delete(addressOf(name), { body });
      const uid = textMember(member(answer, 'metadata'), 'uid');
      if (uid !== '') {
        // Somebody's finalizer has to agree first.
        this.#wrote(decodeReduced(answer));
        return;
      }
    } catch (error) {
      // Not there any more, or another one of that name: gone either way.
      if (!isStatus(error, 404) && !isStatus(error, 409)) throw refusal(error);
    }
    if (this.#objects.get(name)?.uid !== object.uid) return;
    this.#objects.delete(name);
    this.#ahead.delete(name);
    this.#deleted.set(name, object.uid);
    this.#tell();
  }

  listed(changed: readonly Reading<ImageCacheObject>[], gone: readonly string[], resourceVersion: string): void {
    this.#isMissing = false;
    for (const name of gone) this.#forget(name);
    for (const reading of changed) this.#take(reading);
    for (const name of this.#ahead) {
      // We made it, somebody deleted it, and the watch was not there to see either.
      const known = this.#objects.get(name);
      const isListedThen = resourceVersion === '' || !isNewer(known?.resourceVersion ?? '', resourceVersion);
      if (isListedThen) this.#forget(name);
    }
    this.#deleted.clear();
    this.#isListed = true;
    this.#tell();
  }

  changed(reading: Reading<ImageCacheObject>): void {
    this.#take(reading);
    this.#tell();
  }

  removed(name: string): void {
    // Of an object that we made anew since, the end of the former one says nothing.
    if (!this.#ahead.has(name)) this.#objects.delete(name);
    this.#deleted.delete(name);
    this.#tell();
  }

  heard(): void {
    // Nobody asks how old the news are: what is planned from old ones is refused.
  }

  missing(): void {
    if (!this.#isMissing) this.#logger.warn({}, NO_IMAGE_CACHE_RESOURCE);
    this.#isMissing = true;
  }

  restarted(cause: RestartCause, err?: unknown): void {
    if (cause === 'refused') this.#logger.warn({ cause, err }, 'the API server refuses a watch; tried again later');
    else this.#logger.debug({ cause, err }, 'a watch begins again');
  }

  failed(err: unknown): void {
    this.#logger.error({ err }, 'ImageCaches could not be taken in, for a fault of this program');
  }

  async #patch(object: ImageCacheObject, address: ResourceAddress, change: JsonObject): Promise<ImageCacheObject> {
    const resourceVersion = this.#versions.get(object) ?? object.resourceVersion;
    const metadata = member(change, 'metadata');
    const patch = { ...change, metadata: { ...(isJsonObject(metadata) ? metadata : {}), resourceVersion } };
    let written: ImageCacheObject;
    try {
      written = decodeReduced(
        (await this.#options.client.patch(address, 'merge', patch, { fieldManager: FIELD_MANAGER })).object,
      );
    } catch (error) {
      throw refusal(error);
    }
    this.#versions.set(object, written.resourceVersion);
    this.#wrote(written);
    return written;
  }

  #wrote(object: ImageCacheObject): void {
    const { name } = object.cache;
    if (!this.#put(object)) return;
    this.#ahead.add(name);
    this.#deleted.delete(name);
    this.#tell();
  }

  #take(reading: Reading<ImageCacheObject>): void {
    if ('problem' in reading) {
      this.#logger.warn({ problem: reading.problem }, 'an object cannot be read; its last good version stays');
      return;
    }
    if (this.#deleted.get(reading.name) === reading.value.uid) return;
    if (this.#put(reading.value)) this.#ahead.delete(reading.name);
  }

  /** Whether it is news: a watch tells late of what we wrote ourselves. */
  #put(object: ImageCacheObject): boolean {
    const { name } = object.cache;
    const known = this.#objects.get(name);
    if (known !== undefined && isNewer(known.resourceVersion, object.resourceVersion)) return false;
    this.#objects.set(name, object);
    return true;
  }

  #forget(name: string): void {
    this.#objects.delete(name);
    this.#ahead.delete(name);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function addressOf(name: string): ResourceAddress {
  return { ...IMAGE_CACHES, name };
}

/** Versions of one resource grow; those of a server that counts in another way are never too old. */
function isNewer(version: string, other: string): boolean {
  const [a, b] = [Number(version), Number(other)];
  return a > b;
}

/** What an answer says of this one object, apart from what would stop every other write as well. */
function refusal(error: unknown): unknown {
  const isAboutIt = [400, 404, 409, 422].some((status) => isStatus(error, status));
  if (!isAboutIt || !(error instanceof Error)) return error;
  return new RefusedWriteError(error.message, { cause: error });
}

function readReduced(object: JsonObject): Reading<ImageCacheObject> {
  return readObject('ImageCache', object, () => decodeReduced(object));
}

/** Without the annotations of other programs, some of which hold the whole object once more. */
function decodeReduced(value: JsonObject): ImageCacheObject {
  const object = decodeImageCacheObject(value);
  return { ...object, labels: reduced(object.labels), annotations: reduced(object.annotations) };
}

const KEPT_KEYS = ['imc-webhook/', 'k8s.aliyun.com/'];

function reduced(map: StringMap): StringMap {
  return new Map([...map].filter(([key]) => KEPT_KEYS.some((prefix) => key.startsWith(prefix))));
}
