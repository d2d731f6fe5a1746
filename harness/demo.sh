#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh: boot the kernel and demonstrate kpatch: unpatched, patched, disabled, enabled
# again, unloaded.

. "$(dirname "$0")/lib.sh"

build_tool
cat > "$work/demo-guest.sh" <<'END'
PATH=$1:$PATH
cd "$2" || exit 1
run() {
	echo
	echo "# $*"
	eval "$*"
}
run uname -r
run cat /proc/cmdline
run kpatch load kpatch-sample.ko
run cat /proc/cmdline
run kpatch status
run rmmod kpatch_sample
run kpatch disable kpatch_sample
run cat /proc/cmdline
run kpatch enable kpatch_sample
run cat /proc/cmdline
run kpatch unload kpatch_sample
run cat /proc/cmdline
run kpatch list
run 'dmesg | grep kpatch:'
END
"$top/harness/boot.sh" demo \
	"bash $work/demo-guest.sh $src/tools/kpatch $obj/samples/kpatch > /run/out/demo 2>&1"
out=$work/out/demo/demo
cat "$out"

# The demonstration fails if its output does not show the patch.
[ "$(grep -c '^this has been patched by kpatch' "$out")" -eq 2 ] ||
	die "the function was not patched twice"
grep -q 'unloaded patch module "kpatch_sample"' "$out" ||
	die "the patch was not unloaded"
