#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Busy kernel functions, switched while they are in constant use.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

longest_name() { stat -f -c %l /proc; }

test_a_system_call_is_switched_for_100_busy_processes_at_once()
{
	check "insmod" load test_kpatch_getpid
	check "no process sees a mixture" "$user" getpid 100 \
		$kpatch_sysfs/test_kpatch_getpid/enabled 10
	check "disable" enabled test_kpatch_getpid 0
	check "rmmod" unload test_kpatch_getpid
}

test_a_function_of_the_vfs_is_switched_under_load()
{
	local before i

	before=$(longest_name)
	background "$user" spin 10
	check "insmod" load test_kpatch_statfs
	for i in 1 2 3 4 5; do
		check_is "longest name, patched, $i" 77 "$(longest_name)"
		check "disable" enabled test_kpatch_statfs 0
		check_is "longest name, $i" "$before" "$(longest_name)"
		check "enable" enabled test_kpatch_statfs 1
	done
	check "disable" enabled test_kpatch_statfs 0
	check "rmmod" unload test_kpatch_statfs
}

test_a_function_called_in_interrupts_is_switched()
{
	local timers=test_kpatch_timers calls

	check_is "timer, before" expired "$("$user" proftimer)"
	check "insmod" load $timers
	check_is "timer, patched" silent "$("$user" proftimer)"
	[ "$(parameter $timers in_irq)" -gt 10 ] || fail "too few calls in interrupts"
	check_is "calls elsewhere" 0 "$(parameter $timers elsewhere)"
	check "disable" enabled $timers 0
	calls=$(parameter $timers in_irq)
	check_is "timer, disabled" expired "$("$user" proftimer)"
	check_is "calls of the new function" "$calls" "$(parameter $timers in_irq)"
	check "rmmod" unload $timers
}

more_pairs() { [ "$(parameter test_kpatch_pair_check "$1")" -gt "$2" ]; }

# check_pairs KIND: more pairs of this kind are counted
check_pairs()
{
	check "more pairs are $1" wait_for 10 more_pairs "$1" \
		$(($(parameter test_kpatch_pair_check "$1") + 100))
}

test_two_functions_are_never_seen_in_different_versions()
{
	local check=test_kpatch_pair_check pair=test_kpatch_pair

	check "insmod" load $check
	check "insmod" load $pair
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		check_pairs both_new
		check "disable" enabled $pair 0
		check_pairs both_old
		check "enable" enabled $pair 1
	done
	check "disable" enabled $pair 0
	check "rmmod" unload $pair
	echo "# $(parameter $check both_old) pairs old, $(parameter $check both_new) new"
	check_is "mixed pairs" 0 "$(parameter $check mixed)"
}

test_modules_are_loaded_and_unloaded_while_their_functions_are_in_use()
{
	background "$user" spin 6
	for _ in $(seq "${KPATCH_TEST_ROUNDS:-5}"); do
		check "insmod" load test_kpatch_getpid
		check "insmod" load test_kpatch_statfs
		check "disable" enabled test_kpatch_getpid 0
		check "rmmod" unload test_kpatch_getpid
		check "disable" enabled test_kpatch_statfs 0
		check "rmmod" unload test_kpatch_statfs
	done
}

# Exiting tasks leave the task list before they run in the kernel for the last time.
test_a_patch_is_switched_while_processes_fork_and_exit()
{
	background bash -c 'while :; do /bin/true; (exit); done'
	background bash -c 'while :; do (exit) | (exit); done'
	check "insmod" load test_kpatch_getpid
	for _ in 1 2 3 4 5; do
		check "disable" enabled test_kpatch_getpid 0
		check "enable" enabled test_kpatch_getpid 1
	done
	check "disable" enabled test_kpatch_getpid 0
	check "rmmod" unload test_kpatch_getpid
}

# Each write gets its own verdict, and the final state is consistent.
test_each_concurrent_writer_gets_a_verdict()
{
	local file=$kpatch_sysfs/test_kpatch_getpid/enabled writers=() pid

	check "insmod" load test_kpatch_getpid
	for _ in 1 2 3 4; do
		background bash -c \
			"for i in 1 2 3 4 5; do echo 0 > $file || exit; echo 1 > $file || exit; done"
		writers+=("$child")
	done
	for pid in "${writers[@]}"; do
		check "writer" wait "$pid"
	done
	check_is "enabled" 1 "$(is_enabled test_kpatch_getpid)"
}

test_a_patch_is_switched_with_a_cpu_offline()
{
	local online=/sys/devices/system/cpu/cpu1/online

	[ -w $online ] || { skip "CPU 1 cannot be taken offline"; return; }
	check "insmod" load test_kpatch_cmdline
	check "CPU 1 offline" change $online 0
	check "disable" enabled test_kpatch_cmdline 0
	check "enable" enabled test_kpatch_cmdline 1
	check "CPU 1 online" change $online 1
	check_is "/proc/cmdline" "test_kpatch_cmdline: new cmdline" "$(cat /proc/cmdline)"
	check "disable" enabled test_kpatch_cmdline 0
}

run_tests
