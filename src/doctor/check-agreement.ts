import type { Check } from './check.ts';
import { ok, skipped, warning } from './check.ts';
import type { Installation } from './installation.ts';
import { type Answer, found } from './live-cluster.ts';

/** What one replica says of itself on its admin port. */
export interface ReplicaPage {
  readonly pod: string;
  readonly metrics: Answer<string>;
}

/** How a replica sees the cluster. */
export interface ReplicaView {
  readonly pod: string;
  readonly version: string;
  /** Objects held, by resource. */
  readonly objects: ReadonlyMap<string, number>;
  readonly isProfileValid: boolean;
  /** Seconds since the source of the cluster was last heard, of the resource heard least. */
  readonly ageSeconds: number;
}

/** Older news than this is no normal silence of a watch. */
const STALE_SECONDS = 300;

/** Reads a page of metrics; `undefined` if it is none of this program. */
export function replicaViewOf(pod: string, metrics: string): ReplicaView | undefined {
  const samples = [...metrics.matchAll(/^(imc_\w+)(?:\{(.*)\})? (\S+)$/gm)].map(
    ([, name = '', labels = '', value]) => ({
      name,
      labels: new Map([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', text = '']) => [key, text])),
      value: Number(value),
    }),
  );
  const version = samples.find(({ name }) => name === 'imc_build_info')?.labels.get('version');
  if (version === undefined) return undefined;
  const of = (metric: string) => samples.filter(({ name }) => name === metric);
  return {
    pod,
    version,
    objects: new Map(of('imc_objects').map(({ labels, value }) => [labels.get('resource') ?? '', value])),
    isProfileValid: of('imc_profile_valid').every(({ value }) => value === 1),
    ageSeconds: Math.max(0, ...of('imc_snapshot_age_seconds').map(({ value }) => value)),
  };
}

/** Whether the replicas see the same; each answers alone, so pods would depend on whom they meet. */
export function differencesBetween(views: readonly ReplicaView[]): string[] {
  const [first, ...others] = views;
  if (first === undefined) return [];
  return others.flatMap((other) => {
    const resources = [...new Set([...first.objects.keys(), ...other.objects.keys()])];
    const differing = resources.filter((resource) => first.objects.get(resource) !== other.objects.get(resource));
    return [
      ...differing.map(
        (resource) =>
          `${first.pod} holds ${first.objects.get(resource) ?? 0} ${resource}, ${other.pod} ${other.objects.get(resource) ?? 0}`,
      ),
      ...(first.version === other.version ? [] : [`${first.pod} runs ${first.version}, ${other.pod} ${other.version}`]),
      ...(first.isProfileValid === other.isProfileValid
        ? []
        : [`only one of ${first.pod} and ${other.pod} can use the eci-profile`]),
    ];
  });
}

/** @param pages - of the replicas that are ready; read again before if they differ, since something may be on its way. */
export function checkAgreement(installation: Installation, pages: readonly ReplicaPage[]): Check {
  const name = 'agreement';
  const { namespace, serve } = installation;
  if (pages.length === 0) return skipped(name, 'no replica is ready');
  const views = pages.map(({ pod, metrics }) => replicaViewOf(pod, found(metrics) ?? ''));
  const silent = pages.findIndex((_, i) => views[i] === undefined);
  const page = pages[silent];
  if (page !== undefined) {
    const why = page.metrics.kind === 'unreadable' ? page.metrics.problem : 'there are no metrics of this program';
    return skipped(
      name,
      `the metrics of ${page.pod} cannot be read through the API server: ${why}`,
      `look at them directly: kubectl --namespace ${namespace} port-forward ${page.pod} 8080; curl http://localhost:8080/metrics`,
    );
  }
  const known = views.filter((view) => view !== undefined);
  const [difference, ...more] = differencesBetween(known);
  const logs = `kubectl --namespace ${namespace} logs --selector ${serve.podSelector} --prefix`;
  if (difference !== undefined) {
    const rest = more.length === 0 ? '' : `, and ${more.length} more`;
    return warning(
      name,
      `replicas see different things: ${difference}${rest}`,
      `wait for a rollout to end: kubectl --namespace ${namespace} rollout status deployment/${serve.name}; then ${logs}`,
    );
  }
  const stale = known.find(({ ageSeconds }) => ageSeconds > STALE_SECONDS);
  if (stale !== undefined) {
    return warning(
      name,
      `${stale.pod} has heard nothing of the cluster for ${Math.round(stale.ageSeconds)} s, and decides by what it knew then`,
      logs,
    );
  }
  const [view] = known;
  const objects = [...(view?.objects ?? [])].map(([resource, count]) => `${count} ${resource}`).join(', ');
  const who = known.length === 1 ? 'the one replica that is ready holds' : `${known.length} replicas all hold`;
  return ok(name, `${who} ${objects}, version ${view?.version}`);
}
