import { createHash } from 'node:crypto';
import { SIMULATE_KEY } from '../core/keys.ts';
import { RecentMap } from '../core/recent-map.ts';
import type {
  CacheContents,
  CacheService,
  CreateRequest,
  DescribePage,
  ServiceCache,
  UpdateRequest,
} from './cache-service.ts';
import type { Note } from './note.ts';

/** What a simulated service works with. */
export interface SimulatedServiceOptions {
  /** Keeps its books, so that they outlive the process. */
  readonly books: Note;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a build takes. */
  readonly buildMs: () => number;
}

const ID_PREFIX = 'imc-sim';
/** Of a build's time, the part that passes before it shows progress. */
const PREPARING_PART = 0.2;
/** A failed cache is kept for a day, then removed, as the vendor does. */
const FAILED_KEPT_MS = 24 * 60 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Builds image caches that nobody can start pods from: states, times and sizes as the vendor's service has them, for
 * demonstrations and tests. What a cache looks like follows from when it was asked for and what time it is, so there is
 * nothing to run in the background. A cache whose annotations say `imc-webhook/simulate: fail` fails half-way.
 */
export class SimulatedCacheService implements CacheService {
  readonly #options: SimulatedServiceOptions;
  #books: Map<string, Entry> | undefined;

  constructor(options: SimulatedServiceOptions) {
    this.#options = options;
  }

  async create({ clientToken, name, owner, ...contents }: CreateRequest): Promise<{ readonly imageCacheId: string }> {
    const books = await this.#open();
    const known = [...books.values()].find((entry) => entry.clientToken === clientToken);
    if (known !== undefined) return { imageCacheId: known.imageCacheId };
    const imageCacheId = `${ID_PREFIX}${hashOf(`${clientToken}\n${name}`).slice(0, 20)}`;
    books.set(imageCacheId, {
      imageCacheId,
      clientToken,
      name,
      owner,
      createdAtMs: this.#options.now(),
      build: this.#build(contents),
      before: undefined,
    });
    await this.#save(books);
    return { imageCacheId };
  }

  async describe({ nextToken, limit }: DescribePage): Promise<{
    readonly caches: readonly ServiceCache[];
    readonly nextToken: string;
  }> {
    const books = await this.#open();
    const nowMs = this.#options.now();
    const entries = [...books.values()];
    const caches: ServiceCache[] = [];
    let next = nextToken === '' ? 0 : entries.findIndex(({ imageCacheId }) => imageCacheId === nextToken);
    if (next < 0) next = entries.length;
    for (; caches.length < limit; next += 1) {
      const entry = entries[next];
      if (entry === undefined) break;
      const cache = shownAt(entry, nowMs);
      if (!isGone(cache, entry, nowMs)) caches.push(cache);
    }
    return { caches, nextToken: entries[next]?.imageCacheId ?? '' };
  }

  async update({ imageCacheId, clientToken, ...contents }: UpdateRequest): Promise<void> {
    const books = await this.#open();
    const entry = books.get(imageCacheId);
    if (entry === undefined) throw new Error(`there is no image cache ${imageCacheId}`);
    if (entry.clientToken === clientToken) return;
    const { status, images } = shownAt(entry, this.#options.now());
    if (status !== 'Ready' && status !== 'UpdateFailed') throw new Error(`${imageCacheId} is ${status}, not Ready`);
    books.set(imageCacheId, { ...entry, clientToken, build: this.#build(contents), before: { images } });
    await this.#save(books);
  }

  async delete(imageCacheId: string): Promise<void> {
    const books = await this.#open();
    if (books.delete(imageCacheId)) await this.#save(books);
  }

  #build({ images, retentionDays, annotations }: CacheContents): Build {
    return {
      images,
      retentionDays,
      startedAtMs: this.#options.now(),
      durationMs: this.#options.buildMs(),
      fails: annotations.get(SIMULATE_KEY) === 'fail',
    };
  }

  async #open(): Promise<Map<string, Entry>> {
    if (this.#books === undefined) {
      const text = await this.#options.books.read();
      this.#books = new Map(entriesOf(text).map((entry) => [entry.imageCacheId, entry]));
    }
    return this.#books;
  }

  async #save(books: Map<string, Entry>): Promise<void> {
    const nowMs = this.#options.now();
    for (const [id, entry] of books) if (isGone(shownAt(entry, nowMs), entry, nowMs)) books.delete(id);
    try {
      await this.#options.books.write(`${JSON.stringify([...books.values()], null, 1)}\n`);
    } catch (error) {
      // What is not written did not happen.
      this.#books = undefined;
      throw error;
    }
  }
}

