import { Environment } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstFailure, type LabelRequirement } from '../../src/core/label-selector.ts';
import { type Manifest, manifest, renderChart } from './support/chart.ts';

/** Which pods the API server sends us (spec S7), asked of the rendered configuration with the rules of label selectors. */

const NAME = 'imc-eci-imagecache-webhook';

interface Selector {
  readonly matchExpressions: readonly {
    readonly key: string;
    readonly operator: LabelRequirement['operator'];
    readonly values?: string[];
  }[];
}

interface Entry {
  readonly name: string;
  readonly namespaceSelector: Selector;
  readonly objectSelector: Selector;
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[];
  readonly clientConfig: { readonly caBundle?: string; readonly service: object };
}

type Labels = Readonly<Record<string, string>>;

async function configuration(
  values: object,
  kubeVersion?: string,
): Promise<Manifest & { readonly webhooks: readonly Entry[] }> {
  const rendering = kubeVersion === undefined ? { values } : { values, kubeVersion };
  return manifest(await renderChart(rendering), 'MutatingWebhookConfiguration', `zz-${NAME}`) as Manifest & {
    readonly webhooks: readonly Entry[];
  };
}

/** The entries by which a pod with these labels, in a namespace with those, is sent. */
function sentBy(entries: readonly Entry[], namespace: Labels, pod: Labels): string[] {
  const meets = ({ matchExpressions }: Selector, labels: Labels): boolean => {
    const requirements = matchExpressions.map(({ key, operator, values = [] }) => ({ key, operator, values }));
    return firstFailure({ requirements }, new Map(Object.entries(labels))) === undefined;
  };
  return entries
    .filter(
      ({ namespaceSelector, objectSelector }) => meets(namespaceSelector, namespace) && meets(objectSelector, pod),
    )
    .map(({ name }) => name);
}

const named = (name: string): Labels => ({ 'kubernetes.io/metadata.name': name });

describe.each([
  ['cluster', { webhook: { scope: 'cluster' } }],
  ['labelled', { webhook: { scope: 'labelled' } }],
])('spec S7: with scope %s every entry', (_scope, values) => {
  it('asks for reviews of pods that are created, and for nothing else', async () => {
    for (const entry of (await configuration(values)).webhooks) {
      expect(entry).toMatchObject({
        admissionReviewVersions: ['v1'],
        rules: [
          { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: 'Namespaced' },
        ],
        clientConfig: { service: { namespace: 'imc-system', name: NAME, path: '/mutate', port: 443 } },
      });
    }
  });

  it('is harmless', async () => {
    for (const entry of (await configuration(values)).webhooks) {
      expect(entry).toMatchObject({
        failurePolicy: 'Ignore',
        sideEffects: 'None',
        timeoutSeconds: 3,
        reinvocationPolicy: 'IfNeeded',
        matchPolicy: 'Equivalent',
      });
    }
  });

  it('has a name of its own of three parts at least', async () => {
    const names = (await configuration(values)).webhooks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+){2,}$/);
  });

  it.each(['kube-system', 'kube-public', 'kube-node-lease', 'imc-system'])('leaves %s alone', async (namespace) => {
    const { webhooks } = await configuration(values);
    const labels = { ...named(namespace), 'alibabacloud.com/eci': 'true' };
    expect(sentBy(webhooks, labels, { 'alibabacloud.com/eci': 'true' })).toEqual([]);
  });

  it.each<[string, Labels, Labels]>([
    ['a namespace to be left alone', { 'imc-webhook/ignore': 'true' }, {}],
    ['a pod to be left alone', {}, { 'imc-webhook/ignore': 'true' }],
    ['a pod on ACS', {}, { 'alibabacloud.com/acs': 'true' }],
  ])('leaves %s alone', async (_title, namespace, pod) => {
    const { webhooks } = await configuration(values);
    expect(sentBy(webhooks, { ...named('shop'), 'alibabacloud.com/eci': 'true', ...namespace }, pod)).toEqual([]);
  });

  it('keeps to the requirements of its user', async () => {
    const webhook = {
      ...values.webhook,
      excludeNamespaces: ['monitoring'],
      namespaceExpressions: [{ key: 'team', operator: 'In', values: ['shop'] }],
      podExpressions: [{ key: 'tier', operator: 'DoesNotExist' }],
    };
    const { webhooks } = await configuration({ webhook });
    const eci = { 'alibabacloud.com/eci': 'true' };
    const shop = { ...named('shop'), team: 'shop' };
    expect(sentBy(webhooks, shop, eci)).toHaveLength(1);
    expect(sentBy(webhooks, named('shop'), eci)).toEqual([]);
    expect(sentBy(webhooks, { ...named('monitoring'), team: 'shop' }, eci)).toEqual([]);
    expect(sentBy(webhooks, shop, { ...eci, tier: 'db' })).toEqual([]);
  });

  it('gets the CA in its caBundle where it is given, and nothing where others write it', async () => {
    const caBundle = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----';
    const tls = { mode: 'files', files: { secretName: 'pair', caBundle: `\n${caBundle}\n` } };
    for (const { clientConfig } of (await configuration({ ...values, tls })).webhooks)
      expect(Buffer.from(clientConfig.caBundle ?? '', 'base64').toString()).toBe(caBundle);
    for (const mode of ['self-managed', 'cert-manager'])
      for (const { clientConfig } of (await configuration({ ...values, tls: { mode } })).webhooks)
        expect(clientConfig.caBundle).toBeUndefined();
  });

  it('is known to the CA injector of cert-manager, where that writes the CA', async () => {
    const { metadata } = await configuration({ ...values, tls: { mode: 'cert-manager' } });
    expect(metadata.annotations).toEqual({ 'cert-manager.io/inject-ca-from': `imc-system/${NAME}` });
    expect((await configuration(values)).metadata.annotations).toBeUndefined();
  });
});

