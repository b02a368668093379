import { execFile } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { CHECK_NAMES, type Check, type CheckName } from '../../src/doctor/check.ts';
import type { KubeObject } from './support/api-client.ts';
import { builtProgram } from './support/assets.ts';
import { Authority } from './support/authority.ts';
import { CHART } from './support/chart.ts';
import { Cluster } from './support/cluster.ts';
import { writeEciProfile } from './support/eci-profile.ts';
import { eventually } from './support/eventually.ts';
import { ImageCaches } from './support/image-caches.ts';
import type { CommandResult } from './support/kubectl.ts';
import { anEciPodNamed, decisionOn } from './support/pods.ts';
import { freePort } from './support/ports.ts';
import { register, unregister } from './support/registration.ts';
import { runPods } from './support/running-pods.ts';
import { serviceAccountKubeconfig } from './support/service-account.ts';
import { ServiceNetwork } from './support/service-network.ts';
import { Webhook } from './support/webhook.ts';

/** `imc doctor` on an installation that is well, and then on one with one thing broken at a time. */

const NAMESPACE = 'imc-system';
const NAME = 'imc-eci-imagecache-webhook';
const CONFIGURATION = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/zz-${NAME}`;
const SELECTOR = 'app.kubernetes.io/instance=imc,app.kubernetes.io/component=';
const PROBE = anEciPodNamed('probe', 'registry.example.com/web:1');

let cluster: Cluster;
let network: ServiceNetwork;
let webhooks: readonly Webhook[];

beforeAll(async () => {
  network = await ServiceNetwork.start();
  cluster = await Cluster.start({ apiServerArgs: network.apiServerArgs() });
  cluster.atEnd(() => network.stop());
  const certificate = await cluster.webhookCa.server(`${NAME}.${NAMESPACE}.svc`, '127.0.0.1');
  await cluster.api.create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE },
  });
  await cluster.api.create(`/api/v1/namespaces/${NAMESPACE}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: 'pair' },
    stringData: { 'tls.crt': certificate.cert, 'tls.key': certificate.key },
  });
  await cluster.kubectl.helm(
    `install imc ${CHART} --namespace ${NAMESPACE} --set tls.mode=files,tls.files.secretName=pair` +
      ` --set-file tls.files.caBundle=${cluster.writeFile('webhook-ca.crt', cluster.webhookCa.cert)}`,
  );
  const kubeconfig = await serviceAccountKubeconfig(cluster, NAMESPACE, NAME);
  const start = (): Promise<Webhook> =>
    Webhook.start({ source: cluster.watched(kubeconfig), certificate, env: { POD_NAMESPACE: NAMESPACE } });
  webhooks = await Promise.all([start(), start()]);
  cluster.atEnd(async () => {
    for (const webhook of webhooks) await webhook.kill();
  });
  const addresses = await runPods(cluster, NAMESPACE, `${SELECTOR}serve`, 2);
  await runPods(cluster, NAMESPACE, `${SELECTOR}controller`, await controllerReplicas());
  for (const [i, { port, adminPort }] of webhooks.entries()) {
    network.endpoints(`${addresses[i]}:8443`, port);
    network.endpoints(`${addresses[i]}:8080`, adminPort);
  }
  const service = await cluster.api.get(`/api/v1/namespaces/${NAMESPACE}/services/${NAME}`);
  const { clusterIP } = service['spec'] as { clusterIP: string };
  network.endpoints(`${clusterIP}:443`, ...webhooks.map(({ port }) => port));
  // No controller runs: the last good eci-profile and certificates are not what this is about.
  await cluster.api.patch(`/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${NAME}-controller`, {
    spec: {
      holderIdentity: 'controller-1',
      leaseDurationSeconds: 3600,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    },
  });
  await new ImageCaches(cluster).createReady('web', 'registry.example.com/web:1');
  await cluster.untilStamped(PROBE);
  await eventually('replicas to be available', async () => {
    const { status } = await cluster.api.get(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}`);
    return (status as { availableReplicas?: number }).availableReplicas === 2;
  });
  return () => cluster.stop();
});

async function controllerReplicas(): Promise<number> {
  const { spec } = await cluster.api.get(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}-controller`);
  return (spec as { replicas: number }).replicas;
}

/** Runs the built program as a user would. */
function doctor(args: readonly string[], kubeconfig = cluster.controlPlane.kubeconfig): Promise<CommandResult> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'] }, timeout: 120_000 };
    const words = [builtProgram(), 'doctor', '--kubeconfig', kubeconfig, ...args];
    execFile(process.execPath, words, options, (error, out, err) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err });
    });
  });
}

