import type { CommandTree, OptionWords, Values } from './command-tree.ts';

/** A completion script for fish. */
export function fishCompletion(program: CommandTree): string {
  return `# Completion of imc for fish, written by: imc completion fish

# Whether the command typed so far is $argv[1]: its words, each after a blank. With $argv[2], whether no argument follows.
function __imc_at
    set -l path ''
    set -l given 0
    set -l awaited 0
    set -l ended 0
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test $awaited = 1
            set awaited 0
        else if test "$word" = --
            set ended 1
        else if test $ended = 0; and string match -q -- '-?*' $word
            contains -- "$path $word" ${quoted(valueOptions(program, ''))}
            and set awaited 1
        else if test $ended = 0 -a $given = 0; and contains -- "$path $word" ${quoted(paths(program, ''))}
            set path "$path $word"
        else
            set given (math $given + 1)
        end
    end
    test "$path" = "$argv[1]"; or return 1
    set -q argv[2]; or return 0
    test $given = $argv[2]; or test "$argv[3]" = more -a $given -ge "$argv[2]"
end

complete -c imc -e
complete -c imc -f
${lines(program, '').join('\n')}
`;
}

function lines(command: CommandTree, path: string): string[] {
  const at = (...more: readonly string[]): string =>
    `complete -c imc -n ${quote(['__imc_at', `"${path}"`, ...more].join(' '))}`;
  return [
    ...command.commands.map(({ name, summary }) => `${at('0')} -a ${name} -d ${quote(summary)}`),
    ...command.options.map((option) => `${at()} ${optionWords(option)}`),
    ...command.arguments.map((values, i) => {
      const isLast = i === command.arguments.length - 1;
      return `${at(String(i), ...(isLast && command.isVariadic ? ['more'] : []))} ${argumentWords(values)}`;
    }),
    ...command.commands.flatMap((child) => lines(child, `${path} ${child.name}`)),
  ];
}

function optionWords({ flags, description, values }: OptionWords): string {
  const spellings = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const taken = values === undefined ? [] : [values.kind === 'file' ? '-r -F' : `-x ${valueWords(values)}`.trimEnd()];
  return [...spellings, ...taken, `-d ${quote(description)}`].join(' ');
}

function argumentWords(values: Values): string {
  return values.kind === 'file' ? '-F' : valueWords(values) || '-f';
}

function valueWords(values: Values): string {
  switch (values.kind) {
    case 'choices':
      return `-a ${quote(values.choices.join(' '))}`;
    case 'folder':
      return "-a '(__fish_complete_directories)'";
    case 'file':
    case 'text':
      return '';
  }
}

/** Every command below this one, by its words. */
function paths(command: CommandTree, path: string): string[] {
  return command.commands.flatMap((child) => [`${path} ${child.name}`, ...paths(child, `${path} ${child.name}`)]);
}

/** Every option that takes a value, after the words of its command. */
function valueOptions(command: CommandTree, path: string): string[] {
  return [
    ...command.options.flatMap(({ flags, values }) =>
      values === undefined ? [] : flags.map((flag) => `${path} ${flag}`),
    ),
    ...command.commands.flatMap((child) => valueOptions(child, `${path} ${child.name}`)),
  ];
}

function quoted(words: readonly string[]): string {
  return words.map(quote).join(' ');
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
