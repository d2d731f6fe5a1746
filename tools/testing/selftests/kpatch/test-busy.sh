#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A task sleeps inside the function and is not parked: the switch must change nothing
# and name the task.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

patch=test_kpatch_pause
blockers=$kpatch_sysfs/$patch/blockers

# The function has several names; this is the one that the kernel reports.
old_pause=$(symbol_of __x64_sys_pause)

# start_sleeper [NAME]: start a task that sleeps in pause(); the return value of
# pause() goes to $answer. The task is not parked.
start_sleeper()
{
	check "no parking" knob park N
	answer=$(mktemp)
	background "$user" pause "${1-sleeper}" > "$answer"
	sleeper=$child
	check "the sleeper sleeps" wait_for 10 sleeps "$sleeper"
}

wake_sleeper()
{
	kill -USR1 "$sleeper"
	wait "$sleeper"
}

# check_switch_refused MODULE 0|1
check_switch_refused()
{
	local before

	before=$(is_enabled "$1")
	mark_log
	! briefly enabled "$1" "$2" || fail "switching to $2 succeeded"
	case $switch_error in
	*"resource busy"*) ;;
	*) fail "expected EBUSY, got '$switch_error'" ;;
	esac
	check_is "enabled" "$before" "$(is_enabled "$1")"
	check_no_log "abled patch module"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-16)')"
}

test_insmod_fails_while_a_task_sleeps_in_the_function()
{
	start_sleeper
	check_refused "resource busy" "$sleeper sleeper $old_pause asleep" $patch
	wake_sleeper
	check_is "return value of the old pause()" -4 "$(cat "$answer")"
	check "insmod" load $patch
}

test_enable_fails_and_lists_the_task_asleep_in_the_function()
{
	check "insmod" load $patch
	check "disable" enabled $patch 0
	start_sleeper
	check_switch_refused $patch 1
	check_is "blockers" "$sleeper sleeper $old_pause asleep" "$(cat $blockers)"
	check_log "$sleeper sleeper $old_pause asleep"
	wake_sleeper
	check_is "return value of the old pause()" -4 "$(cat "$answer")"
	check "enable" enabled $patch 1
	check_is "blockers" "" "$(cat $blockers)"
}

test_disable_fails_and_lists_the_task_asleep_in_the_new_function()
{
	check "insmod" load $patch
	start_sleeper
	check_switch_refused $patch 0
	check_is "blockers" "$sleeper sleeper new_pause asleep" "$(cat $blockers)"
	! unload $patch || fail "rmmod succeeded"
	wake_sleeper
	check_is "return value of the new pause()" 1 "$(cat "$answer")"
	check "disable" enabled $patch 0
	check "rmmod" unload $patch
}

test_a_killed_task_does_not_block()
{
	check "insmod" load $patch
	start_sleeper
	kill -KILL "$sleeper"
	wait "$sleeper" 2>/dev/null
	check "disable" enabled $patch 0
	check "rmmod" unload $patch
}

test_each_of_many_sleepers_is_listed()
{
	check "insmod" load $patch
	for _ in 1 2 3 4 5; do
		start_sleeper
	done
	check_switch_refused $patch 0
	check_is "blockers" 5 "$(grep -c 'sleeper new_pause asleep' $blockers)"
	check_log "blocked by 5 task(s)"
}

# check_name NAME SHOWN: blockers and log show a task called NAME as SHOWN
check_name()
{
	start_sleeper "$1"
	check_switch_refused $patch 0
	check_is "blockers" "$sleeper $2 new_pause asleep" "$(cat $blockers)"
	check_log "first is $sleeper $2 new_pause asleep; "
	wake_sleeper
}

# A task chooses its own name: the name must not be able to fake lines or columns.
test_the_name_of_a_blocker_is_escaped()
{
	check "insmod" load $patch
	check_name $'a\nb\x01' 'a\012b\001'
	check_name '1 init asleep' '1\040init\040asleep'
	check_name $'\t\r\v\f\e[31m' '\011\015\013\014\033[31m'
	check_name 'a\040b' 'a\134040b'
	check_name "it's \"x\"" "it's\\040\"x\""
	check_name $'\xc3\xa4\xc2\xa0\xff' '\303\244\302\240\377'
	check_name '' '\000'
	check_name '-' '-'
}

# Together the lines are longer than a page.
test_every_listed_blocker_has_a_whole_line()
{
	local line='^[0-9]+ (\\001){15} (a_long_name_){16} asleep$'

	check "insmod" load $patch deep=Y
	for _ in {1..33}; do
		start_sleeper $'\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1'
	done
	check_switch_refused $patch 0
	check_is "whole lines" 32 "$(grep -cE "$line" $blockers)"
	check_is "lines" 32 "$(grep -c '' $blockers)"
	check_is "different tasks" 32 "$(cut -d ' ' -f 1 $blockers | sort -u | grep -c '')"
	check_log "blocked by 33 task(s)"
}

test_a_sleeper_does_not_block_unrelated_patches()
{
	check "insmod" load $patch
	start_sleeper
	check "insmod" load test_kpatch_cmdline
	check "disable" enabled test_kpatch_cmdline 0
	check "rmmod" unload test_kpatch_cmdline
}

# Each idle task stays in cpu_startup_entry() for as long as its CPU is online.
test_idle_tasks_are_checked()
{
	check_refused "deadlock" "cpu_startup_entry idle CPU" test_kpatch_any \
		name=cpu_startup_entry
}

test_the_requester_is_checked()
{
	check_refused "deadlock" "a module is loaded with enable=0 first" \
		test_kpatch_any name=__x64_sys_finit_module
}

test_a_task_inside_is_found_when_a_tracer_keeps_its_return_address()
{
	need_instance || return
	echo schedule > "$instance/set_ftrace_filter"
	check "insmod" load $patch
	if ! { echo function_graph > "$instance/current_tracer"; } 2>/dev/null; then
		skip "no function graph tracer"
		return
	fi
	start_sleeper
	check_switch_refused $patch 0
	check "blockers" grep -q "^$sleeper sleeper new_pause function graph" $blockers
	wake_sleeper
	check "disable" enabled $patch 0
}

test_a_task_inside_is_found_when_a_kretprobe_keeps_its_return_address()
{
	probe r512 kpatch_ret schedule || {
		skip "no kretprobes"
		return
	}
	check "insmod" load $patch
	start_sleeper
	check_switch_refused $patch 0
	check "blockers" grep -q "^$sleeper sleeper new_pause kretprobe" $blockers
	wake_sleeper
	check "disable" enabled $patch 0
}

# A foreign task that sleeps in pause() would block as well.
if grep -q " $old_pause+" /proc/[0-9]*/task/*/stack 2>/dev/null; then
	skip_all "a task of another program is asleep in $old_pause"
fi
run_tests
