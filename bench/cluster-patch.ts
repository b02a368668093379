import { Agent, request } from 'undici';
import type { KubeObject } from '../test/e2e/support/api-client.ts';
import type { Webhook } from '../test/e2e/support/webhook.ts';

/** The review of a pod's creation, much as the API server sends it. */
export function reviewOf(pod: KubeObject, uid: string): string {
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'admin', groups: ['system:masters'] },
      object: pod,
      dryRun: false,
    },
  });
}

/** The JSON Patch a webhook answers for this pod. */
export async function patchOf(webhook: Webhook, ca: string, pod: KubeObject): Promise<string> {
  const dispatcher = new Agent({ connect: { ca } });
  try {
    const { body } = await request(`https://127.0.0.1:${webhook.port}/mutate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: reviewOf(pod, 'bench'),
      dispatcher,
    });
    const { response } = (await body.json()) as { response: { patch?: string } }; // our own answer
    if (response.patch === undefined) throw new Error('our webhook answered no patch');
    return Buffer.from(response.patch, 'base64').toString('utf8');
  } finally {
    await dispatcher.destroy();
  }
}
