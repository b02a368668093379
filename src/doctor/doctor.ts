import { IGNORE_KEY } from '../core/keys.ts';
import type { StringMap } from '../core/label-selector.ts';
import type { DecisionSettings } from '../core/settings.ts';
import type { JsonObject } from '../wire/json.ts';
import { listMember, member, textMap, textMember } from '../wire/json.ts';
import { ECI_PROFILE } from '../wire/kinds.ts';
import { probePod } from '../wire/probe-pod.ts';
import { reviewOfPod } from '../wire/workload.ts';
import {
  ACCESS_REVIEWS,
  CONFIG_MAPS,
  CONFIGURATIONS,
  DEFINITIONS,
  DEPLOYMENTS,
  DISRUPTION_BUDGETS,
  ENDPOINT_SLICES,
  IMAGE_CACHES,
  LEASES,
  NAMESPACES,
  PODS,
  SECRETS,
  SERVICES,
} from './addresses.ts';
import type { Check, CheckName } from './check.ts';
import { failed, ok, skipped, warning } from './check.ts';
import { checkAgreement, differencesBetween, type ReplicaPage, replicaViewOf } from './check-agreement.ts';
import { checkController, checkDisruptionBudget, checkReplicas, checkService } from './check-availability.ts';
import {
  certificateInSecret,
  certificateOfServer,
  checkBundles,
  checkServed,
  type ServedCertificate,
  secretNameOf,
} from './check-certificates.ts';
import { checkApiServer, checkDefinition } from './check-cluster.ts';
import { checkImageCaches, checkProfile, readSettings } from './check-content.ts';
import { checkOptOut, checkProbe, type DirectAnswer, directAnswerOf, stampOn } from './check-probe.ts';
import { checkOtherWebhooks, checkRegistration } from './check-registration.ts';
import { accessReviewOf, checkRights, type Right, rightsOfController, rightsOfServe } from './check-rights.ts';
import { flagOf, type Installation, installationsAmong, titleOf } from './installation.ts';
import type { Answer, DryRun, LiveCluster, ObjectAddress } from './live-cluster.ts';
import { found } from './live-cluster.ts';
import { entriesOf, hostOf, ownConfigurations, type WebhookEntry } from './webhook-entry.ts';

/** Which installation to look at, and how. */
export interface ExaminationRequest {
  /** Namespace of the installation; it is looked for everywhere if not given. */
  readonly namespace: string | undefined;
  /** Name of the Helm release; needed only where there are several. */
  readonly release: string | undefined;
  /** Name of the registration, where it is not the chart's. */
  readonly webhookConfiguration: string | undefined;
  /** Where pods are tried. */
  readonly probeNamespace: string;
  /** Version of this program. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Milliseconds on a clock that only goes forward. */
  readonly elapsedMs: () => number;
}

/** What was examined, and what came of it. */
export interface Examination {
  readonly installation: { readonly namespace: string; readonly release: string; readonly version: string } | undefined;
  readonly checks: readonly Check[];
}

/** How many pods are tried; the replicas take turns. */
const PROBES = 5;
/** How often the metrics of replicas are read until they agree. */
const READINGS = 3;

/**
 * Examines a live installation: reads, and creates pods as dry runs; changes nothing. Never throws for what the cluster
 * answers or does not answer: a question that cannot be asked is a check that was skipped.
 *
 * @param progress - told what is looked at next.
 */
