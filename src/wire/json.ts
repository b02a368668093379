/** Reading JSON of unknown shape. Only own members count, so keys such as `__proto__` are plain data (spec A7). */

export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member of an object; `undefined` when the value is no object or has no such member of its own. */
export function member(value: unknown, key: string): unknown {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** A text member; empty when missing or something else. */
export function textMember(value: unknown, key: string): string {
  const text = member(value, key);
  return typeof text === 'string' ? text : '';
}

/** A list member; empty when missing or something else. */
export function listMember(value: unknown, key: string): readonly unknown[] {
  const list = member(value, key);
  return Array.isArray(list) ? list : [];
}

/** The texts among the values of an object by key; empty when it is missing or something else. */
export function textMap(value: unknown): ReadonlyMap<string, string> {
  if (!isJsonObject(value)) return EMPTY_MAP;
  const map = new Map<string, string>();
  for (const key of Object.keys(value)) {
    const text = value[key];
    if (typeof text === 'string') map.set(key, text);
  }
  return map;
}

const EMPTY_MAP: ReadonlyMap<string, string> = new Map();
