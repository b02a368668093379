import type { JsonObject } from '../wire/json.ts';
import { member } from '../wire/json.ts';
import type { Check, CheckName } from './check.ts';
import { failed, ok, skipped } from './check.ts';
import { flagOf, type Installation, upgradeCommand, type Workload } from './installation.ts';
import type { Answer } from './live-cluster.ts';

/** Something a service account may do, or must not be able to do. */
export interface Right {
  readonly verb: string;
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  /** Everywhere if there is none. */
  readonly namespace?: string;
  readonly name?: string;
}

/** A right, whether it is wanted, and whether it is there. */
export interface AskedRight {
  readonly right: Right;
  readonly isWanted: boolean;
  readonly answer: Answer<JsonObject>;
}

/** What the service account of serve needs, and what it must never have (spec S6). */
export function rightsOfServe(installation: Installation): readonly { right: Right; isWanted: boolean }[] {
  const { namespace, serve } = installation;
  const kept = flagOf(serve, 'profile-config-map');
  const secret = flagOf(serve, 'tls-secret');
  return [
    ...wanted(READ, { ...CACHES }),
    ...wanted(READ, { resource: 'namespaces' }),
    ...wanted(READ, { resource: 'configmaps', namespace: 'kube-system', name: 'eci-profile' }),
    ...wanted(['create'], { resource: 'events', namespace: 'kube-system' }),
    ...(kept === '' ? [] : wanted(['get'], { resource: 'configmaps', namespace, name: kept })),
    ...(secret === '' ? [] : wanted(READ, { resource: 'secrets', namespace, name: secret })),
    ...unwanted(['get', 'list'], { resource: 'secrets' }),
    ...unwanted(['list'], { resource: 'secrets', namespace }),
    ...unwanted(['create', 'patch', 'delete'], { ...CACHES }),
    ...unwanted(['create'], { resource: 'pods' }),
    ...unwanted(['patch'], { ...REGISTRATIONS }),
  ];
}

/** What the service account of the controller needs, and what it must never have (spec S6). */
export function rightsOfController(
  { namespace, tls }: Installation,
  controller: Workload,
): readonly { right: Right; isWanted: boolean }[] {
  const lease = flagOf(controller, 'controller-lease');
  const secret = flagOf(controller, 'tls-secret');
  const configuration = flagOf(controller, 'tls-webhook-configuration');
  const state = flagOf(controller, 'controller-state-config-map');
  return [
    ...wanted([...READ, 'create', 'patch', 'delete'], { ...CACHES }),
    ...wanted(['patch'], { ...CACHES, subresource: 'status' }),
    ...wanted(READ, { resource: 'namespaces' }),
    ...wanted(READ, { resource: 'pods' }),
    ...wanted(['create'], { resource: 'events' }),
    ...wanted(READ, { resource: 'configmaps', namespace: 'kube-system', name: 'eci-profile' }),
    ...(lease === '' ? [] : wanted(['get', 'patch'], { ...LEASE, namespace, name: lease })),
    ...(state === '' ? [] : wanted(['get', 'patch'], { resource: 'configmaps', namespace, name: state })),
    ...(tls !== 'self-managed' || secret === ''
      ? []
      : [
          ...wanted(['get', 'patch'], { resource: 'secrets', namespace, name: secret }),
          ...wanted(['get', 'patch'], { resource: 'secrets', namespace, name: `${secret}-ca` }),
        ]),
    ...(configuration === '' ? [] : wanted(['get', 'patch'], { ...REGISTRATIONS, name: configuration })),
    ...unwanted(['get', 'list'], { resource: 'secrets' }),
    ...unwanted(['list'], { resource: 'secrets', namespace }),
    ...unwanted(['create'], { resource: 'pods' }),
    ...unwanted(['patch', 'delete'], { ...REGISTRATIONS }),
  ];
}

/** The question to an API server whether a service account has a right. */
export function accessReviewOf(namespace: string, account: string, right: Right): JsonObject {
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: userOf(namespace, account),
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
      resourceAttributes: { ...right },
    },
  };
}

