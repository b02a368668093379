import type { ClusterView } from '../core/cluster-view.ts';
import { podImagesOf } from '../core/image-match.ts';
import { DECISION_KEY, LEGACY_PIN_KEY, PIN_KEY, VENDOR_KEYS } from '../core/keys.ts';
import { compareCodeUnits } from '../core/text-order.ts';
import { decodePod } from '../wire/pod.ts';
import type { Issue } from './case-issues.ts';
import { notAmong } from './case-issues.ts';
import type { Expectation } from './case-schema.ts';
import { imageKey } from './expectation.ts';

/**
 * Expectations that name what does not exist: an ImageCache, a rule, an image of the pod, or a key that nothing could
 * put on it. Such a case would pass, or fail, for a reason its author never thought of.
 *
 * @returns what is wrong, by path below `expect`.
 */
export function unrealExpectations(expect: Expectation, object: unknown, cluster: ClusterView): Issue[] {
  return [...unreal(expect, object, cluster)];
}

function* unreal(expect: Expectation, object: unknown, { imageCaches, profile }: ClusterView): Generator<Issue> {
  const pod = decodePod(object);
  const caches = [...imageCaches.all()];
  if (expect.cache !== undefined && !caches.some(({ name }) => name === expect.cache)) {
    const namesake = caches.find(({ id }) => id === expect.cache);
    const problem =
      namesake === undefined
        ? notAmong(expect.cache, names(caches), 'no ImageCache of the resources has this name', NO_CACHES)
        : `this is the id of an ImageCache; write its name, ${namesake.name}`;
    yield { path: ['cache'], problem };
  }
  const rules = profile.rules.map(({ name }) => name);
  for (const [i, rule] of (expect.rules ?? []).entries()) {
    if (rules.includes(rule)) continue;
    yield { path: ['rules', i], problem: notAmong(rule, rules, 'the eci-profile has no rule of this name', NO_RULES) };
  }
  const images = podImagesOf(pod);
  const keys = [...images.valid.map(({ key }) => key), ...images.invalid];
  for (const [i, image] of (expect.missing ?? []).entries()) {
    if (keys.includes(imageKey(image))) continue;
    yield { path: ['missing', i], problem: notAmong(image, keys, 'the pod has no such image', 'the pod has no image') };
  }
  const ruleValues = (key: string): readonly (string | undefined)[] =>
    profile.rules.map(({ effect }) => effect.annotations.get(key));
  for (const key of [PIN_KEY, LEGACY_PIN_KEY]) {
    const pin = Object.hasOwn(expect.annotations ?? {}, key) ? expect.annotations?.[key] : undefined;
    if (pin === undefined || [...ruleValues(key), pod.annotations.get(key)].includes(pin)) continue;
    const ids = caches.map(({ id }) => id).filter((id) => id !== '');
    if (ids.includes(pin)) continue;
    const namesake = caches.find(({ name }) => name === pin);
    const problem =
      namesake === undefined
        ? notAmong(pin, ids.toSorted(compareCodeUnits), 'no ImageCache of the resources has this id', NO_CACHES)
        : `this is the name of an ImageCache; write its id${namesake.id === '' ? ', but it has none yet' : `, ${namesake.id}`}`;
    yield { path: ['annotations', key], problem };
  }
  const possible = [
    ...VENDOR_KEYS,
    DECISION_KEY,
    ...profile.effectAnnotations,
    ...profile.effectLabels,
    ...pod.annotations.keys(),
    ...pod.labels.keys(),
  ];
  for (const [i, key] of (expect.absent ?? []).entries()) {
    if (possible.includes(key)) continue;
    const what = 'nothing could put this key on the pod: no rule sets it, the pod lacks it, and it is none of ours';
    yield { path: ['absent', i], problem: notAmong(key, [...new Set(possible)], what, what) };
  }
}

const NO_CACHES = 'there is no ImageCache among the resources; add it';
const NO_RULES = 'there is no rule among the resources; add the ConfigMap kube-system/eci-profile';

function names(caches: readonly { readonly name: string }[]): string[] {
  return caches.map(({ name }) => name).toSorted(compareCodeUnits);
}
