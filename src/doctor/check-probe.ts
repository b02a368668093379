import { DECISION_KEY, ECI_LABEL, IGNORE_KEY } from '../core/keys.ts';
import { formatRequirement, type StringMap } from '../core/label-selector.ts';
import { OUTCOMES } from '../core/outcome.ts';
import type { DecisionSettings } from '../core/settings.ts';
import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import type { Check } from './check.ts';
import { failed, ok, skipped, warning } from './check.ts';
import type { Installation } from './installation.ts';
import type { Answer, DryRun } from './live-cluster.ts';
import { type NotSelected, notSelected, type WebhookEntry } from './webhook-entry.ts';

/** What is known of the probes. */
export interface ProbeFacts {
  readonly namespace: string;
  /** `undefined` when the namespace cannot be read. */
  readonly namespaceLabels: StringMap | undefined;
  /** What became of a pod on ECI; all are alike. */
  readonly answers: readonly { readonly dryRun: DryRun; readonly ms: number }[];
  /** The entries of the registration; `undefined` when it cannot be read. */
  readonly entries: readonly WebhookEntry[] | undefined;
  readonly mode: DecisionSettings['mode'] | undefined;
  readonly installation: Installation | undefined;
  /** A replica's own answer to the same pod, asked for through the API server; only when no stamp came back. */
  readonly direct: DirectAnswer | undefined;
}

/** What a replica says when it is asked for a review past the registration. */
export type DirectAnswer =
  | { readonly kind: 'answered'; readonly pod: string; readonly outcome: string }
  | { readonly kind: 'silent'; readonly pod: string; readonly problem: string; readonly isForbidden: boolean };

/** The labels of the pod that has to be stamped. */
const PROBE_LABELS: StringMap = new Map([[ECI_LABEL, 'true']]);

/** The decision on a pod; empty if it has none. */
export function stampOn(pod: JsonObject): string {
  return textMember(member(member(pod, 'metadata'), 'annotations'), DECISION_KEY);
}

/** Whether a pod on ECI comes back from the API server with a decision; and if not, how far it got. */
export function checkProbe(facts: ProbeFacts): Check {
  const name = 'probe';
  const { namespace, answers, entries } = facts;
  const [first] = answers;
  if (first === undefined) return skipped(name, 'no pod was tried');
  const { dryRun } = first;
  if (dryRun.kind === 'unasked') {
    return skipped(
      name,
      `a pod in namespace ${namespace} cannot be tried: ${dryRun.problem}`,
      'name a namespace where you may create pods with --probe-namespace',
    );
  }
  if (dryRun.kind === 'refused') return aboutRefusal(facts, dryRun);
  const stamp = stampOn(dryRun.pod);
  if (stamp !== '') return aboutStamp(facts, stamp);
  if (entries?.length === 0) {
    return failed(
      name,
      'the pod came back unchanged: nobody is called, since there is no registration',
      'see `registration`',
    );
  }
  const reasons = facts.namespaceLabels === undefined ? undefined : whyNotSelected(facts, facts.namespaceLabels);
  if (reasons !== undefined) return aboutExclusion(namespace, reasons);
  return aboutSilence(facts);
}

/**
 * Whether a pod that asks to be left alone is left alone.
 *
 * @param isStamped - whether one that does not ask comes back with a decision; else this proves nothing.
 */
export function checkOptOut(namespace: string, dryRun: DryRun, isStamped: boolean): Check {
  const name = 'opt-out';
  if (dryRun.kind === 'unasked') {
    return skipped(name, `a pod in namespace ${namespace} cannot be tried: ${dryRun.problem}`);
  }
  if (dryRun.kind === 'refused') return skipped(name, `a pod in namespace ${namespace} is refused: ${dryRun.message}`);
  if (stampOn(dryRun.pod) === '') {
    return isStamped
      ? ok(name, `a pod with the label ${IGNORE_KEY}=true comes back as it was`)
      : skipped(name, 'it proves nothing while no pod is stamped; see `probe`');
  }
  return failed(
    name,
    `a pod with the label ${IGNORE_KEY}=true is stamped all the same`,
    'what stamps is another program, or a version without this label: kubectl get mutatingwebhookconfigurations -o wide',
  );
}

function aboutRefusal(
  { namespace, entries = [] }: ProbeFacts,
  { message, webhook }: DryRun & { kind: 'refused' },
): Check {
  const own = entries.find((entry) => entry.name === webhook);
  if (own !== undefined) {
    return failed(
      'probe',
      `the pod is refused on account of this webhook: ${message}`,
      own.failurePolicy === 'Ignore'
        ? 'look at the log of the replicas'
        : 'see `registration`: failurePolicy has to be Ignore',
    );
  }
  return skipped(
    'probe',
    `a pod in namespace ${namespace} is refused${webhook === '' ? '' : ` by ${webhook}`}, whatever this webhook says: ${message}`,
    'name a namespace that takes such a pod with --probe-namespace',
  );
}

