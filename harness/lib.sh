# SPDX-License-Identifier: GPL-2.0-only
# What the scripts of the harness share. Sourced, by bash.
# shellcheck shell=bash disable=SC2034

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

BASE=${BASE:-6.12}
KSRC=${KSRC:-}
JOBS=${JOBS:-$(($(nproc) + 1))}

# Which configuration: "test", "distro", or one of harness/bench/*.config.
FLAVOR=${FLAVOR:-test}

# A tree of the user's own gets a directory of its own, and so does each flavor.
if [ -n "$KSRC" ]; then
	work=$top/build/ksrc-$(printf '%s' "$KSRC" | cksum | cut -d' ' -f1)
else
	work=$top/build/$BASE
fi
src=$work/linux
[ "$FLAVOR" = test ] || work+=-$FLAVOR
obj=$work/obj

# version TREE: of a kernel tree, like 6.12.117
version() {
	sed -nE 's/^(VERSION|PATCHLEVEL|SUBLEVEL) = ([0-9]+)$/\2/p' "$1/Makefile" |
		head -n 3 | paste -sd .
}

# What a tree was made from, see tree.sh: "ID PATH". Objects say the same of the
# tree that they were compiled in.
source_of() { cat "$1/.kpatch-source" 2>/dev/null || echo unknown; }

# tested_as TREE: which of the kernels in harness/kernels it is, byte for byte;
# nothing if it is none of them
tested_as() {
	awk -v id="$(source_of "$1")" '
	!/^#/ && index(id, $4 " ") == 1 { print $2 }' "$top/harness/kernels"
}

# Options that came, went or changed their meaning are in guest-VERSION.config. A
# tree gets those of the newest VERSION that is not newer than the tree, wherever
# the tree is from.
guest_version() {
	local wanted=$1 candidate file best=

	for file in "$top"/harness/guest-[0-9]*.config; do
		candidate=${file##*/guest-}
		candidate=${candidate%.config}
		[ "$(printf '%s\n' "$candidate" "$wanted" | sort -V | tail -n 1)" = "$wanted" ] ||
			continue
		best=$(printf '%s\n' "$best" "$candidate" | sort -V | tail -n 1)
	done
	echo "$best"
}

# set_fragments TREE: the fragments of its configuration, in order: a later one wins
set_fragments() {
	local version

	version=$(guest_version "$(version "$1")")
	fragments=("$top/harness/guest.config")
	[ -z "$version" ] || fragments+=("$top/harness/guest-$version.config")
	fragments+=("$top/Kconfig.fragment")
	case $FLAVOR in
	test) fragments+=("$top/harness/guest-test.config") ;;
	distro) fragments=("$top/harness/distro.config" "${fragments[@]}") ;;
	*) fragments+=("$top/harness/bench/$FLAVOR.config") ;;
	esac
}

# Those options in the fragments that CONFIG does not have as they want them. One
# that cannot be chosen there is as good as one that is off.
unmet_options() {
	local config=$1

	awk '
	FNR == 1 { file++ }
	/^CONFIG_/ { name = $0; sub(/=.*/, "", name); value = substr($0, length(name) + 2) }
	/^# CONFIG_.* is not set$/ { name = $2; value = "n" }
	!name { next }
	file == 1 { has[name] = value }
	file > 1 { wants[name] = value }
	{ name = "" }
	END {
		for (name in wants) {
			value = name in has ? has[name] : "n"
			if (value != wants[name])
				print name ": wanted " wants[name] ", is " value
		}
	}' "$config" "${fragments[@]}" | LC_ALL=C sort
}

# Names of files below the repository, so that ccache hits in another clone.
if command -v ccache >/dev/null; then
	export PATH="/usr/lib/ccache:$PATH"
	export CCACHE_BASEDIR=$top CCACHE_NOHASHDIR=1
fi
export KBUILD_BUILD_TIMESTAMP='1970-01-01' KBUILD_BUILD_USER=kpatch KBUILD_BUILD_HOST=kpatch

say() { printf '== %s\n' "$*"; }
die() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }

# Results are TAP: a line for each as it comes, then the plan, so that a script that
# dies before it prints the plan is noticed.
tap_count=${tap_count:-0}
tap_failures=${tap_failures:-0}

# tap_result ok|"not ok" NAME...: a # in NAME begins a comment
tap_result() {
	local verdict=$1
	shift
	tap_count=$((tap_count + 1))
	[ "$verdict" = ok ] || tap_failures=$((tap_failures + 1))
	echo "$verdict $tap_count - $*"
}

# tap_skip NAME REASON
tap_skip() { tap_result ok "$1 # SKIP $2"; }

finish_tap() {
	echo "1..$tap_count"
	[ "$tap_failures" -eq 0 ]
}

# start_checks KIND: of scripts that have one result for each check
start_checks() {
	checks="$(basename "$work") $1"
	log=$work/$1.log
	mkdir -p "$work"
}

# try NAME COMMAND...: COMMAND succeeds; what it prints is shown if not
try() {
	local name=$1
	shift
	if "$@" > "$log" 2>&1; then
		tap_result ok "$checks: $name"
	else
		tap_result "not ok" "$checks: $name"
		tail -n 40 "$log" | sed 's/^/# /'
	fi
}

# skipped NAME REASON
skipped() { tap_skip "$checks: $1" "$2"; }

finish_checks() { finish_tap; }

build_tool() {
	make -s -C "$src/tools/kpatch" > "$work/tool.log" 2>&1 ||
		{ tail -n 30 "$work/tool.log"; die "tools/kpatch does not build"; }
}

# Files of the kernel payload, relative to the top: what the series adds.
payload() (
	paths=(Documentation arch include kernel samples scripts tools)

	cd "$top"
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -co --exclude-standard -- "${paths[@]}" |
			while read -r f; do [ ! -e "$f" ] || echo "$f"; done
	else
		find "${paths[@]}" -type f ! -name '*.o' ! -name '*.ko'
	fi | LC_ALL=C sort
)

# Hunks in existing kernel files, in the order of the series.
hooks() { cat "$top"/harness/series/*/hooks.patch; }
