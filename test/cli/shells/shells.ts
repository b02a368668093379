import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../composition/temporary-folder.ts';

/** A real shell that has read a completion script. */
export interface Shell {
  readonly name: 'bash' | 'zsh' | 'fish';
  readonly isHere: boolean;
  /**
   * What the shell offers for each of these command lines, the last word of each being the one to complete.
   *
   * @param folder - where the shell is.
   */
  readonly offers: (script: string, lines: readonly (readonly string[])[], folder: string) => Promise<string[][]>;
}

export const SHELLS: readonly Shell[] = [
  { name: 'bash', isHere: true, offers: bashOffers },
  { name: 'zsh', isHere: isInPath('zsh'), offers: zshOffers },
  { name: 'fish', isHere: isInPath('fish'), offers: fishOffers },
];

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The terminal's part is played: bash itself would take words apart at `=` and `:`, and replace only what is behind. */
async function bashOffers(script: string, lines: readonly (readonly string[])[], folder: string): Promise<string[][]> {
  const input = lines.map((words) => {
    const parts = words.flatMap((word) => (word === '' ? ['\u001f'] : (word.match(/[=:]+|[^=:]+/g) ?? [])));
    return [['imc', ...words].join(' '), 'imc', ...parts].join('\t');
  });
  const args = ['--noprofile', '--norc', join(HERE, 'offers.bash'), scriptFile(script)];
  const output = await run('bash', args, `${input.join('\n')}\n`, folder);
  return output
    .split('\n')
    .slice(0, lines.length)
    .map((line, i) => {
      const current = lines[i]?.at(-1) ?? '';
      const head = current.slice(0, Math.max(current.lastIndexOf('='), current.lastIndexOf(':')) + 1);
      return wordsOf(line).map((word) => head + word);
    });
}

async function fishOffers(script: string, lines: readonly (readonly string[])[], folder: string): Promise<string[][]> {
  const args = ['--no-config', join(HERE, 'offers.fish'), scriptFile(script)];
  const output = await run('fish', args, inputOf(lines), folder);
  return output.split('\n').slice(0, lines.length).map(wordsOf);
}

async function zshOffers(script: string, lines: readonly (readonly string[])[], folder: string): Promise<string[][]> {
  const out = join(temporaryFolder(), 'offers');
  await run('zsh', ['-f', join(HERE, 'offers.zsh'), scriptFile(script), out], inputOf(lines), folder);
  const offers = readFileSync(out, 'utf8').split('\n').slice(0, lines.length);
  return offers.map((line) => wordsOf(line.slice(1)));
}

/** One command line on a line. */
function inputOf(lines: readonly (readonly string[])[]): string {
  return lines.map((words) => `${['imc', ...words].join(' ')}\n`).join('');
}

function scriptFile(script: string): string {
  const file = join(temporaryFolder(), 'completion');
  writeFileSync(file, script);
  return file;
}

async function run(command: string, args: readonly string[], input: string, cwd: string): Promise<string> {
  const child = spawn(command, args, { cwd, env: environment(), stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(input);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (err !== '') throw new Error(err);
  return out;
}

/** Nobody's own settings. */
function environment(): NodeJS.ProcessEnv {
  const home = temporaryFolder();
  return { PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home, LC_ALL: 'C.UTF-8' };
}

function wordsOf(line: string): string[] {
  return line === '' ? [] : line.split('\t');
}

function isInPath(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}
