import type { X509Certificate } from 'node:crypto';
import type { JsonObject } from '../wire/json.ts';

/** A resource of the API, or one object of it. */
export interface ObjectAddress {
  /** Absent for the core group. */
  readonly group?: string;
  readonly version: string;
  /** In the plural. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** What came of asking; a question that nobody answers ends no examination. */
export type Answer<Value> =
  | { readonly kind: 'found'; readonly value: Value }
  /** The object, or the resource, does not exist. */
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'unreadable';
      /** Why, and what to do. */
      readonly problem: string;
      /** The caller may not ask this. */
      readonly isForbidden: boolean;
    };

/** What became of a pod that was created as a dry run. */
export type DryRun =
  | { readonly kind: 'created'; readonly pod: JsonObject }
  /** `webhook` is the name of the one that refused, or could not be called; empty when it was the API server itself. */
  | { readonly kind: 'refused'; readonly message: string; readonly webhook: string }
  /** It did not come to the question: no such namespace, no right to create pods, no answer. */
  | { readonly kind: 'unasked'; readonly problem: string };

/** A cluster as its API server shows it to whoever asks. Nothing of it is changed: all is read, or a dry run. */
export interface LiveCluster {
  /** Address of the API server. */
  readonly server: string;
  /** Whether we run in a pod of it, from where its Services can be reached. */
  readonly isInside: boolean;
  /** An object, or what stands at a path such as `/version`. */
  get(address: ObjectAddress | string): Promise<Answer<JsonObject>>;
  list(address: ObjectAddress, labelSelector?: string): Promise<Answer<readonly JsonObject[]>>;
  /** The text at a path: a page of a pod, through the API server. */
  text(path: string): Promise<Answer<string>>;
  /** Asks by POST: for reviews, which store nothing. */
  ask(path: string, question: JsonObject): Promise<Answer<JsonObject>>;
  /** Creates a pod as a dry run. */
  dryRun(pod: JsonObject, namespace: string): Promise<DryRun>;
  /** The certificates that a TLS server sends, its own first. */
  certificates(host: string, port: number): Promise<Answer<readonly X509Certificate[]>>;
}

/** What of an answer can be said in a sentence when it is not the value. */
export function problemOf(answer: Exclude<Answer<unknown>, { readonly kind: 'found' }>, what: string): string {
  return answer.kind === 'absent' ? `there is no ${what}` : `${what} cannot be read: ${answer.problem}`;
}

/** The value of an answer, or undefined. */
export function found<Value>(answer: Answer<Value>): Value | undefined {
  return answer.kind === 'found' ? answer.value : undefined;
}
