import type { ExitCode } from '../../src/cli/command.ts';
import type { ProgramName } from '../../src/cli/program.ts';
import { run } from '../../src/cli/program.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { createCommands } from '../../src/composition/create-commands.ts';

/** What a command wrote, and how it ended. */
export interface CommandResult {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** Where a command runs, besides its arguments. */
export interface Surroundings {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Colours on both streams. */
  readonly colour?: boolean;
  /** What the program is called by. */
  readonly name?: ProgramName;
}

/** Runs a command line of `imc` in this process. */
export async function imc(
  args: readonly string[],
  { stdin = '', env = {}, colour = false, name = 'imc' }: Surroundings = {},
): Promise<CommandResult> {
  let out = '';
  let err = '';
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    colour: { out: colour, err: colour },
    interactive: false,
    env,
    readStdin: async () => Buffer.from(stdin),
  };
  const code = await run(args, createCommands(), terminal, name);
  return { code, out, err };
}
