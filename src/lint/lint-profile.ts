import type { ProfileRule } from '../core/eci-profile.ts';
import type { LabelSelector } from '../core/label-selector.ts';
import { firstFailure, formatRequirement } from '../core/label-selector.ts';
import type { SelectorsProblem } from '../wire/eci-profile.ts';
import { readRules, selectorsOf } from '../wire/eci-profile.ts';
import { isJsonObject, listMember, member, textMap, textMember } from '../wire/json.ts';
import { ECI_PROFILE, kindOf } from '../wire/kinds.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import { SelectorsText } from '../wire/selectors-text.ts';
import type { FindingReport } from './finding-report.ts';
import type { FindingCode } from './findings.ts';
import type { KnownCluster } from './known-cluster.ts';
import { lintAnnotations } from './lint-annotations.ts';
import type { Unreachable } from './rule-reach.ts';
import { shadowersOf, unreachableBy } from './rule-reach.ts';
import type { Place, Subject } from './subject.ts';
import { placeIn } from './subject.ts';

type Path = readonly (string | number)[];

/** Checks the rules of an eci-profile (spec P1 to P6): all that is wrong, not only what comes first. */
export function lintProfile(subject: Subject, cluster: KnownCluster, report: FindingReport): void {
  if (kindOf(subject.value) !== 'EciProfile') {
    lintMisplaced(subject, report);
    return;
  }
  const text = selectorsText(subject, report);
  if (text === undefined) return;
  const place = (path: Path, at: 'key' | 'value'): Place => ({
    file: subject.origin.file,
    ...text.position(path, at),
    subject,
  });
  let json: unknown;
  try {
    json = text.parse();
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    report.add('IMC101', { file: subject.origin.file, ...error.position, subject }, error.problem);
    return;
  }
  const { problems, rules } = readRules(json);
  for (const { kind, path, at, problem } of problems) {
    report.add(CODES[kind], place(path, at), `${ruleName(json, path)}: ${problem}`);
  }
  lintUnknownFields(json, place, report);
  lintEffects(json, place, cluster, report);
  for (const [i, { index, rule }] of rules.entries()) {
    const earlier = rules.slice(0, i).map((each) => each.rule);
    lintRule(rule, earlier, (path, at) => place([index, ...path], at), cluster, report);
  }
}

/** Only the ConfigMap in kube-system is read. */
function lintMisplaced(subject: Subject, report: FindingReport): void {
  const { kind, apiVersion, name, namespace, value } = subject;
  if (kind !== 'ConfigMap' || apiVersion !== 'v1' || name !== ECI_PROFILE.name) return;
  if (member(member(value, 'data'), ECI_PROFILE.key) === undefined) return;
  const where = namespace === '' ? 'names no namespace' : `stands in ${namespace}`;
  const message = `this eci-profile ${where}; only the one in ${ECI_PROFILE.namespace} is read`;
  report.add('IMC112', placeIn(subject, ['metadata', namespace === '' ? 'name' : 'namespace']), message);
}

function selectorsText(subject: Subject, report: FindingReport): SelectorsText | undefined {
  const { value, origin } = subject;
  try {
    const selectors = selectorsOf(value, origin) ?? '';
    if (selectors.trim() === '') return undefined;
    return new SelectorsText(selectors, { origin, path: ['data', ECI_PROFILE.key] });
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    report.add('IMC102', placeIn(subject, ['data', ECI_PROFILE.key]), `data.${ECI_PROFILE.key}: ${error.problem}`);
    return undefined;
  }
}

const CODES: Readonly<Record<SelectorsProblem['kind'], FindingCode>> = {
  shape: 'IMC102',
  illegal: 'IMC103',
  duplicate: 'IMC104',
  forbidden: 'IMC105',
};

/** `rule "web", effect.labels.x`; rules without a name by their number. */
function ruleName(json: unknown, [index, ...path]: Path): string {
  if (index === undefined) return ECI_PROFILE.key;
  const name = textMember(Array.isArray(json) ? json[Number(index)] : undefined, 'name');
  const rule = name === '' ? `rule ${Number(index) + 1}` : `rule ${JSON.stringify(name)}`;
  return path.length === 0 ? rule : `${rule}, ${path.join('.')}`;
}

