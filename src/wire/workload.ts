import { isValidReference, parseImageReference } from '../core/image-reference.ts';
import { decodeAdmissionReview, MalformedReviewError } from './admission-review.ts';
import type { JsonObject } from './json.ts';
import { isJsonObject, listMember, member, textMember } from './json.ts';
import type { Origin } from './manifest-error.ts';
import { ManifestError } from './manifest-error.ts';
import type { ManifestObject } from './manifests.ts';
import { decodeTextMap } from './metadata.ts';

/** A pod as the API server would send it to us, or a review that was written down whole. */
export type ReviewSubject =
  | { readonly kind: 'review'; readonly review: JsonObject; readonly title: string }
  | {
      readonly kind: 'pod';
      /** The pod to be created; for a workload made from its template as its controller would. */
      readonly pod: JsonObject;
      /** The same as its author would write it: without the owner that the controller adds. */
      readonly written: JsonObject;
      /** Namespace written in the manifest; empty if none. */
      readonly namespace: string;
      /** `Deployment/checkout`, as kubectl names objects. */
      readonly title: string;
    };

/** Where workloads keep their pod template: most kinds, CronJob, PodTemplate. */
const TEMPLATE_PATHS = [['spec', 'template'], ['spec', 'jobTemplate', 'spec', 'template'], ['template']] as const;

/**
 * The pod an object stands for (spec section 8, `imc review`): an AdmissionReview, a Pod, or anything with a pod
 * template. `undefined` for other objects.
 *
 * @throws ManifestError when labels or annotations of the pod hold values that are no texts: the API server would
 * refuse the object.
 */
export function reviewSubjectOf({ value, origin }: ManifestObject): ReviewSubject | undefined {
  const kind = textMember(value, 'kind');
  if (kind === 'AdmissionReview') {
    checkReview(value, origin);
    const request = member(value, 'request');
    const object = member(request, 'object');
    const metadata = member(object, 'metadata');
    const name = textMember(request, 'name') || textMember(metadata, 'name') || textMember(metadata, 'generateName');
    return { kind: 'review', review: value, title: `${textMember(object, 'kind') || 'AdmissionReview'}/${name}` };
  }
  const metadata = member(value, 'metadata');
  const namespace = textMember(metadata, 'namespace');
  const name = textMember(metadata, 'name');
  const title = `${kind || 'Object'}/${name || textMember(metadata, 'generateName')}`;
  if (kind === 'Pod' && textMember(value, 'apiVersion') === 'v1') {
    checkMaps(value, []);
    return { kind: 'pod', pod: value, written: value, namespace, title };
  }
  const path = podTemplatePath(value);
  const template = path?.reduce<unknown>(member, value);
  const spec = member(template, 'spec');
  if (path === undefined || !isJsonObject(template) || !isJsonObject(spec)) return undefined;
  checkMaps(template, path);
  const written = podOfTemplate(value, template, spec);
  return { kind: 'pod', pod: owned(written, value), written, namespace, title };

  function checkMaps(holder: JsonObject, path: readonly string[]): void {
    for (const map of ['labels', 'annotations']) {
      decodeTextMap(member(member(holder, 'metadata'), map), [...path, 'metadata', map], origin);
    }
    for (const list of ['initContainers', 'containers']) {
      for (const [i, container] of listMember(member(holder, 'spec'), list).entries()) {
        const image = member(container, 'image');
        if (image === undefined || typeof image === 'string') continue;
        throw ManifestError.at(origin, [...path, 'spec', list, i, 'image'], 'expected an image reference');
      }
    }
  }
}

/** Where an object keeps its pod template; `undefined` for an object that has none. */
export function podTemplatePath(value: JsonObject): readonly string[] | undefined {
  return TEMPLATE_PATHS.find((path) => {
    const spec = member(path.reduce<unknown>(member, value), 'spec');
    return Array.isArray(member(spec, 'containers'));
  });
}

