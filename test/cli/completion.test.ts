import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CommandTree } from '../../src/cli/command-tree.ts';
import { commandTree } from '../../src/cli/command-tree.ts';
import { complete, kubectlCompletions } from '../../src/cli/completion.ts';
import { createProgram } from '../../src/cli/program.ts';
import { createCommands } from '../../src/composition/create-commands.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { imc } from './recording-terminal.ts';
import { SHELLS } from './shells/shells.ts';

const silent = {
  out: () => {},
  err: () => {},
  colour: { out: false, err: false },
  interactive: false,
  env: {},
  readStdin: async () => new Uint8Array(),
};
const TREE = commandTree(createProgram(createCommands(), silent, 'imc', () => {}));

/** The last word is the one to complete. */
const CASES: readonly {
  readonly words: readonly string[];
  readonly offered: readonly string[] | 'file' | 'folder';
}[] = [
  { words: ['cert'], offered: ['certs'] },
  { words: ['comp'], offered: ['completion'] },
  { words: ['nothing-of-ours'], offered: [] },
  { words: ['review', '--mo'], offered: ['--mode'] },
  { words: ['review', '--mode', ''], offered: ['enforce', 'observe', 'off'] },
  { words: ['review', '--mode', 'o'], offered: ['observe', 'off'] },
  { words: ['review', '--mode='], offered: ['--mode=enforce', '--mode=observe', '--mode=off'] },
  { words: ['review', '--mode=en'], offered: ['--mode=enforce'] },
  { words: ['review', '-f', 'x.yaml', '-o', 'p'], offered: ['patch', 'pod'] },
  { words: ['review', '--filename', ''], offered: 'file' },
  { words: ['review', '-f', ''], offered: 'file' },
  { words: ['serve', '--dir', ''], offered: 'folder' },
  { words: ['serve', '--host', '::', '--log-level', 'w'], offered: ['warn'] },
  { words: ['serve', '--host=::', '--log-level', 'w'], offered: ['warn'] },
  { words: ['review', '--server', 'https://localhost:8443', '--output', 'y'], offered: ['yaml'] },
  { words: ['review', '--now', ''], offered: [] },
  { words: ['review', '-f', 'certs', '--output', 'y'], offered: ['yaml'] },
  { words: ['certs', 'gen'], offered: ['generate'] },
  { words: ['certs', 'generate', '--o'], offered: ['--out'] },
  { words: ['certs', 'generate', '--out', ''], offered: 'folder' },
  { words: ['-V', 'vers'], offered: ['version'] },
  { words: ['completion', ''], offered: ['bash', 'fish', 'zsh'] },
  { words: ['completion', 'bash', ''], offered: [] },
  { words: ['help', 'ver'], offered: ['version'] },
  { words: ['help', 'certs', ''], offered: ['generate', 'show', 'verify'] },
  { words: ['help', 'certs', 'sh'], offered: ['show'] },
  { words: ['help', 'review', ''], offered: [] },
  { words: ['review', '--', '--mo'], offered: [] },
];

describe('complete', () => {
  it.each(CASES)('$words', ({ words, offered }) => {
    const { candidates, paths } = complete(TREE, words);
    expect(paths ?? candidates.map(({ word }) => word).toSorted()).toEqual(offered);
  });

  it('offers every command with what it does', () => {
    const { candidates } = complete(TREE, ['']);
    expect(candidates).toEqual(TREE.commands.map(({ name, summary }) => ({ word: name, description: summary })));
    expect(candidates).toContainEqual({ word: 'review', description: 'show what becomes of pods before they exist' });
  });

  it('offers all options of a command', async () => {
    const { out } = await imc(['review', '--help']);
    const { candidates } = complete(TREE, ['review', '-']);
    const inHelp = [...out.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)/gm)].flatMap(([, short, long]) => [short, long]);
    expect(candidates.map(({ word }) => word)).toEqual(inHelp.filter((flag) => flag !== undefined));
  });

  it('is asked by kubectl with `__complete`, whatever the words are', async () => {
    expect(await imc(['__complete', 'cert'])).toEqual({
      code: 0,
      out: `certs\t${TREE.commands.find(({ name }) => name === 'certs')?.summary}\n:4\n`,
      err: '',
    });
    expect((await imc(['__complete', 'serve', '--help', '--', '--dir'])).out).toBe(':4\n');
    expect((await imc(['__complete'])).out).toContain('review\t');
    expect(kubectlCompletions(complete(TREE, ['serve', '--dir', '']))).toBe(':16\n');
    expect(kubectlCompletions(complete(TREE, ['review', '-f', 'x']))).toBe(':0\n');
  });
});

