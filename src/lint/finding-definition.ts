/** `error`: it does not work, or not as meant. `warning`: probably a mistake. `info`: good to know. */
export type Severity = 'error' | 'warning' | 'info';

/** All severities, the worst first. */
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info'];

/** What there is to say about a finding wherever it is found. Codes are stable: a code is never given a new meaning. */
export interface FindingDefinition {
  readonly severity: Severity;
  /** One sentence without a full stop. */
  readonly title: string;
  /** What happens if nobody acts. */
  readonly why: string;
  /** What to do, as an order without a full stop; a finding may know better. */
  readonly remedy: string;
  /** The same files with the finding and without it; both are linted by the tests. */
  readonly example: { readonly bad: string; readonly good: string };
}

/** An ImageCache for an example. */
export function cacheExample(spec: string, metadata = 'name: web', status = ''): string {
  return `apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata: {${metadata}}
spec: {${spec}}
${status === '' ? '' : `status: {${status}}\n`}`;
}

/** An ImageCache that can be used, for an example. */
export function readyCacheExample(images: string, name = 'web'): string {
  return cacheExample(`images: [${images}]`, `name: ${name}`, `phase: Ready, imageCacheId: imc-2ze0${name}`);
}

/** An eci-profile of these rules, for an example. */
export function profileExample(...rules: readonly string[]): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: {name: eci-profile, namespace: kube-system}
data:
  selectors: |
    [
${rules.map((rule) => `      ${rule}`).join(',\n')}
    ]
`;
}

/** A pod on ECI, for an example. */
export function podExample(annotations: string, containers = '{name: web, image: "nginx:1.27.0"}'): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {alibabacloud.com/eci: "true"}
  annotations: {${annotations}}
spec:
  containers: [${containers}]
`;
}
