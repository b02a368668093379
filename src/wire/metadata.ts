import type { StringMap } from '../core/label-selector.ts';
import { isJsonObject } from './json.ts';
import type { Origin } from './manifest-error.ts';
import { ManifestError } from './manifest-error.ts';

/**
 * Labels or annotations, strictly: the API server would refuse an object whose values are no texts.
 *
 * @throws ManifestError naming the key; says to quote numbers and booleans.
 */
export function decodeTextMap(value: unknown, path: readonly string[], origin?: Origin): StringMap {
  if (value === undefined || value === null) return new Map();
  if (!isJsonObject(value)) throw ManifestError.at(origin, path, 'expected a mapping of keys to texts');
  const map = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      const hint = isJsonObject(text) || Array.isArray(text) ? '' : `; put it in quotes: "${String(text)}"`;
      throw ManifestError.at(origin, [...path, key], `expected a text${hint}`);
    }
    map.set(key, text);
  }
  return map;
}
