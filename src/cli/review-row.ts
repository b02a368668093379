import type { AnsweredReview } from '../admission/answered-review.ts';
import { AUTO_KEY, DECISION_KEY, PIN_KEY } from '../core/keys.ts';
import { isJsonObject, listMember, member, textMember } from '../wire/json.ts';
import type { Reviewable } from './review-subjects.ts';
import type { Cell, Style } from './table.ts';
import { formatTable } from './table.ts';

/** What one review came to, for tables and for programs. */
export interface ReviewRow {
  readonly namespace: string;
  readonly name: string;
  readonly allowed: boolean;
  readonly outcome: string;
  readonly reason?: string;
  readonly cache?: string;
  readonly imageCacheId?: string;
  readonly exact?: number;
  readonly images?: number;
  readonly missing?: readonly string[];
  readonly rules?: readonly string[];
  readonly message?: string;
  readonly warnings: readonly string[];
  /** Annotations and labels that the answer sets (a text) or takes away (`null`). */
  readonly annotations: Readonly<Record<string, string | null>>;
  readonly labels: Readonly<Record<string, string | null>>;
}

/** @param reason - why a review was skipped or failed, where it is known. */
export function reviewRow({ namespace, title, object }: Reviewable, answer: AnsweredReview, reason: string): ReviewRow {
  const { allowed, outcome, cache, message, warnings, decision, pod } = answer;
  const annotations = changes(object, pod, 'annotations');
  const pin = textMember(decision, 'id') || textMember(decision, 'would');
  const exact = member(decision, 'exact');
  const images = member(decision, 'images');
  return {
    namespace,
    name: title,
    allowed,
    outcome,
    ...(reason === '' ? {} : { reason }),
    ...(cache === '' ? {} : { cache }),
    ...(pin === '' ? {} : { imageCacheId: pin }),
    ...(typeof exact === 'number' ? { exact } : {}),
    ...(typeof images === 'number' ? { images } : {}),
    ...(member(decision, 'missing') === undefined ? {} : { missing: texts(decision, 'missing') }),
    ...(member(decision, 'rules') === undefined ? {} : { rules: texts(decision, 'rules') }),
    ...(message === '' ? {} : { message }),
    warnings,
    annotations,
    labels: changes(object, pod, 'labels'),
  };
}

/** The table of `imc review`. */
export function formatReviewTable(rows: readonly ReviewRow[], colour: boolean): string {
  return formatTable(
    ['NAMESPACE', 'NAME', 'OUTCOME', 'CACHE', 'IMAGES', 'PATCH'],
    rows.map((row): (Cell | string)[] => [
      row.namespace,
      row.name,
      { text: outcomeText(row), style: outcomeStyle(row) },
      row.cache ?? '-',
      row.images === undefined ? '-' : `${row.exact ?? 0}/${row.images}`,
      { text: patchText(row), style: row.imageCacheId === undefined ? 'dim' : undefined },
    ]),
    colour,
  );
}

export function outcomeText({ outcome, reason, allowed }: ReviewRow): string {
  const why = reason === undefined ? '' : ` (${reason.length > 40 ? `${reason.slice(0, 39)}…` : reason})`;
  if (outcome === '') return `${allowed ? 'allowed' : 'denied'}${why}`;
  return `${outcome}${why}${allowed ? '' : ', denied'}`;
}

/** Green: every image is there; yellow: some are, or something needs a look; red: refused or failed. */
function outcomeStyle({ outcome, allowed }: ReviewRow): Style | undefined {
  if (!allowed || outcome === 'Error') return 'red';
  if (outcome === 'CompleteMatch' || outcome === 'Pinned') return 'green';
  if (outcome === 'Skipped' || outcome === 'AutoDisabled') return 'dim';
  return 'yellow';
}

/** `eci-imc-id=imc-…, +1 annotation`: pins and automatic mode in full, other keys counted, the decision left out. */
function patchText({ annotations, labels }: ReviewRow): string {
  const parts: string[] = [];
  for (const key of [PIN_KEY, AUTO_KEY]) {
    const value = annotations[key];
    if (value !== undefined) parts.push(value === null ? `-${shortKey(key)}` : `${shortKey(key)}=${value}`);
  }
  const others = Object.keys(annotations).filter((key) => key !== PIN_KEY && key !== AUTO_KEY && key !== DECISION_KEY);
  if (others.length > 0) parts.push(counted(others, 'annotation'));
  const labelKeys = Object.keys(labels);
  if (labelKeys.length > 0) parts.push(counted(labelKeys, 'label'));
  if (parts.length > 0) return parts.join(', ');
  return annotations[DECISION_KEY] === undefined ? '-' : 'decision only';
}

function counted(keys: readonly string[], noun: string): string {
  return `+${keys.length} ${noun}${keys.length === 1 ? '' : 's'}`;
}

function shortKey(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

function changes(before: unknown, after: unknown, map: 'annotations' | 'labels'): Record<string, string | null> {
  const old = entries(before, map);
  const now = entries(after, map);
  const changed = new Map<string, string | null>();
  for (const [key, value] of now) if (old.get(key) !== value) changed.set(key, value);
  for (const key of old.keys()) if (!now.has(key)) changed.set(key, null);
  return Object.fromEntries([...changed].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function entries(pod: unknown, map: 'annotations' | 'labels'): Map<string, string> {
  const value = member(member(pod, 'metadata'), map);
  return new Map(
    Object.entries(isJsonObject(value) ? value : {}).map(([key, text]) => [key, typeof text === 'string' ? text : '']),
  );
}

function texts(value: unknown, key: string): string[] {
  return listMember(value, key).filter((text) => typeof text === 'string');
}
