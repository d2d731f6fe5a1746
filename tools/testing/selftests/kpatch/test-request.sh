#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The ways to request an operation, and what may happen to the requester meanwhile. A
# write returns the verdict, also if it runs through the functions that are switched.

# shellcheck source=sleepers.sh
. "$(dirname "$0")/sleepers.sh"

writer_program=$dir/kpatch_writer
# This patch calls the originals, so it may be one of functions that are in use.
patch=test_kpatch_through
files=$kpatch_sysfs/$patch
# A patch of a function that no task of the tests is in.
other=test_kpatch_cmdline
other_files=$kpatch_sysfs/$other

# What a write to a file in sysfs runs through.
on_the_way=(vfs_write ksys_write kernfs_fop_write_iter sysfs_kf_write)
# The function in which a task waits for its vfork() child: no signal makes it leave.
stuck=$(symbol_of __x64_sys_vfork)
# The function that a kernel thread is in, and runs in from time to time.
restless=wait_for_completion_interruptible

# Results of a write.
ebusy=-16
edeadlk=-35
unsupported=-95

# How much longer than the bound a task may be held, since attempts take time, too, ns.
bound=500000000
slack=$((100000000 * patience))

is_gone() { [ ! -e "/proc/$1" ]; }

state_of() { sed -n 's/^State:.\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null; }

is_in_state() { [ "$(state_of "$1")" = "$2" ]; }

is_not_in_state() { ! is_in_state "$@"; }

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# load_through FUNCTION[,FUNCTION...] [PARAMETER...]
load_through()
{
	check "insmod" load $patch "name=$1" "${@:2}"
}

load_other()
{
	check "insmod" load $other enable=0
}

is_on() { [ "$(is_enabled "$1" 2>/dev/null)" = 1 ]; }

has_failed() { kpatch_log | grep -q "cannot enable"; }

# start_writer HOW ARGUMENT...: then its pid is $writer, its output goes to $written
start_writer()
{
	written=$(mktemp)
	background "$writer_program" "$@" > "$written"
	writer=$child
}

# write_how HOW FILE TEXT...: print the results
write_how()
{
	"$writer_program" "$@" | sed -n 's/^wrote //p' | paste -sd ' '
}

# check_wrote RESULT...: the writer ends, with these results
check_wrote()
{
	check "the writer ends" wait_for 20 is_gone "$writer"
	check_is "results of the writer" "$*" "$(sed -n 's/^wrote //p' "$written" | paste -sd ' ')"
}

start_stuck()
{
	start_sleepers vfork 1
	stuck_tid=$tid
}

kill_stuck()
{
	kill -KILL "$stuck_tid"
	check "the stuck task is gone" wait_for 10 is_gone "$stuck_tid"
}

# start_restless: a kernel thread that cannot be parked, but runs. So other blockers are
# parked again and again.
start_restless()
{
	check "insmod" load test_kpatch_kthread wake_ms=50
	check "the thread sleeps" wait_for 10 sleeps "$(pgrep kpatch_kthread)"
}

stop_restless()
{
	check "rmmod" rmmod test_kpatch_kthread
}

# is_parked PID: it waits in the park
is_parked() { is_in "$1" wait_in_park; }

# waits_for_turn PID: it waits for its turn, or for its verdict
waits_for_turn() { is_in "$1" "$requester_waits"; }

# start_self_parked ARGUMENT...: start a writer that runs through functions of the patch,
# and wait until it is parked. It is until the kernel thread goes, or the deadline comes.
start_self_parked()
{
	load_through "vfs_write,$restless"
	start_restless
	start_writer "$@"
	check "the writer is parked" wait_for 20 is_parked "$writer"
}

# start_long_operation: an operation that lasts until the stuck task goes, or the requester
start_long_operation()
{
	load_through "${1:+$1,}$stuck"
	start_stuck
	start_writer write $files/enabled "1 60000"
	first=$writer
	first_written=$written
	check "the first operation runs" wait_for 20 waits_for_turn "$first"
	sleep 0.3
}

check_first_wrote()
{
	writer=$first
	written=$first_written
	check_wrote "$@"
}

calls()
{
	parameter $patch calls
}

# Write through all functions on the way, and change nothing.
write_anything()
{
	echo "$(<$parameters/park)" > $parameters/park
}

# check_calls 0|1: the new functions are called, each of them, or not at all
check_calls()
{
	local before after i

	before=$(calls)
	write_anything
	after=$(calls)
	if [ "$1" = 0 ]; then
		check_is "calls while disabled" "$before" "$after"
		return
	fi
	read -ra before <<< "$before"
	read -ra after <<< "$after"
	for i in "${!before[@]}"; do
		[ "${after[i]}" -gt "${before[i]}" ] ||
			fail "new function $i is not called: ${before[*]}, ${after[*]}"
	done
}

# check_both_ways FUNCTION[,FUNCTION...]: a write enables and disables a patch of these
check_both_ways()
{
	load_through "$1"
	check_calls 0
	for _ in 1 2; do
		check "enable $1" try_switch enabled 1
		[ "$switch_ms" -lt 5000 ] || fail "parked until the deadline, $switch_ms ms"
		check_is "enabled" 1 "$(is_enabled $patch)"
		check_calls 1
		check "disable $1" try_switch enabled 0
		check_is "enabled" 0 "$(is_enabled $patch)"
		check_calls 0
	done
	check "rmmod" unload $patch
}

all_on_the_way=$(IFS=,; echo "${on_the_way[*]}")

test_functions_that_a_write_runs_through_are_switched_by_echo()
{
	local function

	for function in "${on_the_way[@]}" "$all_on_the_way"; do
		check_both_ways "$function"
	done
}

test_each_write_that_can_be_restarted_gets_its_verdict()
{
	local how

	load_through "$all_on_the_way"
	for how in write pwrite64 writev pwritev; do
		check_is "results of $how" "1 1 6 7" \
			"$(write_how $how $files/enabled 1 0 "1 5000" $'0 5000\n')"
		check_is "enabled" 0 "$(is_enabled $patch)"
	done
}

# Others call the functions of a write, too, but are not restarted as it is.
others="splice sendfile aio uring uring-async compat"

# check_told_to_use_write HOW 0|1
check_told_to_use_write()
{
	local result

	mark_log
	result=$(write_how "$1" $files/enabled "$2")
	if [ "$result" = $unsupported ]; then
		echo "# the kernel has no $1"
		return
	fi
	check_is "result of $1" $edeadlk "$result"
	check_log "use write(2)"
	check "blockers name the requester, $1" \
		grep -qE '^[0-9]+ (kpatch_writer|iou-wrk-[0-9]+) [^ ]+ requester' $files/blockers
	check_is "enabled" $((1 - $2)) "$(is_enabled $patch)"
}

test_writers_that_cannot_be_restarted_are_told_to_use_write()
{
	local how

	load_through kernfs_fop_write_iter
	for how in $others; do
		check_told_to_use_write "$how" 1
	done
	check "enable" try_switch enabled 1
	for how in $others; do
		check_told_to_use_write "$how" 0
	done
	check "disable" try_switch enabled 0
}

test_writers_that_cannot_be_restarted_get_their_verdict_elsewhere()
{
	local how result

	load_other
	load_through "$stuck"
	start_stuck
	for how in $others; do
		result=$(write_how "$how" $other_files/enabled 1)
		[ "$result" != $unsupported ] || continue
		check_is "result of $how, 1" 1 "$result"
		check_is "enabled by $how" 1 "$(is_enabled $other)"
		check_is "result of $how, 0" 2 "$(write_how "$how" $other_files/enabled $'0\n')"
		check_is "enabled by $how" 0 "$(is_enabled $other)"
		check_is "result of $how, blocked" $ebusy \
			"$(write_how "$how" $files/enabled "1 300")"
		check_is "enabled by $how" 0 "$(is_enabled $patch)"
	done
}

test_a_function_that_insmod_runs_through_is_switched_after_loading()
{
	check_refused "deadlock" "enable=0" $patch name=do_init_module enable=1
	load_through do_init_module
	check_is "enabled" 0 "$(is_enabled $patch)"
	check "enable" try_switch enabled 1
	load_other
	check_is "calls" 1 "$(calls)"
	check "disable" try_switch enabled 0
	check "rmmod" unload $other
	load_other
	check_is "calls" 1 "$(calls)"
}

# count_with FILE PATTERN PID...: in how many of the processes that file has the pattern
count_with()
{
	local file=$1 pattern=$2 paths

	shift 2
	paths=("${@/#//proc/}")
	grep -lE "$pattern" /dev/null "${paths[@]/%//$file}" 2>/dev/null | wc -l
}

# The whole crowd waits for its turn. Sets $pids.
crowd_waits()
{
	mapfile -t pids < <(pgrep -P "$writer")
	[ "$(count_with stack " $requester_waits" "${pids[@]}")" -eq 24 ]
}

# Each of them has its own deadline.
test_writers_wait_for_their_turn_until_their_deadline()
{
	local pids start ms

	load_other
	start_long_operation
	mark_log
	start=$(now_ms)
	start_writer crowd 24 $other_files/enabled "1 10000"
	check "24 writers wait" wait_for 10 crowd_waits
	check_is "states" 24 "$(count_with status '^State:.S' "${pids[@]}")"
	check "the first does not count as load" is_not_in_state "$first" D

	ms=$(now_ms)
	kill -KILL "${pids[-1]}"
	check "the one that was killed is gone" wait_for 2 is_gone "${pids[-1]}"
	ms=$(($(now_ms) - ms))
	between 0 2000 $ms || fail "it was killed, and gone after $ms ms"
	wait "$writer"
	ms=$(($(now_ms) - start))
	between 9900 13000 $ms || fail "EBUSY after $ms ms of 10000"
	check_is "results" "23 wrote $ebusy" "$(sort "$written" | uniq -c | sed 's/^ *//')"
	check_is "lines that name the operation and its requester" 23 "$(kpatch_log | grep -c \
		"'$other': another operation .*: enable '$patch', for kpatch_writer ($first);")"
	check_is "enabled" 0 "$(is_enabled $other)"
	kill -KILL "$first"
	check "the first is gone" wait_for 2 is_gone "$first"
	check "enable" enabled $other 1
}

# check_waiting_writer_is_parked FUNCTION: the first operation has to park the writer that
# waits for it
check_waiting_writer_is_parked()
{
	load_other
	start_long_operation "$1"
	start_writer write $other_files/enabled "1 60000"
	check "the second waits" wait_for 20 waits_for_turn "$writer"
	kill_stuck
	check_wrote 7
	check_first_wrote 7
	check_is "enabled" "1 1" "$(is_enabled $patch) $(is_enabled $other)"
	check "disable" try_switch enabled 0
	check "disable" enabled $other 0
	check "rmmod" unload $patch
	check "rmmod" unload $other
}

test_a_writer_that_waits_for_its_turn_does_not_block()
{
	local function

	for function in vfs_write kernfs_fop_write_iter ksys_write; do
		check_waiting_writer_is_parked $function
	done
}

# It waits anyway, so no bound on its holds keeps the operation from parking it.
test_a_writer_that_waits_for_long_does_not_block()
{
	load_other
	start_self_parked write $files/enabled "1 60000"
	first=$writer
	first_written=$written
	start_writer write $other_files/enabled "1 60000"
	check "the second waits" wait_for 20 waits_for_turn "$writer"
	sleep 3
	stop_restless
	check_first_wrote 7
	check_is "enabled" 1 "$(is_enabled $patch)"
	check "the second succeeds" wait_for 10 is_on $other
}

test_a_writer_that_waits_for_its_turn_can_be_stopped()
{
	load_other
	start_long_operation vfs_write
	start_writer write $other_files/enabled "1 60000"
	check "the second waits" wait_for 20 waits_for_turn "$writer"
	kill -STOP "$writer"
	check "it stops" wait_for 10 is_in_state "$writer" T
	kill_stuck
	check_first_wrote 7
	check_is "enabled" "1 0" "$(is_enabled $patch) $(is_enabled $other)"
}

# The same for the rest of its life.
test_a_stopped_writer_gets_its_turn_when_it_continues()
{
	load_other
	start_long_operation
	start_writer write $other_files/enabled "1 60000"
	check "the second waits" wait_for 20 waits_for_turn "$writer"
	kill -STOP "$writer"
	check "it stops" wait_for 10 is_in_state "$writer" T
	check_is "a third does not wait for the second" $ebusy \
		"$(write_how write $other_files/enabled "1 300")"
	kill_stuck
	sleep 0.5
	check_is "enabled" "1 0" "$(is_enabled $patch) $(is_enabled $other)"
	check "a third does not wait for the second" enabled $other 0
	kill -CONT "$writer"
	check_wrote 7
	check_is "enabled" 1 "$(is_enabled $other)"
}

# Not even shortly after its deadline, which it would have missed.
test_the_time_for_which_a_writer_is_stopped_does_not_count()
{
	load_other
	start_long_operation
	start_writer write $other_files/enabled "1 4000"
	check "the second waits" wait_for 20 waits_for_turn "$writer"
	kill -STOP "$writer"
	check "it stops" wait_for 10 is_in_state "$writer" T
	kill_stuck
	sleep 4.3
	kill -CONT "$writer"
	check_wrote 6
	check_is "enabled" 1 "$(is_enabled $other)"
}

test_a_parked_requester_that_is_stopped_gets_its_verdict()
{
	start_self_parked write $files/enabled "1 60000"
	kill -STOP "$writer"
	check "it stops" wait_for 20 is_in_state "$writer" T
	check_is "enabled" 0 "$(is_enabled $patch)"
	stop_restless
	check "the operation succeeds" wait_for 10 is_on $patch
	sleep 2
	kill -CONT "$writer"
	check_wrote 7
	check "disable" try_switch enabled 0
}

test_a_parked_requester_that_is_stopped_learns_of_a_failure()
{
	start_self_parked write $files/enabled "1 3000"
	kill -STOP "$writer"
	check "it stops" wait_for 20 is_in_state "$writer" T
	check "the operation fails" wait_for 10 has_failed
	kill -CONT "$writer"
	check_wrote $ebusy
	check_is "enabled" 0 "$(is_enabled $patch)"
}

test_a_parked_requester_can_be_killed()
{
	local killed

	load_other
	start_self_parked write $files/enabled "1 60000"
	killed=$(now_ms)
	kill -KILL "$writer"
	check "it is gone" wait_for 4 is_gone "$writer"
	killed=$(($(now_ms) - killed))
	between 0 3000 $killed || fail "it was killed, and gone after $killed ms"
	check_is "enabled" 0 "$(is_enabled $patch)"
	check "enable another patch" enabled $other 1
	check "disable another patch" enabled $other 0
	stop_restless
	sleep 0.5
	check_is "enabled" 0 "$(is_enabled $patch)"
	check "enable" try_switch enabled 1
	check "disable" try_switch enabled 0
}

# A tracer of system calls sees restarts as after a signal, and then the verdict.
# The writer hardly gets the CPU, so the patch is unregistered before the writer has taken
# its verdict.
test_a_patch_is_unloaded_before_its_writer_has_run()
{
	local i cpu

	for ((cpu = 0; cpu < $(nproc); cpu++)); do
		background bash -c 'while :; do :; done'
	done
	for i in 1 2 3 4 5; do
		load_through eventfd_read
		check "enable, $i" try_switch enabled 1
		start_writer write $files/enabled 0
		renice -n 19 "$writer" > /dev/null
		check "rmmod, $i" timeout $((20 * patience)) nice -n -10 bash -c \
			"until rmmod $patch 2> /dev/null; do :; done"
		check "the writer ends" wait_for 20 is_gone "$writer"
	done
}

test_a_tracer_sees_the_verdict()
{
	local seen

	load_through "vfs_write,$restless"
	seen=$("$writer_program" trace $files/enabled 1)
	check_is "the last result" "saw 1 wrote 1" "$(tail -n 2 <<< "$seen" | paste -sd ' ')"
	check_is "other lines" "" "$(grep -v -e '^saw' -e '^wrote' <<< "$seen")"
	check "disable" try_switch enabled 0
	start_restless
	seen=$("$writer_program" trace $files/enabled "1 700")
	check_is "the last result" "saw $ebusy wrote $ebusy" \
		"$(tail -n 2 <<< "$seen" | paste -sd ' ')"
	check_is "other lines" "" "$(grep -v -e '^saw' -e '^wrote' <<< "$seen")"
}

test_a_debugger_may_stop_a_requester()
{
	load_other
	start_self_parked write $files/enabled "1 60000"
	check_is "attach" "stopped detached" \
		"$("$writer_program" attach "$writer" | paste -sd ' ')"
	check_is "enabled" 0 "$(is_enabled $patch)"
	first=$writer
	first_written=$written
	start_writer write $other_files/enabled "1 60000"
	check "the second waits" wait_for 20 waits_for_turn "$writer"
	check_is "attach" "stopped detached" \
		"$("$writer_program" attach "$writer" | paste -sd ' ')"
	stop_restless
	check_first_wrote 7
	check_is "enabled" 1 "$(is_enabled $patch)"
	check "the other is enabled" wait_for 10 is_on $other
}

# check_under_alarms HOW
check_under_alarms()
{
	load_other
	load_through "vfs_write,$restless"
	start_restless
	start_writer "$1" $files/enabled "1 60000"
	first=$writer
	first_written=$written
	sleep 0.5
	start_writer "$1" $other_files/enabled "1 60000"
	sleep 0.5
	check_is "results so far" "" "$(cat "$written" "$first_written")"
	stop_restless
	check_wrote 7
	check "signals have arrived" grep -q '^alarms [1-9]' "$written"
	check_first_wrote 7
	check "signals have arrived" grep -q '^alarms [1-9]' "$written"
	check_is "enabled" "1 1" "$(is_enabled $patch) $(is_enabled $other)"
	start_restless
	check_is "after a failure" "$ebusy" "$(write_how "$1" $files/enabled "0 500")"
	stop_restless
	check "disable" try_switch enabled 0
	check "disable" enabled $other 0
	check "rmmod" unload $patch
	check "rmmod" unload $other
}

test_signals_with_a_handler_do_not_interrupt_a_write()
{
	check_under_alarms alarm
	check_under_alarms alarm-restart
}

# has_jumped TIMES: it has left so many writes
has_jumped() { [ "$(grep -c ^left "$written")" -eq "$1" ]; }

# start_jumper TIMES [OTHER TEXT]: start a writer that leaves so many writes for good, and
# wait until the first operation has failed without it
start_jumper()
{
	load_through "vfs_write,$restless"
	start_restless
	start_writer jump "$1" $files/enabled "1 1500" "${@:2}"
	check_jumped 1
}

# check_jumped TIMES: it has left so many writes, and the last operation has failed
check_jumped()
{
	check "it leaves write $1" wait_for 20 has_jumped "$1"
	check "the operation fails" wait_for 20 has_failed
	mark_log
	check_is "enabled" 0 "$(is_enabled $patch)"
	check_is "results so far" "" "$(sed -n 's/^wrote //p' "$written")"
}

test_an_old_verdict_is_not_used_after_a_jump_out_of_the_write()
{
	start_jumper 1
	stop_restless
	sleep 2
	kill -USR1 "$writer"
	check_wrote 6
	check_is "enabled" 1 "$(is_enabled $patch)"
	check "disable" try_switch enabled 0
}

# That the first one was too old does not make the second one good for ever.
test_an_old_verdict_is_not_used_after_a_second_jump()
{
	start_jumper 2
	sleep 2
	kill -USR1 "$writer"
	check_jumped 2
	stop_restless
	sleep 4
	kill -USR1 "$writer"
	check_wrote 6
	check_is "enabled" 1 "$(is_enabled $patch)"
	check "disable" try_switch enabled 0
}

test_an_old_verdict_is_not_used_after_another_operation_on_the_patch()
{
	start_jumper 1
	stop_restless
	check "enable" try_switch enabled 1
	check "disable" try_switch enabled 0
	kill -USR1 "$writer"
	check_wrote 6
	check_is "enabled" 1 "$(is_enabled $patch)"
	check "disable" try_switch enabled 0
}

test_an_old_verdict_is_not_used_after_the_patch_was_loaded_again()
{
	start_jumper 1
	stop_restless
	check "rmmod" unload $patch
	load_through "vfs_write,$restless"
	kill -USR1 "$writer"
	check_wrote 6
	check_is "enabled" 1 "$(is_enabled $patch)"
	check "disable" try_switch enabled 0
}

test_an_old_verdict_is_not_used_after_another_request()
{
	load_other
	start_jumper 1 $other_files/enabled 0
	stop_restless
	kill -USR1 "$writer"
	check_wrote 1 6
	check_is "enabled" 1 "$(is_enabled $patch)"
	check "disable" try_switch enabled 0
}

# The write reads the buffer anew when it is restarted.
test_a_write_requests_what_its_buffer_says_at_last()
{
	load_through "vfs_write,$restless"
	start_restless
	start_writer rewrite $files/enabled "1 9000" "0 9000"
	check_wrote 6
	check_is "enabled" 0 "$(is_enabled $patch)"
	stop_restless
	sleep 0.5
	check_is "enabled" 0 "$(is_enabled $patch)"
	check "enable" try_switch enabled 1
	check "disable" try_switch enabled 0
}

test_a_write_never_returns_eagain()
{
	load_other
	load_through "vfs_write,$restless"
	check_is "results" "1 1" "$(write_how nonblock $files/enabled 1 0)"
	start_restless
	start_writer nonblock $files/enabled "1 1000"
	sleep 0.3
	check_is "while it waits for its turn" $ebusy \
		"$(write_how nonblock $other_files/enabled "1 100")"
	check_wrote $ebusy
	check_is "EAGAIN" 0 "$(grep -c again "$written")"
}

test_an_enabled_patch_is_not_removed_by_force()
{
	check "insmod" load $other
	! rmmod -f $other 2>/dev/null || fail "rmmod -f succeeded"
	check "the module is still there" test -e /sys/module/$other
	check_is "enabled" 1 "$(is_enabled $other)"
	check_is "/proc/cmdline" "$other: new cmdline" "$(cat /proc/cmdline)"
	check_no_log "unloaded patch module"
	check "disable" enabled $other 0
	check "rmmod -f of a disabled patch" rmmod -f $other
	check_gone $other
	check_log "unloaded patch module \"$other\""
}

# The text of the module cannot be freed before the task has left it.
test_a_module_whose_init_fails_waits_for_a_task_in_its_text()
{
	local insmod lines ms

	load_other
	knob deadline_ms 1000
	background insmod "$mods/$patch.ko" name="$stuck" enable=1 \
		fail_ms=$((1000 * patience)) 2>/dev/null
	insmod=$child
	check "it is enabled" wait_for 20 is_on $patch
	mark_log
	start_stuck
	check "the task is in the new function" is_in "$stuck_tid" replacement0
	check "insmod waits" wait_for 20 is_in "$insmod" kpatch_take_down
	sleep 1
	kill -KILL "$insmod"
	check_is "enabling another patch" 7 "$(write_how write $other_files/enabled "1 20000")"
	check_is "disabling another patch" 7 "$(write_how write $other_files/enabled "0 20000")"
	check "insmod waits" test -e "/proc/$insmod"
	ms=$(now_ms)
	wake_sleepers
	check_answers "1 0"
	check "insmod is gone" wait_for 10 is_gone "$insmod"
	ms=$(($(now_ms) - ms))
	between 0 10000 $ms || fail "insmod was gone after $ms ms"
	check_gone $patch
	check_log "the module goes while its patch is registered"
	lines=$(kpatch_log | grep -c "'$patch'")
	echo "# $lines lines in the log"
	[ "$lines" -le 15 ] || fail "$lines lines in the log"
}

# hog_all_cpus: as many busy tasks as there are CPUs
hog_all_cpus()
{
	local i

	hogs=$(nproc)
	for ((i = 0; i < hogs; i++)); do
		background bash -c 'while :; do :; done'
	done
}

load_average() { cut -d . -f 1 /proc/loadavg; }

# check_holds: no sleeper of the last operation was held for longer than the bound
check_holds()
{
	local held

	held=$(statistic hold_ns)
	echo "# held for $held ns, $(statistic parked) parked"
	[ "$held" -gt 0 ] || fail "hold_ns is 0"
	[ "$held" -le $((bound + slack)) ] || fail "held for $held ns"
	[ "$held" -le "$(statistic max_hold_ns)" ] ||
		fail "hold_ns is $held, max_hold_ns $(statistic max_hold_ns)"
}

# check_slow_requester COMMAND...: by way of COMMAND a requester hardly gets the CPU
check_slow_requester()
{
	local before

	load_through eventfd_read
	start_sleepers eventfd 100
	hog_all_cpus
	before=$(load_average)
	background "$@" "$writer_program" write $files/enabled "1 20000" > /dev/null
	check "it is enabled" wait_for 30 is_on $patch
	check_is "parked" 100 "$(statistic parked)"
	check_holds
	[ "$(load_average)" -le $((before + hogs + 5)) ] ||
		fail "load average $(load_average), before $before, with $hogs busy tasks"
	wake_sleepers
	check_answers "100 8"
}

test_a_requester_in_the_idle_class_holds_no_task_for_long()
{
	check_slow_requester chrt -i 0
}

test_a_requester_with_low_priority_holds_no_task_for_long()
{
	check_slow_requester nice -n 19
}

test_a_requester_with_a_tiny_quota_holds_no_task_for_long()
{
	local mount

	mount=$(mktemp -d)
	mount -t cgroup2 none "$mount" 2>/dev/null &&
		echo +cpu > "$mount/cgroup.subtree_control"
	mkdir "$mount/kpatch-test"
	if [ -e "$mount/kpatch-test/cpu.max" ]; then
		echo "1000 100000" > "$mount/kpatch-test/cpu.max"
		# shellcheck disable=SC2016
		check_slow_requester bash -c 'echo $$ > "$0"; exec "$@"' \
			"$mount/kpatch-test/cgroup.procs"
		wait "$child" 2>/dev/null
	else
		skip "no CPU controller"
	fi
	wait_for 30 rmdir "$mount/kpatch-test" 2>/dev/null
	echo -cpu > "$mount/cgroup.subtree_control"
	umount "$mount" 2>/dev/null
	rmdir "$mount"
}

test_parked_tasks_and_holds_are_counted()
{
	local longest

	load_through eventfd_read
	check_is "before the first operation" "0 0 0" \
		"$(statistic parked) $(statistic hold_ns) $(statistic max_hold_ns)"
	start_sleepers eventfd 37
	check "enable" try_switch enabled 1
	check_is "parked" 37 "$(statistic parked)"
	check_holds
	check "all sleep again" wait_for 20 all_in "$sleeper" 37 eventfd_read
	longest=$(statistic max_hold_ns)
	wake_sleepers
	check_answers "37 8"
	check "disable" try_switch enabled 0
	check_is "with no sleeper" "0 0 $longest" \
		"$(statistic parked) $(statistic hold_ns) $(statistic max_hold_ns)"
}

# Each time the kernel thread has run, the others are parked again.
test_a_restless_blocker_does_not_prolong_holds()
{
	local nap

	load_through "eventfd_read,do_nanosleep,$restless"
	start_sleepers eventfd 20
	out=$(mktemp)
	background "$sleeper_program" nap napper > "$out"
	check "it naps" wait_for 20 grep -q ^napping "$out"
	start_restless
	check_fails "resource busy" enabled 1
	between 4900 8000 "$switch_ms" || fail "EBUSY after $switch_ms ms of 5000"
	kill -USR1 "$child"
	check "it ends" wait_for 20 grep -q ^longest "$out"
	nap=$(sed -n 's/^longest //p' "$out")
	echo "# the longest nap took $nap ms"
	[ "$nap" -le $(((bound + slack) / 1000000)) ] || fail "a nap of 1 ms took $nap ms"
	check_holds
	[ "$(statistic parked)" -ge 20 ] || fail "only $(statistic parked) tasks were parked"
	stop_restless
	check "enable" try_switch enabled 1
	check "disable" try_switch enabled 0
	wake_sleepers
}

# Code that checks where indirect calls go would not let it call the originals.
if grep -qw ibt /proc/cpuinfo; then
	skip_all "the CPU checks indirect calls, which $patch makes"
fi
run_tests
