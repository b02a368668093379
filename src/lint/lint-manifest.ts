import { isJsonObject, member } from '../wire/json.ts';
import { formatPath } from '../wire/manifest-error.ts';
import type { FindingReport } from './finding-report.ts';
import type { Subject } from './subject.ts';
import { placeIn, valueAt } from './subject.ts';

/** Checks what every object must have to be one, and that its texts are texts. */
export function lintManifest(subject: Subject, report: FindingReport): void {
  lintIdentity(subject, report);
  for (const path of textMapsOf(subject)) lintTextMap(subject, path, report);
}

/** API groups whose objects have no cluster to be in: settings of tools, whose names are no names of objects. */
const TOOL_GROUPS = /^(?:kustomize\.config\.k8s\.io|config\.kubernetes\.io|kpt\.dev|imc-webhook)\//;

/** Reports objects that are defined again: whichever is applied last counts. */
export function lintDuplicates(subjects: readonly Subject[], report: FindingReport): void {
  const first = new Map<string, Subject>();
  for (const subject of subjects) {
    const { apiVersion, kind, namespace, value } = subject;
    const name = member(member(value, 'metadata'), 'name');
    if (kind === '' || kind === 'AdmissionReview' || typeof name !== 'string' || TOOL_GROUPS.test(apiVersion)) continue;
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
    const key = [group, kind, namespace, name].join('\n');
    const other = first.get(key);
    if (other === undefined) {
      first.set(key, subject);
      continue;
    }
    const { file, line } = placeIn(other, ['metadata', 'name']);
    const message = `${subject.title} is defined in ${file}${line === undefined ? '' : `:${line}`} already`;
    report.add('IMC003', placeIn(subject, ['metadata', 'name']), message);
  }
}

function lintIdentity(subject: Subject, report: FindingReport): void {
  const { value, kind, apiVersion, name, podPath } = subject;
  // Settings of tools, values of charts and the like are no objects.
  const looksLikeObject = ['apiVersion', 'kind', 'metadata', 'spec'].some((key) => Object.hasOwn(value, key));
  if (!looksLikeObject) return;
  const missing = Object.entries({ apiVersion, kind }).flatMap(([key, text]) => (text === '' ? [key] : []));
  if (missing.length > 0) {
    const place = placeIn(subject, missing.slice(0, 1));
    report.add('IMC002', place, `the object has no ${missing.join(' and no ')}`, `add ${missing.join(' and ')}`);
  }
  const needsName = podPath !== undefined || kind === 'ImageCache' || kind === 'Namespace';
  if (needsName && name === '' && kind !== 'AdmissionReview') {
    const message = `the ${kind || 'object'} has no name`;
    report.add('IMC002', placeIn(subject, ['metadata', 'name']), message, 'add metadata.name');
  }
}

/** The maps of keys to texts, wherever objects of this kind have some. */
function textMapsOf({ kind, podPath }: Subject): readonly (readonly string[])[] {
  const paths: string[][] = [];
  const pod = podPath ?? [];
  if (pod.length > 0 && kind !== 'AdmissionReview') paths.push(...labelsAndAnnotations([]));
  paths.push(...labelsAndAnnotations(pod));
  if (podPath !== undefined) paths.push([...pod, 'spec', 'nodeSelector']);
  if (kind === 'CronJob') paths.push(...labelsAndAnnotations(['spec', 'jobTemplate']));
  if (kind === 'ConfigMap') paths.push(['data']);
  return paths;
}

function labelsAndAnnotations(path: readonly string[]): string[][] {
  return ['labels', 'annotations'].map((map) => [...path, 'metadata', map]);
}

/** The words for the values of a map. */
const NOUNS: Readonly<Record<string, string>> = { labels: 'the label', annotations: 'the annotation' };

function lintTextMap(subject: Subject, path: readonly string[], report: FindingReport): void {
  const map = valueAt(subject, path);
  if (map === undefined || map === null) return;
  if (!isJsonObject(map)) {
    const message = `${formatPath(path)} is no mapping of keys to texts`;
    report.add('IMC002', placeIn(subject, path), message, 'write each as key: "text"');
    return;
  }
  for (const [key, value] of Object.entries(map)) {
    if (typeof value === 'string') continue;
    const noun = NOUNS[path.at(-1) ?? ''] ?? `in ${formatPath(path)} the value of`;
    const message = `${noun} ${key} is ${describe(value)}, not a text`;
    const isScalar = typeof value === 'boolean' || typeof value === 'number';
    // A number is not repeated: 1.10 would come out as 1.1.
    const quoted = typeof value === 'boolean' ? `: "${value}"` : '';
    const remedy = isScalar ? `put it in quotes${quoted}` : 'write a text';
    report.add('IMC004', placeIn(subject, [...path, key]), message, remedy);
  }
}

function describe(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : `a ${typeof value}`;
}