/** A review that the server would refuse is pointed at in its file. */
function checkReview(review: JsonObject, origin: Origin): void {
  try {
    decodeAdmissionReview(review);
  } catch (error) {
    if (!(error instanceof MalformedReviewError)) throw error;
    throw ManifestError.at(origin, error.field === '' ? [] : error.field.split('.'), error.problem);
  }
}

/** The kind that owns the pods of a workload, where it is not the workload itself. */
const POD_OWNERS: Readonly<Record<string, { readonly apiVersion: string; readonly kind: string }>> = {
  Deployment: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  CronJob: { apiVersion: 'batch/v1', kind: 'Job' },
};

function podOfTemplate(workload: JsonObject, template: JsonObject, spec: JsonObject): JsonObject {
  const metadata = member(workload, 'metadata');
  const name = textMember(metadata, 'name');
  const namespace = textMember(metadata, 'namespace');
  const own = member(template, 'metadata');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(name === '' ? {} : { generateName: `${name}-` }),
      ...(isJsonObject(own) ? own : {}),
      ...(namespace === '' ? {} : { namespace }),
    },
    spec: withClaims(spec, workload),
  };
}

/** The volumes that the controller of a StatefulSet makes of its claims, here for the first pod: without them it is invalid. */
function withClaims(spec: JsonObject, workload: JsonObject): JsonObject {
  const workloadName = textMember(member(workload, 'metadata'), 'name');
  const claimed = listMember(member(workload, 'spec'), 'volumeClaimTemplates')
    .map((template) => textMember(member(template, 'metadata'), 'name'))
    .filter((name) => name !== '')
    .map((name) => ({ name, persistentVolumeClaim: { claimName: `${name}-${workloadName}-0` } }));
  if (claimed.length === 0) return spec;
  const names = new Set(claimed.map(({ name }) => name));
  const others = listMember(spec, 'volumes').filter((volume) => !names.has(textMember(volume, 'name')));
  return { ...spec, volumes: [...others, ...claimed] };
}

/** The pod with the owner its controller gives it: DaemonSets are told by it (spec G3). */
function owned(pod: JsonObject, workload: JsonObject): JsonObject {
  const kind = textMember(workload, 'kind');
  if (kind === 'PodTemplate') return pod;
  const owner = POD_OWNERS[kind] ?? { apiVersion: textMember(workload, 'apiVersion'), kind };
  const metadata = member(pod, 'metadata');
  const name = textMember(member(workload, 'metadata'), 'name');
  return {
    ...pod,
    metadata: { ...(isJsonObject(metadata) ? metadata : {}), ownerReferences: [{ ...owner, name, controller: true }] },
  };
}

/**
 * The pod with every missing `imagePullPolicy` filled in as the API server does before it calls webhooks: `Always` for
 * the tag `latest` or none, else `IfNotPresent`. The pod given is not changed.
 */
export function withDefaultPullPolicies(pod: JsonObject): JsonObject {
  const spec = member(pod, 'spec');
  if (!isJsonObject(spec)) return pod;
  const filled = (list: string): object =>
    Array.isArray(member(spec, list)) ? { [list]: listMember(spec, list).map(withDefaultPullPolicy) } : {};
  return { ...pod, spec: { ...spec, ...filled('initContainers'), ...filled('containers') } };
}

function withDefaultPullPolicy(container: unknown): unknown {
  if (!isJsonObject(container) || textMember(container, 'imagePullPolicy') !== '') return container;
  const reference = parseImageReference(textMember(container, 'image'));
  const isLatest = isValidReference(reference) && reference.tag === 'latest';
  return { ...container, imagePullPolicy: isLatest ? 'Always' : 'IfNotPresent' };
}

/** The AdmissionReview with which the API server would announce this pod; always a dry run. */
export function reviewOfPod(pod: JsonObject, namespace: string, uid: string): JsonObject {
  const name = textMember(member(pod, 'metadata'), 'name');
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const resource = { group: '', version: 'v1', resource: 'pods' };
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid,
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      ...(name === '' ? {} : { name }),
      namespace,
      operation: 'CREATE',
      userInfo: { username: 'imc' },
      object: pod,
      oldObject: null,
      dryRun: true,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', dryRun: ['All'] },
    },
  };
}
