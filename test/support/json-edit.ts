import type { JsonObject } from '../../src/wire/json.ts';
import { isJsonObject } from '../../src/wire/json.ts';

/** A deep copy; own keys such as `__proto__` stay own keys. */
export function copyOf<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T); // what went in comes out
}

/** A copy with one member set; objects on the way are made where they are missing. `undefined` takes the member away. */
export function withMember(object: JsonObject, path: readonly string[], value: unknown): JsonObject {
  const [step, ...rest] = path;
  if (step === undefined) return object;
  const entries = new Map(Object.entries(object));
  const current = entries.get(step);
  const next = rest.length === 0 ? value : withMember(isJsonObject(current) ? current : {}, rest, value);
  if (next === undefined) entries.delete(step);
  else entries.set(step, next);
  return Object.fromEntries(entries);
}

/** A copy with one more item in a list; the list is made where it is missing. */
export function withItem(object: JsonObject, path: readonly string[], item: unknown): JsonObject {
  const current = path.reduce<unknown>((inner, step) => (isJsonObject(inner) ? inner[step] : undefined), object);
  return withMember(object, path, [...(Array.isArray(current) ? current : []), item]);
}
