import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { createCommands } from '../../src/composition/create-commands.ts';

/** The command lines of imc within a line of shell, each as the words after the program's name. */
export function commandLines(line: string): string[][] {
  const words = [...line.matchAll(/[|&;()]+|(?:'[^']*'|"[^"]*"|[^\s'"|&;()])+/g)].map(([word]) => word);
  const commands: string[][] = [[]];
  for (const word of words) {
    if (/^[|&;()]/.test(word)) commands.push([]);
    else commands.at(-1)?.push(word.replaceAll(/['"]/g, ''));
  }
  return commands.flatMap((words) => {
    const [first, ...rest] = words[0] === 'kubectl' ? words.slice(1) : words;
    if (first !== 'imc') return [];
    const redirection = rest.findIndex((word) => word.startsWith('>') || word.startsWith('#'));
    return [redirection < 0 ? rest : rest.slice(0, redirection)];
  });
}

/** Reads a command line as the program does, and runs nothing; throws where the program would refuse it. */
export async function parseOnly(words: readonly string[]): Promise<void> {
  let err = '';
  const terminal = {
    out: () => {},
    err: (text: string) => {
      err += text;
    },
    colour: { out: false, err: false },
    interactive: false,
    env: {},
    readStdin: async () => new Uint8Array(),
  };
  const program = createProgram(createCommands(), terminal, 'imc', () => {});
  disarm(program);
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (cause) {
    throw new Error(err, { cause });
  }
}

function disarm(command: Command): void {
  if (command.commands.length === 0) command.action(() => {});
  for (const child of command.commands) disarm(child);
}
