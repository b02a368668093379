import type { ImageCache } from './image-cache.ts';
import type { PodImages, RegistryAliases } from './image-match.ts';
import { compareAge } from './image-match.ts';
import type { ImageReference } from './image-reference.ts';
import type { ImageSizes } from './image-sizes.ts';
import type { Platform } from './platform.ts';
import type { Entry, Partition, Posting } from './posting.ts';
import { aliasKeyOf } from './registry-alias.ts';

/** Which caches a pod may get, and how its images are compared. */
export interface CacheQuery {
  readonly images: PodImages;
  readonly platform: Platform;
  /** The pod's namespace: caches private to it are candidates too (spec C4); `undefined` where there are none. */
  readonly namespace: string | undefined;
  readonly aliases: RegistryAliases;
  /** Milliseconds since the epoch that a cache must outlive: now and the expiry margin (spec C1). */
  readonly usableUntilMs: number;
}

/** The best candidate for a pod and how well it fits. */
export interface RankedCache {
  readonly cache: ImageCache;
  /** Distinct images matched exactly. */
  readonly exact: number;
  /** Distinct images matched by repository only. */
  readonly repository: number;
  /** Keys of the pod's images that the cache holds exactly. */
  readonly exactKeys: ReadonlySet<string>;
}

/** One search for the best cache: what was found so far, and the lists still to be read. */
export class CacheSearch {
  readonly id: number;
  readonly query: CacheQuery;
  readonly lists: PartitionLists[] = [];
  best: Entry | undefined;
  /** Degree of `best`. */
  exact = 0;
  repository = 0;
  /** How many caches were looked at. */
  looks = 0;
  readonly #sizes: ImageSizes;
  /** Matched size of `best`, once it was asked for. */
  #bestBytes: number | undefined;

  /** @param id - different from that of every other search: lists are marked with it. */
  constructor(id: number, query: CacheQuery, sizes: ImageSizes) {
    this.id = id;
    this.query = query;
    this.#sizes = sizes;
  }

  /** Looks the pod's images up in a partition. */
  addPartition(partition: Partition): void {
    this.lists.push(new PartitionLists(this.id, this.query, partition));
  }

  /**
   * Reads the lists as far as needed. Exact lists are read from the shortest on: a cache first met in list j stands in
   * none of the earlier ones, so it matches at most as many images as there are lists left. Those that match so many
   * match the same ones and tie in size; lists are in age order, so the first of them that also matches as many
   * repositories as possible beats all that follow it in that list.
   */
  run(): void {
    for (const lists of this.lists) {
      const { exact } = lists;
      for (let j = 0; j < exact.length; j += 1) {
        const possible = exact.length - j;
        if (this.exact > possible) break;
        const { image, list } = exact[j]!; // j is below length
        // Where fewer caches hold other images of the missing repositories than stand in this list, those are read
        // first: then nothing unread can match by repository.
        if (lists.unreadEntries < list.entries.length) {
          for (const posting of lists.takeUnread()) {
            for (const entry of posting.entries) {
              this.#look(entry, lists);
            }
          }
        }
        for (const entry of list.entries) {
          if (
            this.#look(entry, lists) &&
            lists.lastExact === possible &&
            lists.lastRepository >= lists.repositoryBound
          ) {
            break;
          }
        }
        list.read = this.id;
        lists.leaveOut(image);
      }
    }
  }

  /** What was found, as others may keep it. */
  result(): RankedCache | undefined {
    const { best, exact, repository } = this;
    if (best === undefined) return undefined;
    const exactKeys = new Set<string>();
    for (const lists of this.lists) {
      for (const image of lists.images)
        if (image.exact !== undefined && best.exact.includes(image.exact)) exactKeys.add(image.exact.key);
    }
    return { cache: best.cache, exact, repository, exactKeys };
  }

