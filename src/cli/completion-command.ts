import { Argument, Command } from 'commander';
import type { ExitCode } from './command.ts';
import { commandTree } from './command-tree.ts';
import { bashCompletion } from './completion-bash.ts';
import { fishCompletion } from './completion-fish.ts';
import { zshCompletion } from './completion-zsh.ts';
import type { Terminal } from './terminal.ts';

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** `imc completion`: scripts with which a shell completes command lines of imc. */
export function completionCommand(terminal: Terminal, done: (code: ExitCode) => void): Command {
  return new Command('completion')
    .summary('print a script that completes commands in a shell')
    .description(
      'Prints a script with which bash, zsh or fish completes commands, options, their values and paths. The script ' +
        'belongs to this version: have the shell read a new one after an update. What follows "kubectl imc" is completed ' +
        'by the script of kubectl, which asks kubectl_complete-imc; that comes with this program.',
    )
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      `
Examples:
  source <(imc completion bash)    # in ~/.bashrc
  source <(imc completion zsh)     # in ~/.zshrc, after compinit
  imc completion fish > ~/.config/fish/completions/imc.fish

Exit code: 0 printed, 2 bad usage.`,
    )
    .action((shell: keyof typeof SCRIPTS, _options: unknown, command: Command) => {
      terminal.out(SCRIPTS[shell](commandTree(command.parent ?? command)));
      done(0);
    });
}
