import { SYSTEM_NAMESPACES } from '../core/gate.ts';
import { NAMESPACE_NAME_LABEL } from '../core/keys.ts';
import type { StringMap } from '../core/label-selector.ts';
import type { JsonObject } from '../wire/json.ts';
import type { Check } from './check.ts';
import { failed, ok, skipped, warning } from './check.ts';
import { type Installation, upgradeCommand } from './installation.ts';
import { type Answer, problemOf } from './live-cluster.ts';
import { notSelected, type WebhookEntry } from './webhook-entry.ts';

/** The longest wait that the chart asks of an API server, spec S7. */
const TIMEOUT_SECONDS = 3;

/** Whether the API server is told to call us, and how (spec S7). */
export function checkRegistration(
  configurations: Answer<readonly JsonObject[]>,
  entries: readonly WebhookEntry[],
  installation: Installation | undefined,
  named: string | undefined,
): Check {
  const name = 'registration';
  if (configurations.kind !== 'found') {
    return skipped(name, problemOf(configurations, 'mutatingwebhookconfigurations'), 'ask as a user who may list them');
  }
  const [first] = entries;
  if (first === undefined) {
    const found =
      named === undefined
        ? 'no MutatingWebhookConfiguration names this webhook, so nobody calls it'
        : `there is no MutatingWebhookConfiguration ${named}, or it has no webhooks`;
    const remedy =
      installation === undefined
        ? 'name it with --webhook-configuration; kubectl get mutatingwebhookconfigurations lists them'
        : `bring it back: ${upgradeCommand(installation)}`;
    return failed(name, found, remedy);
  }
  const problems = entries.flatMap((entry) => seriousProblems(entry, installation));
  if (problems[0] !== undefined) return failed(name, joined(problems), problems[0].remedy);
  const doubts = entries.flatMap((entry) => doubtsAbout(entry, installation));
  if (doubts[0] !== undefined) return warning(name, joined(doubts), doubts[0].remedy);
  const names = [...new Set(entries.map(({ configuration }) => configuration))].join(', ');
  const scope = isLabelled(entries) ? `scope labelled, ${entries.length} entries` : 'scope cluster';
  return ok(
    name,
    `${names}: ${scope}; failurePolicy Ignore, timeout ${first.timeoutSeconds} s, reinvocation ${first.reinvocationPolicy}`,
  );
}

/** Whether pods come by labels only: no entry takes a pod that has none (spec S7). */
export function isLabelled(entries: readonly WebhookEntry[]): boolean {
  return entries.every((entry) => labelsAskedFor(entry).length > 0);
}

/** Labels without which no pod comes to an entry. */
export function labelsAskedFor({ namespaceSelector, objectSelector }: WebhookEntry): readonly {
  readonly of: 'namespace' | 'pod';
  readonly key: string;
  readonly values: readonly string[];
}[] {
  const asked = (of: 'namespace' | 'pod', selector: WebhookEntry['objectSelector']) =>
    selector.requirements
      .filter(({ key, operator }) => key !== NAMESPACE_NAME_LABEL && (operator === 'In' || operator === 'Exists'))
      .map(({ key, values }) => ({ of, key, values }));
  return [...asked('namespace', namespaceSelector), ...asked('pod', objectSelector)];
}

/** What other mutating webhooks mean for us. */
export function checkOtherWebhooks(
  all: readonly WebhookEntry[],
  own: ReadonlySet<string>,
  installation: Installation | undefined,
  ownNamespaceLabels: StringMap | undefined,
): Check {
  const name = 'other-webhooks';
  const others = all.filter(({ configuration, coversPods }) => coversPods && !own.has(configuration));
  if (others.length === 0) return ok(name, 'no other mutating webhook sees pods that are created');
  const last = all.findLastIndex(({ configuration }) => own.has(configuration));
  const after = [
    ...new Set(others.filter((entry) => all.indexOf(entry) > last).map(({ configuration }) => configuration)),
  ];
  const blocking =
    installation === undefined || ownNamespaceLabels === undefined
      ? []
      : others.filter(
          (entry) =>
            entry.failurePolicy === 'Fail' &&
            notSelected(entry, installation.serve.podLabels, ownNamespaceLabels) === undefined,
        );
  const late = after.length === 0 ? 'all are called before this one' : `called after this one: ${after.join(', ')}`;
  const found = `${others.length} other mutating webhook${others.length === 1 ? ' sees' : 's see'} pods that are created; ${late}`;
  const [blocker] = blocking;
  if (blocker !== undefined && installation !== undefined) {
    const names = blocking.map((entry) => entry.name).join(', ');
    return warning(
      name,
      `${found}; while ${names} cannot be called, no pod of this webhook can start, since it fails closed on them`,
      `exclude namespace ${installation.namespace} there: kubectl edit mutatingwebhookconfiguration ${blocker.configuration} (namespaceSelector)`,
    );
  }
  const isRevisited = all
    .filter(({ configuration }) => own.has(configuration))
    .every((entry) => entry.reinvocationPolicy === 'IfNeeded');
  return ok(name, after.length > 0 && isRevisited ? `${found}; this one is called again if they change a pod` : found);
}

