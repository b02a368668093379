import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { RECORDED_IMAGES_KEY } from '../core/keys.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ImageCacheObject } from '../wire/image-cache-object.ts';
import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import type { CacheContents, CacheService, ServiceCache } from './cache-service.ts';
import { HeldBack } from './held-back.ts';
import type { ImageCacheObjects } from './image-cache-objects.ts';
import { RefusedWriteError } from './refused-write-error.ts';

/** What a life cycle works with. */
export interface CacheLifecycleOptions {
  readonly objects: ImageCacheObjects;
  readonly service: CacheService;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
  /**
   * Whether we look after an object at all: with files, those that somebody wrote with a status of their own are
   * left as they are.
   */
  readonly isOurs: (object: ImageCacheObject) => boolean;
}

/** Caches asked for in one page. */
const PAGE = 50;
/** Vendor's default, for objects that ask for no size. */
const DEFAULT_SIZE_GIB = 20;
const VENDOR_PREFIXES = ['k8s.aliyun.com/', 'imc-webhook/simulate'];

/**
 * Makes the service hold what the objects ask for, and the objects say what the service holds. One pass looks at
 * everything afresh, so it does not matter after which step the last one was interrupted: requests carry a token that
 * follows from the object, and what was made twice all the same is found by its owner and removed.
 */
export class CacheLifecycle {
  readonly #options: CacheLifecycleOptions;
  /** The update last asked for, by cache. */
  readonly #asked = new Map<string, string>();
  readonly #heldBack: HeldBack;

  constructor(options: CacheLifecycleOptions) {
    this.#options = options;
    this.#heldBack = new HeldBack(options.now);
  }

  /**
   * One pass.
   *
   * @returns whether something is being built, or waits to be tried again, so that the next pass should come soon.
   * @throws ThrottledError, or whatever the service or the objects failed with; everything done before stays done. A write
   * that is refused for what it is about (RefusedWriteError) keeps nothing else from being done.
   */
  async pass(): Promise<boolean> {
    const { objects, isOurs } = this.#options;
    const current = objects.current();
    if (current === undefined) return false;
    const ours = [...current.values()].filter(isOurs);
    const byOwner = Map.groupBy(await this.#describeAll(), ({ owner }) => owner);
    let isBuilding = false;
    this.#heldBack.keepOnly(new Set(ours.map(({ cache }) => cache.name)));
    for (const object of ours) {
      const { name } = object.cache;
      if (object.cache.deleting) continue;
      if (this.#heldBack.has(name)) {
        isBuilding = true;
        continue;
      }
      const [cache, ...others] = oldestFirst(byOwner.get(ownerOf(object)) ?? []);
      for (const other of others) await this.#remove(other, 'made twice');
      try {
        isBuilding = (await this.#look(object, cache)) || isBuilding;
        this.#heldBack.taken(name);
      } catch (error) {
        if (!(error instanceof RefusedWriteError)) throw error;
        isBuilding = true;
        const retryInMs = this.#heldBack.refused(name);
        this.#options.logger.warn({ imageCache: name, reason: error.message, retryInMs }, 'refused, tried again');
      }
    }
    const owners = new Set([...current.values()].filter(({ cache }) => !cache.deleting).map(ownerOf));
    for (const [owner, caches] of byOwner) {
      if (owners.has(owner)) continue;
      for (const cache of caches) await this.#remove(cache, 'its object is gone');
    }
    return isBuilding;
  }

  async #describeAll(): Promise<readonly ServiceCache[]> {
    const all: ServiceCache[] = [];
    let nextToken = '';
    do {
      const page = await this.#options.service.describe({ nextToken, limit: PAGE });
      all.push(...page.caches);
      nextToken = page.nextToken;
    } while (nextToken !== '');
    return all;
  }

  /** @returns whether this one is being built. */
  async #look(object: ImageCacheObject, cache: ServiceCache | undefined): Promise<boolean> {
    const { service, objects, logger } = this.#options;
    const contents = contentsOf(object);
    if (cache === undefined) {
      const lost = textMember(object.status, 'imageCacheId');
      if (lost !== '') {
        await this.#tellLoss(object, lost);
        return false;
      }
      if (object.status === undefined) await objects.writeStatus(object, { phase: 'Pending', progress: '0%' });
      const clientToken = tokenOf(object, contents);
      const { imageCacheId } = await service.create({
        clientToken,
        name: object.cache.name,
        owner: ownerOf(object),
        ...contents,
      });
      logger.info({ imageCache: object.cache.name, imageCacheId, images: contents.images.length }, 'build started');
      return true;
    }
    const canUpdate = cache.status === 'Ready' || cache.status === 'UpdateFailed';
    const isOld = !isDeepStrictEqual([...cache.images].toSorted(), [...contents.images].toSorted());
    const update = isOld && canUpdate ? tokenOf(object, contents) : undefined;
    // An update that failed is not asked for again until the images change; the service would not do it either.
    if (update !== undefined && this.#asked.get(cache.imageCacheId) !== update) {
      await service.update({ clientToken: update, imageCacheId: cache.imageCacheId, ...contents });
      this.#asked.set(cache.imageCacheId, update);
      logger.info({ imageCache: object.cache.name, imageCacheId: cache.imageCacheId }, 'update asked for');
      return true;
    }
    await this.#tell(object, cache);
    return cache.status === 'Preparing' || cache.status === 'Creating' || cache.status === 'Updating';
  }

