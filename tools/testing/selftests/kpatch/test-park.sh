#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# User tasks that block a switch are parked: they leave the kernel, wait for the
# verdict, and restart their system call. They do not notice it.

# shellcheck source=sleepers.sh
. "$(dirname "$0")/sleepers.sh"

# The function in which a task waits for its vfork() child: no signal makes it leave.
stuck=$(symbol_of __x64_sys_vfork)

# start_stuck: start a task that cannot be parked; its tid is $stuck_tid
start_stuck()
{
	start_sleepers vfork 1
	stuck_tid=$tid
}

# fail_to_enable: try to enable the patch, which has the function of the task that cannot
# be parked: the other tasks are parked and unparked.
fail_to_enable()
{
	check_busy enabled 1
	check "blockers" grep -q "^$stuck_tid sleeper $stuck asleep" $files/blockers
}

# switches PROCESS: how often each of its threads has given up or lost the CPU
switches()
{
	cat "/proc/$1"/task/*/status | grep _ctxt_switches
}

# Enable the patch while 1000 tasks sleep in the function, and check their answers
# afterwards. The script must not read from a pipe while the patch is enabled: tasks
# other than the sleepers make no progress then.
test_1000_readers_of_a_pipe_get_the_new_answer()
{
	local status=0

	load_disabled "$(first_of anon_pipe_read pipe_read)"
	start_sleepers pipe 1000
	knob deadline_ms 15000
	try_switch enabled 1 || status=1
	echo "# $switch_ms ms"
	wait_for 60 test -s "$out"
	wait_for 60 grep -q ^took "$out"
	check "disable" try_switch enabled 0
	check_is "enable" "0 " "$status $switch_error"
	check_answers "1000 $new_answer"
}

test_1000_readers_of_a_pipe_resume_after_a_failed_attempt()
{
	local function

	function=$(first_of anon_pipe_read pipe_read)
	load_disabled "$function,$stuck"
	start_stuck
	start_sleepers pipe 1000
	fail_to_enable
	echo "# $switch_ms ms"
	check "all sleep again" wait_for 60 all_in "$sleeper" 1000 "$function"
	wake_sleepers
	check_answers "1000 1"
}

test_a_dry_run_disturbs_no_task()
{
	local before stops

	load_disabled eventfd_read
	start_sleepers eventfd 40
	check "all sleep" wait_for 10 all_in "$sleeper" 40 eventfd_read
	before=$(switches "$sleeper")
	stops=$(statistic stops)
	knob prescan Y
	mark_log
	check "check" try_switch check 1
	check_log "'$patch': to enable it 40 task(s) would have to be parked, first is "
	check_is "blockers" 32 "$(grep -c ' sleeper eventfd_read asleep$' $files/blockers)"
	check_is "switches of the sleepers" "$before" "$(switches "$sleeper")"
	check_is "stops" "$stops" "$(statistic stops)"
	check_is "enabled" 0 "$(is_enabled $patch)"
	wake_sleepers
	check_answers "40 8"
}

test_a_dry_run_names_a_task_that_cannot_be_parked()
{
	local before

	load_disabled "eventfd_read,$stuck"
	start_stuck
	start_sleepers eventfd 5
	check "all sleep" wait_for 10 all_in "$sleeper" 5 eventfd_read
	before=$(switches "$sleeper")
	check_busy check 1
	check "blockers" grep -q "^$stuck_tid sleeper $stuck asleep" $files/blockers
	check_is "switches of the sleepers" "$before" "$(switches "$sleeper")"
	kill -KILL "$stuck_tid"
	check "the stuck task is gone" wait_for 10 is_gone "$stuck_tid"
	check "check" try_switch check 1
	check_is "switches of the sleepers" "$before" "$(switches "$sleeper")"
	knob park N
	check_busy check 1
	wake_sleepers
	check_answers "5 8"
}

test_without_parking_sleepers_block()
{
	local stops

	load_disabled eventfd_read
	start_sleepers eventfd 1000
	stops=$(statistic stops)
	knob park N
	knob prescan Y
	check_busy enabled 1
	check_is "stops" "$stops" "$(statistic stops)"
	check_is "blockers" 32 "$(grep -c ' sleeper eventfd_read asleep$' $files/blockers)"
	check_log "1000 task"
	check "all still sleep" all_in "$sleeper" 1000 eventfd_read
	wake_sleepers
	check_answers "1000 8"
}

# check_kind KIND FUNCTION ANSWER [FILTER]: sleepers of this kind resume after a failed
# attempt as if nothing had happened, and get the answer of the new function once it is
# enabled
check_kind()
{
	local naps

	load_disabled "$2,$stuck"
	start_stuck
	start_sleepers "$1" 10 "$4"
	check "all sleep in $2" wait_for 10 all_in "$sleeper" 10 "$2"
	naps=$(naps_of "$sleeper")
	fail_to_enable
	check "all sleep again" wait_for 10 all_in "$sleeper" 10 "$2"
	check "they were parked" have_napped "$sleeper" "$naps"
	wake_sleepers
	check_answers "10 $3"
	kill -KILL "$stuck_tid"
	start_sleepers "$1" 10 "$4"
	check "enable" try_switch enabled 1
	check_answers "10 $new_answer"
	check_is "blockers" "" "$(cat $files/blockers)"
	check "disable" try_switch enabled 0
	check "rmmod" unload $patch
}

test_readers_are_parked()
{
	check_kind eventfd eventfd_read 8
}

test_futex_waiters_are_parked()
{
	check_kind futex futex_wait 0
}

test_tasks_in_poll_are_parked()
{
	check_kind poll do_sys_poll 1
}

test_tasks_in_accept_are_parked()
{
	check_kind accept unix_accept 0
}

# check_nanosleep [FILTER]: each attempt makes the call restart, with the remaining time
check_nanosleep()
{
	local min max start last

	load_disabled "do_nanosleep,$stuck"
	start_stuck
	start_sleepers nanosleep 10 "$1"
	start=$EPOCHREALTIME
	for _ in 1 2 3; do
		sleep 0.7
		last=$EPOCHREALTIME
		fail_to_enable
	done
	check_answers "10 0"
	read -r min max < <(sed -n 's/^took //p' "$out")
	[ "$min" -ge 4000 ] || fail "the shortest took $min ms of 4000"
	# They would sleep at least this long if each restart used the full time.
	last=$(((${last/./} - ${start/./}) / 1000 + 4000))
	[ "$max" -lt $last ] || fail "the longest took $max ms of 4000"
}

test_tasks_in_nanosleep_sleep_for_the_requested_time()
{
	check_nanosleep
}

# need_seccomp: the kernel has seccomp filters
need_seccomp()
{
	grep -q ^Seccomp_filters: /proc/self/status || skip "no seccomp filters"
	[ -z "$skipped" ]
}

# As containers have one: it says nothing of the call that is interrupted.
test_tasks_with_a_seccomp_filter_are_parked()
{
	need_seccomp || return
	check_kind poll do_sys_poll 1 other
	check_kind timed_futex futex_wait 0 other
}

test_tasks_in_nanosleep_with_a_seccomp_filter_sleep_for_the_requested_time()
{
	need_seccomp || return
	check_nanosleep other
}

# check_not_parked FUNCTION: no attempt disturbs the sleepers, and each one names them
check_not_parked()
{
	local file before line=" sleeper $1 asleep, seccomp filter"

	before=$(switches "$sleeper")
	for file in check enabled; do
		check_busy $file 1
		check "blockers" grep -qx "$tid$line" $files/blockers
		check_is "blockers" 3 "$(grep -c "^[1-9][0-9]*$line\$" $files/blockers)"
		check_log "blocked by 3 task(s), first is "
		check_log "$line"
	done
	check_is "switches of the sleepers" "$before" "$(switches "$sleeper")"
	check "all sleep on" all_in "$sleeper" 3 "$1"
}

# check_filtered KIND FUNCTION ANSWER FILTER: sleepers that their filter does not allow to
# restart their call are not parked. The patch can be enabled once they have left.
check_filtered()
{
	need_seccomp || return
	load_disabled "$2"
	start_sleepers "$1" 3 "$4"
	check_not_parked "$2"
	[ "$failures" -eq 0 ] || return
	wake_sleepers
	check_answers "3 $3"
	check "enable" try_switch enabled 1
}

# The filter would kill them.
test_tasks_in_nanosleep_that_may_not_restart_it_sleep_for_the_requested_time()
{
	need_seccomp || return
	check_nanosleep kill
}

test_a_task_in_poll_that_may_not_restart_it_is_not_parked()
{
	check_filtered poll do_sys_poll 1 kill
}

test_a_task_in_futex_that_may_not_restart_it_is_not_parked()
{
	check_filtered timed_futex futex_wait 0 kill
}

# Its call would return EPERM.
test_a_task_whose_restart_would_fail_is_not_parked()
{
	check_filtered timed_futex futex_wait 0 fail
}

# If the task were parked, this pause() would return.
test_a_task_that_may_not_restart_its_call_prevents_disabling()
{
	local files=$kpatch_sysfs/test_kpatch_pause patch=test_kpatch_pause before

	need_seccomp || return
	check "insmod" load $patch
	start_sleepers pause 1 kill
	before=$(switches "$sleeper")
	check_busy check 0
	check_busy enabled 0
	check_is "blockers" "$tid sleeper new_pause asleep, seccomp filter" \
		"$(cat "$files/blockers")"
	check_is "switches of the sleeper" "$before" "$(switches "$sleeper")"
	check "it sleeps on" is_in "$tid" new_pause
	kill -KILL "$sleeper"
	check "disable" try_switch enabled 0
}

test_parking_is_invisible_to_a_tracer()
{
	load_disabled "eventfd_read,$stuck"
	start_stuck
	start_program traced eventfd sleeper
	check "it sleeps" wait_for 10 is_in "$tid" eventfd_read
	for _ in 1 2 3; do
		fail_to_enable
	done
	check "it sleeps again" wait_for 10 is_in "$tid" eventfd_read
	wake_sleepers
	check "it ends" wait_for 10 grep -q gone "$out"
	check_is "output of the task and its tracer" "asleep $tid answer 1 8 gone" \
		"$(paste -sd ' ' "$out")"
	kill -KILL "$stuck_tid"
	start_program traced eventfd sleeper
	check "enable" try_switch enabled 1
	check "it ends" wait_for 10 grep -q gone "$out"
	check_is "output of the task and its tracer" \
		"asleep $tid answer 1 $new_answer gone" "$(paste -sd ' ' "$out")"
}

is_stopped()
{
	! grep -q -v '^State:.T' <(grep -h ^State "/proc/$1"/task/*/status)
}

