import { isAnnotationKey, isLabelKey, isLabelValue } from '../core/qualified-name.ts';
import type { DecisionSettings } from '../core/settings.ts';
import { parseTimestamp, toEpochMs } from '../core/timestamp.ts';
import type { Origin } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import type { Issue } from './case-issues.ts';
import { issuesOf } from './case-issues.ts';
import type { CaseProblem } from './case-problem.ts';
import { problemAt } from './case-problem.ts';
import type { CaseDefinition, CaseDocument, Expectation } from './case-schema.ts';
import { CASE_API_VERSION, CASE_FILE_SCHEMA, CASE_KIND } from './case-schema.ts';
import { readCaseSettings } from './case-settings.ts';

/** The cases of one document, ready to run. */
export interface CaseSuite {
  readonly name: string;
  readonly origin: Origin;
  /** Which of the documents of its file, from 0. */
  readonly document: number;
  readonly resources: NonNullable<CaseDocument['resources']>;
  readonly settings: DecisionSettings;
  /** The settings file that `config` names. */
  readonly settingsFile: string | undefined;
  /** Milliseconds since the epoch; undefined where the document names no time. */
  readonly nowMs: number | undefined;
  readonly cases: readonly CaseDefinition[];
}

/** What a case file holds. */
export interface CaseFile {
  readonly suites: readonly CaseSuite[];
  /** Everything that is wrong; a document with a problem is not among the suites. */
  readonly problems: readonly CaseProblem[];
}

/** How cases are read. */
export interface CaseReading {
  /** A case may expect nothing: its expectations are about to be written. */
  readonly mayExpectNothing: boolean;
}

/**
 * Reads the documents of a case file (spec section 8). Strict: an unknown key, a case that expects nothing, two cases of
 * one name, or expectations that cannot hold together are problems.
 *
 * @param file - as the user named it.
 */
export function readCaseFile(
  file: string,
  objects: readonly ManifestObject[],
  reading: CaseReading = { mayExpectNothing: false },
): CaseFile {
  const suites: CaseSuite[] = [];
  const problems: CaseProblem[] = [];
  if (objects.length === 0) problems.push({ file, field: '', problem: NO_CASES });
  for (const [document, { value, origin }] of objects.entries()) {
    const { suite, issues } = readDocument(value, origin, document, reading);
    const found = issues.map(({ path, problem }) => problemAt(origin, path, problem));
    problems.push(...found.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)));
    if (suite === undefined) continue;
    if (suites.some(({ name }) => name === suite.name)) {
      const problem = 'another document of this file has the same name; choose another for one of them';
      problems.push(problemAt(origin, ['metadata', 'name'], problem));
    } else {
      suites.push(suite);
    }
  }
  return { suites, problems };
}

const NO_CASES =
  `there is no case in this file; expected apiVersion: ${CASE_API_VERSION}, kind: ${CASE_KIND}, ` +
  'metadata.name and a list of cases';

function readDocument(
  value: unknown,
  origin: Origin,
  document: number,
  reading: CaseReading,
): { readonly suite?: CaseSuite; readonly issues: readonly Issue[] } {
  const parsed = CASE_FILE_SCHEMA.safeParse(value);
  const hidden = hiddenKeys(value, []);
  if (!parsed.success || hidden.length > 0) {
    const issues = [...(parsed.error === undefined ? [] : issuesOf(value, parsed.error)), ...hidden];
    const ofKind = issues.filter(({ path }) => path[0] === 'apiVersion' || path[0] === 'kind');
    return { issues: ofKind.length > 0 ? ofKind : issues };
  }
  const { metadata, resources = [], config, now, cases } = parsed.data;
  const issues: Issue[] = [...caseIssues(cases, reading)];
  const time = now === undefined ? undefined : parseTimestamp(now);
  if (now !== undefined && time === undefined) {
    issues.push({ path: ['now'], problem: 'expected an RFC 3339 time such as 2026-01-01T00:00:00Z' });
  }
  const settings = readCaseSettings(config, origin.file);
  if ('issues' in settings) return { issues: [...settings.issues, ...issues] };
  if (issues.length > 0) return { issues };
  const suite: CaseSuite = {
    name: metadata.name,
    origin,
    document,
    resources,
    settings: settings.settings,
    settingsFile: settings.file,
    nowMs: time === undefined ? undefined : toEpochMs(time),
    cases,
  };
  return { suite, issues };
}

/** The key `__proto__`, which the schema passes over; pods and resources may have it, being data. */
function hiddenKeys(value: unknown, path: readonly (string | number)[]): Issue[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const next = [...path, Array.isArray(value) ? Number(key) : key];
    if (key === '__proto__') return [{ path: next, problem: 'no key can have this name; remove it' }];
    return key === 'pod' || key === 'resources' ? [] : hiddenKeys(inner, next);
  });
}

