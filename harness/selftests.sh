#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# selftests.sh [TEST...]: build and install the kselftests of kpatch the way the
# kernel does it, run them in the guest with run_kselftest.sh, all of them or
# those named (test-basic.sh ...), and print each result by name.
# selftests.sh --install: only build and install them.
#
# INSTALLED: what is installed is up to date.
# MODE=full: with full preemption, and all tasks looked at with the machine
# stopped: what is done before that must not be needed.

. "$(dirname "$0")/lib.sh"

inst=$work/kselftest
label=$(basename "$work")
guest=selftests
before=:
case ${MODE:-} in
'') ;;
full)
	label+=" $MODE"
	guest+=-$MODE
	export APPEND="preempt=full ${APPEND:-}"
	before='echo N > /sys/kernel/debug/kpatch/prescan'
	;;
*) die "no such mode: '$MODE'; there is full" ;;
esac

install_tests() {
	say "kselftests for $(make -s -C "$src" O="$obj" kernelrelease)"
	build_tool
	rm -rf "$inst"
	make -s -C "$src/tools/testing/selftests" O="$obj" TARGETS=kpatch KDIR="$obj" \
		INSTALL_PATH="$inst" install > "$work/selftests.log" 2>&1 ||
		{ tail -n 30 "$work/selftests.log"; die "the selftests do not build"; }
	if grep -E 'warning:|error:' "$work/selftests.log"; then
		die "the selftests do not build cleanly, see $work/selftests.log"
	fi

	# Tests load modules of the kernel, with modprobe.
	make -s -C "$src" O="$obj" INSTALL_MOD_PATH="$inst" modules_install \
		>> "$work/selftests.log" 2>&1 ||
		{ tail -n 30 "$work/selftests.log"; die "modules of the kernel cannot be installed"; }
}

[ -n "${INSTALLED:-}" ] || install_tests
[ "${1:-}" != --install ] || exit 0

run=("$inst/run_kselftest.sh")
# How long one script may take, if not as long as its settings say, in seconds.
[ -z "${SCRIPT_TIMEOUT:-}" ] || run+=(-o "$SCRIPT_TIMEOUT")
for t in "$@"; do
	run+=(-t "kpatch:$t")
done

status=0
settings="KPATCH=$src/tools/kpatch/kpatch MODPROBE_OPTIONS='-d $inst'"
settings+=" KPATCH_VMLINUX=$obj/vmlinux"
settings+=" KPATCH_TEST_SPLATS=1"
settings+=" KPATCH_TEST_ROUNDS=${KPATCH_TEST_ROUNDS:-5}"
settings+=" KPATCH_TEST_UNLOADS=${KPATCH_TEST_UNLOADS:-10}"
settings+=" KPATCH_TEST_NMI_ROUNDS=${KPATCH_TEST_NMI_ROUNDS:-6}"
settings+=" KPATCH_TEST_STEPS=${KPATCH_TEST_STEPS:-300} KPATCH_TEST_SEED=${KPATCH_TEST_SEED:-}"
settings+=" KPATCH_TEST_PATIENCE=${KPATCH_TEST_PATIENCE:-6} KPATCH_TEST_ONLY='${KPATCH_TEST_ONLY:-}'"
# All of it takes half an hour, or more on a machine that does other work.
# To a pipe: the runner opens its output again for each script, and a file would
# be written from its start each time.
TIMEOUT=${TIMEOUT:-7200} "$top/harness/boot.sh" "$guest" \
	"$before; export $settings; ${run[*]} 2>&1 | sed -u 's,\\r,,g' > /run/out/ktap" ||
	status=$?
out=$work/out/$guest
"$top/harness/results.sh" "$out/ktap" "$label" || status=1
exit "$status"
