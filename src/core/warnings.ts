import type { ImageCache } from './image-cache.ts';
import type { Wishes } from './pod-annotations.ts';

/** What a user is told at once (spec A3). Data, so that the words stand in one place: {@link formatWarning}. */
export type Warning =
  | { readonly kind: 'pin-not-ready'; readonly id: string; readonly cache: ImageCache; readonly expired: boolean }
  | { readonly kind: 'pin-unknown'; readonly pin: string; readonly namesake: ImageCache | undefined }
  | { readonly kind: 'rule-pin-left-out'; readonly rule: string; readonly cache: ImageCache }
  | { readonly kind: 'illegal-value'; readonly illegal: Wishes['illegal'][number] }
  | { readonly kind: 'ignored-keys'; readonly keys: readonly string[]; readonly because: 'pin' | 'auto-off' }
  | { readonly kind: 'mutable-tag'; readonly images: readonly string[] }
  | { readonly kind: 'pull-always'; readonly images: readonly string[] };

const LENGTH_LIMIT = 120;
const COUNT_LIMIT = 3;
const KEY_LENGTH = 50;

/**
 * The warnings of an answer (spec A3): the first three, each one line of at most 120 characters without control
 * characters, for the API server drops a warning that holds one.
 */
export function formatWarnings(warnings: readonly Warning[]): string[] {
  return warnings.slice(0, COUNT_LIMIT).map((warning) => shorten(oneLine(formatWarning(warning)), LENGTH_LIMIT));
}

function formatWarning(warning: Warning): string {
  switch (warning.kind) {
    case 'pin-not-ready':
      return `pinned ImageCache ${brief(warning.cache.name)} is ${stateOf(warning.cache, warning.expired)}: the pod may fail to start`;
    case 'pin-unknown':
      return warning.namesake === undefined
        ? `no ImageCache here has the id ${brief(warning.pin)} that is pinned; the region may hold it`
        : `${brief(warning.pin)} is an ImageCache's name; pin its id${idOf(warning.namesake)}`;
    case 'rule-pin-left-out':
      return `rule ${brief(warning.rule)}: its pin is left out, ImageCache ${brief(warning.cache.name)} does not work`;
    case 'illegal-value': {
      const { key, value, expected } = warning.illegal;
      return `${key} is ignored: expected ${expected}, not "${shorten(oneLine(value), 12)}"`;
    }
    case 'ignored-keys': {
      const names = warning.keys.map((key) => key.slice(key.indexOf('/') + 1)).join(', ');
      return `${names} ignored: ${warning.because === 'pin' ? 'the pod has a pin' : 'eci-auto-imc is "false"'}`;
    }
    case 'mutable-tag':
      return `no cache holds ${listed(warning.images)}, and its tag moves: use a fixed tag`;
    case 'pull-always':
      return `imagePullPolicy Always asks the registry for ${listed(warning.images)}, though cached`;
  }
}

/** `Creating (45%)`, `Ready but being deleted`, `expired`: why a pinned cache does not work (spec M1). */
export function stateOf(cache: ImageCache, expired: boolean): string {
  if (cache.phase === 'Ready') {
    if (cache.deleting) return 'being deleted';
    return expired ? 'expired' : 'Ready';
  }
  const phase = cache.phase === '' ? 'without a phase' : shorten(oneLine(cache.phase), 20);
  return cache.progress === '' ? phase : `${phase} (${shorten(oneLine(cache.progress), 8)})`;
}

function idOf(cache: ImageCache): string {
  return cache.id === '' ? ', none yet' : `, ${brief(cache.id)}`;
}

/** Keys of valid references are ASCII; their ends, with the tag, say more than their beginnings. */
function listed(images: readonly string[]): string {
  const [key = ''] = images;
  const first = key.length <= KEY_LENGTH ? key : `…${key.slice(1 - KEY_LENGTH)}`;
  return images.length > 1 ? `${first} and ${images.length - 1} more` : first;
}

function brief(text: string): string {
  return shorten(oneLine(text), 45);
}

/** Cuts after `limit` characters, the last of them an ellipsis, never inside a surrogate pair. */
function shorten(text: string, limit: number): string {
  const characters = Array.from(text);
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join('')}…`;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}
