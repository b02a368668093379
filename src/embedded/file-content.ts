import { isDeepStrictEqual } from 'node:util';
import type { SourceProblem } from '../cluster/cluster-source.ts';
import type { Resource } from '../cluster/cluster-store.ts';
import type { EciProfile } from '../core/eci-profile.ts';
import { EMPTY_PROFILE } from '../core/eci-profile.ts';
import type { StringMap } from '../core/label-selector.ts';
import { decodeEciProfile, selectorsOf } from '../wire/eci-profile.ts';
import type { ImageCacheObject } from '../wire/image-cache-object.ts';
import { decodeImageCacheObject } from '../wire/image-cache-object.ts';
import { member, textMember } from '../wire/json.ts';
import type { KnownKind } from '../wire/kinds.ts';
import { ECI_PROFILE, kindOf } from '../wire/kinds.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { decodeUtf8, parseManifests } from '../wire/manifests.ts';
import { decodeNamespace } from '../wire/namespace.ts';

/** An object as the cluster store takes it. */
export type Entry =
  | { readonly resource: 'imagecaches'; readonly name: string; readonly object: ImageCacheObject }
  | { readonly resource: 'namespaces'; readonly name: string; readonly labels: StringMap }
  | { readonly resource: 'eci-profile'; readonly name: string; readonly profile: EciProfile };

/** What a file contributes, after its faults have been dealt with. */
export interface FileContent {
  /** By resource and name. An object that stopped being readable keeps its last good version. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly problems: readonly SourceProblem[];
  /** For each object, or whole file, that cannot be decoded: what it was, as far as known (spec S8). */
  readonly undecodable: readonly Resource[];
  /** The file holds an eci-profile that is not valid (spec P6). */
  readonly hasBrokenProfile: boolean;
}

export const NO_CONTENT: FileContent = { entries: new Map(), problems: [], undecodable: [], hasBrokenProfile: false };

/** Where an object is kept: one object per kind and name. */
export function entryKey({ resource, name }: { readonly resource: Resource; readonly name: string }): string {
  return `${resource}/${name}`;
}

export const PROFILE_KEY = entryKey({ resource: 'eci-profile', name: `${ECI_PROFILE.namespace}/${ECI_PROFILE.name}` });

/**
 * Decodes a file (spec 8, Files source). Never throws for what is wrong with the file.
 *
 * @param file - as the user named it, for messages.
 * @param before - what the file contributed last: stays where the file has become unreadable, and unchanged objects
 *   are the very same.
 */
export function readContent(file: string, bytes: Uint8Array, before: FileContent): FileContent {
  let objects: readonly ManifestObject[];
  try {
    objects = parseManifests(file, decodeUtf8(file, bytes));
  } catch (error) {
    return unparsable(manifestErrorOf(error, file), before);
  }
  const reading = new Reading(before);
  for (const object of objects) reading.add(object);
  return reading.result();
}

/** A file that cannot be parsed as a whole: what it contributed last stays. */
export function unparsable(error: ManifestError, before: FileContent): FileContent {
  const resources = new Set([...before.entries.values()].map(({ resource }) => resource));
  const [resource] = resources.size === 1 ? resources : [];
  return {
    entries: before.entries,
    problems: [{ resource: resource ?? 'imagecaches', message: error.message }],
    undecodable: [resource ?? 'imagecaches'],
    hasBrokenProfile: before.entries.has(PROFILE_KEY) || before.hasBrokenProfile,
  };
}

class Reading {
  readonly #before: FileContent;
  readonly #entries = new Map<string, Entry>();
  readonly #seen = new Set<string>();
  readonly #problems: SourceProblem[] = [];
  readonly #undecodable: Resource[] = [];
  #hasBrokenProfile = false;

  constructor(before: FileContent) {
    this.#before = before;
  }

  result(): FileContent {
    return {
      entries: this.#entries,
      problems: this.#problems,
      undecodable: this.#undecodable,
      hasBrokenProfile: this.#hasBrokenProfile,
    };
  }

  add(object: ManifestObject): void {
    const kind = kindOf(object.value);
    if (kind === 'Other') {
      this.#reportStrayProfile(object);
      return;
    }
    const resource = RESOURCE_OF[kind];
    const name = textMember(member(object.value, 'metadata'), 'name');
    const key = kind === 'EciProfile' ? PROFILE_KEY : entryKey({ resource, name });
    if (this.#seen.has(key)) {
      const problem = `${kind} ${JSON.stringify(name)} stands twice in this file and the later one counts; remove one`;
      this.#report(resource, ManifestError.at(object.origin, ['metadata', 'name'], problem));
    }
    try {
      const entry = decode(kind, object);
      const known = this.#before.entries.get(key);
      this.#entries.set(key, known !== undefined && isDeepStrictEqual(known, entry) ? known : entry);
      if (kind === 'EciProfile') this.#hasBrokenProfile = false;
    } catch (error) {
      this.#report(resource, manifestErrorOf(error, object.origin.file));
      this.#undecodable.push(resource);
      const lastGood = this.#before.entries.get(key);
      if (lastGood !== undefined && !this.#entries.has(key)) this.#entries.set(key, lastGood);
      if (kind === 'EciProfile') this.#hasBrokenProfile = true;
    }
    if (name !== '') this.#seen.add(key);
  }

  /** An eci-profile in a namespace where nobody reads it looks as if it worked. */
  #reportStrayProfile({ value, origin }: ManifestObject): void {
    const metadata = member(value, 'metadata');
    if (textMember(value, 'kind') !== 'ConfigMap' || textMember(metadata, 'name') !== ECI_PROFILE.name) return;
    const problem = `the eci-profile is read in namespace ${ECI_PROFILE.namespace} only; set it, or give the ConfigMap another name`;
    this.#report('eci-profile', ManifestError.at(origin, ['metadata', 'namespace'], problem));
  }

  #report(resource: Resource, error: ManifestError): void {
    this.#problems.push({ resource, message: error.message });
  }
}

const RESOURCE_OF = { ImageCache: 'imagecaches', Namespace: 'namespaces', EciProfile: 'eci-profile' } as const;

function decode(kind: Exclude<KnownKind, 'Other'>, { value, origin }: ManifestObject): Entry {
  switch (kind) {
    case 'ImageCache': {
      const object = decodeImageCacheObject(value, origin);
      return { resource: 'imagecaches', name: object.cache.name, object };
    }
    case 'Namespace': {
      const { name, labels } = decodeNamespace(value, origin);
      return { resource: 'namespaces', name, labels };
    }
    case 'EciProfile': {
      const selectors = selectorsOf(value, origin);
      const place = { origin, path: ['data', ECI_PROFILE.key] };
      const profile = selectors === undefined ? EMPTY_PROFILE : decodeEciProfile(selectors, place);
      return { resource: 'eci-profile', name: `${ECI_PROFILE.namespace}/${ECI_PROFILE.name}`, profile };
    }
  }
}

/** One object that trips a fault of ours must not keep the others from being read. */
function manifestErrorOf(error: unknown, file: string): ManifestError {
  if (error instanceof ManifestError) return error;
  return new ManifestError(`cannot be read, for a fault of this program: ${String(error)}`, {
    location: file,
    cause: error,
  });
}
