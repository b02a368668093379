import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DirectoryWatch } from '../../src/embedded/directory-watch.ts';

/** Longer than any test may take: what resolves does so because something happened. */
const NEVER_MS = 600_000;

let root: string;
let watch: DirectoryWatch;
const unwatchable = vi.fn<(path: string, error: unknown) => void>();

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'imc-watch-'));
  watch = new DirectoryWatch(unwatchable);
  unwatchable.mockClear();
});

afterEach(() => {
  watch.close();
  rmSync(root, { recursive: true, force: true });
});

function identities(...paths: string[]): ReadonlyMap<string, string> {
  return new Map(paths.map((path) => [path, String(statSync(path).ino)]));
}

/** Follows the directory and passes over the change that this counts as. */
async function settle(...paths: string[]): Promise<void> {
  watch.follow(identities(...paths));
  await watch.next(NEVER_MS);
}

describe('DirectoryWatch (spec 8, Files source: changes are live)', () => {
  it('counts a directory that is new to it as changed, once', async () => {
    await settle(root);
    watch.follow(identities(root));
    const next = watch.next(NEVER_MS);
    writeFileSync(join(root, 'a'), '');
    await next;
    expect(unwatchable).not.toHaveBeenCalled();
  });

  it('remembers what happens while nobody waits', async () => {
    await settle(root);
    const marker = watch.next(NEVER_MS);
    writeFileSync(join(root, 'a'), '');
    await marker;
    writeFileSync(join(root, 'b'), '');
    await expect(watch.next(NEVER_MS)).resolves.toBeUndefined();
  });

  it('resolves at the limit when nothing happens, so that what a watch misses is found too', async () => {
    await settle(root);
    await expect(watch.next(1)).resolves.toBeUndefined();
  });

  it('watches the directory that stands at a path now, not the one that stood there', async () => {
    const inner = join(root, 'inner');
    mkdirSync(inner);
    await settle(inner);
    mkdirSync(join(root, 'other'));
    rmSync(inner, { recursive: true });
    mkdirSync(inner);
    watch.follow(new Map([[inner, 'another']]));
    await watch.next(NEVER_MS);
    const next = watch.next(NEVER_MS);
    writeFileSync(join(inner, 'a'), '');
    await expect(next).resolves.toBeUndefined();
  });

  it('names a directory it cannot watch once, and goes on', async () => {
    const missing = new Map([[join(root, 'missing'), '1']]);
    watch.follow(missing);
    watch.follow(missing);
    await watch.next(NEVER_MS);
    expect(unwatchable).toHaveBeenCalledOnce();
  });

  it('wakes who waits when it is closed, and never waits again', async () => {
    await settle(root);
    const next = watch.next(NEVER_MS);
    watch.close();
    watch.close();
    await next;
    watch.follow(identities(root));
    await expect(watch.next(NEVER_MS)).resolves.toBeUndefined();
  });
});
