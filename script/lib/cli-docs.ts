import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { createCommands } from '../../src/composition/create-commands.ts';
import { markdownTable } from './markdown-table.ts';

/** A command as its definition has it. */
export interface DocumentedCommand {
  /** `imc certs generate` */
  readonly name: string;
  readonly command: Command;
  readonly isGroup: boolean;
  /** Command lines of the section "Examples" of its help. */
  readonly examples: readonly string[];
  /** What follows "Exit code:" in its help. */
  readonly exitCodes: string | undefined;
}

/** Every command that help shows, each group before its commands, the program first. */
export function documentedCommands(): DocumentedCommand[] {
  const silent = {
    out: () => {},
    err: () => {},
    colour: { out: false, err: false },
    interactive: false,
    env: {},
    readStdin: async () => new Uint8Array(),
  };
  const program = createProgram(createCommands(), silent, 'imc', () => {});
  return withChildren(program, '').map(({ name, command }) => {
    const tail = helpTail(command);
    return {
      name,
      command,
      isGroup: command.commands.length > 0,
      examples:
        /^Examples:\n((?: {2}.*\n?)+)/m
          .exec(tail)?.[1]
          ?.trimEnd()
          .split('\n')
          .map((line) => line.slice(2)) ?? [],
      exitCodes: /^Exit code: ([^]*)$/m.exec(tail)?.[1]?.trim(),
    };
  });
}

/** `docs/cli.md` as the definitions of the commands have it now. */
export function commandReference(): string {
  const commands = documentedCommands();
  const [program, ...others] = commands;
  return [
    '<!-- script/docs writes this page from the definitions of the commands. -->',
    '# Commands',
    program?.command.description() ?? '',
    INTRODUCTION,
    markdownTable(
      ['command', 'what it does'],
      others.map(({ name, command }) => [`[\`${name}\`](#${name.replaceAll(' ', '-')})`, summaryOf(command)]),
    ),
    ...commands.map(section),
  ]
    .join('\n\n')
    .concat('\n');
}

const INTRODUCTION = `As a plugin of kubectl the same commands are called \`kubectl imc\`.

Exit codes: 0 done, allowed or passed; 1 denied or failed; 2 bad usage or input that cannot be read. Results go to standard
output, everything else to standard error. Flags that stand for settings win over environment variables, those over the
file of \`--config\`; the README has the table of all settings.`;

function section({ name, command, examples, exitCodes }: DocumentedCommand): string {
  const help = command.createHelp();
  const options = help
    .visibleOptions(command)
    .map((option) => [
      `\`${option.flags}\``,
      `${help.optionDescription(option)}${option.mandatory ? '; required' : ''}`,
    ]);
  return [
    `## ${name}`,
    ...(command.parent === null ? [] : [command.description()]),
    `\`\`\`text\n${help.commandUsage(command)}\n\`\`\``,
    ...(command.registeredArguments.length === 0
      ? []
      : [
          markdownTable(
            ['argument', 'meaning'],
            command.registeredArguments.map((argument) => [
              `\`${help.argumentTerm(argument)}\``,
              help.argumentDescription(argument),
            ]),
          ),
        ]),
    markdownTable(['option', 'meaning'], options),
    `Examples:\n\n\`\`\`sh\n${examples.join('\n')}\n\`\`\``,
    ...(exitCodes === undefined ? [] : [`Exit code: ${exitCodes}`]),
  ].join('\n\n');
}

function summaryOf(command: Command): string {
  return command.summary() || command.description();
}

/** What a command prints below its options. */
function helpTail(command: Command): string {
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  return help.slice(command.helpInformation().length);
}

function withChildren(command: Command, before: string): { readonly name: string; readonly command: Command }[] {
  const name = `${before} ${command.name()}`.trim();
  return [{ name, command }, ...command.commands.flatMap((child) => withChildren(child, name))];
}
