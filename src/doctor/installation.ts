import type { StringMap } from '../core/label-selector.ts';
import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, listMember, member, textMap, textMember } from '../wire/json.ts';

/** One release of the chart in a cluster, as its Deployments tell. */
export interface Installation {
  readonly namespace: string;
  /** Name of the Helm release. */
  readonly release: string;
  /** Version of the program, by the label; empty if it has none. */
  readonly version: string;
  readonly serve: Workload;
  /** `undefined` when the chart was told to leave it out. */
  readonly controller: Workload | undefined;
  readonly tls: TlsMode;
}

export type TlsMode = 'self-managed' | 'cert-manager' | 'files';

/** A Deployment of the installation. */
export interface Workload {
  readonly name: string;
  readonly wanted: number;
  readonly available: number;
  readonly serviceAccount: string;
  /** Labels of its pods. */
  readonly podLabels: StringMap;
  /** How its pods are found, as in `kubectl get pods --selector`. */
  readonly podSelector: string;
  /** What it is started with, the command first. */
  readonly args: readonly string[];
  /** Environment variables with a value of their own. */
  readonly env: StringMap;
  /** Names of the Secrets and ConfigMaps it mounts, by the names of their volumes. */
  readonly mounted: StringMap;
}

const CHART = 'eci-imagecache-webhook';

/** Whether an object carries the labels that the chart gives to everything. */
export function isOfChart(object: JsonObject): boolean {
  const labels = textMap(member(member(object, 'metadata'), 'labels'));
  return labels.get('app.kubernetes.io/name') === CHART || (labels.get('helm.sh/chart') ?? '').startsWith(`${CHART}-`);
}

/** Name of the release that an object of the chart belongs to. */
export function releaseOf(object: JsonObject): string {
  return textMap(member(member(object, 'metadata'), 'labels')).get('app.kubernetes.io/instance') ?? '';
}

/** The installations that these Deployments are part of. One without serve is none. */
export function installationsAmong(deployments: readonly JsonObject[]): Installation[] {
  const ours = deployments.filter(isOfChart);
  return ours.filter(isComponent('serve')).map((deployment) => {
    const namespace = namespaceOf(deployment);
    const release = releaseOf(deployment);
    const controller = ours
      .filter(isComponent('controller'))
      .find((other) => namespaceOf(other) === namespace && releaseOf(other) === release);
    const serve = readWorkload(deployment);
    return {
      namespace,
      release,
      version: textMap(member(member(deployment, 'metadata'), 'labels')).get('app.kubernetes.io/version') ?? '',
      serve,
      controller: controller && readWorkload(controller),
      tls: tlsModeOf(serve),
    };
  });
}

/** The value of `--FLAG=VALUE` among the arguments; empty if it is not there. */
export function flagOf({ args }: Workload, flag: string): string {
  const start = `--${flag}=`;
  return args.find((arg) => arg.startsWith(start))?.slice(start.length) ?? '';
}

/** How messages call an installation. */
export function titleOf({ release, namespace }: Installation): string {
  return `release ${release} in namespace ${namespace}`;
}

/** The command that puts back what the chart gives. */
export function upgradeCommand({ release, namespace }: Pick<Installation, 'release' | 'namespace'>, set = ''): string {
  return `helm upgrade ${release} charts/${CHART} --namespace ${namespace} --reuse-values${set === '' ? '' : ` ${set}`}`;
}

function isComponent(component: string): (object: JsonObject) => boolean {
  return (object) =>
    textMap(member(member(object, 'metadata'), 'labels')).get('app.kubernetes.io/component') === component;
}

function namespaceOf(object: JsonObject): string {
  return textMember(member(object, 'metadata'), 'namespace');
}

function readWorkload(deployment: JsonObject): Workload {
  const spec = member(deployment, 'spec');
  const template = member(spec, 'template');
  const pod = member(template, 'spec');
  const [container] = listMember(pod, 'containers');
  const mounted = listMember(pod, 'volumes').flatMap((volume) => {
    const secret = textMember(member(volume, 'secret'), 'secretName');
    const source = secret || textMember(member(volume, 'configMap'), 'name');
    return source === '' ? [] : [[textMember(volume, 'name'), source] as const];
  });
  return {
    name: textMember(member(deployment, 'metadata'), 'name'),
    wanted: numberMember(spec, 'replicas') ?? 1,
    available: numberMember(member(deployment, 'status'), 'availableReplicas') ?? 0,
    serviceAccount: textMember(pod, 'serviceAccountName') || 'default',
    podLabels: textMap(member(member(template, 'metadata'), 'labels')),
    podSelector: [...textMap(member(member(spec, 'selector'), 'matchLabels'))]
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    args: listMember(container, 'args').filter((arg) => typeof arg === 'string'),
    env: new Map(
      listMember(container, 'env').flatMap((variable) => {
        const value = member(variable, 'value');
        return typeof value === 'string' ? [[textMember(variable, 'name'), value] as const] : [];
      }),
    ),
    mounted: new Map(mounted),
  };
}

/** cert-manager gives the Secret the name of its Certificate; both other modes are told apart by a flag. */
function tlsModeOf(serve: Workload): TlsMode {
  if (flagOf(serve, 'tls-secret') !== '') return 'self-managed';
  return serve.mounted.get('tls') === `${serve.name}-cert` ? 'cert-manager' : 'files';
}

export function numberMember(value: unknown, key: string): number | undefined {
  const number = isJsonObject(value) ? member(value, key) : undefined;
  return typeof number === 'number' ? number : undefined;
}
