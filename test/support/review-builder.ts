import type { JsonObject } from '../../src/wire/json.ts';
import { withMember } from './json-edit.ts';
import { PodBuilder } from './pod-builder.ts';

/** The uid of every review written here. */
export const REVIEW_UID = '705ab4f5-6393-11e8-b7cc-42010a800002';

/** The creation of a pod in the namespace `default`, announced as the API server does. */
export function aReview(pod: PodBuilder | JsonObject): ReviewBuilder {
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const resource = { group: '', version: 'v1', resource: 'pods' };
  return new ReviewBuilder({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: REVIEW_UID,
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
      object: pod instanceof PodBuilder ? pod.build() : pod,
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  });
}

/** Writes an AdmissionReview as the API server would send it. */
export class ReviewBuilder {
  readonly #review: JsonObject;

  constructor(review: JsonObject) {
    this.#review = review;
  }

  build(): JsonObject {
    return this.#review;
  }

  /** Sets any member; `undefined` takes it away. */
  with(path: readonly string[], value: unknown): ReviewBuilder {
    return new ReviewBuilder(withMember(this.#review, path, value));
  }

  inNamespace(namespace: string): ReviewBuilder {
    return this.with(['request', 'namespace'], namespace);
  }

  forOperation(operation: string): ReviewBuilder {
    return this.with(['request', 'operation'], operation);
  }

  asDryRun(dryRun: unknown = true): ReviewBuilder {
    return this.with(['request', 'dryRun'], dryRun);
  }
}
