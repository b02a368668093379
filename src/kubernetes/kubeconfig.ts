import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { KubeconfigError } from './cluster-errors.ts';

/** Which cluster to talk to, and as whom. */
export interface ClusterAccess {
  /** A kubeconfig file; without it `KUBECONFIG`, the service account of this pod, or `~/.kube/config` counts. */
  readonly kubeconfig?: string | undefined;
  /** A context of the kubeconfig; its current one if not given. */
  readonly context?: string | undefined;
  /** Usually `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Whether this program runs in a pod of a cluster. */
function isInCluster(env: ClusterAccess['env']): boolean {
  return Boolean(env['KUBERNETES_SERVICE_HOST']) && Boolean(env['KUBERNETES_SERVICE_PORT']);
}

/** Whether the cluster that counts is the one we run in, as the service account of our pod. */
export function isServiceAccount({ kubeconfig, context, env }: ClusterAccess): boolean {
  return kubeconfig === undefined && !env['KUBECONFIG'] && context === undefined && isInCluster(env);
}

/**
 * Loads the kubeconfig that counts. The order is that of controllers in general: the file that was named, `KUBECONFIG`
 * (several files: the first to define a name wins, missing files are passed over), the service account, `~/.kube/config`.
 *
 * client-node is loaded here and only here, when the first cluster is asked for.
 *
 * @throws KubeconfigError naming file and field.
 */
export async function loadKubeconfig({ kubeconfig, context, env }: ClusterAccess): Promise<KubeConfig> {
  // The package's main file brings half a thousand models along that nobody here uses.
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const files = kubeconfig === undefined ? filesOf(env) : [kubeconfig];
  const usesServiceAccount = isServiceAccount({ kubeconfig, context, env });
  const config = new KubeConfig();
  if (usesServiceAccount) {
    config.loadFromCluster();
  } else {
    if (files.length === 0) throw new KubeconfigError(`there is no cluster to talk to: ${HOW_TO_NAME_ONE}`);
    const loaded = files.map((file) => loadFile(new KubeConfig(), file));
    config.loadFromOptions({
      clusters: firstByName(loaded.flatMap((each) => each.getClusters())),
      users: firstByName([...loaded.flatMap((each) => each.getUsers()), { name: ANONYMOUS }]),
      contexts: firstByName(loaded.flatMap((each) => each.getContexts())).map((each) => ({
        ...each,
        user: each.user || ANONYMOUS,
      })),
      currentContext: loaded.map((each) => each.getCurrentContext()).find(Boolean),
    });
  }
  if (context !== undefined) config.setCurrentContext(context);
  expectUsable(config, usesServiceAccount ? 'the service account' : files.join(', '));
  return config;
}

/** A context may name no user; client-node would then leave out the CA as well. */
const ANONYMOUS = '(anonymous)';

const HOW_TO_NAME_ONE = 'name a kubeconfig with --kubeconfig or KUBECONFIG, or run in a pod with a service account';

/** Files that are there; those of `KUBECONFIG` must be at least one, as for kubectl. */
function filesOf(env: ClusterAccess['env']): string[] {
  const listed = env['KUBECONFIG']?.split(delimiter).filter((file) => file !== '') ?? [];
  if (listed.length > 0) {
    const present = listed.filter((file) => existsSync(file));
    if (present.length > 0) return present;
    throw new KubeconfigError(`KUBECONFIG names ${listed.join(', ')}, which is not there; ${HOW_TO_NAME_ONE}`);
  }
  const standard = join(env['HOME'] || homedir(), '.kube', 'config');
  return existsSync(standard) ? [standard] : [];
}

function loadFile(config: KubeConfig, file: string): KubeConfig {
  try {
    config.loadFromFile(file);
    return config;
  } catch (cause) {
    throw new KubeconfigError(`${file}: ${fileProblem(cause)}`, { cause });
  }
}

function fileProblem(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ENOENT') return `there is no such file; ${HOW_TO_NAME_ONE}`;
  if (code !== '') return `the kubeconfig cannot be read (${code}); name a file that may be read`;
  // What client-node trips over when the text is no mapping at all.
  if (cause instanceof TypeError) return `${NO_KUBECONFIG}, and this is none`;
  const lines = cause instanceof Error ? cause.message.split('\n') : [String(cause)];
  return `${NO_KUBECONFIG}: ${lines[0]}`;
}

const NO_KUBECONFIG = 'expected a kubeconfig (a YAML mapping with clusters, users and contexts)';

function firstByName<Named extends { readonly name: string }>(list: readonly Named[]): Named[] {
  const byName = new Map<string, Named>();
  for (const each of list) if (!byName.has(each.name)) byName.set(each.name, each);
  return [...byName.values()];
}

function expectUsable(config: KubeConfig, where: string): void {
  const current = config.getCurrentContext();
  const known = config.getContexts().map(({ name }) => name);
  const choose = known.length === 0 ? 'it has no context at all' : `choose one of ${known.join(', ')} with --context`;
  // Typed as a text, but absent from a kubeconfig that names none.
  if (!current) throw new KubeconfigError(`${where}: no context is the current one; ${choose}`);
  if (!known.includes(current)) throw new KubeconfigError(`${where}: there is no context "${current}"; ${choose}`);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new KubeconfigError(`${where}: the cluster of context "${current}" is not defined there`);
  if (config.getCurrentUser() === null) {
    throw new KubeconfigError(`${where}: the user of context "${current}" is not defined there`);
  }
  const url = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined;
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && cluster.skipTLSVerify)) {
    const expected = 'expected an address such as https://203.0.113.7:6443';
    const plain = url?.protocol === 'http:' ? ' (plain HTTP needs insecure-skip-tls-verify: true)' : '';
    throw new KubeconfigError(`${where}: server ${cluster.server} of cluster "${cluster.name}": ${expected}${plain}`);
  }
}
