# Prints what bash offers for command lines: bash --noprofile --norc offers.bash SCRIPT < LINES
# Each line of the input has the words of one command line, apart as bash takes them apart, with tabs between them, and
# before them the line itself. A line of the output has the words that are offered, with tabs between them.
source "$1"
while IFS= read -r input; do
  IFS=$'\t' read -r -a fields <<<"${input//$'\t'$'\t'/$'\t'$'\x1f'$'\t'}"
  COMP_LINE="${fields[0]}"
  COMP_POINT=${#COMP_LINE}
  COMP_WORDS=("${fields[@]:1}")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  # The empty word, which read would drop, is a mark in the input.
  [[ "${COMP_WORDS[COMP_CWORD]}" == $'\x1f' ]] && COMP_WORDS[COMP_CWORD]=''
  _imc
  (IFS=$'\t' && printf '%s\n' "${COMPREPLY[*]}")
done
