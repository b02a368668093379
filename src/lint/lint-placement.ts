import { ECI_LABEL, ENABLED_KEY, IGNORE_KEY, VENDOR_KEYS } from '../core/keys.ts';
import type { StringMap } from '../core/label-selector.ts';
import { textMap } from '../wire/json.ts';
import { formatPath } from '../wire/manifest-error.ts';
import type { FindingReport } from './finding-report.ts';
import type { Subject } from './subject.ts';
import { placeIn, valueAt } from './subject.ts';

/** Checks that the keys of section 1 stand where they are read: mostly on the pod, and as annotations. */
export function lintPlacement(subject: Subject, report: FindingReport): void {
  const { kind, podPath } = subject;
  if (podPath !== undefined) lintLabelsOfPod(subject, podPath, report);
  for (const path of metadataBesideThePod(subject)) lintBesideThePod(subject, path, report);
  if (kind === 'Namespace') lintNamespace(subject, report);
}

/** Where metadata stands that is not the pod's. */
function metadataBesideThePod({ kind, podPath }: Subject): readonly (readonly string[])[] {
  const paths: string[][] = [];
  if (podPath?.length !== 0 && kind !== 'AdmissionReview') paths.push([]);
  if (kind === 'CronJob') paths.push(['spec', 'jobTemplate']);
  return paths;
}

/** On a pod the vendor's keys are annotations, and `alibabacloud.com/eci` is a label. */
function lintLabelsOfPod(subject: Subject, podPath: readonly string[], report: FindingReport): void {
  const labels = mapAt(subject, [...podPath, 'metadata', 'labels']);
  const annotations = mapAt(subject, [...podPath, 'metadata', 'annotations']);
  for (const key of labels.keys()) {
    if (!VENDOR_KEYS.has(key) || annotations.has(key)) continue;
    const place = placeIn(subject, [...podPath, 'metadata', 'labels', key], 'key');
    const remedy = `move it to ${formatPath([...podPath, 'metadata', 'annotations'])}`;
    report.add('IMC301', place, `${key} is a label here; it counts only as an annotation`, remedy);
  }
  if (!annotations.has(ECI_LABEL) || labels.has(ECI_LABEL)) return;
  const place = placeIn(subject, [...podPath, 'metadata', 'annotations', ECI_LABEL], 'key');
  const remedy = `move it to ${formatPath([...podPath, 'metadata', 'labels'])}`;
  report.add('IMC301', place, `${ECI_LABEL} is an annotation here; it counts only as a label`, remedy);
}

/** What stands on a workload, or on any other object, does not reach the pods. */
function lintBesideThePod(subject: Subject, path: readonly string[], report: FindingReport): void {
  const { kind, podPath } = subject;
  const where = path.length === 0 ? withArticle(kind || 'object') : 'the Job template of a CronJob';
  for (const map of ['annotations', 'labels'] as const) {
    for (const key of mapAt(subject, [...path, 'metadata', map]).keys()) {
      const isVendorKey = VENDOR_KEYS.has(key);
      const isMissed = podPath !== undefined && (key === IGNORE_KEY || (key === ECI_LABEL && map === 'labels'));
      if (!isVendorKey && !isMissed) continue;
      const wanted = isVendorKey ? 'annotations' : map;
      // Who has it in the right place as well is not misled.
      if (podPath !== undefined && mapAt(subject, [...podPath, 'metadata', wanted]).has(key)) continue;
      const place = placeIn(subject, [...path, 'metadata', map, key], 'key');
      const target =
        podPath === undefined ? `the ${wanted} of a pod or pod template` : formatPath([...podPath, 'metadata', wanted]);
      report.add('IMC301', place, `${key} does nothing on ${where}; pods do not inherit it`, `move it to ${target}`);
    }
  }
}

/** On a Namespace our keys, and the one that sends its pods to ECI, are labels. */
function lintNamespace(subject: Subject, report: FindingReport): void {
  const labels = mapAt(subject, ['metadata', 'labels']);
  for (const key of mapAt(subject, ['metadata', 'annotations']).keys()) {
    if ((key !== ECI_LABEL && key !== ENABLED_KEY && key !== IGNORE_KEY) || labels.has(key)) continue;
    const place = placeIn(subject, ['metadata', 'annotations', key], 'key');
    report.add(
      'IMC301',
      place,
      `${key} is an annotation here; on a Namespace it counts only as a label`,
      'move it to metadata.labels',
    );
  }
  lintMarks(subject, ['metadata', 'labels'], [ECI_LABEL, ENABLED_KEY, IGNORE_KEY], report);
}

/** Marks count only with the value `true`; `false` is a clear way to say no. */
export function lintMarks(
  subject: Subject,
  path: readonly string[],
  keys: readonly string[],
  report: FindingReport,
): void {
  const map = mapAt(subject, path);
  for (const key of keys) {
    const value = map.get(key);
    if (value === undefined || value === 'true' || value === 'false') continue;
    const message = `${key} is ${JSON.stringify(value)}, which counts as absent; expected "true"`;
    report.add('IMC302', placeIn(subject, [...path, key]), message, 'write "true", or remove it');
  }
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`;
}

function mapAt(subject: Subject, path: readonly string[]): StringMap {
  return textMap(valueAt(subject, path));
}
