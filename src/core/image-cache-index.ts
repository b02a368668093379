import type { ImageCache } from './image-cache.ts';
import { exactKeysOf, isWorking, repositoriesOf, unusableReason } from './image-cache.ts';
import type { MatchDegree, PodImages, RegistryAliases } from './image-match.ts';
import { compareAge, compareDegree } from './image-match.ts';
import { ImageSizes } from './image-sizes.ts';
import type { Platform } from './platform.ts';
import { aliasKeyOf } from './registry-alias.ts';
import { compareCodeUnits } from './text-order.ts';
import { toEpochMs } from './timestamp.ts';

/** Which caches a pod may get, and how its images are compared. */
export interface CacheQuery {
  readonly images: PodImages;
  readonly platform: Platform;
  /** The pod's namespace: caches private to it are candidates too (spec C4). */
  readonly namespace: string;
  readonly aliases: RegistryAliases;
  /** Milliseconds since the epoch that a cache must outlive: now and the expiry margin (spec C1). */
  readonly usableUntilMs: number;
}

/** The best candidate for a pod and how well it fits. */
export interface RankedCache extends MatchDegree {
  readonly cache: ImageCache;
  /** Keys of the pod's images that the cache holds exactly. */
  readonly exactKeys: ReadonlySet<string>;
}

/**
 * All ImageCaches, arranged so that the best one for a pod (spec M3, M4) is found without looking at all of them.
 *
 * For every platform and visibility there are posting lists: image key -> the usable caches that hold it, and
 * repository -> the usable caches that hold some image of it, both newest first. {@link ImageCacheIndex.best} reads the
 * pod's lists from the shortest on and stops as soon as no unread cache can win. Adding or removing a cache costs a
 * binary search and a move of pointers for each of its images.
 *
 * Reads and changes never interleave (a review is synchronous), so a review sees one state of the index throughout.
 */
