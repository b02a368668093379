import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import { ApiStatusError } from './cluster-errors.ts';
import type { KubeClient, RequestOptions } from './kube-client.ts';

/** What an API server says of a pod that is to be created. */
export type PodDryRunAnswer =
  | { readonly allowed: true; readonly pod: JsonObject; readonly warnings: readonly string[] }
  | {
      readonly allowed: false;
      readonly message: string;
      /** Name of the webhook that refused; empty when the API server did. */
      readonly webhook: string;
      readonly warnings: readonly string[];
    };

const FIELD_MANAGER = 'imc';

/**
 * Creates a pod as a dry run: webhooks, quotas and policies are asked, nothing is stored. A pod of that name may exist.
 *
 * @throws ApiStatusError when the API server does not come to the question (no such namespace, no right to create pods),
 * and what {@link KubeClient} throws.
 */
export async function dryRunPod(
  client: KubeClient,
  pod: JsonObject,
  namespace: string,
  timeoutMs?: number,
): Promise<PodDryRunAnswer> {
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  try {
    return await create(client, pod, namespace, options);
  } catch (error) {
    if (!(error instanceof ApiStatusError)) throw error;
    const name = textMember(member(pod, 'metadata'), 'name');
    if (error.reason === 'AlreadyExists' && name !== '')
      return create(client, withoutName(pod, name), namespace, options);
    if (error.status !== 404) throw error;
    const { status, reason, retryAfterSeconds, warnings } = error;
    const statusMessage = `${error.statusMessage}; create it, or name another namespace`;
    const answer = { status, reason, statusMessage, retryAfterSeconds };
    throw new ApiStatusError(`dry run of a pod in namespace ${namespace}`, answer, warnings);
  }
}

async function create(
  client: KubeClient,
  pod: JsonObject,
  namespace: string,
  options: RequestOptions,
): Promise<PodDryRunAnswer> {
  const address = { version: 'v1', resource: 'pods', namespace };
  try {
    const { object, warnings } = await client.create(address, pod, {
      ...options,
      dryRun: true,
      fieldManager: FIELD_MANAGER,
    });
    return { allowed: true, pod: object, warnings };
  } catch (error) {
    if (!(error instanceof ApiStatusError)) throw error;
    const refusal = refusalIn(error);
    if (refusal !== undefined) return { allowed: false, ...refusal, warnings: error.warnings };
    throw error;
  }
}

/** The same pod under a name that is free. */
function withoutName(pod: JsonObject, name: string): JsonObject {
  const { name: _taken, ...metadata } = member(pod, 'metadata') as JsonObject; // it holds the name
  return { ...pod, metadata: { ...metadata, generateName: `${name}-` } };
}

/** Tells a refusal of the pod, which its author can mend, from a request that did not get so far. */
function refusalIn({ status, statusMessage }: ApiStatusError): { message: string; webhook: string } | undefined {
  const denial = WEBHOOK_DENIAL.exec(statusMessage);
  if (denial !== null) {
    const [, webhook = '', message = ''] = denial;
    return { webhook, message: message === '' ? 'no reason given' : message };
  }
  const isAboutPod = REFUSALS.has(status) && !NO_RIGHT.test(statusMessage);
  return isAboutPod || WEBHOOK_FAILURE.test(statusMessage) ? { webhook: '', message: statusMessage } : undefined;
}

/** Bad request; forbidden by quota, Pod Security and the like; too large; invalid. */
const REFUSALS: ReadonlySet<number> = new Set([400, 403, 413, 422]);
/** How API servers introduce what a webhook says; a webhook may choose the status. */
const WEBHOOK_DENIAL = /^admission webhook "([^"]*)" denied the request(?:: |$| without explanation)([\s\S]*)$/;
/** A webhook with the failure policy Fail that cannot be asked refuses the pod, too. */
const WEBHOOK_FAILURE = /^Internal error occurred: failed calling webhook /;
/** How API servers refuse a user who may not create pods. */
const NO_RIGHT = /^pods is forbidden: User "[^"]*" cannot create resource "pods"/;
