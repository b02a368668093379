import type { ImageReference } from './image-reference.ts';
import type { Platform } from './platform.ts';
import type { Timestamp } from './timestamp.ts';
import { toEpochMs } from './timestamp.ts';

/** An ImageCache object as the matcher needs it; decoded once, where it enters the program. */
export interface ImageCache {
  readonly name: string;
  /** `status.imageCacheId`; empty until the vendor has given one. */
  readonly id: string;
  /** `status.phase`; empty when missing. */
  readonly phase: string;
  /** `status.progress`, a text such as `45%`; empty when missing. */
  readonly progress: string;
  /** The valid references of `spec.images`. */
  readonly images: readonly ImageReference[];
  /** The texts of `spec.images` that are no references: they match nothing (spec I1). */
  readonly invalidImages: readonly string[];
  /** `status.images[]`: what the builder recorded. */
  readonly statusImages: readonly RecordedImage[];
  /** The annotation `imc-webhook/images`: the same where the status schema prunes it. */
  readonly annotationImages: readonly RecordedImage[];
  readonly platform: Platform;
  /** `spec.imageCacheSize`, the disk in GiB; no criterion of the ranking (spec M3), but what inventories tell. */
  readonly diskGib: number | undefined;
  /** Pods of this namespace only may use it (spec C4); `undefined` for a shared cache. */
  readonly privateTo: string | undefined;
  readonly retiring: boolean;
  /** What our own marks say of a cache that we made (spec N2); `undefined` for one of somebody else. */
  readonly ours: OwnMarks | undefined;
  /** It has a deletionTimestamp. */
  readonly deleting: boolean;
  readonly createdAt: Timestamp | undefined;
  /** Milliseconds since the epoch; Infinity for a cache that never expires, or whose time cannot be read (spec C1). */
  readonly expiresAtMs: number;
}

/** What the controller notes on a cache that it made (spec N5); times in milliseconds since the epoch. */
export interface OwnMarks {
  /** When a living pod last used it, as far as noted. */
  readonly lastMatchedAtMs: number | undefined;
  /** Since when we do not offer it any more; `undefined` while we do, and when somebody else labelled it retiring. */
  readonly retiringSinceMs: number | undefined;
}

/** One image a builder found in a cache. */
export interface RecordedImage {
  readonly reference: ImageReference;
  /** Key of the digest the tag stood for when the cache was built: `repository@digest`. */
  readonly digestKey: string | undefined;
  /** Finite and above 0, else `undefined` (spec C3). */
  readonly sizeBytes: number | undefined;
}

/** Why a cache cannot be pinned by us, in the order they are looked for (spec C1 and section 8, `explain`). */
export type UnusableReason = 'NotReady' | 'Expired' | 'Deleting' | 'Retiring' | 'NoId';

/**
 * Whether a cache may be offered to pods (spec C1), platform and namespace aside.
 *
 * @param nowMs - milliseconds since the epoch.
 * @param expiryMarginMs - a pod may wait this long before it starts; the cache must outlive that.
 */
export function unusableReason(cache: ImageCache, nowMs: number, expiryMarginMs: number): UnusableReason | undefined {
  if (cache.phase !== 'Ready') return 'NotReady';
  if (isExpired(cache, nowMs + expiryMarginMs)) return 'Expired';
  if (cache.deleting) return 'Deleting';
  if (cache.retiring) return 'Retiring';
  return cache.id === '' ? 'NoId' : undefined;
}

/** Whether a cache can serve a pin the user wrote: margin, platform and retiring do not matter for those (spec M1). */
export function isWorking(cache: ImageCache, nowMs: number): boolean {
  return cache.phase === 'Ready' && !cache.deleting && !isExpired(cache, nowMs);
}

/** Phases of a cache that is on its way to Ready; a cache nobody has taken up yet has none. */
const BUILDING_PHASES: ReadonlySet<string> = new Set(['', 'Pending', 'Preparing', 'Creating', 'Updating']);

/** Whether a cache will be offered to pods once it is built: nothing but its phase, and the id that comes with it, is missing. */
export function isBuilding(cache: ImageCache, nowMs: number): boolean {
  return BUILDING_PHASES.has(cache.phase) && !cache.deleting && !cache.retiring && !isExpired(cache, nowMs);
}

/** Whether a cache that is being built will hardly become Ready any more (spec N3). One of unknown age counts as new. */
export function isStuck({ createdAt }: ImageCache, nowMs: number, buildDeadlineMs: number): boolean {
  return createdAt !== undefined && toEpochMs(createdAt) + buildDeadlineMs <= nowMs;
}

function isExpired(cache: ImageCache, atMs: number): boolean {
  return cache.expiresAtMs <= atMs;
}

/**
 * The keys this cache holds exactly, each with its repository (spec I3): `repository:tag` of every image it was asked to
 * hold, whatever digest stands there, and `repository@digest` of every digest asked for or recorded.
 */
export function exactKeysOf(cache: ImageCache): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const { key, repository, tag, digest } of cache.images) {
    // Keys are taken over rather than spelt again where they are there already: they are most of what a cache weighs.
    if (digest !== undefined && tag !== undefined) keys.set([repository, tag].join(':'), repository);
    keys.set(key, repository);
  }
  for (const { reference, digestKey } of recordedImagesOf(cache)) {
    if (reference.digest !== undefined) keys.set(reference.key, reference.repository);
    if (digestKey !== undefined) keys.set(digestKey, reference.repository);
  }
  return keys;
}

/** The repositories of the images this cache was asked to hold (spec I3). */
export function repositoriesOf(cache: ImageCache): ReadonlySet<string> {
  return new Set(cache.images.map(({ repository }) => repository));
}

/** What the status and what the annotation record. */
export function recordedImagesOf(cache: ImageCache): readonly RecordedImage[] {
  return cache.annotationImages.length === 0 ? cache.statusImages : [...cache.statusImages, ...cache.annotationImages];
}
