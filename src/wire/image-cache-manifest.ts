import { createHash } from 'node:crypto';
import type { CacheSuggestion } from '../core/cache-suggestion.ts';
import { formatReference } from '../core/image-reference.ts';
import { CACHE_ARCH_KEY, CACHE_OS_KEY, PRIVATE_NAMESPACE_KEY } from '../core/keys.ts';
import { DEFAULT_PLATFORM } from '../core/platform.ts';
import { encodeNewImageCache } from './image-cache-object.ts';
import type { JsonObject } from './json.ts';

/**
 * The ImageCache object for a suggestion, ready to be created. Its name says what it holds and for whom: the same
 * suggestion has the same name wherever and whenever it is made, and a different one another.
 */
export function manifestOf(suggestion: CacheSuggestion): JsonObject {
  const { images, platform, privateTo, pullSecrets, diskGib } = suggestion;
  const annotations = new Map(suggestion.annotations);
  if (platform.architecture !== DEFAULT_PLATFORM.architecture) annotations.set(CACHE_ARCH_KEY, platform.architecture);
  if (platform.os !== DEFAULT_PLATFORM.os) annotations.set(CACHE_OS_KEY, platform.os);
  const references = images.map(formatReference);
  const content = [
    'v1',
    references,
    platform.architecture,
    platform.os,
    privateTo,
    pullSecrets,
    Object.fromEntries(annotations),
  ];
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
  return encodeNewImageCache({
    name: `suggested-${hash}`,
    labels: new Map(privateTo === undefined ? [] : [[PRIVATE_NAMESPACE_KEY, privateTo]]),
    annotations,
    spec: { images: references, imagePullSecrets: pullSecrets, imageCacheSizeGib: diskGib, retentionDays: undefined },
  });
}
