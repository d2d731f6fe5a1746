#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The completion of bash
# shellcheck disable=SC2034,SC2154 # variables of what is sourced

# shellcheck source=/dev/null
. "${0%/*}/tap.sh"
# shellcheck source=/dev/null
. "${0%/*}/../kpatch.bash"

# completes WORDS DESCRIPTION WORD...: the last WORD is completed to WORDS, sorted
completes() {
	local wanted=$1 what=$2

	shift 2
	COMP_WORDS=("$kpatch" "$@") COMP_CWORD=$#
	COMPREPLY=()
	_kpatch
	ran="kpatch $*"
	printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd ' ' > "$tmp/out"
	out_is "$wanted" "$what"
}

fake one 1 vfs_read,1
fake other 0 vfs_read,1
mkdir -p "$tmp/files/d"
touch "$tmp/files/a.ko" "$tmp/files/b.ko.xz" "$tmp/files/c.txt"

completes "can check confirm" "commands" c
"$kpatch" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' | sort | paste -sd ' ' > "$tmp/all"
completes "$(cat "$tmp/all")" "all commands" ""
completes "list load" "topics of help" help l
completes "one other" "patches" enable ""
completes "other" "patches" disable ot
completes "+one +other" "patches with a sign" switch +
completes "-other" "patches with a sign" switch +one -ot
completes "--help --json --timeout --trial --verbose" "options" enable --
completes "--all" "options" unload one --a
completes "$tmp/files/a.ko $tmp/files/b.ko.xz $tmp/files/d/" "files" load "$tmp/files/"
completes "" "nothing" version x

finish
