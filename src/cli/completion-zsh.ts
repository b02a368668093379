import type { CommandTree, OptionWords, Values } from './command-tree.ts';

/** A completion script for zsh: sourced after compinit, or as the file `_imc` in a folder of `fpath`. */
export function zshCompletion(program: CommandTree): string {
  return `#compdef imc
# Completion of imc for zsh, written by: imc completion zsh

${functions(program, '_imc').join('\n')}
if [[ "\${funcstack[1]}" == _imc ]]; then
  _imc "$@"
else
  compdef _imc imc
fi
`;
}

/** A function for each command, which hands what follows a sub-command on to that of the sub-command. */
function functions(command: CommandTree, name: string): string[] {
  const specs = command.options.flatMap(optionSpecs);
  if (command.commands.length === 0) {
    const own = command.arguments.map((values, i) => {
      const isLast = i === command.arguments.length - 1;
      return quote(`${isLast && command.isVariadic ? '*' : ''}:: :${action(values)}`.replace('::', ':'));
    });
    return [`${name}() {\n  ${argumentsCall([...specs, ...own])}\n}\n`];
  }
  const entries = command.commands.map((child) => quote(`${child.name}:${child.summary.replaceAll(':', '\\:')}`));
  const cases = command.commands.map((child) => `        ${child.name}) ${name}_${child.name} ;;`);
  return [
    `${name}() {
  local context state state_descr line
  typeset -A opt_args
  ${argumentsCall(['-C', ...specs, quote('1: :->command'), quote('*:: :->rest')])}
  case "$state" in
    command)
      local -a commands=(
        ${entries.join('\n        ')}
      )
      _describe -t commands command commands
      ;;
    rest)
      case "\${line[1]}" in
${cases.join('\n')}
      esac
      ;;
  esac
}
`,
    ...command.commands.flatMap((child) => functions(child, `${name}_${child.name}`)),
  ];
}

function argumentsCall(specs: readonly string[]): string {
  return ['_arguments -s -S', ...specs].join(' \\\n    ');
}

/** Options count as repeatable: the definitions do not say which are. */
function optionSpecs({ flags, description, values }: OptionWords): string[] {
  const text = description.replaceAll(/[[\]\\:]/g, (character) => `\\${character}`);
  return flags.map((flag) => {
    if (values === undefined) return quote(`*${flag}[${text}]`);
    const spelling = flag.startsWith('--') ? `${flag}=` : `${flag}+`;
    return quote(`*${spelling}[${text}]:value:${action(values)}`);
  });
}

function action(values: Values): string {
  switch (values.kind) {
    case 'choices':
      return `(${values.choices.join(' ')})`;
    case 'file':
      return '_files';
    case 'folder':
      return '_files -/';
    case 'text':
      return ' ';
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
