import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageCacheObjects, Marks } from '../controller/image-cache-objects.ts';
import type { ImageCacheObject, NewImageCache } from '../wire/image-cache-object.ts';
import { encodeNewImageCache } from '../wire/image-cache-object.ts';
import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, member } from '../wire/json.ts';
import { parseManifests } from '../wire/manifests.ts';
import { toYaml } from '../wire/yaml-text.ts';
import { isGone } from './directory-scan.ts';
import type { EmbeddedSource } from './embedded-source.ts';

/** Below the directory of the files source: where ImageCaches go that we make (spec N1). */
export const AUTO_CREATED_FOLDER = 'auto-created';

const HEADING = '# Made and kept current by imc serve. Delete the file to delete the ImageCache.\n';

/** What {@link ImageCacheFiles} works with. */
export interface ImageCacheFilesOptions {
  readonly directory: string;
  readonly source: EmbeddedSource;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * The ImageCaches of the files source, to read and to write. Only files below `auto-created/` are ever written; the
 * status of an ImageCache that somebody else wrote is kept in memory.
 */
export class ImageCacheFiles implements ImageCacheObjects {
  readonly #options: ImageCacheFilesOptions;

  constructor(options: ImageCacheFilesOptions) {
    this.#options = options;
  }

  current(): ReadonlyMap<string, ImageCacheObject> {
    return new Map(
      [...this.#options.source.imageCaches()].map(([name, { object, path }]) => [
        name,
        isOwnFile(path) ? object : asSomebodyElses(object),
      ]),
    );
  }

  onChange(listener: () => void): void {
    this.#options.source.onImageCaches(listener);
  }

  /** Whether an ImageCache is built by us: we made it, or nobody gave it a status. */
  isOurs(object: ImageCacheObject): boolean {
    const known = this.#options.source.imageCache(object.cache.name);
    return known !== undefined && (isOwnFile(known.path) || !known.hasOwnStatus);
  }

  async create(cache: NewImageCache): Promise<boolean> {
    const manifest = encodeNewImageCache(cache);
    const creationTimestamp = new Date(this.#options.now()).toISOString();
    const metadata = { ...(manifest['metadata'] as JsonObject), uid: randomUUID(), creationTimestamp };
    await mkdir(join(this.#options.directory, AUTO_CREATED_FOLDER), { recursive: true });
    if (await this.#read(cache.name)) return false;
    await this.#write(cache.name, { ...manifest, metadata });
    return true;
  }

  async mark({ cache: { name } }: ImageCacheObject, { labels, annotations }: Marks): Promise<void> {
    await this.#change(name, (value) => {
      const metadata = member(value, 'metadata');
      return {
        ...value,
        metadata: withoutEmpty({
          ...(isJsonObject(metadata) ? metadata : {}),
          labels: merged(member(metadata, 'labels'), labels),
          annotations: merged(member(metadata, 'annotations'), annotations),
        }),
      };
    });
  }

  async writeStatus(object: ImageCacheObject, status: JsonObject): Promise<JsonObject> {
    const { name } = object.cache;
    const known = this.#options.source.imageCache(name);
    let kept = merged(object.status, status);
    if (known !== undefined && isOwnFile(known.path)) {
      await this.#change(name, (value) => {
        kept = merged(member(value, 'status'), status);
        return { ...value, status: kept };
      });
    } else if (known !== undefined) {
      this.#options.source.overlayStatus(name, kept);
    }
    return kept;
  }

  async remove({ cache: { name } }: ImageCacheObject): Promise<void> {
    await rm(this.#fileOf(name), { force: true });
  }

  async #change(name: string, change: (value: JsonObject) => JsonObject): Promise<void> {
    const value = await this.#read(name);
    // Somebody deleted the file, which deletes the ImageCache.
    if (value !== undefined) await this.#write(name, change(value));
  }

  async #read(name: string): Promise<JsonObject | undefined> {
    const file = this.#fileOf(name);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
    return parseManifests(file, text)[0]?.value;
  }

  /** Written beside and renamed, so that no reader sees half a file. */
  async #write(name: string, value: JsonObject): Promise<void> {
    const file = this.#fileOf(name);
    const beside = `${file}.new`;
    await writeFile(beside, HEADING + toYaml(value));
    await rename(beside, file);
  }

  #fileOf(name: string): string {
    return join(this.#options.directory, AUTO_CREATED_FOLDER, `${name}.yaml`);
  }
}

function isOwnFile(path: string): boolean {
  return path.startsWith(`${AUTO_CREATED_FOLDER}/`);
}

/** What stands in files of others is theirs, whatever its labels say. */
function asSomebodyElses(object: ImageCacheObject): ImageCacheObject {
  return object.cache.ours === undefined ? object : { ...object, cache: { ...object.cache, ours: undefined } };
}

/** A JSON merge patch of one level: `null` takes away. */
function merged(before: unknown, changes: Readonly<Record<string, unknown>> | undefined): JsonObject {
  const all = { ...(isJsonObject(before) ? before : {}), ...changes };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

function withoutEmpty(metadata: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(metadata).filter(([, value]) => !isJsonObject(value) || Object.keys(value).length > 0),
  );
}
