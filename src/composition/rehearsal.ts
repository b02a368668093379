import { AdmissionReviewer } from '../admission/reviewer.ts';
import { ClusterStore, RESOURCES } from '../cluster/cluster-store.ts';
import { EMPTY_PROFILE } from '../core/eci-profile.ts';
import { DEFAULT_SETTINGS } from '../core/settings.ts';
import type { Rehearsal } from '../server/admission-server.ts';
import { unheardLogger } from '../telemetry/logger.ts';
import { decodeImageCache } from '../wire/image-cache.ts';
import { createMetrics } from './create-metrics.ts';

/** Enough that every review of a rehearsal is of other images: what is remembered would be found without a search. */
const CACHES = 200;
const PROXY = 'registry.invalid/rehearsal/proxy:2.0.0';
const AGENT = 'registry.invalid/rehearsal/agent:3.0.0';

/** Reviews for the rehearsal of a server, and who answers them: a cluster of its own, so that no state is touched. */
export function rehearsal(): Rehearsal {
  const store = new ClusterStore();
  for (const resource of RESOURCES) store.markSynced(resource);
  store.setProfile(EMPTY_PROFILE);
  store.putNamespace('default', new Map());
  for (let application = 0; application < CACHES; application += 1) {
    store.putImageCache(decodeImageCache(cacheOf(application)));
  }
  return {
    reviewer: new AdmissionReviewer({
      store,
      settings: () => DEFAULT_SETTINGS,
      now: () => 0,
      ownNamespace: undefined,
      namespacesMayLag: false,
    }),
    metrics: createMetrics('rehearsal'),
    logger: unheardLogger(),
    review: (number) => JSON.stringify(reviewOf(imagesOf(number))),
  };
}

function imageOf(application: number): string {
  return `registry.invalid/rehearsal/app-${application}:1.0.0`;
}

function cacheOf(application: number) {
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: { name: `app-${application}`, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { images: [imageOf(application), PROXY] },
    status: { phase: 'Ready', imageCacheId: `imc-${application}` },
  };
}

/** Covered by an ImageCache wholly, in part, and not at all: each takes its own way through the code. */
function imagesOf(number: number): string[] {
  const image = imageOf(number % CACHES);
  const kinds = [[image, PROXY], [image, PROXY, AGENT], [`${image}-next`]];
  return kinds[number % kinds.length] ?? [];
}

/** As long as those of the API server, which sends a pod with all its defaults: such a body arrives in pieces. */
function reviewOf(images: readonly string[]) {
  const identity = { username: 'system:serviceaccount:kube-system:rehearsal', uid: 'rehearsal', groups: ['rehearsal'] };
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: 'rehearsal',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      requestResource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'default',
      operation: 'CREATE',
      userInfo: identity,
      object: {
        kind: 'Pod',
        apiVersion: 'v1',
        metadata: {
          generateName: 'rehearsal-',
          creationTimestamp: null,
          labels: { 'alibabacloud.com/eci': 'true', app: 'rehearsal' },
          annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9090' },
          managedFields: [
            { manager: 'rehearsal', operation: 'Update', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', fieldsV1: {} },
          ],
        },
        spec: {
          volumes: [{ name: 'token', secret: { secretName: 'token', defaultMode: 420 } }],
          containers: images.map((image, i) => ({
            name: `container-${i}`,
            image,
            ports: [{ containerPort: 8080 + i, protocol: 'TCP' }],
            env: Array.from({ length: 16 }, (_, n) => ({ name: `SETTING_${n}`, value: `value of setting ${n}` })),
            resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '512Mi' } },
            volumeMounts: [{ name: 'token', readOnly: true, mountPath: '/var/run/secrets/token' }],
            readinessProbe: { httpGet: { path: '/', port: 8080 + i, scheme: 'HTTP' }, timeoutSeconds: 1 },
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
            imagePullPolicy: 'IfNotPresent',
          })),
          restartPolicy: 'Always',
          terminationGracePeriodSeconds: 30,
          dnsPolicy: 'ClusterFirst',
          serviceAccountName: 'default',
          serviceAccount: 'default',
          securityContext: {},
          schedulerName: 'default-scheduler',
          tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
          priority: 0,
          enableServiceLinks: true,
        },
        status: {},
      },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  };
}
