import type { ImageCache } from '../core/image-cache.ts';
import type { StringMap } from '../core/label-selector.ts';
import { decodeImageCache } from './image-cache.ts';
import type { JsonObject } from './json.ts';
import { isJsonObject, listMember, member, textMap, textMember } from './json.ts';
import type { Origin } from './manifest-error.ts';

/** An ImageCache object as somebody handles it who writes it too: what the matcher needs, and the rest of it. */
export interface ImageCacheObject {
  readonly cache: ImageCache;
  /** Empty for an object in a file that gives none. */
  readonly uid: string;
  /** Empty in a file. */
  readonly resourceVersion: string;
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly spec: ImageCacheSpec;
  /** As somebody wrote it; `undefined` when nobody did. */
  readonly status: JsonObject | undefined;
}

/** What an ImageCache asks its builder for. */
export interface ImageCacheSpec {
  /** As written. */
  readonly images: readonly string[];
  /** `NAMESPACE:NAME` */
  readonly imagePullSecrets: readonly string[];
  readonly imageCacheSizeGib: number | undefined;
  readonly retentionDays: number | undefined;
}

/** An ImageCache to be made. */
export interface NewImageCache {
  readonly name: string;
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly spec: ImageCacheSpec;
}

/** @throws ManifestError naming the field. */
export function decodeImageCacheObject(value: JsonObject, origin?: Origin): ImageCacheObject {
  const metadata = member(value, 'metadata');
  const spec = member(value, 'spec');
  const status = member(value, 'status');
  return {
    cache: decodeImageCache(value, origin),
    uid: textMember(metadata, 'uid'),
    resourceVersion: textMember(metadata, 'resourceVersion'),
    labels: textMap(member(metadata, 'labels')),
    annotations: textMap(member(metadata, 'annotations')),
    spec: {
      images: texts(spec, 'images'),
      imagePullSecrets: texts(spec, 'imagePullSecrets'),
      imageCacheSizeGib: wholeNumber(spec, 'imageCacheSize'),
      retentionDays: wholeNumber(spec, 'retentionDays'),
    },
    status: isJsonObject(status) && Object.keys(status).length > 0 ? status : undefined,
  };
}

/** The same object with another status. */
export function withStatus(object: ImageCacheObject, status: JsonObject): ImageCacheObject {
  const { name } = object.cache;
  const { id, phase, progress, statusImages, expiresAtMs } = decodeImageCache({ metadata: { name }, status });
  return { ...object, cache: { ...object.cache, id, phase, progress, statusImages, expiresAtMs }, status };
}

/** The manifest of an ImageCache that is to be made. */
export function encodeNewImageCache({ name, labels, annotations, spec }: NewImageCache): JsonObject {
  const { images, imagePullSecrets, imageCacheSizeGib, retentionDays } = spec;
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: {
      name,
      ...(labels.size === 0 ? {} : { labels: Object.fromEntries(labels) }),
      ...(annotations.size === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    },
    spec: {
      images,
      ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets }),
      ...(imageCacheSizeGib === undefined ? {} : { imageCacheSize: imageCacheSizeGib }),
      ...(retentionDays === undefined ? {} : { retentionDays }),
    },
  };
}

function texts(value: unknown, key: string): string[] {
  return listMember(value, key).filter((text) => typeof text === 'string');
}

function wholeNumber(value: unknown, key: string): number | undefined {
  const number = member(value, key);
  return typeof number === 'number' && Number.isInteger(number) ? number : undefined;
}