interface Report {
  readonly code: number;
  readonly checks: readonly Check[];
}

async function examined(...args: readonly string[]): Promise<Report> {
  const { code, out, err } = await doctor(['-o', 'json', ...args]);
  expect(err).toBe('');
  return { code, checks: (JSON.parse(out) as { checks: Check[] }).checks };
}

function named(result: Check['result'], { checks }: Report): CheckName[] {
  return checks.filter((check) => check.result === result).map(({ name }) => name);
}

function remedyOf(name: CheckName, { checks }: Report): string {
  return checks.find((check) => check.name === name)?.remedy ?? '';
}

function foundOf(name: CheckName, { checks }: Report): string {
  return checks.find((check) => check.name === name)?.found ?? '';
}

async function podsStored(): Promise<number> {
  return (await cluster.api.items('/api/v1/pods')).length;
}

describe('an installation that is well', () => {
  it('passes every check, and nothing is stored', async () => {
    const before = await podsStored();
    const report = await examined();
    expect(report.checks.filter(({ result }) => result !== 'ok')).toEqual([]);
    expect(report.checks.map(({ name }) => name)).toEqual(CHECK_NAMES);
    expect(report.code).toBe(0);
    expect(foundOf('probe', report)).toMatch(/^a pod in namespace default comes back with a decision \(NoMatch\)/);
    expect(await podsStored()).toBe(before);
  });

  it('is shown as a table with a line for each check', async () => {
    const { code, out } = await doctor(['--namespace', NAMESPACE, '--release', 'imc']);
    expect(code).toBe(0);
    expect(out).toMatch(/^CHECK +RESULT +FOUND\napi-server +ok +Kubernetes v1\./);
    expect(out).toMatch(/\n20 ok, 0 warnings, 0 failed, 0 skipped\n$/);
    expect(out).not.toContain('What to do');
  });

  it('asks the server itself where the registration has a URL', async () => {
    const port = webhooks[0]?.port ?? 0;
    await register(cluster.api, { name: 'outside', port, caBundle: cluster.webhookCa.cert });
    const report = await examined('--webhook-configuration', 'outside');
    await unregister(cluster.api, 'outside');
    expect(foundOf('certificate', report)).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port} for 127\\.0\\.0\\.1 ends `));
    expect(foundOf('trust', report)).toContain(`127.0.0.1:${port} is trusted by the caBundle`);
    expect(foundOf('other-webhooks', report)).toMatch(new RegExp(`called after this one: zz-${NAME}`));
  });

  it('skips what the caller may not ask, and says so', async () => {
    const kubeconfig = await serviceAccountKubeconfig(cluster, NAMESPACE, 'default');
    const { code, out } = await doctor(['-o', 'json', '--namespace', NAMESPACE], kubeconfig);
    const { checks } = JSON.parse(out) as { checks: Check[] };
    expect(code).toBe(0);
    expect(checks.filter(({ result }) => result === 'ok').map(({ name }) => name)).toEqual(['api-server', 'crd']);
    const skipped = checks.filter(({ result }) => result === 'skipped');
    expect(skipped.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['installation', 'registration', 'eci-profile', 'image-caches', 'probe']),
    );
    for (const { found } of skipped) expect(found).toMatch(/cannot|see `|not known/);
  });
});

/** What is broken, what fails for it, and what the advice has to name. */
interface Fault {
  readonly title: string;
  readonly break: () => Promise<unknown>;
  readonly mend: () => Promise<unknown>;
  readonly args?: readonly string[];
  readonly failed: readonly CheckName[];
  readonly warnings?: readonly CheckName[];
  readonly skipped?: readonly CheckName[];
  readonly says: Partial<Record<CheckName, RegExp>>;
  readonly advises: Partial<Record<CheckName, RegExp>>;
}

const patchEntry = (operations: readonly object[]): Promise<string> =>
  cluster.kubectl.run(
    `patch mutatingwebhookconfiguration zz-${NAME} --type=json --patch=${JSON.stringify(operations)}`,
  );

const replaced = (path: string, value: unknown) => [{ op: 'replace', path: `/webhooks/0/${path}`, value }];

const bundleOf = (pem: string): string => Buffer.from(pem).toString('base64');

let kept: KubeObject;