export class ImageCacheIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #byId = new Map<string, ImageCache[]>();
  readonly #partitions = new Map<string, Partition>();
  readonly #sizes = new ImageSizes();
  #searches = 0;

  /** An index of these caches; of several with one name the last counts. */
  static of(caches: Iterable<ImageCache>): ImageCacheIndex {
    const index = new ImageCacheIndex();
    for (const cache of caches) index.upsert(cache);
    return index;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string): ImageCache | undefined {
    return this.#entries.get(name)?.cache;
  }

  /** All caches in no particular order. */
  *all(): Generator<ImageCache> {
    for (const { cache } of this.#entries.values()) yield cache;
  }

  /** Size in bytes of an image by key, 0 when no cache records one (spec C3). */
  sizeOf(key: string): number {
    return this.#sizes.sizeOf(key);
  }

  /** Adds a cache, or replaces the one of that name. */
  upsert(cache: ImageCache): void {
    this.remove(cache.name);
    const entry = this.#arrange(cache);
    this.#entries.set(cache.name, entry);
    this.#sizes.add(cache);
    if (cache.id !== '') {
      const sameId = this.#byId.get(cache.id);
      if (sameId === undefined) this.#byId.set(cache.id, [cache]);
      else sameId.push(cache);
    }
  }

  /** Takes a cache away; nothing happens if there is none of that name. */
  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#sizes.remove(entry.cache);
    const { id } = entry.cache;
    if (id !== '') {
      const left = (this.#byId.get(id) ?? []).filter((cache) => cache !== entry.cache);
      if (left.length === 0) this.#byId.delete(id);
      else this.#byId.set(id, left);
    }
    if (entry.partition === undefined) return;
    for (const posting of [...entry.exact, ...entry.repositories, ...entry.aliases]) {
      posting.entries.splice(insertionPoint(posting.entries, entry), 1);
      if (posting.entries.length === 0) posting.home.delete(posting.key);
    }
    entry.partition.caches -= 1;
    if (entry.partition.caches === 0) this.#partitions.delete(entry.partition.key);
  }

  /**
   * What a pin stands for (spec M1): the cache of this id, a working one if there is any, else the first by name.
   *
   * @returns `undefined` when no cache has this id.
   */
  pinned(id: string, nowMs: number): { readonly cache: ImageCache; readonly working: boolean } | undefined {
    const known = this.#byId.get(id);
    if (known === undefined) return undefined;
    const working = firstByName(known.filter((cache) => isWorking(cache, nowMs)));
    if (working !== undefined) return { cache: working, working: true };
    const cache = firstByName(known);
    return cache === undefined ? undefined : { cache, working: false };
  }

  /** Whether every cache of this id is in a phase other than Ready (spec M1, `unreadyPin: deny`). */
  nonePhaseReady(id: string): boolean {
    return (this.#byId.get(id) ?? []).every((cache) => cache.phase !== 'Ready');
  }

  /** The first candidate by spec M4, or `undefined` when no usable cache matches an image exactly (spec M3). */
  best(query: CacheQuery): RankedCache | undefined {
    const shared = this.#partitions.get(partitionKey(query.platform, undefined));
    const own = this.#partitions.get(partitionKey(query.platform, query.namespace));
    let best: Scored | undefined;
    if (shared !== undefined) best = this.#search(shared, query, best);
    if (own !== undefined) best = this.#search(own, query, best);
    if (best === undefined) return undefined;
    const held = new Set(best.entry.exact.map(({ key }) => key));
    const exactKeys = new Set(query.images.valid.map(({ key }) => key).filter((key) => held.has(key)));
    const { exact, repository, matchedBytes } = best;
    return { cache: best.entry.cache, exact, repository, matchedBytes, exactKeys };
  }

  /**
   * Reads the pod's exact lists from the shortest on. A cache first met in list j stands in none of the earlier ones, so
   * it matches at most as many images as there are lists left; lists are in age order, so the first cache met that
   * reaches every bound beats all that follow it in that list.
   */
  #search(partition: Partition, query: CacheQuery, found: Scored | undefined): Scored | undefined {
    const search = this.#mark(partition, query);
    let best = found;
    const offer = (entry: Entry): Scored | undefined => {
      if (entry.expiresAtMs <= query.usableUntilMs) return undefined;
      const scored = score(entry, search, best);
      if (scored !== undefined && (best === undefined || compareScored(scored, best) < 0)) best = scored;
      return scored;
    };

    const { lists } = search;
    for (let j = 0; j < lists.length; j += 1) {
      const possible = lists.length - j;
      if (best !== undefined && best.exact > possible) break;
      const { image, list } = lists[j]!; // j is below length
      // Where fewer caches hold other images of the missing repositories than stand in this list, those are read
      // first: then nothing unread can match by repository.
      if (search.unreadEntries < list.entries.length) {
        for (const posting of search.takeUnread()) for (const entry of posting.entries) offer(entry);
      }
      for (const entry of list.entries) {
        const scored = offer(entry);
        if (scored !== undefined && scored.exact === possible && scored.repository >= search.repositoryBound) break;
      }
      search.leaveOut(image);
    }
    return best;
  }

  #mark(partition: Partition, query: CacheQuery): Search {
    this.#searches += 1;
    const search = new Search(this.#searches);
    for (const { key, repository } of query.images.valid) search.want(key, partition, repository, this.#sizes);
    if (query.aliases === 'repository') search.wantAliases(query.images.valid, partition);
    search.ready();
    return search;
  }

  /** Puts a usable cache into the posting lists of its partition; time alone is checked when lists are read. */
  #arrange(cache: ImageCache): Entry {
    const expiresAtMs = cache.expiresAt === undefined ? Infinity : toEpochMs(cache.expiresAt);
    const entry: Entry = { cache, expiresAtMs, partition: undefined, exact: NO_POSTINGS, strayFrom: 0, repositories: NO_POSTINGS, aliases: NO_POSTINGS };
    if (unusableReason(cache, -Infinity, 0) !== undefined) return entry;
    const key = partitionKey(cache.platform, cache.privateTo);
    let partition = this.#partitions.get(key);
    if (partition === undefined) {
      partition = { key, caches: 0, exact: new Map(), repositories: new Map(), aliases: new Map() };
      this.#partitions.set(key, partition);
    }
    partition.caches += 1;
    entry.partition = partition;
    const repositories = repositoriesOf(cache);
    const keys = [...exactKeysOf(cache)].toSorted(([a], [b]) => compareCodeUnits(a, b));
    const asked = keys.filter(([, repository]) => repositories.has(repository));
    const stray = keys.filter(([, repository]) => !repositories.has(repository));
    entry.exact = post(partition.exact, [...asked, ...stray].map(([key]) => key), entry);
    entry.strayFrom = asked.length;
    entry.repositories = post(partition.repositories, [...repositories], entry);
    const aliases = new Set(cache.images.map(aliasKeyOf).filter((alias) => alias !== undefined));
    entry.aliases = aliases.size === 0 ? NO_POSTINGS : post(partition.aliases, [...aliases], entry);
    return entry;
  }
}

