PROMPT= RPROMPT=
LISTMAX=10000
autoload -Uz compinit && compinit -u -D
source $OFFERS_SCRIPT
bindkey '^U' kill-whole-line
bindkey '^I' complete-word
setopt no_list_beep no_auto_menu

typeset -a offers

compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-[OAD]\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a hits
  builtin compadd -O hits "$@"
  offers+=($IPREFIX${^hits})
  builtin compadd "$@"
}

_offers() {
  _main_complete
  print -r -- .${(pj:\t:)offers} >> $OFFERS_OUT
  offers=()
  print -r -- 'all' 'offered'
}
zle -C complete-word .complete-word _offers
