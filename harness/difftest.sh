#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# difftest.sh [NAME...]: build the diffs harness/build/NAME.patch, by default all, with
# kpatch build. Those that it must refuse are refused, and the others work in a guest.
#
# The text in front of each diff says what to expect:
#   Refused: CODE REGEX   exit status, and what the message says
#   Shows: COMMAND        prints something that changes, to
#   Patched: REGEX        this
#   Undone: REGEX         and to this when the patch has been disabled
#   Stays: yes            then its module cannot be unloaded
#   Check: REGEX          what kpatch build --check prints
#   Setup: COMMAND        is run before
#   Module: NAME          module that is patched, before and after it is loaded
#   Spacer: NAME          module that takes its place before it is loaded again
#   Tree: DIR             below harness/build, modules out of tree that the diff is for
#   Kernel: headers       kpatch build gets what distributions have in their packages
#   Options: WORDS        for kpatch build
#   Spoilt: SCRIPT        of sed, which changes the patch so that the kernel refuses it,
#   Log: REGEX            with this line
#   After: COMMAND        succeeds when the patch has been unloaded
#   With: NAME...         diffs that one build takes besides
#   Needs: [!]CONFIG_X    is skipped by kernels without (or with) that option
#   Base: 6.12            is skipped by others
#   CI: no                is left out if SHORT is set
#
# OBJTOOL_SOURCE: source of a kernel that has "objtool klp", for bases that have not
# KPATCH_BUILD: the tool, if it is not that of this repository

. "$(dirname "$0")/lib.sh"

diffs=$top/harness/build
out=$work/diffs
[ -e "$obj/vmlinux" ] || die "make build BASE=$BASE first"
names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(cd "$diffs" && basename -s .patch -- *.patch)
rm -rf "$out"
mkdir -p "$out"
if [ -z "${OBJTOOL_SOURCE:-}" ] && [ ! -e "$src/tools/objtool/klp-diff.c" ]; then
	OBJTOOL_SOURCE=$top/build/7.3/linux
	if [ ! -e "$OBJTOOL_SOURCE/tools/objtool/klp-diff.c" ]; then
		tap_skip "$BASE: patches from diffs" "there is no source of a kernel that has objtool klp"
		finish_tap
		exit
	fi
fi
export XDG_CACHE_HOME=$top/build/cache TIMEOUT=${TIMEOUT:-1800}

field() { sed -n "/^--- /q; s/^$2: //p" "$diffs/$1.patch"; }

# Those of the short list are divided among the kernels.
is_short() {
	local sum

	[ "$(field "$1" CI)" != no ] || return
	[ "$(field "$1" Base)" != "$BASE" ] || return 0
	sum=$(cksum <<< "$1")
	[ $((${sum%% *} % 2)) -eq "$([ "$BASE" = 7.3 ] && echo 1 || echo 0)" ]
}

# Why the diff NAME is not tried here, or nothing.
reason_to_skip() {
	local base option has

	if [ -n "${SHORT:-}" ] && ! is_short "$1"; then
		echo "left out of the short list"
		return
	fi
	base=$(field "$1" Base)
	[ "${base:-$BASE}" = "$BASE" ] || { echo "is a diff for Linux $base"; return; }
	for option in $(field "$1" Needs); do
		has=0
		grep -q "^${option#!}=" "$obj/.config" || has=1
		case $option in
		!*) [ "$has" -eq 1 ] || echo "the kernel has ${option#!}" ;;
		*) [ "$has" -eq 0 ] || echo "the kernel has no $option" ;;
		esac
	done
}

# A copy of those modules is built, as a user does it.
build_tree() {
	local tree=$1

	[ ! -e "$out/trees/$tree" ] || return 0
	mkdir -p "$out/trees"
	cp -r "$diffs/${tree%%/*}" "$out/trees"
	make -C "$obj" M="$out/trees/$tree" > "$out/trees.log" 2>&1 ||
		{ show_log "$out/trees.log"; die "$tree does not build"; }
}

# What a package of headers has of a build. vmlinux and modules are in others.
make_headers() {
	[ ! -e "$out/headers" ] || return 0
	mkdir -p "$out/headers"
	(cd "$obj" && cp -a --parents .config Makefile Module.symvers include scripts \
		arch/x86/include tools/objtool/objtool "$out/headers")
	find "$out/headers" \( -name '*.o' -o -name '.*.cmd' \) -delete
}

# build NAME [OPTION]: sets status
build() {
	local others tree options kernel=("$obj")

	mapfile -t others < <(field "$1" With | tr ' ' '\n' | sed "s|.*|$diffs/&.patch|")
	status=0
	if [ "$(field "$1" Kernel)" = headers ]; then
		make_headers
		kernel=("$out/headers" --vmlinux "$obj/vmlinux" --modules "$obj")
	fi
	tree=$(field "$1" Tree)
	read -ra options <<< "$(field "$1" Options)"
	[ -z "$tree" ] || options+=(--module "$out/trees/$tree")
	timeout 900 "${KPATCH_BUILD:-$top/scripts/kpatch/kpatch-build}" --kernel "${kernel[@]}" --source "$src" \
		${OBJTOOL_SOURCE:+--objtool-source "$OBJTOOL_SOURCE"} \
		"${options[@]}" --name "diff-$1" -o "$out/$1.ko" "$diffs/$1.patch" \
		"${others[@]}" "${@:2}" \
		> "$out/$1.log" 2>&1 || status=$?
}

show_log() { tail -n 20 "$1" | sed 's/^/# /'; }