export async function examine(
  cluster: LiveCluster,
  request: ExaminationRequest,
  progress: (what: CheckName) => void = () => undefined,
): Promise<Examination> {
  const { nowMs, webhookConfiguration } = request;
  const checks: Check[] = [];
  progress('api-server');
  const apiServer = checkApiServer(cluster.server, await cluster.get('/version'));
  if (apiServer.result === 'failed') return { installation: undefined, checks: [apiServer] };
  checks.push(apiServer);

  progress('installation');
  const configurations = await cluster.list(CONFIGURATIONS);
  const { installation, check } = await findInstallation(cluster, request);
  checks.push(check, await definitionCheck(cluster));
  if (installation !== undefined) {
    progress('serve-rights');
    checks.push(...(await rightsChecks(cluster, installation)));
  }

  progress('registration');
  const all = entriesOf(found(configurations) ?? []);
  const own = ownConfigurations(found(configurations) ?? [], installation, webhookConfiguration);
  const entries = all.filter(({ configuration }) => own.has(configuration));
  checks.push(checkRegistration(configurations, entries, installation, webhookConfiguration));
  if (configurations.kind === 'found') {
    const labels = installation && (await namespaceLabels(cluster, installation.namespace));
    checks.push(checkOtherWebhooks(all, own, installation, labels));
  }

  progress('certificate');
  checks.push(...(await certificateChecks(cluster, installation, entries, nowMs)));
  let settings: DecisionSettings | undefined;
  if (installation !== undefined) {
    progress('service');
    checks.push(...(await availabilityChecks(cluster, installation, entries, nowMs)));
    const name = installation.serve.mounted.get('settings');
    const installed = readSettings(
      installation,
      name === undefined ? undefined : await cluster.get({ ...CONFIG_MAPS, namespace: installation.namespace, name }),
    );
    settings = installed.decision;
    checks.push(installed.check);
  }

  progress('eci-profile');
  const { namespace, name } = ECI_PROFILE;
  checks.push(checkProfile(await cluster.get({ ...CONFIG_MAPS, namespace, name }), entries));
  progress('image-caches');
  checks.push(checkImageCaches(await cluster.list(IMAGE_CACHES), nowMs, settings?.expiryMarginMs));
  const replicas = installation === undefined ? [] : await readyPods(cluster, installation);
  if (installation !== undefined) {
    progress('agreement');
    checks.push(await agreementCheck(cluster, installation, replicas));
  }

  progress('probe');
  const known = configurations.kind === 'found' ? entries : undefined;
  checks.push(...(await probeChecks(cluster, request, installation, known, settings?.mode, replicas[0])));
  const facts = installation && {
    namespace: installation.namespace,
    release: installation.release,
    version: installation.version,
  };
  return { installation: facts, checks };
}

async function findInstallation(
  cluster: LiveCluster,
  { namespace, release, webhookConfiguration, version }: ExaminationRequest,
): Promise<{ readonly installation: Installation | undefined; readonly check: Check }> {
  const name = 'installation';
  const deployments = await cluster.list({ ...DEPLOYMENTS, ...(namespace === undefined ? {} : { namespace }) });
  if (deployments.kind !== 'found') {
    const problem = deployments.kind === 'absent' ? 'the API server has no Deployments' : deployments.problem;
    const remedy =
      namespace === undefined ? 'name its namespace with --namespace' : 'ask as a user who may list Deployments';
    return { installation: undefined, check: skipped(name, `Deployments cannot be listed: ${problem}`, remedy) };
  }
  const candidates = installationsAmong(deployments.value).filter(
    (each) => release === undefined || each.release === release,
  );
  const [installation, another] = candidates;
  if (installation === undefined) {
    const where = `${release === undefined ? '' : ` ${release}`}${namespace === undefined ? ' in any namespace' : ` in namespace ${namespace}`}`;
    if (webhookConfiguration !== undefined) {
      return {
        installation: undefined,
        check: ok(name, `no release of the chart${where}; looking at ${webhookConfiguration} alone`),
      };
    }
    return {
      installation: undefined,
      check: failed(
        name,
        `there is no release of the chart${where}`,
        'install it: helm install eci-imagecache-webhook charts/eci-imagecache-webhook --namespace imc-system --create-namespace; or name its registration with --webhook-configuration',
      ),
    };
  }
  if (another !== undefined) {
    return {
      installation: undefined,
      check: failed(
        name,
        `there are several: ${candidates.map(titleOf).join(', ')}`,
        `choose one with --namespace and --release, such as --namespace ${installation.namespace} --release ${installation.release}`,
      ),
    };
  }
  const title = `${titleOf(installation)}, version ${installation.version || 'unknown'}, TLS ${installation.tls}`;
  if (installation.version !== '' && installation.version !== version) {
    return {
      installation,
      check: warning(
        name,
        `${title}; this is imc ${version}`,
        `use imc ${installation.version}, which knows what that version expects`,
      ),
    };
  }
  return { installation, check: ok(name, title) };
}

