/**
 * The annotation and label keys of the behaviour contract, section 1. They are spelled here and nowhere else.
 */

/** Automatic mode on or off (`true`/`false`, default true). */
export const AUTO_KEY = 'k8s.aliyun.com/eci-auto-imc';
/** Use a cache only if it holds every image (`true`/`false`, default false). */
export const PERFECT_KEY = 'k8s.aliyun.com/imc-perfect-match';
/** Use a cache only if it holds at least this many of the pod's images. */
export const COUNT_KEY = 'k8s.aliyun.com/imc-match-count-request';
/** The pin: the id of the cache to use, never the object's name. */
export const PIN_KEY = 'k8s.aliyun.com/eci-imc-id';
/** Older spelling of {@link AUTO_KEY}; read, never written. */
export const LEGACY_AUTO_KEY = 'k8s.aliyun.com/eci-image-cache';
/** Older spelling of {@link PIN_KEY}; read, never written. */
export const LEGACY_PIN_KEY = 'k8s.aliyun.com/eci-image-snapshot-id';

/** On a pod: the id of the cache ECI has used for it; written by ECI. */
export const MATCHED_KEY = 'k8s.aliyun.com/eci-matched-image-cache';

/** Every vendor annotation of section 1: a signal of the gate (spec G4), and what a decision may take back (spec M11). */
export const VENDOR_KEYS: ReadonlySet<string> = new Set([
  AUTO_KEY,
  PERFECT_KEY,
  COUNT_KEY,
  PIN_KEY,
  LEGACY_AUTO_KEY,
  LEGACY_PIN_KEY,
]);

/** What was decided and why, written on the pod (spec A2). */
export const DECISION_KEY = 'imc-webhook/decision';
/** `"true"` on a pod (label or annotation) or a namespace (label): leave alone. */
export const IGNORE_KEY = 'imc-webhook/ignore';
/** `"true"` on a namespace: every pod created there is handled. */
export const ENABLED_KEY = 'imc-webhook/enabled';
/** On an ImageCache: JSON array of recorded images, for clusters whose status schema prunes `status.images`. */
export const RECORDED_IMAGES_KEY = 'imc-webhook/images';
/** On an ImageCache: the one namespace whose pods may use it (spec C4). */
export const PRIVATE_NAMESPACE_KEY = 'imc-webhook/namespace';
/** On an ImageCache: about to be removed, no longer offered (spec C1). */
export const RETIRING_KEY = 'imc-webhook/retiring';
/** On an ImageCache: `"true"` for one that we made (spec N2). */
export const AUTO_CREATED_KEY = 'imc-webhook/auto-created';
/** On an ImageCache of ours: when a living pod last used it (RFC 3339, spec N5). */
export const LAST_MATCHED_KEY = 'imc-webhook/last-matched-at';
/** On an ImageCache of ours: since when it is labelled retiring (RFC 3339, spec N5). */
export const RETIRING_SINCE_KEY = 'imc-webhook/retiring-since';
/** On an ImageCache: what the simulated builder does with it, `fail` to let the build fail. */
export const SIMULATE_KEY = 'imc-webhook/simulate';

/** On an ImageCache: the CPU architecture it was built for, `amd64` when absent (spec C2). */
export const CACHE_ARCH_KEY = 'k8s.aliyun.com/imc-cpu-arch';
/** On an ImageCache: the operating system it was built for, `linux` when absent (spec C2). */
export const CACHE_OS_KEY = 'k8s.aliyun.com/imc-os-type';

/** Label that puts a pod or namespace on ECI. */
export const ECI_LABEL = 'alibabacloud.com/eci';
/** Older pod label that puts a pod on ECI. */
export const LEGACY_ECI_LABEL = 'eci';
/** Pods labelled `"true"` run on ACS, which has image caches of its own. */
export const ACS_LABEL = 'alibabacloud.com/acs';
/** Older namespace label (`enabled`) that puts a namespace on ECI. */
export const LEGACY_ECI_NAMESPACE_LABEL = 'virtual-node-affinity-injection';
/** Annotation that sends a pod to ECI, always or when the nodes are full. */
export const BURST_KEY = 'alibabacloud.com/burst-resource';
/** Set by kubelets on the API server's copy of a static pod. */
export const MIRROR_KEY = 'kubernetes.io/config.mirror';
/** Node label of virtual nodes on ACK (`type: virtual-kubelet`). */
export const NODE_TYPE_KEY = 'type';
/** Node label and taint of virtual nodes on self-managed clusters. */
export const VNODE_KEY = 'k8s.aliyun.com/vnode';
/** Taint of virtual nodes on ACK. */
export const VIRTUAL_KUBELET_TAINT = 'virtual-kubelet.io/provider';
/** Set by the API server on every namespace since Kubernetes 1.21. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** Annotations with the same meaning on pods and ImageCaches: as whom ACR is asked. What is pulled so is not for everybody. */
export const ACR_KEYS = [
  'k8s.aliyun.com/acr-instance-ids',
  'k8s.aliyun.com/acr-service-arns',
  'k8s.aliyun.com/acr-user-arns',
] as const;
/** The same for registries of one's own: hosts that speak plain HTTP, or whose certificate is not checked. */
export const REGISTRY_KEYS = ['k8s.aliyun.com/plain-http-registry', 'k8s.aliyun.com/insecure-registry'] as const;
