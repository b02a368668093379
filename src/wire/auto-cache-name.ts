import { createHash } from 'node:crypto';
import { nameTextOf, type WantedCache } from '../core/wanted-cache.ts';

/** Name of the ImageCache for an image set (spec N2): whoever wants the same asks for the same object. */
export function autoCacheName(wanted: WantedCache): string {
  return `auto-${createHash('sha256').update(nameTextOf(wanted)).digest('hex').slice(0, 16)}`;
}
