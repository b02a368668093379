import type { EciProfile } from '../core/eci-profile.ts';
import type { ImageCache } from '../core/image-cache.ts';
import type { StringMap } from '../core/label-selector.ts';
import { decodeEciProfile, selectorsOf } from '../wire/eci-profile.ts';
import { decodeImageCache } from '../wire/image-cache.ts';
import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import { ECI_PROFILE } from '../wire/kinds.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import { decodeNamespace } from '../wire/namespace.ts';
import type { ResourceAddress } from './resource-path.ts';

/** ImageCaches, in the vendor's group and in ours alike. */
export const IMAGE_CACHES: ResourceAddress = { group: 'eci.alibabacloud.com', version: 'v1', resource: 'imagecaches' };
export const NAMESPACES: ResourceAddress = { version: 'v1', resource: 'namespaces' };

/** The one ConfigMap with the rules. Rights can be given for it by name; lists and watches then need the selector. */
export const ECI_PROFILE_ADDRESS = {
  address: { version: 'v1', resource: 'configmaps', namespace: ECI_PROFILE.namespace } satisfies ResourceAddress,
  query: { fieldSelector: `metadata.name=${ECI_PROFILE.name}` },
} as const;

/** What is said of a cluster without the ImageCache resource (spec S2). */
export const NO_IMAGE_CACHE_RESOURCE =
  'the cluster has no ImageCache resource (imagecaches.eci.alibabacloud.com): install the CRD, or ECI’s virtual node';

/** What an object says, or why that cannot be told. */
export type Reading<Value> =
  | { readonly name: string; readonly value: Value }
  | { readonly name: string; readonly problem: string };

export function readImageCache(object: JsonObject): Reading<ImageCache> {
  return readObject('ImageCache', object, () => decodeImageCache(object));
}

export function readNamespace(object: JsonObject): Reading<StringMap> {
  return readObject('Namespace', object, () => decodeNamespace(object).labels);
}

/** The eci-profile ConfigMap in one version. */
export type ProfileReading = Reading<EciProfile> & {
  /** Its text; empty where the key is missing. */
  readonly selectors: string;
  readonly uid: string;
  readonly resourceVersion: string;
};

/** The rules of the eci-profile ConfigMap; none, and no problem, where the key is missing or blank (spec P6). */
export function readProfile(object: JsonObject): ProfileReading {
  const metadata = member(object, 'metadata');
  const reading = readObject('ConfigMap', object, () => decodeEciProfile(selectorsOf(object) ?? ''));
  return {
    ...reading,
    selectors: textMember(member(object, 'data'), ECI_PROFILE.key),
    uid: textMember(metadata, 'uid'),
    resourceVersion: textMember(metadata, 'resourceVersion'),
  };
}

/** Reads an object, or says why it cannot be read. */
export function readObject<Value>(kind: string, object: JsonObject, decode: () => Value): Reading<Value> {
  const metadata = member(object, 'metadata');
  const name = textMember(metadata, 'name');
  try {
    return { name, value: decode() };
  } catch (error) {
    // One object that trips a fault of ours must not keep the others from being read.
    const reason = error instanceof ManifestError ? error.message : `a fault of this program: ${String(error)}`;
    const path = [textMember(metadata, 'namespace'), name].filter((part) => part !== '').join('/');
    return { name, problem: `${kind} ${path}: ${reason}` };
  }
}
