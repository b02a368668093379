import type { Argument, Command, Option } from 'commander';

/** What can be typed where: a command as completion sees it, made from its definition. */
export interface CommandTree {
  /** Empty for the program itself. */
  readonly name: string;
  /** A few words. */
  readonly summary: string;
  readonly commands: readonly CommandTree[];
  readonly options: readonly OptionWords[];
  /** What its arguments may be, in order. */
  readonly arguments: readonly Values[];
  /** Whether the last argument can be given several times. */
  readonly isVariadic: boolean;
}

/** One option in all its spellings. */
export interface OptionWords {
  /** `-o` and `--output`, or one of them. */
  readonly flags: readonly string[];
  readonly description: string;
  /** What its value may be; undefined if it needs none. */
  readonly values: Values | undefined;
}

/** Values somebody may type: words of a list, the path of a file (or a folder on the way to one), of a folder, or anything. */
export type Values =
  | { readonly kind: 'choices'; readonly choices: readonly string[] }
  | { readonly kind: 'file' | 'folder' | 'text' };

/** The tree below a command, without what help hides. */
export function commandTree(command: Command): CommandTree {
  const help = command.createHelp();
  const { registeredArguments, parent } = command;
  const named =
    parent !== null && registeredArguments[0]?.name() === COMMAND ? parent.commands.map(wordsOf) : undefined;
  return {
    name: parent === null ? '' : command.name(),
    summary: summaryOf(command),
    commands:
      named ??
      help
        .visibleCommands(command)
        .filter((child) => command.commands.includes(child))
        .map(commandTree),
    options: help.visibleOptions(command).map(optionWords),
    arguments: named === undefined ? registeredArguments.map(argumentValues) : [],
    isVariadic: named === undefined && registeredArguments.at(-1)?.variadic === true,
  };
}

/** What an argument is called that names a command, beginning with one of those beside the command that takes it. */
const COMMAND = 'command';

/** A command that is only named: its words, and nothing that could follow them. */
function wordsOf(command: Command): CommandTree {
  return {
    name: command.name(),
    summary: summaryOf(command),
    commands: command.commands.map(wordsOf),
    options: [],
    arguments: [],
    isVariadic: false,
  };
}

function summaryOf(command: Command): string {
  return command.summary() || command.description();
}

function optionWords(option: Option): OptionWords {
  const { short, long, description, argChoices, required, flags } = option;
  const [, placeholder = ''] = /[<[]([^>\]]+)[>\]]/.exec(flags) ?? [];
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    description: description.replace(/ \([^)]*\)$/, ''),
    values: required ? valuesOf(placeholder, argChoices) : undefined,
  };
}

function argumentValues(argument: Argument): Values {
  return valuesOf(argument.name(), argument.argChoices);
}

/** What is called `<file>`, `<path>` or `<folder>` is completed as such. */
function valuesOf(placeholder: string, choices: readonly string[] | undefined): Values {
  if (choices !== undefined) return { kind: 'choices', choices };
  const word = placeholder.toLowerCase().replace(/\.\.\.$|s$/, '');
  if (word === 'file' || word === 'path') return { kind: 'file' };
  return { kind: word === 'folder' || word === 'dir' ? 'folder' : 'text' };
}
