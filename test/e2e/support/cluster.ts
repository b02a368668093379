import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiClient, KubeObject } from './api-client.ts';
import { runFolder } from './assets.ts';
import { Authority } from './authority.ts';
import type { ControlPlaneOptions } from './control-plane.ts';
import { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { Kubectl } from './kubectl.ts';
import { decisionOn } from './pods.ts';

/** A control plane, and everything a test starts beside it; all of it ends with `stop`. */
export class Cluster {
  readonly controlPlane: ControlPlane;
  readonly kubectl: Kubectl;
  /** The CA webhooks serve with, unless a test is about certificates. */
  readonly webhookCa: Authority;
  readonly #atEnd: (() => Promise<void>)[] = [];

  private constructor(controlPlane: ControlPlane, webhookCa: Authority) {
    this.controlPlane = controlPlane;
    this.webhookCa = webhookCa;
    this.kubectl = new Kubectl(controlPlane.kubeconfig, runFolder('home'));
  }

  static async start(options: ControlPlaneOptions = {}): Promise<Cluster> {
    return new Cluster(await ControlPlane.start(options), await Authority.create('webhooks'));
  }

  get api(): ApiClient {
    return this.controlPlane.api;
  }

  /** The arguments of a webhook that watches this cluster, as an administrator if no other kubeconfig is given. */
  watched(kubeconfig: string = this.controlPlane.kubeconfig): readonly string[] {
    return ['--source', 'kubernetes', '--kubeconfig', kubeconfig];
  }

  /** A file of this cluster, for a command that wants one; gives its path. */
  writeFile(name: string, text: string): string {
    const file = join(this.controlPlane.folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  /** Has something ended with the cluster, the latest first. */
  atEnd(end: () => Promise<void>): void {
    this.#atEnd.push(end);
  }

  async stop(): Promise<void> {
    for (const end of this.#atEnd.toReversed()) await end();
    await this.controlPlane.stop();
  }

  /** A new namespace in which pods can be created. */
  async namespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<string> {
    await this.api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    await this.controlPlane.namespaceReady(name);
    return name;
  }

  /** Creates a pod, in `default` if it says nothing else. */
  async createPod(pod: KubeObject, { dryRun = false } = {}): Promise<KubeObject> {
    const namespace = pod.metadata.namespace ?? 'default';
    return this.api.create(`/api/v1/namespaces/${namespace}/pods${dryRun ? '?dryRun=All' : ''}`, pod);
  }

  async pods(namespace: string, labelSelector = ''): Promise<readonly KubeObject[]> {
    return this.api.items(`/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(labelSelector)}`);
  }

  /** Resolves when such a pod is stamped: a new webhook configuration takes the API server about a second. */
  async untilStamped(pod: KubeObject): Promise<void> {
    await eventually('a pod to be stamped', async () => decisionOn(await this.createPod(pod, { dryRun: true })));
  }
}
