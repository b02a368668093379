import { connect } from 'node:tls';
import type { ServingReplica, ServingReplicas } from '../certs/serving-replicas.ts';
import { listMember, member, textMember } from '../wire/json.ts';
import type { KubeClient } from './kube-client.ts';
import type { ResourceAddress } from './resource-path.ts';
import { readWholeList } from './whole-list.ts';

export interface ServingReplicaOptions {
  readonly client: Pick<KubeClient, 'list'>;
  readonly namespace: string;
  /** Which pods serve, as in `kubectl get pods --selector`. */
  readonly labelSelector: string;
  /** Where they serve. */
  readonly port: number;
  readonly timeoutMs?: number;
}

/** A pod that runs answers within this time, or is counted as unreachable. */
const HANDSHAKE_TIMEOUT_MS = 3_000;

/** The replicas of `imc serve`, found by their labels and asked one by one at the address of their pod. */
export class ServingReplicaClient implements ServingReplicas {
  readonly #options: ServingReplicaOptions;

  constructor(options: ServingReplicaOptions) {
    this.#options = options;
  }

  async inspect(): Promise<readonly ServingReplica[]> {
    const { client, namespace, labelSelector } = this.#options;
    const address: ResourceAddress = { version: 'v1', resource: 'pods', namespace };
    const replicas: Promise<ServingReplica>[] = [];
    const { items } = await readWholeList(client, address, (pod) => pod, { query: { labelSelector } });
    for (const pod of items) if (!hasEnded(pod)) replicas.push(this.#inspect(pod));
    return await Promise.all(replicas);
  }

  async #inspect(pod: unknown): Promise<ServingReplica> {
    const { port, timeoutMs = HANDSHAKE_TIMEOUT_MS } = this.#options;
    const status = member(pod, 'status');
    const host = textMember(status, 'podIP');
    return {
      name: textMember(member(pod, 'metadata'), 'name'),
      isReady: listMember(status, 'conditions').some(
        (condition) => textMember(condition, 'type') === 'Ready' && textMember(condition, 'status') === 'True',
      ),
      certificate: host === '' ? undefined : await servedCertificate(host, port, timeoutMs),
    };
  }
}

function hasEnded(pod: unknown): boolean {
  return ['Succeeded', 'Failed'].includes(textMember(member(pod, 'status'), 'phase'));
}

/**
 * The certificate that is served at an address, in DER; undefined if no handshake was to be had. It is looked at, not
 * trusted: nothing is sent.
 */
function servedCertificate(host: string, port: number, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false });
    const end = (certificate: Buffer | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(certificate);
    };
    const timer = setTimeout(() => end(undefined), timeoutMs);
    socket.once('secureConnect', () => end(socket.getPeerX509Certificate()?.raw));
    socket.on('error', () => end(undefined));
  });
}
