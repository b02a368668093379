import { AUTO_KEY, COUNT_KEY, LEGACY_AUTO_KEY, LEGACY_PIN_KEY, PERFECT_KEY, PIN_KEY } from './keys.ts';
import type { StringMap } from './label-selector.ts';

/** What a pod's annotations of section 1 ask for, once effects have been added. */
export interface Wishes {
  /** The id of the cache to use, and the key it stands under; empty pins are no pins. */
  readonly pin: { readonly id: string; readonly key: string } | undefined;
  /** False only for a legal `false`. */
  readonly auto: boolean;
  readonly perfectMatch: boolean;
  readonly matchCount: number | undefined;
  /** Restriction keys with a legal value that stand on the pod. */
  readonly restrictions: readonly string[];
  /** Values that were read as absent (spec M10). */
  readonly illegal: readonly { readonly key: string; readonly value: string; readonly expected: string }[];
}

/** Reads the vendor's annotations (spec section 1, M5, M6, M10). Values that are not legal count as absent. */
export function readWishes(annotations: StringMap): Wishes {
  const illegal: Wishes['illegal'][number][] = [];
  const restrictions: string[] = [];

  const boolean = (key: string): boolean | undefined => {
    const value = annotations.get(key);
    if (value === undefined) return undefined;
    const text = value.trim().toLowerCase();
    if (text === 'true' || text === 'false') return text === 'true';
    illegal.push({ key, value, expected: '"true" or "false"' });
    return undefined;
  };
  const count = (key: string): number | undefined => {
    const value = annotations.get(key);
    if (value === undefined) return undefined;
    const text = value.trim();
    if (/^[0-9]+$/.test(text) && Number(text) >= 1) return Number(text);
    illegal.push({ key, value, expected: 'a whole number from 1' });
    return undefined;
  };

  // A legacy key is read only if the new one is not there at all.
  const auto = boolean(annotations.has(AUTO_KEY) ? AUTO_KEY : LEGACY_AUTO_KEY);
  const perfectMatch = boolean(PERFECT_KEY);
  if (perfectMatch !== undefined) restrictions.push(PERFECT_KEY);
  const matchCount = count(COUNT_KEY);
  if (matchCount !== undefined) restrictions.push(COUNT_KEY);
  return {
    pin: readPin(annotations),
    auto: auto ?? true,
    perfectMatch: perfectMatch ?? false,
    matchCount,
    restrictions,
    illegal,
  };
}

/** The pin on a pod (spec M1): the legacy key counts where the new one is missing or empty. */
export function readPin(annotations: StringMap): Wishes['pin'] {
  for (const key of [PIN_KEY, LEGACY_PIN_KEY]) {
    const id = annotations.get(key);
    if (id !== undefined && id !== '') return { id, key };
  }
  return undefined;
}
