import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scanDirectory } from '../../src/embedded/directory-scan.ts';

let root: string;

beforeEach(() => {
  root = join(mkdtempSync(join(realpathSync(tmpdir()), 'imc-scan-')), 'root');
  mkdirSync(root);
});

afterEach(() => rmSync(dirname(root), { recursive: true, force: true }));

function write(path: string, text = 'x'): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

async function pathsOf(directory = root): Promise<string[]> {
  const { files } = await scanDirectory(directory);
  return files.map(({ path }) => path);
}

describe('which files are manifests (spec 8, Files source)', () => {
  it('takes yaml, yml and json at any depth, in the order of their paths by code unit', async () => {
    for (const path of ['b.yml', 'a.json', 'B.yaml', 'a/z.yaml', 'a/b/c.yaml', 'a-b.yaml']) write(path);
    for (const path of ['readme.md', 'a.yaml~', 'a.yaml.swp', 'yaml', 'a/notes.txt']) write(path);
    expect(await pathsOf()).toEqual(['B.yaml', 'a-b.yaml', 'a.json', 'a/b/c.yaml', 'a/z.yaml', 'b.yml']);
  });

  it('passes over names with a dot in front and node_modules', async () => {
    for (const path of ['.a.yaml', '.git/a.yaml', 'node_modules/a.yaml', 'a/node_modules/b.json', '..x/a.yaml'])
      write(path);
    write('a/ok.yaml');
    expect(await pathsOf()).toEqual(['a/ok.yaml']);
  });

  it('reads a mounted ConfigMap, whose files are links into ..data', async () => {
    write('..2026_01/a.yaml', 'old');
    write('..2026_02/a.yaml', 'new!');
    write('..2026_01/sub/b.yaml');
    write('..2026_02/sub/b.yaml');
    symlinkSync('..2026_01', join(root, '..data'));
    symlinkSync('..data/a.yaml', join(root, 'a.yaml'));
    symlinkSync('..data/sub', join(root, 'sub'));
    const before = await scanDirectory(root);
    expect(before.files.map(({ path, sizeBytes }) => `${path} ${sizeBytes}`)).toEqual(['a.yaml 3', 'sub/b.yaml 1']);

    symlinkSync('..2026_02', join(root, '..data_tmp'));
    renameSync(join(root, '..data_tmp'), join(root, '..data'));
    const after = await scanDirectory(root);
    expect(after.files.map(({ path, sizeBytes }) => `${path} ${sizeBytes}`)).toEqual(['a.yaml 4', 'sub/b.yaml 1']);
    expect(after.files.map(({ signature }) => signature)).not.toEqual(before.files.map(({ signature }) => signature));
    expect(after.directories.get(join(root, 'sub'))).not.toBe(before.directories.get(join(root, 'sub')));
  });

  it('follows links, and is not led round in circles', async () => {
    write('real/a.yaml');
    write('../elsewhere/b.yaml');
    symlinkSync('real', join(root, 'alias'));
    symlinkSync('..', join(root, 'real/up'));
    symlinkSync('.', join(root, 'real/self'));
    symlinkSync(join(root, '../elsewhere'), join(root, 'linked'));
    expect(await pathsOf()).toEqual(['linked/b.yaml', 'real/a.yaml']);
  });

  it('reports links that lead nowhere or round, if they have the name of a manifest', async () => {
    symlinkSync('nothing', join(root, 'gone.yaml'));
    symlinkSync('nothing', join(root, 'gone'));
    symlinkSync('b.yaml', join(root, 'a.yaml'));
    symlinkSync('a.yaml', join(root, 'b.yaml'));
    const { files, unreadable } = await scanDirectory(root);
    expect(files).toEqual([]);
    expect(unreadable).toEqual([
      { path: 'a.yaml', reason: 'the link leads round in a circle' },
      { path: 'b.yaml', reason: 'the link leads round in a circle' },
      { path: 'gone.yaml', reason: 'the link leads to nothing' },
    ]);
  });

  it('reads a directory whose name looks like a file', async () => {
    write('odd.yaml/a.yaml');
    expect(await pathsOf()).toEqual(['odd.yaml/a.yaml']);
  });

  it('reads a directory that is a link itself', async () => {
    write('a.yaml');
    symlinkSync(root, join(root, '../link'));
    expect(await pathsOf(join(root, '../link'))).toEqual(['a.yaml']);
  });

  it('throws when the directory is missing or a file', async () => {
    write('a.yaml');
    await expect(scanDirectory(join(root, 'nope'))).rejects.toThrow('ENOENT');
    await expect(scanDirectory(join(root, 'a.yaml'))).rejects.toThrow('ENOTDIR');
  });
});