const RULE_FIELDS = ['name', 'namespaceSelector', 'objectSelector', 'effect'];
const SELECTOR_FIELDS = ['matchLabels', 'matchExpressions'];
const REQUIREMENT_FIELDS = ['key', 'operator', 'values'];
const EFFECT_FIELDS = ['annotations', 'labels'];

/** Unknown fields are ignored (spec P5); mostly they are misspelt. */
function lintUnknownFields(
  json: unknown,
  place: (path: Path, at: 'key' | 'value') => Place,
  report: FindingReport,
): void {
  const check = (value: unknown, known: readonly string[], path: Path): void => {
    for (const field of isJsonObject(value) ? Object.keys(value) : []) {
      if (known.includes(field)) continue;
      const message = `${ruleName(json, path)}: the field ${field} is not known and ignored`;
      const remedy = `remove it, or use one of ${known.join(', ')}`;
      report.add('IMC107', place([...path, field], 'key'), message, remedy);
    }
  };
  for (const [i, rule] of (Array.isArray(json) ? json : []).entries()) {
    check(rule, RULE_FIELDS, [i]);
    check(member(rule, 'effect'), EFFECT_FIELDS, [i, 'effect']);
    for (const name of ['namespaceSelector', 'objectSelector']) {
      const selector = member(rule, name);
      check(selector, SELECTOR_FIELDS, [i, name]);
      for (const [j, requirement] of listMember(selector, 'matchExpressions').entries()) {
        check(requirement, REQUIREMENT_FIELDS, [i, name, 'matchExpressions', j]);
      }
    }
  }
}

/** The annotations that rules add, also those of rules with something else wrong. */
function lintEffects(
  json: unknown,
  place: (path: Path, at: 'key' | 'value') => Place,
  cluster: KnownCluster,
  report: FindingReport,
): void {
  for (const [i, rule] of (Array.isArray(json) ? json : []).entries()) {
    const holder = {
      annotations: textMap(member(member(rule, 'effect'), 'annotations')),
      who: ruleName(json, [i]),
      place: (key: string, at: 'key' | 'value') => place([i, 'effect', 'annotations', key], at),
    };
    lintAnnotations(holder, cluster, report);
  }
}

function lintRule(
  rule: ProfileRule,
  earlier: readonly ProfileRule[],
  place: (path: Path, at: 'key' | 'value') => Place,
  cluster: KnownCluster,
  report: FindingReport,
): void {
  const { effect, namespaceSelector, objectSelector } = rule;
  const who = `rule ${JSON.stringify(rule.name)}`;
  if (effect.annotations.size === 0 && effect.labels.size === 0) {
    report.add('IMC106', place(['effect'], 'key'), `${who} adds no annotation and no label`);
  }
  if (namespaceSelector === undefined && objectSelector === undefined) {
    report.add('IMC108', place([], 'value'), `${who} has no selector, so it applies to every pod that is handled`);
  }
  const unreachable = unreachableBy(rule);
  if (unreachable !== undefined) {
    report.add(
      'IMC109',
      place([unreachable.selector], 'key'),
      `${who} can never match: ${unreachableText(unreachable)}`,
    );
    return;
  }
  const shadowers = shadowersOf(rule, earlier);
  if (shadowers.length > 0) {
    const names = shadowers.map(({ name }) => JSON.stringify(name)).join(' and ');
    const message = `${who} adds nothing: whenever it matches, so does ${names}, before it and with the same keys`;
    report.add('IMC110', place(['effect'], 'key'), message);
  }
  if (namespaceSelector !== undefined && matchesNone(namespaceSelector, cluster)) {
    const wanted = namespaceSelector.requirements.map(formatRequirement).join(', ');
    const message = `${who} matches none of the Namespaces given: none has ${wanted}`;
    report.add('IMC111', place(['namespaceSelector'], 'key'), message);
  }
}

function unreachableText({ requirements, selector, leftAlone }: Unreachable): string {
  const wanted = requirements.map(formatRequirement).join(', ');
  const whose = selector === 'namespaceSelector' ? 'namespaces' : 'pods';
  return leftAlone
    ? `its ${selector} asks for ${wanted}, and such ${whose} are left alone`
    : `its ${selector} asks for ${wanted} at once`;
}

function matchesNone(selector: LabelSelector, { view }: KnownCluster): boolean {
  if (view.namespaces.size === 0) return false;
  for (const labels of view.namespaces.values()) if (firstFailure(selector, labels) === undefined) return false;
  return true;
}
