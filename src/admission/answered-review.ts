import type { Operation } from 'fast-json-patch';
import jsonpatch from 'fast-json-patch';
import { DECISION_KEY } from '../core/keys.ts';
import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, listMember, member, textMember } from '../wire/json.ts';

/** An AdmissionReview response as a person wants to read it: what became of the pod, and why. */
export interface AnsweredReview {
  readonly allowed: boolean;
  /** The outcome as audited; empty when the response names none. */
  readonly outcome: string;
  /** The ImageCache as audited: a denial has no decision to tell it; empty when none was. */
  readonly cache: string;
  /** What a refused user reads. */
  readonly message: string;
  readonly warnings: readonly string[];
  readonly patch: readonly Operation[];
  /** The object with the patch applied; the object itself when nothing changes. */
  readonly pod: unknown;
  /** The decision annotation of that pod (spec A2), when this answer wrote it or found it right. */
  readonly decision: JsonObject | undefined;
}

/** A response that is not what an admission webhook answers. */
class UnreadableResponseError extends Error {
  readonly code = 'ERR_RESPONSE_UNREADABLE';

  constructor(problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.name = 'UnreadableResponseError';
  }
}

/**
 * Reads a response the way the API server does, patch applied.
 *
 * @param object - the object of the review that was answered.
 * @param body - the response body.
 * @throws UnreadableResponseError when the body is no response to this review.
 */
export function readAnsweredReview(uid: string, object: unknown, body: string): AnsweredReview {
  const response = member(parse(body), 'response');
  if (!isJsonObject(response)) throw new UnreadableResponseError('the answer has no response object');
  const answered = textMember(response, 'uid');
  if (answered !== uid) throw new UnreadableResponseError(`the answer is to uid "${answered}", not "${uid}"`);
  const allowed = member(response, 'allowed') === true;
  const patch = readPatch(response);
  const pod = patch.length === 0 ? object : apply(object, patch);
  const audit = member(response, 'auditAnnotations');
  const outcome = textMember(audit, 'outcome');
  const decision = decisionOn(pod);
  const isOurs = isJsonObject(decision) && (outcome === '' || decision['outcome'] === outcome);
  return {
    allowed,
    outcome: outcome || (isOurs ? textMember(decision, 'outcome') : ''),
    cache: textMember(isOurs ? decision : audit, 'cache'),
    message: textMember(member(response, 'status'), 'message'),
    warnings: listMember(response, 'warnings').filter((warning) => typeof warning === 'string'),
    patch,
    pod,
    decision: isOurs ? decision : undefined,
  };
}

/** The decision annotation of a pod (spec A2); `undefined` when it has none that is JSON. */
export function decisionOn(pod: unknown): unknown {
  return parse(textMember(member(member(pod, 'metadata'), 'annotations'), DECISION_KEY) || 'null', true) ?? undefined;
}

function readPatch(response: JsonObject): readonly Operation[] {
  const text = textMember(response, 'patch');
  if (text === '') return [];
  const patch = parse(Buffer.from(text, 'base64').toString('utf8'));
  if (!Array.isArray(patch)) throw new UnreadableResponseError('the patch is not a list of operations');
  return patch as Operation[]; // applying it checks every operation
}

function apply(object: unknown, patch: readonly Operation[]): unknown {
  try {
    return jsonpatch.applyPatch(structuredClone(object), [...patch], true, true).newDocument;
  } catch (cause) {
    throw new UnreadableResponseError('the patch does not apply to the pod', { cause });
  }
}

function parse(text: string, lenient = false): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (lenient) return undefined;
    throw new UnreadableResponseError('the answer is not JSON', { cause });
  }
}
