import { createHash } from 'node:crypto';
import type { Demand } from '../core/creation-plan.ts';
import { asksForCache } from '../core/decision-record.ts';
import { DECISION_KEY, LEGACY_PIN_KEY, MATCHED_KEY, PIN_KEY } from '../core/keys.ts';
import type { PodView } from '../core/pod.ts';
import type { CopySettings } from '../core/wanted-cache.ts';
import { wantedCacheOf } from '../core/wanted-cache.ts';
import { autoCacheName } from '../wire/auto-cache-name.ts';
import type { JsonObject } from '../wire/json.ts';
import { listMember, member, textMap, textMember } from '../wire/json.ts';
import { decodePod, pullSecretNamesOf } from '../wire/pod.ts';
import { isStatus } from './cluster-errors.ts';
import type { ObjectReference } from './event.ts';
import type { KubeClient } from './kube-client.ts';
import type { ResourceAddress } from './resource-path.ts';

const PODS: ResourceAddress = { version: 'v1', resource: 'pods' };
const METADATA = 'g=meta.k8s.io;v=v1,application/json';

/** How to list and watch the metadata of the pods that have not run to their end. */
export const LIVING_PODS = {
  address: PODS,
  query: { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' },
  accept: {
    list: `application/json;as=PartialObjectMetadataList;${METADATA}`,
    watch: `application/json;as=PartialObjectMetadata;${METADATA}`,
  },
} as const;

/** Pods that want one ImageCache (spec M9, N1). */
export interface WantedSet {
  /** The same for pods that certainly have the same images. */
  readonly key: string;
  readonly owner: Controller | undefined;
}

type Controller = ObjectReference & { readonly uid: string };

/** What the metadata of a pod say of ImageCaches. */
export interface PodReading {
  /** `NAMESPACE/NAME` */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Ids of ImageCaches it carries. */
  readonly ids: readonly string[];
  /** `undefined` for a pod that wants no new cache. */
  readonly set: WantedSet | undefined;
}

/** Of a whole pod, or of its metadata alone. */
export function readPod(object: JsonObject): PodReading {
  const metadata = member(object, 'metadata');
  const namespace = textMember(metadata, 'namespace');
  const name = textMember(metadata, 'name');
  const uid = textMember(metadata, 'uid');
  const annotations = textMap(member(metadata, 'annotations'));
  const ids = [PIN_KEY, LEGACY_PIN_KEY, MATCHED_KEY].flatMap((key) => annotations.get(key) || []);
  // A pod on its way out still uses its cache, but no other would help it.
  const isLeaving = textMember(metadata, 'deletionTimestamp') !== '';
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    uid,
    ids: [...new Set(ids)],
    set: !isLeaving && asksForCache(annotations) ? wantedSetOf(metadata, annotations) : undefined,
  };
}

/**
 * What a pod wants, from the whole of it.
 *
 * @param key - of its set, as its metadata told.
 * @returns `undefined` for a pod that is gone, or has become another.
 * @throws what {@link KubeClient} throws.
 */
export async function demandOf(
  client: Pick<KubeClient, 'get'>,
  { namespace, name }: Pick<PodReading, 'namespace' | 'name'>,
  key: string,
  settings: CopySettings,
  signal?: AbortSignal,
): Promise<Demand | undefined> {
  let object: JsonObject;
  try {
    ({ object } = await client.get({ ...PODS, namespace, name }, { signal }));
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
  if (readPod(object).set?.key !== key) return undefined;
  const pod = decodePod(object);
  const wanted = wantedCacheOf(pod, namespace, pullSecretNamesOf(object), settings);
  return { name: autoCacheName(wanted), wanted, pod: withContainersOnly(pod) };
}

function wantedSetOf(metadata: unknown, annotations: ReadonlyMap<string, string>): WantedSet {
  const namespace = textMember(metadata, 'namespace');
  const owner = controllerOf(metadata, namespace);
  const template = owner === undefined ? undefined : templateOf(owner, textMap(member(metadata, 'labels')));
  const origin =
    owner === undefined || template === undefined ? [textMember(metadata, 'uid')] : [owner.uid, owner.kind, template];
  // Pods of one template differ where others changed them at their creation; what was decided on tells of it.
  const text = JSON.stringify([namespace, ...origin, annotations.get(DECISION_KEY)]);
  return { key: createHash('sha256').update(text).digest('base64url'), owner };
}

function controllerOf(metadata: unknown, namespace: string): Controller | undefined {
  const owner = listMember(metadata, 'ownerReferences').find((reference) => member(reference, 'controller') === true);
  const uid = textMember(owner, 'uid');
  if (uid === '') return undefined;
  return {
    apiVersion: textMember(owner, 'apiVersion'),
    kind: textMember(owner, 'kind'),
    namespace,
    name: textMember(owner, 'name'),
    uid,
  };
}

/** What tells templates of one controller apart; `undefined` where nothing does, and each pod counts for itself. */
function templateOf({ kind }: ObjectReference, labels: ReadonlyMap<string, string>): string | undefined {
  const hash = labels.get('pod-template-hash') ?? labels.get('controller-revision-hash');
  // The template of a Job does not change.
  return hash ?? (kind === 'Job' ? '' : undefined);
}

/** Plans read nothing else of a pod. */
function withContainersOnly({ containers }: PodView): PodView {
  return {
    name: '',
    generateName: '',
    namespace: '',
    labels: new Map(),
    annotations: new Map(),
    nodeName: '',
    nodeSelector: new Map(),
    requiredNodeTerms: [],
    tolerationKeys: [],
    ownerKinds: [],
    osName: '',
    containers,
  };
}
