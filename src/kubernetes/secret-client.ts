import type { SecretContent, SecretStore, StoredSecret, WriteResult } from '../certs/secret-store.ts';
import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, member, textMember } from '../wire/json.ts';
import { isStatus } from './cluster-errors.ts';
import type { KubeClient } from './kube-client.ts';
import type { ResourceAddress } from './resource-path.ts';

/** Secrets of one namespace, in the API server. */
export class SecretClient implements SecretStore {
  readonly #client: Pick<KubeClient, 'get' | 'create' | 'patch'>;
  readonly #namespace: string;

  constructor(client: Pick<KubeClient, 'get' | 'create' | 'patch'>, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  async read(name: string): Promise<StoredSecret | undefined> {
    try {
      return readSecret((await this.#client.get(secretAddress(this.#namespace, name))).object);
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async create(name: string, { labels, data }: SecretContent): Promise<WriteResult> {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name, namespace: this.#namespace, labels },
      data: encode(data),
    };
    try {
      await this.#client.create({ version: 'v1', resource: 'secrets', namespace: this.#namespace }, secret);
      return 'written';
    } catch (error) {
      if (isStatus(error, 409)) return 'conflict';
      throw error;
    }
  }

  async patch(name: string, resourceVersion: string, { labels, data }: SecretContent): Promise<WriteResult> {
    const patch = { metadata: { resourceVersion, labels }, data: encode(data) };
    try {
      await this.#client.patch(secretAddress(this.#namespace, name), 'merge', patch);
      return 'written';
    } catch (error) {
      if (isStatus(error, 409) || isStatus(error, 404)) return 'conflict';
      throw error;
    }
  }
}

/** A Secret by its name. */
export function secretAddress(namespace: string, name: string): ResourceAddress & { readonly name: string } {
  return { version: 'v1', resource: 'secrets', namespace, name };
}

/** What a Secret says, with its data as texts. */
export function readSecret(object: JsonObject): StoredSecret {
  const metadata = member(object, 'metadata');
  return {
    resourceVersion: textMember(metadata, 'resourceVersion'),
    labels: texts(member(metadata, 'labels')),
    data: Object.fromEntries(
      Object.entries(texts(member(object, 'data'))).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString('utf8'),
      ]),
    ),
  };
}

function texts(value: unknown): Record<string, string> {
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function encode(data: SecretContent['data']): JsonObject {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
}
