import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { KubeObject } from '../test/e2e/support/api-client.ts';
import { Controller } from '../test/e2e/support/controller.ts';
import { eventually } from '../test/e2e/support/eventually.ts';
import { decisionOn } from '../test/e2e/support/pods.ts';
import type { Webhook } from '../test/e2e/support/webhook.ts';
import type { BenchCluster } from './cluster-world.ts';
import { CONTESTANT } from './cluster-world.ts';
import { cpuMs, residentMiB } from './processes.ts';
import type { PartReport, Progress } from './report.ts';
import { median, spread } from './statistics.ts';

/** How many pods, of how many image sets; and how often the latency is compared. */
export interface CreationPlan {
  readonly pods: number;
  readonly sets: number;
  /** Created as dry runs on the way, of image sets of their own. */
  readonly dryRuns: number;
  readonly rounds: number;
}

const REPLICAS = 3;
const CLIENTS = 16;
/** In a round; a leader that stands still for longer loses its Lease. */
const ROUND_SECONDS = 5;
const PODS_PER_SECOND = 60;
const LATENCY_RATIO_AT_MOST = 1.2;
const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const NAME = 'creation';
const STATE = 'bench-state';
/** One pod in so many has no controller, so that it has to be looked at by itself. */
const NAKED = 10;

/**
 * Part j: thousands of pods that miss, three controllers one of which is killed, and how many ImageCaches come of it; then
 * how long reviews take beside controllers that follow all these pods, and beside none.
 */
export async function creation(bench: BenchCluster, plan: CreationPlan, progress: Progress): Promise<PartReport> {
  const { cluster } = bench;
  const webhook = await bench.webhook();
  await bench.register(NAME, webhook.port);
  const namespace = await cluster.namespace(NAME);
  const owners = await createOwners(bench, namespace, plan.sets);
  await cluster.untilStamped(aPod({ namespace, name: 'probe', images: ['probe:1'] }));
  const controllers = await Promise.all(Array.from({ length: REPLICAS }, () => startController(bench)));

  const started = performance.now();
  let created = 0;
  let problem: string | undefined;
  const create = async (number: number): Promise<void> => {
    const set = number % plan.sets;
    const owner = number % NAKED === 0 ? undefined : owners[set];
    const images = imagesOf('set', set);
    const pod = await cluster.createPod(aPod({ namespace, name: `pod-${number}`, images, owner }));
    if (decisionOn(pod) === undefined) problem ??= `pod-${number} was not decided on`;
    if (number % Math.ceil(plan.pods / plan.dryRuns) === 0) {
      const name = `rehearsal-${number}`;
      const rehearsed = aPod({ namespace, name, images: imagesOf('rehearsal', number), owner });
      await cluster.createPod(rehearsed, { dryRun: true });
    }
    created += 1;
    progress.show(`j  ${created} of ${plan.pods} pods`);
  };
  await inParallel(plan.pods / 2, create);
  const killed = await leading(controllers);
  await killed.kill();
  await inParallel(plan.pods / 2, (number) => create(number + plan.pods / 2));
  const podSeconds = (performance.now() - started) / 1000;
  if (problem !== undefined) throw new Error(problem);

  progress.show('j  until all are Ready');
  const made = await eventually(
    'all ImageCaches to be Ready',
    async () => {
      const all = await autoCaches(bench);
      return all.length >= plan.sets && all.every(({ phase }) => phase === 'Ready') && all;
    },
    { timeoutMs: 300_000, intervalMs: 500 },
  );
  const readySeconds = (performance.now() - started) / 1000 - podSeconds;
  const survivors = controllers.filter((controller) => controller !== killed);
  const leader = await leading(survivors);
  const memoryMiB = residentMiB(leader.process.pid);

  const rounds = await compare(bench, { webhook, survivors, namespace, plan, progress });
  const after = await autoCaches(bench);
  const rehearsed = after.filter(({ images }) => images.some((image) => image.includes('/rehearsal-'))).length;
  for (const controller of survivors) await controller.kill();
  await webhook.kill();
  const built = await builtNames(bench);
  return {
    title: `j  ${plan.pods} pods of ${plan.sets} image sets, ${REPLICAS} controllers, one of them killed half-way`,
    figures: [
      { name: 'ImageCaches made', value: after.length, unit: '', atMost: plan.sets, note: `for ${plan.sets} sets` },
      { name: 'image sets without one', value: plan.sets - made.length, unit: '', atMost: 0 },
      { name: 'made for dry runs', value: rehearsed, unit: '', atMost: 0, note: `of ${plan.dryRuns}` },
      { name: 'built more than once', value: built.length - new Set(built).size, unit: '', atMost: 0 },
      { name: 'pods created', value: plan.pods / podSeconds, unit: '/s', note: 'while they were made' },
      { name: 'from the last pod until all are Ready', value: Math.max(0, readySeconds), unit: 's' },
      { name: 'memory of the leader', value: memoryMiB, unit: 'MiB', note: `with ${plan.pods} pods` },
      {
        name: 'CPU of the leader',
        value: median(rounds.leaderCpu),
        unit: '%',
        note: `at ${PODS_PER_SECOND} pods a second`,
      },
      {
        name: 'review, with controllers / without',
        value: median(rounds.with) / median(rounds.without),
        unit: 'x',
        atMost: LATENCY_RATIO_AT_MOST,
        note: `mean of a round: ${range(rounds.with)} ms / ${range(rounds.without)} ms`,
      },
    ],
    details: { rounds, podSeconds, readySeconds, memoryMiB },
  };
}