function* caseIssues(cases: readonly CaseDefinition[], reading: CaseReading): Generator<Issue> {
  const names = new Set<string>();
  for (const [i, { name, namespace, namespaceLabels, expect }] of cases.entries()) {
    const path = ['cases', i];
    if (names.has(name)) {
      yield { path: [...path, 'name'], problem: 'another case of this document has the same name; choose another' };
    }
    names.add(name);
    if (namespace !== undefined && !NAMESPACE_NAME.test(namespace)) {
      yield { path: [...path, 'namespace'], problem: 'no namespace can have this name: at most 63 of a-z, 0-9 and -' };
    }
    yield* labelIssues(namespaceLabels, [...path, 'namespaceLabels']);
    if (expectsNothing(expect)) {
      if (!reading.mayExpectNothing) yield { path: [...path, 'expect'], problem: EXPECTS_NOTHING };
    } else if (expect !== undefined) {
      for (const issue of expectationIssues(expect)) yield { ...issue, path: [...path, 'expect', ...issue.path] };
    }
  }
}

const EXPECTS_NOTHING =
  'the case expects nothing; name an outcome, or let imc test --update write down what comes of it today';

const NAMESPACE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Whether no answer could fail these expectations. An empty list says something for `missing`, `rules` and `warnings`,
 * nothing for `absent`; an empty mapping says nothing.
 */
export function expectsNothing(expect: Expectation | undefined): boolean {
  return Object.entries(expect ?? {}).every(([key, value]) => {
    if (key === 'exact') return value === false;
    if (key === 'absent') return Array.isArray(value) && value.length === 0;
    return key === 'annotations' || key === 'labels' ? Object.keys(value ?? {}).length === 0 : false;
  });
}

/** Expectations that mean nothing, or that no answer could meet at once. */
function* expectationIssues(expect: Expectation): Generator<Issue> {
  const { allowed, outcome, reason, message, annotations, labels, absent, warnings } = expect;
  yield* keyIssues(annotations, ['annotations'], isAnnotationKey);
  yield* labelIssues(labels, ['labels']);
  for (const [i, key] of (absent ?? []).entries()) {
    if (!isAnnotationKey(key)) yield { path: ['absent', i], problem: ILLEGAL_KEY };
    const map = (['annotations', 'labels'] as const).find((each) => Object.hasOwn(expect[each] ?? {}, key));
    if (map !== undefined) yield { path: ['absent', i], problem: `the same key is expected among ${map}; choose one` };
  }
  for (const [i, text] of (warnings ?? []).entries()) yield* patternIssues(text, ['warnings', i]);
  if (message !== undefined) yield* patternIssues(message, ['message']);

  if (message !== undefined && allowed !== false) {
    yield { path: ['message'], problem: 'only a refusal has a message; say allowed: false as well' };
  }
  if (allowed === false) {
    for (const key of ['annotations', 'labels', 'absent', 'missing'] as const) {
      if (expect[key] !== undefined) yield { path: [key], problem: 'a refused pod has none; remove it' };
    }
    if (expect.creates === true)
      yield { path: ['creates'], problem: 'nothing is created for a refused pod; remove it' };
    if (outcome !== undefined && outcome !== 'PinNotReady') {
      yield { path: ['outcome'], problem: `only PinNotReady can be refused, never ${outcome}` };
    }
  }
  if (reason !== undefined && outcome !== 'Skipped') {
    yield { path: ['reason'], problem: 'only the outcome Skipped has a reason; say outcome: Skipped as well' };
  }
  if (outcome === 'Skipped' || outcome === 'Error') {
    for (const key of ['cache', 'missing', 'rules'] as const) {
      if (expect[key] !== undefined) yield { path: [key], problem: `the outcome ${outcome} names none; remove it` };
    }
    if (expect.creates === true) yield { path: ['creates'], problem: `nothing is created with ${outcome}; remove it` };
  }
}

const ILLEGAL_KEY =
  'no annotation or label can have this key: expected [prefix/]name of letters, digits, "-", "_", "."';
const ILLEGAL_VALUE = 'no label can have this value: at most 63 letters, digits, "-", "_" and "."';

function* keyIssues(
  map: Readonly<Record<string, string>> | undefined,
  path: readonly (string | number)[],
  isLegal: (key: string) => boolean,
): Generator<Issue> {
  for (const key of Object.keys(map ?? {})) if (!isLegal(key)) yield { path: [...path, key], problem: ILLEGAL_KEY };
}

function* labelIssues(
  map: Readonly<Record<string, string>> | undefined,
  path: readonly (string | number)[],
): Generator<Issue> {
  yield* keyIssues(map, path, isLabelKey);
  for (const [key, value] of Object.entries(map ?? {})) {
    if (!isLabelValue(value)) yield { path: [...path, key], problem: ILLEGAL_VALUE };
  }
}

function* patternIssues(text: string, path: readonly (string | number)[]): Generator<Issue> {
  try {
    if (new RegExp(text, 'u').test('')) {
      yield { path, problem: 'this regular expression matches anything, even an empty text; say what must be there' };
    }
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^.*\/u: /s, '') : String(error);
    yield { path, problem: `not a regular expression: ${why}; put a \\ before signs that stand for themselves` };
  }
}
