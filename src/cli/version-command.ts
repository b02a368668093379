import { Command } from 'commander';
import type { Commands } from '../composition/commands.ts';
import { toYaml } from '../wire/yaml-text.ts';
import type { ExitCode, Options } from './command.ts';
import { outputOption, textOption } from './command.ts';
import type { Terminal } from './terminal.ts';

/** `imc version` */
export function versionCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  return new Command('version')
    .summary('print the version')
    .description('Prints the version of imc, and of the Node.js it runs on.')
    .addOption(outputOption(['text', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Examples:
  imc version
  imc version -o json | jq -r .version

Exit code: 0 printed, 2 bad usage.`,
    )
    .action((options: Options) => {
      const { version, node, platform } = commands.version;
      const output = textOption(options, 'output');
      if (output === 'json') terminal.out(`${JSON.stringify(commands.version, null, 2)}\n`);
      else if (output === 'yaml') terminal.out(toYaml(commands.version));
      else terminal.out(`imc ${version} (Node.js ${node}, ${platform})\n`);
      done(0);
    });
}
