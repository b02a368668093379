import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import { ECI_PROFILE, kindOf } from '../wire/kinds.ts';
import type { Origin } from '../wire/manifest-error.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { besideCaseFile } from './beside-case-file.ts';
import type { CaseSuite } from './case-file.ts';
import type { CaseProblem } from './case-problem.ts';
import { problemAt, problemOf } from './case-problem.ts';
import type { ReadObjects } from './case-subject.ts';
import { originUnder } from './case-subject.ts';

/** The objects that a document calls its cluster, in order, or what is wrong with them. */
export interface CaseResources {
  readonly objects: readonly ManifestObject[];
  readonly problems: readonly CaseProblem[];
  /** Tells sets of resources that come from the same files; undefined where some are written in the case file. */
  readonly key: string | undefined;
  /** The file the eci-profile stands in; undefined when there is none. */
  readonly profileFile: string | undefined;
}

/**
 * Reads the resources of a document. Of several objects of one kind and name that of the later entry counts; within one
 * entry the same object twice is a problem, as is an entry that adds nothing to the cluster.
 */
export async function readResources(suite: CaseSuite, readObjects: ReadObjects): Promise<CaseResources> {
  const objects: ManifestObject[] = [];
  const problems: CaseProblem[] = [];
  const paths: string[] = [];
  for (const [i, resource] of suite.resources.entries()) {
    const path = ['resources', i];
    if (typeof resource !== 'string') {
      objects.push({ value: resource, origin: originUnder(suite.origin, path) });
      if (kindOf(resource) === 'Other') problems.push(problemAt(suite.origin, path, strangeObject(resource)));
      continue;
    }
    paths.push(besideCaseFile(suite.origin.file, resource));
    try {
      const found = await readObjects(besideCaseFile(suite.origin.file, resource));
      checkEntry(found, resource, suite.origin, path);
      for (const object of found) objects.push(object);
    } catch (error) {
      problems.push(problemIn(error, suite.origin, path));
    }
  }
  const isWrittenElsewhere = paths.length === suite.resources.length;
  return {
    objects,
    problems,
    key: isWrittenElsewhere ? paths.join('\n') : undefined,
    profileFile: objects.findLast(({ value }) => kindOf(value) === 'EciProfile')?.origin.file,
  };
}

/**
 * The problem of a file that a case file names: where it is broken, if that is known, else where it is named.
 *
 * @throws what is no message for users.
 */
export function problemIn(error: unknown, origin: Origin, path: readonly (string | number)[]): CaseProblem {
  if (error instanceof ManifestError) return problemOf(error, origin.file);
  if (error instanceof Error && 'code' in error && error.code === 'ERR_USAGE') {
    return problemAt(origin, path, error.message);
  }
  throw error;
}

const UNDERSTOOD = `ImageCache (eci.alibabacloud.com), Namespace, or the ConfigMap ${ECI_PROFILE.namespace}/${ECI_PROFILE.name}`;

function strangeObject(value: JsonObject): string {
  return isStrayProfile(value)
    ? STRAY_PROFILE
    : `a ${textMember(value, 'kind')} is no part of it; expected ${UNDERSTOOD}`;
}

const STRAY_PROFILE = `the eci-profile is read in namespace ${ECI_PROFILE.namespace} only; set it, or give the ConfigMap another name`;

/** An eci-profile in a namespace where nobody reads it looks as if it worked. */
function isStrayProfile(value: JsonObject): boolean {
  return (
    textMember(value, 'kind') === 'ConfigMap' &&
    textMember(member(value, 'metadata'), 'name') === ECI_PROFILE.name &&
    kindOf(value) === 'Other'
  );
}

function checkEntry(
  found: readonly ManifestObject[],
  entry: string,
  origin: Origin,
  path: readonly (string | number)[],
): void {
  const seen = new Set<string>();
  for (const { value, origin: place } of found) {
    if (isStrayProfile(value)) throw ManifestError.at(place, ['metadata', 'namespace'], STRAY_PROFILE);
    const kind = kindOf(value);
    if (kind === 'Other') continue;
    const name = `${kind} ${textMember(member(value, 'metadata'), 'name')}`;
    if (seen.has(name)) {
      throw ManifestError.at(place, ['metadata', 'name'], `${name} stands twice in ${entry}; remove one`);
    }
    seen.add(name);
  }
  if (seen.size > 0) return;
  throw ManifestError.at(origin, path, `${entry} adds nothing to the cluster; expected ${UNDERSTOOD}`);
}