describe('the configuration', () => {
  it('comes after those of sidecar injectors, in the order of names', async () => {
    const { metadata } = await configuration({});
    for (const other of ['istio-sidecar-injector', 'linkerd-proxy-injector-webhook-config', 'vault-agent-injector-cfg'])
      expect(metadata.name > other).toBe(true);
  });

  it('can have another name', async () => {
    const values = { webhook: { configurationName: 'pins' } };
    const manifests = await renderChart({ values });
    expect(manifest(manifests, 'MutatingWebhookConfiguration', 'pins')).toBeDefined();
  });
});

describe('scope cluster', () => {
  it('sends every other pod once', async () => {
    const { webhooks } = await configuration({});
    expect(webhooks).toHaveLength(1);
    expect(sentBy(webhooks, named('shop'), {})).toHaveLength(1);
    // Releases up to 1.20 do not label namespaces with their names.
    expect(sentBy(webhooks, {}, { 'alibabacloud.com/eci': 'true' })).toHaveLength(1);
  });
});

describe('scope labelled', () => {
  /** Labels that count, those that nearly do, and others. */
  const NAMESPACE_LABELS: readonly (readonly [string, string])[] = [
    ['alibabacloud.com/eci', 'true'],
    ['virtual-node-affinity-injection', 'enabled'],
    ['imc-webhook/enabled', 'true'],
    ['tier', 'batch'],
  ];
  const POD_LABELS: readonly (readonly [string, string])[] = [
    ['alibabacloud.com/eci', 'true'],
    ['eci', 'true'],
    ['tier', 'web'],
  ];
  const MORE = { namespaceLabels: [{ key: 'tier', value: 'batch' }], podLabels: [{ key: 'tier', value: 'web' }] };
  const labels = (those: typeof POD_LABELS): fc.Arbitrary<Labels> =>
    fc
      .tuple(...those.map(([key, value]) => fc.constantFrom<Labels>({}, { [key]: value }, { [key]: 'false' })))
      .map((maps) => Object.assign({}, ...maps) as Labels);

  it('has an entry for each label, those of namespaces first', async () => {
    const { webhooks } = await configuration({ webhook: { scope: 'labelled' } });
    expect(webhooks.map(({ name }) => name.split('.')[0])).toEqual([
      'namespace-1',
      'namespace-2',
      'namespace-3',
      'pod-1',
      'pod-2',
    ]);
  });

  it.each([
    ['as it is', { scope: 'labelled' }, 3, 2],
    ['with further labels', { scope: 'labelled', ...MORE }, 4, 3],
  ])(
    'sends a pod once if one of its labels counts, and never twice, %s',
    async (_title, webhook, ofNamespaces, ofPods) => {
      const { webhooks } = await configuration({ webhook });
      const namespaceLabels = NAMESPACE_LABELS.slice(0, ofNamespaces);
      const podLabels = POD_LABELS.slice(0, ofPods);
      fc.assert(
        fc.property(labels(NAMESPACE_LABELS), labels(POD_LABELS), (namespace, pod) => {
          const counts =
            namespaceLabels.some(([key, value]) => namespace[key] === value) ||
            podLabels.some(([key, value]) => pod[key] === value);
          expect(sentBy(webhooks, { ...named('shop'), ...namespace }, pod)).toHaveLength(counts ? 1 : 0);
        }),
        { numRuns: 500 },
      );
    },
  );
});

describe('matchConditions', () => {
  it('stand where the release of Kubernetes knows them', async () => {
    expect((await configuration({}, '1.27.9')).webhooks[0]?.matchConditions).toBeUndefined();
    expect((await configuration({}, '1.28.3')).webhooks[0]?.matchConditions).toHaveLength(3);
  });

  const environment = new Environment().registerVariable('object', 'map');
  const sent = async (object: object): Promise<boolean> => {
    const [entry] = (await configuration({}, '1.30.0')).webhooks;
    return (entry?.matchConditions ?? []).every(
      ({ expression }) => environment.evaluate(expression, { object }) === true,
    );
  };
  const pod = (metadata: object, spec: object = {}) => ({ metadata, spec });

  it.each<[string, object, boolean]>([
    ['a pod with nothing', pod({}), true],
    ['other annotations', pod({ annotations: { a: 'b' } }), true],
    ['a mirror pod', pod({ annotations: { 'kubernetes.io/config.mirror': 'x' } }), false],
    ['a pod to be left alone', pod({ annotations: { 'imc-webhook/ignore': 'true' } }), false],
    ['one that only seems so', pod({ annotations: { 'imc-webhook/ignore': 'false' } }), true],
    ['a real node', pod({}, { nodeName: 'cn-beijing.10.0.0.1' }), false],
    ['no node yet', pod({}, { nodeName: '' }), true],
    ['a virtual node of ACK', pod({}, { nodeName: 'virtual-kubelet-cn-beijing-h' }), true],
    ['an old virtual node', pod({}, { nodeName: 'virtual-node-eci-0' }), true],
    ['a virtual node of one’s own', pod({}, { nodeName: 'cn-beijing.vnd-2ze' }), true],
  ])('send what the program would look at, and only exclude: %s', async (_title, object, isSent) => {
    expect(await sent(object)).toBe(isSent);
  });
});
