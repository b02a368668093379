import type { JsonObject } from '../../src/wire/json.ts';

/** Objects of an installation as the chart makes them, for examinations of what is broken. */

export const NAMESPACE = 'imc-system';
export const NAME = 'imc-eci-imagecache-webhook';

interface DeploymentOptions {
  readonly namespace?: string;
  readonly release?: string;
  readonly component?: 'serve' | 'controller';
  readonly replicas?: number;
  readonly available?: number;
  readonly args?: readonly string[];
  /** The Secret of the volume `tls`. */
  readonly secret?: string;
}

export function aDeployment({
  namespace = NAMESPACE,
  release = 'imc',
  component = 'serve',
  replicas = 2,
  available = replicas,
  args = ['serve', '--admin-port=8080', `--profile-config-map=${NAME}-profile`],
  secret,
}: DeploymentOptions = {}): JsonObject {
  const selector = {
    'app.kubernetes.io/name': 'eci-imagecache-webhook',
    'app.kubernetes.io/instance': release,
    'app.kubernetes.io/component': component,
  };
  const name = component === 'serve' ? NAME : `${NAME}-controller`;
  const tls = secret === undefined ? [] : [{ name: 'tls', secret: { secretName: secret } }];
  return {
    metadata: { name, namespace, labels: { ...selector, 'app.kubernetes.io/version': '0.1.0' } },
    spec: {
      replicas,
      selector: { matchLabels: selector },
      template: {
        metadata: { labels: selector },
        spec: {
          serviceAccountName: name,
          containers: [{ name: component, args }],
          volumes: [{ name: 'settings', configMap: { name: `${NAME}-settings` } }, ...tls],
        },
      },
    },
    status: { availableReplicas: available },
  };
}

/** A configuration with one entry; `entry` replaces members of it. */
export function aConfiguration(entry: JsonObject = {}, metadata: JsonObject = {}): JsonObject {
  const labels = { 'app.kubernetes.io/name': 'eci-imagecache-webhook', 'app.kubernetes.io/instance': 'imc' };
  return { metadata: { name: `zz-${NAME}`, labels, ...metadata }, webhooks: [anEntry(entry)] };
}

export function anEntry(entry: JsonObject = {}): JsonObject {
  return {
    name: `pods.${NAME}.${NAMESPACE}`,
    clientConfig: { service: { namespace: NAMESPACE, name: NAME, path: '/mutate', port: 443 }, caBundle: '' },
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: 'Namespaced' }],
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    timeoutSeconds: 3,
    reinvocationPolicy: 'IfNeeded',
    matchPolicy: 'Equivalent',
    admissionReviewVersions: ['v1'],
    namespaceSelector: {
      matchExpressions: [
        {
          key: 'kubernetes.io/metadata.name',
          operator: 'NotIn',
          values: ['kube-system', 'kube-public', 'kube-node-lease', NAMESPACE],
        },
        { key: 'imc-webhook/ignore', operator: 'NotIn', values: ['true'] },
      ],
    },
    objectSelector: { matchExpressions: [{ key: 'imc-webhook/ignore', operator: 'NotIn', values: ['true'] }] },
    ...entry,
  };
}
