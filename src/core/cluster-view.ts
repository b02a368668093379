import type { EciProfile } from './eci-profile.ts';
import type { ImageCacheIndex } from './image-cache-index.ts';
import type { StringMap } from './label-selector.ts';

/** What is known of the cluster at the moment of a review. */
export interface ClusterView {
  readonly imageCaches: ImageCacheIndex;
  readonly profile: EciProfile;
  /** Labels by namespace, with `kubernetes.io/metadata.name` filled in (spec G6). */
  readonly namespaces: ReadonlyMap<string, StringMap>;
  /** Milliseconds since the source of the ImageCaches was last heard; 0 for files (spec M1). */
  readonly imageCachesAgeMs: number;
}
