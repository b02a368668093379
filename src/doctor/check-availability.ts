import { firstFailure } from '../core/label-selector.ts';
import type { JsonObject } from '../wire/json.ts';
import { listMember, member, textMap, textMember } from '../wire/json.ts';
import type { Check } from './check.ts';
import { failed, ok, skipped, warning } from './check.ts';
import { flagOf, type Installation, numberMember, upgradeCommand } from './installation.ts';
import { type Answer, problemOf } from './live-cluster.ts';
import type { WebhookEntry } from './webhook-entry.ts';

/** Whether the Service that API servers call leads to replicas that are ready. */
export function checkService(
  installation: Installation,
  service: Answer<JsonObject>,
  slices: Answer<readonly JsonObject[]>,
  entries: readonly WebhookEntry[],
): Check {
  const name = 'service';
  const title = `Service ${installation.namespace}/${installation.serve.name}`;
  if (service.kind === 'unreadable') return skipped(name, problemOf(service, title));
  if (service.kind === 'absent') {
    return failed(
      name,
      `there is no ${title}, so nobody can be called`,
      `bring it back: ${upgradeCommand(installation)}`,
    );
  }
  const ports = listMember(member(service.value, 'spec'), 'ports').map((port) => numberMember(port, 'port'));
  const called = entries.flatMap(({ target }) => (target.kind === 'service' ? [target.port] : []));
  const missing = called.find((port) => !ports.includes(port));
  if (missing !== undefined) {
    return failed(
      name,
      `port ${missing} is called, but ${title} has ${ports.join(', ') || 'none'}`,
      `put it back: ${upgradeCommand(installation)}`,
    );
  }
  if (slices.kind !== 'found') return skipped(name, problemOf(slices, `endpoints of ${title}`));
  const endpoints = slices.value.flatMap((slice) => listMember(slice, 'endpoints'));
  const ready = endpoints.filter((endpoint) => member(member(endpoint, 'conditions'), 'ready') !== false).length;
  if (ready === 0) {
    const { namespace, serve } = installation;
    const waiting = endpoints.length === 0 ? 'no pod is behind it' : `${endpoints.length} are not ready`;
    return failed(
      name,
      `${title} has no ready endpoint (${waiting}): pods start unchanged`,
      `see what keeps them: kubectl --namespace ${namespace} get pods --selector ${serve.podSelector}; kubectl --namespace ${namespace} describe deployment ${serve.name}`,
    );
  }
  return ok(name, `${title} has ${ready} ready endpoint${ready === 1 ? '' : 's'}`);
}

/** Whether a replica may go away without anybody noticing. */
export function checkReplicas(installation: Installation): Check {
  const name = 'replicas';
  const { namespace, serve } = installation;
  if (serve.available < serve.wanted) {
    return warning(
      name,
      `${serve.available} of ${serve.wanted} replicas of ${serve.name} are available`,
      `kubectl --namespace ${namespace} describe pods --selector ${serve.podSelector}`,
    );
  }
  if (serve.wanted < 2) {
    return warning(
      name,
      `${serve.name} has ${serve.wanted} replica${serve.wanted === 1 ? '' : 's'}: pods start unchanged while its node is drained`,
      upgradeCommand(installation, '--set serve.replicas=2'),
    );
  }
  return ok(name, `${serve.available} of ${serve.wanted} replicas of ${serve.name} are available`);
}

/** Whether draining nodes leaves a replica. */
export function checkDisruptionBudget(installation: Installation, budgets: Answer<readonly JsonObject[]>): Check {
  const name = 'disruption-budget';
  if (budgets.kind !== 'found') return skipped(name, problemOf(budgets, 'PodDisruptionBudgets'));
  const { serve, namespace } = installation;
  const own = budgets.value.find((budget) => {
    const labels = textMap(member(member(member(budget, 'spec'), 'selector'), 'matchLabels'));
    const requirements = [...labels].map(([key, value]) => ({ key, operator: 'In' as const, values: [value] }));
    return labels.size > 0 && firstFailure({ requirements }, serve.podLabels) === undefined;
  });
  if (own === undefined) {
    if (serve.wanted < 2) return ok(name, 'none; with one replica it would protect nothing');
    return warning(
      name,
      `no PodDisruptionBudget in namespace ${namespace} is for ${serve.name}: nodes may be drained all at once`,
      upgradeCommand(installation, '--set serve.disruptionBudget.enabled=true'),
    );
  }
  const allowed = numberMember(member(own, 'status'), 'disruptionsAllowed') ?? 0;
  return ok(
    name,
    `${textMember(member(own, 'metadata'), 'name')} allows ${allowed} disruption${allowed === 1 ? '' : 's'} now`,
  );
}

/** Whether somebody renews certificates, keeps the last good profile and makes ImageCaches. */
export function checkController(installation: Installation, lease: Answer<JsonObject>, nowMs: number): Check {
  const name = 'controller';
  const { controller, namespace, tls } = installation;
  if (controller === undefined) {
    return ok(name, `switched off; certificates come from ${tls}, and the last good eci-profile is not kept`);
  }
  const logs = `kubectl --namespace ${namespace} logs deployment/${controller.name}`;
  if (controller.available === 0) {
    const what =
      tls === 'self-managed' ? 'no certificate is renewed, and no ImageCache is made' : 'no ImageCache is made';
    return failed(
      name,
      `no replica of ${controller.name} is available: ${what}`,
      `kubectl --namespace ${namespace} describe pods --selector ${controller.podSelector}; ${logs}`,
    );
  }
  const leaseName = flagOf(controller, 'controller-lease') || controller.name;
  if (lease.kind === 'unreadable') return skipped(name, problemOf(lease, `Lease ${namespace}/${leaseName}`));
  const spec = lease.kind === 'found' ? member(lease.value, 'spec') : undefined;
  const holder = textMember(spec, 'holderIdentity');
  if (holder === '') return failed(name, `nobody holds the Lease ${namespace}/${leaseName}, so nothing is done`, logs);
  const renewedMs = Date.parse(textMember(spec, 'renewTime'));
  const durationMs = (numberMember(spec, 'leaseDurationSeconds') ?? 15) * 1000;
  // Clocks of machines differ, and a new leader takes its time.
  if (!(nowMs - renewedMs < durationMs + CLOCKS_MS)) {
    const since = Number.isNaN(renewedMs) ? 'never' : `last ${new Date(renewedMs).toISOString()}`;
    return failed(name, `${holder} holds the Lease ${namespace}/${leaseName}, but renewed it ${since}`, logs);
  }
  return ok(
    name,
    `${controller.available} of ${controller.wanted} replicas of ${controller.name} are available; ${holder} leads`,
  );
}

const CLOCKS_MS = 60_000;
