import { DELETED_BECAUSE, RETIRED_BECAUSE } from '../core/action-text.ts';
import type { JanitorAction, JanitorEntry } from '../core/janitor-report.ts';
import { formatAge } from './quantities.ts';
import type { Cell } from './table.ts';
import { formatTable } from './table.ts';

/** One ImageCache of the report; its shape is what `-o json` promises. */
export interface JanitorRow {
  readonly name: string;
  readonly phase: string;
  readonly namespace?: string;
  readonly lastMatchedAt?: string;
  readonly retiringSince?: string;
  /** Whether a living pod carries its id; absent where nobody knows. */
  readonly inUse?: boolean;
  readonly now?: JanitorStep;
  readonly next?: JanitorStep & { readonly at: string };
}

interface JanitorStep {
  readonly action: 'retire' | 'delete' | 'restore' | 'count-as-failed';
  readonly because: string;
}

/** @param knowsPods - whether the living pods are known. */
export function janitorRows(entries: readonly JanitorEntry[], knowsPods: boolean): JanitorRow[] {
  return entries.map(({ cache: { name, phase, privateTo, ours }, isInUse, now, next }) => ({
    name,
    phase,
    ...(privateTo === undefined ? {} : { namespace: privateTo }),
    ...(ours?.lastMatchedAtMs === undefined ? {} : { lastMatchedAt: isoText(ours.lastMatchedAtMs) }),
    ...(ours?.retiringSinceMs === undefined ? {} : { retiringSince: isoText(ours.retiringSinceMs) }),
    ...(knowsPods ? { inUse: isInUse } : {}),
    ...(now === undefined ? {} : { now: stepOf(now) }),
    ...(next === undefined ? {} : { next: { ...stepOf(next.action), at: isoText(next.atMs) } }),
  }));
}

export function formatJanitorTable(rows: readonly JanitorRow[], nowMs: number, colour: boolean): string {
  return formatTable(
    ['NAME', 'PHASE', 'NAMESPACE', 'LAST MATCHED', 'IN USE', 'NOW', 'NEXT'],
    rows.map(({ name, phase, namespace = '(all)', lastMatchedAt, retiringSince, inUse, now, next }) => [
      name,
      retiringSince === undefined ? phase || '-' : `${phase}, retiring`,
      namespace,
      lastMatchedAt === undefined ? 'never' : `${formatAge(nowMs - Date.parse(lastMatchedAt))} ago`,
      inUse === undefined ? 'unknown' : inUse ? 'yes' : 'no',
      nowCell(now),
      next === undefined ? '-' : `${next.action} in ${formatAge(Date.parse(next.at) - nowMs)}`,
    ]),
    colour,
  );
}

function nowCell(step: JanitorStep | undefined): Cell {
  if (step === undefined) return { text: '-', style: 'dim' };
  return { text: `${step.action}: ${step.because}`, style: step.action === 'restore' ? 'green' : 'yellow' };
}

function stepOf(action: JanitorAction): JanitorStep {
  switch (action.kind) {
    case 'retire':
      return { action: 'retire', because: RETIRED_BECAUSE[action.because] };
    case 'delete':
      return { action: 'delete', because: DELETED_BECAUSE[action.because] };
    case 'restore':
      return { action: 'restore', because: 'pods want exactly its images' };
    case 'record-failure':
      return { action: 'count-as-failed', because: 'its build failed, or took longer than autoCreate.buildDeadline' };
  }
}

function isoText(ms: number): string {
  return new Date(ms).toISOString();
}
