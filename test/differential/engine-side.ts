import jsonpatch from 'fast-json-patch';
import { encodeAdmissionReview } from '../../src/admission/admission-response.ts';
import { AdmissionReviewer } from '../../src/admission/reviewer.ts';
import { ClusterStore, RESOURCES } from '../../src/cluster/cluster-store.ts';
import type { DecisionSettings } from '../../src/core/settings.ts';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { decodeAdmissionReview, MalformedReviewError } from '../../src/wire/admission-review.ts';
import { decodeEciProfile } from '../../src/wire/eci-profile.ts';
import { decodeImageCache } from '../../src/wire/image-cache.ts';
import { ManifestError } from '../../src/wire/manifest-error.ts';
import { decodeNamespace } from '../../src/wire/namespace.ts';
import type { Entries, OracleSettings, World } from '../oracle/oracle.ts';

/** What an answer says, in the terms of the oracle. */
export interface ActualAnswer {
  readonly httpStatus: 200 | 400;
  readonly field?: string;
  readonly allowed?: boolean;
  readonly outcome?: string | undefined;
  readonly finalAnnotations?: Entries;
  readonly finalLabels?: Entries;
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  readonly warnings?: readonly string[];
  readonly statusCode?: number | undefined;
  /** The whole response, to compare bytes. */
  readonly text: string;
  readonly patched: boolean;
}

/** A store that holds what a world's objects decode to; objects that do not decode are left out, as sources do. */
export function storeOf(world: World): ClusterStore {
  const store = new ClusterStore();
  for (const object of world.imageCaches) attempt(() => store.putImageCache(decodeImageCache({ ...object })));
  for (const object of world.namespaces) {
    attempt(() => {
      const { name, labels } = decodeNamespace({ ...object });
      store.putNamespace(name, labels);
    });
  }
  attempt(() => store.setProfile(decodeEciProfile(world.selectors ?? '')));
  for (const resource of RESOURCES) {
    store.markSynced(resource);
    store.heard(resource, 0);
  }
  return store;
}

function attempt(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
  }
}

function engineSettings(settings: OracleSettings): DecisionSettings {
  const { driver, ...others } = settings;
  return { ...others, controllerDriver: driver, mutableTags: DEFAULT_SETTINGS.mutableTags };
}

/** Answers reviews with the engine itself, without a server. */
export function engineAnswer(
  review: unknown,
  world: World | ClusterStore,
  settings: OracleSettings,
  nowMs: number,
): ActualAnswer {
  const store = world instanceof ClusterStore ? world : storeOf(world);
  for (const resource of RESOURCES) store.heard(resource, nowMs);
  const reviewer = new AdmissionReviewer({
    store,
    settings: () => engineSettings(settings),
    now: () => nowMs,
    ownNamespace: settings.ownNamespace,
    namespacesMayLag: false,
  });
  try {
    const text = encodeAdmissionReview(reviewer.review(decodeAdmissionReview(review)));
    return readAnswer(review, 200, text);
  } catch (error) {
    if (!(error instanceof MalformedReviewError)) throw error;
    return { httpStatus: 400, field: error.field, text: '', patched: false };
  }
}

/** Reads a response and applies its patch to the object as it was sent. */
export function readAnswer(review: unknown, httpStatus: number, text: string): ActualAnswer {
  if (httpStatus !== 200) return { httpStatus: 400, text, patched: false };
  const { response } = JSON.parse(text) as { response: Record<string, unknown> };
  const object = structuredCloneOf((review as { request: { object?: unknown } }).request.object);
  const patch = typeof response['patch'] === 'string' ? Buffer.from(response['patch'], 'base64').toString() : '[]';
  const patched = jsonpatch.applyPatch(object, JSON.parse(patch) as jsonpatch.Operation[], true, true).newDocument;
  const metadata = (patched as { metadata?: { annotations?: object; labels?: object } } | null | undefined)?.metadata;
  const audit = response['auditAnnotations'] as Record<string, string> | undefined;
  const status = response['status'] as { code?: number } | undefined;
  return {
    httpStatus: 200,
    allowed: response['allowed'] === true,
    outcome: audit?.['outcome'],
    finalAnnotations: entriesOf(metadata?.annotations),
    finalLabels: entriesOf(metadata?.labels),
    ...(audit === undefined ? {} : { auditAnnotations: audit }),
    warnings: (response['warnings'] as string[] | undefined) ?? [],
    statusCode: status?.code,
    text,
    patched: patch !== '[]',
  };
}

function entriesOf(map: object | null | undefined): Entries {
  const isMap = typeof map === 'object' && map !== null && !Array.isArray(map);
  return Object.entries(isMap ? map : {}).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function structuredCloneOf(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
