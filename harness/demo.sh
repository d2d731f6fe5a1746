#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh: boot the kernel and demonstrate kpatch: unpatched, patched, disabled, enabled
# again, unloaded.

. "$(dirname "$0")/lib.sh"

cat > "$work/demo-guest.sh" <<'END'
run() {
	echo
	echo "# $*"
	eval "$*"
}
sample=$1
run uname -r
run cat /proc/cmdline
run insmod "$sample"
run cat /proc/cmdline
run ls /sys/kernel/kpatch
run cat /sys/kernel/kpatch/kpatch_sample/stop_ns
run rmmod kpatch_sample
run 'echo 0 > /sys/kernel/kpatch/kpatch_sample/enabled'
run cat /proc/cmdline
run 'echo 1 > /sys/kernel/kpatch/kpatch_sample/enabled'
run cat /proc/cmdline
run 'echo 0 > /sys/kernel/kpatch/kpatch_sample/enabled'
run rmmod kpatch_sample
run cat /proc/cmdline
run ls /sys/kernel/kpatch
run 'dmesg | grep kpatch:'
END
sample=$obj/samples/kpatch/kpatch-sample.ko
"$top/harness/boot.sh" demo "bash $work/demo-guest.sh $sample > /run/out/demo 2>&1"
out=$work/out/demo/demo
cat "$out"

# The demonstration fails if its output does not show the patch.
[ "$(grep -c '^this has been patched by kpatch' "$out")" -eq 2 ] ||
	die "the function was not patched twice"
grep -q 'unloaded patch module "kpatch_sample"' "$out" ||
	die "the patch was not unloaded"
