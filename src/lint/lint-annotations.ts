import { AUTO_KEY, COUNT_KEY, LEGACY_AUTO_KEY, LEGACY_PIN_KEY, PERFECT_KEY, PIN_KEY } from '../core/keys.ts';
import type { StringMap } from '../core/label-selector.ts';
import type { Wishes } from '../core/pod-annotations.ts';
import { readWishes } from '../core/pod-annotations.ts';
import { stateOf } from '../core/warnings.ts';
import type { FindingReport } from './finding-report.ts';
import type { KnownCluster } from './known-cluster.ts';
import type { Place } from './subject.ts';

/** Annotations of a pod, or those that a rule adds to pods. */
export interface AnnotationHolder {
  readonly annotations: StringMap;
  /** How messages name the holder: `the pod`, `rule "web"`. */
  readonly who: string;
  readonly place: (key: string, at: 'key' | 'value') => Place;
}

const MODERN_KEYS: ReadonlyMap<string, string> = new Map([
  [LEGACY_AUTO_KEY, AUTO_KEY],
  [LEGACY_PIN_KEY, PIN_KEY],
]);

/** Checks the vendor's annotations (spec section 1, M1, M5, M6, M10). */
export function lintAnnotations(holder: AnnotationHolder, cluster: KnownCluster, report: FindingReport): void {
  const { annotations, place } = holder;
  const wishes = readWishes(annotations);
  for (const { key, value, expected } of wishes.illegal) {
    const message = `${key} is ${JSON.stringify(value)}, which counts as absent; expected ${expected}`;
    report.add('IMC302', place(key, 'value'), message, `write ${expected}`);
  }
  for (const key of [PIN_KEY, LEGACY_PIN_KEY]) {
    if (annotations.get(key) !== '') continue;
    const remedy = 'write the id of an ImageCache, or remove the key';
    report.add('IMC302', place(key, 'value'), `${key} is empty, and an empty pin is no pin`, remedy);
  }
  for (const [legacy, modern] of MODERN_KEYS) {
    if (!annotations.has(legacy)) continue;
    const overruled = annotations.has(modern) && annotations.get(modern) !== '';
    const message = overruled
      ? `${legacy} is ignored beside ${modern}, which replaced it`
      : `${legacy} has been replaced by ${modern}`;
    report.add('IMC303', place(legacy, 'key'), message, overruled ? 'remove it' : `rename it to ${modern}`);
  }
  if (wishes.pin !== undefined) lintPin(wishes.pin, holder, cluster, report);
  lintCombination(wishes, holder, report);
}

/** Checks what a pin stands for (spec M1). Without any ImageCache at hand nothing can be said. */
function lintPin(
  { id, key }: NonNullable<Wishes['pin']>,
  { who, place }: AnnotationHolder,
  { view, nowMs }: KnownCluster,
  report: FindingReport,
): void {
  const { imageCaches } = view;
  if (imageCaches.size === 0) return;
  const pinned = imageCaches.pinned(id, nowMs);
  if (pinned?.working === true) return;
  if (pinned !== undefined) {
    const { cache } = pinned;
    const message = `${who} pins ${id}, the ImageCache ${cache.name}, which is ${stateOf(cache, cache.phase === 'Ready')}`;
    report.add('IMC306', place(key, 'value'), message);
    return;
  }
  const namesake = imageCaches.get(id);
  if (namesake === undefined) {
    report.add(
      'IMC305',
      place(key, 'value'),
      `${who} pins ${JSON.stringify(id)}, which no ImageCache given has as its id`,
    );
    return;
  }
  const remedy = namesake.id === '' ? 'wait until it has an id, and write that' : `write ${namesake.id}`;
  report.add('IMC304', place(key, 'value'), `${who} pins the ImageCache ${id} by its name, not by its id`, remedy);
}

/** Checks keys that stand in each other's way (spec M1, M2, M5). */
function lintCombination(wishes: Wishes, { annotations, who, place }: AnnotationHolder, report: FindingReport): void {
  const isIllegal = (key: string): boolean => wishes.illegal.some((illegal) => illegal.key === key);
  if (wishes.pin !== undefined) {
    for (const key of [AUTO_KEY, LEGACY_AUTO_KEY]) {
      if (!annotations.has(key) || isIllegal(key)) continue;
      report.add('IMC307', place(key, 'key'), `${who} has a pin, which beats ${key}`, `remove ${key}, or the pin`);
    }
  }
  if (wishes.pin !== undefined || !wishes.auto) {
    const because = wishes.pin === undefined ? 'automatic mode is off' : `${who} has a pin`;
    for (const key of wishes.restrictions)
      report.add('IMC308', place(key, 'key'), `${key} is ignored, since ${because}`);
  } else if (wishes.perfectMatch && wishes.matchCount !== undefined) {
    const message = `${COUNT_KEY} asks for nothing more beside ${PERFECT_KEY}`;
    report.add('IMC309', place(COUNT_KEY, 'key'), message, 'remove one of the two');
  }
}
