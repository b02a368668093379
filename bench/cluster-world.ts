import type { KubeObject } from '../test/e2e/support/api-client.ts';
import { Cluster } from '../test/e2e/support/cluster.ts';
import { ImageCaches } from '../test/e2e/support/image-caches.ts';
import { annotation, decisionOn, PIN } from '../test/e2e/support/pods.ts';
import { register, webhookName } from '../test/e2e/support/registration.ts';
import { Webhook } from '../test/e2e/support/webhook.ts';

const CACHES = 1000;
const REGISTRY = 'registry-vpc.cn-hangzhou.aliyuncs.com/bench';
const SIDECARS = ['mesh/proxy:1.20.3', 'logging/agent:3.1.0', 'metrics/agent:0.9.4'];
/** Only pods with this label and this value are sent to a webhook of this name. */
export const CONTESTANT = 'bench/contestant';

/** A cluster with 1,000 ImageCaches, one for each application, and the webhook that knows them. */
export class BenchCluster {
  readonly cluster: Cluster;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  static async start(): Promise<BenchCluster> {
    // An audit log of every pod would be part of what is measured, and so would be most of the collections of garbage.
    const cluster = await Cluster.start({ audit: false, apiServerEnv: { GOGC: '400' } });
    await createCaches(cluster);
    return new BenchCluster(cluster);
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
  }

  /** A replica of ours, ready, that ends with the cluster. */
  async webhook(): Promise<Webhook> {
    const webhook = await Webhook.start({
      source: this.cluster.watched(),
      certificate: await this.cluster.webhookCa.server('127.0.0.1', 'localhost'),
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

async function createCaches(cluster: Cluster): Promise<void> {
  const caches = new ImageCaches(cluster);
  await caches.define();
  let next = 0;
  const createAll = async (): Promise<void> => {
    while (next < CACHES) {
      const application = next;
      next += 1;
      const name = `application-${application}`;
      await caches.create(name, applicationImage(application), ...sidecarsOf(application));
      await caches.setStatus(name, { phase: 'Ready', progress: '100%', imageCacheId: cacheId(application) });
    }
  };
  await Promise.all(Array.from({ length: 16 }, createAll));
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