interface Comparison {
  readonly webhook: Webhook;
  readonly survivors: readonly Controller[];
  readonly namespace: string;
  readonly plan: CreationPlan;
  readonly progress: Progress;
}

/** Mean time of a review in rounds, in milliseconds: controllers at work and standing still, in turns. */
async function compare(bench: BenchCluster, { webhook, survivors, namespace, plan, progress }: Comparison) {
  const leader = await leading(survivors);
  const found = { with: [] as number[], without: [] as number[], leaderCpu: [] as number[] };
  let number = 0;
  for (let round = 0; round < 2 * plan.rounds; round += 1) {
    const isStill = round % 2 === (round % 4 < 2 ? 0 : 1);
    progress.show(`j  round ${round + 1} of ${2 * plan.rounds}`);
    if (isStill) for (const { process } of survivors) process.freeze();
    const cpuBefore = cpuMs(leader.process.pid);
    const before = await reviewTime(webhook);
    const startMs = performance.now();
    const all: Promise<unknown>[] = [];
    for (let i = 0; i < ROUND_SECONDS * PODS_PER_SECOND; i += 1) {
      const waitMs = startMs + (i * 1000) / PODS_PER_SECOND - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      number += 1;
      const images = imagesOf('set', number % plan.sets);
      all.push(bench.cluster.createPod(aPod({ namespace, name: `round-${number}`, images })));
    }
    await Promise.all(all);
    const after = await reviewTime(webhook);
    if (isStill) for (const { process } of survivors) process.thaw();
    else found.leaderCpu.push((100 * (cpuMs(leader.process.pid) - cpuBefore)) / (performance.now() - startMs));
    const meanMs = (1000 * (after.seconds - before.seconds)) / (after.count - before.count);
    (isStill ? found.without : found.with).push(meanMs);
    // What stood still catches up before the next round begins.
    await sleep(1_000);
  }
  return found;
}

async function reviewTime(webhook: Webhook): Promise<{ readonly seconds: number; readonly count: number }> {
  const { text } = await webhook.operation('/metrics');
  const value = (name: string): number =>
    Number(new RegExp(`^imc_review_duration_seconds_${name} (\\S+)$`, 'm').exec(text)?.[1]);
  return { seconds: value('sum'), count: value('count') };
}

async function startController(bench: BenchCluster): Promise<Controller> {
  const { cluster } = bench;
  const settings = ['--controller-driver', 'simulated', '--simulate-build', '2s'];
  const bounds = ['--auto-create-max-caches', '10000', '--auto-create-per-minute', '10000'];
  const places = ['--kubeconfig', cluster.controlPlane.kubeconfig, '--controller-state-config-map', STATE];
  const controller = await Controller.start({
    args: [...places, ...settings, ...bounds],
    env: { POD_NAMESPACE: 'default' },
  });
  cluster.atEnd(() => controller.kill());
  return controller;
}

async function leading(controllers: readonly Controller[]): Promise<Controller> {
  return eventually('a leader', async () => {
    for (const controller of controllers) {
      if (controller.process.isRunning && (await controller.isLeader())) return controller;
    }
    return undefined;
  });
}

async function autoCaches({ cluster }: BenchCluster) {
  const items = await cluster.api.items(`${CACHES}?labelSelector=imc-webhook%2Fauto-created%3Dtrue`);
  return items.map((item) => {
    const { spec, status } = item as KubeObject & {
      readonly spec: { readonly images: readonly string[] };
      readonly status?: { readonly phase?: string };
    };
    return { images: spec.images, phase: status?.phase };
  });
}

async function builtNames({ cluster }: BenchCluster): Promise<readonly string[]> {
  const { binaryData } = (await cluster.api.get(`/api/v1/namespaces/default/configmaps/${STATE}`)) as KubeObject & {
    readonly binaryData: Readonly<Record<string, string>>;
  };
  const books = gunzipSync(Buffer.from(binaryData['simulated-caches.json.gz'] ?? '', 'base64')).toString();
  return (JSON.parse(books) as readonly { readonly name: string }[])
    .map(({ name }) => name)
    .filter((name) => name.startsWith('auto-'));
}

/** What pods of a workload are owned by; a ReplicaSet of the cluster would make pods of its own. */
async function createOwners({ cluster }: BenchCluster, namespace: string, count: number): Promise<KubeObject[]> {
  const owners: KubeObject[] = [];
  await inParallel(count, async (number) => {
    owners[number] = await cluster.api.create(`/api/v1/namespaces/${namespace}/configmaps`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `workload-${number}` },
    });
  });
  return owners;
}

interface PodParts {
  readonly namespace: string;
  readonly name: string;
  readonly images: readonly string[];
  readonly owner?: KubeObject | undefined;
}

function aPod({ namespace, name, images, owner }: PodParts): KubeObject {
  const { name: ownerName = '', uid = '' } = owner?.metadata ?? {};
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: ownerName, uid, controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: {
        'alibabacloud.com/eci': 'true',
        [CONTESTANT]: NAME,
        ...(owner === undefined ? {} : { 'pod-template-hash': '1' }),
      },
      ...(owner === undefined ? {} : { ownerReferences: [reference] }),
    },
    spec: {
      containers: images.map((image, i) => ({ name: `container-${i}`, image, imagePullPolicy: 'IfNotPresent' })),
    },
  };
}

function imagesOf(kind: string, number: number): readonly string[] {
  return [`bench/${kind}-${number}:1`, `bench/sidecar-${number % 7}:2`];
}

async function inParallel(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const go = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, go));
}

function range(values: readonly number[]): string {
  const [least, most] = spread(values);
  return `${least.toFixed(2)} to ${most.toFixed(2)}`;
}
