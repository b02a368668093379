import { DECISION_KEY, VENDOR_KEYS } from '../core/keys.ts';
import { compareCodeUnits } from '../core/text-order.ts';
import { isJsonObject, member } from '../wire/json.ts';
import type { Answered, LevelName } from './review-level.ts';
import type { ReviewRow } from './review-row.ts';
import { outcomeText, reviewRow } from './review-row.ts';
import type { Cell } from './table.ts';
import { formatTable, paint } from './table.ts';

/** What several levels said of one pod; its shape is what `-o json` promises. */
export interface Comparison {
  readonly namespace: string;
  readonly name: string;
  readonly equal: boolean;
  readonly differences: readonly Difference[];
  readonly answers: Readonly<Partial<Record<LevelName, ReviewRow>>>;
}

/** A field in which levels differ, with what each says: `null` where it is not there, nothing where a level cannot tell. */
export interface Difference {
  /** `outcome`, `decision.missing`, `annotation k8s.aliyun.com/eci-imc-id` and so on. */
  readonly field: string;
  readonly values: Readonly<Partial<Record<LevelName, string | null>>>;
}

/** What a level says in each field. */
type Facts = ReadonlyMap<string, string>;

/**
 * Compares what levels said of one pod, in everything that is ours.
 *
 * An API server answers for everybody who has a say in a pod, so some things count differently there: of annotations and
 * labels those of section 1, those the decision says were added, and those that another level changed; of warnings those
 * that another level gave; of a refused pod only message and warnings, since neither pod nor decision come back. Why a pod
 * was skipped does not show there.
 */
export function compareAnswers(answers: ReadonlyMap<LevelName, Answered>): Comparison {
  const rows = new Map(
    [...answers].map(
      ([level, { reviewable, answer, reason }]) => [level, reviewRow(reviewable, answer, reason)] as const,
    ),
  );
  const others = [...rows].filter(([level]) => level !== 'API server').map(([, row]) => row);
  const facts = new Map<LevelName, Facts>();
  for (const [level, answered] of answers) {
    const row = rows.get(level);
    if (row === undefined) continue;
    const told = factsOf(row, answered.answer.decision);
    facts.set(level, level === 'API server' ? ownFacts(told, row, answered, others) : told);
  }
  const fields = new Set([...facts.values()].flatMap((told) => [...told.keys()]));
  const differences = [...fields]
    .flatMap((field): Difference[] => {
      const values = new Map<LevelName, string | null>();
      for (const [level, told] of facts) {
        if (level !== 'API server' || isToldByApiServer(field, rows.get(level)))
          values.set(level, told.get(field) ?? null);
      }
      return new Set(values.values()).size > 1 ? [{ field, values: Object.fromEntries(values) }] : [];
    })
    .filter(({ field }, _, all) => field !== DECISION_TEXT || all.length === 1)
    .toSorted((a, b) => rankOf(a.field) - rankOf(b.field) || compareCodeUnits(a.field, b.field));
  const [first] = rows.values();
  return {
    namespace: first?.namespace ?? '',
    name: first?.name ?? '',
    equal: differences.length === 0,
    differences,
    answers: Object.fromEntries(rows),
  };
}

/** The decision's own text is worth showing only if nothing else tells the difference. */
const DECISION_TEXT = `annotation ${DECISION_KEY}`;
const FIRST_FIELDS = ['allowed', 'message', 'outcome', 'reason', 'cache', 'id', 'warnings'];

function rankOf(field: string): number {
  const rank = FIRST_FIELDS.indexOf(field);
  if (rank !== -1) return rank;
  return FIRST_FIELDS.length + (field.startsWith('decision.') ? 0 : 1);
}

function factsOf(row: ReviewRow, decision: unknown): Map<string, string> {
  const { allowed, message, outcome, reason, cache, imageCacheId, warnings, annotations, labels } = row;
  const facts = new Map([
    ['allowed', allowed ? 'yes' : 'no'],
    ['outcome', outcome || 'no decision'],
  ]);
  if (message !== undefined) facts.set('message', message);
  if (reason !== undefined) facts.set('reason', reason);
  if (cache !== undefined) facts.set('cache', cache);
  if (imageCacheId !== undefined) facts.set('id', imageCacheId);
  if (warnings.length > 0) facts.set('warnings', warnings.join('\n'));
  for (const [kind, map] of [
    ['annotation', annotations],
    ['label', labels],
  ] as const) {
    for (const [key, value] of Object.entries(map)) facts.set(`${kind} ${key}`, value ?? '(removed)');
  }
  if (!isJsonObject(decision)) return facts;
  for (const [key, value] of Object.entries(decision)) {
    if (!SHOWN_OTHERWISE.has(key)) facts.set(`decision.${key}`, JSON.stringify(value));
  }
  return facts;
}

