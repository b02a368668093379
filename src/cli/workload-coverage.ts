import type { OfflineEngine } from '../composition/commands.ts';
import type { UncoveredPod } from '../core/cache-suggestion.ts';
import type { Coverage } from '../core/coverage.ts';
import { coverageOf } from '../core/coverage.ts';
import type { DecisionSettings } from '../core/settings.ts';
import { pullSecretNamesOf } from '../wire/pod.ts';
import type { Reviewable } from './review-subjects.ts';
import type { Cell, Style } from './table.ts';
import { formatTable } from './table.ts';

/** How one workload is covered; its shape is what `-o json` promises. */
export interface CoverageRow {
  readonly namespace: string;
  readonly name: string;
  readonly coverage: Coverage;
  readonly outcome: string;
  /** Why it was skipped. */
  readonly reason?: string;
  /** The cache that holds most of its images, or the pinned one. */
  readonly cache?: string;
  readonly imageCacheId?: string;
  /** Whether its pods start from that cache. */
  readonly inUse?: boolean;
  readonly exact?: number;
  readonly images?: number;
  readonly missing?: readonly string[];
}

/** Workloads of each coverage, and how many of those that count are covered completely. */
export interface CoverageSummary extends Readonly<Record<Coverage, number>> {
  /** Share of the workloads that are not skipped; 100 when there are none. Not rounded. */
  readonly percent: number;
}

/** Everything about the coverage of some workloads. */
export interface WorkloadCoverage {
  readonly rows: readonly CoverageRow[];
  readonly summary: CoverageSummary;
  /** Those that a new cache would help (spec M9). */
  readonly uncovered: readonly UncoveredPod[];
  /** Workloads by the name of the cache their pods start from. */
  readonly usedBy: ReadonlyMap<string, readonly string[]>;
}

/** Decides on the pods of all workloads, and sees what their caches hold. */
export function coverWorkloads(
  reviewables: readonly Reviewable[],
  engine: OfflineEngine,
  { registryAliases }: DecisionSettings,
  nowMs: number,
): WorkloadCoverage {
  const uncovered: UncoveredPod[] = [];
  const usedBy = new Map<string, string[]>();
  const counts = { complete: 0, partial: 0, none: 0, skipped: 0 };
  const rows = reviewables.map((reviewable): CoverageRow => {
    const { namespace, title: name, review, object } = reviewable;
    const title = `${namespace}/${name}`;
    const decision = engine.decide(review);
    if (decision === undefined || decision.kind === 'skip') {
      counts.skipped += 1;
      const reason = decision?.reason ?? engine.answer(review).reason;
      return { namespace, name, coverage: 'skipped', outcome: 'Skipped', reason };
    }
    const { coverage, cache, inUse, exact, images, missing } = coverageOf(decision, registryAliases, nowMs);
    counts[coverage] += 1;
    const { outcome, because } = decision;
    if (coverage === 'skipped') {
      return { namespace, name, coverage, outcome, ...(because.images.count === 0 ? { reason: 'NoImages' } : {}) };
    }
    if (because.cacheWanted) {
      const pullSecrets = pullSecretNamesOf(object).map((secret) => `${namespace}:${secret}`);
      uncovered.push({ title, namespace, decision, pullSecrets });
    }
    if (inUse && cache !== undefined) usedBy.set(cache.name, [...(usedBy.get(cache.name) ?? []), title]);
    return {
      namespace,
      name,
      coverage,
      outcome,
      ...(cache === undefined ? {} : { cache: cache.name, imageCacheId: cache.id, inUse }),
      exact,
      images,
      missing,
    };
  });
  const counting = counts.complete + counts.partial + counts.none;
  const percent = counting === 0 ? 100 : (counts.complete / counting) * 100;
  return { rows, summary: { ...counts, percent }, uncovered, usedBy };
}

/** The table of covered and uncovered workloads, and a line that sums it up. */
export function formatCoverageTable({ rows, summary }: WorkloadCoverage, wide: boolean, colour: boolean): string {
  const table = formatTable(
    ['NAMESPACE', 'NAME', 'COVERAGE', 'IMAGES', 'CACHE', 'OUTCOME', 'MISSING'],
    rows.map((row): (Cell | string)[] => [
      row.namespace,
      row.name,
      { text: row.coverage, style: STYLES[row.coverage] },
      row.images === undefined ? '-' : `${row.exact ?? 0}/${row.images}`,
      cacheText(row),
      row.reason === undefined ? row.outcome : `${row.outcome} (${row.reason})`,
      missingText(row.missing ?? [], wide ? Infinity : 2),
    ]),
    colour,
  );
  return `${table}\n${summaryText(summary)}\n`;
}

const STYLES: Readonly<Record<Coverage, Style>> = { complete: 'green', partial: 'yellow', none: 'red', skipped: 'dim' };

function cacheText({ cache, inUse }: CoverageRow): Cell {
  if (cache === undefined) return { text: '-' };
  return inUse === true ? { text: cache } : { text: `${cache} (not used)`, style: 'dim' };
}

function missingText(missing: readonly string[], limit: number): string {
  const named = missing.map((image) => (image === '' ? '(empty)' : JSON.stringify(image).slice(1, -1)));
  if (named.length === 0) return '-';
  return named.length <= limit + 1
    ? named.join(', ')
    : `${named.slice(0, limit).join(', ')} and ${named.length - limit} more`;
}

function summaryText({ complete, partial, none, skipped, percent }: CoverageSummary): string {
  const counting = complete + partial + none;
  const rest = skipped === 0 ? '' : `; ${skipped} skipped`;
  if (counting === 0) return `No workload here gets or wants an ImageCache: ${skipped} skipped`;
  return `${complete} of ${counting} workloads covered completely (${percentText(percent)}), ${partial} partly, ${none} not at all${rest}`;
}

/** Rounded down, so that 100% is said of all only. */
export function percentText(percent: number): string {
  return `${Math.floor(percent * 10) / 10}%`;
}