function aboutStamp(facts: ProbeFacts, stamp: string): Check {
  const name = 'probe';
  const outcome = outcomeIn(stamp);
  const configurations = [...new Set((facts.entries ?? []).map(({ configuration }) => configuration))];
  if (outcome === undefined) {
    return warning(
      name,
      `the pod was stamped in a form that this version does not know: ${stamp.slice(0, 120)}`,
      'use the imc of the version that is installed; see `installation` and `agreement`',
    );
  }
  if (configurations.length > 1) {
    return warning(
      name,
      `the pod was stamped (${outcome}), but ${configurations.join(' and ')} are all called, so that the last decides`,
      `keep one: kubectl delete mutatingwebhookconfiguration ${configurations[0]}`,
    );
  }
  const unstamped = facts.answers.filter(
    ({ dryRun }) => dryRun.kind === 'created' && stampOn(dryRun.pod) === '',
  ).length;
  if (unstamped > 0) {
    return failed(
      name,
      `${unstamped} of ${facts.answers.length} pods came back without a decision: some replica, or some API server, does not get through`,
      facts.installation === undefined ? 'look at the log of the replicas' : podsCommand(facts.installation),
    );
  }
  const times = facts.answers.map(({ ms }) => ms).toSorted((one, other) => one - other);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  return ok(
    name,
    `a pod in namespace ${facts.namespace} comes back with a decision (${outcome}), in ${Math.ceil(median)} ms`,
  );
}

function outcomeIn(stamp: string): string | undefined {
  try {
    const outcome = textMember(JSON.parse(stamp), 'outcome');
    return OUTCOMES.find((each) => each === outcome);
  } catch {
    return undefined;
  }
}

/** The requirements that keep the pod from every entry; `undefined` if one takes it, or none is known. */
function whyNotSelected({ entries }: ProbeFacts, namespaceLabels: StringMap): readonly NotSelected[] | undefined {
  if (entries === undefined) return undefined;
  const reasons = entries.map((entry) =>
    entry.coversPods ? notSelected(entry, PROBE_LABELS, namespaceLabels) : undefined,
  );
  return reasons.every((reason) => reason !== undefined) ? reasons : undefined;
}

function aboutExclusion(namespace: string, reasons: readonly NotSelected[]): Check {
  const [reason] = reasons;
  const requirement = reason === undefined ? '' : formatRequirement(reason.requirement);
  const isIgnored = reasons.some(
    (each) => each.requirement.key === IGNORE_KEY && each.selector === 'namespaceSelector',
  );
  const another = 'try another namespace with --probe-namespace';
  return failed(
    'probe',
    `the pod came back unchanged: the webhook is not called for namespace ${namespace}, since ${reason?.selector} asks for ${requirement}`,
    isIgnored
      ? `take the label away if it is not meant: kubectl label namespace ${namespace} ${IGNORE_KEY}-; or ${another}`
      : `${another}, or change webhook.excludeNamespaces, webhook.namespaceExpressions and webhook.podExpressions of the chart`,
  );
}

/** The API server should have called, and the pod is as it was. */
function aboutSilence({ namespace, mode, installation, direct, answers, entries }: ProbeFacts): Check {
  const name = 'probe';
  if (mode === 'off') {
    return warning(name, 'the pod came back unchanged, as it should with mode off', 'see `settings`');
  }
  const log = 'the log of the API server has the reason: look for "failing open"';
  const timeoutMs = Math.min(...(entries ?? []).map(({ timeoutSeconds }) => timeoutSeconds)) * 1000;
  const waited = answers.some(({ ms }) => ms >= timeoutMs)
    ? `, after ${Math.round(timeoutMs / 1000)} s without an answer`
    : '';
  if (direct?.kind === 'answered') {
    if (DECIDED.has(direct.outcome)) {
      return failed(
        name,
        `the call fails and is let pass (failing open)${waited}: ${direct.pod} decides ${direct.outcome} when asked past the registration`,
        `see \`ca-bundle\`, \`trust\` and \`service\`; else a matchCondition of the registration leaves the pod out, or the way from API server to replicas is closed, such as by a NetworkPolicy or a security group (port 8443); ${log}`,
      );
    }
    return failed(
      name,
      `the webhook is called and leaves the pod alone: ${direct.pod} answers ${direct.outcome || 'Skipped'}`,
      installation === undefined ? 'look at its log' : logsCommand(installation),
    );
  }
  if (direct?.kind === 'silent' && !direct.isForbidden) {
    return failed(
      name,
      `the call fails and is let pass (failing open)${waited}: nobody answers. ${direct.pod}: ${direct.problem}`,
      installation === undefined ? log : `${podsCommand(installation)}; ${logsCommand(installation)}; ${log}`,
    );
  }
  return failed(
    name,
    `a pod in namespace ${namespace} came back unchanged: the webhook should be called; either the call fails and is let pass (failing open)${waited}, or it leaves the pod alone`,
    `see the checks before this one; ${log}; ${installation === undefined ? 'and look at the log of the webhook' : logsCommand(installation)}`,
  );
}

/** Outcomes that come with a decision on the pod. */
const DECIDED: ReadonlySet<string> = new Set(
  OUTCOMES.filter((outcome) => !['Skipped', 'NotSynced', 'Late', 'Error'].includes(outcome)),
);

function podsCommand({ namespace, serve }: Installation): string {
  return `kubectl --namespace ${namespace} get pods --selector ${serve.podSelector} -o wide`;
}

function logsCommand({ namespace, serve }: Installation): string {
  return `kubectl --namespace ${namespace} logs --selector ${serve.podSelector} --prefix`;
}

/** What a replica answered to a review that came to it directly. */
export function directAnswerOf(pod: string, answer: Answer<JsonObject>): DirectAnswer {
  if (answer.kind === 'found') {
    const response = member(answer.value, 'response');
    return { kind: 'answered', pod, outcome: textMember(member(response, 'auditAnnotations'), 'outcome') };
  }
  const problem = answer.kind === 'absent' ? 'it is gone' : answer.problem;
  return { kind: 'silent', pod, problem, isForbidden: answer.kind === 'unreadable' && answer.isForbidden };
}
