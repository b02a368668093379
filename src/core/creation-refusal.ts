import { globMatches } from './glob.ts';
import type { ImageCache } from './image-cache.ts';
import { exactKeysOf, isBuilding, isStuck, unusableReason } from './image-cache.ts';
import { IMAGES_LIMIT } from './image-cache-spec.ts';
import { hasMutableTag, isValidReference, parseImageReference } from './image-reference.ts';
import type { PodView } from './pod.ts';
import type { WantedCache } from './wanted-cache.ts';

/** What operators can choose about new caches (spec section 7). */
export interface CreationSettings {
  /** Globs over references: what may be cached; empty allows everything. */
  readonly allow: readonly string[];
  /** Globs over references that are never cached, whatever `allow` says. */
  readonly deny: readonly string[];
  /** Tags that move from image to image. */
  readonly mutableTags: readonly string[];
  /** A cache that has been building for longer counts as stuck. */
  readonly buildDeadlineMs: number;
}

/** Why no cache is made for a pod now (spec N3), the first that holds. */
export type CreationRefusal =
  | { readonly reason: 'NoImages' | 'TooManyImages' }
  | { readonly reason: 'InvalidReference' | 'NotAllowed' | 'Denied' | 'MutableTag'; readonly image: string }
  | { readonly reason: 'Usable' | 'Building'; readonly cache: ImageCache };

/**
 * Why no cache is made for these images (spec N3), as far as images and caches tell; limits on number and pace are the
 * controller's. Looks at every cache of `caches`: O(caches x images).
 *
 * @param pod - the pod that wants it; its pull policies decide about mutable tags.
 * @param caches - all ImageCaches.
 * @param nowMs - milliseconds since the epoch.
 */
export function creationRefusal(
  wanted: WantedCache,
  pod: PodView,
  caches: Iterable<ImageCache>,
  settings: CreationSettings & { readonly expiryMarginMs: number },
  nowMs: number,
): CreationRefusal | undefined {
  return imageRefusal(wanted, pod, settings) ?? existingCache(wanted, caches, settings, nowMs);
}

/** The part of {@link creationRefusal} that images alone decide. */
function imageRefusal(
  { images, references }: WantedCache,
  pod: PodView,
  { allow, deny, mutableTags }: CreationSettings,
): CreationRefusal | undefined {
  if (images.count === 0) return { reason: 'NoImages' };
  const [invalid] = images.invalid;
  if (invalid !== undefined) return { reason: 'InvalidReference', image: invalid };
  if (images.count > IMAGES_LIMIT) return { reason: 'TooManyImages' };
  const denied = references.find((reference) => deny.some((glob) => globMatches(glob, reference)));
  if (denied !== undefined) return { reason: 'Denied', image: denied };
  const other = references.find((reference) => allow.length > 0 && !allow.some((glob) => globMatches(glob, reference)));
  if (other !== undefined) return { reason: 'NotAllowed', image: other };
  const moving = images.valid.find((image) => hasMutableTag(image, mutableTags) && !isAlwaysPulled(pod, image.key));
  return moving === undefined ? undefined : { reason: 'MutableTag', image: moving.key };
}

/** Whether every container that uses this image asks the registry for a newer one each time (spec N3). */
function isAlwaysPulled(pod: PodView, key: string): boolean {
  return pod.containers.every(({ image, imagePullPolicy }) => {
    const parsed = parseImageReference(image);
    return !isValidReference(parsed) || parsed.key !== key || imagePullPolicy === 'Always';
  });
}

/** A cache with exactly these images for the same pods that is usable, or on its way. Usable wins. */
function existingCache(
  wanted: WantedCache,
  caches: Iterable<ImageCache>,
  { buildDeadlineMs, expiryMarginMs }: { readonly buildDeadlineMs: number; readonly expiryMarginMs: number },
  nowMs: number,
): CreationRefusal | undefined {
  let building: ImageCache | undefined;
  for (const cache of caches) {
    if (!isSameCache(wanted, cache)) continue;
    if (unusableReason(cache, nowMs, expiryMarginMs) === undefined) return { reason: 'Usable', cache };
    if (isBuilding(cache, nowMs) && !isStuck(cache, nowMs, buildDeadlineMs)) building ??= cache;
  }
  return building === undefined ? undefined : { reason: 'Building', cache: building };
}

/** Same platform, same visibility, exactly these images (spec N3). */
function isSameCache({ images, platform, privateTo }: WantedCache, cache: ImageCache): boolean {
  if (cache.platform.architecture !== platform.architecture || cache.platform.os !== platform.os) return false;
  if (cache.privateTo !== privateTo || cache.invalidImages.length > 0) return false;
  if (new Set(cache.images.map(({ key }) => key)).size !== images.valid.length) return false;
  const held = exactKeysOf(cache);
  return images.valid.every(({ key }) => held.has(key));
}
