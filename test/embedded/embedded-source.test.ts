import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { Resource } from '../../src/cluster/cluster-store.ts';
import { ClusterStore } from '../../src/cluster/cluster-store.ts';
import { DirectoryError, EmbeddedSource } from '../../src/embedded/embedded-source.ts';
import type { Logger } from '../../src/telemetry/logger.ts';

let parent: string;
let root: string;
const started: EmbeddedSource[] = [];

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'imc-files-'));
  root = join(parent, 'cluster');
  mkdirSync(root);
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((source) => source.stop()));
  if (process.getuid?.() === 0) process.seteuid?.(0);
  rmSync(parent, { recursive: true, force: true });
});

describe('the first listing (spec 8, Files source; S2)', () => {
  it('reads caches, namespaces and rules from files at any depth and in any spelling', async () => {
    write('caches/a.yaml', `${cache('a')}---\n${cache('b')}`);
    write('caches/deep/list.json', JSON.stringify({ kind: 'List', items: [objectOf('c')] }));
    write('ns.yml', namespace('web', { team: 'shop' }));
    write('profile.yaml', profile('[{"name": "r"}]'));
    write('other.yaml', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n');
    write('elsewhere.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: kube-system}\n');
    const { store, source } = await start();
    expect(stateOf(store)).toEqual({
      caches: { a: 'imc-a', b: 'imc-b', c: 'imc-c' },
      namespaces: { web: { team: 'shop', 'kubernetes.io/metadata.name': 'web' } },
      rules: ['r'],
    });
    expect(source.problems()).toEqual([]);
    expect(source.mayLag).toBe(false);
  });

  it('an empty directory is a complete listing of nothing', async () => {
    const { store, source } = await start();
    expect(store.isSynced()).toBe(true);
    expect(stateOf(store)).toEqual(NOTHING);
    expect(source.problems()).toEqual([]);
  });

  it('is not synced before it has been read', async () => {
    const { store, source } = make();
    expect(store.isSynced()).toBe(false);
    await source.start();
    expect(store.isSynced()).toBe(true);
  });

  it.each([
    [
      'a directory that is missing',
      'nope',
      /nope: it does not exist; expected a directory with .* create it, or name another/,
    ],
    ['a path that is a file', 'file.yaml', /file\.yaml: it is no directory; expected a directory with/],
    ['a path through a file', 'file.yaml/deeper', /deeper: it is no directory; expected a directory with/],
  ])('%s is an error that says what to do', async (_title, path, message) => {
    write('file.yaml', cache('a'));
    const { source, store } = make(join(root, path));
    const error: unknown = await source.start().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DirectoryError);
    expect((error as DirectoryError).code).toBe('ERR_DIRECTORY_UNUSABLE');
    expect((error as DirectoryError).message).toMatch(message);
    expect(store.isSynced()).toBe(false);
  });
});

