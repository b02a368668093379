import type { ImageCache } from './image-cache.ts';
import { exactKeysOf, repositoriesOf } from './image-cache.ts';
import type { ImageReference } from './image-reference.ts';
import { isValidReference, parseImageReference } from './image-reference.ts';
import type { PodView } from './pod.ts';
import { RecentMap } from './recent-map.ts';
import { aliasKeyOf } from './registry-alias.ts';
import { compareCodeUnits } from './text-order.ts';
import type { Timestamp } from './timestamp.ts';
import { compareTimestamps } from './timestamp.ts';

/** The images a pod starts with (spec I2): each distinct image once, sorted by key. */
export interface PodImages {
  readonly valid: readonly ImageReference[];
  /** Distinct texts that are no references, sorted; each counts as one image that cannot match. */
  readonly invalid: readonly string[];
  /** How many distinct images there are. */
  readonly count: number;
}

/** `repository`: an equal path and tag behind another endpoint of the same registry counts as a repository match (spec I4). */
export type RegistryAliases = 'off' | 'repository';

/** How well a cache fits a pod: everything the ranking looks at but age and name (spec M4). */
export interface MatchDegree {
  /** Distinct images matched exactly. */
  readonly exact: number;
  /** Distinct images matched by repository only. */
  readonly repository: number;
  /** Sum of the known sizes of the images matched exactly; unknown counts as 0. */
  readonly matchedBytes: number;
}

/** Where a cache stands among others with equal degree (spec M4). */
export interface CacheAge {
  readonly name: string;
  readonly createdAt: Timestamp | undefined;
}

/**
 * The distinct images of a pod's init containers and containers (spec I2). The pods of one workload have the same
 * images, so recent results are remembered: equal texts in equal order mostly give the same object.
 */
export function podImagesOf(pod: PodView): PodImages {
  const texts = pod.containers.map(({ image }) => image);
  const joined = texts.join('\n');
  const known = remembered.get(joined);
  if (known !== undefined && isSameList(known.texts, texts)) return known.images;
  const images = distinctImages(texts);
  if (texts.length <= REMEMBERED_CONTAINERS && joined.length <= REMEMBERED_LENGTH) {
    remembered.set(joined, { texts, images });
  }
  return images;
}

/** With the limit below, at most about 30 MB, whatever pods come. */
const REMEMBERED_CONTAINERS = 32;
const REMEMBERED_LENGTH = 4096;
const remembered = new RecentMap<string, { readonly texts: readonly string[]; readonly images: PodImages }>(1024);

function distinctImages(texts: readonly string[]): PodImages {
  const valid = new Map<string, ImageReference>();
  const invalid = new Set<string>();
  for (const text of texts) {
    const parsed = parseImageReference(text);
    if (!isValidReference(parsed)) {
      invalid.add(text);
      continue;
    }
    // One digest behind two tags is one image; which tag it is known by must not depend on the order of containers.
    const known = valid.get(parsed.key);
    if (known === undefined || compareTags(parsed, known) < 0) valid.set(parsed.key, parsed);
  }
  return {
    valid: [...valid.values()].toSorted((a, b) => compareCodeUnits(a.key, b.key)),
    invalid: [...invalid].toSorted(compareCodeUnits),
    count: valid.size + invalid.size,
  };
}

/** By tag, references without one last. */
export function compareTags(a: ImageReference, b: ImageReference): number {
  if (a.tag === undefined || b.tag === undefined) return Number(a.tag === undefined) - Number(b.tag === undefined);
  return compareCodeUnits(a.tag, b.tag);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

/**
 * How well one cache fits (spec I3, I4, C3), worked out from the cache itself. The index finds the best cache without
 * asking this of every one; explanations and tests ask it.
 *
 * @param sizeOf - size in bytes of a key, 0 when unknown.
 */
export function matchDegree(
  images: PodImages,
  cache: ImageCache,
  aliases: RegistryAliases,
  sizeOf: (key: string) => number,
): MatchDegree & { readonly exactKeys: ReadonlySet<string> } {
  const held = exactKeysOf(cache);
  const repositories = repositoriesOf(cache);
  const aliasKeys = aliases === 'repository' ? new Set(cache.images.map(aliasKeyOf)) : undefined;
  const exactKeys = new Set<string>();
  let repository = 0;
  let matchedBytes = 0;
  for (const image of images.valid) {
    if (held.has(image.key)) {
      exactKeys.add(image.key);
      matchedBytes += sizeOf(image.key);
    } else if (repositories.has(image.repository) || hasAlias(image, aliasKeys)) {
      repository += 1;
    }
  }
  return { exact: exactKeys.size, repository, matchedBytes, exactKeys };
}

function hasAlias(image: ImageReference, aliasKeys: ReadonlySet<string | undefined> | undefined): boolean {
  if (aliasKeys === undefined) return false;
  const key = aliasKeyOf(image);
  return key !== undefined && aliasKeys.has(key);
}

/** Orders by degree, then size, better first (spec M4); 0 when only age and name can decide. */
export function compareDegree(a: MatchDegree, b: MatchDegree): number {
  return b.exact - a.exact || b.repository - a.repository || Math.sign(b.matchedBytes - a.matchedBytes);
}

/** Orders by age, newest first, then by name (spec M4). Total: only a cache and itself compare as 0. */
export function compareAge(a: CacheAge, b: CacheAge): number {
  return compareTimestamps(b.createdAt, a.createdAt) || compareCodeUnits(a.name, b.name);
}
