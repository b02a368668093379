import type { ImageCache, RecordedImage } from './image-cache.ts';

/**
 * Sizes of images by key, learnt from what builders recorded in all caches of any phase (spec C3). The largest report
 * counts; reports of the annotation count only for keys that no status reports.
 *
 * Look-up is constant; adding or removing a cache costs its number of recorded images, save that taking away the
 * largest of many different reports of one key looks at all of them.
 */
export class ImageSizes {
  readonly #reports = new Map<string, { status: SizeReports; annotation: SizeReports }>();

  /** Size in bytes, or 0 when nobody reported one. */
  sizeOf(key: string): number {
    const reports = this.#reports.get(key);
    if (reports === undefined) return 0;
    return reports.status.largest || reports.annotation.largest;
  }

  add(cache: ImageCache): void {
    for (const { key, source, bytes } of reportsOf(cache)) {
      let reports = this.#reports.get(key);
      if (reports === undefined) {
        reports = { status: NO_REPORTS, annotation: NO_REPORTS };
        this.#reports.set(key, reports);
      }
      reports[source] = withReport(reports[source], bytes);
    }
  }

  remove(cache: ImageCache): void {
    for (const { key, source, bytes } of reportsOf(cache)) {
      const reports = this.#reports.get(key);
      if (reports === undefined) continue;
      reports[source] = withoutReport(reports[source], bytes);
      if (reports.status === NO_REPORTS && reports.annotation === NO_REPORTS) this.#reports.delete(key);
    }
  }
}

/** Mostly all caches agree on a size: then `largest` and its count say everything and `others` stays absent. */
interface SizeReports {
  readonly largest: number;
  readonly count: number;
  readonly others: Map<number, number> | undefined;
}

const NO_REPORTS: SizeReports = { largest: 0, count: 0, others: undefined };

function withReport({ largest, count, others }: SizeReports, bytes: number): SizeReports {
  if (bytes === largest || count === 0) return { largest: bytes, count: count + 1, others };
  const rest = others ?? new Map<number, number>();
  if (bytes > largest) {
    rest.set(largest, count);
    return { largest: bytes, count: 1, others: rest };
  }
  rest.set(bytes, (rest.get(bytes) ?? 0) + 1);
  return { largest, count, others: rest };
}

function withoutReport({ largest, count, others }: SizeReports, bytes: number): SizeReports {
  if (bytes !== largest) {
    const left = (others?.get(bytes) ?? 1) - 1;
    if (left === 0) others?.delete(bytes);
    else others?.set(bytes, left);
    return { largest, count, others: others?.size === 0 ? undefined : others };
  }
  if (count > 1) return { largest, count: count - 1, others };
  if (others === undefined) return NO_REPORTS;
  let next = 0;
  for (const size of others.keys()) if (size > next) next = size;
  const nextCount = others.get(next) ?? 0;
  others.delete(next);
  return { largest: next, count: nextCount, others: others.size === 0 ? undefined : others };
}

function* reportsOf(cache: ImageCache): Generator<{ key: string; source: 'status' | 'annotation'; bytes: number }> {
  for (const image of cache.statusImages) {
    for (const key of keysOf(image)) yield { key, source: 'status', bytes: image.sizeBytes ?? 0 };
  }
  for (const image of cache.annotationImages) {
    for (const key of keysOf(image)) yield { key, source: 'annotation', bytes: image.sizeBytes ?? 0 };
  }
}

/** A size reported with a digest also counts for `repository@digest` (spec C3). */
function keysOf({ reference, digest, sizeBytes }: RecordedImage): readonly string[] {
  if (sizeBytes === undefined) return [];
  const digestKey = digest === undefined ? undefined : `${reference.repository}@${digest}`;
  return digestKey === undefined || digestKey === reference.key ? [reference.key] : [reference.key, digestKey];
}
