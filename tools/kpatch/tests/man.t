#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The manual page covers everything that the help covers

. "${0%/*}/tap.sh"

page=${0%/*}/../kpatch.8

# synopsis: one line for each form in the page, without fonts and blanks
synopsis() {
	sed -n '/^\.SH SYNOPSIS/,/^\.SH DESC/p' "$page" |
		sed -e '/^\.SH/d' -e 's/^\.br$/@/' -e 's/^\.[BIR]* //' |
		tr -d ' \n\134' | tr '@' '\n'
	echo
}

# options: all options that the page describes, short and long
options() {
	sed -n -e '/^\.SH COMMANDS/,/^\.SH EXIT/p' "$page" |
		grep -E '^\.B[RI]? .*\\-' | tr -d '\\" ' |
		grep -oE -e '--?[a-zA-Z]+' | sort -u
}

synopsis > "$tmp/synopsis"
options > "$tmp/options"
for cmd in load unload enable disable check list info; do
	try help $cmd
	sed -n -e 's/^Usage: //p' -e 's/^       kpatch/kpatch/p' "$tmp/out" |
		tr -d ' ' > "$tmp/forms"
	ok "$cmd: has a usage" [ -s "$tmp/forms" ]
	while read -r form; do
		ok "$cmd: $form is in the page" \
			grep -qxF -e "$form" "$tmp/synopsis"
	done < "$tmp/forms"
	ok "$cmd: the page has no other form" [ \
		"$(grep -c "^kpatch$cmd" "$tmp/synopsis")" -eq \
		"$(grep -c . "$tmp/forms")" ]
	grep '^  *-' "$tmp/out" | grep -oE -e '(^| )--?[a-zA-Z]+' | tr -d ' ' \
		> "$tmp/given"
	while read -r option; do
		ok "$cmd: $option is in the page" \
			grep -qxF -e "$option" "$tmp/options"
	done < "$tmp/given"
done

try --help
sed -n 's/^  \([a-z]*\) .*/\1/p' "$tmp/out" | sort > "$tmp/commands"
sed -n '/^\.SH COMMANDS/,/^\.SH OPTIONS/p' "$page" |
	sed -n 's/^\.BI* \([a-z]*\).*/\1/p' | sort -u |
	grep -v -x -e vmlinux -e live -e enabled -e expired -e loaded > "$tmp/described"
ok "all commands are in the page, and no other" \
	cmp -s "$tmp/commands" "$tmp/described"

# The suffixes of module files: both texts have to name all of them.
try help load
for suffix in .ko .ko.gz .ko.xz .ko.zst; do
	ok "load: $suffix is in the help" grep -qF " $suffix" "$tmp/out"
	ok "load: $suffix is in the page" \
		grep -qE "^\.BR? $suffix( [.,])?$" "$page"
done

finish
