# Prints what zsh offers for command lines: zsh -f offers.zsh SCRIPT OUT < LINES
# It types each line and Tab into a zsh on a terminal of its own, which writes to the file OUT, one line for each line of
# the input: a dot, and the words that are offered, with tabs between them.
zmodload zsh/zpty || exit 3
export OFFERS_SCRIPT=$1 OFFERS_OUT=$2
zpty shell TERM=dumb zsh -f -i
zpty -w shell "source ${(q)0:A:h}/offers-setup.zsh"
while IFS= read -r line; do
  zpty -w -n shell $line$'\t'
  zpty -r -m shell output '*all offered*' || exit 4
  zpty -w -n shell $'\C-u'
done
zpty -d shell
