import { Command, CommanderError } from 'commander';
import type { Commands } from '../composition/commands.ts';
import { cachesCommand } from './caches-command.ts';
import { certsCommand } from './certs-command.ts';
import type { ExitCode } from './command.ts';
import { commandTree } from './command-tree.ts';
import { complete, kubectlCompletions } from './completion.ts';
import { completionCommand } from './completion-command.ts';
import { controllerCommand } from './controller-command.ts';
import { doctorCommand } from './doctor-command.ts';
import { explainCommand } from './explain-command.ts';
import { helpCommand } from './help-command.ts';
import { lintCommand } from './lint-command.ts';
import { reviewCommand } from './review-command.ts';
import { serveCommand } from './serve-command.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import { testCommand } from './test-command.ts';
import { versionCommand } from './version-command.ts';

/** What the program is called by: its own name, or as a plugin of kubectl. */
export type ProgramName = 'imc' | 'kubectl imc';

/**
 * Runs one command line.
 *
 * @param args - without the program's own name.
 * @param name - how help, examples and hints call the program.
 * @returns the exit code (spec section 8); every failure has been written to standard error.
 */
export async function run(
  args: readonly string[],
  commands: Commands,
  terminal: Terminal,
  name: ProgramName = 'imc',
): Promise<ExitCode> {
  let code: ExitCode = 0;
  const program = createProgram(commands, terminal, name, (result) => {
    code = result;
  });
  const [first, ...words] = args;
  if (first === '__complete') {
    // What kubectl asks for. No command of the parser's: the words may be options, half a word, or `--`.
    terminal.out(kubectlCompletions(complete(commandTree(program), words)));
    return 0;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!isExpected(error)) throw error;
    terminal.err(`${paint('Error:', 'red', terminal.colour.err)} ${calledBy(name, error.message, program)}\n`);
    return 2;
  }
}

/**
 * The program with all its commands, from which help, documentation and completion are made.
 *
 * @param done - takes the exit code of the command that ran.
 */
export function createProgram(
  commands: Commands,
  terminal: Terminal,
  name: ProgramName,
  done: (code: ExitCode) => void,
): Command {
  const program = new Command('imc')
    .description(
      'Finds the best ImageCache for pods on Alibaba Cloud ECI, and says why: an admission webhook and its tools.',
    )
    .version(commands.version.version, '-V, --version', 'print the version number')
    .addCommand(serveCommand(commands, terminal, done))
    .addCommand(controllerCommand(commands, terminal, done))
    .addCommand(reviewCommand(commands, terminal, done))
    .addCommand(explainCommand(commands, terminal, done))
    .addCommand(testCommand(commands, terminal, done))
    .addCommand(cachesCommand(commands, terminal, done))
    .addCommand(lintCommand(commands, terminal, done))
    .addCommand(certsCommand(commands, terminal, done))
    .addCommand(doctorCommand(commands, terminal, done))
    .addCommand(versionCommand(commands, terminal, done))
    .addCommand(completionCommand(terminal, done))
    .helpCommand(false)
    .addCommand(helpCommand())
    .addHelpText(
      'after',
      `
Examples:
  imc review -f examples/workloads --dir examples/cluster
  imc serve --dir examples/cluster --ca-out ca.crt
  imc help certs generate

Exit code: 0 done, allowed or passed, 1 denied or failed, 2 bad usage or input that cannot be read.`,
    );
  for (const command of withChildren(program)) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .showHelpAfterError('Run with --help for usage.')
      .configureOutput({
        writeOut: (text) => terminal.out(calledBy(name, text, program)),
        writeErr: (text) => terminal.err(calledBy(name, text, program)),
        outputError: (text, write) => write(text.replace(/^error:/, paint('Error:', 'red', terminal.colour.err))),
      });
  }
  return program;
}

/** A text in which `imc review` and the like are as the user has to type them. */
function calledBy(name: ProgramName, text: string, program: Command): string {
  if (name === 'imc') return text;
  const words = program.commands.map((command) => command.name()).join('|');
  return text.replaceAll(new RegExp(`(?<![\\w/.-])imc(?= (?:(?:${words})\\b|\\[|--))`, 'g'), name);
}

/** Codes of errors that say what the user can do (design: error table in README). */
const EXPECTED_CODES: ReadonlySet<string> = new Set([
  'ERR_USAGE',
  'ERR_CONFIG_INVALID',
  'ERR_MANIFEST_INVALID',
  'ERR_REVIEW_MALFORMED',
  'ERR_RESPONSE_UNREADABLE',
  'ERR_CERTIFICATE_INVALID',
  'ERR_LISTEN_FAILED',
  'ERR_DIRECTORY_UNUSABLE',
  'ERR_KUBECONFIG_INVALID',
  'ERR_CLUSTER_UNAVAILABLE',
  'ERR_API_STATUS',
]);

function isExpected(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && EXPECTED_CODES.has(String(error.code));
}

function* withChildren(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) yield* withChildren(child);
}
