import { Command, CommanderError } from 'commander';
import type { Commands } from '../composition/commands.ts';
import { cachesCommand } from './caches-command.ts';
import { certsCommand } from './certs-command.ts';
import type { ExitCode } from './command.ts';
import { explainCommand } from './explain-command.ts';
import { reviewCommand } from './review-command.ts';
import { serveCommand } from './serve-command.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import { versionCommand } from './version-command.ts';

/**
 * Runs one command line.
 *
 * @param args - without the program's own name.
 * @returns the exit code (spec section 8); every failure has been written to standard error.
 */
export async function run(args: readonly string[], commands: Commands, terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = 0;
  const done = (result: ExitCode): void => {
    code = result;
  };
  const program = new Command('imc')
    .description(
      'Finds the best ImageCache for pods on Alibaba Cloud ECI, and says why: an admission webhook and its tools.',
    )
    .version(commands.version.version, '-V, --version', 'print the version number')
    .addCommand(serveCommand(commands, terminal, done))
    .addCommand(reviewCommand(commands, terminal, done))
    .addCommand(explainCommand(commands, terminal, done))
    .addCommand(cachesCommand(commands, terminal, done))
    .addCommand(certsCommand(commands, terminal, done))
    .addCommand(versionCommand(commands, terminal, done))
    .helpCommand('help [command]', 'show help for a command');
  for (const command of withChildren(program)) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .showHelpAfterError('Run with --help for usage.')
      .configureOutput({
        writeOut: (text) => terminal.out(text),
        writeErr: (text) => terminal.err(text),
        outputError: (text, write) => write(text.replace(/^error:/, paint('Error:', 'red', terminal.colour.err))),
      });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!isExpected(error)) throw error;
    terminal.err(`${paint('Error:', 'red', terminal.colour.err)} ${error.message}\n`);
    return 2;
  }
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
]);

function isExpected(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && EXPECTED_CODES.has(String(error.code));
}

function* withChildren(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) yield* withChildren(child);
}