/** Caches of one platform and visibility. */
interface Partition {
  readonly key: string;
  caches: number;
  readonly exact: Map<string, Posting>;
  readonly repositories: Map<string, Posting>;
  readonly aliases: Map<string, Posting>;
}

/** A cache and the lists it stands in. */
interface Entry {
  readonly cache: ImageCache;
  readonly expiresAtMs: number;
  /** `undefined` for a cache that is not usable, whatever the time. */
  partition: Partition | undefined;
  exact: readonly Posting[];
  /** From here on, `exact` holds recorded digests of repositories that `repositories` does not name. */
  strayFrom: number;
  repositories: readonly Posting[];
  aliases: readonly Posting[];
}

const NO_POSTINGS: readonly Posting[] = [];

/** The caches that hold an image (or one of a repository), newest first, and what the search at hand knows of it. */
class Posting {
  readonly key: string;
  readonly home: Map<string, Posting>;
  readonly entries: Entry[] = [];
  /** The search that looks for this image; the marks below belong to that search. */
  search = 0;
  /** Exact lists: size of the image in bytes. Repository lists: how many of the pod's images are of this repository. */
  weight = 0;
  /** The search that queued this list for reading ahead, and the one that has read it. */
  queued = 0;
  read = 0;

  constructor(key: string, home: Map<string, Posting>) {
    this.key = key;
    this.home = home;
  }
}

interface WantedImage {
  readonly exact: Posting | undefined;
  readonly repository: Posting | undefined;
  alias: Posting | undefined;
}

/** The lists of one pod in one partition, and how far they have been read. */
class Search {
  readonly id: number;
  readonly images: WantedImage[] = [];
  /** Non-empty exact lists, shortest first. */
  lists: { readonly image: WantedImage; readonly list: Posting }[] = [];
  usesAliases = false;
  /** At most so many images can match an unread cache by repository only. */
  repositoryBound = 0;
  /** Length of all lists that {@link Search.takeUnread} would give. */
  unreadEntries = 0;
  #unread: Posting[] = [];

  constructor(id: number) {
    this.id = id;
  }

  want(key: string, partition: Partition, repositoryKey: string, sizes: ImageSizes): void {
    const exact = partition.exact.get(key);
    const repository = partition.repositories.get(repositoryKey);
    if (exact !== undefined) {
      exact.search = this.id;
      exact.weight = sizes.sizeOf(key);
    }
    if (repository !== undefined) {
      repository.weight = repository.search === this.id ? repository.weight + 1 : 1;
      repository.search = this.id;
    }
    this.images.push({ exact, repository, alias: undefined });
  }

  wantAliases(references: PodImages['valid'], partition: Partition): void {
    for (const [i, reference] of references.entries()) {
      const key = aliasKeyOf(reference);
      const alias = key === undefined ? undefined : partition.aliases.get(key);
      const image = this.images[i];
      if (alias === undefined || image === undefined) continue;
      image.alias = alias;
      this.usesAliases = true;
    }
  }

