import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../test/e2e/support/api-client.ts';
import { runFolder } from '../test/e2e/support/assets.ts';
import { Cluster } from '../test/e2e/support/cluster.ts';
import { annotation, decisionOn, PIN } from '../test/e2e/support/pods.ts';
import { register, webhookName } from '../test/e2e/support/registration.ts';
import { Webhook } from '../test/e2e/support/webhook.ts';

const CACHES = 1000;
const REGISTRY = 'registry-vpc.cn-hangzhou.aliyuncs.com/bench';
const SIDECARS = ['mesh/proxy:1.20.3', 'logging/agent:3.1.0', 'metrics/agent:0.9.4'];
/** Only pods with this label and this value are sent to a webhook of this name. */
const CONTESTANT = 'bench/contestant';

/** A cluster with 1,000 ImageCaches, one for each application, and the webhook that knows them. */
export class BenchCluster {
  readonly cluster: Cluster;
  readonly source: readonly string[];

  private constructor(cluster: Cluster, source: readonly string[]) {
    this.cluster = cluster;
    this.source = source;
  }

  static async start(): Promise<BenchCluster> {
    // An audit log of every pod would be part of what is measured.
    const cluster = await Cluster.start({ audit: false });
    return new BenchCluster(cluster, writeCaches());
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
  }

  /** A replica of ours, ready, that ends with the cluster. */
  async webhook(): Promise<Webhook> {
    const webhook = await Webhook.start({
      source: this.source,
      certificate: await this.cluster.webhookCa.server('127.0.0.1', 'localhost'),
      args: ['--partial-match', 'pin'],
    });
    this.cluster.atEnd(() => webhook.kill());
    return webhook;
  }

  /** Has the API server call a webhook for the pods of this contestant, with the limits of the chart. */
  async register(contestant: string, port: number): Promise<void> {
    await register(this.cluster.api, {
      name: contestant,
      port,
      caBundle: this.cluster.webhookCa.cert,
      objectSelector: { matchLabels: { [CONTESTANT]: contestant } },
    });
  }

  /** Name of a contestant's webhook in logs and metrics. */
  webhookName(contestant: string): string {
    return webhookName(contestant);
  }
}

/** The pod of this number of a contestant: three images, all of them in the cache of its application and in no other. */
export function benchPod(contestant: string, name: string, number: number): KubeObject {
  const application = number % CACHES;
  const images = [applicationImage(application), ...sidecarsOf(application)];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { 'alibabacloud.com/eci': 'true', app: `application-${application}`, [CONTESTANT]: contestant },
      annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9090' },
    },
    spec: {
      containers: images.map((image, i) => ({
        name: `container-${i}`,
        image,
        imagePullPolicy: 'IfNotPresent',
        ports: [{ containerPort: 8080 + i }],
        env: Array.from({ length: 8 }, (_, n) => ({ name: `SETTING_${n}`, value: `value-${n}-of-${application}` })),
        resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { cpu: '1', memory: '1Gi' } },
        readinessProbe: { httpGet: { path: '/ready', port: 8080 + i } },
      })),
    },
  };
}

/** What is wrong with what our webhook made of the pod of this number; undefined if nothing is. */
export function problemOf(pod: KubeObject, number: number): string | undefined {
  const expected = cacheId(number % CACHES);
  const pin = annotation(pod, PIN);
  if (pin !== expected) return `pin ${pin}, expected ${expected}`;
  return decisionOn(pod)?.outcome === 'CompleteMatch' ? undefined : 'no decision';
}

function writeCaches(): readonly string[] {
  const items = Array.from({ length: CACHES }, (_, application) => ({
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: { name: `application-${application}`, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { images: [applicationImage(application), ...sidecarsOf(application)] },
    status: { phase: 'Ready', progress: '100%', imageCacheId: cacheId(application) },
  }));
  const folder = runFolder('caches');
  writeFileSync(join(folder, 'caches.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  return ['--source', 'files', '--dir', folder];
}

function applicationImage(application: number): string {
  return `${REGISTRY}/application-${application}:2.7.${application % 10}`;
}

function sidecarsOf(application: number): string[] {
  return SIDECARS.filter((_, i) => i !== application % SIDECARS.length).map((name) => `${REGISTRY}/${name}`);
}

function cacheId(application: number): string {
  return `imc-bp1${String(application).padStart(17, '0')}`;
}
