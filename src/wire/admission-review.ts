import type { PodView } from '../core/pod.ts';
import { isJsonObject, member, textMember } from './json.ts';
import { decodePod } from './pod.ts';

/** A well-formed AdmissionReview request (spec A4), as far as an answer depends on it. */
export interface AdmissionRequest {
  readonly uid: string;
  /** `request.namespace`, else the pod's own, else `default` (spec G2). */
  readonly namespace: string;
  /** `request.name`, else the object's own; empty with `generateName`. */
  readonly name: string;
  readonly generateName: string;
  readonly operation: string;
  readonly dryRun: boolean;
  /** The object as received: patches are made for it. */
  readonly object: unknown;
  /** The pod to decide on, or why the review is none of ours (spec G1). */
  readonly subject:
    | { readonly kind: 'pod'; readonly pod: PodView }
    | { readonly kind: 'none'; readonly reason: 'NotCreate' | 'NotPod' };
}

/** A body that is no AdmissionReview (spec A4): the caller answers 400 and names the field. */
export class MalformedReviewError extends Error {
  readonly code = 'ERR_REVIEW_MALFORMED';
  /** Path of the field that is wrong; empty when the whole body is. */
  readonly field: string;
  /** What was expected, without the field. */
  readonly problem: string;

  constructor(field: string, problem: string, options?: ErrorOptions) {
    super(field === '' ? problem : `${field}: ${problem}`, options);
    this.name = 'MalformedReviewError';
    this.field = field;
    this.problem = problem;
  }
}

/** The API version and kind we speak (spec G1). */
const API_VERSION = 'admission.k8s.io/v1';
const KIND = 'AdmissionReview';

/**
 * Reads an AdmissionReview (spec A4, A7, G1, G2). Strict about the envelope, tolerant of everything in the object.
 *
 * @throws MalformedReviewError naming the first field that is wrong.
 */
export function decodeAdmissionReview(body: unknown): AdmissionRequest {
  if (!isJsonObject(body)) throw new MalformedReviewError('', `expected an ${KIND} object, got ${typeName(body)}`);
  expectText(body, 'apiVersion', API_VERSION);
  expectText(body, 'kind', KIND);
  const request = member(body, 'request');
  if (!isJsonObject(request)) {
    throw new MalformedReviewError('request', `expected an object, got ${typeName(request)}`);
  }
  const uid = member(request, 'uid');
  if (typeof uid !== 'string' || uid === '') {
    const got = uid === '' ? 'an empty one' : typeName(uid);
    throw new MalformedReviewError('request.uid', `expected a non-empty text, got ${got}`);
  }

  const operation = textMember(request, 'operation');
  const object = member(request, 'object');
  const subject = subjectOf(request, operation, object);
  const metadata = member(object, 'metadata');
  return {
    uid,
    namespace: textMember(request, 'namespace') || textMember(metadata, 'namespace') || 'default',
    name: textMember(request, 'name') || textMember(metadata, 'name'),
    generateName: textMember(metadata, 'generateName'),
    operation,
    dryRun: member(request, 'dryRun') === true,
    object,
    subject,
  };
}

function subjectOf(request: unknown, operation: string, object: unknown): AdmissionRequest['subject'] {
  if (operation !== 'CREATE') return { kind: 'none', reason: 'NotCreate' };
  const resource = member(request, 'resource');
  const isPod =
    textMember(resource, 'resource') === 'pods' &&
    textMember(resource, 'version') === 'v1' &&
    isNothing(member(resource, 'group')) &&
    isNothing(member(request, 'subResource'));
  if (!isPod) return { kind: 'none', reason: 'NotPod' };
  if (!isJsonObject(object)) {
    throw new MalformedReviewError('request.object', `expected the pod to be created, got ${typeName(object)}`);
  }
  return { kind: 'pod', pod: decodePod(object) };
}

/** A missing group is the core group, a missing sub-resource none (spec G1). */
function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function expectText(body: unknown, key: string, expected: string): void {
  const value = member(body, key);
  if (value === expected) return;
  const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeName(value);
  throw new MalformedReviewError(key, `expected "${expected}", got ${got}`);
}

function typeName(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'string' ? 'a text' : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}
