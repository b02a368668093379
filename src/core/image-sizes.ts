import type { ImageCache, RecordedImage } from './image-cache.ts';
import { recordedImagesOf } from './image-cache.ts';

/**
 * Sizes of images by key, learnt from what builders recorded in all caches of any phase (spec C3). The largest report
 * counts; reports of the annotation count only for keys that no status reports.
 *
 * Look-up is constant; adding or removing a cache costs its number of recorded images, save that taking away the
 * largest of many different reports of one key looks at all of them.
 */
export class ImageSizes {
  readonly #byStatus = new Map<string, SizeReports>();
  readonly #byAnnotation = new Map<string, SizeReports>();

  /** Size in bytes, or 0 when nobody reported one. */
  sizeOf(key: string): number {
    const reports = this.#byStatus.get(key) ?? this.#byAnnotation.get(key);
    if (reports === undefined) return 0;
    return typeof reports === 'number' ? reports : reports.largest;
  }

  /** Replaces what one cache reported by what another reports; gives the keys whose size is another now. */
  replace(removed: ImageCache | undefined, added: ImageCache | undefined): readonly string[] {
    const before = new Map<string, number>();
    for (const cache of [removed, added]) {
      for (const image of cache === undefined ? [] : recordedImagesOf(cache)) {
        for (const key of keysOf(image)) before.set(key, this.sizeOf(key));
      }
    }
    if (removed !== undefined) {
      removeReports(this.#byStatus, removed.statusImages);
      removeReports(this.#byAnnotation, removed.annotationImages);
    }
    if (added !== undefined) {
      addReports(this.#byStatus, added.statusImages);
      addReports(this.#byAnnotation, added.annotationImages);
    }
    const changed: string[] = [];
    for (const [key, bytes] of before) if (this.sizeOf(key) !== bytes) changed.push(key);
    return changed;
  }
}

/** A single report is kept as its number of bytes; most images stand in one cache only. */
type SizeReports = number | ManyReports;

/** Mostly all caches agree on a size: then `largest` and its count say everything and `others` stays absent. */
interface ManyReports {
  readonly largest: number;
  readonly count: number;
  readonly others: Map<number, number> | undefined;
}

function addReports(reports: Map<string, SizeReports>, images: readonly RecordedImage[]): void {
  for (const image of images) {
    for (const key of keysOf(image)) reports.set(key, withReport(reports.get(key), image.sizeBytes ?? 0));
  }
}

function removeReports(reports: Map<string, SizeReports>, images: readonly RecordedImage[]): void {
  for (const image of images) {
    for (const key of keysOf(image)) {
      const left = withoutReport(reports.get(key), image.sizeBytes ?? 0);
      if (left === undefined) reports.delete(key);
      else reports.set(key, left);
    }
  }
}

function withReport(reports: SizeReports | undefined, bytes: number): SizeReports {
  if (reports === undefined) return bytes;
  const { largest, count, others } = manyReports(reports);
  if (bytes === largest) return { largest, count: count + 1, others };
  const rest = others ?? new Map<number, number>();
  if (bytes > largest) {
    rest.set(largest, count);
    return { largest: bytes, count: 1, others: rest };
  }
  rest.set(bytes, (rest.get(bytes) ?? 0) + 1);
  return { largest, count, others: rest };
}

function withoutReport(reports: SizeReports | undefined, bytes: number): SizeReports | undefined {
  if (reports === undefined || reports === bytes) return undefined;
  const { largest, count, others } = manyReports(reports);
  if (bytes !== largest) {
    const left = (others?.get(bytes) ?? 1) - 1;
    if (left === 0) others?.delete(bytes);
    else others?.set(bytes, left);
    return fewestReports(largest, count, others);
  }
  if (count > 1) return fewestReports(largest, count - 1, others);
  if (others === undefined) return undefined;
  let next = 0;
  for (const size of others.keys()) if (size > next) next = size;
  const nextCount = others.get(next) ?? 0;
  others.delete(next);
  return fewestReports(next, nextCount, others);
}

function manyReports(reports: SizeReports): ManyReports {
  return typeof reports === 'number' ? { largest: reports, count: 1, others: undefined } : reports;
}

function fewestReports(largest: number, count: number, others: Map<number, number> | undefined): SizeReports {
  if (others !== undefined && others.size > 0) return { largest, count, others };
  return count === 1 ? largest : { largest, count, others: undefined };
}

/** A size reported with a digest also counts for `repository@digest` (spec C3). */
function keysOf({ reference, digestKey, sizeBytes }: RecordedImage): readonly string[] {
  if (sizeBytes === undefined) return [];
  return digestKey === undefined || digestKey === reference.key ? [reference.key] : [reference.key, digestKey];
}
