import type { WriteResult } from '../certs/secret-store.ts';
import type {
  WebhookClient,
  WebhookConfiguration,
  WebhookConfigurationWriter,
} from '../certs/webhook-configuration-writer.ts';
import { isJsonObject, listMember, member, textMember } from '../wire/json.ts';
import { isStatus } from './cluster-errors.ts';
import type { KubeClient } from './kube-client.ts';
import type { ResourceAddress } from './resource-path.ts';

/** The owner of `caBundle` in the record of managed fields, for whoever has to tell a GitOps tool about it. */
const FIELD_MANAGER = 'imc-controller';

/** One MutatingWebhookConfiguration of the API server, as far as its CA bundles go. */
export class WebhookConfigurationClient implements WebhookConfigurationWriter {
  readonly #client: Pick<KubeClient, 'get' | 'patch'>;
  readonly #address: ResourceAddress;

  constructor(client: Pick<KubeClient, 'get' | 'patch'>, name: string) {
    this.#client = client;
    this.#address = { ...WEBHOOK_CONFIGURATIONS, name };
  }

  async read(): Promise<WebhookConfiguration | undefined> {
    try {
      const { object } = await this.#client.get(this.#address);
      return {
        resourceVersion: textMember(member(object, 'metadata'), 'resourceVersion'),
        webhooks: listMember(object, 'webhooks').map(readWebhook),
      };
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** A strategic merge patch finds webhooks by name, and leaves every other field to whoever wrote it. */
  async writeBundle({ resourceVersion, webhooks }: WebhookConfiguration, bundlePem: string): Promise<WriteResult> {
    const caBundle = Buffer.from(bundlePem).toString('base64');
    const patch = {
      metadata: { resourceVersion },
      webhooks: webhooks.map(({ name }) => ({ name, clientConfig: { caBundle } })),
    };
    try {
      await this.#client.patch(this.#address, 'strategic', patch, { fieldManager: FIELD_MANAGER });
      return 'written';
    } catch (error) {
      if (isStatus(error, 409) || isStatus(error, 404)) return 'conflict';
      throw error;
    }
  }
}

export const WEBHOOK_CONFIGURATIONS: ResourceAddress = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  resource: 'mutatingwebhookconfigurations',
};

function readWebhook(webhook: unknown): WebhookClient {
  const clientConfig = member(webhook, 'clientConfig');
  return {
    name: textMember(webhook, 'name'),
    hosts: hostsOf(clientConfig),
    bundlePem: Buffer.from(textMember(clientConfig, 'caBundle'), 'base64').toString('utf8'),
  };
}

/** What an API server checks the certificate against, and the longer name of a Service, which other clients use. */
function hostsOf(clientConfig: unknown): string[] {
  const url = textMember(clientConfig, 'url');
  if (URL.canParse(url)) return [new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')];
  const service = member(clientConfig, 'service');
  if (!isJsonObject(service)) return [];
  const host = `${textMember(service, 'name')}.${textMember(service, 'namespace')}.svc`;
  return [host, `${host}.cluster.local`];
}
