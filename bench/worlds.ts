import { createHash } from 'node:crypto';
import type { JsonObject } from '../src/wire/json.ts';
import { Random, Zipf } from './random.ts';

/** The time all decisions are made at, and from which ages are counted back. */
export const NOW_MS = Date.parse('2026-06-01T00:00:00Z');

const DAY_MS = 24 * 60 * 60 * 1000;

/** ImageCaches and the pods that ask for them. The same seed gives the same world. */
export interface World {
  readonly name: string;
  /** As JSON texts: every reader decodes strings of its own, as from a file or an API server. */
  readonly caches: readonly string[];
  /** One more cache of the same sort, the newest of all. */
  newCache(random: Random): JsonObject;
  /** The images of one more pod. */
  newPod(random: Random): readonly string[];
}

/** A change of the ImageCaches, as a watch would tell it. */
export type Change =
  | { readonly kind: 'put'; readonly text: string }
  | { readonly kind: 'delete'; readonly name: string };

/** How many different pods a cluster starts over and over. */
const SHAPES = 200;

/**
 * What a company's cluster may look like: caches of 3 to 5 images, of which some are sidecars or base images that stand
 * in many caches, some are of 50 repositories with many tags, and mostly one is of this application only. Of the pods
 * 70 % find all their images in one cache, 20 % some, 10 % none.
 */
export function typicalWorld(size: number, seed: number): World {
  const random = new Random(seed);
  const sidecars = new Zipf(SIDECARS);
  const tagged = new Zipf(Array.from({ length: 50 }, (_, i) => repositoryName(i)));
  const releases = new Zipf(Array.from({ length: 60 }, (_, i) => `v${3 - Math.floor(i / 30)}.${29 - (i % 30)}.0`));
  let made = 0;

  const imagesOfCache = (random: Random): string[] => {
    const count = 3 + random.below(3);
    const images = new Set<string>();
    if (random.chance(0.8)) images.add(`${REGISTRY}/apps/service-${made}:${random.hex(12)}`);
    images.add(sidecars.pick(random));
    while (images.size < count) {
      images.add(random.chance(0.4) ? sidecars.pick(random) : `${tagged.pick(random)}:${releases.pick(random)}`);
    }
    return [...images];
  };
  const held: (readonly string[])[] = [];
  const newCache = (random: Random, ageMs: number): JsonObject => {
    const images = imagesOfCache(random);
    made += 1;
    const phase = random.chance(0.95) ? 'Ready' : random.pick(['Pending', 'Creating', 'Failed']);
    if (phase === 'Ready' && held.length < size) held.push(images);
    return imageCache({ name: `cache-${made}`, images, ageMs, phase, expires: random.chance(0.3) }, random);
  };
  const caches = Array.from({ length: size }, () => newCache(random, random.below(90 * DAY_MS)));

  return {
    name: 'typical',
    caches: caches.map((cache) => JSON.stringify(cache)),
    newCache: (random) => newCache(random, 0),
    newPod: (random) => {
      const count = weighted(random, [25, 35, 25, 15]) + 1;
      const cached = random.sample(random.pick(held), count);
      const kind = random.next();
      if (kind < 0.7) return cached;
      const unknown = random.chance(0.5)
        ? `${REGISTRY}/apps/new-${random.below(100_000)}:${random.hex(12)}`
        : `${tagged.pick(random)}:v4.${random.below(1000)}.0`;
      return kind < 0.9 ? [...cached.slice(0, Math.max(1, count - 1)), unknown] : [unknown];
    },
  };
}

/**
 * Caches that are all equally good: each holds one image that all hold, and one of 25 others. Pods ask for the common
 * one and 19 of the others, so nothing is better than two of twenty, and thousands of caches have that.
 */
