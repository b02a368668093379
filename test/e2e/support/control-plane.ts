import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';
import { ApiClient } from './api-client.ts';
import { controlPlaneProgram, kubernetesMinor, runFolder } from './assets.ts';
import { Authority } from './authority.ts';
import { Component } from './component.ts';
import type { ControlPlanePlaces } from './control-plane-flags.ts';
import { apiServerFlags, controllerManagerFlags, etcdFlags } from './control-plane-flags.ts';
import { eventually, HopelessError } from './eventually.ts';
import { kubeconfig } from './kubeconfig.ts';
import { freePort } from './ports.ts';

const AUDIT_POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create]
  resources: [{group: "", resources: [pods]}]
- level: None
`;

/** What can be different from one control plane to another. */
export interface ControlPlaneOptions {
  /** Whether creations of pods are written to the audit log; default true. */
  readonly audit?: boolean;
  readonly apiServerArgs?: readonly string[];
  readonly apiServerEnv?: NodeJS.ProcessEnv;
}

/** One creation of a pod, as the audit log has it. */
export interface PodCreation {
  readonly name: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What etcd's gateway answers, as far as it matters here. */
interface EtcdAnswer {
  readonly header: { readonly revision: string };
}

/** What a client needs to know. */
interface Access {
  readonly server: string;
  readonly ca: Authority;
  readonly token: string;
  readonly kubeconfig: string;
}

/**
 * A real etcd, kube-apiserver and kube-controller-manager on loopback, with all state in a folder of their own. There is
 * no scheduler and no kubelet: pods are admitted and stored, and stay Pending.
 */
export class ControlPlane {
  readonly folder: string;
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  readonly ca: Authority;
  /** Of an administrator, as is the kubeconfig, a file. */
  readonly token: string;
  readonly kubeconfig: string;
  readonly api: ApiClient;
  readonly etcd: Component;
  readonly apiServer: Component;
  readonly controllerManager: Component;
  readonly #etcdUrl: string;
  readonly #auditLog: string | undefined;

  private constructor(
    { server, ca, token, kubeconfig }: Access,
    places: ControlPlanePlaces,
    { apiServerArgs = [], apiServerEnv = {} }: ControlPlaneOptions,
  ) {
    const { folder, auditLog, ports } = places;
    const component = (
      name: Parameters<typeof controlPlaneProgram>[0],
      args: readonly string[],
      env: NodeJS.ProcessEnv = {},
    ): Component =>
      new Component({
        program: controlPlaneProgram(name),
        args,
        cwd: folder,
        logFile: join(folder, `${name}.log`),
        env,
      });
    this.folder = folder;
    this.server = server;
    this.ca = ca;
    this.token = token;
    this.kubeconfig = kubeconfig;
    this.etcd = component('etcd', etcdFlags(places));
    this.apiServer = component('kube-apiserver', [...apiServerFlags(places), ...apiServerArgs], apiServerEnv);
    this.controllerManager = component('kube-controller-manager', controllerManagerFlags(places));
    this.api = new ApiClient(server, ca.cert, token);
    this.#etcdUrl = `http://127.0.0.1:${ports.etcd}`;
    this.#auditLog = auditLog;
  }

  /** Ready: pods can be created in the namespace `default`. */
  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    for (let attempt = 1; ; attempt += 1) {
      const plane = await ControlPlane.#prepare(options);
      try {
        await plane.#start();
        return plane;
      } catch (error) {
        const hasEnded = plane.#components.some(({ exitCode }) => exitCode !== null);
        await plane.stop();
        // Somebody else may have taken a port between our look and the start.
        if (!hasEnded || attempt === 3) throw error;
      }
    }
  }

  static async #prepare(options: ControlPlaneOptions): Promise<ControlPlane> {
    const folder = runFolder('control-plane');
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const ports = { etcd: await freePort(), peer: await freePort(), api: await freePort(), manager: await freePort() };
    const server = `https://127.0.0.1:${ports.api}`;
    const ca = await Authority.create('test-control-plane');
    const serving = await ca.server('127.0.0.1', 'localhost', 'kubernetes.default.svc');
    const accounts = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    });
    const token = randomBytes(24).toString('hex');
    const admin = await ca.client('admin', 'system:masters');
    const manager = await ca.client('system:kube-controller-manager');
    const files = {
      ca: file('ca.crt', ca.cert),
      cert: file('serving.crt', serving.cert),
      key: file('serving.key', serving.key),
      accountsPublic: file('accounts.pub', accounts.publicKey),
      accountsPrivate: file('accounts.key', accounts.privateKey),
      tokens: file('tokens.csv', `${token},admin,admin,"system:masters"\n`),
      manager: file('controller-manager.kubeconfig', kubeconfig(server, ca.cert, manager)),
      auditPolicy: file('audit-policy.yaml', AUDIT_POLICY),
    };
    mkdirSync(join(folder, 'etcd'), { mode: 0o700 });
    const auditLog = options.audit === false ? undefined : join(folder, 'audit.log');
    return new ControlPlane(
      { server, ca, token, kubeconfig: file('admin.kubeconfig', kubeconfig(server, ca.cert, admin)) },
      { folder, ports, files, auditLog, hasInsecurePorts: kubernetesMinor() < 24 },
      options,
    );
  }

  async #start(): Promise<void> {
    this.etcd.start();
    this.apiServer.start();
    await this.apiServerReady();
    this.controllerManager.start();
    await this.namespaceReady('default');
  }

  /** Resolves when the API server says that it is ready. */
  async apiServerReady(): Promise<void> {
    await this.#until('the API server to be ready', async () => (await this.api.send('GET', '/readyz')).text === 'ok');
  }

  /** Resolves when pods can be created in this namespace: they are refused until its service account exists. */
  async namespaceReady(namespace: string): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
    // Up to 1.23 a service account has its token in a Secret, and pods are refused without it.
    const needsSecret = kubernetesMinor() < 24;
    await this.#until(`the service account of namespace ${namespace}`, async () => {
      const account = await this.api.find(path);
      return account !== undefined && (!needsSecret || account['secrets'] !== undefined);
    });
  }

  /** Ends the API server and starts it again on the same port. In order, it would wait a minute for its clients. */
  async restartApiServer(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.apiServer.stop(signal, 5_000);
    this.apiServer.start();
    await this.apiServerReady();
  }

  /** A kubeconfig of the same administrator for another address of the API server. */
  kubeconfigFor(server: string): string {
    const file = join(this.folder, `${new URL(server).port}.kubeconfig`);
    writeFileSync(file, readFileSync(this.kubeconfig, 'utf8').replace(this.server, server), { mode: 0o600 });
    return file;
  }

  /** Makes etcd forget every revision but the latest. */
  async compact(): Promise<void> {
    const post = async (path: string, body: object): Promise<EtcdAnswer> => {
      const answer = await request(`${this.#etcdUrl}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
      if (answer.statusCode !== 200) throw new Error(`etcd ${path}: ${answer.statusCode} ${await answer.body.text()}`);
      return (await answer.body.json()) as EtcdAnswer; // as its gateway documents
    };
    const { header } = await post('range', { key: Buffer.from('/').toString('base64') });
    await post('compaction', { revision: header.revision, physical: true });
  }

  /** Lines of the API server's log that tell of a call to a webhook that failed and was let pass. */
  openCallsLogged(): readonly string[] {
    const lines = this.apiServer.log().split('\n');
    return lines.filter((line) => line.includes('failing open'));
  }

  /** The same by the audit log; releases up to 1.23 do not tell there. */
  openCallsAudited(): readonly string[] {
    const keys = this.podCreations().flatMap(({ annotations }) => Object.keys(annotations));
    return keys.filter((key) => key.startsWith('failed-open.'));
  }

  /** What the audit log says about each creation of a pod, in order: traces of webhooks, and what they asked to write. */
  podCreations(): readonly PodCreation[] {
    if (this.#auditLog === undefined) throw new Error('this control plane was started without an audit log');
    const lines = readFileSync(this.#auditLog, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => {
      // The API server writes one event a line.
      const { objectRef, annotations = {} } = JSON.parse(line) as {
        objectRef?: { name?: string };
        annotations?: Record<string, string>;
      };
      return { name: objectRef?.name, annotations };
    });
  }

  async stop(): Promise<void> {
    await this.controllerManager.stop('SIGKILL');
    await this.apiServer.stop('SIGKILL');
    await this.etcd.stop('SIGKILL');
    await this.api.close();
  }

  get #components(): readonly Component[] {
    return [this.etcd, this.apiServer, this.controllerManager];
  }

  /** Gives up at once when a component has ended. */
  async #until(what: string, condition: () => Promise<boolean>): Promise<void> {
    await eventually(what, () => {
      const ended = this.#components.find(({ exitCode }) => exitCode !== null);
      if (ended !== undefined) throw new HopelessError(`a component has ended:\n${ended.tail()}`);
      return condition();
    });
  }
}
