import type { Demand } from '../core/creation-plan.ts';

/** Port: what living pods want and use (spec N1, N5). */
export interface PodDemands {
  /** Whether all living pods are known. Before that nothing is removed. */
  isComplete(): boolean;
  /** The image sets that living pods want cached; several pods may ask for one. */
  demands(): Iterable<Demand>;
  /** Ids of the ImageCaches that living pods carry. */
  idsInUse(): ReadonlySet<string>;
  /** Told after every change of the above. */
  onChange(listener: () => void): void;
}