describe.each(SHELLS)('completion in $name', ({ name, isHere, offers }) => {
  const files = { 'pod.yaml': '', 'my pod.yaml': '', 'shop/cart.yaml': '' };
  const expected = { file: ['my pod.yaml', 'pod.yaml', 'shop'], folder: ['shop'] };
  let script = '';

  beforeAll(async () => {
    const { code, out } = await imc(['completion', name]);
    expect(code).toBe(0);
    script = out;
  });

  /** Without the marks for blanks and folders, of which each shell has its own. */
  const plain = (words: readonly string[]): string[] =>
    [...new Set(words.map((word) => word.replaceAll('\\ ', ' ').replace(/\/$/, '')))].toSorted();

  it.skipIf(!isHere)(
    'offers what can be typed',
    async () => {
      const all = await offers(
        script,
        CASES.map(({ words }) => words),
        temporaryFolder(files),
      );
      // zsh offers options where nothing else can stand, as it does for every command.
      const found = all.map((words, i) => ({
        words: CASES[i]?.words,
        offered: plain(CASES[i]?.words.at(-1)?.startsWith('-') ? words : words.filter((word) => !word.startsWith('-'))),
      }));
      expect(found).toEqual(
        CASES.map(({ words, offered }) => ({
          words,
          offered: offered === 'file' || offered === 'folder' ? expected[offered] : offered,
        })),
      );
    },
    120_000,
  );
});

// zsh and fish decide for themselves what to make of lines that the program would refuse.
it('bash agrees with what kubectl is told, on random command lines', async () => {
  const [bash] = SHELLS;
  const lines = fc.sample(anyLine(TREE), { numRuns: 300 });
  const all = await bash?.offers((await imc(['completion', 'bash'])).out, lines, temporaryFolder());
  for (const [i, words] of lines.entries()) {
    const offered = complete(TREE, words).candidates.map(({ word }) => word);
    expect(all?.[i]?.toSorted(), words.join(' ')).toEqual(offered.toSorted());
  }
});

it('a script is for one of the shells', async () => {
  const { code, out, err } = await imc(['completion', 'tcsh']);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain('Allowed choices are bash, zsh, fish');
});

/** Command lines out of words that mean something somewhere, in any order. */
function anyLine(tree: CommandTree): fc.Arbitrary<string[]> {
  const trees = [tree, ...tree.commands, ...tree.commands.flatMap(({ commands }) => commands)];
  const flags = trees.flatMap(({ options }) => options.flatMap(({ flags }) => flags));
  const names = trees.flatMap(({ name }) => (name === '' ? [] : [name]));
  const word = fc.oneof(
    { arbitrary: fc.constantFrom(...names), weight: 3 },
    { arbitrary: fc.constantFrom(...flags), weight: 3 },
    {
      arbitrary: fc.constantFrom(...flags.filter((flag) => flag.startsWith('--'))).map((flag) => `${flag}=x`),
      weight: 1,
    },
    { arbitrary: fc.constantFrom('x', '-', '--', 'https://a:1/b', 'a=b', '::'), weight: 1 },
  );
  const last = fc.oneof(word, fc.constantFrom('', '', '-', '--', '--m', '--mode=', 'e', 'c', 'of'));
  return fc
    .tuple(fc.constantFrom(...names), fc.array(word, { maxLength: 4 }), last)
    .map(([command, words, last]) => [command, ...words, last]);
}
