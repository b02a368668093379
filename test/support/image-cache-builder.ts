import type { ImageCache } from '../../src/core/image-cache.ts';
import { decodeImageCache } from '../../src/wire/image-cache.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { withItem, withMember } from './json-edit.ts';

/** A cache that is Ready, was made on the first day of 2026, has the id `imc-NAME` and holds nothing. */
export function anImageCache(name: string): ImageCacheBuilder {
  return new ImageCacheBuilder({
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: { name, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { images: [] },
    status: { phase: 'Ready', progress: '100%', imageCacheId: `imc-${name}` },
  });
}

/** Writes an ImageCache as the API server would send it. */
export class ImageCacheBuilder {
  readonly #cache: JsonObject;

  constructor(cache: JsonObject) {
    this.#cache = cache;
  }

  build(): JsonObject {
    return this.#cache;
  }

  decode(): ImageCache {
    return decodeImageCache(this.#cache);
  }

  /** Sets any member; `undefined` takes it away. */
  with(path: readonly string[], value: unknown): ImageCacheBuilder {
    return new ImageCacheBuilder(withMember(this.#cache, path, value));
  }

  holding(...images: readonly string[]): ImageCacheBuilder {
    return images.reduce<ImageCacheBuilder>(
      (cache, image) => new ImageCacheBuilder(withItem(cache.build(), ['spec', 'images'], image)),
      this,
    );
  }

  /** One more entry of `status.images`. */
  recording(image: unknown): ImageCacheBuilder {
    return new ImageCacheBuilder(withItem(this.#cache, ['status', 'images'], image));
  }

  /** What the annotation `imc-webhook/images` records. */
  annotatedImages(...images: readonly unknown[]): ImageCacheBuilder {
    return this.withAnnotation('imc-webhook/images', JSON.stringify(images));
  }

  withId(id: string): ImageCacheBuilder {
    return this.with(['status', 'imageCacheId'], id);
  }

  inPhase(phase: string, progress?: string): ImageCacheBuilder {
    const cache = this.with(['status', 'phase'], phase);
    return progress === undefined ? cache : cache.with(['status', 'progress'], progress);
  }

  createdAt(time: string): ImageCacheBuilder {
    return this.with(['metadata', 'creationTimestamp'], time);
  }

  expiringAt(time: string): ImageCacheBuilder {
    return this.with(['status', 'expireDateTime'], time);
  }

  beingDeleted(): ImageCacheBuilder {
    return this.with(['metadata', 'deletionTimestamp'], '2026-01-15T00:00:00Z');
  }

  retiring(): ImageCacheBuilder {
    return this.withLabel('imc-webhook/retiring', 'true');
  }

  privateTo(namespace: string): ImageCacheBuilder {
    return this.withLabel('imc-webhook/namespace', namespace);
  }

  forArchitecture(architecture: string): ImageCacheBuilder {
    return this.withAnnotation('k8s.aliyun.com/imc-cpu-arch', architecture);
  }

  forOs(os: string): ImageCacheBuilder {
    return this.withAnnotation('k8s.aliyun.com/imc-os-type', os);
  }

  withAnnotation(key: string, value: unknown): ImageCacheBuilder {
    return this.with(['metadata', 'annotations', key], value);
  }

  withLabel(key: string, value: unknown): ImageCacheBuilder {
    return this.with(['metadata', 'labels', key], value);
  }
}
