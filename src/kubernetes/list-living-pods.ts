import type { Demand } from '../core/creation-plan.ts';
import type { CopySettings } from '../core/wanted-cache.ts';
import type { KubeClient } from './kube-client.ts';
import { demandOf, LIVING_PODS, type PodReading, readPod } from './pod-reading.ts';
import { readWholeList } from './whole-list.ts';

/** What the living pods of a cluster want and use. */
export interface LivingPodsNow {
  readonly count: number;
  readonly demands: readonly Demand[];
  readonly idsInUse: ReadonlySet<string>;
}

/** Whole pods that are asked for at a time. */
const PARALLEL = 8;

/**
 * Lists the living pods once, and reads one whole pod of each template that wants an ImageCache.
 *
 * @param progress - told how many of those have been read.
 * @throws what {@link KubeClient} throws.
 */
export async function listLivingPods(
  client: Pick<KubeClient, 'get' | 'list'>,
  settings: CopySettings,
  progress: (read: number, of: number) => void = () => undefined,
): Promise<LivingPodsNow> {
  const { address, query, accept } = LIVING_PODS;
  const { items } = await readWholeList(client, address, readPod, { query, accept: accept.list });
  const sets = [...Map.groupBy(items, ({ set }) => set?.key)].flatMap(([key, pods]) =>
    key === undefined ? [] : [{ key, pods }],
  );
  const demands = new Map<string, Demand>();
  const left = [...sets];
  const readNext = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const demand = await firstDemandOf(client, next, settings);
      if (demand !== undefined) demands.set(demand.name, demand);
      progress(sets.length - left.length, sets.length);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, readNext));
  return { count: items.length, demands: [...demands.values()], idsInUse: new Set(items.flatMap(({ ids }) => ids)) };
}

/** Of a set whose pods are all gone meanwhile, nothing. */
async function firstDemandOf(
  client: Pick<KubeClient, 'get'>,
  { key, pods }: { readonly key: string; readonly pods: readonly PodReading[] },
  settings: CopySettings,
): Promise<Demand | undefined> {
  for (const pod of pods) {
    const demand = await demandOf(client, pod, key, settings);
    if (demand !== undefined) return demand;
  }
  return undefined;
}
