import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeAdmissionReview } from '../../src/admission/admission-response.ts';
import { AdmissionReviewer } from '../../src/admission/reviewer.ts';
import { ClusterStore } from '../../src/cluster/cluster-store.ts';
import { fillStore } from '../../src/composition/fill-store.ts';
import { loadConfig } from '../../src/config/config.ts';
import type { DecisionSettings } from '../../src/core/settings.ts';
import { decodeAdmissionReview } from '../../src/wire/admission-review.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { isJsonObject, member } from '../../src/wire/json.ts';
import type { ManifestObject } from '../../src/wire/manifests.ts';
import { parseManifests } from '../../src/wire/manifests.ts';
import type { PatchOperation } from '../support/apply-patch.ts';
import { applyPatch } from '../support/apply-patch.ts';

/** The folder of all cases. */
export const GOLDEN_FOLDER = fileURLToPath(new URL('.', import.meta.url));

/**
 * One folder: `review.json`, the files of `cluster/`, perhaps `settings.yaml`, and the answer in `expected.json`.
 * `README.md` says in one line why the case exists.
 */
export class GoldenCase {
  readonly name: string;
  readonly folder: string;

  constructor(folder: string, name: string) {
    this.name = name;
    this.folder = join(folder, name);
  }

  get reviewFile(): string {
    return join(this.folder, 'review.json');
  }

  get clusterFolder(): string {
    return join(this.folder, 'cluster');
  }

  get expectedFile(): string {
    return join(this.folder, 'expected.json');
  }

  /** `undefined` where the defaults hold. */
  get settingsFile(): string | undefined {
    const file = join(this.folder, 'settings.yaml');
    return existsSync(file) ? file : undefined;
  }

  readMe(): string {
    return readFileSync(join(this.folder, 'README.md'), 'utf8');
  }

  review(): JsonObject {
    const review: unknown = JSON.parse(readFileSync(this.reviewFile, 'utf8'));
    if (!isJsonObject(review)) throw new Error(`${this.reviewFile} holds no object`);
    return review;
  }

  decisionSettings(): DecisionSettings {
    const context = { command: 'review' as const };
    return loadConfig({ file: this.settingsFile, env: {}, flags: {}, context }).config.decision;
  }

  /** What `expected.json` says; `undefined` before it has been written. */
  expected(): ExpectedAnswer | undefined {
    if (!existsSync(this.expectedFile)) return undefined;
    return JSON.parse(readFileSync(this.expectedFile, 'utf8')) as ExpectedAnswer; // written by expectedAnswer()
  }

  /** The answer of the engine itself, over the objects of the folder. */
  answer(review: JsonObject): EngineAnswer {
    const store = new ClusterStore();
    const nowMs = Date.now();
    const problems = fillStore(store, this.#clusterObjects(), nowMs);
    if (problems.length > 0) throw new Error(problems.join('\n'));
    const settings = this.decisionSettings();
    const reviewer = new AdmissionReviewer({
      store,
      settings: () => settings,
      now: () => nowMs,
      ownNamespace: undefined,
      namespacesMayLag: false,
    });
    const verdict = reviewer.review(decodeAdmissionReview(review));
    return { body: encodeAdmissionReview(verdict), outcome: verdict.outcome, reason: verdict.reason };
  }

  #clusterObjects(): ManifestObject[] {
    return readdirSync(this.clusterFolder)
      .toSorted()
      .flatMap((name) => parseManifests(name, readFileSync(join(this.clusterFolder, name), 'utf8')));
  }
}

/** What the engine answers: the response body, and what the response has no room for. */
export interface EngineAnswer {
  readonly body: string;
  readonly outcome: string;
  readonly reason: string;
}

/** `expected.json`: the response body, and beside it what its patch and its decision say, for reading. */
export interface ExpectedAnswer {
  readonly outcome: string;
  /** Why the review was skipped or failed. */
  readonly reason?: string;
  readonly body: JsonObject;
  readonly patch?: readonly PatchOperation[];
  /** The decision annotation that the patch writes. */
  readonly decision?: unknown;
}

/** All cases below a folder, by name. */
export function goldenCases(folder: string = GOLDEN_FOLDER): GoldenCase[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => new GoldenCase(folder, name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export function expectedAnswer({ body, outcome, reason }: EngineAnswer): ExpectedAnswer {
  const parsed: unknown = JSON.parse(body);
  if (!isJsonObject(parsed)) throw new Error('the body is no object');
  const patch = patchOf(body);
  const decision = decisionIn(patch);
  return {
    outcome,
    ...(reason === '' ? {} : { reason }),
    body: parsed,
    ...(patch.length === 0 ? {} : { patch }),
    ...(decision === undefined ? {} : { decision }),
  };
}

export function formatExpected(expected: ExpectedAnswer): string {
  return `${JSON.stringify(expected, null, 2)}\n`;
}

/** The operations in a response body. */
function patchOf(body: string): readonly PatchOperation[] {
  const patch = member(member(JSON.parse(body), 'response'), 'patch');
  if (typeof patch !== 'string') return [];
  return JSON.parse(Buffer.from(patch, 'base64').toString('utf8')) as PatchOperation[]; // applying it checks it
}

/** The same review with other members in its request. */
export function withRequest(review: JsonObject, members: JsonObject): JsonObject {
  const request = member(review, 'request');
  return { ...review, request: { ...(isJsonObject(request) ? request : {}), ...members } };
}

/** The review that the API server would send if it asked again, after the answer to the first. */
export function reviewedAgain(review: JsonObject, body: string): JsonObject {
  return withRequest(review, { object: applyPatch(member(member(review, 'request'), 'object'), patchOf(body)) });
}

const DECISION_KEY = 'imc-webhook/decision';

function decisionIn(patch: readonly PatchOperation[]): unknown {
  for (const { path, value } of patch) {
    const text = path.endsWith('/imc-webhook~1decision')
      ? value
      : (member(value, DECISION_KEY) ?? member(member(value, 'annotations'), DECISION_KEY));
    if (typeof text === 'string') return JSON.parse(text);
  }
  return undefined;
}
