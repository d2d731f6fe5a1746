# SPDX-License-Identifier: GPL-2.0-only
# Have the commands of a tutorial in Documentation/kpatch.txt do what it shows. Sourced, by
# bash, after lib.sh.
# shellcheck shell=bash disable=SC2154

# block TUTORIAL TEXT: what that tutorial shows, from the line with TEXT to the end of the block
block() {
	awk -v tutorial="$1" -v text="$2" '
	/^Tutorial: / { here = index($0, tutorial) }
	here && !done && /^  / && index($0, text) { on = 1 }
	on && /^[^ ]/ { on = 0; done = 1 }
	on && NF { sub(/^  /, ""); print }' "$top/Documentation/kpatch.txt"
}

# transcript PROMPT FILE: run the commands in FILE, and print them and what they print
transcript() {
	local line

	while IFS= read -r line <&3; do
		[[ $line == "$1 "* ]] || continue
		echo "$line"
		eval "${line#"$1 "}" || :
	done 3< "$2" 2>&1 </dev/null
}
