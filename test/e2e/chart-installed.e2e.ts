import { beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from './support/api-client.ts';
import { CHART, renderChart } from './support/chart.ts';
import { chartPod } from './support/chart-pod.ts';
import { Cluster } from './support/cluster.ts';
import { eventually } from './support/eventually.ts';
import type { CommandResult } from './support/kubectl.ts';
import { anEciPodNamed, type Decision, decisionOn } from './support/pods.ts';
import { register, unregister } from './support/registration.ts';
import { Webhook } from './support/webhook.ts';

/**
 * The chart in a real API server: installed, upgraded, rolled back and uninstalled by helm. No kubelet starts its pods;
 * one replica is started here as they would be.
 */

const NAME = 'imc-eci-imagecache-webhook';
const CONFIGURATION = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/zz-${NAME}`;
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const DEFINITION = `${DEFINITIONS}/imagecaches.eci.alibabacloud.com`;
const OURS = '/api/v1/namespaces/imc-system';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start();
  return () => cluster.stop();
});

const helm = (command: string): Promise<string> => cluster.kubectl.helm(`${command} --namespace imc-system`);

describe('installed', () => {
  beforeAll(async () => {
    await helm(`install imc ${CHART} --create-namespace`);
    await eventually('the CRD to be established', () => established());
  });

  it('says what to do next', async () => {
    const notes = await helm('get notes imc');
    expect(notes).toContain(`kubectl -n imc-system rollout status deployment/${NAME}`);
    expect(notes).toContain(`kubectl delete mutatingwebhookconfiguration zz-${NAME}`);
  });

  it('pods are created as before while nobody serves', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'alone' },
      spec: { containers: [{ name: 'a', image: 'nginx' }] },
    };
    const created = await cluster.createPod(pod);
    expect(created.metadata.annotations).toBeUndefined();
  });

  describe('the CRD of ImageCaches', () => {
    it('prints the vendor’s columns, by either short name, and more with -o wide', async () => {
      await cluster.kubectl.apply(VENDORS_IMAGE_CACHE);
      await cluster.api.patch('/apis/eci.alibabacloud.com/v1/imagecaches/vendors/status', {
        status: { imageCacheId: 'imc-2zeditzeoemfhqor', phase: 'Ready', progress: '100%' },
      });
      for (const name of ['imc', 'ic', 'imagecaches.eci.alibabacloud.com']) {
        const [header, row] = (await cluster.kubectl.run(`get ${name}`)).split('\n');
        expect(header?.split(/\s+/)).toEqual(['NAME', 'AGE', 'CACHEID', 'PHASE', 'PROGRESS']);
        expect(row).toMatch(/^vendors +\S+ +imc-2zeditzeoemfhqor +Ready +100%$/);
      }
      const [header] = (await cluster.kubectl.run('get imc -o wide')).split('\n');
      expect(header).toContain('PROGRESS   SIZE   RETENTION   EXPIRES   REASON   IMAGES');
      expect(await cluster.kubectl.run('get all')).toContain('imagecache.eci.alibabacloud.com/vendors');
    });

    it('keeps what builders report, known or not', async () => {
      const path = '/apis/eci.alibabacloud.com/v1/imagecaches/vendors';
      const images = [{ name: 'nginx', digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 20_000_000_000 }];
      const status = { images, events: null, flashSnapshotId: 's-1', lastUpdatedTime: '2026-01-01T00:00:00Z' };
      await cluster.api.patch(`${path}/status`, { status });
      const object = await cluster.api.get(path);
      expect(object['status']).toMatchObject({ images, flashSnapshotId: 's-1', phase: 'Ready' });
    });

    it.each<[string, object, RegExp]>([
      ['no images', { images: [] }, /spec\.images/],
      ['21 images', { images: Array.from({ length: 21 }, (_, i) => `i${i}`) }, /spec\.images/],
      ['19 GiB', { images: ['nginx'], imageCacheSize: 19 }, /spec\.imageCacheSize/],
      ['65537 days', { images: ['nginx'], retentionDays: 65_537 }, /spec\.retentionDays/],
    ])('refuses %s', async (_title, spec, message) => {
      const object = { apiVersion: 'eci.alibabacloud.com/v1', kind: 'ImageCache', metadata: { name: 'wrong' }, spec };
      const { code, err } = await cluster.kubectl.try('create -f -', JSON.stringify(object));
      expect(code).not.toBe(0);
      expect(err).toMatch(message);
    });
  });

  describe('serve, as the chart starts it and with no rights but those it gives', () => {
    let webhook: Webhook;
    const profile = (selectors: string): Promise<string> =>
      cluster.kubectl.apply(
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'eci-profile', namespace: 'kube-system' },
          data: { selectors },
        }),
      );
    /** A review of a pod on ECI, answered by this replica. */
    const decided = async (name: string): Promise<Decision | undefined> =>
      decisionOn(await cluster.createPod(anEciPodNamed(name, 'centos:latest'), { dryRun: true }));

    beforeAll(async () => {
      const files = { secretName: 'pair', caBundle: cluster.webhookCa.cert };
      const manifests = await renderChart({ values: { tls: { mode: 'files', files } } });
      const { args, env } = await chartPod(cluster, manifests, NAME);
      webhook = await Webhook.start({
        source: args.slice(1),
        env,
        certificate: await cluster.webhookCa.server('127.0.0.1'),
      });
      cluster.atEnd(() => webhook.kill());
      await register(cluster.api, { name: 'straight', port: webhook.port, caBundle: cluster.webhookCa.cert });
      await cluster.untilStamped(anEciPodNamed('probe', 'centos:latest'));
      return async () => {
        await unregister(cluster.api, 'straight');
        await webhook.stop();
      };
    });

    it('gets ready, and pins the ImageCache that kubectl shows', async () => {
      const { status, text } = await webhook.operation('/readyz?verbose');
      expect(status, text).toBe(200);
      expect(await decided('pinned')).toMatchObject({ cache: 'vendors', exact: 1 });
    });

    it('tells of a broken eci-profile by an Event', async () => {
      await profile('[{]');
      const told = await eventually('the Event', async () => {
        const events = await cluster.api.items('/api/v1/namespaces/kube-system/events');
        return events.find((event) => JSON.stringify(event['involvedObject']).includes('"eci-profile"'));
      });
      expect(told).toMatchObject({ type: 'Warning' });
      await profile('[]');
    });

    it('is refused nothing', () => {
      expect(webhook.process.log()).not.toMatch(/forbidden/i);
    });

    it('leaves pods of its own namespace alone', async () => {
      await cluster.controlPlane.namespaceReady('imc-system');
      const pod = anEciPodNamed('own', 'centos:latest');
      const own = { ...pod, metadata: { ...pod.metadata, namespace: 'imc-system' } };
      expect(decisionOn(await cluster.createPod(own, { dryRun: true }))).toBeUndefined();
    });
  });

  describe('spec S6: the API server', () => {
    const SERVE = `system:serviceaccount:imc-system:${NAME}`;
    const CONTROLLER = `${SERVE}-controller`;
    const as = (account: string, command: string): Promise<CommandResult> =>
      cluster.kubectl.try(`${command} --as ${account}`, ANOTHER_IMAGE_CACHE);

    it.each([
      ['serve list ImageCaches', SERVE, 'get imagecaches.eci.alibabacloud.com'],
      ['serve list namespaces', SERVE, 'get namespaces'],
      [
        'serve list the one ConfigMap',
        SERVE,
        'get configmaps -n kube-system --field-selector metadata.name=eci-profile',
      ],
      ['serve read its certificate', SERVE, `get secret -n imc-system ${NAME}-tls`],
      ['the controller list pods', CONTROLLER, 'get pods -A'],
      ['the controller create an ImageCache', CONTROLLER, 'create -f - --dry-run=server'],
      ['the controller read the key of the CA', CONTROLLER, `get secret -n imc-system ${NAME}-tls-ca`],
      ['the controller read its configuration', CONTROLLER, `get mutatingwebhookconfigurations zz-${NAME}`],
    ])('lets %s', async (_title, account, command) => {
      const { code, err } = await as(account, command);
      expect(code, err).toBe(0);
    });

    it.each([
      ['serve list all ConfigMaps', SERVE, 'get configmaps -n kube-system'],
      ['serve read the key of the CA', SERVE, `get secret -n imc-system ${NAME}-tls-ca`],
      ['serve list Secrets', SERVE, 'get secrets -n imc-system'],
      ['serve list pods', SERVE, 'get pods'],
      ['serve create an ImageCache', SERVE, 'create -f - --dry-run=server'],
      ['the controller list Secrets', CONTROLLER, 'get secrets -A'],
      ['the controller list all configurations', CONTROLLER, 'get mutatingwebhookconfigurations'],
      [
        'the controller delete its configuration',
        CONTROLLER,
        `delete mutatingwebhookconfigurations zz-${NAME} --dry-run=server`,
      ],
    ])('does not let %s', async (_title, account, command) => {
      const { code, err } = await as(account, command);
      expect(code).not.toBe(0);
      expect(err).toMatch(/forbidden/i);
    });
  });

  describe('what the controller has written stays', () => {
    const caBundle = Buffer.from('-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----').toString('base64');
    const state = async () => {
      const { webhooks } = (await cluster.api.get(CONFIGURATION)) as KubeObject & {
        webhooks: { timeoutSeconds: number; clientConfig: { caBundle?: string } }[];
      };
      const lease = await cluster.api.get(
        `/apis/coordination.k8s.io/v1/namespaces/imc-system/leases/${NAME}-controller`,
      );
      return {
        timeouts: webhooks.map(({ timeoutSeconds }) => timeoutSeconds),
        bundles: webhooks.map(({ clientConfig }) => clientConfig.caBundle),
        certificate: (await cluster.api.get(`${OURS}/secrets/${NAME}-tls`))['data'],
        authority: (await cluster.api.get(`${OURS}/secrets/${NAME}-tls-ca`))['data'],
        profile: (await cluster.api.get(`${OURS}/configmaps/${NAME}-profile`))['data'],
        holder: (lease['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity,
      };
    };
    const written = {
      bundles: [caBundle],
      certificate: { 'tls.crt': 'MQ==', 'tls.key': 'Mg==' },
      authority: { 'tls.crt': 'Mw==' },
      profile: { selectors: '[]' },
      holder: 'pod-1',
    };

    beforeAll(async () => {
      const before = await cluster.api.get(CONFIGURATION);
      const webhooks = (before['webhooks'] as { clientConfig: object }[]).map((webhook) => ({
        ...webhook,
        clientConfig: { ...webhook.clientConfig, caBundle },
      }));
      await cluster.api.patch(CONFIGURATION, { webhooks });
      await cluster.api.patch(`${OURS}/secrets/${NAME}-tls`, { data: written.certificate });
      await cluster.api.patch(`${OURS}/secrets/${NAME}-tls-ca`, { data: written.authority });
      await cluster.api.patch(`${OURS}/configmaps/${NAME}-profile`, { data: written.profile });
      await cluster.api.patch(`/apis/coordination.k8s.io/v1/namespaces/imc-system/leases/${NAME}-controller`, {
        spec: { holderIdentity: written.holder },
      });
    });

    it('through an upgrade that changes the webhook configuration', async () => {
      await helm(`upgrade imc ${CHART} --set webhook.timeoutSeconds=5 --set config.mode=observe`);
      expect(await state()).toEqual({ ...written, timeouts: [5] });
      const settings = await cluster.api.get(`${OURS}/configmaps/${NAME}-settings`);
      expect(settings['data']).toEqual({ 'imc.yaml': 'mode: observe\n' });
    });

    it('through the way back to the first revision', async () => {
      await helm('rollback imc 1');
      expect(await state()).toEqual({ ...written, timeouts: [3] });
    });
  });

  describe('everything there is to switch on', () => {
    beforeAll(async () => {
      await cluster.kubectl.apply(listOf(FOREIGN_DEFINITIONS));
      for (const { metadata } of FOREIGN_DEFINITIONS)
        await eventually(`${metadata.name} to be established`, () => established(metadata.name));
    });

    const files = { secretName: 'pair', caBundle: '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----' };
    const all = {
      commonLabels: { team: 'platform' },
      config: { drainSeconds: 30 },
      serve: { tolerations: [{ key: 'a', operator: 'Exists' }], extraEnv: [{ name: 'IMC_MODE', value: 'observe' }] },
      networkPolicy: { enabled: true, apiServerCidrs: ['10.0.0.0/24'], adminFrom: [{ podSelector: {} }] },
      serviceMonitor: { enabled: true },
    };
    it.each([
      ['self-managed, cluster', { tls: { mode: 'self-managed' } }],
      ['self-managed, labelled', { tls: { mode: 'self-managed' }, webhook: { scope: 'labelled' } }],
      ['cert-manager, labelled', { tls: { mode: 'cert-manager' }, webhook: { scope: 'labelled' } }],
      ['cert-manager with an issuer', { tls: { mode: 'cert-manager', certManager: { issuerRef: { name: 'ca' } } } }],
      ['files', { tls: { mode: 'files', files, clientCa: { configMapName: 'callers' } } }],
    ])('is taken by the API server: %s', async (_title, values) => {
      const { gitVersion } = JSON.parse((await cluster.api.send('GET', '/version')).text) as { gitVersion: string };
      const rendering = {
        release: 'other',
        values: { ...all, ...values },
        kubeVersion: gitVersion.replace(/\+.*/, ''),
      };
      const manifests = await renderChart(rendering);
      const apply = 'apply --dry-run=server --validate=true -f -';
      const { code, out, err } = await cluster.kubectl.try(apply, listOf(manifests));
      expect(err.replace(/^Warning.*\n/gm, '')).toBe('');
      expect(code).toBe(0);
      expect(out.trim().split('\n')).toHaveLength(manifests.length);
    });
  });

  it('scope labelled: the notes name the rules that bring no pods', async () => {
    const rules = [
      { name: 'every-pod' },
      { name: 'eci-pods', objectSelector: { matchLabels: { 'alibabacloud.com/eci': 'true' } } },
      {
        name: 'eci-namespaces',
        namespaceSelector: { matchExpressions: [{ key: 'imc-webhook/enabled', operator: 'In', values: ['true'] }] },
      },
      { name: 'web-pods', objectSelector: { matchLabels: { tier: 'web' } } },
      { name: 'not-db', objectSelector: { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['db'] }] } },
    ];
    const profile = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'eci-profile', namespace: 'kube-system' },
    };
    await cluster.kubectl.apply(JSON.stringify({ ...profile, data: { selectors: JSON.stringify(rules) } }));
    const notes = await helm(`upgrade imc ${CHART} --set webhook.scope=labelled`);
    expect(notes).toContain('do not bring pods here: web-pods, not-db.\n');
    expect(notes).toContain('- namespace virtual-node-affinity-injection=enabled');

    await cluster.kubectl.apply(JSON.stringify({ ...profile, data: { selectors: '[{' } }));
    await helm(`upgrade imc ${CHART} --set webhook.scope=labelled`);
  });

  it('uninstalled: nothing of it stays but the CRD and the ImageCaches', async () => {
    await helm('uninstall imc --wait');
    const kinds = (await cluster.kubectl.run('api-resources --verbs=list,delete -o name')).trim().split('\n');
    // Pods are on their way: the garbage collector takes them with their ReplicaSets.
    const left = async (): Promise<string> =>
      cluster.kubectl.run(
        `get ${kinds.filter((kind) => !/^(events|componentstatuses)/.test(kind)).join(',')} -A -l app.kubernetes.io/instance=imc -o name`,
      );
    await eventually('everything to be gone', async () => (await left()) === '');
    expect(await cluster.kubectl.run('get imc -o name')).toBe('imagecache.eci.alibabacloud.com/vendors\n');
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'after' },
      spec: { containers: [{ name: 'a', image: 'nginx' }] },
    };
    await cluster.createPod(pod);
  });
});

describe('in a cluster with the vendor’s CRD', () => {
  it('the vendor’s stays as it is, through install and uninstall', async () => {
    await cluster.kubectl.run('delete crd imagecaches.eci.alibabacloud.com');
    await cluster.api.create(DEFINITIONS, VENDORS_DEFINITION);
    await eventually('the CRD to be established', () => established());
    const before = await cluster.api.get(DEFINITION);
    await helm(`install imc ${CHART}`);
    await helm('uninstall imc');
    const after = await cluster.api.get(DEFINITION);
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(after['spec']).toEqual(before['spec']);
  });
});

function listOf(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

async function established(name = 'imagecaches.eci.alibabacloud.com'): Promise<boolean> {
  const definition = await cluster.api.get(`${DEFINITIONS}/${name}`);
  const { conditions = [] } = definition['status'] as { conditions?: { type: string; status: string }[] };
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
}

/** As self-managed clusters have it: one short name, a closed status. */
const VENDORS_DEFINITION = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'imagecaches.eci.alibabacloud.com' },
  spec: {
    group: 'eci.alibabacloud.com',
    scope: 'Cluster',
    names: {
      kind: 'ImageCache',
      listKind: 'ImageCacheList',
      plural: 'imagecaches',
      singular: 'imagecache',
      shortNames: ['imc'],
    },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [{ name: 'Id', type: 'string', jsonPath: '.status.imageCacheId' }],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['images'],
                properties: {
                  images: { type: 'array', minItems: 1, items: { type: 'string' } },
                  imageCacheSize: { type: 'integer', default: 30 },
                },
              },
              status: {
                type: 'object',
                required: ['phase', 'progress'],
                properties: {
                  phase: { type: 'string', default: 'Pending' },
                  progress: { type: 'string', default: '0%' },
                },
              },
            },
          },
        },
      },
    ],
  },
} as const;

const VENDORS_IMAGE_CACHE = `
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: vendors
  annotations:
    k8s.aliyun.com/imc-enable-reuse: "true"
spec:
  images:
  - centos:latest
  - busybox:latest
  imagePullSecrets:
  - default:secret1
  - kube-system:secret2
  imageCacheSize: 25
  retentionDays: 7
`;

const ANOTHER_IMAGE_CACHE = VENDORS_IMAGE_CACHE.replace('name: vendors', 'name: another');

/** What cert-manager and the Prometheus operator would bring. */
const FOREIGN_DEFINITIONS = [
  foreign('cert-manager.io', 'v1', 'Issuer'),
  foreign('cert-manager.io', 'v1', 'Certificate'),
  foreign('monitoring.coreos.com', 'v1', 'ServiceMonitor'),
];

function foreign(group: string, version: string, kind: string) {
  const plural = `${kind.toLowerCase()}s`;
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: open } }],
    },
  };
}