  /**
   * Weighs one cache (spec M4) and keeps it if it is better than the best so far.
   *
   * @returns whether its degree was worked out to the end: not if it has expired or matches too few images to win.
   */
  #look(entry: Entry, lists: PartitionLists): boolean {
    this.looks += 1;
    if (entry.cache.expiresAtMs <= this.query.usableUntilMs) return false;
    const { id } = this;
    let exact = 0;
    let isNew = true;
    for (const posting of entry.exact) {
      if (posting.search !== id) continue;
      exact += 1;
      if (posting.read === id) isNew = false;
    }
    if (exact === 0 || exact < this.exact) return false;
    // Every image of a repository the cache holds matches in one way or the other.
    let repository = -exact;
    for (const posting of entry.strays) if (posting.search === id) repository += 1;
    for (const posting of entry.repositories) if (posting.search === id) repository += posting.weight;
    if (lists.usesAliases && entry.aliases.length > 0) repository += aliasMatches(entry, lists.images);
    lists.lastExact = isNew ? exact : 0;
    lists.lastRepository = repository;
    if (this.#isBetter(entry, exact, repository)) {
      this.best = entry;
      this.#bestBytes = undefined;
      this.exact = exact;
      this.repository = repository;
    }
    return true;
  }

  #isBetter(entry: Entry, exact: number, repository: number): boolean {
    if (this.best === undefined || exact !== this.exact) return exact > this.exact;
    if (repository !== this.repository) return repository > this.repository;
    // Sizes are looked up for ties only, which few searches have.
    this.#bestBytes ??= this.#matchedBytes(this.best);
    const bytes = this.#matchedBytes(entry);
    return bytes === this.#bestBytes ? compareAge(entry.cache, this.best.cache) < 0 : bytes > this.#bestBytes;
  }

  #matchedBytes(entry: Entry): number {
    let bytes = 0;
    for (const posting of entry.exact) {
      if (posting.search !== this.id) continue;
      if (posting.weight < 0) posting.weight = this.#sizes.sizeOf(posting.key);
      bytes += posting.weight;
    }
    return bytes;
  }
}

/** The lists in which one image of the pod stands. */
export interface WantedImage {
  readonly exact: Posting | undefined;
  readonly repository: Posting | undefined;
  readonly alias: Posting | undefined;
}

/** The lists of one pod in one partition, and how far they have been read. */
class PartitionLists {
  readonly images: WantedImage[] = [];
  /** Non-empty exact lists, shortest first. */
  readonly exact: { readonly image: WantedImage; readonly list: Posting }[] = [];
  readonly usesAliases: boolean;
  /** At most so many images can match an unread cache by repository only. */
  repositoryBound = 0;
  /** Length of all lists that {@link PartitionLists.takeUnread} would give. */
  unreadEntries = 0;
  /** Degree of the cache looked at last; no exact matches if it stands in a list that was read before. */
  lastExact = 0;
  lastRepository = 0;
  readonly #id: number;
  #unread: Posting[] = [];

  constructor(id: number, query: CacheQuery, partition: Partition) {
    this.#id = id;
    this.usesAliases = query.aliases === 'repository' && partition.aliases.size > 0;
    for (const reference of query.images.valid) this.#want(reference, partition);
    if (this.exact.length > 1) this.exact.sort((a, b) => a.list.entries.length - b.list.entries.length);
  }

  /** From here on, unread caches can match this image by repository only. */
  leaveOut({ repository, alias }: WantedImage): void {
    const isUnread = [this.#queue(repository), this.#queue(alias)].includes(true);
    if (isUnread) this.repositoryBound += 1;
  }

  /** The lists of all images left out so far; they count as read from now on. */
  takeUnread(): readonly Posting[] {
    const taken = this.#unread;
    if (taken.length === 0) return taken;
    for (const posting of taken) posting.read = this.#id;
    this.#unread = [];
    this.unreadEntries = 0;
    this.repositoryBound = 0;
    return taken;
  }

  #want(reference: ImageReference, partition: Partition): void {
    const exact = partition.exact.get(reference.key);
    const repository = partition.repositories.get(reference.repository);
    const aliasKey = this.usesAliases ? aliasKeyOf(reference) : undefined;
    const alias = aliasKey === undefined ? undefined : partition.aliases.get(aliasKey);
    if (repository !== undefined) {
      repository.weight = repository.search === this.#id ? repository.weight + 1 : 1;
      repository.search = this.#id;
    }
    const image = { exact, repository, alias };
    this.images.push(image);
    if (exact === undefined) {
      if (repository !== undefined || alias !== undefined) this.leaveOut(image);
      return;
    }
    exact.search = this.#id;
    exact.weight = -1;
    this.exact.push({ image, list: exact });
  }

  /** @returns whether unread caches may stand in this list. */
  #queue(posting: Posting | undefined): boolean {
    if (posting === undefined || posting.read === this.#id) return false;
    if (posting.read !== -this.#id) {
      posting.read = -this.#id;
      this.#unread.push(posting);
      this.unreadEntries += posting.entries.length;
    }
    return true;
  }
}

/** Images that match this cache through an alias and in no better way (spec I4). */
function aliasMatches(entry: Entry, images: readonly WantedImage[]): number {
  let matches = 0;
  for (const { exact, repository, alias } of images) {
    if (alias === undefined || !entry.aliases.includes(alias)) continue;
    if (exact !== undefined && entry.exact.includes(exact)) continue;
    if (repository !== undefined && entry.repositories.includes(repository)) continue;
    matches += 1;
  }
  return matches;
}
