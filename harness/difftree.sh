#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# difftree.sh: does kpatch build find no change where there is none? Compiles the units of
# the kernel twice, the second time with a blank line in front of each, and compares the
# objects. What has been compared is not compared again, until the tool changes.
#
# UNITS: how many, spread over the kernel; all by default
# OBJTOOL_SOURCE: as for difftest.sh

. "$(dirname "$0")/lib.sh"

[ -e "$obj/vmlinux" ] || die "make build BASE=$BASE first"
if [ -z "${OBJTOOL_SOURCE:-}" ] && [ ! -e "$src/tools/objtool/klp-diff.c" ]; then
	OBJTOOL_SOURCE=$top/build/7.3/linux
fi
export XDG_CACHE_HOME=$top/build/cache
exec "$top/harness/difftree.py" --kernel "$obj" --source "$src" \
	${OBJTOOL_SOURCE:+--objtool-source "$OBJTOOL_SOURCE"} \
	--record "$work/difftree" --units "${UNITS:-0}" --jobs "$(nproc)"