# The task left the function to stop, and restarts its call when it continues.
test_a_stopped_task_does_not_block_and_stays_stopped()
{
	load_disabled eventfd_read
	start_sleepers eventfd 3
	kill -STOP "$sleeper"
	check "it stops" wait_for 10 is_stopped "$sleeper"
	check "enable" try_switch enabled 1
	check "it stays stopped" is_stopped "$sleeper"
	check_is "output" "asleep $tid" "$(cat "$out")"
	kill -CONT "$sleeper"
	check_answers "3 $new_answer"
}

test_a_task_in_vfork_elsewhere_does_not_block()
{
	load_disabled eventfd_read
	start_stuck
	check "enable" try_switch enabled 1
	check "disable" try_switch enabled 0
	check "it waits" is_in "$stuck_tid" "$stuck"
	wake_sleepers
	check_answers "1 0"
}

test_a_task_that_no_signal_wakes_is_named()
{
	local stops

	load_disabled "$stuck"
	start_stuck
	stops=$(statistic stops)
	knob prescan Y
	check_busy enabled 1
	check_is "blockers" "$stuck_tid sleeper $stuck asleep" "$(cat $files/blockers)"
	check_log "$stuck_tid sleeper $stuck asleep"
	check_is "stops" "$stops" "$(statistic stops)"
	wake_sleepers
	check_answers "1 0"
	check "enable" try_switch enabled 1
}

