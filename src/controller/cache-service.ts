/**
 * Port: whoever builds image caches, in the shape of the vendor's OpenAPI (CreateImageCache, DescribeImageCaches,
 * UpdateImageCache, DeleteImageCache): requests with a client token, paged answers, throttling.
 */
export interface CacheService {
  /** Asks for a cache. The same token gives the same cache, however often it is asked. */
  create(request: CreateRequest): Promise<{ readonly imageCacheId: string }>;
  /** A page of the caches that were made here. */
  describe(page: DescribePage): Promise<{ readonly caches: readonly ServiceCache[]; readonly nextToken: string }>;
  /** Builds a cache anew with these images, all of them. Legal in status Ready and UpdateFailed. */
  update(request: UpdateRequest): Promise<void>;
  /** A cache that is not there is done. */
  delete(imageCacheId: string, clientToken: string): Promise<void>;
}

/** What a cache shall hold. */
export interface CacheContents {
  readonly images: readonly string[];
  /** `NAMESPACE:NAME` */
  readonly imagePullSecrets: readonly string[];
  readonly sizeGib: number;
  readonly retentionDays: number | undefined;
  /** Vendor annotations of the object: platform, network, credentials. */
  readonly annotations: ReadonlyMap<string, string>;
}

export interface CreateRequest extends CacheContents {
  readonly clientToken: string;
  readonly name: string;
  /** Tag that ties the cache to its object. */
  readonly owner: string;
}

export interface UpdateRequest extends CacheContents {
  readonly clientToken: string;
  readonly imageCacheId: string;
}

export interface DescribePage {
  /** Empty for the first page. */
  readonly nextToken: string;
  readonly limit: number;
}

/** A cache as the service tells of it. */
export interface ServiceCache {
  readonly imageCacheId: string;
  readonly name: string;
  readonly owner: string;
  readonly status: 'Preparing' | 'Creating' | 'Ready' | 'Failed' | 'Updating' | 'UpdateFailed';
  /** 0 to 100 */
  readonly progressPercent: number;
  readonly images: readonly string[];
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
  /** Why it failed; empty otherwise. */
  readonly failure: string;
  /** What it holds, if the service says so. */
  readonly recorded: readonly {
    readonly name: string;
    readonly digest: string;
    readonly sizeBytes: number;
  }[];
}

/** The service has had enough for now. */
export class ThrottledError extends Error {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super(`throttled, asked to wait ${retryAfterMs} ms`);
    this.name = 'ThrottledError';
    this.retryAfterMs = retryAfterMs;
  }
}
