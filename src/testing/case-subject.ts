import { createHash } from 'node:crypto';
import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, member, textMember } from '../wire/json.ts';
import type { Origin } from '../wire/manifest-error.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import type { ReviewSubject } from '../wire/workload.ts';
import { reviewOfPod, reviewSubjectOf, withDefaultPullPolicies } from '../wire/workload.ts';
import { besideCaseFile } from './beside-case-file.ts';
import { notAmong } from './case-issues.ts';
import type { CaseDefinition } from './case-schema.ts';

/** Reads all objects of a file or folder; throws an error with a message for users. */
export type ReadObjects = (path: string) => Promise<readonly ManifestObject[]>;

/** The review of one case. */
export interface CaseReview {
  readonly uid: string;
  /** `Deployment/checkout`, as kubectl names objects. */
  readonly title: string;
  readonly namespace: string;
  readonly review: JsonObject;
  /** The object under review: patches are made for it. */
  readonly object: unknown;
  readonly dryRun: boolean;
}

/**
 * The review that the API server would send for the pod of a case.
 *
 * @param path - of the case in its document.
 * @throws ManifestError when there is not exactly one pod meant; what {@link ReadObjects} throws.
 */
export async function caseReviewOf(
  { name, pod, namespace, operation, dryRun }: CaseDefinition,
  origin: Origin,
  path: readonly (string | number)[],
  readObjects: ReadObjects,
): Promise<CaseReview> {
  const podPath = [...path, 'pod'];
  const subject =
    typeof pod === 'string'
      ? subjectIn(await readObjects(besideCaseFile(origin.file, pod)), pod, undefined, origin, podPath)
      : isOneOfFile(pod)
        ? subjectIn(await readObjects(besideCaseFile(origin.file, pod.file)), pod.file, pod.name, origin, podPath)
        : inlineSubject(pod, origin, podPath);
  const request = { ...(operation === undefined ? {} : { operation }), ...(dryRun === undefined ? {} : { dryRun }) };
  if (subject.kind === 'review') {
    return written(subject, { ...request, ...(namespace === undefined ? {} : { namespace }) });
  }
  const where = (namespace ?? subject.namespace) || 'default';
  const created = inNamespace(withDefaultPullPolicies(subject.pod), where);
  const uid = uidOf(`${where}/${subject.title}/${name}`);
  return { ...announced(created, where, uid, request), title: subject.title };
}

/** A review that was written down whole is asked as it is, save what the case says about it. */
function written(
  { review, title }: Extract<ReviewSubject, { readonly kind: 'review' }>,
  changes: JsonObject,
): CaseReview {
  const given = member(review, 'request');
  const request = { ...(isJsonObject(given) ? given : {}), ...changes };
  const object = member(request, 'object');
  return {
    uid: textMember(request, 'uid'),
    title,
    namespace: textMember(request, 'namespace') || textMember(member(object, 'metadata'), 'namespace') || 'default',
    review: Object.keys(changes).length === 0 ? review : { ...review, request },
    object,
    dryRun: member(request, 'dryRun') === true,
  };
}

function announced(
  pod: JsonObject,
  namespace: string,
  uid: string,
  { operation = 'CREATE', dryRun = false }: { readonly operation?: string; readonly dryRun?: boolean },
): Omit<CaseReview, 'title'> {
  const review = reviewOfPod(pod, namespace, uid);
  const kind = operation === 'CREATE' ? 'CreateOptions' : operation === 'UPDATE' ? 'UpdateOptions' : 'DeleteOptions';
  const given = member(review, 'request');
  const request = {
    ...(isJsonObject(given) ? given : {}),
    operation,
    object: operation === 'DELETE' ? null : pod,
    oldObject: operation === 'CREATE' || operation === 'CONNECT' ? null : pod,
    dryRun,
    options: { kind, apiVersion: 'meta.k8s.io/v1', ...(dryRun ? { dryRun: ['All'] } : {}) },
  };
  return { uid, namespace, review: { ...review, request }, object: request.object, dryRun };
}

function isOneOfFile(pod: object): pod is { readonly file: string; readonly name: string } {
  return !Object.hasOwn(pod, 'kind');
}

function inlineSubject(pod: JsonObject, origin: Origin, path: readonly (string | number)[]): ReviewSubject {
  const subject = reviewSubjectOf({ value: pod, origin: originUnder(origin, path) });
  if (subject !== undefined) return subject;
  throw ManifestError.at(origin, path, `a ${textMember(pod, 'kind')} has no pod; expected ${POD_KINDS}`);
}

/** Finds places below a value of a document. */
export function originUnder(origin: Origin, prefix: readonly (string | number)[]): Origin {
  return {
    file: origin.file,
    position: (path) => origin.position([...prefix, ...path]),
    positionIn: (path, offset) => origin.positionIn?.([...prefix, ...path], offset),
  };
}

const POD_KINDS = 'a Pod, an AdmissionReview, or an object with a pod template such as a Deployment';

function subjectIn(
  objects: readonly ManifestObject[],
  file: string,
  wanted: string | undefined,
  origin: Origin,
  path: readonly (string | number)[],
): ReviewSubject {
  const subjects = objects.map(reviewSubjectOf).filter((subject) => subject !== undefined);
  const titles = subjects.map(({ title }) => title);
  if (subjects.length === 0) throw ManifestError.at(origin, path, `${file} holds no pod; expected ${POD_KINDS}`);
  const named =
    wanted === undefined
      ? subjects
      : subjects.filter(({ title }) => title === wanted || title.slice(title.indexOf('/') + 1) === wanted);
  const [subject, another] = named;
  if (subject === undefined) {
    const problem = notAmong(wanted ?? '', titles, `${file} holds no pod ${JSON.stringify(wanted)}`, '');
    throw ManifestError.at(origin, [...path, 'name'], problem);
  }
  if (another === undefined) return subject;
  const choice = named.map(({ title }) => title).join(', ');
  const example = `{file: ${file}, name: ${subject.title}}`;
  const problem =
    wanted === undefined
      ? `${file} holds several pods (${choice}); say which, as in pod: ${example}`
      : `${file} holds several pods called ${JSON.stringify(wanted)} (${choice}); say the kind too, or give each a name of its own`;
  throw ManifestError.at(origin, path, problem);
}

/** A pod that names its namespace names the one it is created in; the API server sees to that. */
function inNamespace(pod: JsonObject, namespace: string): JsonObject {
  const metadata = member(pod, 'metadata');
  if (!isJsonObject(metadata) || !Object.hasOwn(metadata, 'namespace')) return pod;
  return { ...pod, metadata: { ...metadata, namespace } };
}

/** The same case gets the same uid, so that answers can be compared byte for byte. */
function uidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
