import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtProgram, runFolder } from './assets.ts';
import type { Pair } from './authority.ts';
import { CHART } from './chart.ts';
import type { Cluster } from './cluster.ts';
import { Component } from './component.ts';
import { freePort } from './ports.ts';
import { serviceAccountKubeconfig } from './service-account.ts';
import type { ServiceNetwork } from './service-network.ts';
import { Webhook } from './webhook.ts';

const RELEASE = 'imc';
const NAMESPACE = 'imc-system';
const NAME = `${RELEASE}-eci-imagecache-webhook`;

/** What a process on loopback has to be told otherwise than one in a pod. */
const PLACES = /^--(?:config|host|port|admin-host|admin-port|cert-dir)=/;

/**
 * The chart installed with helm. No kubelet starts its pods, so the test starts their containers: with the arguments and
 * environment of the Deployments in the cluster, the settings of the release, and the rights of its service accounts.
 */
export class Release {
  readonly #cluster: Cluster;
  readonly #network: ServiceNetwork;

  private constructor(cluster: Cluster, network: ServiceNetwork) {
    this.#cluster = cluster;
    this.#network = network;
  }

  /** @param values - further arguments of helm, as text */
  static async install(cluster: Cluster, network: ServiceNetwork, values: string): Promise<Release> {
    await cluster.kubectl.helm(`install ${RELEASE} ${CHART} --namespace ${NAMESPACE} --create-namespace ${values}`);
    return new Release(cluster, network);
  }

  async upgrade(values: string): Promise<void> {
    await this.#cluster.kubectl.helm(`upgrade ${RELEASE} ${CHART} --namespace ${NAMESPACE} --reuse-values ${values}`);
  }

  async uninstall(): Promise<void> {
    await this.#cluster.kubectl.helm(`uninstall ${RELEASE} --namespace ${NAMESPACE}`);
  }

  get namespace(): string {
    return NAMESPACE;
  }

  /** Name of the Service, of the Deployment that serves, and the beginning of other names. */
  get name(): string {
    return NAME;
  }

  /** Host name under which the API server calls it. */
  get host(): string {
    return `${NAME}.${NAMESPACE}.svc`;
  }

  /** Path of the webhook configuration. */
  get configuration(): string {
    return `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/zz-${NAME}`;
  }

  /** A container of the Deployment that serves; ready when it resolves. */
  async serve(certificate?: Pair): Promise<Webhook> {
    const { args, env, kubeconfig } = await this.#container(NAME, NAME);
    const webhook = await Webhook.start({
      source: ['--kubeconfig', kubeconfig],
      args,
      env,
      ...(certificate === undefined ? {} : { certificate }),
    });
    this.#cluster.atEnd(() => webhook.kill());
    return webhook;
  }

  /** The container of the controller's Deployment; it runs when it resolves, and need not be at work yet. */
  async control(): Promise<Component> {
    const { args, env, kubeconfig } = await this.#container(`${NAME}-controller`, `${NAME}-controller`);
    const folder = runFolder('controller');
    const places = ['--kubeconfig', kubeconfig, '--admin-host', '127.0.0.1', '--admin-port', String(await freePort())];
    const controller = new Component({
      program: process.execPath,
      args: [builtProgram(), 'controller', ...args, ...places],
      cwd: folder,
      logFile: join(folder, 'controller.log'),
      env,
    });
    controller.start();
    this.#cluster.atEnd(() => controller.stop('SIGKILL'));
    return controller;
  }

  /** From now on the Service leads to these replicas. */
  async endpoints(...replicas: readonly Webhook[]): Promise<void> {
    const service = await this.#cluster.api.get(`/api/v1/namespaces/${NAMESPACE}/services/${NAME}`);
    const { clusterIP } = service['spec'] as { clusterIP: string }; // every Service of this type has one
    this.#network.endpoints(`${clusterIP}:443`, ...replicas.map(({ port }) => port));
  }

  async #container(
    deployment: string,
    serviceAccount: string,
  ): Promise<{ args: readonly string[]; env: NodeJS.ProcessEnv; kubeconfig: string }> {
    const { api } = this.#cluster;
    const object = await api.get(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${deployment}`);
    const { template } = object['spec'] as { template: { spec: { containers: readonly { args: string[] }[] } } };
    const [, ...given] = template.spec.containers[0]?.args ?? []; // the first is the command
    const settings = await api.get(`/api/v1/namespaces/${NAMESPACE}/configmaps/${NAME}-settings`);
    const config = join(runFolder('settings'), 'imc.yaml');
    writeFileSync(config, (settings['data'] as Record<string, string>)['imc.yaml'] ?? '');
    return {
      args: [...given.filter((arg) => !PLACES.test(arg)), '--config', config],
      env: { POD_NAMESPACE: NAMESPACE, POD_NAME: `${deployment}-on-loopback` },
      kubeconfig: await serviceAccountKubeconfig(this.#cluster, NAMESPACE, serviceAccount),
    };
  }
}
