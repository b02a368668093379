import { basename } from 'node:path';
import { createCommands } from '../composition/create-commands.ts';
import type { ExitCode } from './command.ts';
import type { ProgramName } from './program.ts';
import { run } from './program.ts';
import { processTerminal } from './terminal.ts';

/** Runs the command line of this process. */
export function runProcess(): Promise<ExitCode> {
  const [, file = '', ...args] = process.argv;
  return run(args, createCommands(), processTerminal(), programName(file));
}

/**
 * What the file was called that was started: kubectl runs `kubectl-imc` in PATH for `kubectl imc`.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
 */
export function programName(file: string): ProgramName {
  return /^kubectl-imc(?:\.[cm]?js)?$/.test(basename(file)) ? 'kubectl imc' : 'imc';
}
