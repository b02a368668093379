/** The most images one ImageCache holds (vendor's limit). */
export const IMAGES_LIMIT = 20;

const GIB = 1024 ** 3;
/** Bounds of `spec.imageCacheSize`. */
const DISK_GIB = { min: 20, max: 32_768 } as const;

/**
 * `spec.imageCacheSize` for these images (spec N2): twice the known sizes, within what ECI takes.
 *
 * @param sizeOf - size in bytes of an image by key, 0 when unknown.
 * @returns whole GiB.
 */
export function diskGibFor(keys: Iterable<string>, sizeOf: (key: string) => number): number {
  let bytes = 0;
  for (const key of keys) bytes += sizeOf(key);
  return Math.min(DISK_GIB.max, Math.max(DISK_GIB.min, Math.ceil((2 * bytes) / GIB)));
}