async function definitionCheck(cluster: LiveCluster): Promise<Check> {
  const group = IMAGE_CACHES.group ?? '';
  const [version, groupAnswer, definition] = await Promise.all([
    cluster.get(`/apis/${group}/v1`),
    cluster.get(`/apis/${group}`),
    cluster.get({ ...DEFINITIONS, name: `imagecaches.${group}` }),
  ]);
  return checkDefinition({ version, group: groupAnswer, definition });
}

async function rightsChecks(cluster: LiveCluster, installation: Installation): Promise<Check[]> {
  const { namespace, serve, controller } = installation;
  const ask = async (name: CheckName, account: string, rights: readonly { right: Right; isWanted: boolean }[]) => {
    const asked = await Promise.all(
      rights.map(async ({ right, isWanted }) => ({
        right,
        isWanted,
        answer: await cluster.ask(ACCESS_REVIEWS, accessReviewOf(namespace, account, right)),
      })),
    );
    return checkRights(name, installation, account, asked);
  };
  return [
    await ask('serve-rights', serve.serviceAccount, rightsOfServe(installation)),
    ...(controller === undefined
      ? []
      : [await ask('controller-rights', controller.serviceAccount, rightsOfController(installation, controller))]),
  ];
}

async function certificateChecks(
  cluster: LiveCluster,
  installation: Installation | undefined,
  entries: readonly WebhookEntry[],
  nowMs: number,
): Promise<Check[]> {
  const [first] = entries;
  if (first === undefined) {
    const why = 'there is no registration to compare with; see `registration`';
    return (['ca-bundle', 'certificate', 'trust'] as const).map((name) => skipped(name, why));
  }
  const served = await servedCertificate(cluster, installation, first);
  return [checkBundles(entries, installation, nowMs), ...(await checkServed(entries, served, installation, nowMs))];
}

/** A server is asked where it can be reached from here; else the Secret tells what it serves. */
async function servedCertificate(
  cluster: LiveCluster,
  installation: Installation | undefined,
  { target }: WebhookEntry,
): Promise<ServedCertificate> {
  if (target.kind === 'url' || cluster.isInside) {
    const { host, port } = hostOf(target);
    const sent = await cluster.certificates(host, port);
    if (sent.kind === 'found' || target.kind === 'url' || installation === undefined) {
      return certificateOfServer(target, sent);
    }
  }
  if (installation === undefined) {
    return {
      problem: `Service ${target.namespace}/${target.name} cannot be reached from here, and its Secret is not known`,
      remedy: 'run `imc doctor` in the cluster, or name the installation with --namespace',
      isFailure: false,
    };
  }
  const name = secretNameOf(installation);
  if (name === '') {
    return {
      problem: `${installation.serve.name} neither mounts a Secret as \`tls\` nor has --tls-secret`,
      remedy: `kubectl --namespace ${installation.namespace} describe deployment ${installation.serve.name}`,
      isFailure: false,
    };
  }
  return certificateInSecret(
    name,
    await cluster.get({ ...SECRETS, namespace: installation.namespace, name }),
    installation,
  );
}

async function availabilityChecks(
  cluster: LiveCluster,
  installation: Installation,
  entries: readonly WebhookEntry[],
  nowMs: number,
): Promise<Check[]> {
  const { namespace, serve, controller } = installation;
  const lease = controller && (flagOf(controller, 'controller-lease') || controller.name);
  const [service, slices, budgets, leaseAnswer] = await Promise.all([
    cluster.get({ ...SERVICES, namespace, name: serve.name }),
    firstKnown(cluster, ENDPOINT_SLICES, namespace, `kubernetes.io/service-name=${serve.name}`),
    firstKnown(cluster, DISRUPTION_BUDGETS, namespace),
    lease === undefined ? NONE : cluster.get({ ...LEASES, namespace, name: lease }),
  ]);
  return [
    checkService(installation, service, slices, entries),
    checkReplicas(installation),
    checkDisruptionBudget(installation, budgets),
    checkController(installation, leaseAnswer, nowMs),
  ];
}

const NONE: Answer<never> = { kind: 'absent' };

/** A list in the newest version that the API server has. */
async function firstKnown(
  cluster: LiveCluster,
  addresses: readonly ObjectAddress[],
  namespace: string,
  labelSelector?: string,
): Promise<Answer<readonly JsonObject[]>> {
  for (const address of addresses) {
    const answer = await cluster.list({ ...address, namespace }, labelSelector);
    if (answer.kind !== 'absent') return answer;
  }
  return NONE;
}

