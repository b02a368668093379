import type { JsonObject } from './json.ts';
import { member, textMember } from './json.ts';

/** The objects of a cluster that this program understands. */
export type KnownKind = 'ImageCache' | 'Namespace' | 'EciProfile' | 'Other';

/** Group of the ImageCache resource; kube-fledged has a kind of the same name in another group. */
const IMAGE_CACHE_GROUP = 'eci.alibabacloud.com';

/** Where the rules are kept (spec section 3). */
export const ECI_PROFILE = { namespace: 'kube-system', name: 'eci-profile', key: 'selectors' } as const;

/** Tells objects apart by apiVersion and kind; the eci-profile also by its name and namespace. */
export function kindOf(value: JsonObject): KnownKind {
  const apiVersion = textMember(value, 'apiVersion');
  const kind = textMember(value, 'kind');
  if (kind === 'ImageCache' && apiVersion.startsWith(`${IMAGE_CACHE_GROUP}/`)) return 'ImageCache';
  if (apiVersion !== 'v1') return 'Other';
  if (kind === 'Namespace') return 'Namespace';
  if (kind !== 'ConfigMap') return 'Other';
  const metadata = member(value, 'metadata');
  const isProfile =
    textMember(metadata, 'name') === ECI_PROFILE.name && textMember(metadata, 'namespace') === ECI_PROFILE.namespace;
  return isProfile ? 'EciProfile' : 'Other';
}
