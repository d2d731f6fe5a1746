#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Replacements of system calls: they get the arguments of programs of either word size,
# and return to them.

# shellcheck source=sleepers.sh
. "$(dirname "$0")/sleepers.sh"

syscall=$dir/kpatch_syscall
module=test_kpatch_syscall
sample=kpatch_sample_syscall
upper=0x7654321000000000

# what_returns 64|32 NAME [ARG...]
what_returns()
{
	"$syscall" "$@" 2>&1
}

# need_32: does the kernel run 32-bit programs?
need_32()
{
	what_returns 32 getpid >/dev/null || skip "the kernel has no entry for 32-bit programs"
	[ -z "$skipped" ]
}

# check_args EXPECTED 64|32 NAME ARG...: what the replacement gets
check_args()
{
	local expected=$1

	shift
	check_is "'$*' returns" 3 "$(what_returns "$@")"
	check_is "arguments of '$*'" "$expected" "$(parameter $module args)"
}

# check_untouched 64|32: the replacements are not in effect
check_untouched()
{
	# EINVAL, ESRCH
	check_is "process_vm_readv() of the kernel" -22 \
		"$(what_returns "$1" process_vm_readv -7 0 0 0 0 1)"
	check_is "get_robust_list() of the kernel" -3 \
		"$(what_returns "$1" get_robust_list -7 0 0)"
	[ "$(what_returns "$1" getpid)" -gt 0 ] || fail "getpid() of the kernel"
}

check_answers()
{
	local entry=$1 answer

	for answer in -38 0 2147483647; do
		echo $answer > /sys/module/$module/parameters/answer
		check_is "process_vm_readv()" $answer "$(what_returns "$entry" process_vm_readv)"
		check_is "get_robust_list()" $answer "$(what_returns "$entry" get_robust_list)"
		check_is "getpid()" $answer "$(what_returns "$entry" getpid)"
	done
}

# check_switches 64|32: while the patch is enabled, and only then
check_switches()
{
	check_untouched "$1"
	check "insmod" load $module
	check_answers "$1"
	check "disable" enabled $module 0
	check_untouched "$1"
	check "enable" enabled $module 1
	check_answers "$1"
	check "disable" enabled $module 0
	check "rmmod" unload $module
	check_untouched "$1"
}

test_programs_get_the_new_system_calls_and_the_old_ones_back()
{
	check_switches 64
}

test_programs_of_32_bits_get_the_new_system_calls_and_the_old_ones_back()
{
	need_32 || return
	check_switches 32
}

test_all_arguments_arrive()
{
	check "insmod" load $module answer=3
	check_args "1 2 3 4 0x5 6" 64 process_vm_readv 1 2 3 4 5 6
	check_args "native 7 0x8 9" 64 get_robust_list 7 8 9
}

test_all_arguments_of_32_bits_arrive()
{
	need_32 || return
	check "insmod" load $module answer=3
	check_args "1 2 3 4 0x5 6" 32 process_vm_readv 1 2 3 4 5 6
}

# The upper half of a register counts for long arguments only.
test_arguments_have_their_types()
{
	check "insmod" load $module answer=3
	check_args "-1 -2 4294967293 18446744073709551612 0xfffffffffffffffb -6" 64 \
		process_vm_readv -1 -2 -3 -4 -5 -6
	check_args "-2147483648 $((upper + 2)) 3 $((upper + 4)) 0x7654321000000005 -32768" 64 \
		process_vm_readv $((upper + 0x80000000)) $((upper + 2)) $((upper + 3)) \
		$((upper + 4)) $((upper + 5)) $((upper + 0x18000))
	check_args "native -7 0x7654321000000008 $((upper + 9))" 64 \
		get_robust_list $((upper + 0xfffffff9)) $((upper + 8)) $((upper + 9))
}

# A program of 32 bits has no upper halves: unsigned longs and pointers are extended
# with zeros, longs with their sign.
test_arguments_of_32_bits_have_their_types()
{
	need_32 || return
	check "insmod" load $module answer=3
	check_args "-1 -2 4294967293 4294967292 0xfffffffb -6" 32 \
		process_vm_readv -1 -2 -3 -4 -5 -6
	check_args "-2147483648 2 3 4 0x5 -32768" 32 \
		process_vm_readv $((upper + 0x80000000)) $((upper + 2)) $((upper + 3)) \
		$((upper + 4)) $((upper + 5)) $((upper + 0x18000))
}

test_programs_of_32_bits_enter_a_body_of_their_own()
{
	need_32 || return
	check "insmod" load $module answer=3
	check_args "compat 7 0x8 9" 32 get_robust_list 7 8 9
	check_args "compat -7 0xfffffff8 -9" 32 get_robust_list -7 -8 -9
	check_args "native 7 0x8 9" 64 get_robust_list 7 8 9
}

test_long_results_arrive()
{
	check "insmod" load $module answer=$((upper + 1))
	check_is "process_vm_readv()" $((upper + 1)) "$(what_returns 64 process_vm_readv)"
	need_32 || return
	check_is "process_vm_readv()" 1 "$(what_returns 32 process_vm_readv)"
}

remove_sample()
{
	{ echo 0 > $kpatch_sysfs/$sample/enabled; } 2>/dev/null
	rmmod $sample 2>/dev/null
	[ ! -e /sys/module/$sample ]
}

# check_personality EXPECTED READ_IMPLIES_EXEC: what it returns to ask for the flag; the
# personality of a program that does not is as it was
check_personality()
{
	local entry

	for entry in $entries; do
		check_is "asked for by entry $entry" "$1" \
			"$(what_returns "$entry" personality 0x400000)"
		check_is "query by entry $entry" 0 \
			"$(what_returns "$entry" personality 0xffffffff)"
		check_is "another by entry $entry" 0 \
			"$(what_returns "$entry" personality 0x20000)"
	done
	if [ "$1" = 0 ]; then
		check "setarch" setarch --read-implies-exec true
	else
		! setarch --read-implies-exec true 2>/dev/null || fail "setarch succeeds"
	fi
}

test_the_sample_checks_before_the_original()
{
	local entries=64

	modprobe -n -q $sample || { skip "no module $sample, set CONFIG_SAMPLE_KPATCH=m"; return; }
	! what_returns 32 getpid >/dev/null || entries+=" 32"
	at_end wait_for 10 remove_sample
	check_personality 0
	check "modprobe" modprobe $sample
	check_personality -1
	check "disable" enabled $sample 0
	check_personality 0
	check "rmmod" unload $sample
	check_personality 0
}

in_flock() { is_in "$1" __x64_sys_flock || is_in "$1" __do_sys_flock; }

# The compiler may have the entry of a system call jump to its body.
test_a_task_in_the_body_of_a_system_call_is_found()
{
	local file holder waiter through=test_kpatch_through

	file=$(mktemp)
	background bash -c "flock 9; exec sleep 1000" 9> "$file"
	holder=$child
	check "the lock is held" wait_for 10 is_locked "$file"
	background flock "$file" true
	waiter=$child
	check "a task waits for it" wait_for 10 in_flock "$waiter"
	grep sys_flock "/proc/$waiter/stack" | sed 's/^/# /'
	check "insmod" load $through name=__x64_sys_flock
	check "enable" enabled $through 1
	check_is "parked" 1 "$(cat $kpatch_sysfs/$through/parked)"
	check "it waits again" wait_for 10 is_in "$waiter" replacement0
	check "disable" enabled $through 0
	check "it waits once more" wait_for 10 in_flock "$waiter"
	check "rmmod" unload $through
	kill "$holder" "$waiter"
}

is_locked() { ! flock -n "$1" true; }

run_tests
