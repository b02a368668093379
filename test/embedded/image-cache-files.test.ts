import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterStore } from '../../src/cluster/cluster-store.ts';
import { EmbeddedSource } from '../../src/embedded/embedded-source.ts';
import { ImageCacheFiles } from '../../src/embedded/image-cache-files.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { ImageCacheObject, NewImageCache } from '../../src/wire/image-cache-object.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');
const NEW: NewImageCache = {
  name: 'auto-1',
  labels: new Map([['imc-webhook/auto-created', 'true']]),
  annotations: new Map(),
  spec: { images: ['nginx:1'], imagePullSecrets: [], imageCacheSizeGib: 20, retentionDays: undefined },
};

let directory: string;
let store: ClusterStore;
let source: EmbeddedSource;
let files: ImageCacheFiles;
const waiting = new Set<() => void>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'imc-test-'));
  store = new ClusterStore();
  source = new EmbeddedSource({ directory, store, logger: silentLogger(), now: () => NOW_MS });
  files = new ImageCacheFiles({ directory, source, now: () => NOW_MS });
  files.onChange(() => {
    for (const check of waiting) check();
  });
});

afterEach(async () => {
  await source.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Waits until the source has seen what was written. */
function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (!condition()) return;
      waiting.delete(check);
      resolve();
    };
    waiting.add(check);
    check();
  });
}

function object(name = 'auto-1'): ImageCacheObject {
  const found = files.current().get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

const manifest = (name: string, more = ''): string =>
  `apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: ${name}}\nspec: {images: [nginx:1]}\n${more}`;

describe('ImageCacheFiles', () => {
  it('makes an ImageCache that the next review can see, and one only', async () => {
    await source.start();
    await files.create(NEW);
    await until(() => files.current().has('auto-1'));
    const { uid } = object();
    await files.create(NEW);
    expect(await readdir(join(directory, 'auto-created'))).toEqual(['auto-1.yaml']);
    expect(object()).toMatchObject({ uid, cache: { ours: { lastMatchedAtMs: undefined } } });
    expect(store.counts().imagecaches).toBe(1);
  });

  it('marks it, gives it a status, and takes both away again', async () => {
    await source.start();
    await files.create(NEW);
    await until(() => files.current().has('auto-1'));
    await files.mark(object(), { labels: { 'imc-webhook/retiring': 'true' }, annotations: { a: 'b' } });
    await files.writeStatus(object(), { phase: 'Ready', imageCacheId: 'imc-1', reason: null });
    await until(() => object().cache.retiring && object().cache.phase === 'Ready');
    await files.mark(object(), { labels: { 'imc-webhook/retiring': null }, annotations: { a: null } });
    await until(() => !object().cache.retiring);
    const text = await readFile(join(directory, 'auto-created/auto-1.yaml'), 'utf8');
    expect(text).toContain('imageCacheId: imc-1');
    expect(text).not.toMatch(/retiring|annotations|reason/);
    await files.remove(object());
    await until(() => !files.current().has('auto-1'));
  });

  it('never writes what somebody else wrote: its status stays in memory', async () => {
    const file = join(directory, 'mine.yaml');
    await writeFile(file, manifest('mine'));
    await source.start();
    expect(files.isOurs(object('mine'))).toBe(true);
    await files.writeStatus(object('mine'), { phase: 'Ready', imageCacheId: 'imc-1' });
    expect(object('mine').cache.phase).toBe('Ready');
    expect(store.view(NOW_MS)?.imageCaches.get('mine')?.phase).toBe('Ready');
    expect(await readFile(file, 'utf8')).toBe(manifest('mine'));
  });

  it('leaves alone what has a status of its own', async () => {
    await writeFile(join(directory, 'mine.yaml'), manifest('mine', 'status: {phase: Creating}\n'));
    await source.start();
    expect(files.isOurs(object('mine'))).toBe(false);
  });

  it('takes a label of ours in a file of somebody else for what it is', async () => {
    const labelled = manifest('mine').replace(
      '{name: mine}',
      '{name: mine, labels: {imc-webhook/auto-created: "true"}}',
    );
    await writeFile(join(directory, 'mine.yaml'), labelled);
    await source.start();
    expect(object('mine').cache.ours).toBeUndefined();
  });

  it('does not bring back a file that somebody deleted', async () => {
    await source.start();
    await files.create(NEW);
    await until(() => files.current().has('auto-1'));
    const known = object();
    await rm(join(directory, 'auto-created/auto-1.yaml'));
    await files.mark(known, { labels: { a: 'b' } });
    expect(await readdir(join(directory, 'auto-created'))).toEqual([]);
  });
});
