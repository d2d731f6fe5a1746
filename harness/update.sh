#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# update.sh OLD NEW: bring a kernel to the code of another release, and prove it. OLD and NEW
# are versions of Debian's package linux-source-BASE, like 6.12.115-2~deb12u1, or trees or
# tarballs. Builds both, makes one module of the difference with kpatch build --update,
# compares the code of its functions with that of the new release, and boots OLD: programs
# that show what fixes change, and the kernel's own selftests, run before the module is
# loaded, with it, and after it has been disabled, and once more on NEW. The same objects as
# a livepatch show how long that takes to load and to disable. What is made is below build/,
# and what is made already is not made again.
#
# DECISIONS=FILE: for kpatch build --update
# SUITES="..." : the selftests of the kernel that run, below tools/testing/selftests: futex,
#                or net:tls for one of several
# OBJTOOL_SOURCE: as for difftest.sh

. "$(dirname "$0")/lib.sh"
# shellcheck source=/dev/null
. "$top/harness/update/steps.sh"

SUITES=${SUITES-timers futex mm net bpf cgroup core exec filelock filesystems ipc kcmp \
	membarrier mincore mount openat2 pid_namespace pidfd proc ptrace rlimits sched \
	sigaltstack splice sync sysctl timens tmpfs vDSO}

[ $# -eq 2 ] || die "usage: update.sh OLD NEW; versions of linux-source-$BASE, trees or tarballs"
: "${OBJTOOL_SOURCE:=$top/build/7.3/linux}"
old=$(origin_of "$1")
new=$(origin_of "$2")
if [ ! -e "$OBJTOOL_SOURCE/tools/objtool/klp-diff.c" ]; then
	(BASE=7.3 KSRC='' "$top/harness/tree.sh")
fi
at_release "$new"
# shellcheck disable=SC2034
new_src=$src new_obj=$obj new_work=$work
at_release "$old"
out=$work/update-$(printf '%s' "$2" | tr -c 'A-Za-z0-9.-' _)
mkdir -p "$out"
export XDG_CACHE_HOME=$top/build/cache

build_kernels
build_module "$2"
build_livepatch || die "the parts do not link for livepatch, see $out/livepatch/log"
show_sums
start_checks update
try "the module has all functions that need no decision" has_enough
try "its code is that of the new release" has_code_of_new
build_programs
run_guests
try "fixes are there with the module, and only with it" fixes_are_right
try "selftests say the same before and after" same_after
try "selftests with the module say what one of the releases says" same_with
show_numbers
finish_checks
