# Prints what fish offers for command lines: fish --no-config offers.fish SCRIPT < LINES
# A line of the output has the words that are offered for a line of the input, with tabs between them.
source $argv[1]
while read -l line
    echo (string join \t -- (complete -C $line | string replace -r '\t.*' ''))
end
