import type { Operation } from 'fast-json-patch';
import jsonpatch from 'fast-json-patch';
import type { StringMap } from '../core/label-selector.ts';
import { ANNOTATIONS_LIMIT_BYTES, isAnnotationKey, isLabelKey, isLabelValue } from '../core/qualified-name.ts';
import { utf8Length } from '../core/utf8.ts';
import { isJsonObject, member } from '../wire/json.ts';

/** The two maps of a pod that we may touch. */
export interface PodMaps {
  readonly annotations: StringMap;
  readonly labels: StringMap;
}

/** A patch that must not be sent (spec A6): it would not apply, or would make the pod invalid. */
class UnsafePatchError extends Error {
  readonly code = 'ERR_PATCH_UNSAFE';

  constructor(problem: string) {
    super(problem);
    this.name = 'UnsafePatchError';
  }
}

/**
 * The JSON Patch that gives a pod these annotations and labels (spec A1). It touches nothing else and applies to the
 * object exactly as received, also when the maps or the metadata are absent or null. Empty when nothing changes.
 *
 * The patch has been applied to a copy and the result checked (spec A6); linear in the size of the two maps.
 *
 * @param object - the pod as received.
 * @throws UnsafePatchError when no safe patch exists.
 */
export function patchFor(object: unknown, wanted: PodMaps): readonly Operation[] {
  const metadata = member(object, 'metadata');
  if (metadata !== undefined && metadata !== null && !isJsonObject(metadata)) {
    throw new UnsafePatchError('metadata is not an object');
  }
  const annotations = member(metadata, 'annotations');
  const labels = member(metadata, 'labels');
  const patch = [
    ...changesOf('annotations', annotations, wanted.annotations),
    ...changesOf('labels', labels, wanted.labels),
  ];
  if (patch.length === 0) return patch;
  const whole = isJsonObject(metadata) ? patch : [addMetadata(wanted)];
  verify(whole, { annotations, labels }, wanted);
  return whole;
}

type MapName = 'annotations' | 'labels';

function changesOf(name: MapName, current: unknown, wanted: StringMap): Operation[] {
  if (current !== undefined && current !== null && !isJsonObject(current)) {
    throw new UnsafePatchError(`metadata.${name} is not an object`);
  }
  const path = `/metadata/${name}`;
  if (!isJsonObject(current)) return wanted.size === 0 ? [] : [{ op: 'add', path, value: Object.fromEntries(wanted) }];
  for (const value of Object.values(current)) {
    if (typeof value !== 'string') throw new UnsafePatchError(`metadata.${name} holds a value that is not a text`);
  }
  if (isSame(current, wanted)) return [];
  return jsonpatch
    .compare(current, Object.fromEntries(wanted))
    .map((operation) => ({ ...operation, path: `${path}${operation.path}` }));
}

/** A pod without metadata gets one. */
function addMetadata({ annotations, labels }: PodMaps): Operation {
  const value = {
    ...(annotations.size === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    ...(labels.size === 0 ? {} : { labels: Object.fromEntries(labels) }),
  };
  return { op: 'add', path: '/metadata', value };
}

/** A map of the pod to try the patch on; a Map, so that `__proto__` is a key like any other (spec A7). */
type Copy = Map<string, unknown> | undefined;

function copyOf(map: unknown): Copy {
  return isJsonObject(map) ? new Map(Object.entries(map)) : undefined;
}

/** Applies the patch to a copy of what it touches and checks the result (spec A6). */
function verify(patch: readonly Operation[], current: Readonly<Record<MapName, unknown>>, wanted: PodMaps): void {
  const copy = { annotations: copyOf(current.annotations), labels: copyOf(current.labels) };
  for (const operation of patch) applyTo(copy, operation);
  for (const name of ['annotations', 'labels'] as const) {
    if (!isSameMap(copy[name] ?? NOTHING, wanted[name])) {
      throw new UnsafePatchError(`the patch does not give metadata.${name} the decided value`);
    }
  }
  let bytes = 0;
  for (const [key, value] of wanted.annotations) {
    bytes += utf8Length(key) + utf8Length(value);
    if (member(current.annotations, key) === undefined && !isAnnotationKey(key)) {
      throw new UnsafePatchError(`${JSON.stringify(key)} is not a legal annotation key`);
    }
  }
  if (bytes > ANNOTATIONS_LIMIT_BYTES) {
    throw new UnsafePatchError(
      `the annotations would take ${bytes} bytes, more than the ${ANNOTATIONS_LIMIT_BYTES} allowed`,
    );
  }
  for (const [key, value] of wanted.labels) {
    if (member(current.labels, key) === value) continue;
    if (!isLabelKey(key)) throw new UnsafePatchError(`${JSON.stringify(key)} is not a legal label key`);
    if (!isLabelValue(value)) throw new UnsafePatchError(`label ${key}: ${JSON.stringify(value)} is not a legal value`);
  }
}

/** RFC 6902 for the few operations and paths that we may send; anything else must not leave the house. */
function applyTo(copy: Record<MapName, Copy>, operation: Operation): void {
  const { op, path } = operation;
  const value: unknown = op === 'add' || op === 'replace' ? operation.value : undefined;
  if (path === '/metadata' && op === 'add') {
    copy.annotations = copyOf(member(value, 'annotations'));
    copy.labels = copyOf(member(value, 'labels'));
    return;
  }
  const [root, parent, name = '', escaped, ...deeper] = path.split('/');
  if (root !== '' || parent !== 'metadata' || (name !== 'annotations' && name !== 'labels') || deeper.length > 0) {
    throw new UnsafePatchError(`the patch would touch ${path}`);
  }
  if (escaped === undefined) {
    if (op !== 'add') throw new UnsafePatchError(`${op} of ${path} is none of ours`);
    copy[name] = copyOf(value);
    return;
  }
  const map = copy[name];
  const key = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
  if (map === undefined) throw new UnsafePatchError(`there is no metadata.${name} to change`);
  if (op !== 'add' && !map.has(key)) throw new UnsafePatchError(`${op} of ${path}, which is not there`);
  if (op === 'remove') map.delete(key);
  else map.set(key, value);
}

const NOTHING: ReadonlyMap<string, unknown> = new Map();

function isSameMap(map: ReadonlyMap<string, unknown>, wanted: StringMap): boolean {
  if (map.size !== wanted.size) return false;
  for (const [key, value] of wanted) if (map.get(key) !== value) return false;
  return true;
}

function isSame(map: unknown, wanted: StringMap): boolean {
  if (!isJsonObject(map)) return false;
  const keys = Object.keys(map);
  return keys.length === wanted.size && keys.every((key) => map[key] === wanted.get(key));
}
