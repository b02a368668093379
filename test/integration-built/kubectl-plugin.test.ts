import { execFile } from 'node:child_process';
import { accessSync, constants, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { buildProgram } from './built-program.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** kubectl of this machine, or the one that script/cluster-tools has brought. */
const kubectl = [...(process.env['PATH'] ?? '').split(delimiter), process.env['CLUSTER_TOOLS'] ?? '']
  .filter((folder) => folder !== '')
  .map((folder) => join(folder, 'kubectl'))
  .find(isProgram);

describe.skipIf(kubectl === undefined)('as a plugin of kubectl', () => {
  let program: string;

  beforeAll(async () => {
    program = await buildProgram();
  }, 120_000);

  /** Runs kubectl with the program in PATH under the names that package.json gives it. */
  async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
    const folder = temporaryFolder();
    for (const [name, file] of Object.entries(packageJson.bin)) {
      symlinkSync(file === 'dist/imc.js' ? program : join(ROOT, file), join(folder, name));
    }
    const env = { PATH: [folder, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter), HOME: folder };
    try {
      const { stdout, stderr } = await promisify(execFile)(kubectl ?? '', args, { env });
      return { code: 0, out: stdout, err: stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }; // as execFile rejects
      return { code, out: stdout, err: stderr };
    }
  }

  it('is found by kubectl', async () => {
    expect((await run('plugin', 'list')).out).toMatch(/\/kubectl-imc\n/);
  });

  it('runs with its arguments, and its exit code comes through', async () => {
    expect(await run('imc', 'version')).toMatchObject({
      code: 0,
      out: expect.stringMatching(new RegExp(`^imc ${packageJson.version} `)) as string,
    });
    expect(await run('imc', 'review', '-f', 'nowhere.yaml')).toMatchObject({
      code: 2,
      err: expect.stringContaining('nowhere.yaml: no such file') as string,
    });
  });

  it.each([
    [['certs', 'gen'], 'generate\tmake a CA and a serving certificate\n:4\n'],
    [['review', '--mode', 'en'], 'enforce\n:4\n'],
    [['serve', '--dir', ''], ':16\n'],
  ])('completes its command lines in kubectl: %j', async (words, completions) => {
    expect(await run('__complete', 'imc', ...words)).toMatchObject({ code: 0, out: completions });
  });

  it('calls itself in help as the user does', async () => {
    const { code, out } = await run('imc', 'review', '--help');
    expect(code).toBe(0);
    expect(out).toMatch(/^Usage: kubectl imc review /);
    expect(out).toContain('\n  kubectl imc review -f deployment.yaml ');
  });
});

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
