import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import {
  CHART,
  helm,
  type Manifest,
  manifest,
  nameOf,
  type Rendering,
  renderChart,
  tryRendering,
} from './support/chart.ts';

/** What helm makes of the chart, for every release of Kubernetes and every kind of certificate. */

const NAME = 'imc-eci-imagecache-webhook';
const CA = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----';
const CERTIFICATES = {
  'self-managed': { mode: 'self-managed' },
  'cert-manager': { mode: 'cert-manager' },
  'an issuer of cert-manager': {
    mode: 'cert-manager',
    certManager: { issuerRef: { kind: 'ClusterIssuer', name: 'internal-ca' } },
  },
  files: { mode: 'files', files: { secretName: 'pair', caBundle: CA } },
} as const;
/** Everything there is, switched on. */
const FULL = {
  commonLabels: { team: 'platform' },
  imagePullSecrets: [{ name: 'registry' }],
  image: { digest: `sha256:${'0'.repeat(64)}` },
  config: { mode: 'observe', drainSeconds: 25, log: { level: 'debug' } },
  webhook: {
    scope: 'labelled',
    excludeNamespaces: ['monitoring'],
    namespaceExpressions: [{ key: 'team', operator: 'Exists' }],
    podExpressions: [{ key: 'tier', operator: 'NotIn', values: ['db'] }],
    namespaceLabels: [{ key: 'tier', value: 'batch' }],
    podLabels: [{ key: 'tier', value: 'web' }],
  },
  serve: {
    podLabels: { a: 'b' },
    podAnnotations: { c: 'd' },
    tolerations: [{ key: 'e', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    extraEnv: [{ name: 'IMC_LOG_LEVEL', value: 'warn' }],
    serviceAccount: { name: 'reviewer', annotations: { f: 'g' } },
  },
  controller: { replicas: 2, serviceAccount: { annotations: { role: 'r' } } },
  networkPolicy: { enabled: true, apiServerCidrs: ['10.0.0.0/24'], adminFrom: [{ namespaceSelector: {} }] },
  serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
};
const VERSIONS = ['1.20.2', '1.21.14', '1.27.3', '1.28.9-aliyun.1', '1.30.1', '1.36.2'];
const MATRIX = VERSIONS.flatMap((kubeVersion) =>
  Object.entries(CERTIFICATES).flatMap(([certificate, tls]) => [
    { title: `${kubeVersion}, ${certificate}`, kubeVersion, values: { tls } },
    { title: `${kubeVersion}, ${certificate}, everything on`, kubeVersion, values: { tls, ...FULL } },
  ]),
);

describe('helm lint finds nothing', () => {
  it.each(MATRIX.filter(({ kubeVersion }) => /^1\.(20|36)/.test(kubeVersion)))(
    '$title',
    async ({ kubeVersion, values }) => {
      const args = ['lint', CHART, '--strict', '--kube-version', kubeVersion, '--values', '-'];
      const { code, out, err } = await helm(args, values);
      expect(code, out + err).toBe(0);
      expect(out).not.toMatch(/\[(WARNING|ERROR)\]/);
    },
  );
});

describe('every manifest', () => {
  it.each(MATRIX)('is whole and has a name of its own: $title', async (rendering) => {
    const manifests = await renderChart(rendering);
    const names = manifests.map(nameOf);
    expect(new Set(names).size).toBe(names.length);
    for (const { apiVersion, kind, metadata } of manifests) {
      expect(apiVersion).toMatch(/^([a-z0-9.-]+\/)?v1(beta1)?$/);
      const isOfTheCluster = /^(ClusterRole|ClusterRoleBinding|MutatingWebhookConfiguration)$/.test(kind);
      expect(metadata.namespace === undefined, `${kind} ${metadata.name}`).toBe(isOfTheCluster);
      expect(metadata.name.length, metadata.name).toBeLessThanOrEqual(63);
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/name': 'eci-imagecache-webhook',
        'app.kubernetes.io/instance': 'imc',
        'app.kubernetes.io/managed-by': 'Helm',
      });
    }
  });

  it('has the labels of commonLabels', async () => {
    const manifests = await renderChart({ values: FULL });
    for (const object of manifests) expect(object.metadata.labels, nameOf(object)).toMatchObject({ team: 'platform' });
  });

  it.each([
    ['a release with the name of the chart', { release: 'eci-imagecache-webhook' }, 'eci-imagecache-webhook'],
    ['another name', { values: { fullnameOverride: 'pins' } }, 'pins'],
    ['the longest name of a release', { release: 'r'.repeat(53) }, 'r'.repeat(52)],
  ])('has a name that is legal with %s', async (_title, rendering, name) => {
    const manifests = await renderChart(rendering);
    expect(manifest(manifests, 'Service', name).metadata.name).toBe(name);
    // What becomes part of names and labels of pods; roles may have longer ones.
    const limited = manifests.filter(({ kind }) => !kind.startsWith('Role'));
    for (const object of limited) expect(object.metadata.name.length, nameOf(object)).toBeLessThanOrEqual(63);
  });
});