const faults: readonly Fault[] = [
  {
    title: 'a caBundle of another CA',
    break: async () => patchEntry(replaced('clientConfig/caBundle', bundleOf((await Authority.create('other')).cert))),
    mend: () => patchEntry(replaced('clientConfig/caBundle', bundleOf(cluster.webhookCa.cert))),
    failed: ['trust', 'probe'],
    skipped: ['opt-out'],
    says: { trust: /no CA of the bundle has signed it/, probe: /failing open.*decides NoMatch/ },
    advises: {
      trust: /^give the CA that signed what is served: helm upgrade imc .*--set-file tls\.files\.caBundle=ca\.crt$/,
    },
  },
  {
    title: 'no answer from any replica',
    break: async () => network.refuseAll(),
    mend: async () => network.acceptAll(),
    failed: ['probe'],
    skipped: ['agreement', 'opt-out'],
    says: { probe: /failing open.*nobody answers/ },
    advises: { probe: /kubectl --namespace imc-system get pods --selector .*failing open/ },
  },
  {
    title: 'an excluded namespace',
    break: () => cluster.kubectl.run('label namespace default imc-webhook/ignore=true'),
    mend: () => cluster.kubectl.run('label namespace default imc-webhook/ignore-'),
    failed: ['probe'],
    skipped: ['opt-out'],
    says: { probe: /not called for namespace default, since namespaceSelector asks for imc-webhook\/ignore!=true/ },
    advises: { probe: /^take the label away .*kubectl label namespace default imc-webhook\/ignore-/ },
  },
  {
    title: 'failurePolicy Fail',
    break: () => patchEntry(replaced('failurePolicy', 'Fail')),
    mend: () => patchEntry(replaced('failurePolicy', 'Ignore')),
    failed: ['registration'],
    says: { registration: /failurePolicy Fail stops pods/ },
    advises: {
      registration: new RegExp(
        `^kubectl patch mutatingwebhookconfiguration zz-${NAME} --type=json --patch='\\[\\{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"\\}\\]'$`,
      ),
    },
  },
  {
    title: 'a broken eci-profile',
    break: () => writeEciProfile(cluster, '[\n{"name": }]'),
    mend: () => writeEciProfile(cluster, []),
    failed: ['eci-profile'],
    says: { 'eci-profile': /line 2/ },
    advises: { 'eci-profile': /kubectl --namespace kube-system edit configmap eci-profile/ },
  },
  {
    title: 'rights that were taken away',
    break: async () => {
      kept = await cluster.api.get(`/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${NAME}`);
      await cluster.api.delete(`/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${NAME}`);
    },
    mend: () =>
      cluster.api.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
        ...kept,
        metadata: { name: NAME, labels: kept.metadata.labels, annotations: kept.metadata.annotations },
      }),
    failed: ['serve-rights'],
    says: {
      'serve-rights': /may not get, list, watch imagecaches\.eci\.alibabacloud\.com; get, list, watch namespaces$/,
    },
    advises: { 'serve-rights': new RegExp(`helm upgrade imc .*--as=system:serviceaccount:imc-system:${NAME}$`) },
  },
  {
    title: 'rights that nobody should have given',
    break: () =>
      cluster.kubectl.run(
        `create clusterrolebinding too-much --clusterrole=cluster-admin --serviceaccount=${NAMESPACE}:${NAME}`,
      ),
    mend: () => cluster.kubectl.run('delete clusterrolebinding too-much'),
    failed: ['serve-rights'],
    says: {
      'serve-rights': /may get, list secrets; list secrets in namespace imc-system; create, patch, delete imagecaches/,
    },
    advises: { 'serve-rights': /kubectl get clusterrolebindings,rolebindings -A/ },
  },
  {
    title: 'a Secret that is gone',
    break: async () => {
      kept = await cluster.api.get(`/api/v1/namespaces/${NAMESPACE}/secrets/pair`);
      await cluster.api.delete(`/api/v1/namespaces/${NAMESPACE}/secrets/pair`);
    },
    mend: () => cluster.api.create(`/api/v1/namespaces/${NAMESPACE}/secrets`, { ...kept, metadata: { name: 'pair' } }),
    failed: ['certificate'],
    skipped: ['trust'],
    says: { certificate: /^there is no Secret imc-system\/pair$/ },
    advises: { certificate: /kubectl --namespace imc-system create secret tls pair/ },
  },
  {
    title: 'no registration',
    break: async () => {
      kept = await cluster.api.get(CONFIGURATION);
      await cluster.api.delete(CONFIGURATION);
    },
    mend: () =>
      cluster.api.create('/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
        ...kept,
        metadata: { name: `zz-${NAME}`, labels: kept.metadata.labels, annotations: kept.metadata.annotations },
      }),
    failed: ['registration', 'probe'],
    skipped: ['ca-bundle', 'certificate', 'trust', 'opt-out'],
    says: { probe: /nobody is called, since there is no registration/ },
    advises: { registration: /^bring it back: helm upgrade imc / },
  },
  {
    title: 'mode off',
    break: () => setMode('off'),
    mend: () => setMode('enforce'),
    failed: [],
    warnings: ['settings'],
    says: { settings: /^mode off: no pod is acted on$/ },
    advises: { settings: /--set config\.mode=enforce$/ },
  },
  {
    title: 'another webhook that fails closed and cannot be called',
    break: async () =>
      register(cluster.api, {
        name: 'aa-sidecars',
        port: await freePort(),
        caBundle: cluster.webhookCa.cert,
        failurePolicy: 'Fail',
      }),
    mend: () => unregister(cluster.api, 'aa-sidecars'),
    failed: [],
    warnings: ['other-webhooks'],
    skipped: ['probe', 'opt-out'],
    says: {
      'other-webhooks': /no pod of this webhook can start/,
      probe: /is refused by aa-sidecars\.imc-webhook\.example\.com/,
    },
    advises: { 'other-webhooks': /kubectl edit mutatingwebhookconfiguration aa-sidecars/ },
  },
  {
    title: 'no CRD',
    break: () => cluster.kubectl.run('delete crd imagecaches.eci.alibabacloud.com'),
    mend: async () => {
      const caches = new ImageCaches(cluster);
      await caches.define();
      await caches.createReady('web', 'registry.example.com/web:1');
    },
    failed: ['crd'],
    skipped: ['image-caches'],
    says: { crd: /there is no CRD imagecaches\.eci\.alibabacloud\.com/ },
    advises: { crd: /^install it: kubectl apply -f charts\/eci-imagecache-webhook\/crds\/imagecaches\.yaml/ },
  },
];