export function hostileEqualWorld(size: number, seed: number): World {
  const random = new Random(seed);
  const common = `${REGISTRY}/hostile/common:v1`;
  const others = Array.from({ length: 25 }, (_, i) => `${REGISTRY}/hostile/part-${i}:v1`);
  let made = 0;
  const newCache = (random: Random, ageMs: number): JsonObject => {
    const other = others[made % others.length]!; // the remainder is below length
    made += 1;
    return imageCache({ name: `cache-${made}`, images: [common, other], ageMs }, random);
  };
  const caches = Array.from({ length: size }, () => newCache(random, random.below(90 * DAY_MS)));
  return {
    name: 'hostile: all equal',
    caches: caches.map((cache) => JSON.stringify(cache)),
    newCache: (random) => newCache(random, 0),
    newPod: (random) => [common, ...random.sample(others, 19)],
  };
}

/**
 * Caches that nearly fit: each holds 19 of 25 images (5 repositories with 5 tags each) and one of its own. Pods ask for
 * 20 of the 25, so every list is long, every cache matches 14 to 19 of them, and none matches all.
 */
export function hostileMixedWorld(size: number, seed: number): World {
  const random = new Random(seed);
  const pool = Array.from({ length: 25 }, (_, i) => `${REGISTRY}/hostile/mixed-${i % 5}:v${Math.floor(i / 5)}`);
  let made = 0;
  const newCache = (random: Random, ageMs: number): JsonObject => {
    made += 1;
    const images = [...random.sample(pool, 19), `${REGISTRY}/hostile/own-${made}:v1`];
    return imageCache({ name: `cache-${made}`, images, ageMs }, random);
  };
  const caches = Array.from({ length: size }, () => newCache(random, random.below(90 * DAY_MS)));
  return {
    name: 'hostile: near misses',
    caches: caches.map((cache) => JSON.stringify(cache)),
    newCache: (random) => newCache(random, 0),
    newPod: (random) => random.sample(pool, 20),
  };
}

/** Endless pods of a world; `next` gives their images. */
export interface PodStream {
  readonly name: 'repeated' | 'different';
  /** The pods that come again and again, once each. */
  readonly recurring: readonly (readonly string[])[];
  next(): readonly string[];
}

/** A few hundred shapes, some much more frequent than others, as ReplicaSets and Jobs start them. */
export function repeatedPods(world: World, seed: number): PodStream {
  const random = new Random(seed);
  const recurring = Array.from({ length: SHAPES }, () => world.newPod(random));
  const shapes = new Zipf(recurring);
  return { name: 'repeated', recurring, next: () => shapes.pick(random) };
}

/** Every pod drawn on its own; far more of them than anything could remember. */
export function differentPods(world: World, seed: number): PodStream {
  const random = new Random(seed);
  return { name: 'different', recurring: [], next: () => world.newPod(random) };
}

