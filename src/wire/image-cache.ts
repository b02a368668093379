import type { ImageCache, OwnMarks, RecordedImage } from '../core/image-cache.ts';
import type { ImageReference } from '../core/image-reference.ts';
import { isValidReference, parseImageReference } from '../core/image-reference.ts';
import {
  AUTO_CREATED_KEY,
  CACHE_ARCH_KEY,
  CACHE_OS_KEY,
  LAST_MATCHED_KEY,
  PRIVATE_NAMESPACE_KEY,
  RECORDED_IMAGES_KEY,
  RETIRING_KEY,
  RETIRING_SINCE_KEY,
} from '../core/keys.ts';
import type { StringMap } from '../core/label-selector.ts';
import type { Platform } from '../core/platform.ts';
import { DEFAULT_PLATFORM } from '../core/platform.ts';
import { RecentMap } from '../core/recent-map.ts';
import type { Timestamp } from '../core/timestamp.ts';
import { parseTimestamp, toEpochMs } from '../core/timestamp.ts';
import type { JsonObject } from './json.ts';
import { member, textMember } from './json.ts';
import type { Origin } from './manifest-error.ts';
import { ManifestError } from './manifest-error.ts';
import { decodeTextMap } from './metadata.ts';

/**
 * An ImageCache object reduced to what the matcher needs (spec section 4). Strict about what an API server would refuse
 * (name, labels, annotations, the list of images), tolerant of the status, which other programs write.
 *
 * @throws ManifestError naming the field.
 */
export function decodeImageCache(value: JsonObject, origin?: Origin): ImageCache {
  const metadata = member(value, 'metadata');
  const name = textMember(metadata, 'name');
  if (name === '') throw ManifestError.at(origin, ['metadata', 'name'], 'an ImageCache needs a name');
  const labels = decodeTextMap(member(metadata, 'labels'), ['metadata', 'labels'], origin);
  const annotations = decodeTextMap(member(metadata, 'annotations'), ['metadata', 'annotations'], origin);
  const { images, invalidImages } = decodeImages(member(value, 'spec'), origin);
  const disk = member(member(value, 'spec'), 'imageCacheSize');
  const status = member(value, 'status');
  const expiry = timestampMember(status, 'expireDateTime');
  return {
    name,
    id: textMember(status, 'imageCacheId'),
    phase: shared(textMember(status, 'phase')),
    progress: shared(textMember(status, 'progress')),
    images,
    invalidImages,
    statusImages: decodeRecordedImages(member(status, 'images')),
    annotationImages: decodeRecordedImages(parseJson(annotations.get(RECORDED_IMAGES_KEY))),
    platform: platformOf(annotations),
    diskGib: typeof disk === 'number' ? disk : undefined,
    privateTo: labels.get(PRIVATE_NAMESPACE_KEY),
    retiring: labels.has(RETIRING_KEY),
    ours: labels.get(AUTO_CREATED_KEY) === 'true' ? ownMarksOf(annotations) : undefined,
    deleting: isSet(member(metadata, 'deletionTimestamp')),
    createdAt: timestampMember(metadata, 'creationTimestamp'),
    expiresAtMs: expiry === undefined ? Infinity : toEpochMs(expiry),
  };
}

function ownMarksOf(annotations: StringMap): OwnMarks {
  const timeOf = (key: string): number | undefined => {
    const time = parseTimestamp(annotations.get(key) ?? '');
    return time === undefined ? undefined : toEpochMs(time);
  };
  return { lastMatchedAtMs: timeOf(LAST_MATCHED_KEY), retiringSinceMs: timeOf(RETIRING_SINCE_KEY) };
}

function platformOf(annotations: StringMap): Platform {
  const architecture = annotations.get(CACHE_ARCH_KEY) || DEFAULT_PLATFORM.architecture;
  const os = annotations.get(CACHE_OS_KEY) || DEFAULT_PLATFORM.os;
  const isDefault = architecture === DEFAULT_PLATFORM.architecture && os === DEFAULT_PLATFORM.os;
  return isDefault ? DEFAULT_PLATFORM : { architecture: shared(architecture), os: shared(os) };
}

function decodeImages(
  spec: unknown,
  origin: Origin | undefined,
): { images: readonly ImageReference[]; invalidImages: readonly string[] } {
  const list = member(spec, 'images');
  if (list !== undefined && list !== null && !Array.isArray(list)) {
    throw ManifestError.at(origin, ['spec', 'images'], 'expected a list of image references');
  }
  const images = new Map<string, ImageReference>();
  const invalidImages: string[] = [];
  for (const [i, text] of (list ?? []).entries()) {
    if (typeof text !== 'string') throw ManifestError.at(origin, ['spec', 'images', i], 'expected an image reference');
    const parsed = parseImageReference(text);
    if (!isValidReference(parsed)) invalidImages.push(text);
    // Two references with one digest can differ in their tags.
    else images.set(`${parsed.key} ${parsed.tag ?? ''}`, parsed);
  }
  return {
    images: fitted([...images.values()]),
    invalidImages: invalidImages.length === 0 ? NOTHING_INVALID : invalidImages,
  };
}

/** Records that name no valid reference say nothing; other parts may be missing (spec C3, I3). */
function decodeRecordedImages(list: unknown): readonly RecordedImage[] {
  if (!Array.isArray(list)) return NOTHING_RECORDED;
  const recorded = list.flatMap((item): RecordedImage[] => {
    const reference = parseImageReference(textMember(item, 'name'));
    if (!isValidReference(reference)) return [];
    const digest = textMember(item, 'digest');
    const digestKey = DIGEST.test(digest) ? shared([reference.repository, digest].join('@')) : undefined;
    const size = member(item, 'sizeBytes');
    const sizeBytes = typeof size === 'number' && Number.isFinite(size) && size > 0 ? size : undefined;
    return [sharedRecord({ reference, digestKey, sizeBytes })];
  });
  return recorded.length === 0 ? NOTHING_RECORDED : fitted(recorded);
}

/** A copy without the spare room that a list keeps which grew item by item. */
function fitted<Item>(list: readonly Item[]): readonly Item[] {
  return list.slice();
}

const NOTHING_INVALID: readonly string[] = [];
const NOTHING_RECORDED: readonly RecordedImage[] = [];

/** Thousands of caches repeat the same few texts; one copy of each is enough. */
function shared(text: string): string {
  const known = sharedTexts.get(text);
  if (known !== undefined) return known;
  sharedTexts.set(text, text);
  return text;
}

const sharedTexts = new RecentMap<string, string>(2048);

/** Caches that hold the same image mostly record the same of it. */
function sharedRecord(record: RecordedImage): RecordedImage {
  const { reference, digestKey, sizeBytes } = record;
  const known = sharedRecords.get(reference);
  if (known !== undefined && known.digestKey === digestKey && known.sizeBytes === sizeBytes) return known;
  sharedRecords.set(reference, record);
  return record;
}

const sharedRecords = new RecentMap<ImageReference, RecordedImage>(2048);
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An object being deleted has the member, whatever stands in it. */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function timestampMember(value: unknown, key: string): Timestamp | undefined {
  return parseTimestamp(textMember(value, key));
}
