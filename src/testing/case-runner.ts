import { readAnsweredReview } from '../admission/answered-review.ts';
import type { ClusterView } from '../core/cluster-view.ts';
import type { Decision } from '../core/decision.ts';
import type { Explanation } from '../core/explanation.ts';
import { RecentMap } from '../core/recent-map.ts';
import type { DecisionSettings } from '../core/settings.ts';
import type { JsonObject } from '../wire/json.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import type { CaseSuite } from './case-file.ts';
import type { CaseProblem } from './case-problem.ts';
import { problemAt } from './case-problem.ts';
import type { CaseResources } from './case-resources.ts';
import { problemIn, readResources } from './case-resources.ts';
import type { CaseDefinition } from './case-schema.ts';
import type { CaseReview, ReadObjects } from './case-subject.ts';
import { caseReviewOf } from './case-subject.ts';
import type { Difference, Outcome } from './expectation.ts';
import { differencesOf, outcomeOf } from './expectation.ts';
import { unrealExpectations } from './unreal-expectations.ts';

/** The engine that answers: the server's own (spec section 0). */
export interface CaseEngine {
  readonly cluster: ClusterView;
  answer(review: JsonObject): { readonly body: string; readonly reason: string };
  decide(review: JsonObject): Decision | undefined;
  explain(review: JsonObject): Explanation | undefined;
}

/** Opens an engine over these objects; throws ManifestError for objects that cannot be used. */
export type OpenEngine = (request: {
  readonly objects: readonly ManifestObject[];
  readonly settings: DecisionSettings;
  readonly nowMs: number;
}) => Promise<CaseEngine>;

/** What came of one case. */
export interface CaseResult {
  readonly suite: CaseSuite;
  /** Which case of its document, from 0. */
  readonly index: number;
  readonly case: CaseDefinition;
  /** `error`: the case cannot be asked, or expects what does not exist. */
  readonly status: 'passed' | 'failed' | 'error';
  readonly differences: readonly Difference[];
  /** What is wrong with a case that is an error. */
  readonly problems: readonly CaseProblem[];
  /** What was answered; undefined when nothing was asked. */
  readonly answered: AnsweredCase | undefined;
  readonly durationMs: number;
}

/** A case that was asked. */
export interface AnsweredCase {
  readonly review: CaseReview;
  /** The response body, byte for byte what the server would send. */
  readonly body: string;
  readonly outcome: Outcome;
  readonly cluster: ClusterView;
  /** The file its eci-profile stands in. */
  readonly profileFile: string | undefined;
  readonly nowMs: number;
  /** The whole ranking behind the answer. */
  readonly explain: () => Explanation | undefined;
}

/** What a runner works with. */
export interface CaseRunnerOptions {
  readonly openEngine: OpenEngine;
  readonly readObjects: ReadObjects;
  /** The time in documents that name none; milliseconds since the epoch. */
  readonly nowMs: number;
}

/** How many engines are kept for documents with the same cluster, settings and time. */
const ENGINES = 16;

/** Runs cases. One runner opens each cluster once for all the documents that share it. */
export class CaseRunner {
  readonly #options: CaseRunnerOptions;
  readonly #engines = new RecentMap<string, CaseEngine>(ENGINES);
  readonly #resources = new WeakMap<CaseSuite, Promise<CaseResources>>();

  constructor(options: CaseRunnerOptions) {
    this.#options = options;
  }

  /**
   * Makes the cluster of a document ready.
   *
   * @returns what is wrong with it; then no case of the document can be run.
   */
  async prepare(suite: CaseSuite): Promise<readonly CaseProblem[]> {
    const { problems } = await this.#resourcesOf(suite);
    if (problems.length > 0) return problems;
    try {
      await this.#engineFor(suite, undefined);
      return [];
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      return error.message.split('\n').map((problem) => ({ file: suite.origin.file, field: '', problem }));
    }
  }

  /** Runs one case of a document that {@link prepare} found nothing wrong with. */
  async run(suite: CaseSuite, index: number): Promise<CaseResult> {
    const startMs = performance.now();
    const definition = suite.cases[index];
    if (definition === undefined) throw new RangeError(`the document has no case ${index}`);
    const found = await this.#ask(suite, index, definition);
    return { suite, index, case: definition, ...found, durationMs: performance.now() - startMs };
  }

  async #ask(
    suite: CaseSuite,
    index: number,
    definition: CaseDefinition,
  ): Promise<Pick<CaseResult, 'status' | 'differences' | 'problems' | 'answered'>> {
    const { origin, settings } = suite;
    const { expect = {}, namespaceLabels } = definition;
    const path = ['cases', index];
    const unusable = (problems: readonly CaseProblem[]) =>
      ({ status: 'error', differences: [], problems, answered: undefined }) as const;
    let review: CaseReview;
    try {
      review = await caseReviewOf(definition, origin, path, this.#options.readObjects);
    } catch (error) {
      return unusable([problemIn(error, origin, [...path, 'pod'])]);
    }
    const labels = namespaceLabels === undefined ? undefined : { [review.namespace]: namespaceLabels };
    const engine = await this.#engineFor(suite, labels);
    const unreal = unrealExpectations(expect, review.object, engine.cluster);
    if (unreal.length > 0) {
      return unusable(unreal.map((issue) => problemAt(origin, [...path, 'expect', ...issue.path], issue.problem)));
    }
    const { body, reason } = engine.answer(review.review);
    const decision = engine.decide(review.review);
    const answer = readAnsweredReview(review.uid, review.object, body);
    const outcome = outcomeOf(review.object, answer, { reason, decision, mode: settings.mode, dryRun: review.dryRun });
    const differences = differencesOf(expect, outcome);
    return {
      status: differences.length === 0 ? 'passed' : 'failed',
      differences,
      problems: [],
      answered: {
        review,
        body,
        outcome,
        cluster: engine.cluster,
        profileFile: (await this.#resourcesOf(suite)).profileFile,
        nowMs: this.#nowMs(suite),
        explain: () => engine.explain(review.review),
      },
    };
  }

  #resourcesOf(suite: CaseSuite): Promise<CaseResources> {
    const known = this.#resources.get(suite);
    if (known !== undefined) return known;
    const resources = readResources(suite, this.#options.readObjects);
    this.#resources.set(suite, resources);
    return resources;
  }

  #nowMs({ nowMs }: CaseSuite): number {
    return nowMs ?? this.#options.nowMs;
  }

  /** The engine for a document; with the labels that a case gives a namespace, if it does. */
  async #engineFor(
    suite: CaseSuite,
    namespaceLabels: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined,
  ): Promise<CaseEngine> {
    const { settings, origin, document } = suite;
    const { objects, key } = await this.#resourcesOf(suite);
    const nowMs = this.#nowMs(suite);
    const name = JSON.stringify([key ?? [origin.file, document], settings, nowMs, namespaceLabels ?? null]);
    const known = this.#engines.get(name);
    if (known !== undefined) return known;
    const labelled = Object.entries(namespaceLabels ?? {}).map(([namespace, labels]): ManifestObject => {
      const value = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } };
      return { value, origin: { file: origin.file, position: () => undefined } };
    });
    // Among objects of one kind and name the last counts.
    const engine = await this.#options.openEngine({ objects: [...objects, ...labelled], settings, nowMs });
    this.#engines.set(name, engine);
    return engine;
  }
}