interface Workload {
  readonly spec: {
    readonly replicas: number;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: PodSpec;
    };
  };
}

function deployment(manifests: readonly Manifest[], name: string): Workload {
  return manifest(manifests, 'Deployment', name) as Manifest & Workload;
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly priorityClassName?: string;
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
  readonly affinity: object;
  readonly topologySpreadConstraints: readonly object[];
  readonly volumes: readonly { readonly name: string }[];
  readonly containers: readonly [Container];
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly securityContext: object;
  readonly env: readonly { readonly name: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly livenessProbe: { readonly httpGet: object };
  readonly readinessProbe: { readonly httpGet: object };
}

describe.each(['serve', 'controller'])('the pods of %s', (component) => {
  const name = component === 'serve' ? NAME : `${NAME}-controller`;
  const workload = async (rendering: Rendering = {}): Promise<Workload> =>
    deployment(await renderChart(rendering), name);
  const pod = async (values: object = {}): Promise<PodSpec> => (await workload({ values })).spec.template.spec;

  it('meet the restricted Pod Security Standard, on a read-only root', async () => {
    const { securityContext, containers } = await pod();
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('are asked for their health on the admin port, which listens on the address of the pod', async () => {
    const [container] = (await pod()).containers;
    expect(container.livenessProbe.httpGet).toEqual({ path: '/livez', port: 'admin' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'admin' });
    expect(container.args).toEqual(expect.arrayContaining(['--admin-host=::', '--admin-port=8080']));
  });

  it.each([
    [{}, 10],
    [{ config: { drainSeconds: 0 } }, 0],
    [{ config: { drainSeconds: 90 } }, 90],
    [{ config: { drainSeconds: '90' } }, 90],
    [{ config: { drainSeconds: null } }, 10],
  ])('spec S3: have time to drain and to finish what is in flight (%j)', async (values, drainSeconds) => {
    expect((await pod(values)).terminationGracePeriodSeconds).toBeGreaterThanOrEqual(drainSeconds + 15);
  });

  it('know their namespace, which is never touched, and read the settings from a folder that can change', async () => {
    const [{ env, args, volumeMounts }] = (await pod()).containers;
    expect(env.map((variable) => variable.name)).toEqual(expect.arrayContaining(['POD_NAMESPACE', 'POD_NAME']));
    const settings = volumeMounts.find((mount) => mount.name === 'settings');
    expect(settings).toEqual({ name: 'settings', mountPath: '/etc/imc/settings', readOnly: true });
    expect(args).toContain('--config=/etc/imc/settings/imc.yaml');
  });

  it('prefer different nodes and zones, and demand nothing', async () => {
    const { affinity, topologySpreadConstraints } = await pod();
    expect(Object.keys(affinity)).toEqual(['podAntiAffinity']);
    expect(JSON.stringify(affinity)).not.toContain('requiredDuring');
    expect(topologySpreadConstraints.map((each) => (each as { topologyKey: string }).topologyKey)).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ]);
    for (const constraint of topologySpreadConstraints)
      expect(constraint).toMatchObject({ whenUnsatisfiable: 'ScheduleAnyway' });
  });

  it('are those their Deployment selects', async () => {
    const { spec } = await workload({ values: FULL });
    expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    expect(spec.selector.matchLabels).toMatchObject({ 'app.kubernetes.io/component': component });
  });

  it('run the image of the chart’s version, a tag, or a digest', async () => {
    const { appVersion } = await chartMetadata();
    expect((await pod()).containers[0].image).toBe(`eci-imagecache-webhook:${appVersion}`);
    expect((await pod({ image: { repository: 'r.example.com/a', tag: '1' } })).containers[0].image).toBe(
      'r.example.com/a:1',
    );
    const digest = `sha256:${'a'.repeat(64)}`;
    const pinned = await pod({ image: { repository: 'r.example.com/a', tag: '1', digest } });
    expect(pinned.containers[0].image).toBe(`r.example.com/a@${digest}`);
  });

  it('have no priority where none is wanted', async () => {
    expect((await pod()).priorityClassName).toBe('system-cluster-critical');
    expect((await pod({ [component]: { priorityClassName: '' } })).priorityClassName).toBeUndefined();
  });
});

describe('what belongs to the pods that serve', () => {
  it('one of them may be evicted at a time, also where there is only one', async () => {
    for (const [kubeVersion, apiVersion, evicts] of [
      ['1.20.2', 'policy/v1beta1', undefined],
      ['1.21.0', 'policy/v1', undefined],
      ['1.27.0', 'policy/v1', 'AlwaysAllow'],
    ] as const) {
      const budget = manifest(
        await renderChart({ kubeVersion, values: { serve: { replicas: 1 } } }),
        'PodDisruptionBudget',
        NAME,
      );
      expect(budget.apiVersion).toBe(apiVersion);
      expect(budget['spec']).toMatchObject({ maxUnavailable: 1 });
      expect((budget['spec'] as Record<string, unknown>)['minAvailable']).toBeUndefined();
      expect((budget['spec'] as Record<string, unknown>)['unhealthyPodEvictionPolicy']).toBe(evicts);
    }
  });

  it('Service, budget and policies select them and nobody else', async () => {
    const manifests = await renderChart({ values: FULL });
    const { spec } = deployment(manifests, NAME);
    const { matchLabels } = spec.selector;
    expect(manifest(manifests, 'Service', NAME)['spec']).toMatchObject({ selector: matchLabels });
    expect(manifest(manifests, 'PodDisruptionBudget', NAME)['spec']).toMatchObject({ selector: { matchLabels } });
    expect(manifest(manifests, 'NetworkPolicy', NAME)['spec']).toMatchObject({ podSelector: { matchLabels } });
    const test = manifests.find(({ kind }) => kind === 'Pod');
    expect(test?.metadata.labels).not.toMatchObject(matchLabels);
  });

  it('policies let in reviews, health and metrics, and out what asks the API server', async () => {
    const manifests = await renderChart({ values: FULL });
    const policy = manifest(manifests, 'NetworkPolicy', NAME) as Manifest & {
      spec: Record<string, { ports: { port: unknown }[] }[]>;
    };
    expect(policy.spec['policyTypes']).toEqual(['Ingress', 'Egress']);
    const portsOf = (rules = policy.spec['ingress']) => rules?.flatMap(({ ports }) => ports.map(({ port }) => port));
    expect(portsOf()).toEqual(['https', 'admin']);
    expect(portsOf(policy.spec['egress'])).toEqual([443, 6443]);
  });

  it('spec S1: the certificate comes from where tls.mode says, as a folder that can change', async () => {
    for (const [tls, secretName] of [
      [CERTIFICATES['cert-manager'], `${NAME}-cert`],
      [CERTIFICATES.files, 'pair'],
    ] as const) {
      const { spec } = deployment(await renderChart({ values: { tls } }), NAME);
      const [{ args, volumeMounts }] = spec.template.spec.containers;
      expect(args).toContain('--cert-dir=/etc/imc/tls');
      expect(volumeMounts).toContainEqual({ name: 'tls', mountPath: '/etc/imc/tls', readOnly: true });
      expect(spec.template.spec.volumes).toContainEqual({ name: 'tls', secret: { secretName } });
    }
    const { spec } = deployment(await renderChart(), NAME);
    expect(JSON.stringify(spec)).not.toContain('"secret":');
  });

  it('cert-manager makes it for the name the API server asks for', async () => {
    const manifests = await renderChart({ values: { tls: CERTIFICATES['cert-manager'] } });
    expect(manifest(manifests, 'Certificate', NAME)['spec']).toMatchObject({
      secretName: `${NAME}-cert`,
      dnsNames: expect.arrayContaining([`${NAME}.imc-system.svc`]) as unknown,
      issuerRef: { kind: 'Issuer', name: `${NAME}-ca` },
    });
    const withIssuer = await renderChart({ values: { tls: CERTIFICATES['an issuer of cert-manager'] } });
    expect(withIssuer.filter(({ kind }) => kind === 'Issuer')).toEqual([]);
    expect(manifest(withIssuer, 'Certificate', NAME)['spec']).toMatchObject({
      issuerRef: { kind: 'ClusterIssuer', name: 'internal-ca' },
    });
  });

  it('callers’ certificates are checked where a CA for them is given', async () => {
    const values = { tls: { clientCa: { configMapName: 'callers', key: 'ca.pem' } } };
    const { spec } = deployment(await renderChart({ values }), NAME);
    expect(spec.template.spec.containers[0].args).toContain('--client-ca=/etc/imc/client-ca/ca.pem');
    expect(spec.template.spec.volumes).toContainEqual({ name: 'client-ca', configMap: { name: 'callers' } });
  });
});

describe('what one part is told of another', () => {
  const argsOf = async (values: object, name: string): Promise<readonly string[]> =>
    deployment(await renderChart({ values }), name).spec.template.spec.containers[0].args;

  it('the controller keeps what serve reads, and knows its pods', async () => {
    const controller = await argsOf({}, `${NAME}-controller`);
    expect(controller).toEqual([
      'controller',
      '--config=/etc/imc/settings/imc.yaml',
      '--port=8443',
      '--admin-host=::',
      '--admin-port=8080',
      `--profile-config-map=${NAME}-profile`,
      `--tls-secret=${NAME}-tls`,
      `--controller-lease=${NAME}-controller`,
      `--controller-state-config-map=${NAME}-state`,
      `--tls-webhook-configuration=zz-${NAME}`,
      '--tls-pod-selector=app.kubernetes.io/name=eci-imagecache-webhook,app.kubernetes.io/instance=imc,app.kubernetes.io/component=serve',
    ]);
    expect(await argsOf({}, NAME)).toEqual([
      'serve',
      '--config=/etc/imc/settings/imc.yaml',
      '--port=8443',
      '--admin-host=::',
      '--admin-port=8080',
      `--profile-config-map=${NAME}-profile`,
      `--tls-secret=${NAME}-tls`,
      '--source=kubernetes',
      '--host=::',
    ]);
  });

  it('nobody looks after a certificate that others make', async () => {
    const values = { tls: { mode: 'cert-manager' } };
    for (const name of [NAME, `${NAME}-controller`])
      expect((await argsOf(values, name)).join(' ')).not.toContain('--tls-');
  });
});

describe('the settings', () => {
  it.each([
    [{}],
    [{ mode: 'off', warnings: false, registryAliases: 'off', drainSeconds: 0 }],
    [{ mode: false, expiryMargin: 0, controller: { driver: 'external' }, log: { level: 'debug' } }],
  ])('spec 8: are read by the program as they were given: %j', async (config) => {
    const configMap = manifest(await renderChart({ values: { config } }), 'ConfigMap', `${NAME}-settings`);
    const fileText = (configMap['data'] as Record<string, string>)['imc.yaml'] ?? '';
    const request = { env: {}, flags: {}, context: { command: 'serve' } } as const;
    const expected = loadConfig({ ...request, file: 'imc.yaml', fileText: JSON.stringify(config) });
    expect(loadConfig({ ...request, file: 'imc.yaml', fileText }).values).toEqual(expected.values);
  });

  it('change without a restart: nothing of the pods depends on them, save the time to drain', async () => {
    const podsWith = async (config: object) => {
      const manifests = await renderChart({ values: { config } });
      return manifests.filter(({ kind }) => kind === 'Deployment');
    };
    expect(await podsWith({ mode: 'off', log: { level: 'debug' } })).toEqual(await podsWith({}));
  });
});

describe('what the controller keeps', () => {
  it('stands in the release, empty, so that it leaves with it and an upgrade does not touch it', async () => {
    const manifests = await renderChart();
    const state = [
      ['ConfigMap', `${NAME}-profile`],
      ['ConfigMap', `${NAME}-state`],
      ['Lease', `${NAME}-controller`],
      ['Secret', `${NAME}-tls`],
      ['Secret', `${NAME}-tls-ca`],
    ] as const;
    for (const [kind, name] of state) {
      const { apiVersion: _, kind: __, metadata: ___, ...rest } = manifest(manifests, kind, name);
      expect(rest).toEqual(kind === 'Secret' ? { type: 'Opaque' } : {});
    }
  });
});

describe('helm test', () => {
  it.each(Object.entries(CERTIFICATES))('asks the Service for a review over TLS with %s', async (_title, tls) => {
    const manifests = await renderChart({ values: { tls } });
    const pod = manifest(manifests, 'Pod', `${NAME}-test`) as Manifest & { spec: PodSpec & { restartPolicy: string } };
    expect(pod.metadata.annotations?.['helm.sh/hook']).toBe('test');
    const [container] = pod.spec.containers;
    const ca = tls.mode === 'files' ? '/etc/imc/test/ca.crt' : '/etc/imc/ca/ca.crt';
    expect(container.args).toEqual([
      'review',
      '--filename=/etc/imc/test/pod.yaml',
      `--server=https://${NAME}.imc-system.svc`,
      `--ca-file=${ca}`,
    ]);
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    expect(pod.spec.automountServiceAccountToken).toBe(false);
    for (const { mountPath } of container.volumeMounts) expect(['/etc/imc/test', '/etc/imc/ca']).toContain(mountPath);
    expect(JSON.stringify(pod.spec.volumes)).not.toMatch(/tls\.key/);
  });
});

describe('values that cannot be are refused with a word about them', () => {
  it.each<[string, object, RegExp]>([
    ['an unknown one', { serve: { replica: 2 } }, /serve: Additional property replica is not allowed/],
    ['a wrong kind', { serve: { replicas: '2' } }, /serve\.replicas: Invalid type\. Expected: integer, given: string/],
    ['a word there is not', { webhook: { scope: 'all' } }, /webhook\.scope must be one of .*"cluster", "labelled"/],
    ['a setting there is not', { config: { modus: 'off' } }, /config: Additional property modus is not allowed/],
    ['a setting with a wrong word', { config: { mode: 'on' } }, /config\.mode must be one of .*"enforce", "observe"/],
    ['a setting the chart gives', { config: { port: 1 } }, /config: Additional property port is not allowed/],
    ['files without a Secret', { tls: { mode: 'files' } }, /tls\.files\.secretName is needed with tls\.mode files/],
    [
      'files without a CA',
      { tls: { mode: 'files', files: { secretName: 'pair' } } },
      /tls\.files\.caBundle is needed with tls\.mode files: give the CA in PEM/,
    ],
    [
      'files for nothing',
      { tls: { files: { secretName: 'pair' } } },
      /tls\.files has no effect with tls\.mode self-managed/,
    ],
    ['nobody to make certificates', { controller: { enabled: false } }, /leaves nobody to make certificates/],
    [
      'labels for nothing',
      { webhook: { podLabels: [{ key: 'a', value: 'b' }] } },
      /no effect with webhook\.scope cluster/,
    ],
  ])('%s', async (_title, values, message) => {
    const { code, err } = await tryRendering({ values });
    expect(code).not.toBe(0);
    expect(err).toMatch(message);
  });

  it('and so is a release of Kubernetes that is too old', async () => {
    const { code, err } = await tryRendering({ kubeVersion: '1.19.16' });
    expect(code).not.toBe(0);
    expect(err).toContain('requires kubeVersion: >=1.20.0-0');
  });
});

async function chartMetadata(): Promise<{ appVersion: string }> {
  const { out } = await helm(['show', 'chart', CHART]);
  const appVersion = /^appVersion: (.*)$/m.exec(out)?.[1] ?? '';
  expect(readFileSync(`${CHART}/Chart.yaml`, 'utf8')).toContain(`appVersion: ${appVersion}\n`);
  return { appVersion };
}