  /** Writes what the service says of a cache, if it is news. */
  async #tell(object: ImageCacheObject, cache: ServiceCache): Promise<void> {
    const { objects, logger } = this.#options;
    const status = statusOf(cache);
    const known = Object.fromEntries(Object.keys(status).map((key) => [key, member(object.status, key) ?? null]));
    if (isDeepStrictEqual(known, status)) return;
    const kept = await objects.writeStatus(object, status);
    if (textMember(object.status, 'phase') !== cache.status) {
      const fields = { imageCache: object.cache.name, imageCacheId: cache.imageCacheId, phase: cache.status };
      if (cache.failure === '') logger.info(fields, 'phase changed');
      else logger.warn({ ...fields, reason: cache.failure }, 'phase changed');
    }
    // Where the status schema has no room for the images (spec section 1), they stand in an annotation.
    if (cache.recorded.length === 0 || member(kept, 'images') !== undefined) return;
    const recorded = JSON.stringify(cache.recorded);
    if (object.annotations.get(RECORDED_IMAGES_KEY) === recorded) return;
    await objects.mark(object, { annotations: { [RECORDED_IMAGES_KEY]: recorded } });
  }

  /** The service removed a cache by itself: it expired, or had failed a day ago. Building it again is nobody's wish. */
  async #tellLoss(object: ImageCacheObject, id: string): Promise<void> {
    const phase = textMember(object.status, 'phase');
    if (phase === 'Failed' || object.cache.expiresAtMs !== Infinity) return;
    await this.#options.objects.writeStatus(object, {
      phase: 'Failed',
      progress: '0%',
      reason: `${id} is gone: somebody deleted it beside its object`,
    });
  }

  async #remove({ imageCacheId, name }: ServiceCache, because: string): Promise<void> {
    this.#asked.delete(imageCacheId);
    await this.#options.service.delete(imageCacheId, hashOf(`delete ${imageCacheId}`));
    this.#options.logger.info({ imageCache: name, imageCacheId, because }, 'cache deleted');
  }
}

/** What ties a cache of the service to its object: another object of the same name is another owner. */
function ownerOf({ uid, cache }: ImageCacheObject): string {
  return uid === '' ? `name:${cache.name}` : uid;
}

/** At most 64 characters of ASCII; another for another object, and for other contents. */
function tokenOf(object: ImageCacheObject, { images }: CacheContents): string {
  return hashOf([ownerOf(object), ...images].join('\n'));
}

function contentsOf({ spec, annotations }: ImageCacheObject): CacheContents {
  return {
    images: spec.images,
    imagePullSecrets: spec.imagePullSecrets,
    sizeGib: spec.imageCacheSizeGib ?? DEFAULT_SIZE_GIB,
    retentionDays: spec.retentionDays,
    annotations: new Map([...annotations].filter(([key]) => VENDOR_PREFIXES.some((prefix) => key.startsWith(prefix)))),
  };
}

/** The status of an object; `null` takes away what an earlier phase said. */
function statusOf(cache: ServiceCache): JsonObject {
  return {
    phase: cache.status,
    progress: `${cache.progressPercent}%`,
    imageCacheId: cache.imageCacheId,
    startTime: new Date(cache.createdAtMs).toISOString(),
    expireDateTime: cache.expiresAtMs === undefined ? null : new Date(cache.expiresAtMs).toISOString(),
    reason: cache.failure === '' ? null : cache.failure,
    images: cache.recorded.length === 0 ? null : cache.recorded,
  };
}

function oldestFirst(caches: readonly ServiceCache[]): readonly ServiceCache[] {
  return caches.toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.imageCacheId < b.imageCacheId ? -1 : 1));
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
