import type { CommandTree, OptionWords, Values } from './command-tree.ts';

/** What could be typed next. */
export interface Completions {
  readonly candidates: readonly Candidate[];
  /** Whether paths of files or of folders come into question instead. */
  readonly paths: 'file' | 'folder' | undefined;
}

/** A word that could be typed. */
export interface Candidate {
  readonly word: string;
  readonly description: string;
}

/**
 * Completes a command line. The scripts for shells follow the same rules, so that a key press costs no start of the
 * program; this is for kubectl, which asks a program.
 *
 * @param words - after the program's name; the last is the one to complete and may be empty.
 */
export function complete(program: CommandTree, words: readonly string[]): Completions {
  let command = program;
  let awaited: Values | undefined;
  let given = 0;
  let onlyArguments = false;
  for (const word of words.slice(0, -1)) {
    if (awaited !== undefined) {
      awaited = undefined;
    } else if (word === '--') {
      onlyArguments = true;
    } else if (!onlyArguments && isFlag(word)) {
      awaited = optionOf(command, word)?.values;
    } else {
      const child = onlyArguments || given > 0 ? undefined : command.commands.find(({ name }) => name === word);
      if (child === undefined) given += 1;
      else command = child;
    }
  }

  const current = words.at(-1) ?? '';
  if (awaited !== undefined) return completeValue(awaited, '', current);
  if (!onlyArguments && current.startsWith('-')) {
    const equals = current.indexOf('=');
    if (equals < 0) return candidates(command.options.flatMap(optionCandidates), current);
    const values = optionOf(command, current.slice(0, equals))?.values;
    return values === undefined ? NOTHING : completeValue(values, current.slice(0, equals + 1), current);
  }
  if (command.commands.length > 0) {
    if (given > 0 || onlyArguments) return NOTHING;
    return candidates(
      command.commands.map(({ name, summary }) => ({ word: name, description: summary })),
      current,
    );
  }
  const last = command.arguments.length - 1;
  const values = command.arguments[command.isVariadic ? Math.min(given, last) : given];
  return values === undefined ? NOTHING : completeValue(values, '', current);
}

/**
 * Completions as kubectl reads them from a plugin: a word and its description a line, then what to do beside.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/#kubectl-plugin-completion
 */
export function kubectlCompletions({ candidates, paths }: Completions): string {
  const lines = candidates.map(({ word, description }) => (description === '' ? word : `${word}\t${description}`));
  return [...lines, `:${DIRECTIVES[paths ?? 'none']}`, ''].join('\n');
}

/** ShellCompDirective of cobra: files are what a shell offers by itself. */
const DIRECTIVES = { none: 4, file: 0, folder: 16 } as const;

const NOTHING: Completions = { candidates: [], paths: undefined };

/** `-` alone is standard input. */
function isFlag(word: string): boolean {
  return word.startsWith('-') && word !== '-';
}

function optionOf(command: CommandTree, flag: string): OptionWords | undefined {
  return command.options.find(({ flags }) => flags.includes(flag));
}

function optionCandidates({ flags, description }: OptionWords): Candidate[] {
  return flags.map((word) => ({ word, description }));
}

function completeValue(values: Values, before: string, current: string): Completions {
  if (values.kind !== 'choices') return { ...NOTHING, paths: values.kind === 'text' ? undefined : values.kind };
  return candidates(
    values.choices.map((choice) => ({ word: before + choice, description: '' })),
    current,
  );
}

function candidates(all: readonly Candidate[], current: string): Completions {
  return { candidates: all.filter(({ word }) => word.startsWith(current)), paths: undefined };
}
