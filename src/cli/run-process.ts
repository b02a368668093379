import { createCommands } from '../composition/create-commands.ts';
import type { ExitCode } from './command.ts';
import { run } from './program.ts';
import { processTerminal } from './terminal.ts';

/** Runs the command line of this process. */
export function runProcess(): Promise<ExitCode> {
  return run(process.argv.slice(2), createCommands(), processTerminal());
}