check_refusal() {
	local name=$1 code regex

	read -r code regex <<< "$(field "$name" Refused)"
	if [ "$status" -eq "$code" ] && grep -qE "^kpatch build: .*$regex" "$out/$name.log" &&
	   grep -q "; " "$out/$name.log" &&
	   [ "$(wc -l < "$out/$name.log")" -eq 1 ] && [ ! -e "$out/$name.ko" ]; then
		tap_result ok "$BASE: $name is refused"
	else
		tap_result "not ok" "$BASE: $name is refused: exit status $status"
		show_log "$out/$name.log"
	fi
}

check_output() {
	if [ "$status" -eq 0 ] && grep -qE "$(field "$1" Check)" "$out/$1.log"; then
		tap_result ok "$BASE: $1 is described"
	else
		tap_result "not ok" "$BASE: $1 is described: exit status $status"
		show_log "$out/$1.log"
	fi
}

for name in "${names[@]}"; do
	tree=$(field "$name" Tree)
	[ -z "$tree" ] || build_tree "$tree"
done
stamp=$out/stamp
touch "$stamp"
trees=()
[ ! -e "$out/trees" ] || trees=("$out/trees")
built=()
for name in "${names[@]}"; do
	reason=$(reason_to_skip "$name" | head -n 1)
	if [ -n "$reason" ]; then
		tap_skip "$BASE: $name" "$reason"
		continue
	fi
	if [ -n "$(field "$name" Check)" ]; then
		build "$name" --check
		check_output "$name"
	fi
	build "$name"
	if [ -n "$(field "$name" Refused)" ]; then
		check_refusal "$name"
	elif [ "$status" -eq 0 ]; then
		tap_result ok "$BASE: $name is built"
		LC_ALL=C sed -i "$(field "$name" Spoilt)" "$out/$name.ko"
		built+=("$name")
	else
		tap_result "not ok" "$BASE: $name is built"
		show_log "$out/$name.log"
	fi
done

written=$(find "$src/" "$obj/" "${trees[@]}" -newer "$stamp" -not -type d 2>/dev/null | head -n 5 || true)
if [ -z "$written" ]; then
	tap_result ok "$BASE: the source and the build are as they were"
else
	tap_result "not ok" "$BASE: the source and the build are as they were"
	echo "# ${written//$'\n'/$'\n'# }"
fi

# What the guest runs.
guest() {
	declare -p top obj diffs out trees
	declare -f field
	echo export diffs
	cat <<-'END'
	result() { printf '%s\t%s\n' "$1" "$2" >> /run/out/results; }
	check() { local what=$1; shift; if "$@"; then result ok "$what"; else result "not ok" "$what"; fi; }
	shows() { bash -c "$(field "$name" Shows)" 2>&1; }
	patched() { [[ $(shows) =~ $(field "$name" Patched) ]]; }
	original() { ! patched; }
	module() { [ -z "$target" ] || "$@"; }
	ko() { find "$obj/" "${trees[@]}" -name "$1.ko" | head -n 1; }
	target_ko() { ko "$target"; }
	attr() { echo "/sys/kernel/kpatch/diff_${name//-/_}/enabled"; }
	unload() {
		local try

		for try in {1..50}; do
			echo 0 > "$(attr)" 2>/dev/null && break
			sleep 0.1
		done
		original && [[ $(shows) =~ $(field "$name" Undone) ]] || return
		if [ -n "$(field "$name" Stays)" ]; then
			! rmmod "diff_${name//-/_}"
		else
			rmmod "diff_${name//-/_}"
		fi
	}
	try_spoilt() {
		insmod "$(target_ko)"
		dmesg -C
		insmod "$out/$name.ko" 2>/dev/null && result "not ok" "$name: the kernel refuses it"
		check "$name: the kernel says why" grep -qE "$(field "$name" Log)" <(dmesg)
		check "$name: nothing is loaded" rmmod "$target"
	}
	try() {
		target=$(field "$name" Module)
		spacer=$(field "$name" Spacer)
		if [ -n "$(field "$name" Spoilt)" ]; then
			try_spoilt
			return
		fi
		eval "$(field "$name" Setup)"
		module insmod "$(target_ko)"
		check "$name: the kernel is as it was" original
		check "$name: the patch is loaded" insmod "$out/$name.ko"
		check "$name: the function is replaced" patched
		if [ -n "$target" ]; then
			check "$name: the module is unloaded" rmmod "$target"
			[ -z "$spacer" ] || insmod "$(ko "$spacer")"
			check "$name: the module is loaded late" insmod "$(target_ko)"
			check "$name: the function is replaced late" patched
		fi
		check "$name: the patch is undone and unloaded" unload
		after=$(field "$name" After)
		[ -z "$after" ] || check "$name: what it has left works" bash -c "$after"
		module rmmod "$target"
		[ -z "$spacer" ] || rmmod "$spacer"
		if [ -n "$target" ]; then
			check "$name: the patch is loaded before the module" insmod "$out/$name.ko"
			check "$name: the module is loaded" insmod "$(target_ko)"
			check "$name: the function is replaced then" patched
			check "$name: the patch is undone and unloaded again" unload
			rmmod "$target"
		fi
	}
	END
	printf 'for name in %s; do try; done\n' "${built[*]}"
}

if [ ${#built[@]} -gt 0 ]; then
	guest > "$out/guest"
	status=0
	"$top/harness/boot.sh" difftest "bash $out/guest" > "$out/boot.log" 2>&1 || status=$?
	while IFS=$'\t' read -r verdict name; do
		tap_result "$verdict" "$BASE: $name"
	done < <(cat "$work/out/difftest/results" 2>/dev/null)
	if [ "$status" -eq 0 ]; then
		tap_result ok "$BASE: the guest ended well"
	else
		tap_result "not ok" "$BASE: the guest ended well"
		show_log "$out/boot.log"
	fi
fi
finish_tap
