import type { HandledDecision } from './decision.ts';
import type { ImageCache } from './image-cache.ts';
import { exactKeysOf, isBuilding, isStuck } from './image-cache.ts';
import { diskGibFor, IMAGES_LIMIT } from './image-cache-spec.ts';
import { compareTags } from './image-match.ts';
import type { ImageReference } from './image-reference.ts';
import { ACR_KEYS, REGISTRY_KEYS } from './keys.ts';
import type { StringMap } from './label-selector.ts';
import type { Platform } from './platform.ts';
import { compareCodeUnits } from './text-order.ts';

/** A pod for which a new cache is wanted (spec M9), and where it comes from. */
export interface UncoveredPod {
  /** Names the workload to people; several pods may have the same. */
  readonly title: string;
  readonly namespace: string;
  readonly decision: HandledDecision;
  /** `NAMESPACE:NAME` of the Secrets its images are pulled with. */
  readonly pullSecrets: readonly string[];
}

/** A cache that would cover some workloads completely. */
export interface CacheSuggestion {
  /** By key, sorted; at most {@link IMAGES_LIMIT}. */
  readonly images: readonly ImageReference[];
  readonly platform: Platform;
  /** The one namespace whose pods may use it (spec C4); `undefined` for a shared cache. */
  readonly privateTo: string | undefined;
  /** `NAMESPACE:NAME`, sorted. */
  readonly pullSecrets: readonly string[];
  /** How registries are reached, as the pods say it. */
  readonly annotations: StringMap;
  /** `spec.imageCacheSize` by the known sizes (spec N2). */
  readonly diskGib: number;
  /** Keys of images nobody has recorded a size of; each counts as 0 in `diskGib`. */
  readonly unknownSizes: readonly string[];
  /** Titles of the workloads it covers, sorted. */
  readonly workloads: readonly string[];
}

/** Why no cache is suggested for a workload. */
export type SuggestionRefusal =
  | { readonly kind: 'TooManyImages'; readonly count: number }
  | { readonly kind: 'InvalidReference'; readonly images: readonly string[] }
  | { readonly kind: 'MatchCountAboveImages'; readonly matchCount: number; readonly count: number }
  /** This cache holds all its images, and only has to become Ready. */
  | { readonly kind: 'Building'; readonly cache: ImageCache };

/** What could be done for uncovered workloads. */
export interface SuggestedCaches {
  readonly suggestions: readonly CacheSuggestion[];
  readonly refused: readonly { readonly title: string; readonly refusal: SuggestionRefusal }[];
}

/**
 * The caches to make so that every uncovered workload is covered completely, each by one of them.
 *
 * Only workloads of one platform, with the same Secrets and the same access to registries, and of one namespace if either
 * makes them private (spec N2), share a cache. Of those a cache serves several if it covers one anyway, or if they have an
 * image in common, need no more than {@link IMAGES_LIMIT} images together, and no pod gets a larger disk than a cache of
 * its own would give it: every pod pays for a disk of its cache's size. Never more caches than distinct sets of images
 * in each of these groups. The order of the workloads leaves no trace.
 *
 * Costs O(sets x caches they share images with), and O(workloads x building caches).
 *
 * @param sizeOf - size in bytes of an image by key, 0 when unknown.
 * @param caches - those that exist: what has been building for less than `buildDeadlineMs` is not suggested again (spec
 * N3).
 * @param nowMs - milliseconds since the epoch.
 */
export function suggestCaches(
  pods: readonly UncoveredPod[],
  sizeOf: (key: string) => number,
  caches: Iterable<ImageCache>,
  { buildDeadlineMs, nowMs }: { readonly buildDeadlineMs: number; readonly nowMs: number },
): SuggestedCaches {
  const building = [...caches]
    .filter((cache) => isBuilding(cache, nowMs) && !isStuck(cache, nowMs, buildDeadlineMs))
    .map((cache) => ({ cache, keys: exactKeysOf(cache) }))
    .toSorted((a, b) => compareCodeUnits(a.cache.name, b.cache.name));
  const refused: SuggestedCaches['refused'][number][] = [];
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    const refusal = refusalOf(pod, building);
    if (refusal !== undefined) {
      refused.push({ title: pod.title, refusal });
      continue;
    }
    const visibility = visibilityOf(pod);
    const key = JSON.stringify([
      visibility.platform.architecture,
      visibility.platform.os,
      visibility.privateTo,
      visibility.pullSecrets,
      [...visibility.annotations],
    ]);
    const group = groups.get(key) ?? { key, visibility, bundles: [] };
    groups.set(key, group);
    const { valid } = pod.decision.because.images;
    group.bundles.push({ images: new Map(valid.map((image) => [image.key, image])), titles: [pod.title] });
  }
  return {
    suggestions: [...groups.values()]
      .toSorted((a, b) => compareCodeUnits(a.key, b.key))
      .flatMap(({ visibility, bundles }) =>
        pack(bundles, sizeOf).map((bundle) => suggestionOf(bundle, visibility, sizeOf)),
      ),
    refused: refused.toSorted((a, b) => compareCodeUnits(a.title, b.title)),
  };
}

/** What all workloads of a cache must have in common. */
type Visibility = Pick<CacheSuggestion, 'platform' | 'privateTo' | 'pullSecrets' | 'annotations'>;

