import type { ApiClient } from './api-client.ts';

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

/** How a webhook for the creation of pods is registered; by default as the chart does it (spec S7). */
export interface Registration {
  readonly name: string;
  /** On loopback. */
  readonly port: number;
  /** In PEM. */
  readonly caBundle: string;
  readonly failurePolicy?: 'Ignore' | 'Fail';
  readonly reinvocationPolicy?: 'IfNeeded' | 'Never';
  readonly timeoutSeconds?: number;
  /** Only for pods it matches. */
  readonly objectSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
}

/** Puts it into force; the API server counts it in within about a second. */
export async function register(api: ApiClient, registration: Registration): Promise<void> {
  const path = `${CONFIGURATIONS}/${registration.name}`;
  const existing = await api.find(path);
  const object = configuration(registration);
  if (existing === undefined) await api.create(CONFIGURATIONS, object);
  else await api.patch(path, object);
}

export async function unregister(api: ApiClient, name: string): Promise<void> {
  await api.delete(`${CONFIGURATIONS}/${name}`);
}

/** What the webhook of a configuration is called in logs and metrics. */
export function webhookName(configurationName: string): string {
  return `${configurationName}.imc-webhook.example.com`;
}

function configuration(registration: Registration): object {
  const { name, port, caBundle } = registration;
  const {
    failurePolicy = 'Ignore',
    reinvocationPolicy = 'IfNeeded',
    timeoutSeconds = 3,
    objectSelector = {},
  } = registration;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: webhookName(name),
        clientConfig: {
          url: `https://127.0.0.1:${port}/mutate`,
          caBundle: Buffer.from(caBundle).toString('base64'),
        },
        rules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' },
        ],
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        matchPolicy: 'Equivalent',
        failurePolicy,
        reinvocationPolicy,
        timeoutSeconds,
        objectSelector,
      },
    ],
  };
}
