import type { ImageCacheObject, NewImageCache } from '../wire/image-cache-object.ts';
import type { JsonObject } from '../wire/json.ts';

/**
 * Port: the ImageCache objects of a cluster, as the controller reads and writes them. Every write can be repeated
 * without harm, and {@link current} shows it as soon as it is done. A write about an object that has changed meanwhile,
 * or that is not accepted, throws a RefusedWriteError, and the next plan sees why.
 */
export interface ImageCacheObjects {
  /** All objects by name; `undefined` before the first full listing. */
  current(): ReadonlyMap<string, ImageCacheObject> | undefined;
  /** Told after every change of what {@link current} gives. */
  onChange(listener: () => void): void;
  /**
   * Makes an object; one of that name that is there already is as good (spec N2).
   *
   * @returns whether it was made by this call.
   */
  create(cache: NewImageCache): Promise<boolean>;
  /** Sets labels and annotations (a text) or takes them away (`null`). */
  mark(object: ImageCacheObject, marks: Marks): Promise<void>;
  /**
   * Sets members of the status, or takes them away (`null`); what others wrote there stays.
   *
   * @returns the status as it is kept: a schema may have no room for all of it.
   */
  writeStatus(object: ImageCacheObject, status: JsonObject): Promise<JsonObject>;
  /** Deletes exactly this object; gone is done. */
  remove(object: ImageCacheObject): Promise<void>;
}

/** Changes of labels and annotations. */
export interface Marks {
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly annotations?: Readonly<Record<string, string | null>>;
}
