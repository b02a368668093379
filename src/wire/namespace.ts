import type { StringMap } from '../core/label-selector.ts';
import type { JsonObject } from './json.ts';
import { member, textMember } from './json.ts';
import type { Origin } from './manifest-error.ts';
import { ManifestError } from './manifest-error.ts';
import { decodeTextMap } from './metadata.ts';

/**
 * A Namespace object's name and labels.
 *
 * @throws ManifestError when the name is missing or a label is no text.
 */
export function decodeNamespace(
  value: JsonObject,
  origin?: Origin,
): { readonly name: string; readonly labels: StringMap } {
  const metadata = member(value, 'metadata');
  const name = textMember(metadata, 'name');
  if (name === '') throw ManifestError.at(origin, ['metadata', 'name'], 'a Namespace needs a name');
  return { name, labels: decodeTextMap(member(metadata, 'labels'), ['metadata', 'labels'], origin) };
}
