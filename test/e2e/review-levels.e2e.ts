import { execFile } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Comparison } from '../../src/cli/review-comparison.ts';
import type { ReviewRow } from '../../src/cli/review-row.ts';
import { builtProgram, runFolder } from './support/assets.ts';
import { Cluster } from './support/cluster.ts';
import { eventually } from './support/eventually.ts';
import type { CommandResult } from './support/kubectl.ts';
import { anEciPodNamed, decisionOn } from './support/pods.ts';
import { register, unregister } from './support/registration.ts';
import { Webhook } from './support/webhook.ts';

/** Do files, a running webhook and an API server that calls it say the same of all examples, and nothing is stored? */

const WORKLOADS = ['-f', 'examples/workloads'];
const DIR = ['--dir', 'examples/cluster'];
/** As the webhook of this test is set, which reads files. */
const DRIVER = ['--controller-driver', 'simulated'];

let cluster: Cluster;
let webhook: Webhook;
let caFile: string;

beforeAll(async () => {
  cluster = await Cluster.start();
  const dir = runFolder('examples'); // a copy: the webhook makes ImageCaches in it
  cpSync('examples/cluster', dir, { recursive: true });
  webhook = await Webhook.start({
    source: ['--source', 'files', '--dir', dir],
    certificate: await cluster.webhookCa.server('127.0.0.1'),
  });
  cluster.atEnd(() => webhook.kill());
  caFile = join(runFolder('ca'), 'ca.crt');
  writeFileSync(caFile, cluster.webhookCa.cert);
  await cluster.kubectl.run('apply -f examples/cluster/namespaces.yaml');
  for (const name of ['shop', 'batch', 'office', 'legacy']) await cluster.controlPlane.namespaceReady(name);
  await register(cluster.api, registration());
  await cluster.untilStamped(anEciPodNamed('probe', 'nginx:1'));
  return () => cluster.stop();
});

function registration() {
  return { name: 'imc-webhook', port: webhook.port, caBundle: cluster.webhookCa.cert };
}

function server(): string[] {
  return ['--server', `https://127.0.0.1:${webhook.port}`, '--ca-file', caFile];
}

function kubeconfig(): string[] {
  return ['--kubeconfig', cluster.controlPlane.kubeconfig];
}

/** Runs the built program as a user would. */
function review(...args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'] }, timeout: 120_000 };
    execFile(process.execPath, [builtProgram(), 'review', ...args], options, (error, out, err) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err });
    });
  });
}

async function podsStored(): Promise<number> {
  const pods = await cluster.api.items('/api/v1/pods');
  return pods.length;
}

describe('imc review through an API server', () => {
  it('says of every example what files and a running webhook say, and stores none', async () => {
    const before = await podsStored();
    const levels = [...DIR, ...server(), ...kubeconfig(), ...DRIVER];
    const { code, out } = await review(...WORKLOADS, ...levels, '--compare', '-o', 'json');
    const comparisons = JSON.parse(out) as Comparison[];
    expect(comparisons.filter(({ equal }) => !equal)).toEqual([]);
    expect(comparisons).toHaveLength(23);
    expect(Object.keys(comparisons[0]?.answers ?? {})).toEqual(['offline', 'webhook', 'API server']);
    expect(code).toBe(0);
    expect(await podsStored()).toBe(before);
  });

  it('passes warnings on as they were given, whatever their characters', async () => {
    const args = ['-f', 'examples/workloads/price-check-pod.yaml', '-o', 'json'];
    const [offline, through] = [await review(...args, ...DIR), await review(...args, ...kubeconfig())];
    const warningsOf = ({ out }: CommandResult): unknown =>
      (JSON.parse(out) as ReviewRow[]).map(({ warnings }) => warnings);
    expect(warningsOf(through)).toEqual(warningsOf(offline));
    expect(through.out).toContain('…');
  });

  it('shows in which fields a cluster decides otherwise, and ends with 1', async () => {
    const args = ['-f', 'examples/workloads/cart-statefulset.yaml', ...DIR, ...kubeconfig()];
    const { code, out } = await review(...args, '--compare', '--controller-driver', 'external');
    expect(out).toMatch(/^id +offline +\(absent\)\n +API server +imc-/m);
    expect(out).toMatch(/offline and API server differ in 1 of 1 pod\n$/);
    expect(code).toBe(1);
  });

  it('asks about a pod whose name is taken, as somebody would who looks at one that runs', async () => {
    await cluster.createPod(anEciPodNamed('running', 'nginx:1'));
    const manifest = await cluster.kubectl.run('get pod running -o json');
    const file = join(runFolder('running'), 'pod.json');
    writeFileSync(file, manifest);
    const { code, out } = await review('-f', file, ...kubeconfig());
    expect(out).toMatch(/^default +Pod\/running +NoMatch /m);
    expect(code).toBe(0);
  });

  it('says what an API server itself refuses, with exit code 1', async () => {
    const pod = { ...anEciPodNamed('bad', 'nginx:1'), spec: { containers: [{ name: 'BAD', image: 'nginx:1' }] } };
    const file = join(runFolder('bad'), 'pod.json');
    writeFileSync(file, JSON.stringify(pod));
    const { code, err } = await review('-f', file, ...kubeconfig());
    expect(err).toMatch(/^Denied: default\/Pod\/bad: Pod "bad" is invalid: spec\.containers\[0\]\.name/m);
    expect(code).toBe(1);
  });

  it.each([
    [
      'a namespace there is not',
      ['-n', 'nowhere'],
      /namespaces "nowhere" not found; create it, or name another namespace/,
    ],
    ['a context there is not', ['--context', 'nowhere'], /there is no context "nowhere"; choose one of test/],
  ])('%s ends with exit code 2 and what to do', async (_title, args, says) => {
    const file = join(runFolder('pod'), 'pod.json');
    writeFileSync(file, JSON.stringify(anEciPodNamed('a', 'nginx:1')));
    const { code, out, err } = await review('-f', file, ...kubeconfig(), ...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(says);
  });

  it('says that nobody asks the webhook, once it is not registered', async () => {
    await unregister(cluster.api, 'imc-webhook');
    await eventually('pods not to be stamped', async () => {
      const pod = await cluster.createPod(anEciPodNamed('probe', 'nginx:1'), { dryRun: true });
      return decisionOn(pod) === undefined;
    });
    const args = ['-f', 'examples/workloads/checkout-deployment.yaml', ...kubeconfig()];
    const { code, out, err } = await review(...args);
    expect(out).toMatch(/Deployment\/checkout +allowed \(NoDecision\)/);
    expect(err).toMatch(/^Note: namespace shop: no decision came back on any pod, not even on a plain pod on ECI/);
    expect(code).toBe(0);
    const compared = await review(...args, ...DIR, '--compare');
    expect(compared.out).toMatch(/^outcome +offline +CompleteMatch\n +API server +no decision\n/m);
    expect(compared.code).toBe(1);
  });
});
