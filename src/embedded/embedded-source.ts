import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterSource, SourceProblem } from '../cluster/cluster-source.ts';
import type { ClusterStore, Resource } from '../cluster/cluster-store.ts';
import { RESOURCES } from '../cluster/cluster-store.ts';
import { EMPTY_PROFILE } from '../core/eci-profile.ts';
import { compareCodeUnits } from '../core/text-order.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ImageCacheObject } from '../wire/image-cache-object.ts';
import { withStatus } from '../wire/image-cache-object.ts';
import type { JsonObject } from '../wire/json.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import { MANIFEST_LIMIT_BYTES, oversizedManifest } from '../wire/manifests.ts';
import type { DirectoryScan, ScannedFile } from './directory-scan.ts';
import { isGone, reasonOf, scanDirectory } from './directory-scan.ts';
import { DirectoryWatch } from './directory-watch.ts';
import type { Entry, FileContent } from './file-content.ts';
import { entryKey, NO_CONTENT, PROFILE_KEY, readContent, unparsable } from './file-content.ts';

/** What an {@link EmbeddedSource} needs. */
export interface EmbeddedSourceOptions {
  /** The directory with the manifest files, as the user named it. */
  readonly directory: string;
  readonly store: ClusterStore;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of every object, or whole file, that could not be decoded, once per change (spec S8). */
  readonly onUndecodable?: (resource: Resource) => void;
  /** Told whether the eci-profile is valid, at the start and whenever that changes (spec P6, S8). */
  readonly onProfile?: (valid: boolean) => void;
}

/** A start without a directory to read makes no sense; while running, a directory that goes away is only reported. */
export class DirectoryError extends Error {
  readonly code = 'ERR_DIRECTORY_UNUSABLE';

  constructor(directory: string, reason: string, cause?: unknown) {
    super(
      `${directory}: ${reason}; expected a directory with ImageCaches, Namespaces and the eci-profile as *.yaml, *.yml or ` +
        '*.json files: create it, or name another one',
      { cause },
    );
    this.name = 'DirectoryError';
  }
}

/** The directory is looked through this often even if no watch says anything, or less often if that takes long. */
const POLL_MS = 1_000;
const POLL_LIMIT_MS = 30_000;

/** Of all time, at most this part is spent on looking through the directory. */
const POLL_SHARE = 1 / 20;

/** A file changed less than this long ago may change again within the same tick of its clock; its content is compared. */
const CLOCK_TICK_MS = 5_000;

/** Files are read this many at a time, so that reviews get their turn between them. */
const BATCH = 16;

/**
 * Fills the store from the manifest files under a directory and follows their changes (spec 8, Files source). Whatever
 * cannot be read is reported and leaves the last good state in force. Only changed files are parsed, and only changed
 * objects are written; all changes found at one time are written together.
 */
export class EmbeddedSource implements ClusterSource {
  readonly mayLag = false;
  readonly #options: EmbeddedSourceOptions;
  readonly #logger: Logger;
  readonly #watch: DirectoryWatch;
  readonly #files = new Map<string, KnownFile>();
  /** Which files define an object, by its key. */
  readonly #definitions = new Map<string, Set<KnownFile>>();
  readonly #inForce = new Map<string, Entry>();
  /** Keys that more than one file defines. */
  readonly #contested = new Set<string>();
  /** Statuses of ImageCaches whose files have none, by name. */
  readonly #overlays = new Map<string, JsonObject>();
  readonly #imageCacheListeners: (() => void)[] = [];
  /** Problems that belong to no file that was read, by message. */
  #notices: ReadonlyMap<string, SourceProblem> = new Map();
  /** Those of them that the last look below the directory found. */
  #noticesBelow: readonly SourceProblem[] = [];
  #profileValid: boolean | undefined;
  #isStopped = false;
  #following: Promise<void> | undefined;

