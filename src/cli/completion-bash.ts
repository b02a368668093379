import type { CommandTree, Values } from './command-tree.ts';

/** A completion script for bash, from 3.2 (macOS) on; it needs nothing of the package bash-completion. */
export function bashCompletion(program: CommandTree): string {
  return `# Completion of imc for bash, written by: imc completion bash

# What can follow the command in $path: sets commands, options, arguments and variadic.
_imc_command() {
  commands='' options='' arguments='' variadic=''
  case "$path" in
${commandCases(program, '').join('\n')}
  esac
}

# What the value of option $1 of the command in $path can be: sets values, empty if it takes none.
_imc_option() {
  values=''
  case "$path $1" in
${optionCases(program, '').join('\n')}
  esac
}

# Offers the words of a list that begin with $current, after the text $2.
_imc_words() {
  local word
  for word in $1; do
    [[ "$2$word" == "$current"* ]] && COMPREPLY+=("$2$word")
  done
}

# Offers what $1 says, after the text $2.
_imc_values() {
  local found IFS=$'\\n'
  case "$1" in
    file | folder)
      local kind=-f
      [[ "$1" == folder ]] && kind=-d
      type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null
      for found in $(compgen "$kind" -- "\${current#"$2"}"); do COMPREPLY+=("$2$found"); done
      ;;
    =*) IFS=' ' _imc_words "\${1#=}" "$2" ;;
  esac
}

_imc() {
  local path='' commands options arguments variadic values='' current='' rest="$COMP_LINE" word head
  local -a words=() kinds=()
  local i given=0 ended=''
  COMPREPLY=()

  # bash takes words apart at = and :, which are put together here again.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if ((i > 0)) && [[ "$rest" != [[:blank:]]* && -n "$word" ]]; then
      words[\${#words[@]} - 1]+="$word"
    else
      words+=("$word")
    fi
    rest="\${rest#"\${rest%%[![:blank:]]*}"}"
    rest="\${rest#"$word"}"
  done
  current="\${words[\${#words[@]} - 1]}"
  head="\${current%"\${COMP_WORDS[COMP_CWORD]}"}"
  case "\${COMP_WORDS[COMP_CWORD]}" in = | :) head="$current" ;; esac

  _imc_command
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    word="\${words[i]}"
    if [[ -n "$values" ]]; then
      values=''
    elif [[ "$word" == -- ]]; then
      ended=1
    elif [[ -z "$ended" && "$word" == -?* ]]; then
      _imc_option "$word"
    elif [[ -z "$ended" && "$given" == 0 && " $commands " == *" $word "* ]]; then
      path+=" $word"
      _imc_command
    else
      ((given += 1))
    fi
  done

  if [[ -n "$values" ]]; then
    _imc_values "$values" ''
  elif [[ -z "$ended" && "$current" == -*=* ]]; then
    _imc_option "\${current%%=*}"
    _imc_values "$values" "\${current%%=*}="
  elif [[ -z "$ended" && "$current" == -* ]]; then
    _imc_words "$options" ''
  elif [[ -n "$commands" ]]; then
    [[ -z "$ended" && "$given" == 0 ]] && _imc_words "$commands" ''
  else
    IFS='|' read -r -a kinds <<<"$arguments"
    [[ -n "$variadic" && "$given" -ge \${#kinds[@]} ]] && given=$((\${#kinds[@]} - 1))
    _imc_values "\${kinds[given]}" ''
  fi

  for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]="\${COMPREPLY[i]#"$head"}"; done
  return 0
}

complete -F _imc imc
`;
}

function commandCases(command: CommandTree, path: string): string[] {
  const { commands, options, arguments: kinds, isVariadic } = command;
  const facts = [
    ['commands', commands.map(({ name }) => name).join(' ')],
    ['options', options.flatMap(({ flags }) => flags).join(' ')],
    ['arguments', kinds.map(encode).join('|')],
    ['variadic', isVariadic ? '1' : ''],
  ].flatMap(([name, value]) => (value === '' ? [] : [`${name}='${value}'`]));
  return [
    `    '${path}') ${facts.join(' ')} ;;`,
    ...commands.flatMap((child) => commandCases(child, `${path} ${child.name}`)),
  ];
}

function optionCases(command: CommandTree, path: string): string[] {
  return [
    ...command.options.flatMap(({ flags, values }) =>
      values === undefined
        ? []
        : [`    ${flags.map((flag) => `'${path} ${flag}'`).join(' | ')}) values='${encode(values)}' ;;`],
    ),
    ...command.commands.flatMap((child) => optionCases(child, `${path} ${child.name}`)),
  ];
}

/** `file`, `folder`, `text`, or `=` and the choices. */
function encode(values: Values): string {
  return values.kind === 'choices' ? `=${values.choices.join(' ')}` : values.kind;
}
