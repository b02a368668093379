import type { SecretWatch, StoredSecret } from '../certs/secret-store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { JsonObject } from '../wire/json.ts';
import type { KubeClient } from './kube-client.ts';
import { Reflector } from './reflector.ts';
import type { ResourceAddress } from './resource-path.ts';
import { readSecret, secretAddress } from './secret-client.ts';
import type { Timers } from './timers.ts';

export interface ObjectWatchOptions {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  /** With a name. It is watched by a field selector, as rights that are bound to a name need it. */
  readonly address: ResourceAddress & { readonly name: string };
  /** Called with the object as it is now and after every change; `undefined` when there is none. */
  readonly listener: (object: JsonObject | undefined) => void;
  readonly logger: Logger;
  readonly timers?: Timers;
}

/**
 * Follows one object by its name, whatever happens to the connection.
 *
 * @returns what ends it.
 */
export function followObject({ client, address, listener, logger, ...rest }: ObjectWatchOptions): () => Promise<void> {
  const { name, ...collection } = address;
  let isKnown = false;
  const tell = (object: JsonObject | undefined): void => {
    isKnown = true;
    listener(object);
  };
  const reflector = new Reflector<JsonObject>({
    client,
    address: collection,
    query: { fieldSelector: `metadata.name=${name}` },
    read: (object) => object,
    listener: {
      listed: ([object], gone) => {
        if (object !== undefined) tell(object);
        else if (gone.length > 0 || !isKnown) tell(undefined);
      },
      changed: tell,
      removed: () => tell(undefined),
      heard: () => undefined,
      missing: () => undefined,
      restarted: (cause, err) => {
        const fields = { resource: collection.resource, name, cause, err };
        if (cause === 'refused') logger.warn(fields, 'the API server refuses a watch; tried again later');
        else logger.debug(fields, 'a watch begins again');
      },
      failed: (err) => logger.error({ resource: collection.resource, name, err }, 'an object could not be taken in'),
    },
    ...rest,
  });
  reflector.start();
  return () => reflector.stop();
}

export interface SecretWatcherOptions {
  /** Opens a client that nobody else uses. */
  readonly open: () => Promise<KubeClient>;
  /** The namespace of the Secrets; that of the kubeconfig or service account if not given. */
  readonly namespace: string | undefined;
  readonly logger: Logger;
}

/** Secrets of one namespace, followed one by one. */
export class SecretWatcher implements SecretWatch {
  readonly #options: SecretWatcherOptions;

  constructor(options: SecretWatcherOptions) {
    this.#options = options;
  }

  async follow(name: string, listener: (secret: StoredSecret | undefined) => void): Promise<() => Promise<void>> {
    const { open, namespace, logger } = this.#options;
    const client = await open();
    const unfollow = followObject({
      client,
      address: secretAddress(namespace ?? client.namespace, name),
      listener: (object) => listener(object && readSecret(object)),
      logger,
    });
    return async () => {
      await unfollow();
      await client.close();
    };
  }
}
