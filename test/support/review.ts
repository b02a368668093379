import { encodeAdmissionReview } from '../../src/admission/admission-response.ts';
import { AdmissionReviewer } from '../../src/admission/reviewer.ts';
import type { Verdict } from '../../src/admission/verdict.ts';
import type { ClusterStore } from '../../src/cluster/cluster-store.ts';
import type { DecisionSettings } from '../../src/core/settings.ts';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { decodeAdmissionReview } from '../../src/wire/admission-review.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { isJsonObject, member } from '../../src/wire/json.ts';
import type { PatchOperation } from './apply-patch.ts';
import { applyPatch } from './apply-patch.ts';
import { NOW_MS } from './cluster-builder.ts';
import type { PodBuilder } from './pod-builder.ts';
import { aReview, ReviewBuilder } from './review-builder.ts';

/** What came back for a review, read as the API server reads it. */
export interface Answer {
  readonly verdict: Verdict;
  /** The response body. */
  readonly text: string;
  readonly response: JsonObject;
  readonly patch: readonly PatchOperation[];
  /** The object with the patch applied. */
  readonly pod: JsonObject;
  /** The maps of that object; empty when it has none. */
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, unknown>>;
  /** The decision annotation of that object; `undefined` when it has none that can be read. */
  readonly decision: JsonObject | undefined;
  readonly warnings: readonly string[];
}

/** Circumstances of a review that are neither cluster nor settings. */
export interface Circumstances {
  readonly nowMs?: number;
  readonly ownNamespace?: string;
  readonly late?: boolean;
}

/** Answers the creation of a pod, or a whole review, the way the server does. */
export function review(
  subject: PodBuilder | ReviewBuilder | JsonObject,
  cluster: ClusterStore,
  settings: Partial<DecisionSettings> = {},
  { nowMs = NOW_MS, ownNamespace, late = false }: Circumstances = {},
): Answer {
  const body = subject instanceof ReviewBuilder ? subject.build() : aReview(subject).build();
  const reviewer = new AdmissionReviewer({
    store: cluster,
    settings: () => ({ ...DEFAULT_SETTINGS, ...settings }),
    now: () => nowMs,
    ownNamespace,
    namespacesMayLag: false,
  });
  const verdict = reviewer.review(decodeAdmissionReview(body), { late });
  return readAnswer(member(member(body, 'request'), 'object'), verdict);
}

function readAnswer(object: unknown, verdict: Verdict): Answer {
  const text = encodeAdmissionReview(verdict);
  const response = member(JSON.parse(text), 'response');
  if (!isJsonObject(response)) throw new Error('the answer has no response');
  const patch = patchOf(response);
  const patched = applyPatch(object, patch);
  const pod = isJsonObject(patched) ? patched : {};
  const annotations = mapOf(pod, 'annotations');
  const warnings = member(response, 'warnings');
  return {
    verdict,
    text,
    response,
    patch,
    pod,
    annotations,
    labels: mapOf(pod, 'labels'),
    decision: decisionOf(annotations),
    warnings: Array.isArray(warnings) ? warnings.map(String) : [],
  };
}

function patchOf(response: JsonObject): readonly PatchOperation[] {
  const encoded = member(response, 'patch');
  if (typeof encoded !== 'string') return [];
  return JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as PatchOperation[]; // applying it checks it
}

function mapOf(pod: JsonObject, name: string): JsonObject {
  const map = member(member(pod, 'metadata'), name);
  return isJsonObject(map) ? map : {};
}

function decisionOf(annotations: JsonObject): JsonObject | undefined {
  const text = member(annotations, 'imc-webhook/decision');
  if (typeof text !== 'string') return undefined;
  try {
    const decision: unknown = JSON.parse(text);
    return isJsonObject(decision) ? decision : undefined;
  } catch {
    return undefined;
  }
}