describe('changes are live (spec 8, Files source; P7)', () => {
  it('adding, changing and deleting files and whole directories', async () => {
    const { store } = await start();
    write('a.yaml', cache('a'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-a' }));
    write('a.yaml', cache('a', 'imc-new'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-new' }));
    write('new/deep/b.yaml', cache('b'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-new', b: 'imc-b' }));
    write('new/deep/b.yaml', cache('c'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-new', c: 'imc-c' }));
    remove('a.yaml');
    await eventually(() => expect(stateOf(store).caches).toEqual({ c: 'imc-c' }));
    remove('new');
    await eventually(() => expect(stateOf(store)).toEqual(NOTHING));
  });

  it('a whole tree moved in and out at once', async () => {
    const { store } = await start();
    mkdirSync(join(parent, 'tree/sub'), { recursive: true });
    writeFileSync(join(parent, 'tree/sub/a.yaml'), cache('a'));
    renameSync(join(parent, 'tree'), join(root, 'tree'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-a' }));
    write('tree/sub/b.yaml', cache('b'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-a', b: 'imc-b' }));
    renameSync(join(root, 'tree'), join(parent, 'tree'));
    await eventually(() => expect(stateOf(store)).toEqual(NOTHING));
  });

  it('a file saved the way editors do: written beside it and renamed over it', async () => {
    write('a.yaml', cache('a'));
    const { store, source } = await start();
    for (const id of ['imc-1', 'imc-2', 'imc-3']) {
      write('.a.yaml.swp', 'rubbish: [');
      write('a.yaml~', 'rubbish: [');
      write('a.yaml.tmp', cache('a', id));
      renameSync(join(root, 'a.yaml.tmp'), join(root, 'a.yaml'));
      await eventually(() => expect(stateOf(store).caches).toEqual({ a: id }));
    }
    expect(source.problems()).toEqual([]);
  });

  it('a change that leaves size and modification time as they were', async () => {
    const at = new Date('2026-01-01T00:00:00Z');
    write('a.yaml', cache('a', 'imc-1'));
    utimesSync(join(root, 'a.yaml'), at, at);
    const { store } = await start();
    write('a.yaml', cache('a', 'imc-2'));
    utimesSync(join(root, 'a.yaml'), at, at);
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-2' }));
  });

  it('a change no watch tells of, behind a link to elsewhere', async () => {
    writeFileSync(join(parent, 'target'), cache('a', 'imc-1'));
    symlinkSync(join(parent, 'target'), join(root, 'a.yaml'));
    const { store } = await start();
    writeFileSync(join(parent, 'target'), cache('a', 'imc-two'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-two' }));
  });

  it('the ..data link of a mounted ConfigMap that is swapped', async () => {
    const version = (name: string, files: Readonly<Record<string, string>>): void => {
      for (const [file, text] of Object.entries(files)) write(`..${name}/${file}`, text);
      symlinkSync(`..${name}`, join(root, '..data_tmp'));
      renameSync(join(root, '..data_tmp'), join(root, '..data'));
    };
    version('1', { 'a.yaml': cache('a', 'imc-1'), 'profile.yaml': profile('[{"name": "one"}]') });
    symlinkSync('..data/a.yaml', join(root, 'a.yaml'));
    symlinkSync('..data/profile.yaml', join(root, 'profile.yaml'));
    const { store, source } = await start();
    expect(stateOf(store)).toMatchObject({ caches: { a: 'imc-1' }, rules: ['one'] });
    version('2', { 'a.yaml': cache('a', 'imc-2'), 'profile.yaml': profile('[{"name": "two"}]') });
    await eventually(() => expect(stateOf(store)).toMatchObject({ caches: { a: 'imc-2' }, rules: ['two'] }));
    remove('..1');
    version('3', { 'a.yaml': cache('a', 'imc-3') });
    await eventually(() => expect(stateOf(store)).toMatchObject({ caches: { a: 'imc-3' }, rules: ['two'] }));
    expect(source.problems()).toMatchObject([
      { message: expect.stringContaining('profile.yaml: the link leads to nothing') },
    ]);
    remove('profile.yaml');
    await eventually(() => expect(stateOf(store)).toMatchObject({ caches: { a: 'imc-3' }, rules: [] }));
    expect(source.problems()).toEqual([]);
  });

  it('writes only the objects that changed', async () => {
    write('a.yaml', `${cache('a')}---\n${cache('b')}---\n${namespace('web', {})}`);
    write('c.yaml', cache('c'));
    const { store } = await start();
    const put = vi.spyOn(store, 'putImageCache');
    const others = [
      vi.spyOn(store, 'removeImageCache'),
      vi.spyOn(store, 'putNamespace'),
      vi.spyOn(store, 'setProfile'),
    ];
    write('a.yaml', `# moved\n${namespace('web', {})}---\n${cache('b', 'imc-new')}---\n${cache('a')}`);
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-a', b: 'imc-new', c: 'imc-c' }));
    expect(put.mock.calls.map(([{ name }]) => name)).toEqual(['b']);
    for (const other of others) expect(other).not.toHaveBeenCalled();
  });

  it('hears the files again and again, so that their age stays small (spec S4)', async () => {
    let nowMs = 1_000;
    const { store } = await start({ now: () => nowMs });
    expect(store.ageMs('imagecaches', 1_000)).toBe(0);
    nowMs = 5_000;
    await eventually(() => {
      for (const resource of RESOURCES) expect(store.ageMs(resource, 5_000)).toBe(0);
    });
  });
});

describe('what cannot be read is reported and changes nothing (spec 8, Files source)', () => {
  const broken: readonly (readonly [title: string, text: string, at: string])[] = [
    ['bad indentation', 'a:\n  b: 1\n c: 2\n', ':3:1'],
    ['a truncated file', cache('a').replace('Ready', '"Ready'), ':'],
    ['binary data', '\0\0\0', ':1:1'],
    ['a list', '- a\n', ':1:1'],
    ['a good object before something broken', `${cache('z')}---\nx: [`, ':'],
    ['JSON that ends too early', '{"kind": "ImageCache", "spec": {', ':1:33'],
  ];
  it.each(broken)('%s: the last good content stays until the file is mended', async (_title, text, at) => {
    write('a.yaml', `${cache('a')}---\n${cache('b')}`);
    const { store, source, undecodable, logged } = await start();
    write('a.yaml', text);
    await eventually(() => expect(source.problems()).toHaveLength(1));
    expect(source.problems()[0]?.resource).toBe('imagecaches');
    expect(source.problems()[0]?.message.startsWith(`${join(root, 'a.yaml')}${at}`)).toBe(true);
    expect(stateOf(store).caches).toEqual({ a: 'imc-a', b: 'imc-b' });
    expect(undecodable).toEqual(['imagecaches']);

    write('b.yaml', cache('c'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-a', b: 'imc-b', c: 'imc-c' }));
    expect(logged('warn')).toHaveLength(1);

    write('a.yaml', cache('a', 'imc-new'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-new', c: 'imc-c' }));
    expect(source.problems()).toEqual([]);
    expect(undecodable).toHaveLength(1);
  });

  it('a file that was never good is left out and reported at the start', async () => {
    write('a.yaml', 'x: [');
    write('b.yaml', cache('b'));
    const { store, source } = await start();
    expect(stateOf(store).caches).toEqual({ b: 'imc-b' });
    expect(source.problems()).toHaveLength(1);
    remove('a.yaml');
    await eventually(() => expect(source.problems()).toEqual([]));
  });

  it('a file that is not UTF-8', async () => {
    writeFileSync(join(root, 'a.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x0a]));
    const { source } = await start();
    expect(source.problems()[0]?.message).toBe(
      `${join(root, 'a.yaml')}:1:4: this is no UTF-8 text; save the file as UTF-8`,
    );
  });

  it('a file too large to be read', async () => {
    write('a.yaml', cache('a'));
    const { store, source } = await start();
    truncateSync(join(root, 'a.yaml'), 65 * 1024 * 1024);
    await eventually(() => expect(source.problems()[0]?.message).toMatch(/a\.yaml: larger than 64 MiB/));
    expect(stateOf(store).caches).toEqual({ a: 'imc-a' });
  });

  it('a file and a directory without permission to read', async ({ skip }) => {
    dropPrivileges();
    write('a.yaml', cache('a'));
    write('sub/b.yaml', cache('b'));
    const { store, source } = await start();
    chmodSync(join(root, 'a.yaml'), 0);
    chmodSync(join(root, 'sub'), 0);
    skip(isReadable('a.yaml'), 'permissions do not count here');
    await eventually(() => expect(source.problems()).toHaveLength(2));
    expect(stateOf(store).caches).toEqual({ a: 'imc-a', b: 'imc-b' });
    chmodSync(join(root, 'a.yaml'), 0o600);
    chmodSync(join(root, 'sub'), 0o700);
    await eventually(() => expect(source.problems()).toEqual([]));
  });

  it('one bad object among good ones: its last good version stays, the others count', async () => {
    write('a.yaml', `${cache('a')}---\n${cache('b')}`);
    const { store, source, undecodable } = await start();
    const bad =
      'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata:\n  name: NAME\nspec:\n  images: nginx\n';
    write(
      'a.yaml',
      `${cache('a', 'imc-new')}---\n${bad.replace('NAME', 'b')}---\n${bad.replace('NAME', 'c')}---\n${cache('d')}`,
    );
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-new', b: 'imc-b', d: 'imc-d' }));
    const places = source.problems().map(({ message }) => message.slice(root.length + 1).split(': ')[0]);
    const line = cache('a').split('\n').length + 1;
    expect(places).toEqual([`a.yaml:${line + 5}:11`, `a.yaml:${line + 12}:11`]);
    expect(undecodable).toEqual(['imagecaches', 'imagecaches']);
    write('a.yaml', cache('a'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ a: 'imc-a' }));
    expect(source.problems()).toEqual([]);
  });

  it('an object without a name', async () => {
    write('a.yaml', `${cache('a')}---\napiVersion: v1\nkind: Namespace\nmetadata: {}\n`);
    const { store, source } = await start();
    expect(stateOf(store).caches).toEqual({ a: 'imc-a' });
    expect(source.problems()).toMatchObject([{ resource: 'namespaces' }]);
  });

  it('a directory that goes away while running: everything stays, and it is read again when it is back', async () => {
    write('a.yaml', cache('a'));
    const { store, source, logged } = await start();
    renameSync(root, join(parent, 'away'));
    await eventually(() => expect(source.problems()).toHaveLength(1));
    expect(source.problems()[0]?.message).toBe(`${root}: it does not exist; what was read last stays in force`);
    expect(stateOf(store).caches).toEqual({ a: 'imc-a' });
    expect(logged('warn')).toHaveLength(1);

    mkdirSync(root);
    write('b.yaml', cache('b'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ b: 'imc-b' }));
    expect(source.problems()).toEqual([]);
    write('c.yaml', cache('c'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ b: 'imc-b', c: 'imc-c' }));
  });

  it('a directory deleted with all that is in it, or replaced by a file', async () => {
    for (let i = 0; i < 50; i += 1) write(`${i}.yaml`, cache(`c${i}`));
    const { store, source } = await start();
    rmSync(root, { recursive: true });
    await eventually(() => expect(source.problems()).toHaveLength(1));
    expect(store.counts().imagecaches).toBe(50);
    writeFileSync(root, 'no directory');
    await eventually(() =>
      expect(source.problems()[0]?.message).toBe(`${root}: it is no directory; what was read last stays in force`),
    );
    expect(store.counts().imagecaches).toBe(50);
    rmSync(root);
    mkdirSync(root);
    await eventually(() => expect(store.counts().imagecaches).toBe(0));
  });
});

describe('the eci-profile (spec P6, P7)', () => {
  it.each([
    ['no key', 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: eci-profile\n  namespace: kube-system\n'],
    ['an empty text', profile('')],
    ['an empty array', profile('[]')],
  ])('%s: no rules and no error', async (_title, text) => {
    write('profile.yaml', profile('[{"name": "r"}]'));
    const { store, source, valid } = await start();
    expect(stateOf(store).rules).toEqual(['r']);
    write('profile.yaml', text);
    await eventually(() => expect(stateOf(store).rules).toEqual([]));
    expect(source.problems()).toEqual([]);
    expect(valid).toEqual([true]);
  });

  it('an invalid text leaves the last good rules in force and is reported with its place', async () => {
    write('profile.yaml', profile('[{"name": "r"}]'));
    write('a.yaml', cache('a'));
    const { store, source, valid, undecodable } = await start();
    write('profile.yaml', profile('[\n  {"name": "r"},\n  {"name": 7}\n]'));
    await eventually(() => expect(source.problems()).toHaveLength(1));
    expect(source.problems()[0]?.resource).toBe('eci-profile');
    expect(source.problems()[0]?.message.startsWith(`${join(root, 'profile.yaml')}:10:16: selectors[1].name`)).toBe(
      true,
    );
    expect(stateOf(store).rules).toEqual(['r']);
    expect(undecodable).toEqual(['eci-profile']);
    expect(valid).toEqual([true, false]);

    write('profile.yaml', 'broken: [');
    await eventually(() => expect(source.problems()[0]?.message).toContain('never closed'));
    expect(source.problems()[0]?.resource).toBe('eci-profile');
    expect(stateOf(store).rules).toEqual(['r']);

    write('profile.yaml', profile('[{"name": "s"}]'));
    await eventually(() => expect(stateOf(store).rules).toEqual(['s']));
    expect(source.problems()).toEqual([]);
    expect(valid).toEqual([true, false, true]);
  });

  it('invalid from the start: no rules until it is mended, and the rest counts', async () => {
    write('profile.yaml', profile('{"name": "r"}'));
    write('a.yaml', cache('a'));
    const { store, valid } = await start();
    expect(stateOf(store)).toMatchObject({ caches: { a: 'imc-a' }, rules: [] });
    expect(valid).toEqual([false]);
    write('profile.yaml', profile('[{"name": "r"}]'));
    await eventually(() => expect(stateOf(store).rules).toEqual(['r']));
    expect(valid).toEqual([false, true]);
  });

  it('moved to another file and broken on the way: the last good rules stay', async () => {
    write('a.yaml', profile('[{"name": "r"}]'));
    const { store, source } = await start();
    write('b.yaml', profile('[{"name": "r"},]'));
    await eventually(() => expect(source.problems()).toHaveLength(1));
    remove('a.yaml');
    write('marker.yaml', cache('marker'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ marker: 'imc-marker' }));
    expect(stateOf(store).rules).toEqual(['r']);
    remove('b.yaml');
    await eventually(() => expect(stateOf(store).rules).toEqual([]));
  });

  it('deleted: no rules', async () => {
    write('profile.yaml', profile('[{"name": "r"}]'));
    const { store } = await start();
    remove('profile.yaml');
    await eventually(() => expect(stateOf(store).rules).toEqual([]));
  });

  it.each([
    ['another namespace', 'eci-profile, namespace: default', ':3:42'],
    ['no namespace', 'eci-profile', ':3:11'],
  ])('in %s it is not read, and that is reported', async (_title, metadata, at) => {
    write(
      'profile.yaml',
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${metadata}}\ndata: {selectors: '[{"name": "r"}]'}\n`,
    );
    const { store, source } = await start();
    expect(stateOf(store).rules).toEqual([]);
    expect(source.problems()).toMatchObject([{ resource: 'eci-profile' }]);
    expect(source.problems()[0]?.message).toBe(
      `${join(root, 'profile.yaml')}${at}: metadata.namespace: the eci-profile is read in namespace kube-system only; set it, or give the ConfigMap another name`,
    );
  });
});

describe('one object in several files', () => {
  it('the later path by code unit counts, both are named, and deleting it brings the earlier back', async () => {
    write('a.yaml', cache('x', 'imc-a'));
    const { store, source, logged } = await start();
    write('b/c.yaml', cache('x', 'imc-b'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ x: 'imc-b' }));
    expect(source.problems()).toEqual([
      {
        resource: 'imagecaches',
        message: `${join(root, 'b/c.yaml')}: imagecaches/x is also defined in ${join(root, 'a.yaml')}; this file counts: remove the others`,
      },
    ]);
    expect(logged('warn')).toHaveLength(1);
    write('a.yaml', cache('x', 'imc-c'));
    write('marker.yaml', cache('marker'));
    await eventually(() => expect(stateOf(store).caches).toEqual({ x: 'imc-b', marker: 'imc-marker' }));
    remove('b');
    await eventually(() => expect(stateOf(store).caches).toEqual({ x: 'imc-c', marker: 'imc-marker' }));
    expect(source.problems()).toEqual([]);
    expect(logged('warn')).toHaveLength(1);
  });

  it('twice in one file: the later counts and it is reported', async () => {
    write('a.yaml', `${namespace('web', { n: '1' })}---\n${namespace('web', { n: '2' })}`);
    const { store, source } = await start();
    expect(stateOf(store).namespaces).toMatchObject({ web: { n: '2' } });
    expect(source.problems()).toMatchObject([{ resource: 'namespaces' }]);
    expect(source.problems()[0]?.message).toMatch(
      /a\.yaml:\d+:\d+: metadata\.name: Namespace "web" stands twice in this file/,
    );
  });
});

describe('stopping', () => {
  it('leaves the store as it is, ends all watching, and may be called twice', async () => {
    write('a.yaml', cache('a'));
    const { store, source } = await start();
    await source.stop();
    await source.stop();
    const heard = vi.spyOn(store, 'heard');
    write('a.yaml', cache('a', 'imc-new'));
    const other = await start();
    expect(stateOf(other.store).caches).toEqual({ a: 'imc-new' });
    expect(stateOf(store).caches).toEqual({ a: 'imc-a' });
    expect(heard).not.toHaveBeenCalled();
  });

  it('while starting: nothing is written any more', async () => {
    write('a.yaml', cache('a'));
    const { store, source } = make();
    const starting = source.start();
    await source.stop();
    await starting;
    expect(store.isSynced()).toBe(false);
  });
});

describe('any sequence of changes', () => {
  const path = fc.constantFrom('a.yaml', 'b.yml', 'c.json', 'd/a.yaml', 'd/e/b.yaml', 'f/a.yaml');
  const directory = fc.constantFrom('d', 'd/e', 'f', 'g');
  const name = fc.constantFrom('x', 'y', 'z');
  const text = fc
    .array(
      fc.oneof(
        fc.tuple(name, fc.constantFrom('1', '2')).map(([of, id]) => cache(of, `imc-${id}`)),
        fc.tuple(name, fc.constantFrom('1', '2')).map(([of, value]) => namespace(of, { value })),
        fc.constantFrom('one', 'two').map((rule) => profile(`[{"name": "${rule}"}]`)),
      ),
      { maxLength: 3 },
    )
    .map((objects) => objects.join('---\n'));
  const operation = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), path, text }),
    fc.record({ kind: fc.constant('replace' as const), path, text }),
    fc.record({ kind: fc.constant('remove' as const), path: fc.oneof(path, directory) }),
    fc.record({ kind: fc.constant('move' as const), path: fc.oneof(path, directory), to: directory }),
    fc.record({ kind: fc.constant('link' as const), path, to: path }),
    fc.record({ kind: fc.constant('look' as const) }),
  );

  test('property: ends with what a fresh source reads from the directory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 12 }), async (operations) => {
        for (const entry of readdirSync(root)) remove(entry);
        const { store, source } = await start();
        for (const each of operations) {
          // Some of these cannot be done as the directory stands; then nothing happens.
          try {
            if (each.kind === 'write') write(each.path, each.text);
            else if (each.kind === 'replace') {
              write('new.tmp', each.text);
              mkdirSync(dirname(join(root, each.path)), { recursive: true });
              renameSync(join(root, 'new.tmp'), join(root, each.path));
            } else if (each.kind === 'remove') remove(each.path);
            else if (each.kind === 'move') renameSync(join(root, each.path), join(root, each.to));
            else if (each.kind === 'link') linkSync(join(root, each.path), join(root, each.to));
            else await new Promise((resolve) => setImmediate(resolve));
          } catch {
            continue;
          }
        }
        const fresh = await start();
        await eventually(() => {
          expect(stateOf(store)).toEqual(stateOf(fresh.store));
          expect(source.problems()).toEqual(fresh.source.problems());
        });
        await Promise.all([source.stop(), fresh.source.stop()]);
      }),
      { numRuns: 40 },
    );
  });
});

const RESOURCES: readonly Resource[] = ['imagecaches', 'namespaces', 'eci-profile'];
const NOTHING = { caches: {}, namespaces: {}, rules: [] };

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function remove(path: string): void {
  rmSync(join(root, path), { recursive: true, force: true });
}

/** Root may read everything: what follows in the test is done by somebody else, where that is possible. */
function dropPrivileges(): void {
  if (process.geteuid?.() !== 0) return;
  const nobody = 65_534;
  try {
    for (const directory of [parent, root]) chownSync(directory, nobody, nobody);
    process.seteuid?.(nobody);
  } catch {
    // Root in a container may be less than it seems.
  }
}

function isReadable(path: string): boolean {
  try {
    closeSync(openSync(join(root, path), 'r'));
    return true;
  } catch {
    return false;
  }
}

function objectOf(name: string, id = `imc-${name}`): unknown {
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: { name },
    spec: { images: ['nginx:1'] },
    status: { phase: 'Ready', imageCacheId: id },
  };
}

function cache(name: string, id = `imc-${name}`): string {
  return `apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: ${name}
spec:
  images:
    - nginx:1
status:
  phase: Ready
  imageCacheId: ${id}
`;
}

function namespace(name: string, labels: Readonly<Record<string, string>>): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${name}\n  labels: ${JSON.stringify(labels)}\n`;
}

/** The ConfigMap; its text starts in line 8, column 5. */
function profile(selectors: string): string {
  const block = selectors === '' ? '""' : `|\n${selectors.replaceAll(/^/gm, '    ')}`;
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: eci-profile\n  namespace: kube-system\ndata:\n  selectors: ${block}\n`;
}

function make(directory = root, { now = () => 0 }: { readonly now?: () => number } = {}) {
  const store = new ClusterStore();
  const undecodable: Resource[] = [];
  const valid: boolean[] = [];
  const lines: { readonly level: string; readonly fields: object }[] = [];
  const at = (level: string) => (fields: object) => {
    lines.push({ level, fields });
  };
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  const source = new EmbeddedSource({
    directory,
    store,
    logger,
    now,
    onUndecodable: (resource) => undecodable.push(resource),
    onProfile: (isValid) => valid.push(isValid),
  });
  started.push(source);
  return { store, source, undecodable, valid, logged: (level: string) => lines.filter((line) => line.level === level) };
}

async function start(options: { readonly now?: () => number } = {}) {
  const made = make(root, options);
  await made.source.start();
  return made;
}

function stateOf(store: ClusterStore) {
  const view = store.view(0);
  if (view === undefined) throw new Error('the store is not synced');
  return {
    caches: Object.fromEntries([...view.imageCaches.all()].map(({ name, id }) => [name, id])),
    namespaces: Object.fromEntries([...view.namespaces].map(([name, labels]) => [name, Object.fromEntries(labels)])),
    rules: view.profile.rules.map(({ name }) => name),
  };
}

async function eventually(assertion: () => void): Promise<void> {
  await vi.waitFor(assertion, { interval: 5, timeout: 120_000 });
}
