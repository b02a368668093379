import type { JsonObject } from '../../src/wire/json.ts';
import { withItem, withMember } from './json-edit.ts';

/** A pod with nothing in it; every step gives a new builder, so that beginnings can be shared. */
export function aPod(): PodBuilder {
  return new PodBuilder({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [] } });
}

/** A pod that every gate lets through. */
export function anEciPod(): PodBuilder {
  return aPod().withLabel('alibabacloud.com/eci', 'true');
}

/** Writes a pod as the API server would send it. */
export class PodBuilder {
  readonly #pod: JsonObject;

  constructor(pod: JsonObject) {
    this.#pod = pod;
  }

  build(): JsonObject {
    return this.#pod;
  }

  /** Sets any member; `undefined` takes it away. */
  with(path: readonly string[], value: unknown): PodBuilder {
    return new PodBuilder(withMember(this.#pod, path, value));
  }

  withImage(image: string, imagePullPolicy?: string): PodBuilder {
    return this.#withContainer('containers', image, imagePullPolicy);
  }

  withImages(...images: readonly string[]): PodBuilder {
    return images.reduce<PodBuilder>((pod, image) => pod.withImage(image), this);
  }

  withInitImage(image: string, imagePullPolicy?: string): PodBuilder {
    return this.#withContainer('initContainers', image, imagePullPolicy);
  }

  withEphemeralImage(image: string): PodBuilder {
    return this.#withContainer('ephemeralContainers', image, undefined);
  }

  withAnnotation(key: string, value: unknown): PodBuilder {
    return this.with(['metadata', 'annotations', key], value);
  }

  withLabel(key: string, value: unknown): PodBuilder {
    return this.with(['metadata', 'labels', key], value);
  }

  inNamespace(namespace: string): PodBuilder {
    return this.with(['metadata', 'namespace'], namespace);
  }

  ownedBy(kind: string): PodBuilder {
    return new PodBuilder(
      withItem(this.#pod, ['metadata', 'ownerReferences'], { apiVersion: 'apps/v1', kind, name: 'it' }),
    );
  }

  onNode(name: string): PodBuilder {
    return this.with(['spec', 'nodeName'], name);
  }

  withNodeSelector(key: string, value: string): PodBuilder {
    return this.with(['spec', 'nodeSelector', key], value);
  }

  tolerating(toleration: JsonObject): PodBuilder {
    return new PodBuilder(withItem(this.#pod, ['spec', 'tolerations'], toleration));
  }

  /** One more required node affinity term; terms are alternatives. */
  requiring(...expressions: readonly { key: string; operator: string; values?: readonly string[] }[]): PodBuilder {
    const required = ['spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'];
    const term = { matchExpressions: expressions };
    return new PodBuilder(withItem(this.#pod, [...required, 'nodeSelectorTerms'], term));
  }

  forOs(name: string): PodBuilder {
    return this.with(['spec', 'os'], { name });
  }

  #withContainer(list: string, image: string, imagePullPolicy: string | undefined): PodBuilder {
    const container = { name: 'c', image, ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }) };
    return new PodBuilder(withItem(this.#pod, ['spec', list], container));
  }
}
