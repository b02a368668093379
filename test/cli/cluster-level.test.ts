import { describe, expect, it } from 'vitest';
import { clusterLevel } from '../../src/cli/cluster-level.ts';
import type { Answered } from '../../src/cli/review-level.ts';
import { reviewablesOf } from '../../src/cli/review-subjects.ts';
import { UsageError } from '../../src/cli/terminal.ts';
import type { PodDryRun, PodDryRunAnswer } from '../../src/composition/commands.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { member, textMember } from '../../src/wire/json.ts';
import type { ManifestObject } from '../../src/wire/manifests.ts';
import { parseManifests } from '../../src/wire/manifests.ts';
import { anEciPod } from '../support/pod-builder.ts';
import { aReview } from '../support/review-builder.ts';

const DECISION = 'imc-webhook/decision';

/** Answers by namespace and name or generateName; remembers what was sent. */
class FakeCluster implements PodDryRun {
  readonly sent: { readonly namespace: string; readonly pod: JsonObject }[] = [];
  isClosed = false;
  readonly #answer: (name: string, pod: JsonObject, namespace: string) => PodDryRunAnswer;

  constructor(answer: (name: string, pod: JsonObject, namespace: string) => PodDryRunAnswer) {
    this.#answer = answer;
  }

  async create(pod: JsonObject, namespace: string): Promise<PodDryRunAnswer> {
    this.sent.push({ namespace, pod });
    const metadata = member(pod, 'metadata');
    return this.#answer(textMember(metadata, 'name') || textMember(metadata, 'generateName'), pod, namespace);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function untouched(pod: JsonObject): PodDryRunAnswer {
  return { allowed: true, pod, warnings: [] };
}

function stamped(pod: JsonObject, outcome = 'NoMatch'): PodDryRunAnswer {
  const metadata = member(pod, 'metadata') as JsonObject;
  const annotations = { ...(metadata['annotations'] as object), [DECISION]: JSON.stringify({ outcome, cache: 'web' }) };
  return { allowed: true, pod: { ...pod, metadata: { ...metadata, annotations } }, warnings: ['w'] };
}

function objectsOf(...values: readonly JsonObject[]): ManifestObject[] {
  return parseManifests('pods.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: values }));
}

async function ask(
  cluster: PodDryRun,
  ...values: readonly JsonObject[]
): Promise<{ readonly answers: readonly Answered[]; readonly notes: readonly string[] }> {
  const notes: string[] = [];
  const level = clusterLevel(
    cluster,
    (text) => notes.push(text),
    () => undefined,
  );
  return { answers: await level.answer(reviewablesOf(objectsOf(...values), 'default')), notes };
}

function pod(name: string, namespace = 'default'): JsonObject {
  return anEciPod().withImage('nginx:1').with(['metadata', 'name'], name).inNamespace(namespace).build();
}

describe('what a pod that comes back tells', () => {
  it('the decision on it', async () => {
    const { answers, notes } = await ask(new FakeCluster((_name, sent) => stamped(sent, 'CompleteMatch')), pod('a'));
    expect(answers).toMatchObject([
      { answer: { allowed: true, outcome: 'CompleteMatch', cache: 'web', warnings: ['w'] }, reason: '' },
    ]);
    expect(notes).toEqual([]);
  });

  it('that it was skipped, if the webhook answers for other pods of its namespace', async () => {
    const cluster = new FakeCluster((name, sent) => (name === 'a' ? stamped(sent) : untouched(sent)));
    const { answers, notes } = await ask(cluster, pod('a'), pod('b'));
    expect(answers.map(({ answer }) => answer.outcome)).toEqual(['NoMatch', 'Skipped']);
    expect(cluster.sent).toHaveLength(2);
    expect(notes).toEqual([]);
  });

  it('that it was skipped, if the webhook answers for a plain pod on ECI there', async () => {
    const cluster = new FakeCluster((name, sent) => (name === 'imc-probe-' ? stamped(sent) : untouched(sent)));
    const { answers, notes } = await ask(cluster, pod('a'), pod('b'));
    expect(answers.map(({ answer, reason }) => [answer.outcome, reason])).toEqual([
      ['Skipped', ''],
      ['Skipped', ''],
    ]);
    expect(cluster.sent).toHaveLength(3);
    expect(notes).toEqual([]);
  });

  it('nothing, if not even that is stamped, which is said once for all such namespaces', async () => {
    const cluster = new FakeCluster((_name, sent, namespace) =>
      namespace === 'shop' ? stamped(sent) : untouched(sent),
    );
    const { answers, notes } = await ask(cluster, pod('a'), pod('b'), pod('c', 'shop'), pod('d', 'ops'));
    expect(answers.map(({ answer, reason }) => [answer.allowed, answer.outcome, reason])).toEqual([
      [true, '', 'NoDecision'],
      [true, '', 'NoDecision'],
      [true, 'NoMatch', ''],
      [true, '', 'NoDecision'],
    ]);
    expect(notes).toEqual([expect.stringMatching(/^namespaces default, ops: no decision .* is not installed/)]);
  });

  it('that it was skipped in a system namespace, whose pods are all left alone (spec G3)', async () => {
    const cluster = new FakeCluster((_name, sent) => untouched(sent));
    const { answers, notes } = await ask(cluster, pod('a', 'kube-system'));
    expect(answers).toMatchObject([{ answer: { outcome: 'Skipped' } }]);
    expect({ notes, sent: cluster.sent.length }).toEqual({ notes: [], sent: 1 });
  });

  it('nothing from a decision that was there before, unless the webhook answers', async () => {
    const old = anEciPod().withImage('a:1').withAnnotation(DECISION, '{"outcome":"Pinned"}').build();
    const silent = await ask(new FakeCluster((_name, sent) => untouched(sent)), old);
    expect(silent.answers).toMatchObject([{ answer: { outcome: '', decision: undefined }, reason: 'NoDecision' }]);
    const answering = await ask(
      new FakeCluster((name, sent) => (name === 'imc-probe-' ? stamped(sent) : untouched(sent))),
      old,
    );
    expect(answering.answers).toMatchObject([{ answer: { outcome: 'Pinned' } }]);
  });

  it('a refusal, by whom and why', async () => {
    const denied: PodDryRunAnswer = { allowed: false, message: 'no', webhook: 'imc.example.com', warnings: ['w'] };
    const { answers, notes } = await ask(new FakeCluster(() => denied), pod('a'));
    expect(answers).toMatchObject([
      { answer: { allowed: false, message: 'no', warnings: ['w'] }, reason: 'by imc.example.com' },
    ]);
    expect(notes).toEqual([]);
  });

  it('that the plain pod was refused, if that is why nobody knows', async () => {
    const cluster = new FakeCluster((name, sent) =>
      name === 'imc-probe-'
        ? { allowed: false, message: 'exceeded quota', webhook: '', warnings: [] }
        : untouched(sent),
    );
    expect((await ask(cluster, pod('a'))).notes).toEqual([
      'namespace default: no decision came back on any pod, and a pod on ECI without any peculiarity is refused there: exceeded quota',
    ]);
  });
});

describe('what is sent', () => {
  const sentFor = async (...values: readonly JsonObject[]): Promise<FakeCluster['sent']> => {
    const cluster = new FakeCluster((_name, sent) => stamped(sent));
    await ask(cluster, ...values);
    return cluster.sent;
  };

  it('a pod from a cluster without what only a stored pod has', async () => {
    const stored = anEciPod()
      .withImage('nginx:1')
      .withEphemeralImage('busybox')
      .withAnnotation('own', '1')
      .with(['metadata', 'uid'], 'u')
      .with(['metadata', 'resourceVersion'], '7')
      .with(['metadata', 'creationTimestamp'], '2026-01-01T00:00:00Z')
      .with(['metadata', 'managedFields'], [])
      .with(['status'], { phase: 'Running' });
    const [sent] = await sentFor(stored.build());
    expect(sent).toEqual({
      namespace: 'default',
      pod: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: 'web',
          namespace: 'default',
          labels: { 'alibabacloud.com/eci': 'true' },
          annotations: { own: '1' },
        },
        spec: { containers: [{ name: 'c', image: 'nginx:1', imagePullPolicy: 'IfNotPresent' }] },
      },
    });
  });

  it('the pod of a workload with the owner it will have, and a uid for that, which an owner needs', async () => {
    const template = { metadata: { labels: { eci: 'true' } }, spec: { containers: [{ name: 'c', image: 'a:1' }] } };
    const daemonSet = {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent', namespace: 'ops' },
      spec: { template },
    };
    const [sent] = await sentFor(daemonSet);
    expect(sent).toMatchObject({
      namespace: 'ops',
      pod: {
        metadata: {
          generateName: 'agent-',
          namespace: 'ops',
          ownerReferences: [{ kind: 'DaemonSet', name: 'agent', uid: expect.stringMatching(/^[0-]+$/) }],
        },
      },
    });
  });

  it('a name for a template without one', async () => {
    const template = {
      apiVersion: 'v1',
      kind: 'PodTemplate',
      template: { spec: { containers: [{ name: 'c', image: 'a:1' }] } },
    };
    expect(await sentFor(template)).toMatchObject([{ pod: { metadata: { generateName: 'imc-review-' } } }]);
  });

  it('the pod of a review that creates one', async () => {
    const review = aReview(anEciPod().withImage('a:1')).inNamespace('shop').build();
    expect(await sentFor(review)).toMatchObject([
      { namespace: 'shop', pod: { metadata: { name: 'web', namespace: 'shop' } } },
    ]);
  });

  it('nothing for a review that creates none', async () => {
    const review = aReview(anEciPod()).forOperation('UPDATE').build();
    const cluster = new FakeCluster((_name, sent) => untouched(sent));
    await expect(ask(cluster, review)).rejects.toThrow(UsageError);
    await expect(ask(cluster, review)).rejects.toThrow(/Pod\/web: this review creates no pod/);
    expect(cluster.sent).toEqual([]);
  });
});

it('closes its connections', async () => {
  const cluster = new FakeCluster((_name, sent) => untouched(sent));
  await clusterLevel(
    cluster,
    () => undefined,
    () => undefined,
  ).close();
  expect(cluster.isClosed).toBe(true);
});
