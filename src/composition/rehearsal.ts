import { AdmissionReviewer } from '../admission/reviewer.ts';
import { ClusterStore, RESOURCES } from '../cluster/cluster-store.ts';
import { EMPTY_PROFILE } from '../core/eci-profile.ts';
import { DEFAULT_SETTINGS } from '../core/settings.ts';
import { decodeImageCache } from '../wire/image-cache.ts';

const IMAGES = ['registry.invalid/rehearsal/app:1.0.0', 'registry.invalid/rehearsal/proxy:2.0.0'];

/** A review for the rehearsal of a server, and who answers it: a cluster of its own, so that no state is touched. */
export function rehearsal(): { readonly reviewer: AdmissionReviewer; readonly review: string } {
  const store = new ClusterStore();
  for (const resource of RESOURCES) store.markSynced(resource);
  store.setProfile(EMPTY_PROFILE);
  store.putNamespace('default', new Map());
  store.putImageCache(
    decodeImageCache({
      apiVersion: 'eci.alibabacloud.com/v1',
      kind: 'ImageCache',
      metadata: { name: 'rehearsal', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { images: IMAGES },
      status: { phase: 'Ready', imageCacheId: 'imc-rehearsal' },
    }),
  );
  const reviewer = new AdmissionReviewer({
    store,
    settings: () => DEFAULT_SETTINGS,
    now: () => 0,
    ownNamespace: undefined,
    namespacesMayLag: false,
  });
  return { reviewer, review: JSON.stringify(REVIEW) };
}

const REVIEW = {
  kind: 'AdmissionReview',
  apiVersion: 'admission.k8s.io/v1',
  request: {
    uid: 'rehearsal',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    namespace: 'default',
    operation: 'CREATE',
    userInfo: { username: 'rehearsal', groups: ['system:authenticated'] },
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        generateName: 'rehearsal-',
        labels: { 'alibabacloud.com/eci': 'true', app: 'rehearsal' },
        annotations: { 'prometheus.io/scrape': 'true' },
      },
      spec: {
        containers: IMAGES.map((image, i) => ({
          name: `container-${i}`,
          image,
          imagePullPolicy: 'IfNotPresent',
          env: [{ name: 'SETTING', value: 'value' }],
          resources: { requests: { cpu: '500m', memory: '512Mi' } },
        })),
      },
    },
    oldObject: null,
    dryRun: true,
  },
};
