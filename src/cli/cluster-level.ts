import type { AnsweredReview } from '../admission/answered-review.ts';
import { decisionOn } from '../admission/answered-review.ts';
import type { PodDryRun, PodDryRunAnswer } from '../composition/commands.ts';
import { SYSTEM_NAMESPACES } from '../core/gate.ts';
import { DECISION_KEY } from '../core/keys.ts';
import { decodeAdmissionReview } from '../wire/admission-review.ts';
import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, listMember, member, textMember } from '../wire/json.ts';
import { probePod } from '../wire/probe-pod.ts';
import type { Answered, ReviewLevel } from './review-level.ts';
import type { Reviewable } from './review-subjects.ts';
import { UsageError } from './terminal.ts';

/**
 * A cluster, asked by creating the pods as dry runs. The pod that comes back carries the decision. A pod without one was
 * skipped, or nobody asked the webhook: where no pod of a namespace has one, a pod that only a namespace left alone would
 * skip is asked about.
 *
 * @param note - told, as a sentence, about namespaces whose pods the webhook does not see.
 * @param progress - told how many pods are done.
 */
export function clusterLevel(
  cluster: PodDryRun,
  note: (text: string) => void,
  progress: (done: number) => void,
): ReviewLevel {
  return {
    name: 'API server',
    answer: async (reviewables) => {
      const created: Created[] = [];
      for (const reviewable of reviewables) {
        const answer = await cluster.create(podToCreate(reviewable), reviewable.namespace);
        created.push({ reviewable, answer });
        progress(created.length);
      }
      const reached = new Set(created.filter(isStamped).map(({ reviewable }) => reviewable.namespace));
      const open = created.filter(({ reviewable, answer }) => answer.allowed && !reached.has(reviewable.namespace));
      const silent = new Map<string, string[]>();
      for (const namespace of new Set(open.map(({ reviewable }) => reviewable.namespace))) {
        const problem = SYSTEM_NAMESPACES.has(namespace) ? '' : await probe(cluster, namespace);
        if (problem === '') reached.add(namespace);
        else silent.set(problem, [...(silent.get(problem) ?? []), namespace]);
      }
      for (const [problem, namespaces] of silent) {
        const where = `namespace${namespaces.length === 1 ? '' : 's'} ${namespaces.join(', ')}`;
        note(`${where}: no decision came back on any pod, ${problem}`);
      }
      return created.map((each) => answered(each, reached.has(each.reviewable.namespace)));
    },
    close: () => cluster.close(),
  };
}

interface Created {
  readonly reviewable: Reviewable;
  readonly answer: PodDryRunAnswer;
}

/** Whether the webhook has certainly seen this pod: a decision that was there before proves nothing. */
function isStamped({ reviewable, answer }: Created): boolean {
  if (!answer.allowed) return false;
  const stamp = stampOn(answer.pod);
  return stamp !== '' && stamp !== stampOn(reviewable.object);
}

function stampOn(pod: unknown): string {
  return textMember(member(member(pod, 'metadata'), 'annotations'), DECISION_KEY);
}

/** Why the webhook does not answer for a namespace; empty if it does. */
async function probe(cluster: PodDryRun, namespace: string): Promise<string> {
  const answer = await cluster.create(probePod(), namespace);
  if (!answer.allowed) return `and a pod on ECI without any peculiarity is refused there: ${answer.message}`;
  if (stampOn(answer.pod) !== '') return '';
  return (
    'not even on a plain pod on ECI: the webhook leaves this namespace alone, is not installed or does not select it, ' +
    'cannot be reached, is not ready, or is switched off. See kubectl get mutatingwebhookconfigurations and its log'
  );
}

function answered({ reviewable, answer }: Created, isReached: boolean): Answered {
  const { warnings } = answer;
  if (!answer.allowed) {
    const { message, webhook } = answer;
    const refused: AnsweredReview = {
      ...UNDECIDED,
      allowed: false,
      message,
      warnings,
      pod: reviewable.object,
    };
    return { reviewable, answer: refused, reason: webhook === '' ? '' : `by ${webhook}`, body: '' };
  }
  const { pod } = answer;
  const decision = isReached ? decisionOn(pod) : undefined;
  if (!isJsonObject(decision)) {
    const outcome = isReached ? 'Skipped' : '';
    return {
      reviewable,
      answer: { ...UNDECIDED, outcome, warnings, pod },
      reason: isReached ? '' : 'NoDecision',
      body: '',
    };
  }
  const [outcome, cache] = [textMember(decision, 'outcome'), textMember(decision, 'cache')];
  return { reviewable, answer: { ...UNDECIDED, outcome, cache, warnings, pod, decision }, reason: '', body: '' };
}

const UNDECIDED = { allowed: true, outcome: '', cache: '', message: '', patch: [], decision: undefined } as const;

/** The pod of a review as its author or controller would create it: without what only a stored pod has. */
function podToCreate({ title, namespace, review, object }: Reviewable): JsonObject {
  const { subject } = decodeAdmissionReview(review);
  if (subject.kind === 'none' || !isJsonObject(object)) {
    throw new UsageError(`${title}: this review creates no pod, and an API server can be asked about new pods only`);
  }
  const metadata = Object.fromEntries(
    Object.entries(isJsonObject(object['metadata']) ? object['metadata'] : {}).filter(([key]) => !STORED.has(key)),
  );
  const spec = Object.fromEntries(
    Object.entries(isJsonObject(object['spec']) ? object['spec'] : {}).filter(([key]) => key !== 'ephemeralContainers'),
  );
  const hasName = textMember(metadata, 'name') !== '' || textMember(metadata, 'generateName') !== '';
  const owners = listMember(metadata, 'ownerReferences');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      ...(hasName ? {} : { generateName: 'imc-review-' }),
      ...(owners.length === 0 ? {} : { ownerReferences: owners.map(ownerWithUid) }),
      namespace,
    },
    spec,
  };
}

/** Members of the metadata that an API server writes, and refuses on new objects or ignores. */
const STORED: ReadonlySet<string> = new Set([
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
  'uid',
]);

/** DaemonSets are told by the owner (spec G3); one that is not created yet has no uid, but a reference needs one. */
function ownerWithUid(owner: unknown): unknown {
  if (!isJsonObject(owner) || textMember(owner, 'uid') !== '') return owner;
  return { ...owner, uid: '00000000-0000-0000-0000-000000000000', name: textMember(owner, 'name') || 'imc-review' };
}
