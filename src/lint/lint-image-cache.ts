import { hasMutableTag, isValidReference, parseImageReference } from '../core/image-reference.ts';
import { CACHE_ARCH_KEY, CACHE_OS_KEY, RECORDED_IMAGES_KEY } from '../core/keys.ts';
import type { DecisionSettings } from '../core/settings.ts';
import { isJsonObject, member, textMember } from '../wire/json.ts';
import { kindOf } from '../wire/kinds.ts';
import type { FindingReport } from './finding-report.ts';
import type { KnownCluster } from './known-cluster.ts';
import type { Subject } from './subject.ts';
import { placeIn, valueAt } from './subject.ts';

const SPEC_FIELDS = ['images', 'imagePullSecrets', 'imageCacheSize', 'retentionDays'];
const API_VERSION = 'eci.alibabacloud.com/v1';
const GIB = 2 ** 30;

/** What ECI accepts (spec section 8); the schema of the resource checks none of it. */
const IMAGES = { from: 1, to: 20 };
const DEFAULT_SIZE_GIB = 20;
const NUMBERS = {
  imageCacheSize: { from: 20, to: 32768, unit: 'GiB' },
  retentionDays: { from: 1, to: 65536, unit: 'days' },
} as const;

/** The legal values of the annotations that say what a cache is built for (spec C2). */
const PLATFORMS = { [CACHE_ARCH_KEY]: ['amd64', 'arm64'], [CACHE_OS_KEY]: ['linux', 'windows'] };

/** Checks one ImageCache by itself. */
export function lintImageCache(
  subject: Subject,
  cluster: KnownCluster,
  { mutableTags }: DecisionSettings,
  report: FindingReport,
): void {
  if (!isOurs(subject, report)) return;
  const spec = valueAt(subject, ['spec']);
  if (!isJsonObject(spec)) {
    const message = spec === undefined ? 'the ImageCache has no spec' : 'spec is no mapping';
    report.add('IMC201', placeIn(subject, ['spec']), message, 'add spec.images');
    return;
  }
  for (const field of Object.keys(spec)) {
    if (SPEC_FIELDS.includes(field)) continue;
    report.add('IMC202', placeIn(subject, ['spec', field], 'key'), `spec.${field} is no field of an ImageCache`);
  }
  lintImages(subject, spec['images'], mutableTags, report);
  lintPullSecrets(subject, spec['imagePullSecrets'], report);
  for (const [field, range] of Object.entries(NUMBERS)) lintNumber(subject, field, range, report);
  lintSize(subject, cluster, report);
  lintCacheAnnotations(subject, report);
  const refusal = cluster.refusals.get(subject);
  if (refusal === undefined || report.hasErrors(subject)) return;
  report.add(
    'IMC201',
    { file: subject.origin.file, ...refusal.position, subject },
    `${refusal.field}: ${refusal.problem}`,
  );
}

/** Other products have a kind of the same name; a wrong version of ours is a mistake. */
function isOurs(subject: Subject, report: FindingReport): boolean {
  const { kind, apiVersion, value } = subject;
  if (kind !== 'ImageCache' || apiVersion === '') return false;
  const isKnown = kindOf(value) === 'ImageCache';
  if (apiVersion !== API_VERSION && (isKnown || /ali(?:yun|baba)|\beci\b/.test(apiVersion))) {
    const message = `the ImageCache has apiVersion ${apiVersion}; ECI serves ${API_VERSION}`;
    report.add('IMC210', placeIn(subject, ['apiVersion']), message);
  }
  return isKnown;
}

function lintImages(subject: Subject, images: unknown, mutableTags: readonly string[], report: FindingReport): void {
  if (!Array.isArray(images)) {
    const message = images === undefined ? 'the ImageCache has no spec.images' : 'spec.images is no list';
    report.add('IMC201', placeIn(subject, ['spec', 'images']), message, 'write a list of image references');
    return;
  }
  if (images.length < IMAGES.from || images.length > IMAGES.to) {
    const message = `the ImageCache has ${images.length} images; ${IMAGES.from} to ${IMAGES.to} are allowed`;
    const remedy = images.length === 0 ? 'name the images to cache' : 'split them over several ImageCaches';
    report.add('IMC203', placeIn(subject, ['spec', 'images'], 'key'), message, remedy);
  }
  const first = new Map<string, string>();
  for (const [i, text] of images.entries()) {
    const place = placeIn(subject, ['spec', 'images', i]);
    if (typeof text !== 'string') {
      report.add('IMC201', place, `spec.images[${i}] is no text`, 'write an image reference');
      continue;
    }
    const reference = parseImageReference(text);
    if (!isValidReference(reference)) {
      report.add('IMC205', place, `${JSON.stringify(text)} is no image reference: ${reference.problem}`);
      continue;
    }
    const { key, tag } = reference;
    const other = first.get(key);
    if (other === undefined) first.set(key, text);
    else report.add('IMC207', place, `${text} is ${other === text ? 'listed above' : `the same image as ${other}`}`);
    if (hasMutableTag(reference, mutableTags)) {
      report.add('IMC206', place, `the tag ${tag} of ${text} moves, and the cache does not follow`);
    }
  }
}

