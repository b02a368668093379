import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Note } from '../controller/note.ts';
import { RefusedWriteError } from '../controller/refused-write-error.ts';
import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import { isStatus } from './cluster-errors.ts';
import type { KubeClient } from './kube-client.ts';
import type { ResourceAddress } from './resource-path.ts';

/** The API server takes 1 MiB, and other things are in the ConfigMap as well. */
const TEXT_LIMIT_BYTES = 900_000;

/**
 * Texts in the keys of one ConfigMap of our own. Every write names the version that was read, so that a process which
 * thinks it may write, and may not any more, overwrites nothing. Writes of all keys come one after another.
 */
export class ConfigMapNotes {
  readonly #client: Pick<KubeClient, 'get' | 'create' | 'patch'>;
  readonly #address: ResourceAddress & { readonly name: string; readonly namespace: string };
  #resourceVersion: string | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    client: Pick<KubeClient, 'get' | 'create' | 'patch'>,
    { namespace, name }: { readonly namespace: string; readonly name: string },
  ) {
    this.#client = client;
    this.#address = { version: 'v1', resource: 'configmaps', namespace, name };
  }

  /**
   * The text under a key.
   *
   * @param packed - kept compressed, for what nobody reads but us.
   */
  note(key: string, { packed = false }: { readonly packed?: boolean } = {}): Note {
    return {
      read: () => this.#inTurn(() => this.#read(key, packed)),
      write: (text) => this.#inTurn(() => this.#write(key, text, packed)),
    };
  }

  async #read(key: string, packed: boolean): Promise<string | undefined> {
    let object: JsonObject;
    try {
      ({ object } = await this.#client.get(this.#address));
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      this.#resourceVersion = undefined;
      return undefined;
    }
    this.#resourceVersion = versionOf(object);
    const text = textMember(member(object, packed ? 'binaryData' : 'data'), key);
    if (text === '') return undefined;
    return packed ? (await promisify(gunzip)(Buffer.from(text, 'base64'))).toString('utf8') : text;
  }

  async #write(key: string, text: string, packed: boolean): Promise<void> {
    const kept = packed ? (await promisify(gzip)(text)).toString('base64') : text;
    const bytes = Buffer.byteLength(kept);
    if (bytes > TEXT_LIMIT_BYTES) {
      const { namespace, name } = this.#address;
      throw new RefusedWriteError(
        `ConfigMap ${namespace}/${name}: ${key} would take ${bytes} bytes, and there is room for ${TEXT_LIMIT_BYTES}`,
      );
    }
    const content = packed ? { binaryData: { [key]: kept } } : { data: { [key]: kept } };
    try {
      this.#resourceVersion = versionOf(await this.#put(content));
    } catch (error) {
      // What stands there now is read before anything is written again.
      this.#resourceVersion = undefined;
      throw error;
    }
  }

  async #put(content: JsonObject): Promise<JsonObject> {
    const { name, ...collection } = this.#address;
    if (this.#resourceVersion !== undefined) {
      const patch = { ...content, metadata: { resourceVersion: this.#resourceVersion } };
      try {
        return (await this.#client.patch(this.#address, 'merge', patch)).object;
      } catch (error) {
        // Somebody deleted it: what it held is gone, what we know is not.
        if (!isStatus(error, 404)) throw error;
      }
    }
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...content };
    return (await this.#client.create(collection, configMap)).object;
  }

  #inTurn<Result>(what: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(what, what);
    this.#last = turn;
    return turn;
  }
}

function versionOf(object: JsonObject): string {
  return textMember(member(object, 'metadata'), 'resourceVersion');
}