interface Group {
  readonly key: string;
  readonly visibility: Visibility;
  readonly bundles: Bundle[];
}

/** Images that go into one cache, and for whom. */
interface Bundle {
  readonly images: Map<string, ImageReference>;
  readonly titles: string[];
}

function refusalOf(
  { namespace, decision }: UncoveredPod,
  building: readonly { readonly cache: ImageCache; readonly keys: ReadonlyMap<string, string> }[],
): SuggestionRefusal | undefined {
  const { images, platform, wishes } = decision.because;
  if (images.invalid.length > 0) return { kind: 'InvalidReference', images: images.invalid };
  if (images.count > IMAGES_LIMIT) return { kind: 'TooManyImages', count: images.count };
  if (!wishes.perfectMatch && (wishes.matchCount ?? 0) > images.count) {
    return { kind: 'MatchCountAboveImages', matchCount: wishes.matchCount ?? 0, count: images.count };
  }
  const coming = building.find(
    ({ cache, keys }) =>
      cache.platform.architecture === platform.architecture &&
      cache.platform.os === platform.os &&
      (cache.privateTo ?? namespace) === namespace &&
      images.valid.every(({ key }) => keys.has(key)),
  );
  return coming === undefined ? undefined : { kind: 'Building', cache: coming.cache };
}

function visibilityOf({ namespace, decision, pullSecrets }: UncoveredPod): Visibility {
  const { pod, platform } = decision.because;
  const copied = (keys: readonly string[]): (readonly [string, string])[] =>
    keys.flatMap((key) => {
      const value = pod.annotations.get(key);
      return value === undefined || value === '' ? [] : [[key, value] as const];
    });
  const acr = copied(ACR_KEYS);
  return {
    platform,
    privateTo: pullSecrets.length > 0 || acr.length > 0 ? namespace : undefined,
    pullSecrets: [...new Set(pullSecrets)].toSorted(compareCodeUnits),
    annotations: new Map([...acr, ...copied(REGISTRY_KEYS)]),
  };
}

/** Packs again what was packed, until nothing more goes together. */
function pack(bundles: readonly Bundle[], sizeOf: (key: string) => number): readonly Bundle[] {
  const packed = packOnce(bundles, sizeOf);
  return packed.length === bundles.length ? packed : pack(packed, sizeOf);
}

/** Largest bundles first: each goes where most of its images are, or stands for itself. */
function packOnce(bundles: readonly Bundle[], sizeOf: (key: string) => number): readonly Bundle[] {
  const places: Bundle[] = [];
  const byImage = new Map<string, Set<number>>();
  for (const { images, titles } of bundles.toSorted(compareBundles)) {
    const shared = new Map<number, number>();
    for (const key of images.keys()) {
      for (const place of byImage.get(key) ?? []) shared.set(place, (shared.get(place) ?? 0) + 1);
    }
    let best: { readonly at: number; readonly place: Bundle; readonly shared: number } | undefined;
    for (const [at, count] of [...shared].toSorted(([a], [b]) => a - b)) {
      const place = places[at];
      if (place === undefined || !goesInto(images, place, count, sizeOf)) continue;
      const isBetter =
        best === undefined ||
        count > best.shared ||
        (count === best.shared && place.images.size < best.place.images.size);
      if (isBetter) best = { at, place, shared: count };
    }
    const { at, place } = best ?? { at: places.length, place: newBundle() };
    if (best === undefined) places.push(place);
    for (const image of images.values()) {
      const known = place.images.get(image.key);
      if (known === undefined || compareTags(image, known) < 0) place.images.set(image.key, image);
      const holders = byImage.get(image.key) ?? new Set<number>();
      byImage.set(image.key, holders.add(at));
    }
    place.titles.push(...titles);
  }
  return places;
}

function newBundle(): Bundle {
  return { images: new Map(), titles: [] };
}

function compareBundles(a: Bundle, b: Bundle): number {
  return b.images.size - a.images.size || compareCodeUnits(keysText(a.images), keysText(b.images));
}

function keysText(images: Bundle['images']): string {
  return [...images.keys()].toSorted(compareCodeUnits).join('\n');
}

function goesInto(images: Bundle['images'], place: Bundle, shared: number, sizeOf: (key: string) => number): boolean {
  if (shared === images.size) return true;
  if (place.images.size + images.size - shared > IMAGES_LIMIT) return false;
  const together = diskGibFor(new Set([...place.images.keys(), ...images.keys()]), sizeOf);
  return together === diskGibFor(place.images.keys(), sizeOf) && together === diskGibFor(images.keys(), sizeOf);
}

function suggestionOf(
  { images, titles }: Bundle,
  visibility: Visibility,
  sizeOf: (key: string) => number,
): CacheSuggestion {
  const sorted = [...images.values()].toSorted((a, b) => compareCodeUnits(a.key, b.key));
  return {
    images: sorted,
    ...visibility,
    diskGib: diskGibFor(images.keys(), sizeOf),
    unknownSizes: sorted.filter(({ key }) => sizeOf(key) === 0).map(({ key }) => key),
    workloads: [...new Set(titles)].toSorted(compareCodeUnits),
  };
}
