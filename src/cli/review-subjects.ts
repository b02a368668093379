import { createHash } from 'node:crypto';
import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { reviewOfPod, reviewSubjectOf, withDefaultPullPolicies } from '../wire/workload.ts';
import { UsageError } from './terminal.ts';

/** One pod to be reviewed. */
export interface Reviewable {
  /** `Deployment/checkout`, as kubectl names objects. */
  readonly title: string;
  readonly namespace: string;
  /** The AdmissionReview that announces the pod; always a dry run. */
  readonly review: JsonObject;
  readonly uid: string;
  /** The pod as it is sent. */
  readonly object: unknown;
  /** The pod as it was written: without what the API server fills in. */
  readonly written: unknown;
}

/**
 * The pods that these objects stand for, each in an AdmissionReview of its own (spec section 8). Objects without a pod
 * are passed over.
 *
 * @param namespace - for pods that name none.
 * @throws UsageError when there is no pod at all.
 */
export function reviewablesOf(objects: readonly ManifestObject[], namespace: string): Reviewable[] {
  const reviewables = reviewablesAmong(objects, namespace);
  if (reviewables.length > 0) return reviewables;
  const kinds = [...new Set(objects.map(({ value }) => textMember(value, 'kind') || 'objects without a kind'))];
  const found = kinds.length === 0 ? 'there is no object in the files' : `there is only ${kinds.join(', ')}`;
  throw new UsageError(
    `no pod to review, ${found}: expected a Pod, an AdmissionReview, ` +
      'or an object with a pod template such as a Deployment',
  );
}

/** The same where there need not be any pod. */
export function reviewablesAmong(objects: readonly ManifestObject[], namespace: string): Reviewable[] {
  return objects.flatMap((object, i) => {
    const subject = reviewSubjectOf(object);
    if (subject === undefined) return [];
    if (subject.kind === 'review') return [fromReview(subject.review, subject.title)];
    const where = subject.namespace || namespace;
    const pod = withDefaultPullPolicies(subject.pod);
    const uid = uidOf(`${where}/${subject.title}/${i}`);
    const review = reviewOfPod(pod, where, uid);
    return [{ title: subject.title, namespace: where, review, uid, object: pod, written: subject.written }];
  });
}

/** A review that was written down whole is asked as it is, save that it must not have effects. */
function fromReview(written: JsonObject, title: string): Reviewable {
  const request = member(written, 'request');
  const review =
    typeof request === 'object' && request !== null ? { ...written, request: { ...request, dryRun: true } } : written;
  const object = member(request, 'object');
  return {
    title,
    namespace: textMember(request, 'namespace') || textMember(member(object, 'metadata'), 'namespace') || 'default',
    review,
    uid: textMember(request, 'uid'),
    object,
    written: object,
  };
}

/** The same pod in the same place gets the same uid, so that answers can be compared byte for byte. */
function uidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