/** Whether a service account has the rights it needs, and none of those it must not have. */
export function checkRights(
  name: CheckName,
  installation: Installation,
  account: string,
  asked: readonly AskedRight[],
): Check {
  const silent = asked.find(({ answer }) => answer.kind !== 'found');
  if (silent !== undefined) {
    const { answer } = silent;
    const why = answer.kind === 'unreadable' ? answer.problem : 'the API server does not know SubjectAccessReviews';
    return skipped(
      name,
      `the rights of ${account} cannot be asked for: ${why}`,
      'ask as a user who may create subjectaccessreviews',
    );
  }
  const missing = asked.filter(({ isWanted, answer }) => isWanted && !isAllowed(answer)).map(({ right }) => right);
  const excess = asked.filter(({ isWanted, answer }) => !isWanted && isAllowed(answer)).map(({ right }) => right);
  const { namespace } = installation;
  const [lacked, given] = [missing[0], excess[0]];
  if (lacked !== undefined) {
    return failed(
      name,
      `${account} may not ${listed(missing)}`,
      `put its rights back: ${upgradeCommand(installation)}; then ${canI(namespace, account, lacked)}`,
    );
  }
  if (given !== undefined) {
    return failed(
      name,
      `${account} has more rights than it needs: it may ${listed(excess)}`,
      `find the binding that gives them, and take ${account} off it: kubectl get clusterrolebindings,rolebindings -A -o wide | grep -E "${account}|serviceaccounts"; then ${canI(namespace, account, given)}`,
    );
  }
  const needed = asked.filter(({ isWanted }) => isWanted).length;
  return ok(
    name,
    `${account} has the ${needed} rights it needs, and none of the ${asked.length - needed} it must not have`,
  );
}

const READ: readonly string[] = ['get', 'list', 'watch'];
const CACHES = { group: 'eci.alibabacloud.com', resource: 'imagecaches' } as const;
const REGISTRATIONS = {
  group: 'admissionregistration.k8s.io',
  resource: 'mutatingwebhookconfigurations',
} as const;
const LEASE = { group: 'coordination.k8s.io', resource: 'leases' } as const;

function wanted(verbs: readonly string[], right: Omit<Right, 'verb'>): { right: Right; isWanted: boolean }[] {
  return verbs.map((verb) => ({ right: { verb, ...right }, isWanted: true }));
}

function unwanted(verbs: readonly string[], right: Omit<Right, 'verb'>): { right: Right; isWanted: boolean }[] {
  return verbs.map((verb) => ({ right: { verb, ...right }, isWanted: false }));
}

function isAllowed(answer: Answer<JsonObject>): boolean {
  return answer.kind === 'found' && member(member(answer.value, 'status'), 'allowed') === true;
}

function userOf(namespace: string, account: string): string {
  return `system:serviceaccount:${namespace}:${account}`;
}

/** Verbs of one resource together: `list, watch imagecaches.eci.alibabacloud.com; get secrets in namespace x`. */
function listed(rights: readonly Right[]): string {
  const verbs = new Map<string, string[]>();
  for (const right of rights) {
    const what = titleOf(right);
    verbs.set(what, [...(verbs.get(what) ?? []), right.verb]);
  }
  return [...verbs].map(([what, all]) => `${all.join(', ')} ${what}`).join('; ');
}

function titleOf({ group, resource, subresource, namespace, name }: Right): string {
  const type = `${resource}${group === undefined ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
  const place = namespace === undefined ? '' : ` in namespace ${namespace}`;
  return `${type}${name === undefined ? '' : ` ${name}`}${place}`;
}

function canI(namespace: string, account: string, right: Right): string {
  const { verb, group, resource, subresource, name } = right;
  const type = `${resource}${group === undefined ? '' : `.${group}`}${name === undefined ? '' : `/${name}`}`;
  const part = subresource === undefined ? '' : ` --subresource=${subresource}`;
  const where = right.namespace === undefined ? ' --all-namespaces' : ` --namespace ${right.namespace}`;
  return `kubectl auth can-i ${verb} ${type}${part}${where} --as=${userOf(namespace, account)}`;
}
