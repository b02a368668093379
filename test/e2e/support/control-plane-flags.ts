import { join } from 'node:path';

/** Those that make pods, and what pods and namespaces need beside them; node controllers would evict pods. */
const CONTROLLERS =
  'deployment,replicaset,statefulset,daemonset,job,cronjob,replicationcontroller,namespace,serviceaccount,' +
  'serviceaccount-token,root-ca-cert-publisher,clusterrole-aggregation,garbagecollector,resourcequota,endpoint,' +
  'endpointslice,disruption,podgc';

/** Where a control plane lives: files by their paths, ports on loopback. */
export interface ControlPlanePlaces {
  readonly folder: string;
  readonly ports: Readonly<Record<'etcd' | 'peer' | 'api' | 'manager', number>>;
  readonly files: Readonly<
    Record<'ca' | 'cert' | 'key' | 'accountsPublic' | 'accountsPrivate' | 'tokens' | 'manager' | 'auditPolicy', string>
  >;
  readonly auditLog: string | undefined;
  /** Whether the release still has the flags of the insecure ports, which went with 1.24. */
  readonly hasInsecurePorts: boolean;
}

export function etcdFlags({ folder, ports }: ControlPlanePlaces): string[] {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.peer}`;
  return flags({
    name: 'test',
    'data-dir': join(folder, 'etcd'),
    logger: 'zap',
    'log-level': 'warn',
    'unsafe-no-fsync': 'true',
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `test=${peer}`,
  });
}

export function apiServerFlags({ ports, files, auditLog, hasInsecurePorts }: ControlPlanePlaces): string[] {
  const issuer = 'https://kubernetes.default.svc';
  return flags({
    v: '1',
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'secure-port': ports.api,
    'insecure-port': hasInsecurePorts ? 0 : undefined,
    'endpoint-reconciler-type': 'none',
    'etcd-servers': `http://127.0.0.1:${ports.etcd}`,
    'service-cluster-ip-range': '10.96.0.0/24',
    'tls-cert-file': files.cert,
    'tls-private-key-file': files.key,
    'client-ca-file': files.ca,
    'token-auth-file': files.tokens,
    'authorization-mode': 'Node,RBAC',
    'anonymous-auth': 'true',
    'enable-admission-plugins': 'MutatingAdmissionWebhook,ValidatingAdmissionWebhook',
    'service-account-key-file': files.accountsPublic,
    'service-account-signing-key-file': files.accountsPrivate,
    'service-account-issuer': issuer,
    'api-audiences': issuer,
    'allow-privileged': 'true',
    profiling: 'false',
    'event-ttl': '10m',
    'audit-policy-file': auditLog === undefined ? undefined : files.auditPolicy,
    'audit-log-path': auditLog,
  });
}

export function controllerManagerFlags({ folder, ports, files, hasInsecurePorts }: ControlPlanePlaces): string[] {
  return flags({
    v: '1',
    'bind-address': '127.0.0.1',
    'secure-port': ports.manager,
    port: hasInsecurePorts ? 0 : undefined,
    kubeconfig: files.manager,
    'authentication-kubeconfig': files.manager,
    'authorization-kubeconfig': files.manager,
    'authentication-skip-lookup': 'true',
    'client-ca-file': files.ca,
    'cert-dir': join(folder, 'manager'),
    controllers: CONTROLLERS,
    'leader-elect': 'false',
    'use-service-account-credentials': 'true',
    'service-account-private-key-file': files.accountsPrivate,
    'root-ca-file': files.ca,
    'kube-api-qps': 400,
    'kube-api-burst': 800,
    'concurrent-deployment-syncs': 10,
    'concurrent-replicaset-syncs': 10,
    'concurrent-namespace-syncs': 10,
    profiling: 'false',
  });
}

/** `--name=value`, in this order; a flag without a value is left out. */
function flags(values: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
}