/** Endless changes of a world that leave its size as it is: half of them new statuses, a quarter new caches, a quarter gone. */
export class ChangeStream {
  readonly #world: World;
  readonly #random: Random;
  readonly #texts: string[];
  #count = 0;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#random = new Random(seed);
    this.#texts = [...world.caches];
  }

  next(): Change {
    const step = this.#count % 4;
    this.#count += 1;
    if (step === 1) {
      const text = JSON.stringify(this.#world.newCache(this.#random));
      this.#texts.push(text);
      return { kind: 'put', text };
    }
    const i = this.#random.below(this.#texts.length);
    const cache = parseCache(this.#texts[i]!); // i is below length
    if (step === 3) {
      this.#texts[i] = this.#texts.at(-1)!; // there is at least the one at i
      this.#texts.pop();
      return { kind: 'delete', name: cache.metadata.name };
    }
    cache.status['lastUpdatedTime'] = new Date(NOW_MS + this.#count).toISOString();
    cache.status['expireDateTime'] = new Date(NOW_MS + (30 + this.#random.below(300)) * DAY_MS).toISOString();
    const text = JSON.stringify(cache);
    this.#texts[i] = text;
    return { kind: 'put', text };
  }
}

/** The namespaces of every world, with their labels. */
export const NAMESPACES: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map(
  Array.from({ length: 20 }, (_, i) => [
    `team-${i}`,
    { 'kubernetes.io/metadata.name': `team-${i}`, stage: i % 4 === 0 ? 'test' : 'live', team: `t${i}` },
  ]),
);

/** The eci-profile of every world. */
export const SELECTORS = JSON.stringify([
  {
    name: 'batch',
    objectSelector: { matchLabels: { workload: 'batch' } },
    effect: { annotations: { 'k8s.aliyun.com/eci-spot-strategy': 'SpotAsPriceGo' } },
  },
  {
    name: 'test stage',
    namespaceSelector: { matchLabels: { stage: 'test' } },
    effect: { annotations: { 'k8s.aliyun.com/eci-use-specs': '2-4Gi' }, labels: { billing: 'test' } },
  },
  {
    name: 'gpu',
    namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['t3', 't7'] }] },
    objectSelector: { matchExpressions: [{ key: 'gpu', operator: 'Exists' }] },
    effect: { annotations: { 'k8s.aliyun.com/eci-gpu-driver-version': 'tesla=470.82.01' } },
  },
]);

/** A pod as the API server sends it; `padded` to the size such objects mostly have, about 6 KB as a review. */
export function podObject(images: readonly string[], random: Random, padded: boolean): JsonObject {
  const app = `service-${random.below(1000)}`;
  const hash = random.hex(10);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${app}-${hash}-`,
      namespace: `team-${random.below(NAMESPACES.size)}`,
      creationTimestamp: null,
      labels: {
        'app.kubernetes.io/name': app,
        'app.kubernetes.io/instance': `${app}-${hash.slice(0, 4)}`,
        'pod-template-hash': hash,
        'alibabacloud.com/eci': 'true',
        ...(random.chance(0.1) ? { workload: 'batch' } : {}),
      },
      annotations: {
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': '9090',
        'kubectl.kubernetes.io/restartedAt': new Date(NOW_MS - random.below(DAY_MS)).toISOString(),
      },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${app}-${hash}`,
          uid: uidOf(random),
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
      ...(padded ? { managedFields: managedFields(images.length) } : {}),
    },
    spec: {
      ...(padded ? { volumes: volumes(random) } : {}),
      containers: images.map((image, i) => (padded ? paddedContainer(image, i, random) : { name: `c${i}`, image })),
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      securityContext: {},
      schedulerName: 'default-scheduler',
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
      enableServiceLinks: true,
      preemptionPolicy: 'PreemptLowerPriority',
    },
    status: {},
  };
}

/** The creation of a pod, as the API server announces it, with a uid of its own. */
export function podReview(images: readonly string[], random: Random): JsonObject {
  const object = podObject(images, random, true);
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const resource = { group: '', version: 'v1', resource: 'pods' };
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: uidOf(random),
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      namespace: namespaceOf(object),
      operation: 'CREATE',
      userInfo: {
        username: 'system:serviceaccount:kube-system:replicaset-controller',
        uid: uidOf(random),
        groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
      },
      object,
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  };
}

/** The namespace of a pod made here. */
export function namespaceOf(pod: JsonObject): string {
  // podObject() gives every pod one
  return (pod['metadata'] as { readonly namespace: string }).namespace;
}

/** A cache made here, read back from its text. */
interface CacheObject {
  readonly metadata: { readonly name: string };
  readonly status: Record<string, unknown>;
}

function parseCache(text: string): CacheObject {
  // imageCache() made it
  return JSON.parse(text) as CacheObject;
}

const REGISTRY = 'registry-vpc.cn-hangzhou.aliyuncs.com';

const SIDECARS = [
  `${REGISTRY}/mesh/proxy:1.22.4`,
  `${REGISTRY}/acs/logtail:v1.8.7`,
  'docker.io/library/busybox:1.36.1',
  'registry.k8s.io/pause:3.9',
  `${REGISTRY}/mesh/proxy-init:1.22.4`,
  'docker.io/library/nginx:1.27.2',
  'docker.io/library/redis:7.2.4',
  'quay.io/prometheus/node-exporter:v1.8.2',
  `${REGISTRY}/acs/kube-state-metrics:v2.13.0`,
  'docker.io/fluent/fluent-bit:3.1.9',
  'docker.io/oliver006/redis_exporter:v1.58.0',
  'gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.13.0',
];

