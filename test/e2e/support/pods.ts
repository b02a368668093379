import type { KubeObject } from './api-client.ts';

export const PIN = 'k8s.aliyun.com/eci-imc-id';
export const AUTO = 'k8s.aliyun.com/eci-auto-imc';
const DECISION = 'imc-webhook/decision';

/** A pod for ECI with these images. */
export function anEciPodNamed(name: string, ...images: readonly string[]): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { 'alibabacloud.com/eci': 'true' } },
    spec: { containers: images.map((image, index) => ({ name: `c${index}`, image })) },
  };
}

export function annotation(object: KubeObject, key: string): string | undefined {
  return object.metadata.annotations?.[key];
}

/** What the webhook wrote on a pod about its decision; undefined if it wrote nothing. */
export function decisionOn(pod: KubeObject): Decision | undefined {
  const text = annotation(pod, DECISION);
  return text === undefined ? undefined : (JSON.parse(text) as Decision); // A2 of the contract
}

/** The decision annotation, as far as the tests look at it. */
export interface Decision {
  readonly outcome: string;
  readonly cache?: string;
  readonly id?: string;
  readonly exact?: number;
  readonly images?: number;
  readonly missing?: readonly string[];
  readonly rules?: readonly string[];
}
