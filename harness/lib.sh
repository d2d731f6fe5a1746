# SPDX-License-Identifier: GPL-2.0-only
# What the scripts of the harness share. Sourced, by bash.
# shellcheck shell=bash disable=SC2034

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

BASE=${BASE:-6.12}
KSRC=${KSRC:-}
JOBS=${JOBS:-$(($(nproc) + 1))}

# Which configuration: "test", or one of harness/bench/*.config.
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

# The fragments of the kernel's configuration, in order: a later one wins.
fragments=("$top/harness/guest.config")
[ -n "$KSRC" ] || fragments+=("$top/harness/guest-$BASE.config")
fragments+=("$top/Kconfig.fragment")
if [ "$FLAVOR" = test ]; then
	fragments+=("$top/harness/guest-test.config")
else
	fragments+=("$top/harness/bench/$FLAVOR.config")
fi

# Names of files below the repository, so that ccache hits in another clone.
if command -v ccache >/dev/null; then
	export PATH="/usr/lib/ccache:$PATH"
	export CCACHE_BASEDIR=$top CCACHE_NOHASHDIR=1
fi
export KBUILD_BUILD_TIMESTAMP='1970-01-01' KBUILD_BUILD_USER=kpatch KBUILD_BUILD_HOST=kpatch

say() { printf '== %s\n' "$*"; }
die() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }

# Files of the kernel payload, relative to the top: what the series adds.
payload() (
	paths=(Documentation arch include kernel samples tools)

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
