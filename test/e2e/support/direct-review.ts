import { Agent, request } from 'undici';
import type { KubeObject } from './api-client.ts';
import { annotation, PIN } from './pods.ts';
import type { Webhook } from './webhook.ts';

/** What a webhook answers to a review that no API server sent: how it does while there is none. */
export interface DirectAnswer {
  readonly allowed: boolean;
  readonly outcome: string | undefined;
  readonly pin: string | undefined;
}

/**
 * Asks a replica about the creation of a pod in `default`.
 *
 * @param host - the name its certificate is for, if it is not for the address
 */
export async function reviewDirectly(
  webhook: Webhook,
  ca: string,
  pod: KubeObject,
  host?: string,
): Promise<DirectAnswer> {
  const dispatcher = new Agent({ connect: { ca, ...(host === undefined ? {} : { servername: host }) } });
  try {
    const { body } = await request(`https://127.0.0.1:${webhook.port}/mutate?timeout=3s`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(reviewOf(pod)),
      dispatcher,
    });
    const { response } = (await body.json()) as {
      response: { allowed: boolean; patch?: string; auditAnnotations?: { outcome?: string } };
    }; // our own answer
    const patch = Buffer.from(response.patch ?? '', 'base64').toString('utf8');
    return {
      allowed: response.allowed,
      outcome: response.auditAnnotations?.outcome,
      pin: patch === '' ? undefined : pinIn(JSON.parse(patch) as readonly Operation[]),
    };
  } finally {
    await dispatcher.destroy();
  }
}

function reviewOf(pod: KubeObject): object {
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: 'direct',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'default',
      operation: 'CREATE',
      userInfo: {},
      object: pod,
      dryRun: false,
    },
  };
}

interface Operation {
  readonly path: string;
  readonly value?: unknown;
}

/** The pin stands in an operation of its own, or in one that adds all annotations. */
function pinIn(patch: readonly Operation[]): string | undefined {
  const own = patch.find(({ path }) => path === `/metadata/annotations/${PIN.replace('/', '~1')}`)?.value;
  if (typeof own === 'string') return own;
  const annotations = patch.find(({ path }) => path === '/metadata/annotations')?.value;
  // a map of texts, as it is ours
  return annotation({ metadata: { annotations: (annotations ?? {}) as Record<string, string> } }, PIN);
}
