import type { PodImages } from './image-match.ts';
import { podImagesOf } from './image-match.ts';
import { formatReference } from './image-reference.ts';
import { ACR_KEYS, CACHE_ARCH_KEY, CACHE_OS_KEY } from './keys.ts';
import type { StringMap } from './label-selector.ts';
import type { Platform } from './platform.ts';
import { DEFAULT_PLATFORM, platformOf } from './platform.ts';
import type { PodView } from './pod.ts';
import { compareCodeUnits } from './text-order.ts';

/** An ImageCache for exactly the images of a pod (spec N2), before it has a name. */
export interface WantedCache {
  readonly images: PodImages;
  /** `spec.images`: normalised, `tag@digest` kept, in the order of the keys. */
  readonly references: readonly string[];
  readonly platform: Platform;
  /** The one namespace whose pods may use it (spec C4); `undefined` for a shared one. */
  readonly privateTo: string | undefined;
  /** `spec.imagePullSecrets`: `NAMESPACE:NAME`, sorted. */
  readonly pullSecrets: readonly string[];
  /** Copied from the pod, with those of the platform; sorted by key. */
  readonly annotations: StringMap;
}

/** What of a pod goes into the cache made for it (spec N2). */
export interface CopySettings {
  /** Keys of the annotations that are copied from the pod. */
  readonly copyAnnotations: readonly string[];
  /** Whether a cache built with credentials is for its namespace only, or for everybody. */
  readonly share: 'namespace' | 'cluster';
}

/**
 * The cache that would cover a pod completely (spec N2).
 *
 * @param pod - as it was decided on, so with the effects of the rules.
 * @param pullSecrets - names of the pod's own `imagePullSecrets`.
 */
export function wantedCacheOf(
  pod: PodView,
  namespace: string,
  pullSecrets: readonly string[],
  settings: CopySettings,
): WantedCache {
  const images = podImagesOf(pod);
  const platform = platformOf(pod);
  const hasCredentials = pullSecrets.length > 0 || ACR_KEYS.some((key) => (pod.annotations.get(key) ?? '') !== '');
  return {
    images,
    references: images.valid.map(formatReference),
    platform,
    privateTo: hasCredentials && settings.share === 'namespace' ? namespace : undefined,
    pullSecrets: [...new Set(pullSecrets)].map((name) => `${namespace}:${name}`).toSorted(compareCodeUnits),
    annotations: annotationsOf(pod, platform, settings.copyAnnotations),
  };
}

/**
 * The text whose SHA-256 names the cache (spec N2): whoever wants the same images, platform and visibility asks for the
 * same object.
 */
export function nameTextOf({ images, platform, privateTo }: WantedCache): string {
  const keys = images.valid.map(({ key }) => key).join('\n');
  const visibility = privateTo === undefined ? '' : `\n${privateTo}`;
  return `v1\n${keys}\n${platform.architecture}\n${platform.os}${visibility}`;
}

function annotationsOf(pod: PodView, platform: Platform, copied: readonly string[]): StringMap {
  const annotations = new Map<string, string>();
  for (const key of copied) {
    const value = pod.annotations.get(key);
    if (value !== undefined && value !== '') annotations.set(key, value);
  }
  if (platform.architecture !== DEFAULT_PLATFORM.architecture) annotations.set(CACHE_ARCH_KEY, platform.architecture);
  if (platform.os !== DEFAULT_PLATFORM.os) annotations.set(CACHE_OS_KEY, platform.os);
  return new Map([...annotations].toSorted(([a], [b]) => compareCodeUnits(a, b)));
}