  ready(): void {
    for (const image of this.images) {
      if (image.exact === undefined) this.leaveOut(image);
      else this.lists.push({ image, list: image.exact });
    }
    this.lists.sort((a, b) => a.list.entries.length - b.list.entries.length);
  }

  /** From here on, unread caches can match this image by repository only. */
  leaveOut(image: WantedImage): void {
    const before = this.#unread.length;
    let unread = false;
    for (const posting of [image.repository, image.alias]) {
      if (posting === undefined || posting.read === this.id) continue;
      unread = true;
      if (posting.queued === this.id) continue;
      posting.queued = this.id;
      this.#unread.push(posting);
    }
    if (unread) this.repositoryBound += 1;
    for (const posting of this.#unread.slice(before)) this.unreadEntries += posting.entries.length;
  }

  /** The lists of all images left out so far; they count as read from now on. */
  takeUnread(): readonly Posting[] {
    const taken = this.#unread;
    for (const posting of taken) posting.read = this.id;
    this.#unread = [];
    this.unreadEntries = 0;
    this.repositoryBound = 0;
    return taken;
  }
}

interface Scored extends MatchDegree {
  readonly entry: Entry;
}

/** The degree of one cache for the search at hand; `undefined` as soon as it cannot equal the best one. */
function score(entry: Entry, search: Search, best: Scored | undefined): Scored | undefined {
  let exact = 0;
  let stray = 0;
  let matchedBytes = 0;
  for (let i = 0; i < entry.exact.length; i += 1) {
    const posting = entry.exact[i]!; // i is below length
    if (posting.search !== search.id) continue;
    exact += 1;
    if (i >= entry.strayFrom) stray += 1;
    matchedBytes += posting.weight;
  }
  if (exact === 0 || (best !== undefined && exact < best.exact)) return undefined;
  // Every image of a repository the cache holds matches in one way or the other.
  let repository = stray - exact;
  for (const posting of entry.repositories) if (posting.search === search.id) repository += posting.weight;
  if (search.usesAliases && entry.aliases.length > 0) repository += aliasMatches(entry, search);
  return { entry, exact, repository, matchedBytes };
}

/** Images that match this cache through an alias and in no better way (spec I4). */
function aliasMatches(entry: Entry, search: Search): number {
  let matches = 0;
  for (const { exact, repository, alias } of search.images) {
    if (alias === undefined || !entry.aliases.includes(alias)) continue;
    if (exact !== undefined && entry.exact.includes(exact)) continue;
    if (repository !== undefined && entry.repositories.includes(repository)) continue;
    matches += 1;
  }
  return matches;
}

function compareScored(a: Scored, b: Scored): number {
  return compareDegree(a, b) || compareAge(a.entry.cache, b.entry.cache);
}

/** Different for different arguments, whatever characters they hold. */
function partitionKey({ architecture, os }: Platform, privateTo: string | undefined): string {
  const visibility = privateTo === undefined ? '' : `@${privateTo}`;
  return `${architecture.length}.${os.length}.${architecture}${os}${visibility}`;
}

function post(home: Map<string, Posting>, keys: readonly string[], entry: Entry): Posting[] {
  return keys.map((key) => {
    let posting = home.get(key);
    if (posting === undefined) {
      posting = new Posting(key, home);
      home.set(key, posting);
    }
    posting.entries.splice(insertionPoint(posting.entries, entry), 0, entry);
    return posting;
  });
}

/** Where an entry stands, or would stand, in a list that is sorted by age. */
function insertionPoint(entries: readonly Entry[], entry: Entry): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAge(entries[middle]!.cache, entry.cache) < 0) low = middle + 1; // middle is below length
    else high = middle;
  }
  return low;
}

function firstByName(caches: readonly ImageCache[]): ImageCache | undefined {
  let first: ImageCache | undefined;
  for (const cache of caches) if (first === undefined || compareCodeUnits(cache.name, first.name) < 0) first = cache;
  return first;
}
