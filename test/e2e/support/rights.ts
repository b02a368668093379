import type { Manifest } from './chart.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Binding extends Manifest {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[];
}

/**
 * What the manifests let a service account do, in the order of the text: `cluster: get list eci.alibabacloud.com/imagecaches`,
 * `kube-system: get configmaps eci-profile`.
 */
export function rightsOf(manifests: readonly Manifest[], namespace: string, account: string): string[] {
  const bindings = manifests.filter((object): object is Binding => object.kind.endsWith('RoleBinding'));
  const mine = bindings.filter(({ subjects }) =>
    subjects.some((subject) => subject.name === account && subject.namespace === namespace),
  );
  return mine.flatMap(({ metadata, roleRef }) => {
    const role = manifests.find(
      (object) =>
        object.kind === roleRef.kind &&
        object.metadata.name === roleRef.name &&
        (roleRef.kind === 'ClusterRole' || object.metadata.namespace === metadata.namespace),
    );
    if (role === undefined) throw new Error(`no ${roleRef.kind} ${roleRef.name} for ${metadata.name}`);
    const scope = metadata.namespace ?? 'cluster';
    return (role['rules'] as readonly Rule[]).flatMap((rule) => describeRule(scope, rule));
  });
}

function describeRule(scope: string, { apiGroups, resources, resourceNames = [], verbs }: Rule): string[] {
  return apiGroups.flatMap((group) =>
    resources.map((resource) => {
      const what = group === '' ? resource : `${group}/${resource}`;
      return [`${scope}:`, ...verbs, what, ...resourceNames].join(' ');
    }),
  );
}
