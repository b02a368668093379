import type { JsonObject } from '../../src/wire/json.ts';
import { isJsonObject } from '../../src/wire/json.ts';
import { copyOf } from './json-edit.ts';

/** One operation of a JSON Patch, as far as ours use them. */
export interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/**
 * Applies a JSON Patch to a copy by the letter of RFC 6902, and without the library that made it: the parent of every
 * target is an object, what is replaced or removed exists. Throws otherwise.
 */
export function applyPatch(object: unknown, patch: readonly PatchOperation[]): unknown {
  return patch.reduce(applyOperation, copyOf(object));
}

function applyOperation(document: unknown, { op, path, value }: PatchOperation): unknown {
  const steps = path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = steps.pop();
  if (last === undefined) throw new Error('a patch must not replace the whole object');
  let parent = document;
  for (const step of steps) parent = ownMember(parent, step, path);
  if (!isJsonObject(parent)) throw new Error(`${path}: its parent is no object`);
  if (op === 'add') define(parent, last, value);
  else if (!Object.hasOwn(parent, last)) throw new Error(`${path}: nothing there to ${op}`);
  else if (op === 'replace') define(parent, last, value);
  else if (op === 'remove') delete parent[last];
  else throw new Error(`${path}: unexpected operation ${op}`);
  return document;
}

function ownMember(parent: unknown, step: string, path: string): unknown {
  if (!isJsonObject(parent) || !Object.hasOwn(parent, step)) throw new Error(`${path}: ${step} does not exist`);
  return parent[step];
}

/** Sets an own member, also one called `__proto__`. */
function define(parent: JsonObject, key: string, value: unknown): void {
  Object.defineProperty(parent, key, { value: copyOf(value), enumerable: true, configurable: true, writable: true });
}
