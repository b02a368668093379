import type { EciProfile } from '../core/eci-profile.ts';
import { EMPTY_PROFILE } from '../core/eci-profile.ts';
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
export const CONFIG_MAPS_OF_PROFILE: ResourceAddress = {
  version: 'v1',
  resource: 'configmaps',
  namespace: ECI_PROFILE.namespace,
};

/** Rights can be given for one ConfigMap by name; lists and watches then need this. */
export const ONLY_THE_PROFILE = { fieldSelector: `metadata.name=${ECI_PROFILE.name}` };

/** What an object says, or why that cannot be told. */
export type Reading<Value> =
  | { readonly name: string; readonly value: Value }
  | { readonly name: string; readonly problem: string };

export function readImageCache(object: JsonObject): Reading<ImageCache> {
  return read('ImageCache', object, () => decodeImageCache(object));
}

export function readNamespace(object: JsonObject): Reading<StringMap> {
  return read('Namespace', object, () => decodeNamespace(object).labels);
}

/** The rules of the eci-profile ConfigMap; none, and no problem, where the key is missing or blank (spec P6). */
export function readProfile(object: JsonObject): Reading<EciProfile> {
  return read('ConfigMap', object, () => {
    const selectors = selectorsOf(object);
    return selectors === undefined ? EMPTY_PROFILE : decodeEciProfile(selectors);
  });
}

function read<Value>(kind: string, object: JsonObject, decode: () => Value): Reading<Value> {
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
