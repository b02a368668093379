import type { ClusterView } from '../core/cluster-view.ts';
import type { ImageCache, UnusableReason } from '../core/image-cache.ts';
import { unusableReason } from '../core/image-cache.ts';
import { compareCodeUnits } from '../core/text-order.ts';
import { toEpochMs } from '../core/timestamp.ts';
import { formatAge, formatBytes } from './quantities.ts';
import type { Cell, Style } from './table.ts';
import { formatTable } from './table.ts';

/** One ImageCache as the matcher sees it; its shape is what `-o json` promises. */
export interface CacheRow {
  readonly name: string;
  readonly imageCacheId?: string;
  readonly phase: string;
  readonly progress: string;
  /** Whether it is offered to pods (spec C1). */
  readonly usable: boolean;
  readonly reason?: UnusableReason;
  /** By key, with the size any cache recorded (spec C3). */
  readonly images: readonly { readonly image: string; readonly sizeBytes?: number }[];
  readonly invalidImages?: readonly string[];
  /** Sum of the known sizes. */
  readonly sizeBytes: number;
  readonly imageCacheSize?: number;
  readonly platform: { readonly architecture: string; readonly os: string };
  /** The one namespace whose pods may use it. */
  readonly namespace?: string;
  /** The program made it for pods that no other covered. */
  readonly autoCreated?: true;
  /** When a pod last used it; only of those the program made, and only if one did. */
  readonly lastMatchedAt?: string;
  /** It is no longer offered to new pods, and deleted later; since when, if the program decided so. */
  readonly retiring?: true;
  readonly retiringSince?: string;
  readonly createdAt?: string;
  readonly expiresAt?: string;
  /** The workloads that start from it, where workloads were given. */
  readonly usedBy?: readonly string[];
}

