import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from './api-client.ts';
import { clusterTool } from './assets.ts';
import type { CommandResult } from './kubectl.ts';

/** The folder of the chart. */
export const CHART = fileURLToPath(new URL('../../../charts/eci-imagecache-webhook', import.meta.url));

/** How a release is rendered. */
export interface Rendering {
  readonly values?: object;
  readonly release?: string;
  readonly namespace?: string;
  /** The release of Kubernetes it is rendered for; that of helm if there is none. */
  readonly kubeVersion?: string;
}

/** A manifest as helm renders it. */
export interface Manifest extends KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubeObject['metadata'] & { readonly name: string };
}

/**
 * The manifests of a release, hooks too, as `helm template` gives them; the CRD is not among them.
 *
 * @throws Error with what helm says.
 */
export async function renderChart(rendering: Rendering = {}): Promise<readonly Manifest[]> {
  const { code, out, err } = await tryRendering(rendering);
  if (code !== 0) throw new Error(err);
  const documents = parseAllDocuments(out, { uniqueKeys: true });
  const problems = documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]);
  if (problems.length > 0) throw new Error(`helm rendered YAML that is none: ${problems.join('\n')}\n${out}`);
  return documents.map((document) => document.toJS() as Manifest | null).filter((object) => object !== null);
}

/** What helm says about it, good or bad. */
export async function tryRendering({
  values = {},
  release = 'imc',
  namespace = 'imc-system',
  kubeVersion,
}: Rendering): Promise<CommandResult> {
  const version = kubeVersion === undefined ? [] : ['--kube-version', kubeVersion];
  return await helm(['template', release, CHART, '--namespace', namespace, ...version, '--values', '-'], values);
}

/** Runs helm with values on its standard input, with the environment of nobody. */
export function helm(
  args: readonly string[],
  values: object = {},
  env: NodeJS.ProcessEnv = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env }, timeout: 120_000 };
    const child = execFile(
      clusterTool('helm'),
      args,
      { ...options, maxBuffer: 64 * 1024 * 1024 },
      (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, out, err });
      },
    );
    child.stdin?.on('error', () => {}); // it may end without reading
    child.stdin?.end(JSON.stringify(values)); // JSON is YAML
  });
}

/** The one manifest of this kind and name among them. */
export function manifest(all: readonly Manifest[], kind: string, name: string): Manifest {
  const found = all.filter((object) => object.kind === kind && object.metadata.name === name);
  const [only] = found;
  if (only === undefined || found.length > 1) {
    throw new Error(`${found.length} of ${kind} ${name} among ${all.map(nameOf).join(', ')}`);
  }
  return only;
}

/** `Deployment imc-system/imc` */
export function nameOf({ kind, metadata: { namespace, name } }: Manifest): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
