import type { Lease, LeaseLock, LeaseRecord } from '../controller/lease-lock.ts';
import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import { isStatus } from './cluster-errors.ts';
import type { KubeClient } from './kube-client.ts';
import type { ResourceAddress } from './resource-path.ts';

/** Which Lease. */
export interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

/** A Lease of the API server. Labels and annotations that others gave it stay. */
export class LeaseClient implements LeaseLock {
  readonly #client: Pick<KubeClient, 'get' | 'create' | 'patch'>;
  readonly #name: LeaseName;
  readonly #collection: ResourceAddress;

  constructor(client: Pick<KubeClient, 'get' | 'create' | 'patch'>, lease: LeaseName) {
    this.#client = client;
    this.#name = lease;
    this.#collection = {
      group: 'coordination.k8s.io',
      version: 'v1',
      resource: 'leases',
      namespace: lease.namespace,
    };
  }

  async read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return decode((await this.#client.get(this.#address(), { signal })).object);
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async create(record: LeaseRecord, signal: AbortSignal): Promise<Lease | 'conflict'> {
    const { namespace, name } = this.#name;
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace, name },
      spec: encode(record),
    };
    try {
      return decode((await this.#client.create(this.#collection, lease, { signal })).object);
    } catch (error) {
      if (isStatus(error, 409)) return 'conflict';
      throw error;
    }
  }

  async update(resourceVersion: string, record: LeaseRecord, signal: AbortSignal): Promise<Lease | 'conflict'> {
    const patch = { metadata: { resourceVersion }, spec: encode(record) };
    try {
      return decode((await this.#client.patch(this.#address(), 'merge', patch, { signal })).object);
    } catch (error) {
      if (isStatus(error, 409) || isStatus(error, 404)) return 'conflict';
      throw error;
    }
  }

  #address(): ResourceAddress {
    return { ...this.#collection, name: this.#name.name };
  }
}

function encode({ holder, durationSeconds, acquiredAt, renewedAt, transitions }: LeaseRecord): JsonObject {
  return {
    holderIdentity: holder,
    leaseDurationSeconds: durationSeconds,
    acquireTime: microTime(acquiredAt),
    renewTime: microTime(renewedAt),
    leaseTransitions: transitions,
  };
}

/** The API server takes exactly six digits of a second. */
function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

/** A Lease may have been made by others, with any part missing: then nobody holds it. */
function decode(object: JsonObject): Lease {
  const spec = member(object, 'spec');
  return {
    resourceVersion: textMember(member(object, 'metadata'), 'resourceVersion'),
    holder: textMember(spec, 'holderIdentity'),
    durationSeconds: wholeNumber(member(spec, 'leaseDurationSeconds')),
    acquiredAt: new Date(Date.parse(textMember(spec, 'acquireTime')) || 0),
    renewedAt: new Date(Date.parse(textMember(spec, 'renewTime')) || 0),
    transitions: wholeNumber(member(spec, 'leaseTransitions')),
  };
}

function wholeNumber(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : 0;
}
