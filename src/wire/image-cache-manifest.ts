import { createHash } from 'node:crypto';
import type { CacheSuggestion } from '../core/cache-suggestion.ts';
import type { ImageReference } from '../core/image-reference.ts';
import { CACHE_ARCH_KEY, CACHE_OS_KEY, PRIVATE_NAMESPACE_KEY } from '../core/keys.ts';
import { DEFAULT_PLATFORM } from '../core/platform.ts';
import type { JsonObject } from './json.ts';

/**
 * The ImageCache object for a suggestion, ready to be created. Its name says what it holds and for whom: the same
 * suggestion has the same name wherever and whenever it is made, and a different one another.
 */
export function manifestOf(suggestion: CacheSuggestion): JsonObject {
  const { images, platform, privateTo, pullSecrets, diskGib } = suggestion;
  const annotations = {
    ...Object.fromEntries(suggestion.annotations),
    ...(platform.architecture === DEFAULT_PLATFORM.architecture ? {} : { [CACHE_ARCH_KEY]: platform.architecture }),
    ...(platform.os === DEFAULT_PLATFORM.os ? {} : { [CACHE_OS_KEY]: platform.os }),
  };
  const references = images.map(referenceText);
  const content = ['v1', references, platform.architecture, platform.os, privateTo, pullSecrets, annotations];
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: {
      name: `suggested-${hash}`,
      ...(privateTo === undefined ? {} : { labels: { [PRIVATE_NAMESPACE_KEY]: privateTo } }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: {
      images: references,
      ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets }),
      imageCacheSize: diskGib,
    },
  };
}

/** A reference in full: `repository:tag@digest`, with what of it there is. */
function referenceText({ repository, tag, digest }: ImageReference): string {
  return `${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}
