import type { HandledDecision } from '../core/decision.ts';
import type { ImageCache } from '../core/image-cache.ts';
import { recordedImagesOf, unusableReason } from '../core/image-cache.ts';
import { compareAge } from '../core/image-match.ts';
import type { DecisionSettings } from '../core/settings.ts';
import { compareCodeUnits } from '../core/text-order.ts';
import type { FindingReport } from './finding-report.ts';
import type { KnownCluster } from './known-cluster.ts';
import type { Subject } from './subject.ts';
import { placeIn } from './subject.ts';

/** A cache that can be used, and the object it stands for. */
interface Usable {
  readonly subject: Subject;
  readonly cache: ImageCache;
}

/**
 * Checks the ImageCaches against each other and against the workloads.
 *
 * @param isLinted - whether findings about an object are wanted: it is among the files.
 * @param decisions - about the workloads that are handled.
 */
export function lintInventory(
  cluster: KnownCluster,
  settings: DecisionSettings,
  isLinted: (subject: Subject) => boolean,
  decisions: readonly HandledDecision[],
  report: FindingReport,
): void {
  const usable = [...cluster.caches]
    .map(([subject, cache]): Usable => ({ subject, cache }))
    // Of several objects with one name the last counts.
    .filter(({ cache }) => cluster.view.imageCaches.get(cache.name) === cache)
    .filter(({ cache }) => unusableReason(cache, cluster.nowMs, settings.expiryMarginMs) === undefined);
  const twins = lintTwins(usable, isLinted, report);
  const others = usable.filter(({ subject }) => isLinted(subject) && !twins.has(subject));
  if (decisions.length > 0) lintUnused(others, decisions, report);
}

/** @returns the objects found. */
function lintTwins(
  usable: readonly Usable[],
  isLinted: (subject: Subject) => boolean,
  report: FindingReport,
): ReadonlySet<Subject> {
  const twins = new Set<Subject>();
  for (const group of Map.groupBy(usable, ({ cache }) => holdingsOf(cache)).values()) {
    const [newest, ...older] = group.toSorted((a, b) => compareAge(a.cache, b.cache));
    if (newest === undefined) continue;
    for (const { subject, cache } of older) {
      if (!isLinted(subject) || differsInDigests(cache, newest.cache)) continue;
      const message = `${cache.name} holds the same images as ${newest.cache.name}, which goes before it`;
      report.add('IMC212', placeIn(subject, ['metadata', 'name']), message);
      twins.add(subject);
    }
  }
  return twins;
}

/** What a cache offers to whom: caches that agree in it are rivals for the same pods. */
function holdingsOf({ images, platform, privateTo }: ImageCache): string {
  const keys = images.map(({ key, tag }) => `${key} ${tag ?? ''}`).toSorted(compareCodeUnits);
  return JSON.stringify([platform.architecture, platform.os, privateTo ?? null, keys]);
}

/** Whether both recorded what they hold, and it is not the same: a tag was moved between the two. */
function differsInDigests(a: ImageCache, b: ImageCache): boolean {
  const digests = new Map(recordedImagesOf(a).map(({ reference, digestKey }) => [reference.key, digestKey]));
  return recordedImagesOf(b).some(({ reference, digestKey }) => {
    const other = digests.get(reference.key);
    return other !== undefined && digestKey !== undefined && other !== digestKey;
  });
}

function lintUnused(usable: readonly Usable[], decisions: readonly HandledDecision[], report: FindingReport): void {
  const used = new Set<string>();
  for (const { outcome, because } of decisions) {
    const { cache } = because;
    if (cache === undefined) continue;
    if (outcome === 'CompleteMatch' || outcome === 'PartialMatch' || outcome === 'Pinned') used.add(cache.name);
  }
  for (const { subject, cache } of usable) {
    if (used.has(cache.name)) continue;
    const message = `no pod of the workloads given would use the ImageCache ${cache.name}`;
    report.add('IMC213', placeIn(subject, ['metadata', 'name']), message);
  }
}