interface Problem {
  readonly text: string;
  readonly remedy: string;
}

/** What stops pods, or keeps us from being called at all. */
function seriousProblems(entry: WebhookEntry, installation: Installation | undefined): Problem[] {
  const { target, configuration } = entry;
  const problems: Problem[] = [];
  const problem = (text: string, remedy: string): void =>
    void problems.push({ text: `${entry.name}: ${text}`, remedy });
  if (entry.failurePolicy !== 'Ignore') {
    problem(
      `failurePolicy ${entry.failurePolicy} stops pods whenever the webhook cannot be called`,
      patch(entry, 'failurePolicy', 'Ignore'),
    );
  }
  if (entry.sideEffects !== 'None') {
    problem(
      `sideEffects ${entry.sideEffects}, so dry runs are refused or not sent`,
      patch(entry, 'sideEffects', 'None'),
    );
  }
  if (!entry.coversPods) {
    problem('its rules leave out pods that are created', restore(installation, configuration));
  }
  if (!entry.reviewVersions.includes('v1')) {
    problem(
      `admissionReviewVersions ${entry.reviewVersions.join(', ') || 'empty'} has no v1, which is what the webhook speaks`,
      restore(installation, configuration),
    );
  }
  const path = target.kind === 'service' ? target.path : URL.canParse(target.url) ? new URL(target.url).pathname : '';
  if (path !== '/mutate') {
    problem(
      `the path ${path || '/'} is called, but reviews are answered at /mutate`,
      restore(installation, configuration),
    );
  }
  if (
    installation !== undefined &&
    target.kind === 'service' &&
    (target.namespace !== installation.namespace || target.name !== installation.serve.name)
  ) {
    problem(
      `the Service ${target.namespace}/${target.name} is called, which is not that of the installation`,
      restore(installation, configuration),
    );
  }
  return problems;
}

/** What works, but not as it should. */
function doubtsAbout(entry: WebhookEntry, installation: Installation | undefined): Problem[] {
  const { configuration } = entry;
  const doubts: Problem[] = [];
  const doubt = (text: string, remedy: string): void => void doubts.push({ text: `${entry.name}: ${text}`, remedy });
  if (entry.timeoutSeconds > TIMEOUT_SECONDS) {
    doubt(
      `timeoutSeconds ${entry.timeoutSeconds}: a replica that hangs holds up every pod for so long`,
      installation === undefined
        ? patch(entry, 'timeoutSeconds', TIMEOUT_SECONDS)
        : upgradeCommand(installation, `--set webhook.timeoutSeconds=${TIMEOUT_SECONDS}`),
    );
  }
  if (entry.reinvocationPolicy !== 'IfNeeded') {
    doubt(
      `reinvocationPolicy ${entry.reinvocationPolicy}: sidecars that are injected later are not counted`,
      patch(entry, 'reinvocationPolicy', 'IfNeeded'),
    );
  }
  if (entry.matchPolicy !== 'Equivalent') {
    doubt(
      `matchPolicy ${entry.matchPolicy}: pods that are created by another version of the API are missed`,
      patch(entry, 'matchPolicy', 'Equivalent'),
    );
  }
  const excluded = [...SYSTEM_NAMESPACES, ...(installation === undefined ? [] : [installation.namespace])];
  const sent = excluded.filter(
    (namespace) => notSelected(entry, new Map(), new Map([[NAMESPACE_NAME_LABEL, namespace]])) === undefined,
  );
  if (sent.length > 0 && labelsAskedFor(entry).length === 0) {
    doubt(`pods of ${sent.join(', ')} are sent, which are never handled`, restore(installation, configuration));
  }
  return doubts;
}

function joined(problems: readonly Problem[]): string {
  const [first, ...rest] = problems;
  const more = rest.length === 0 ? '' : `, and ${rest.length} more such`;
  return `${first?.text ?? ''}${more}`;
}

function restore(installation: Installation | undefined, configuration: string): string {
  if (installation !== undefined) return `put it back: ${upgradeCommand(installation)}`;
  return `mend it: kubectl edit mutatingwebhookconfiguration ${configuration}`;
}

function patch({ configuration, index }: WebhookEntry, field: string, value: string | number): string {
  const operations = JSON.stringify([{ op: 'replace', path: `/webhooks/${index}/${field}`, value }]);
  return `kubectl patch mutatingwebhookconfiguration ${configuration} --type=json --patch='${operations}'`;
}
