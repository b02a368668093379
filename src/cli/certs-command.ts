import { Command } from 'commander';
import type { Commands } from '../composition/commands.ts';
import { certsGenerateCommand } from './certs-generate-command.ts';
import { certsShowCommand } from './certs-show-command.ts';
import { certsVerifyCommand } from './certs-verify-command.ts';
import type { ExitCode } from './command.ts';
import type { Terminal } from './terminal.ts';

/** `imc certs`: certificates for a webhook. */
export function certsCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  return new Command('certs')
    .summary('make, show and verify certificates for the webhook')
    .description(
      'Certificates for the webhook: makes them, shows what they say, and verifies that clients will trust them.',
    )
    .addCommand(certsGenerateCommand(commands, terminal, done))
    .addCommand(certsShowCommand(commands, terminal, done))
    .addCommand(certsVerifyCommand(commands, terminal, done))
    .addHelpText(
      'after',
      `
Examples:
  imc certs generate --out certs/local
  imc certs show --dir certs/local
  imc certs verify --dir certs/local --host localhost`,
    );
}