test_kernel_threads_are_named()
{
	local function=wait_for_completion_interruptible

	load_disabled $function
	check "insmod" load test_kpatch_kthread
	check "the thread sleeps" wait_for 10 sleeps "$(pgrep kpatch_kthread)"
	check_busy enabled 1
	check_is "blockers" \
		"$(pgrep kpatch_kthread) kpatch_kthread $function asleep, kernel thread" \
		"$(cat $files/blockers)"
	check "rmmod" rmmod test_kpatch_kthread
	check "enable" try_switch enabled 1
}

# start_attempt FILE VALUE: write VALUE to FILE in the background, with sleepers in
# eventfd_read() and a task that cannot be parked. Returns once the sleepers have been
# parked; on a slow machine they may be asleep again by then.
start_attempt()
{
	local naps

	load_disabled "eventfd_read,$stuck"
	start_stuck
	start_sleepers eventfd 20
	naps=$(naps_of "$sleeper")
	background bash -c "echo $2 2>/dev/null > $files/$1"
	attempt=$child
	check "they are parked" wait_for 20 have_napped "$sleeper" "$naps"
}

is_gone() { [ ! -e "/proc/$1" ]; }

test_a_parked_task_can_be_killed()
{
	knob deadline_ms 15000
	start_attempt enabled 1
	kill -KILL "$sleeper"
	# This script is its parent and has to reap it.
	wait "$sleeper" 2>/dev/null
	check_is "exit status" 137 $?
	check "it is gone" is_gone "$sleeper"
	check_is "enabled" 0 "$(is_enabled $patch)"
	kill -KILL "$stuck_tid"
	check "the attempt ends once no task is inside" wait "$attempt"
	check_is "enabled" 1 "$(is_enabled $patch)"
}