/** What an inventory can be sorted by; ties and `name` go by name. */
export const SORT_KEYS = ['name', 'age', 'expiry', 'size', 'disk', 'images', 'phase', 'usable', 'used'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/**
 * All ImageCaches of a cluster.
 *
 * @param usedBy - workloads by the name of the cache they start from; `undefined` where nobody asked.
 */
export function cacheRows(
  { imageCaches }: ClusterView,
  nowMs: number,
  expiryMarginMs: number,
  usedBy: ReadonlyMap<string, readonly string[]> | undefined,
): CacheRow[] {
  return [...imageCaches.all()].map((cache) =>
    cacheRow(
      cache,
      unusableReason(cache, nowMs, expiryMarginMs),
      (key) => imageCaches.sizeOf(key),
      usedBy === undefined ? undefined : (usedBy.get(cache.name) ?? []),
    ),
  );
}

function cacheRow(
  cache: ImageCache,
  reason: UnusableReason | undefined,
  sizeOf: (key: string) => number,
  usedBy: readonly string[] | undefined,
): CacheRow {
  const { name, id, phase, progress, platform, privateTo, invalidImages, diskGib, createdAt, expiresAtMs } = cache;
  const keys = [...new Set(cache.images.map(({ key }) => key))].toSorted(compareCodeUnits);
  const images = keys.map((image) => {
    const sizeBytes = sizeOf(image);
    return { image, ...(sizeBytes === 0 ? {} : { sizeBytes }) };
  });
  return {
    name,
    ...(id === '' ? {} : { imageCacheId: id }),
    phase,
    progress,
    usable: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    images,
    ...(invalidImages.length === 0 ? {} : { invalidImages }),
    sizeBytes: images.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
    ...(diskGib === undefined ? {} : { imageCacheSize: diskGib }),
    platform,
    ...(privateTo === undefined ? {} : { namespace: privateTo }),
    ...marksOf(cache),
    ...(createdAt === undefined ? {} : { createdAt: isoText(toEpochMs(createdAt)) }),
    ...(expiresAtMs === Infinity ? {} : { expiresAt: isoText(expiresAtMs) }),
    ...(usedBy === undefined ? {} : { usedBy }),
  };
}

function marksOf({
  ours,
  retiring,
}: ImageCache): Pick<CacheRow, 'autoCreated' | 'lastMatchedAt' | 'retiring' | 'retiringSince'> {
  const { lastMatchedAtMs, retiringSinceMs } = ours ?? {};
  return {
    ...(ours === undefined ? {} : { autoCreated: true }),
    ...(lastMatchedAtMs === undefined ? {} : { lastMatchedAt: isoText(lastMatchedAtMs) }),
    ...(retiring ? { retiring } : {}),
    ...(retiringSinceMs === undefined ? {} : { retiringSince: isoText(retiringSinceMs) }),
  };
}

function isoText(ms: number): string {
  return new Date(ms).toISOString();
}

/** Oldest, soonest to expire, largest and most used come first; what is not known comes last. */
export function sortCacheRows(rows: readonly CacheRow[], by: SortKey): CacheRow[] {
  const rank = RANKS[by];
  return rows.toSorted((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    const difference =
      typeof left === 'number' && typeof right === 'number'
        ? Math.sign(left - right)
        : compareCodeUnits(String(left), String(right));
    return difference || compareCodeUnits(a.name, b.name);
  });
}

const RANKS: Readonly<Record<SortKey, (row: CacheRow) => string | number>> = {
  name: () => 0,
  age: ({ createdAt }) => createdAt ?? '~',
  expiry: ({ expiresAt }) => expiresAt ?? '~',
  size: ({ sizeBytes }) => -sizeBytes,
  disk: ({ imageCacheSize = 0 }) => -imageCacheSize,
  images: ({ images }) => -images.length,
  phase: ({ phase }) => phase,
  usable: ({ usable, reason = '' }) => (usable ? '' : reason),
  used: ({ usedBy = [] }) => -usedBy.length,
};

/** The table of an inventory; `wide` has the disk and the images, too. */
export function formatCacheTable(rows: readonly CacheRow[], nowMs: number, wide: boolean, colour: boolean): string {
  const showsUse = rows.some(({ usedBy }) => usedBy !== undefined);
  const showsOurs = rows.some(({ autoCreated }) => autoCreated === true);
  const headings = ['NAME', 'CACHE ID', 'PHASE', 'USABLE', 'IMAGES', 'SIZE', 'PLATFORM', 'NAMESPACE', 'AGE', 'EXPIRES'];
  return formatTable(
    [
      ...headings,
      ...(showsOurs ? ['AUTO', 'LAST MATCHED'] : []),
      ...(wide ? ['DISK'] : []),
      ...(showsUse ? ['USED BY'] : []),
      ...(wide ? ['HOLDS'] : []),
    ],
    rows.map((row): (Cell | string)[] => [
      row.name,
      row.imageCacheId ?? '-',
      phaseText(row),
      { text: usableText(row, nowMs), style: usableStyle(row) },
      imagesText(row),
      sizeText(row),
      `${row.platform.os}/${row.platform.architecture}`,
      row.namespace ?? '(all)',
      row.createdAt === undefined ? 'unknown' : formatAge(nowMs - Date.parse(row.createdAt)),
      expiryText(row, nowMs),
      ...(showsOurs ? [row.autoCreated === true ? 'yes' : '-', lastMatchedText(row, nowMs)] : []),
      ...(wide ? [row.imageCacheSize === undefined ? '-' : `${row.imageCacheSize} GiB`] : []),
      ...(showsUse ? [usedText(row)] : []),
      ...(wide ? [row.images.map(({ image }) => image).join(', ') || '-'] : []),
    ]),
    colour,
  );
}

function phaseText({ phase, progress }: CacheRow): string {
  return [phase || '-', phase === 'Ready' ? '' : progress].filter((part) => part !== '').join(' ');
}

function usableText({ reason, expiresAt }: CacheRow, nowMs: number): string {
  if (reason === undefined) return 'yes';
  const isWithinMargin = reason === 'Expired' && expiresAt !== undefined && Date.parse(expiresAt) > nowMs;
  return isWithinMargin ? 'Expired (within the margin)' : reason;
}

/** Red is for what somebody has to see to; a cache that is being built, or on its way out, is as it should be. */
function usableStyle({ usable, reason, phase }: CacheRow): Style {
  if (usable) return 'green';
  if (reason === 'NoId' || (reason === 'NotReady' && phase.endsWith('Failed'))) return 'red';
  return 'yellow';
}

function imagesText({ images, invalidImages = [] }: CacheRow): string {
  return invalidImages.length === 0 ? String(images.length) : `${images.length} (+${invalidImages.length} invalid)`;
}

function sizeText({ images, sizeBytes }: CacheRow): string {
  const unknown = images.filter((image) => image.sizeBytes === undefined).length;
  if (unknown === images.length) return 'unknown';
  return unknown === 0 ? formatBytes(sizeBytes) : `${formatBytes(sizeBytes)} +${unknown} unknown`;
}

function expiryText({ expiresAt }: CacheRow, nowMs: number): string {
  if (expiresAt === undefined) return 'never';
  const left = Date.parse(expiresAt) - nowMs;
  return left > 0 ? `in ${formatAge(left)}` : `${formatAge(-left)} ago`;
}

function lastMatchedText({ autoCreated, lastMatchedAt }: CacheRow, nowMs: number): string {
  if (autoCreated !== true) return '-';
  return lastMatchedAt === undefined ? 'never' : `${formatAge(nowMs - Date.parse(lastMatchedAt))} ago`;
}

function usedText({ usedBy = [] }: CacheRow): Cell {
  return usedBy.length === 0
    ? { text: 'none', style: 'dim' }
    : { text: `${usedBy.length} workload${usedBy.length === 1 ? '' : 's'}` };
}