function repositoryName(i: number): string {
  return `${REGISTRY}/${['platform', 'data', 'shop', 'search', 'pay'][i % 5]}/module-${i}`;
}

interface CacheFacts {
  readonly name: string;
  readonly images: readonly string[];
  readonly ageMs: number;
  readonly phase?: string;
  readonly expires?: boolean;
}

function imageCache({ name, images, ageMs, phase = 'Ready', expires = false }: CacheFacts, random: Random): JsonObject {
  const createdMs = NOW_MS - ageMs;
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: { name, uid: uidOf(random), creationTimestamp: new Date(createdMs).toISOString(), generation: 1 },
    spec: { images, imageCacheSize: 20, retentionDays: 30 },
    status: {
      imageCacheId: `imc-${random.hex(20)}`,
      phase,
      progress: phase === 'Ready' ? '100%' : `${random.below(100)}%`,
      startTime: new Date(createdMs + 5000).toISOString(),
      lastUpdatedTime: new Date(createdMs + 300_000).toISOString(),
      ...(expires ? { expireDateTime: new Date(NOW_MS + (2 + random.below(30)) * DAY_MS).toISOString() } : {}),
      images: phase === 'Ready' ? images.map(recordedImage) : [],
    },
  };
}

/** Digest and size follow from the name, as they do for a real image. */
function recordedImage(name: string): JsonObject {
  const hash = createHash('sha256').update(name).digest('hex');
  const sizeBytes = 5_000_000 + (Number.parseInt(hash.slice(0, 8), 16) % 900_000_000);
  return { name, digest: `sha256:${hash}`, sizeBytes };
}

function uidOf(random: Random): string {
  return `${random.hex(8)}-${random.hex(4)}-4${random.hex(3)}-a${random.hex(3)}-${random.hex(12)}`;
}

function weighted(random: Random, weights: readonly number[]): number {
  let at = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.entries()) {
    at -= weight;
    if (at < 0) return i;
  }
  return weights.length - 1;
}

function paddedContainer(image: string, i: number, random: Random): JsonObject {
  return {
    name: i === 0 ? 'app' : `sidecar-${i}`,
    image,
    args: ['--config=/etc/app/config.yaml', `--log-level=info`, `--shard=${random.below(16)}`],
    ports: [{ name: 'http', containerPort: 8080 + i, protocol: 'TCP' }],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
      { name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name: 'database', key: 'url' } } },
      { name: 'REGION', value: 'cn-hangzhou' },
    ],
    resources: { limits: { cpu: '2', memory: '4Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/app', readOnly: true },
      { name: 'kube-api-access', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ],
    livenessProbe: {
      httpGet: { path: '/healthz', port: 'http', scheme: 'HTTP' },
      initialDelaySeconds: 10,
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true },
  };
}

function volumes(random: Random): JsonObject[] {
  return [
    { name: 'config', configMap: { name: `config-${random.hex(6)}`, defaultMode: 420 } },
    {
      name: 'kube-api-access',
      projected: {
        sources: [
          { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          {
            downwardAPI: {
              items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
            },
          },
        ],
        defaultMode: 420,
      },
    },
  ];
}

function managedFields(containers: number): JsonObject[] {
  const fields = Object.fromEntries(
    Array.from({ length: containers }, (_, i) => [
      `k:{"name":"${i === 0 ? 'app' : `sidecar-${i}`}"}`,
      { '.': {}, 'f:args': {}, 'f:env': { '.': {} }, 'f:image': {}, 'f:imagePullPolicy': {}, 'f:livenessProbe': {} },
    ]),
  );
  return [
    {
      manager: 'kube-controller-manager',
      operation: 'Update',
      apiVersion: 'v1',
      time: '2026-05-31T23:59:59Z',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': {
          'f:annotations': { '.': {} },
          'f:generateName': {},
          'f:labels': { '.': {} },
          'f:ownerReferences': {},
        },
        'f:spec': { 'f:containers': fields, 'f:dnsPolicy': {}, 'f:restartPolicy': {}, 'f:volumes': { '.': {} } },
      },
    },
  ];
}
