/**
 * The measuring side of part b, a process of its own so that nothing else is on the heap: `index-process.ts CACHES BUILDS`
 * under `node --expose-gc`, which sends its {@link IndexFacts} to the process that forked it.
 */
import type { ImageCache } from '../src/core/image-cache.ts';
import { ImageCacheIndex } from '../src/core/image-cache-index.ts';
import { decodeImageCache } from '../src/wire/image-cache.ts';
import { isJsonObject } from '../src/wire/json.ts';
import { Durations, median, percentile, Stopwatch, spread } from './statistics.ts';
import { ChangeStream, typicalWorld } from './worlds.ts';

/** What was found about the index of a typical world. */
export interface IndexFacts {
  readonly textBytesPerCache: number;
  /** Decoded caches, with the index over them. */
  readonly bytesPerCache: number;
  /** Decoded caches alone. */
  readonly decodedBytesPerCache: number;
  readonly decodeMs: Times;
  readonly buildMs: Times;
  readonly updateUs: { readonly median: number; readonly p99: number; readonly updates: number };
}

interface Times {
  readonly median: number;
  readonly range: readonly [number, number];
}

const UPDATES = 8000;

const [size = 0, builds = 1] = process.argv.slice(2).map(Number);
const texts = typicalWorld(size, 1).caches;

// Before anything else has been decoded: what decoding remembers counts too.
const emptyBytes = await usedBytes();
const kept: { caches: readonly ImageCache[]; index: ImageCacheIndex | undefined } = {
  caches: decodeAll(),
  index: undefined,
};
const decodedBytes = (await usedBytes()) - emptyBytes;
kept.index = ImageCacheIndex.of(kept.caches);
kept.caches = [];
const bytes = (await usedBytes()) - emptyBytes;

const decodeTimes: number[] = [];
const buildTimes: number[] = [];
for (let i = 0; i < builds; i += 1) {
  kept.index = undefined;
  await usedBytes();
  const objects = texts.map(parse);
  const startMs = performance.now();
  kept.caches = objects.map((object) => decodeImageCache(object));
  const decodedMs = performance.now();
  kept.index = ImageCacheIndex.of(kept.caches);
  buildTimes.push(performance.now() - decodedMs);
  decodeTimes.push(decodedMs - startMs);
}
const facts: IndexFacts = {
  textBytesPerCache: texts.reduce((sum, text) => sum + text.length, 0) / size,
  bytesPerCache: bytes / size,
  decodedBytesPerCache: decodedBytes / size,
  decodeMs: { median: median(decodeTimes), range: spread(decodeTimes) },
  buildMs: { median: median(buildTimes), range: spread(buildTimes) },
  updateUs: measureUpdates(kept.index),
};
process.send?.(facts);
process.disconnect?.();

function measureUpdates(index: ImageCacheIndex | undefined): IndexFacts['updateUs'] {
  if (index === undefined) throw new Error('no index was built');
  const stopwatch = new Stopwatch();
  const changes = new ChangeStream(typicalWorld(size, 1), 2);
  const durations = new Durations(UPDATES);
  for (let i = 0; i < 2 * UPDATES; i += 1) {
    const change = changes.next();
    if (change.kind === 'delete') {
      index.remove(change.name);
      continue;
    }
    const cache = decodeImageCache(parse(change.text));
    stopwatch.start();
    index.upsert(cache);
    const passedMs = stopwatch.stop();
    if (i >= UPDATES / 2) durations.add(passedMs);
  }
  const sorted = durations.sorted();
  return { median: percentile(sorted, 0.5) * 1000, p99: percentile(sorted, 0.99) * 1000, updates: sorted.length };
}

function decodeAll(): readonly ImageCache[] {
  return texts.map((text) => decodeImageCache(parse(text)));
}

/** Bytes on the heap that something still refers to. */
async function usedBytes(): Promise<number> {
  for (let i = 0; i < 4; i += 1) {
    global.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

function parse(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error('a world holds objects only');
  return value;
}