/** Parts of the decision that are fields of their own. */
const SHOWN_OTHERWISE: ReadonlySet<string> = new Set(['outcome', 'cache', 'id', 'would', 'added']);

/** What an API server tells, without what is other people's. */
function ownFacts(told: Facts, row: ReviewRow, { answer }: Answered, others: readonly ReviewRow[]): Facts {
  const own = new Map([...told].filter(([field]) => isOwn(field)));
  const known = new Set(others.flatMap(({ warnings }) => warnings));
  const warnings = row.warnings.filter((warning) => known.has(warning));
  if (warnings.length === 0) own.delete('warnings');
  else own.set('warnings', warnings.join('\n'));
  // A pod that is none of ours comes back without a decision, whoever is or is not asked about it.
  if (row.outcome === '' && row.allowed && others.every(({ outcome }) => outcome === 'Skipped'))
    own.set('outcome', 'Skipped');
  return own;

  function isOwn(field: string): boolean {
    const [kind, key = ''] = field.split(' ');
    if (kind !== 'annotation' && kind !== 'label') return true;
    const map = kind === 'annotation' ? 'annotations' : 'labels';
    if (kind === 'annotation' && (VENDOR_KEYS.has(key) || key === DECISION_KEY)) return true;
    const added = member(member(answer.decision, 'added'), map);
    return (isJsonObject(added) && Object.hasOwn(added, key)) || others.some((other) => Object.hasOwn(other[map], key));
  }
}

function isToldByApiServer(field: string, row: ReviewRow | undefined): boolean {
  if (field === 'allowed' || field === 'message' || field === 'warnings') return true;
  return field !== 'reason' && row?.allowed === true;
}

/** Comparisons side by side, what differs in detail, and a sentence that sums it up. */
export function formatComparisons(
  comparisons: readonly Comparison[],
  levels: readonly LevelName[],
  colour: boolean,
): string {
  const table = formatTable(
    ['NAMESPACE', 'NAME', ...levels.map((level) => level.toUpperCase()), 'SAME'],
    comparisons.map(({ namespace, name, equal, answers }): (Cell | string)[] => [
      namespace,
      name,
      ...levels.map((level) => answerText(answers[level])),
      equal ? { text: 'yes', style: 'green' } : { text: 'no', style: 'red' },
    ]),
    colour,
  );
  const different = comparisons.filter(({ equal }) => !equal);
  const details = different.map(
    (comparison) =>
      `\n${paint(`${comparison.namespace}/${comparison.name}`, 'bold', colour)}\n${differenceTable(comparison, levels, colour)}`,
  );
  return `${table}${details.join('')}\n${conclusion(comparisons.length, different.length, levels)}\n`;
}

function answerText(row: ReviewRow | undefined): string {
  if (row === undefined) return '-';
  return row.cache === undefined ? outcomeText(row) : `${outcomeText(row)} ${row.cache}`;
}

function differenceTable({ differences }: Comparison, levels: readonly LevelName[], colour: boolean): string {
  const rows = differences.flatMap(({ field, values }): (Cell | string)[][] =>
    levels.map((level, i) => [
      { text: i === 0 ? field : '' },
      level,
      level in values ? valueCell(values[level] ?? null) : { text: '(cannot tell)', style: 'dim' },
    ]),
  );
  return formatTable(['FIELD', 'LEVEL', 'SAYS'], rows, colour);
}

function valueCell(value: string | null): Cell {
  return value === null ? { text: '(absent)', style: 'dim' } : { text: value.replaceAll('\n', ' | ') };
}

function conclusion(total: number, different: number, levels: readonly LevelName[]): string {
  const pods = `${total} pod${total === 1 ? '' : 's'}`;
  const who = `${levels.slice(0, -1).join(', ')} and ${levels.at(-1)}`;
  return different === 0 ? `${who} say the same of ${pods}` : `${who} differ in ${different} of ${pods}`;
}