# No stop is short enough, so they stay parked until the deadline.
test_a_task_that_stays_parked_can_be_killed()
{
	local naps killed

	knob prescan Y
	knob deadline_ms 15000
	load_disabled eventfd_read
	knob stop_budget_us 1
	start_sleepers eventfd 20
	naps=$(naps_of "$sleeper")
	background bash -c "echo 1 2>/dev/null > $files/enabled"
	attempt=$child
	check "they are parked" wait_for 20 have_napped "$sleeper" "$naps"
	killed=$SECONDS
	kill -KILL "$sleeper"
	wait "$sleeper" 2>/dev/null
	check_is "exit status" 137 $?
	[ $((SECONDS - killed)) -lt 10 ] || fail "it took $((SECONDS - killed)) s"
	kill -KILL "$attempt"
	check "the requester dies" wait_for 10 is_gone "$attempt"
	check_is "enabled" 0 "$(is_enabled $patch)"
}

# The requester of a switch may be killed, too.
test_all_tasks_are_unparked_when_the_requester_is_killed()
{
	local killed

	knob deadline_ms 15000
	start_attempt enabled 1
	killed=$SECONDS
	kill -KILL "$attempt"
	check "the requester dies" wait_for 10 is_gone "$attempt"
	check "all sleep again" wait_for 10 all_in "$sleeper" 20 eventfd_read
	# Each parked task leaves on its own, but only after the deadline.
	[ $((SECONDS - killed)) -lt 10 ] || fail "it took $((SECONDS - killed)) s"
	check_is "enabled" 0 "$(is_enabled $patch)"
	wake_sleepers
	check_answers "20 8"
}

test_all_tasks_are_unparked_at_the_deadline()
{
	check "deadline" knob deadline_ms 300
	load_disabled "eventfd_read,$stuck"
	start_stuck
	start_sleepers eventfd 100
	check_fails "resource busy" enabled 1
	between 250 5000 $switch_ms || fail "EBUSY after $switch_ms ms of 300"
	check "all sleep again" wait_for 5 all_in "$sleeper" 100 eventfd_read
	check "blockers" grep -q "^$stuck_tid sleeper $stuck asleep" $files/blockers
	wake_sleepers
	check_answers "100 8"
}

# The blocker may be waiting for one of the parked tasks.
test_no_task_stays_parked_long_for_one_blocker()
{
	check "deadline" knob deadline_ms 15000
	start_attempt enabled 1
	check "all sleep again" wait_for 4 all_in "$sleeper" 20 eventfd_read
	check "the attempt continues" kill -0 "$attempt"
	kill -KILL "$stuck_tid"
	check "the attempt ends once no task is inside" wait "$attempt"
	check_is "enabled" 1 "$(is_enabled $patch)"
	check_answers "20 $new_answer"
}

# A parked task must not lose an event that arrives while it is parked.
test_events_that_arrive_while_tasks_are_parked_are_not_lost()
{
	knob deadline_ms 3000
	start_attempt enabled 1
	wake_sleepers
	check_answers "20 8"
	! wait "$attempt" || fail "the attempt succeeded"
}

test_processes_may_keep_exiting_and_executing_programs()
{
	load_disabled eventfd_read
	out=$(mktemp)
	background "$sleeper_program" churn 4 > "$out"
	check "they start" wait_for 30 grep -q ^churning "$out"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		check "check" try_switch check 1
		check "enable" try_switch enabled 1
		check "disable" try_switch enabled 0
	done
	kill -USR1 "$child"
	check "they end" wait_for 30 grep -q ^churned "$out"
	echo "# $(cat "$out")"
	check "no child failed" grep -q ', 0 badly' "$out"
	check_is "runs without any child" 0 "$(grep -c '^churned 0,' "$out")"
}

# check_way_out FUNCTION: parked tasks wait inside FUNCTION, so they remain blockers and
# the switch must give up. A stuck task makes sure that it does.
check_way_out()
{
	local before start ms

	grep -q "^$1\( \|\$\)" "$tracing/available_filter_functions" || {
		skip "$1 cannot be patched"
		return
	}
	before=$(hooked)
	start_stuck
	start_sleepers eventfd 20
	knob deadline_ms 1000
	start=$EPOCHREALTIME
	! load $patch "name=eventfd_read,$stuck,$1" answer=$new_answer only=sleeper ||
		fail "insmod succeeded"
	ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	case $load_error in
	*"resource busy"*) ;;
	*) fail "expected EBUSY, got '$load_error'" ;;
	esac
	between 500 15000 $ms || fail "EBUSY after $ms ms of 1000"
	check_gone $patch
	check_is "hooked functions" "$before" "$(hooked)"
	check "all sleep again" wait_for 10 all_in "$sleeper" 20 eventfd_read
	wake_sleepers
	check_answers "20 8"
}

test_a_patch_of_get_signal_does_not_lock_up()
{
	check_way_out get_signal
}

test_a_patch_of_task_work_run_does_not_lock_up()
{
	check_way_out task_work_run
}

test_a_patch_of_arch_do_signal_or_restart_does_not_lock_up()
{
	check_way_out arch_do_signal_or_restart
}

run_tests
