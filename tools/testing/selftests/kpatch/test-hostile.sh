#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Unprivileged programs cannot keep a patch from being switched, unless they really are
# inside a function that is replaced and no signal makes them leave it: then the write
# fails within the deadline and names them.

# shellcheck source=sleepers.sh
. "$(dirname "$0")/sleepers.sh"

hostile_program=$dir/kpatch_hostile
cpus=$(nproc)

has_begun()
{
	grep -q -e ^ready -e ^skip "$hostile_out" || [ ! -e "/proc/$hostile" ] ||
		grep -q '^State:.Z' "/proc/$hostile/status"
}

# start_hostile MODE...: start the program and wait until it is ready. Then $hostile is
# the process, $hostile_tid the potential blocker, and $hostile_out has its output.
# Fails if the kernel lacks a feature that the mode needs: the test is skipped.
start_hostile()
{
	hostile_out=$(mktemp)
	background "$hostile_program" "$@" > "$hostile_out"
	hostile=$child
	wait_for 120 has_begun
	hostile_tid=$(sed -n 's/^ready //p' "$hostile_out")
	if grep -q ^skip "$hostile_out"; then
		skip "$(sed -n 's/^skip //p' "$hostile_out")"
		return 1
	fi
	[ -n "$hostile_tid" ] || fail "'$*' does not become ready"
	[ -n "$hostile_tid" ]
}

kill_hostile()
{
	pkill -KILL -P "$hostile"
	kill -KILL "$hostile"
	wait "$hostile" 2>/dev/null
}

is_gone() { [ ! -e "/proc/$1" ]; }

# has_function NAME: this function can be patched
has_function()
{
	[ -n "$1" ] && grep -q "^$1\( \|\$\)" "$tracing/available_filter_functions" && return
	skip "the kernel has no function ${1:-of that name} to patch"
	return 1
}

# check_answer VALUE: the call of the hostile task has returned VALUE
check_answer()
{
	check "its call returns" wait_for 30 grep -q ^answer "$hostile_out"
	check_is "answer" "$1" "$(sed -n 's/^answer //p' "$hostile_out")"
}

