#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# difftree.sh: does kpatch build find no change where there is none? For each file of the
# kernel it gets a diff that adds a blank line in front, which moves all others, and has to
# say that this changes no code. Takes an hour; what is done already is not done again, until
# the tool changes. Files that have no change as one diff have none each.
#
# UNITS: only so many files, spread over the kernel
# OBJTOOL_SOURCE: as for difftest.sh

. "$(dirname "$0")/lib.sh"

[ -e "$obj/vmlinux" ] || die "make build BASE=$BASE first"
tool=$top/scripts/kpatch/kpatch-build
if [ -z "${OBJTOOL_SOURCE:-}" ] && [ ! -e "$src/tools/objtool/klp-diff.c" ]; then
	OBJTOOL_SOURCE=$top/build/7.3/linux
fi
export XDG_CACHE_HOME=$top/build/cache
record=$work/difftree-$(cat "$top"/scripts/kpatch/* | cksum | cut -d' ' -f1)
touch "$record"

# What kbuild has compiled from C, but for what is no part of the kernel's image or modules.
sources() {
	find "$obj" -name '.*.o.cmd' -exec sed -n 's/^source_[^ ]* := //p' {} + | grep '\.c$' |
		(cd "$obj" && xargs -d '\n' realpath -ms --relative-to="$src") |
		grep -vE '^\.\./|^(scripts|tools|samples|usr)/|^arch/x86/(boot|realmode)/' | sort -u
}

# compare FILE...: several have no change, or are compared one by one
compare() {
	local file dir status=0

	dir=$(mktemp -d)
	for file in "$@"; do
		{ echo; cat "$src/$file"; } |
			diff -u --label "a/$file" --label "b/$file" "$src/$file" - || :
	done > "$dir/diff"
	TMPDIR=$dir "$tool" --kernel "$obj" --source "$src" \
		${OBJTOOL_SOURCE:+--objtool-source "$OBJTOOL_SOURCE"} \
		--check -j 1 "$dir/diff" > "$dir/log" 2>&1 || status=$?
	if [ $# -gt 1 ]; then
		rm -rf "$dir"
		if [ "$status" -eq 7 ]; then
			printf 'same %s\n' "$@" >> "$record"
		else
			for file in "$@"; do
				compare "$file"
			done
		fi
		return
	fi
	case $status in
	7) echo "same $file" >> "$record" ;;
	4) echo "foreign $file" >> "$record"	# it says so of the vdso and the like
	   grep -q 'not part of the kernel proper' "$dir/log" || status=1 ;;
	esac
	case $status in
	7 | 4) ;;
	*) echo "not ok $file: exit status $status"
	   sed 's/^/# /' "$dir/log" ;;
	esac
	rm -rf "$dir"
}
export -f compare
export src obj tool record OBJTOOL_SOURCE

sources > "$record.all"
total=$(wc -l < "$record.all")
step=$((${UNITS:-0} > 0 && ${UNITS:-0} < total ? total / UNITS : 1))
awk -v step="$step" 'NR % step == 0' "$record.all" > "$record.wanted"
cut -d' ' -f2- "$record" | sort | comm -13 - "$record.wanted" > "$record.todo"
wanted=$(wc -l < "$record.wanted")
todo=$(wc -l < "$record.todo")
say "$BASE: $total files; $todo of $wanted are to be compared"
split -l 50 "$record.todo" "$record.part."
: > "$record.failures"
for part in "$record".part.*; do
	[ -e "$part" ] || break
	# shellcheck disable=SC2016  # the shell that xargs starts expands it
	xargs -d '\n' -P "$(nproc)" -n 10 bash -c 'compare "$@"' _ < "$part" |
		tee -a "$record.failures"
	rm "$part"
	say "$(sort "$record.wanted" | comm -12 - <(cut -d' ' -f2- "$record" | sort) | wc -l) of $wanted"
done
failed=$(grep -c '^not ok' "$record.failures" || true)
if [ "$failed" -eq 0 ]; then
	tap_result ok "$BASE: $wanted files of $total have no change"
else
	tap_result "not ok" "$BASE: $failed files of $wanted have a change"
fi
finish_tap
