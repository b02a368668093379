import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import type { Origin } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { podTemplatePath } from '../wire/workload.ts';

/** An object to be linted. */
export interface Subject {
  readonly value: JsonObject;
  readonly origin: Origin;
  readonly kind: string;
  readonly apiVersion: string;
  readonly name: string;
  /** As written; empty if it is not. */
  readonly namespace: string;
  /** `Deployment/web`, as kubectl names objects. */
  readonly title: string;
  /** Where the pod stands in it: the pod itself, a template, or what a review is about. */
  readonly podPath: readonly string[] | undefined;
}

/** Where a finding stands. Lines and columns count from 1; a file that cannot be opened has none. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** The object it belongs to. */
  readonly subject?: Subject;
}

/** Takes an object apart as far as all checks need it. */
export function subjectOf({ value, origin }: ManifestObject): Subject {
  const kind = textMember(value, 'kind');
  const apiVersion = textMember(value, 'apiVersion');
  const metadata = member(value, 'metadata');
  const name = textMember(metadata, 'name') || textMember(metadata, 'generateName');
  const namespace = textMember(metadata, 'namespace');
  const podPath = podPathOf(value, apiVersion, kind);
  return { value, origin, kind, apiVersion, name, namespace, title: `${kind || 'Object'}/${name}`, podPath };
}

function podPathOf(value: JsonObject, apiVersion: string, kind: string): readonly string[] | undefined {
  if (kind === 'Pod' && apiVersion === 'v1') return [];
  if (kind !== 'AdmissionReview') return podTemplatePath(value);
  return textMember(member(member(value, 'request'), 'object'), 'kind') === 'Pod' ? ['request', 'object'] : undefined;
}

/** What stands at a path in the object. */
export function valueAt({ value }: Subject, path: readonly string[]): unknown {
  return path.reduce<unknown>(member, value);
}

/** Where a value, or the key it stands under, is to be found. */
export function placeIn(subject: Subject, path: readonly (string | number)[], at: 'key' | 'value' = 'value'): Place {
  const { origin } = subject;
  const position = (at === 'key' ? origin.keyPosition?.(path) : undefined) ?? origin.position(path);
  return { file: origin.file, ...position, subject };
}