# cpu_time TID: the CPU time that the task has used, in hundredths of a second
cpu_time()
{
	local stat

	read -r stat < "/proc/$1/stat"
	# shellcheck disable=SC2086
	set -- ${stat##*) }
	echo $((${12} + ${13}))
}

# load_elsewhere: a patch of a function that no task of the tests is in
load_elsewhere()
{
	check "insmod" load test_kpatch_cmdline
	check "disable" enabled test_kpatch_cmdline 0
}

# A switch of that function takes one attempt and one stop.
check_not_blocking()
{
	local files=$kpatch_sysfs/test_kpatch_cmdline value attempts stops

	for value in 1 0; do
		attempts=$(statistic attempts)
		stops=$(statistic stops)
		check "writing $value" try_switch enabled $value
		check_is "attempts" 1 $(($(statistic attempts) - attempts))
		check_is "stops" 1 $(($(statistic stops) - stops))
	done
}

# check_harmless MODE...: the hostile program blocks no switch
check_harmless()
{
	load_elsewhere
	start_hostile "$@" || return
	check_not_blocking
	kill_hostile
}

# check_named NAME FUNCTION: the hostile task of this name is in FUNCTION, and no signal
# makes it leave. The write fails within the deadline, without a stop, and names it;
# other tasks are parked no longer than that; and the switch works once the task is
# gone.
check_named()
{
	local stops

	start_sleepers eventfd 20
	knob prescan Y
	knob deadline_ms 400
	stops=$(statistic stops)
	check_busy enabled 1
	between 300 5000 "$switch_ms" || fail "EBUSY after $switch_ms ms of 400"
	check_is "blockers" "$hostile_tid $1 $2" "$(cut -d ' ' -f 1-3 $files/blockers)"
	check_is "stops" "$stops" "$(statistic stops)"
	check "all sleep again" wait_for 10 all_in "$sleeper" 20 eventfd_read
	kill_hostile
	check "it is gone" wait_for 20 is_gone "$hostile_tid"
	knob deadline_ms 5000
	check "enable" try_switch enabled 1
	check "disable" try_switch enabled 0
	check_answers "20 $new_answer"
}

# check_inside FUNCTION MODE...: the hostile program blocks a patch of FUNCTION only
check_inside()
{
	local function=$1

	shift
	has_function "$function" || return
	load_elsewhere
	load_disabled "eventfd_read,$function"
	start_hostile "$@" || return
	check_not_blocking
	check_named hostile "$function"
}

test_a_dying_init_of_a_pid_namespace_does_not_block()
{
	check_harmless pidns
}

test_a_task_stopped_by_a_signal_does_not_block()
{
	check_harmless stopped signal
}

test_a_task_stopped_by_its_tracer_does_not_block()
{
	check_harmless stopped syscall
}

test_a_tracer_stops_a_task_in_fork()
{
	check_inside "$(symbol_of __x64_sys_fork)" stopped fork
}

test_a_page_fault_that_is_never_resolved()
{
	check_inside "$(symbol_of __x64_sys_process_vm_readv)" \
		userfault process_vm_readv
}

test_a_file_system_that_never_answers()
{
	check_inside "$(first_of fuse_lookup_name)" fuse
}

test_a_seccomp_supervisor_that_never_answers()
{
	check_inside "$(first_of __seccomp_filter)" seccomp
}

# A signal wakes the task, but it goes on waiting inside the function. Other tasks are
# parked nevertheless.
test_a_task_waiting_for_io_uring()
{
	check_inside "$(first_of io_cqring_wait)" uring
}

# The tasks that wait for the lock of the pipe are in the function, and so is the one
# that holds it.
test_the_lock_of_a_pipe_is_held_forever()
{
	local function count

	function=$(first_of anon_pipe_write pipe_write)
	load_elsewhere
	load_disabled "$function"
	start_hostile pipe 10 || return
	check_not_blocking
	knob deadline_ms 400
	check_busy enabled 1
	count=$(grep -c "^[0-9]* hostile $function asleep" $files/blockers)
	between 10 11 "$count" || fail "$count of 11 are named"
	kill_hostile
	check "it is gone" wait_for 20 is_gone "$hostile_tid"
	# Output goes through a pipe: print nothing while the patch is enabled.
	try_switch enabled 1
	check_is "enabled" "1, 0" "$(<$files/enabled), $(try_switch enabled 0; echo $?)"
}

test_a_core_dump_that_is_never_read()
{
	local pattern

	[ -e /proc/sys/kernel/core_pattern ] || {
		skip "no core dumps"
		return
	}
	pattern=$(cat /proc/sys/kernel/core_pattern)
	echo '|/bin/sleep 31415' > /proc/sys/kernel/core_pattern
	check_inside "$(first_of vfs_coredump do_coredump)" dump
	echo "$pattern" > /proc/sys/kernel/core_pattern
	pkill -KILL -f '^/bin/sleep 31415'
}

# give_cgroup TYPE OPTIONS: make a cgroup that belongs to the unprivileged user, $cgroup
give_cgroup()
{
	cgroup_mount=$(mktemp -d)
	if ! mount -t "$1" ${2:+-o "$2"} none "$cgroup_mount" 2>/dev/null; then
		rmdir "$cgroup_mount"
		skip "there is no $1 ${2:-}"
		return 1
	fi
	cgroup=$cgroup_mount/kpatch-test
	mkdir -p "$cgroup/frozen"
	chown -R 65534:65534 "$cgroup"
}

take_cgroup()
{
	wait_for 20 rmdir "$cgroup/frozen" 2>/dev/null
	wait_for 20 rmdir "$cgroup" 2>/dev/null
	umount "$cgroup_mount"
	rmdir "$cgroup_mount"
}

# The v2 freezer makes tasks leave their system calls.
check_frozen()
{
	load_elsewhere
	load_disabled futex_wait
	start_hostile freeze "$cgroup" || return
	check_not_blocking
	check "enable" try_switch enabled 1
	echo 0 > "$cgroup/frozen/cgroup.freeze"
	check_answer "$new_answer"
	check "disable" try_switch enabled 0
}

test_a_frozen_cgroup_does_not_block()
{
	give_cgroup cgroup2 || return
	check_frozen
	kill_hostile
	take_cgroup
}

# The v1 freezer freezes tasks where they sleep.
test_a_frozen_cgroup_v1_blocks()
{
	give_cgroup cgroup freezer || return
	load_elsewhere
	load_disabled futex_wait
	if start_hostile freeze "$cgroup"; then
		check_not_blocking
		knob deadline_ms 400
		check_busy enabled 1
		check_is "blockers" "$hostile_tid sleeper futex_wait" \
			"$(cut -d ' ' -f 1-3 $files/blockers)"
		echo THAWED > "$cgroup/frozen/freezer.state"
		check "enable" try_switch enabled 1
		check_answer "$new_answer"
		check "disable" try_switch enabled 0
	fi
	kill_hostile
	take_cgroup
}

# check_userfault FUNCTION ANSWER: after a failed attempt to park it the task must
# neither spin in the function nor get a wrong return value.
check_userfault()
{
	local before used

	knob deadline_ms 500
	check_busy enabled 1
	check "it is named" grep -q "^$hostile_tid hostile $1 " $files/blockers
	sleep 0.5
	before=$(cpu_time "$hostile_tid")
	sleep 2
	used=$(($(cpu_time "$hostile_tid") - before))
	[ "$used" -lt 20 ] || fail "it used $used of 200 hundredths of a second"
	kill -USR1 "$hostile"
	check_answer "$2"
	check "enable" try_switch enabled 1
	check "disable" try_switch enabled 0
}

test_a_task_waiting_for_a_page_keeps_sleeping_after_a_failed_attempt()
{
	load_disabled eventfd_read
	start_hostile userfault read || return
	check_userfault eventfd_read 8
}

test_a_nanosleep_that_faults_on_its_remaining_time_is_restarted()
{
	local ms

	load_disabled do_nanosleep
	start_hostile userfault nanosleep || return
	check_userfault do_nanosleep 0
	ms=$(sed -n 's/^took //p' "$hostile_out")
	[ "$ms" -ge 1500 ] || fail "it slept for $ms ms of 1500"
}

test_a_task_spinning_in_a_function_is_named()
{
	local stops

	load_disabled eventfd_read
	start_hostile spin || return
	stops=$(statistic stops)
	knob prescan Y
	check_busy enabled 1
	check "it is named" grep -q "^$hostile_tid hostile eventfd_read " $files/blockers
	stops=$(($(statistic stops) - stops))
	echo "# $stops stops"
	[ $stops -le 5 ] || fail "$stops futile stops"
	kill -USR1 "$hostile"
	check_answer 8
	check "enable" try_switch enabled 1
}

# A reader may block for any length of time while it reads a file of the patch.
test_a_reader_of_a_file_does_not_pin_a_patch()
{
	load_disabled eventfd_read
	start_hostile userfault file "$files/attempts" || return
	check "enable" try_switch enabled 1
	check "disable" try_switch enabled 0
	background rmmod $patch
	check "rmmod ends" wait_for 20 is_gone "$child"
	check_gone $patch
}

# has_verdict VALUE: the patch is switched to VALUE, or the write in the background failed
has_verdict()
{
	[ "$(is_enabled test_kpatch_getpid)" = "$1" ] || ! kill -0 "$child" 2>/dev/null
}

# The tasks hardly ever get the CPU. Where the kernel preempts itself they lose it inside
# the function, too, and may not have it back before the deadline. They may delay the end
# of the write that disables the patch, which waits for RCU tasks, but not the verdict.
test_starved_tasks_are_named_or_do_not_block()
{
	local files=$kpatch_sysfs/test_kpatch_getpid value

	check "insmod" load test_kpatch_getpid
	check "disable" enabled test_kpatch_getpid 0
	for value in 1 0; do
		start_hostile starve 20 20 || return
		background bash -c "echo $value > $files/enabled"
		check "a verdict on $value" wait_for 10 has_verdict $value
		if [ "$(is_enabled test_kpatch_getpid)" != $value ]; then
			echo "# $(grep -c getpid $files/blockers) named"
			check "named" grep -q " hostile .*getpid preempted" $files/blockers
			kill_hostile
			check "switching to $value" try_switch enabled $value
		else
			kill_hostile
			check "the write returns" wait "$child"
		fi
	done
}

# The write that fails does not wait for RCU tasks.
test_a_failed_enable_does_not_wait_for_starved_tasks()
{
	local files=$kpatch_sysfs/test_kpatch_through stuck

	stuck=$(symbol_of __x64_sys_vfork)
	check "insmod" load test_kpatch_through "name=$(symbol_of __x64_sys_getpid),$stuck"
	start_sleepers vfork 1
	start_hostile starve 20 20 || return
	knob deadline_ms 1000
	! try_switch enabled 1 || fail "enabling succeeded"
	echo "# $switch_error, $switch_ms ms"
	check "it is named" grep -q "^$tid sleeper $stuck asleep" $files/blockers
	between 900 4000 "$switch_ms" || fail "EBUSY after $switch_ms ms of 1000"
	kill_hostile
}

# A cgroup with a tiny quota: some kernels throttle its tasks wherever they are.
test_throttled_tasks_are_named_or_do_not_block()
{
	local files=$kpatch_sysfs/test_kpatch_getpid

	give_cgroup cgroup2 || return
	echo +cpu > "$cgroup_mount/cgroup.subtree_control"
	if [ ! -e "$cgroup/cpu.max" ]; then
		skip "no CPU controller"
		rmdir "$cgroup/frozen" "$cgroup"
		umount "$cgroup_mount"
		return
	fi
	check "insmod" load test_kpatch_getpid
	check "disable" enabled test_kpatch_getpid 0
	start_hostile throttle "$cgroup" 20
	echo "1000 1000000" > "$cgroup/cpu.max"
	sleep 1
	if ! try_switch enabled 1; then
		echo "# $switch_error, $(grep -c getpid $files/blockers) named"
		check "named" grep -q " hostile .*preempted" $files/blockers
		between 1500 6000 $switch_ms || fail "EBUSY after $switch_ms ms of 2000"
	fi
	echo max > "$cgroup/cpu.max"
	check "enable" try_switch enabled 1
	check "disable" try_switch enabled 0
	kill_hostile
	echo -cpu > "$cgroup_mount/cgroup.subtree_control"
	take_cgroup
}

# The tasks have notified their parent and do not get the CPU to finish exiting.
test_starved_exiting_tasks_do_not_block()
{
	local pid stack=0

	load_elsewhere
	start_hostile exiters 100 20 || return
	for pid in $(pgrep -P "$hostile" -r Z); do
		! read -r < "/proc/$pid/stack" || stack=$((stack + 1))
	done
	echo "# $stack of 100 have not finished exiting"
	check_not_blocking
	kill_hostile
}

# check_rounds ROUNDS: every switch succeeds, with few futile stops
check_rounds()
{
	local i attempts stops

	attempts=$(statistic attempts)
	stops=$(statistic stops)
	for ((i = 1; i <= $1; i++)); do
		check "enable, $i" try_switch enabled 1
		check "disable, $i" try_switch enabled 0
	done
	attempts=$(($(statistic attempts) - attempts))
	stops=$(($(statistic stops) - stops))
	echo "# $((2 * $1)) switches, $attempts attempts, $stops stops"
	[ $stops -lt $((4 * $1)) ] || fail "$stops stops for $((2 * $1)) switches"
}

test_processes_that_keep_exiting_do_not_block()
{
	local i

	load_disabled eventfd_read
	for ((i = 0; i < cpus; i++)); do
		background setpriv --reuid=65534 --regid=65534 --clear-groups \
			bash -c 'while :; do /bin/true; done'
	done
	sleep 0.5
	check_rounds 20
}

# check_storm KIND
check_storm()
{
	load_disabled eventfd_read
	start_hostile storm "$1" $((2 * cpus)) || return
	check_rounds 10
	kill_hostile
}

test_processes_that_keep_forking_do_not_block()
{
	check_storm fork
}

test_processes_that_keep_executing_programs_do_not_block()
{
	check_storm exec
}

test_processes_that_keep_getting_signals_do_not_block()
{
	check_storm signal
}

test_processes_that_keep_changing_their_cpu_do_not_block()
{
	check_storm affinity
}

test_processes_that_hog_all_cpus_do_not_block()
{
	load_disabled eventfd_read
	start_hostile hogs 5 || return
	check_rounds 3
	kill_hostile
}

test_a_process_with_many_zombies_exits()
{
	local i

	load_disabled eventfd_read
	start_hostile zombies 2000 || return
	for i in 1 2 3 4 5; do
		[ "$i" != 2 ] || kill -USR1 "$hostile"
		check_rounds 1
	done
	check "it is gone" wait_for 20 is_gone "$hostile_tid"
	kill_hostile
}

# Each thread is parked, and there is always a new one.
test_new_threads_keep_entering_a_function()
{
	load_disabled eventfd_read
	knob deadline_ms 5000
	start_hostile spawn 4 || return
	check "enable" try_switch enabled 1
	echo "# $switch_ms ms, $(statistic attempts) attempts, $(statistic stops) stops"
	kill_hostile
	check "disable" try_switch enabled 0
}

test_many_threads_enter_a_function_in_turn()
{
	# Without it attempts take longer than the first of them may be held.
	knob prescan Y
	load_disabled "$(symbol_of __x64_sys_select)"
	knob deadline_ms 10000
	start_hostile relay 200 1000 || return
	check "enable" try_switch enabled 1
	echo "# $switch_ms ms, $(statistic attempts) attempts, $(statistic stops) stops"
	check "disable" try_switch enabled 0
	kill_hostile
}

run_tests