  constructor(options: EmbeddedSourceOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'files' });
    this.#watch = new DirectoryWatch((path, err) => {
      this.#logger.warn({ path, err }, 'a directory cannot be watched; its changes are noticed a little later');
    });
  }

  /** @throws DirectoryError when the directory is missing, is a file, or cannot be read. */
  async start(): Promise<void> {
    const { directory, store } = this.#options;
    const startedAtMs = performance.now();
    await expectDirectory(directory);
    let scan: DirectoryScan;
    try {
      scan = await scanDirectory(directory);
    } catch (cause) {
      throw new DirectoryError(directory, reasonOf(cause), cause);
    }
    await this.#take(scan);
    if (this.#isStopped) return;
    for (const resource of RESOURCES) store.markSynced(resource);
    const { imagecaches, namespaces, 'eci-profile': rules } = store.counts();
    this.#logger.info(
      { directory, files: this.#files.size, imagecaches, namespaces, rules, durationMs: elapsedMs(startedAtMs) },
      'read the directory',
    );
    this.#following = this.#follow();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watch.close();
    await this.#following;
  }

  problems(): readonly SourceProblem[] {
    const files = [...this.#files.values()].toSorted((a, b) => compareCodeUnits(a.path, b.path));
    return [...this.#notices.values(), ...files.flatMap(({ content }) => content.problems)];
  }

  isProfileValid(): boolean | undefined {
    return this.#profileValid;
  }

  /** The ImageCaches in force by name. */
  imageCaches(): ReadonlyMap<string, DefinedImageCache> {
    const all = new Map<string, DefinedImageCache>();
    for (const { name, resource } of this.#inForce.values()) {
      const known = resource === 'imagecaches' ? this.imageCache(name) : undefined;
      if (known !== undefined) all.set(name, known);
    }
    return all;
  }

  /** One of {@link imageCaches}. */
  imageCache(name: string): DefinedImageCache | undefined {
    const key = entryKey({ resource: 'imagecaches', name });
    const entry = this.#inForce.get(key);
    if (entry?.resource !== 'imagecaches') return undefined;
    const hasOwnStatus = entry.object.status !== undefined;
    return { object: this.#shown(entry.object), path: this.#filesOf(key).at(-1)?.path ?? '', hasOwnStatus };
  }

  /** Told after every look that changed an ImageCache, and after every status that was put over one. */
  onImageCaches(listener: () => void): void {
    this.#imageCacheListeners.push(listener);
  }

  /**
   * Puts a status over that of an ImageCache whose file has none: somebody builds it, and the file is not ours to
   * write. Counts until the program ends.
   */
  overlayStatus(name: string, status: JsonObject): void {
    this.#overlays.set(name, status);
    const entry = this.#inForce.get(entryKey({ resource: 'imagecaches', name }));
    if (entry === undefined) return;
    this.#put(entry);
    this.#tellImageCaches();
  }

  #shown(object: ImageCacheObject): ImageCacheObject {
    const status = object.status === undefined ? this.#overlays.get(object.cache.name) : undefined;
    return status === undefined ? object : withStatus(object, status);
  }

  #tellImageCaches(): void {
    for (const listener of this.#imageCacheListeners) listener();
  }

  async #follow(): Promise<void> {
    let pollMs = POLL_MS;
    while (!this.#isStopped) {
      await this.#watch.next(pollMs);
      if (this.#isStopped) return;
      const startedAtMs = performance.now();
      await this.#look();
      pollMs = Math.min(Math.max(POLL_MS, elapsedMs(startedAtMs) / POLL_SHARE), POLL_LIMIT_MS);
    }
  }

  async #look(): Promise<void> {
    try {
      await this.#take(await scanDirectory(this.#options.directory));
    } catch (error) {
      const message = `${this.#options.directory}: ${reasonOf(error)}; what was read last stays in force`;
      this.#notice([{ resource: 'imagecaches', message }, ...this.#noticesBelow]);
    }
  }

  /** Reads what has changed, then writes it all at once. */
  async #take(scan: DirectoryScan): Promise<void> {
    this.#watch.follow(scan.directories);
    const news: News[] = [];
    const files = scan.files.filter((file) => this.#mayHaveChanged(file));
    for (let i = 0; i < files.length; i += BATCH) {
      const batch = await Promise.all(files.slice(i, i + BATCH).map((file) => this.#read(file)));
      news.push(...batch.filter((each) => each !== undefined));
    }
    if (this.#isStopped) return;
    this.#write(scan, news);
    const nowMs = this.#options.now();
    for (const resource of RESOURCES) this.#options.store.heard(resource, nowMs);
  }

  #mayHaveChanged({ path, signature }: ScannedFile): boolean {
    const known = this.#files.get(path);
    return known === undefined || !known.isSettled || known.signature !== signature;
  }

  /** What a changed file says now; `undefined` when that is what it said before. */
  async #read(file: ScannedFile): Promise<News | undefined> {
    const location = this.#nameOf(file.path);
    if (file.sizeBytes > MANIFEST_LIMIT_BYTES) return this.#compare(file, oversizedManifest(location));
    let bytes: Uint8Array;
    try {
      bytes = await readBytes(location);
    } catch (error) {
      // What is gone by now is missing from the next scan.
      if (isGone(error)) return undefined;
      return this.#compare(file, new ManifestError(reasonOf(error), { location, cause: error }));
    }
    return this.#compare(file, bytes);
  }

  #compare(file: ScannedFile, found: Uint8Array | ManifestError): News | undefined {
    const known = this.#files.get(file.path);
    const before = known?.content ?? NO_CONTENT;
    const isUnreadable = found instanceof ManifestError;
    // What could not be read is tried again until it can.
    const isSettled = !isUnreadable && Math.abs(Date.now() - file.changedAtMs) > CLOCK_TICK_MS;
    const fingerprint = isUnreadable ? found.message : createHash('sha256').update(found).digest('base64');
    if (known !== undefined && known.fingerprint === fingerprint) {
      known.signature = file.signature;
      known.isSettled = isSettled;
      return undefined;
    }
    const content = isUnreadable ? unparsable(found, before) : readContent(this.#nameOf(file.path), found, before);
    return { path: file.path, signature: file.signature, isSettled, fingerprint, content };
  }

  #nameOf(path: string): string {
    return join(this.#options.directory, path);
  }

  /** Everything from here on happens at once: no review sees one half of a change. */
  #write(scan: DirectoryScan, news: readonly News[]): void {
    const touched = new Set<string>();
    for (const each of news) this.#adopt(each, touched);
    for (const file of this.#goneFiles(scan)) {
      this.#redefine(file, NO_CONTENT, touched);
      this.#files.delete(file.path);
    }
    // What stood in for a broken profile goes when the broken one does, though no entry changed.
    touched.add(PROFILE_KEY);
    for (const key of touched) this.#settle(key);
    if ([...touched].some((key) => key !== PROFILE_KEY)) this.#tellImageCaches();
    this.#tellProfile();
    this.#noticesBelow = [
      ...scan.unreadable.map(({ path, reason }): SourceProblem => {
        return {
          resource: 'imagecaches',
          message: `${this.#nameOf(path)}: ${reason}; what it held before stays in force`,
        };
      }),
      ...[...this.#contested].toSorted(compareCodeUnits).map((key) => this.#contestOf(key)),
    ];
    this.#notice(this.#noticesBelow);
  }

  #adopt({ content, ...file }: News, touched: Set<string>): void {
    const known = this.#files.get(file.path) ?? { ...file, content: NO_CONTENT };
    const hadProblems = known.content.problems.length > 0;
    this.#files.set(file.path, Object.assign(known, file));
    this.#redefine(known, content, touched);
    for (const { message } of content.problems)
      this.#logger.warn({ problem: message }, 'a file cannot be used as it is');
    for (const resource of content.undecodable) this.#options.onUndecodable?.(resource);
    if (hadProblems && content.problems.length === 0) {
      this.#logger.info({ file: this.#nameOf(file.path) }, 'a file can be used again');
    }
  }

  /** Takes a file's new content over; collects the keys it has changed. */
  #redefine(file: KnownFile, content: FileContent, touched: Set<string>): void {
    const before = file.content.entries;
    file.content = content;
    for (const key of before.keys()) {
      if (content.entries.has(key)) continue;
      touched.add(key);
      const files = this.#definitions.get(key);
      files?.delete(file);
      if (files?.size === 0) this.#definitions.delete(key);
    }
    for (const [key, entry] of content.entries) {
      if (before.get(key) === entry) continue;
      touched.add(key);
      const files = this.#definitions.get(key);
      if (files === undefined) this.#definitions.set(key, new Set([file]));
      else files.add(file);
    }
  }

  /** The files that are no longer there, as far as the scan could look. */
  #goneFiles({ files, unreadable }: DirectoryScan): KnownFile[] {
    const present = new Set(files.map(({ path }) => path));
    return [...this.#files.values()].filter(
      ({ path }) =>
        !present.has(path) && !unreadable.some((other) => path === other.path || path.startsWith(`${other.path}/`)),
    );
  }

  /** Puts the definition of the last file into force. */
  #settle(key: string): void {
    const files = this.#filesOf(key);
    if (files.length > 1) this.#contested.add(key);
    else this.#contested.delete(key);
    const entry = files.at(-1)?.content.entries.get(key);
    const current = this.#inForce.get(key);
    if (entry === current) return;
    if (entry !== undefined) {
      this.#inForce.set(key, entry);
      this.#put(entry);
    } else if (current !== undefined && !(key === PROFILE_KEY && this.#hasBrokenProfile())) {
      this.#inForce.delete(key);
      this.#remove(current);
    }
  }

  #put(entry: Entry): void {
    const { store } = this.#options;
    switch (entry.resource) {
      case 'imagecaches':
        return store.putImageCache(this.#shown(entry.object).cache);
      case 'namespaces':
        return store.putNamespace(entry.name, entry.labels);
      case 'eci-profile':
        return store.setProfile(entry.profile);
    }
  }

  #remove({ resource, name }: Entry): void {
    const { store } = this.#options;
    switch (resource) {
      case 'imagecaches':
        return store.removeImageCache(name);
      case 'namespaces':
        return store.removeNamespace(name);
      case 'eci-profile':
        return store.setProfile(EMPTY_PROFILE);
    }
  }

  /** The files that define an object, in the order in which they count. */
  #filesOf(key: string): readonly KnownFile[] {
    return [...(this.#definitions.get(key) ?? [])].toSorted((a, b) => compareCodeUnits(a.path, b.path));
  }

  #contestOf(key: string): SourceProblem {
    const names = this.#filesOf(key).map(({ path }) => this.#nameOf(path));
    const resource = this.#inForce.get(key)?.resource ?? 'imagecaches';
    const message = `${names.at(-1)}: ${key} is also defined in ${names.slice(0, -1).join(', ')}; this file counts: remove the others`;
    return { resource, message };
  }

  #hasBrokenProfile(): boolean {
    return [...this.#files.values()].some(({ content }) => content.hasBrokenProfile);
  }

  #tellProfile(): void {
    const valid = !this.#hasBrokenProfile();
    if (valid === this.#profileValid) return;
    this.#profileValid = valid;
    this.#options.onProfile?.(valid);
  }

  #notice(problems: readonly SourceProblem[]): void {
    const before = this.#notices;
    this.#notices = new Map(problems.map((problem) => [problem.message, problem]));
    for (const problem of this.#notices.keys()) {
      if (!before.has(problem)) this.#logger.warn({ problem }, 'the directory cannot be used as it is');
    }
    for (const problem of before.keys()) {
      if (!this.#notices.has(problem)) this.#logger.info({ problem }, 'a problem of the directory is gone');
    }
  }
}

/** An ImageCache and where it comes from. */
export interface DefinedImageCache {
  readonly object: ImageCacheObject;
  /** The file that defines it, relative to the directory. */
  readonly path: string;
  /** The file gives a status; else one may have been put over it. */
  readonly hasOwnStatus: boolean;
}

/** A file as it was last read. */
interface KnownFile {
  readonly path: string;
  signature: string;
  /** Another signature would tell of any change from now on. */
  isSettled: boolean;
  /** Of its bytes, or of why they could not be read. */
  fingerprint: string;
  content: FileContent;
}

/** A file whose bytes are not those read before. */
type News = Readonly<KnownFile>;

/** Of the ways to read a small file asynchronously the cheapest. */
const readBytes = promisify(readFile);

async function expectDirectory(directory: string): Promise<void> {
  const stats = await promisify(stat)(directory).catch((cause: unknown) => {
    throw new DirectoryError(directory, reasonOf(cause), cause);
  });
  if (!stats.isDirectory()) throw new DirectoryError(directory, 'it is no directory');
}

function elapsedMs(sinceMs: number): number {
  return Math.round(performance.now() - sinceMs);
}