async function setMode(mode: string): Promise<unknown> {
  return cluster.api.patch(`/api/v1/namespaces/${NAMESPACE}/configmaps/${NAME}-settings`, {
    data: { 'imc.yaml': `mode: ${mode}\n` },
  });
}

describe('one thing broken', () => {
  it.each(faults)('$title', async ({ break: breakIt, mend, args = [], says, advises, ...expected }) => {
    await breakIt();
    try {
      // The API server takes a second to count in what was changed.
      const report = await eventually('that fault to be found, and no other', async () => {
        const now = await examined(...args);
        expect(named('failed', now)).toEqual(expected.failed);
        expect(named('warning', now)).toEqual(expected.warnings ?? []);
        expect(named('skipped', now)).toEqual(expected.skipped ?? []);
        return now;
      });
      expect(report.code).toBe(expected.failed.length === 0 ? 0 : 1);
      for (const [name, pattern] of Object.entries(says)) expect(foundOf(name as CheckName, report)).toMatch(pattern);
      for (const [name, pattern] of Object.entries(advises)) {
        expect(remedyOf(name as CheckName, report)).toMatch(pattern);
      }
    } finally {
      await mend();
    }
    await cluster.untilStamped(PROBE);
  });

  it('is well again when all is mended', async () => {
    const report = await eventually('everything to be well', async () => {
      const now = await examined();
      return now.checks.every(({ result }) => result === 'ok') && now;
    });
    expect(report.code).toBe(0);
    expect(decisionOn(await cluster.createPod(PROBE, { dryRun: true }))).toBeDefined();
  });
});

/** The last: it leaves the installation as nobody wants it. */
describe('certificates by a controller that does not run, and scope labelled', () => {
  it('is seen, with the rights of that way to install it', async () => {
    await writeEciProfile(cluster, [
      { name: 'by-team', namespaceSelector: { matchLabels: { team: 'shop' } }, effect: { labels: { a: 'b' } } },
      { name: 'by-eci', objectSelector: { matchLabels: { eci: 'true' } }, effect: { labels: { a: 'b' } } },
    ]);
    await cluster.kubectl.helm(
      `upgrade imc ${CHART} --namespace ${NAMESPACE} --set tls.mode=self-managed,webhook.scope=labelled`,
    );
    const report = await examined();
    const result = (name: CheckName) => report.checks.find((check) => check.name === name)?.result;
    expect(result('serve-rights')).toBe('ok');
    expect(result('controller-rights')).toBe('ok');
    expect(foundOf('registration', report)).toContain('scope labelled, 5 entries');
    expect(foundOf('ca-bundle', report)).toMatch(/and 4 more is empty/);
    expect(foundOf('certificate', report)).toBe(`Secret imc-system/${NAME}-tls holds no certificate yet`);
    expect(remedyOf('certificate', report)).toContain(`logs deployment/${NAME}-controller`);
    expect(foundOf('eci-profile', report)).toMatch(/^2 rules; .*: by-team$/);
    expect(report.code).toBe(1);
  });
});