function lintPullSecrets(subject: Subject, secrets: unknown, report: FindingReport): void {
  if (secrets === undefined || secrets === null) return;
  if (!Array.isArray(secrets)) {
    const place = placeIn(subject, ['spec', 'imagePullSecrets']);
    report.add('IMC201', place, 'spec.imagePullSecrets is no list', 'write a list of namespace:name');
    return;
  }
  for (const [i, secret] of secrets.entries()) {
    const place = placeIn(subject, ['spec', 'imagePullSecrets', i]);
    if (typeof secret !== 'string') {
      const remedy = 'write namespace:name as one text; {name: …} is the form of pods';
      report.add('IMC201', place, `spec.imagePullSecrets[${i}] is no text`, remedy);
    } else if (!PULL_SECRET.test(secret)) {
      report.add('IMC204', place, `the pull secret ${JSON.stringify(secret)} is not written as namespace:name`);
    }
  }
}

/** A namespace and the name of a Secret, both as Kubernetes names objects. */
const PULL_SECRET = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

function lintNumber(
  subject: Subject,
  field: string,
  { from, to, unit }: { readonly from: number; readonly to: number; readonly unit: string },
  report: FindingReport,
): void {
  const value = valueAt(subject, ['spec', field]);
  if (value === undefined || value === null) return;
  const place = placeIn(subject, ['spec', field]);
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    const hint = typeof value === 'string' && /^\d+$/.test(value) ? `write ${value} without quotes` : 'write one';
    report.add('IMC201', place, `spec.${field} is no whole number of ${unit}`, hint);
  } else if (value < from || value > to) {
    report.add(
      'IMC203',
      place,
      `spec.${field} is ${value} ${unit}; ${from} to ${to} are allowed`,
      `write ${from} to ${to}`,
    );
  }
}

/** Sizes are known where some cache has recorded them (spec C3); unknown ones count as nothing. */
function lintSize(subject: Subject, { caches, view }: KnownCluster, report: FindingReport): void {
  const cache = caches.get(subject);
  const size = valueAt(subject, ['spec', 'imageCacheSize']) ?? DEFAULT_SIZE_GIB;
  if (cache === undefined || typeof size !== 'number') return;
  const keys = new Set(cache.images.map(({ key }) => key));
  const bytes = [...keys].reduce((sum, key) => sum + view.imageCaches.sizeOf(key), 0);
  if (size * GIB >= 2 * bytes) return;
  const message = `its images take ${(bytes / GIB).toFixed(1)} GiB, and the cache has ${size} GiB, less than twice that`;
  const remedy = `set spec.imageCacheSize to ${Math.ceil((2 * bytes) / GIB)} or more`;
  report.add('IMC208', placeIn(subject, ['spec', 'imageCacheSize']), message, remedy);
}

function lintCacheAnnotations(subject: Subject, report: FindingReport): void {
  const annotations = valueAt(subject, ['metadata', 'annotations']);
  for (const [key, legal] of Object.entries(PLATFORMS)) {
    const value = member(annotations, key);
    if (typeof value !== 'string' || value === '' || legal.includes(value)) continue;
    const message = `${key} is ${JSON.stringify(value)}; there are ${legal.join(' and ')}`;
    report.add('IMC209', placeIn(subject, ['metadata', 'annotations', key]), message, `write ${legal.join(' or ')}`);
  }
  const recorded = textMember(annotations, RECORDED_IMAGES_KEY);
  if (recorded === '') return;
  const problem = recordedImagesProblem(recorded);
  if (problem === undefined) return;
  const place = placeIn(subject, ['metadata', 'annotations', RECORDED_IMAGES_KEY]);
  report.add('IMC211', place, `${RECORDED_IMAGES_KEY} ${problem}`);
}

function recordedImagesProblem(text: string): string | undefined {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return 'is no JSON';
  }
  if (!Array.isArray(list)) return 'is no JSON array';
  const bad = list.findIndex((item) => !isValidReference(parseImageReference(textMember(item, 'name'))));
  return bad === -1 ? undefined : `names no valid image in item ${bad + 1}`;
}