async function readyPods(cluster: LiveCluster, { namespace, serve }: Installation): Promise<readonly string[]> {
  const pods = found(await cluster.list({ ...PODS, namespace }, serve.podSelector)) ?? [];
  return pods
    .filter((pod) => textMember(member(pod, 'metadata'), 'deletionTimestamp') === '' && isReady(pod))
    .map((pod) => textMember(member(pod, 'metadata'), 'name'));
}

function isReady(pod: JsonObject): boolean {
  return listMember(member(pod, 'status'), 'conditions').some(
    (condition) => textMember(condition, 'type') === 'Ready' && textMember(condition, 'status') === 'True',
  );
}

/** What is on its way to one replica has reached it a moment later, so a difference is looked at again. */
async function agreementCheck(
  cluster: LiveCluster,
  installation: Installation,
  replicas: readonly string[],
): Promise<Check> {
  let pages: readonly ReplicaPage[] = [];
  for (let reading = 0; reading < READINGS; reading += 1) {
    pages = await Promise.all(
      replicas.map(async (pod) => ({
        pod,
        metrics: await cluster.text(`${podProxy(installation, 'http', pod, 'admin-port', 8080)}/metrics`),
      })),
    );
    const views = pages.map(({ pod, metrics }) => replicaViewOf(pod, found(metrics) ?? ''));
    if (differencesBetween(views.filter((view) => view !== undefined)).length === 0) break;
  }
  return checkAgreement(installation, pages);
}

async function probeChecks(
  cluster: LiveCluster,
  { probeNamespace, elapsedMs }: ExaminationRequest,
  installation: Installation | undefined,
  entries: readonly WebhookEntry[] | undefined,
  mode: DecisionSettings['mode'] | undefined,
  replica: string | undefined,
): Promise<Check[]> {
  const answers: { dryRun: DryRun; ms: number }[] = [];
  // The first pays for new connections, and the namespace may be refused at once.
  for (let probe = 0; probe < PROBES; probe += 1) {
    const startMs = elapsedMs();
    const dryRun = await cluster.dryRun(probePod(), probeNamespace);
    answers.push({ dryRun, ms: elapsedMs() - startMs });
    if (dryRun.kind !== 'created' || stampOn(dryRun.pod) === '') break;
  }
  const last = answers.at(-1)?.dryRun;
  const isUnstamped = last?.kind === 'created' && stampOn(last.pod) === '';
  const labels = await namespaceLabels(cluster, probeNamespace);
  const direct =
    isUnstamped && installation !== undefined && replica !== undefined
      ? await askDirectly(cluster, installation, replica, probeNamespace)
      : undefined;
  const optOut = await cluster.dryRun(probePod({ [IGNORE_KEY]: 'true' }), probeNamespace);
  return [
    checkProbe({ namespace: probeNamespace, namespaceLabels: labels, answers, entries, mode, installation, direct }),
    checkOptOut(probeNamespace, optOut, last?.kind === 'created' && stampOn(last.pod) !== ''),
  ];
}

async function askDirectly(
  cluster: LiveCluster,
  installation: Installation,
  pod: string,
  namespace: string,
): Promise<DirectAnswer> {
  const path = `${podProxy(installation, 'https', pod, 'port', 8443)}/mutate`;
  return directAnswerOf(pod, await cluster.ask(path, reviewOfPod(probePod(), namespace, 'imc-doctor')));
}

/** A port of a pod, through the API server, which does not look at certificates on this way. */
function podProxy(
  { namespace, serve }: Installation,
  scheme: 'http' | 'https',
  pod: string,
  flag: string,
  usualPort: number,
): string {
  const port = flagOf(serve, flag) || usualPort;
  return `/api/v1/namespaces/${namespace}/pods/${scheme}:${pod}:${port}/proxy`;
}

async function namespaceLabels(cluster: LiveCluster, name: string): Promise<StringMap | undefined> {
  const answer = await cluster.get({ ...NAMESPACES, name });
  return answer.kind === 'found' ? textMap(member(member(answer.value, 'metadata'), 'labels')) : undefined;
}