/** Whether this id is one that a simulated service gives, not the vendor. */
export function isSimulatedId(id: string): boolean {
  return id.startsWith(ID_PREFIX);
}

/** A cache in the books. */
interface Entry {
  readonly imageCacheId: string;
  /** Of the last request that changed it. */
  readonly clientToken: string;
  readonly name: string;
  readonly owner: string;
  readonly createdAtMs: number;
  readonly build: Build;
  /** What it held before its present build, if that is an update. */
  readonly before: { readonly images: readonly string[] } | undefined;
}

interface Build {
  readonly images: readonly string[];
  readonly retentionDays?: number | undefined;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly fails: boolean;
}

/** What the service shows of a cache at a time. */
function shownAt({ imageCacheId, name, owner, createdAtMs, build, before }: Entry, nowMs: number): ServiceCache {
  const { images, startedAtMs, durationMs, fails, retentionDays } = build;
  const passed = durationMs === 0 ? 1 : Math.max(0, (nowMs - startedAtMs) / durationMs);
  const built = Math.max(0, (passed - PREPARING_PART) / (1 - PREPARING_PART));
  const failed = fails && passed >= 0.5;
  const isReady = !failed && passed >= 1;
  const shown = { imageCacheId, name, owner, createdAtMs };
  if (failed) {
    return {
      ...shown,
      status: before === undefined ? 'Failed' : 'UpdateFailed',
      progressPercent: 0,
      images: before?.images ?? images,
      expiresAtMs: before === undefined ? startedAtMs + durationMs + FAILED_KEPT_MS : undefined,
      failure: `the annotation ${SIMULATE_KEY} asks for a failure`,
      recorded: [],
    };
  }
  const building = before === undefined ? 'Creating' : 'Updating';
  return {
    ...shown,
    status: isReady ? 'Ready' : before === undefined && passed < PREPARING_PART ? 'Preparing' : building,
    progressPercent: isReady ? 100 : Math.min(99, Math.round(built * 100)),
    images,
    expiresAtMs: isReady && retentionDays !== undefined ? startedAtMs + durationMs + retentionDays * DAY_MS : undefined,
    failure: '',
    recorded: isReady ? images.map(recordOf) : [],
  };
}

function isGone({ status, expiresAtMs }: ServiceCache, { before }: Entry, nowMs: number): boolean {
  return (status === 'Failed' || (status === 'Ready' && before === undefined)) && nowMs >= (expiresAtMs ?? Infinity);
}

/** A digest and a size that an image of this name could have: 20 MB to 2 GB, most of them some 200 MB. */
function recordOf(name: string): ServiceCache['recorded'][number] {
  const known = records.get(name);
  if (known !== undefined) return known;
  const record = newRecordOf(name);
  records.set(name, record);
  return record;
}

/** Every look at a cache shows its records. */
const records = new RecentMap<string, ServiceCache['recorded'][number]>(10_000);

function newRecordOf(name: string): ServiceCache['recorded'][number] {
  const digest = hashOf(`content of ${name}`);
  const part = Number.parseInt(digest.slice(0, 8), 16) / 0xffff_ffff;
  return { name, digest: `sha256:${digest}`, sizeBytes: Math.round(20e6 * 100 ** part) };
}

/** @throws Error for books that somebody else wrote: starting anew would build everything twice. */
function entriesOf(text: string | undefined): readonly Entry[] {
  if (text === undefined || text.trim() === '') return [];
  const entries: unknown = JSON.parse(text);
  if (!Array.isArray(entries)) throw new Error('the books of the simulated builder are not a list');
  return entries as readonly Entry[]; // written by nobody but this file
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
