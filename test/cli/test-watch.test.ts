import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { look, nextLook } from '../../src/cli/test-watch.ts';
import { until } from '../certs/until.ts';
import { temporaryFolder, writeIn } from '../composition/temporary-folder.ts';
import { RunningProgram } from '../integration-built/built-program.ts';
import { A_POD, aCacheObject, aDocument } from '../testing/cases.ts';
import { imc } from './recording-terminal.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

function cases(outcome: string): string {
  return aDocument({ resources: ['../cluster'], cases: [{ name: 'a', pod: '../pod.yaml', expect: { outcome } }] });
}

function cache(...images: readonly string[]): string {
  return JSON.stringify(aCacheObject('web', images));
}

/** `imc test --watch` in a process of its own, over a folder with a cluster, a pod and a case. */
function watching() {
  const folder = temporaryFolder({
    'cluster/cache.yaml': cache('nginx:1.27.0'),
    'pod.yaml': JSON.stringify(A_POD),
    'tests/a.imctest.yaml': cases('PartialMatch'),
  });
  const program = new RunningProgram(MAIN, ['test', 'tests', '--watch'], { cwd: folder });
  const results = (): string[] => program.out.split('\n').filter((line) => /^\d+ passed/.test(line));
  return {
    folder,
    program,
    /** Waits for the next run to end. */
    next: async (run: number): Promise<string | undefined> => {
      await until(() => results().length >= run);
      return results()[run - 1];
    },
  };
}

describe('nextLook', () => {
  const change = {
    'a new file': (folder: string) => writeIn(folder, 'b.yaml', 'b'),
    'a file that goes': (folder: string) => rmSync(`${folder}/a.yaml`),
    'a file that changes': (folder: string) => writeIn(folder, 'a.yaml', 'other'),
  };

  it.each(Object.entries(change))('takes %s for a change that came during the run', async (_title, make) => {
    const folder = temporaryFolder({ 'a.yaml': 'a' });
    const before = await look([folder]);
    make(folder);
    const paths = [folder, `${folder}/named-by-a-case.yaml`];
    const found = await nextLook(paths, before, new AbortController().signal);
    expect(found?.states).toEqual((await look(paths)).states);
  });

  const onlyNamed = {
    'a file that changed': (file: string) => writeFileSync(file, 'other'),
    'a file that went': (file: string) => rmSync(file),
    'a folder in which a file changed': (file: string) => writeFileSync(file, 'other'),
  };

  it.each(Object.entries(onlyNamed))('takes %s during the run that named it', async (title, make) => {
    const folder = temporaryFolder({ 'a.yaml': 'a', 'cluster/b.yaml': 'b' });
    const paths = [`${folder}/a.yaml`, `${folder}/cluster${title.includes('folder') ? '' : '/b.yaml'}`];
    const before = await look([`${folder}/a.yaml`]);
    make(`${folder}/cluster/b.yaml`);
    const found = await nextLook(paths, before, new AbortController().signal);
    expect(found?.states).toEqual((await look(paths)).states);
  });

  it('waits where the run has only named more', async () => {
    const folder = temporaryFolder({ 'a.yaml': 'a', 'cluster/b.yaml': 'b' });
    const { states } = await look([`${folder}/a.yaml`]);
    const waiting = new AbortController();
    // Long after the files were written.
    const before = { sinceMs: Date.now() + 60_000, states };
    const found = nextLook([`${folder}/a.yaml`, `${folder}/cluster`], before, waiting.signal);
    waiting.abort();
    expect(await found).toBeUndefined();
  });
});

describe('imc test --watch', () => {
  it('runs again when a case file, a resource or a pod changes, comes or goes; ends with the code of the last run', async () => {
    const { folder, program, next } = watching();
    expect(await next(1)).toBe('1 passed, 0 failed');
    writeIn(folder, 'cluster/cache.yaml', cache('nginx:1.27.0', 'busybox:1.36.1'));
    expect(await next(2)).toBe('0 passed, 1 failed');
    writeIn(folder, 'tests/a.imctest.yaml', cases('CompleteMatch'));
    expect(await next(3)).toBe('1 passed, 0 failed');
    writeIn(folder, 'tests/b.imctest.yaml', cases('CompleteMatch'));
    expect(await next(4)).toBe('2 passed, 0 failed');
    rmSync(`${folder}/tests/b.imctest.yaml`);
    expect(await next(5)).toBe('1 passed, 0 failed');
    writeIn(folder, 'pod.yaml', JSON.stringify({ ...A_POD, metadata: { name: 'web' } }));
    expect(await next(6)).toBe('0 passed, 1 failed');
    program.kill('SIGINT');
    expect(await program.exited).toEqual({ code: 1, signal: null });
    expect(program.err).toBe('');
  }, 90_000);

  it('goes on when nothing can be run for the moment', async () => {
    const { folder, program, next } = watching();
    expect(await next(1)).toBe('1 passed, 0 failed');
    rmSync(`${folder}/tests/a.imctest.yaml`);
    await until(() => program.err.includes('tests: no case file in this folder'));
    writeIn(folder, 'tests/a.imctest.yaml', 'kind: [');
    expect(await next(2)).toBe('0 passed, 0 failed, 1 error');
    writeIn(folder, 'tests/a.imctest.yaml', cases('PartialMatch'));
    expect(await next(3)).toBe('1 passed, 0 failed');
    program.kill('SIGTERM');
    expect(await program.exited).toEqual({ code: 0, signal: null });
  }, 90_000);

  it.each([
    { args: ['--update'], says: /--watch and --update exclude each other/ },
    { args: ['--junit', 'a.xml'], says: /--watch and --junit exclude each other/ },
    { args: ['-o', 'json'], says: /--watch prints tables only; leave -o out/ },
  ])('does not go with $args', async ({ args, says }) => {
    const { code, err } = await imc(['test', 'examples/tests', '--watch', ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(says);
  });
});
