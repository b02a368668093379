import type { ImageCacheObjects, Marks } from '../../src/controller/image-cache-objects.ts';
import type { ImageCacheObject, NewImageCache } from '../../src/wire/image-cache-object.ts';
import { decodeImageCacheObject, encodeNewImageCache } from '../../src/wire/image-cache-object.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { member } from '../../src/wire/json.ts';

/** A cluster's ImageCaches in memory: refuses what an API server would refuse, and can fail on request. */
export class InMemoryImageCaches implements ImageCacheObjects {
  /** Every write, as `verb name`. */
  readonly log: string[] = [];
  readonly #now: () => number;
  readonly #objects = new Map<string, JsonObject>();
  readonly #listeners: (() => void)[] = [];
  #uids = 0;
  /** Asked before (`attempt`) and after (`done`) every write: throwing is how a write, or its answer, gets lost. */
  interrupt: (when: 'attempt' | 'done', what: string) => void = () => undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  current(): ReadonlyMap<string, ImageCacheObject> {
    return new Map([...this.#objects].map(([name, value]) => [name, decodeImageCacheObject(value)]));
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** What a user applies. */
  apply(manifest: JsonObject): void {
    const metadata = member(manifest, 'metadata') as JsonObject;
    const name = String(metadata['name']);
    const before = this.#objects.get(name);
    this.#uids += 1;
    const kept = member(before, 'metadata') as JsonObject | undefined;
    const given = { uid: `uid-${this.#uids}`, creationTimestamp: new Date(this.#now()).toISOString(), ...kept };
    this.#put(name, { ...before, ...manifest, metadata: { ...given, ...metadata } });
  }

  /** What a user deletes. */
  drop(name: string): void {
    this.#objects.delete(name);
    this.#tell();
  }

  async create(cache: NewImageCache): Promise<boolean> {
    const isNew = !this.#objects.has(cache.name);
    await this.#write(`create ${cache.name}`, () => {
      if (isNew) this.apply(encodeNewImageCache(cache));
    });
    return isNew;
  }

  mark(object: ImageCacheObject, { labels, annotations }: Marks): Promise<void> {
    return this.#write(`mark ${object.cache.name}`, () => {
      const value = this.#same(object);
      const metadata = value['metadata'] as JsonObject;
      this.#put(object.cache.name, {
        ...value,
        metadata: {
          ...metadata,
          labels: merged(metadata['labels'], labels),
          annotations: merged(metadata['annotations'], annotations),
        },
      });
    });
  }

  /** Whether the status schema has room for `status.images` (it has not where it is the vendor's own). */
  keepsImages = true;

  async writeStatus(object: ImageCacheObject, status: JsonObject): Promise<JsonObject> {
    await this.#write(`status ${object.cache.name} ${String(status['phase'])}`, () => {
      const value = this.#same(object);
      const kept = merged(value['status'], status);
      if (!this.keepsImages) delete kept['images'];
      this.#put(object.cache.name, { ...value, status: kept });
    });
    return member(this.#objects.get(object.cache.name), 'status') as JsonObject;
  }

  remove(object: ImageCacheObject): Promise<void> {
    return this.#write(`delete ${object.cache.name}`, () => {
      if (this.#objects.has(object.cache.name)) {
        this.#same(object);
        this.#objects.delete(object.cache.name);
      }
    });
  }

  async #write(what: string, change: () => void): Promise<void> {
    await Promise.resolve();
    this.interrupt('attempt', what);
    change();
    this.log.push(what);
    this.#tell();
    this.interrupt('done', what);
  }

  #same(object: ImageCacheObject): JsonObject {
    const value = this.#objects.get(object.cache.name);
    if (value === undefined) throw new Error(`${object.cache.name} not found`);
    if (decodeImageCacheObject(value).uid !== object.uid) throw new Error(`${object.cache.name} is another one`);
    return value;
  }

  #put(name: string, value: JsonObject): void {
    this.#objects.set(name, value);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** A JSON merge patch of one level. */
function merged(before: unknown, changes: JsonObject | undefined): JsonObject {
  const all = { ...(before as JsonObject | undefined), ...changes };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}
