import { isIP } from 'node:net';
import type { LabelRequirement, LabelSelector, StringMap } from '../core/label-selector.ts';
import { firstFailure } from '../core/label-selector.ts';
import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, listMember, member, textMap, textMember } from '../wire/json.ts';
import { type Installation, isOfChart, numberMember, releaseOf } from './installation.ts';

/** One entry of a MutatingWebhookConfiguration, with the defaults of the API server filled in. */
export interface WebhookEntry {
  readonly configuration: string;
  /** Its place among the webhooks of the configuration, from 0. */
  readonly index: number;
  /** cert-manager writes the caBundle. */
  readonly hasInjectedBundle: boolean;
  readonly name: string;
  readonly target: WebhookTarget;
  /** In base64; empty if there is none. */
  readonly caBundle: string;
  readonly failurePolicy: string;
  readonly sideEffects: string;
  readonly timeoutSeconds: number;
  readonly reinvocationPolicy: string;
  readonly matchPolicy: string;
  readonly reviewVersions: readonly string[];
  /** Whether its rules have pods that are created among them. */
  readonly coversPods: boolean;
  readonly namespaceSelector: LabelSelector;
  readonly objectSelector: LabelSelector;
}

/** Where the API server calls. */
export type WebhookTarget =
  | {
      readonly kind: 'service';
      readonly namespace: string;
      readonly name: string;
      readonly port: number;
      readonly path: string;
    }
  | { readonly kind: 'url'; readonly url: string };

/** Why an entry does not apply to a pod. */
export interface NotSelected {
  readonly selector: 'namespaceSelector' | 'objectSelector';
  readonly requirement: LabelRequirement;
}

/** All entries of these configurations, in the order in which the API server calls them: by name, then as written. */
export function entriesOf(configurations: readonly JsonObject[]): WebhookEntry[] {
  return configurations
    .map((object) => ({ object, name: textMember(member(object, 'metadata'), 'name') }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap(({ object, name }) =>
      listMember(object, 'webhooks').map((entry, index) => readEntry(object, name, entry, index)),
    );
}

/**
 * The names of the configurations that register an installation: what calls its Service, or carries its labels. Without
 * an installation, those with the labels of the chart.
 */
export function ownConfigurations(
  configurations: readonly JsonObject[],
  installation: Installation | undefined,
  named: string | undefined,
): ReadonlySet<string> {
  const names = configurations.flatMap((object) => {
    const name = textMember(member(object, 'metadata'), 'name');
    if (named !== undefined) return name === named ? [name] : [];
    if (installation === undefined) return isOfChart(object) ? [name] : [];
    const targets = entriesOf([object]).map(({ target }) => target);
    const callsIt = targets.some(
      (target) =>
        target.kind === 'service' &&
        target.namespace === installation.namespace &&
        target.name === installation.serve.name,
    );
    const isLabelled =
      isOfChart(object) &&
      releaseOf(object) === installation.release &&
      targets.every((target) => target.kind === 'url' || target.namespace === installation.namespace);
    return callsIt || isLabelled ? [name] : [];
  });
  return new Set(names);
}

/** Why a pod does not come to this entry; `undefined` if it does. */
export function notSelected(
  { namespaceSelector, objectSelector }: WebhookEntry,
  podLabels: StringMap,
  namespaceLabels: StringMap,
): NotSelected | undefined {
  const ofNamespace = firstFailure(namespaceSelector, namespaceLabels);
  if (ofNamespace !== undefined) return { selector: 'namespaceSelector', requirement: ofNamespace };
  const ofPod = firstFailure(objectSelector, podLabels);
  return ofPod && { selector: 'objectSelector', requirement: ofPod };
}

/** Host and port that the API server connects to, the name it asks for and verifies being the host. */
export function hostOf(target: WebhookTarget): { readonly host: string; readonly port: number } {
  if (target.kind === 'service') return { host: `${target.name}.${target.namespace}.svc`, port: target.port };
  const url = URL.canParse(target.url) ? new URL(target.url) : undefined;
  const host = (url?.hostname ?? '').replace(/^\[|\]$/g, '');
  return { host: isIP(host) === 0 ? host.toLowerCase() : host, port: Number(url?.port || 443) };
}

function readEntry(configuration: JsonObject, name: string, entry: unknown, index: number): WebhookEntry {
  const client = member(entry, 'clientConfig');
  const service = member(client, 'service');
  return {
    configuration: name,
    index,
    hasInjectedBundle: [...textMap(member(member(configuration, 'metadata'), 'annotations')).keys()].some((key) =>
      key.startsWith('cert-manager.io/inject-'),
    ),
    name: textMember(entry, 'name'),
    target: isJsonObject(service)
      ? {
          kind: 'service',
          namespace: textMember(service, 'namespace'),
          name: textMember(service, 'name'),
          port: numberMember(service, 'port') ?? 443,
          path: textMember(service, 'path'),
        }
      : { kind: 'url', url: textMember(client, 'url') },
    caBundle: textMember(client, 'caBundle'),
    failurePolicy: textMember(entry, 'failurePolicy') || 'Fail',
    sideEffects: textMember(entry, 'sideEffects'),
    timeoutSeconds: numberMember(entry, 'timeoutSeconds') ?? 10,
    reinvocationPolicy: textMember(entry, 'reinvocationPolicy') || 'Never',
    matchPolicy: textMember(entry, 'matchPolicy') || 'Equivalent',
    reviewVersions: texts(entry, 'admissionReviewVersions'),
    coversPods: listMember(entry, 'rules').some(coversPods),
    namespaceSelector: readSelector(member(entry, 'namespaceSelector')),
    objectSelector: readSelector(member(entry, 'objectSelector')),
  };
}

function coversPods(rule: unknown): boolean {
  const has = (key: string, ...wanted: readonly string[]): boolean =>
    texts(rule, key).some((text) => wanted.includes(text));
  return (
    has('operations', 'CREATE', '*') &&
    has('apiGroups', '', '*') &&
    has('apiVersions', 'v1', '*') &&
    has('resources', 'pods', '*', '*/*') &&
    textMember(rule, 'scope') !== 'Cluster'
  );
}

/** A selector that the API server has accepted. */
function readSelector(selector: unknown): LabelSelector {
  const labels = [...textMap(member(selector, 'matchLabels'))].map(
    ([key, value]): LabelRequirement => ({ key, operator: 'In', values: [value] }),
  );
  const expressions = listMember(selector, 'matchExpressions').flatMap((expression): LabelRequirement[] => {
    const operator = OPERATORS.find((each) => each === textMember(expression, 'operator'));
    if (operator === undefined) return [];
    return [{ key: textMember(expression, 'key'), operator, values: texts(expression, 'values') }];
  });
  return { requirements: [...labels, ...expressions] };
}

const OPERATORS: readonly LabelRequirement['operator'][] = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

function texts(value: unknown, key: string): readonly string[] {
  return listMember(value, key).filter((text) => typeof text === 'string');
}
