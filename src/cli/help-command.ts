import { Command } from 'commander';
import { closest } from '../config/suggestion.ts';
import { UsageError } from './terminal.ts';

/** `imc help`: the help of any command, also of one within a group. */
export function helpCommand(): Command {
  return new Command('help')
    .summary('show help for a command')
    .description('Shows the help of a command, as --help after the command does.')
    .argument('[command...]', 'the command; nothing for the list of commands')
    .addHelpText(
      'after',
      `
Examples:
  imc help review
  imc help certs generate

Exit code: 0 shown, 2 there is no such command.`,
    )
    .action((names: readonly string[], _options: unknown, help: Command) => {
      let command = help.parent ?? help;
      for (const [i, name] of names.entries()) {
        const found = command.commands.find((child) => child.name() === name);
        if (found === undefined) throw unknown(names.slice(0, i), name, command);
        command = found;
      }
      command.outputHelp();
    });
}

function unknown(before: readonly string[], name: string, command: Command): UsageError {
  const group = ['imc', ...before].join(' ');
  const names = command.commands.map((child) => child.name());
  if (names.length === 0) return new UsageError(`${group} has no commands; leave out ${JSON.stringify(name)}`);
  const meant = closest(name, names);
  const hint = meant === undefined ? `its commands: ${names.join(', ')}` : `did you mean ${meant}?`;
  return new UsageError(`${group} has no command ${JSON.stringify(name)}; ${hint}`);
}
