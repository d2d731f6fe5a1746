#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The manual page covers everything that the help covers

. "${0%/*}/tap.sh"

dir=${0%/*}/..
page=$dir/kpatch.8.rst

# synopsis: one line for each form in the page, without fonts and blanks
synopsis() {
	sed -n '/^SYNOPSIS/,/^DESC/s/^| //p' "$page" | sed 's/\\|/|/; s/\\ //g' | tr -d ' *'
}

# options: all options that the page describes, short and long
options() {
	sed -n '/^OPTIONS/,/^EXIT/p' "$page" | grep -E '^-' |
		grep -oE -e '(^| )--?[a-zA-Z-]+' | tr -d ' ' | sort -u
}

try --help
sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' "$tmp/out" | sort > "$tmp/commands"
ok "there are commands" [ "$(wc -l < "$tmp/commands")" -gt 15 ]
synopsis > "$tmp/synopsis"
options > "$tmp/options"
: > "$tmp/all-options"
while read -r cmd; do
	case $cmd in build|help) continue ;; esac
	try help "$cmd"
	sed -n -e 's/^Usage: //p' -e 's/^       kpatch/kpatch/p' "$tmp/out" |
		tr -d ' ' > "$tmp/forms"
	ok "$cmd: has a usage" [ -s "$tmp/forms" ]
	while read -r form; do
		ok "$cmd: $form is in the page" grep -qxF -e "$form" "$tmp/synopsis"
	done < "$tmp/forms"
	ok "$cmd: the page has no other form" [ \
		"$(grep -cE "^kpatch$cmd(\$|[^a-z])" "$tmp/synopsis")" -eq \
		"$(grep -c . "$tmp/forms")" ]
	grep '^  *-' "$tmp/out" | grep -oE -e '(^| )--?[a-zA-Z][a-zA-Z-]*' | tr -d ' ' \
		> "$tmp/given"
	cat "$tmp/given" >> "$tmp/all-options"
	while read -r option; do
		ok "$cmd: $option is in the page" grep -qxF -e "$option" "$tmp/options"
	done < "$tmp/given"
done < "$tmp/commands"

# --version is none of a command.
{ cat "$tmp/all-options"; printf '%s\n' -V --version; } | sort -u > "$tmp/given"
ok "the page has no other option" cmp "$tmp/given" "$tmp/options"

sed -n '/^COMMANDS/,/^OPTIONS/s/^\*\*\([a-z]*\).*/\1/p' "$page" | sort -u > "$tmp/described"
ok "all commands are in the page, and no other" cmp "$tmp/commands" "$tmp/described"

# The suffixes of module files: both texts have to name all of them.
try help load
tr '\n' ' ' < "$page" > "$tmp/page"
for suffix in .ko .ko.gz .ko.xz .ko.zst; do
	ok "load: $suffix is in the help" grep -qF " $suffix" "$tmp/out"
	ok "load: $suffix is in the page" grep -qF "**$suffix**" "$tmp/page"
done

if command -v "${RST2MAN:-rst2man}" > "$tmp/which"; then
	for page in kpatch kpatch-build; do
		ok "$page: rst2man has nothing to say" \
			"${RST2MAN:-rst2man}" --report=1 --halt=1 "$dir/$page.8.rst" "$tmp/$page.8"
	done
else
	skip "rst2man has nothing to say" "there is none"
fi

finish
