#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh [TARGET...]: get the kernel tree, add the payload, configure it and build
# TARGET, by default the kernel and all modules. Redoes only the steps whose input has
# changed.

. "$(dirname "$0")/lib.sh"

"$top/harness/tree.sh"
"$top/harness/overlay.sh" "$src"
# Time stamps do not show whether objects are up to date: the files of another release
# may be older than they are.
if [ "$(source_of "$obj")" != "$(source_of "$src")" ]; then
	[ ! -e "$obj" ] || say "objects in ${obj#"$top/"} are of another tree: made anew"
	rm -rf "$obj"
	mkdir -p "$obj"
	cp "$src/.kpatch-source" "$obj"
fi

set_fragments "$src"

# A tree of an untested version may lack options that the guest uses, but must have
# those that kpatch needs. What is near a distribution need not be the same everywhere.
check_options() {
	local unmet required tree

	[ "$FLAVOR" != distro ] || fragments=("${fragments[@]:1}")
	unmet=$(unmet_options "$obj/.config")
	[ -n "$unmet" ] || return 0
	required=$(sed -nE 's/^(# )?(CONFIG_[A-Z0-9_]+).*/\2:/p' "$top/Kconfig.fragment")
	tree=$(version "$src")
	if [ -e "$top/harness/guest-${tree%.*}.config" ] || grep -qF "$required" <<< "$unmet"; then
		printf '%s\n' "$unmet"
		die "the kernel does not take all options, see $work/config.log"
	fi
	say "Linux $tree does without $(cut -d: -f1 <<< "$unmet" | paste -sd ' ')"
}

# If a fragment or Kconfig has changed, configure again.
stamp=$work/config.stamp
cat "${fragments[@]}" "$src/kernel/kpatch/Kconfig" > "$stamp.new"
if ! cmp -s "$stamp.new" "$stamp" || [ ! -e "$obj/.config" ]; then
	say "configuring $(basename "$work")"
	# What the fragments do not name is off, or as Kconfig has it by default.
	defaults=(-n)
	[ "$FLAVOR" != distro ] || defaults=()
	(cd "$src" && scripts/kconfig/merge_config.sh "${defaults[@]}" -O "$obj" "${fragments[@]}") \
		> "$work/config.log" 2>&1 || { tail -n 20 "$work/config.log"; die "no configuration"; }
	check_options
	mv "$stamp.new" "$stamp"
fi

say "building $(basename "$work"), the log is $work/build.log"
start=$SECONDS
[ $# -gt 0 ] || set -- bzImage modules
make -C "$src" O="$obj" -j"$JOBS" "$@" > "$work/build.log" 2>&1 ||
	{ grep -E -A5 'error|Error' "$work/build.log" | tail -n 40; die "the kernel does not build"; }
if grep -E 'kpatch.*warning:|warning:.*kpatch' "$work/build.log"; then
	die "our files do not build cleanly"
fi
say "built in $((SECONDS - start)) s"
