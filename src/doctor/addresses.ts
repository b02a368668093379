import type { ObjectAddress } from './live-cluster.ts';

/** What an examination reads. */
export const DEPLOYMENTS: ObjectAddress = { group: 'apps', version: 'v1', resource: 'deployments' };
export const CONFIGURATIONS: ObjectAddress = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  resource: 'mutatingwebhookconfigurations',
};
export const DEFINITIONS: ObjectAddress = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
};
export const IMAGE_CACHES: ObjectAddress = { group: 'eci.alibabacloud.com', version: 'v1', resource: 'imagecaches' };
export const NAMESPACES: ObjectAddress = { version: 'v1', resource: 'namespaces' };
export const SERVICES: ObjectAddress = { version: 'v1', resource: 'services' };
export const SECRETS: ObjectAddress = { version: 'v1', resource: 'secrets' };
export const CONFIG_MAPS: ObjectAddress = { version: 'v1', resource: 'configmaps' };
export const PODS: ObjectAddress = { version: 'v1', resource: 'pods' };
export const LEASES: ObjectAddress = { group: 'coordination.k8s.io', version: 'v1', resource: 'leases' };

/** With the older version that releases before 1.21 have instead. */
export const ENDPOINT_SLICES: readonly ObjectAddress[] = ['v1', 'v1beta1'].map((version) => ({
  group: 'discovery.k8s.io',
  version,
  resource: 'endpointslices',
}));
export const DISRUPTION_BUDGETS: readonly ObjectAddress[] = ['v1', 'v1beta1'].map((version) => ({
  group: 'policy',
  version,
  resource: 'poddisruptionbudgets',
}));

/** Asks whether somebody may do something. */
export const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
