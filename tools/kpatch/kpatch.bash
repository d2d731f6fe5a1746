# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of kpatch's command line. What the help lists is completed, so it is up to
# date with the command.

# Names of loaded patches that begin with $1, each after $2
_kpatch_patches()
{
	local dir

	for dir in "${KPATCH_ROOT-}"/sys/kernel/kpatch/"$1"*/; do
		[ ! -d "$dir" ] || { dir=${dir%/}; echo "${2-}${dir##*/}"; }
	done
}

_kpatch_words()
{
	local word=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]}

	if [ "$COMP_CWORD" -eq 1 ] || [ "$cmd" = help ]; then
		compgen -W "$("${COMP_WORDS[0]}" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')" -- "$word"
		return
	fi
	case $cmd:$word in
	switch:[+-]*)
		_kpatch_patches "${word:1}" "${word:0:1}"
		;;
	build:*)
		compgen -f -- "$word"
		;;
	*:-*)
		compgen -W "$("${COMP_WORDS[0]}" help "$cmd" | grep -oE -e '^ +-.*' |
			grep -oE -e '--[a-z-]+')" -- "$word"
		;;
	load:*|replace:*|install:*)
		compgen -f -X '!*.ko*' -- "$word"
		compgen -d -S / -- "$word"
		;;
	enable:*|disable:*|unload:*|rollback:*|check:*|info:*|blockers:*)
		_kpatch_patches "$word"
		;;
	esac
}

_kpatch()
{
	mapfile -t COMPREPLY < <(_kpatch_words 2>/dev/null)
	[[ ${COMPREPLY[*]} != */ ]] || compopt -o nospace 2>/dev/null
}

complete -F _kpatch kpatch
