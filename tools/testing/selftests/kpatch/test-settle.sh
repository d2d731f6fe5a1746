#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Attempts: the prescan that decides whether to stop the machine, the deadline, the
# stop budget, dry runs, and isolated CPUs.

# shellcheck source=sleepers.sh
. "$(dirname "$0")/sleepers.sh"

# The function that the kernel thread of test_kpatch_kthread sleeps in.
function=wait_for_completion_interruptible

load_hopeless()
{
	load_disabled $function
	check "insmod" load test_kpatch_kthread
	check "the thread sleeps" wait_for 10 sleeps "$(pgrep kpatch_kthread)"
}

need_prescan()
{
	[ -e "$debug/prescan" ] && return
	skip "needs CONFIG_KPATCH_DEBUG"
	return 1
}

test_a_hopeless_attempt_does_not_stop_the_machine()
{
	local stops attempts

	load_hopeless
	knob prescan Y
	stops=$(statistic stops)
	attempts=$(statistic attempts)
	check_busy enabled 1
	check_busy check 1
	check_is "stops" "$stops" "$(statistic stops)"
	[ "$(statistic attempts)" -gt "$attempts" ] || fail "no more attempts"
}

test_a_hopeless_attempt_without_a_prescan_does()
{
	local stops

	need_prescan || return
	load_hopeless
	knob prescan N
	stops=$(statistic stops)
	check_busy enabled 1
	[ "$(statistic stops)" -gt "$stops" ] || fail "no stop"
	check_is "blockers" 1 "$(grep -c 'asleep, kernel thread$' $files/blockers)"
}

test_the_deadline_is_kept()
{
	local short

	load_hopeless
	knob deadline_ms 300
	check_fails "resource busy" enabled 1
	short=$switch_ms
	between 250 1500 $short || fail "EBUSY after $short ms of 300"
	knob deadline_ms 5000
	check_fails "resource busy" enabled 1
	between 4900 9000 $switch_ms || fail "EBUSY after $switch_ms ms of 5000"
	[ $short -lt $switch_ms ] || fail "EBUSY after $short ms of 300, $switch_ms of 5000"
}

check_expired()
{
	briefly check_fails "imer expired" "$@"
	check_log "(-62)"
}

test_a_stop_that_exceeds_its_budget_is_aborted()
{
	local hooked

	load_disabled eventfd_read
	hooked=$(hooked)
	knob stop_budget_us 1
	check_expired check 1
	check_expired enabled 1
	check_is "hooked functions" "$hooked" "$(hooked)"
	knob stop_budget_us 10000000
	check "enable" try_switch enabled 1
	knob stop_budget_us 1
	check_expired check 0
	check_expired enabled 0
	! unload $patch || fail "rmmod succeeded"
	knob stop_budget_us 10000000
	check "disable" try_switch enabled 0
	check "rmmod" unload $patch
}

references() { cat "/sys/module/$patch/refcnt"; }

# check_dry_run VALUE: the dry run succeeds and changes nothing
check_dry_run()
{
	local before

	before="$(is_enabled "$patch"), $(references) references, $(hooked) hooked"
	mark_log
	check "check $1" try_switch check "$1"
	check_is "after check $1" "$before" \
		"$(is_enabled "$patch"), $(references) references, $(hooked) hooked"
	check_no_log "abled patch module"
	check_is "blockers" "" "$(cat "$files/blockers")"
}

test_a_dry_run_that_succeeds_changes_nothing()
{
	local patch=test_kpatch_cmdline old
	local files=$kpatch_sysfs/$patch

	old=$(cat /proc/cmdline)
	check "insmod" load $patch
	for _ in 1 2 3; do
		check_dry_run 0
		check_dry_run 1
	done
	check_is "/proc/cmdline" "test_kpatch_cmdline: new cmdline" "$(cat /proc/cmdline)"
	check "disable" try_switch enabled 0
	for _ in 1 2 3; do
		check_dry_run 1
		check_dry_run 0
	done
	check_is "/proc/cmdline" "$old" "$(cat /proc/cmdline)"
	check "rmmod" unload $patch
}

test_a_dry_run_fails_as_the_switch_would()
{
	local before

	load_hopeless
	before="$(references) references, $(hooked) hooked"
	check_busy check 1
	check_is "blockers" 1 "$(grep -c " $function asleep, kernel thread\$" $files/blockers)"
	check_busy enabled 1
	check_is "blockers" 1 "$(grep -c " $function asleep, kernel thread\$" $files/blockers)"
	check_is "after the failures" "$before" "$(references) references, $(hooked) hooked"
	check "rmmod" rmmod test_kpatch_kthread
	check_dry_run 1
	check "enable" try_switch enabled 1
}

# The patch cannot be disabled while a task sleeps in its new function.
test_a_dry_run_of_disabling_fails_as_the_switch_would()
{
	local patch=test_kpatch_pause
	local files=$kpatch_sysfs/$patch

	knob park N
	check "insmod" load $patch
	background "$user" pause sleeper
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	check_busy check 0
	check_is "blockers" "$child sleeper new_pause asleep" "$(cat $files/blockers)"
	check_busy enabled 0
	check_is "blockers" "$child sleeper new_pause asleep" "$(cat $files/blockers)"
}

test_a_dry_run_names_a_newer_patch()
{
	local patch=test_kpatch_cmdline
	local files=$kpatch_sysfs/$patch

	check "insmod" load $patch
	check "insmod" load test_kpatch_cmdline2
	check_busy check 0
	check_log "test_kpatch_cmdline2"
	check "disable" enabled test_kpatch_cmdline2 0
	check_dry_run 0
}

check_check_refused()
{
	local error

	error=$(printf %s "$2" 2>&1 > "$files/check") && fail "writing $1 succeeded"
	case $error in
	*"Invalid argument"*) ;;
	*) fail "writing $1: expected EINVAL, got '$error'" ;;
	esac
}

test_check_accepts_only_0_and_1()
{
	load_disabled eventfd_read
	check_check_refused "a newline" $'\n'
	check_check_refused "2" 2
	check_check_refused "-1" -1
	check_check_refused "a word" yes
	check_check_refused "1x" 1x
	check_check_refused "a huge number" 18446744073709551617
	check_is "mode" 200 "$(stat -c %a $files/check)"
	check_is "enabled" 0 "$(is_enabled $patch)"
}

test_only_root_may_check()
{
	local error attempts

	load_disabled eventfd_read
	attempts=$(statistic attempts)
	error=$(setpriv --reuid=65534 --regid=65534 --clear-groups \
		bash -c "echo 1 > $files/check" 2>&1) && fail "write succeeded"
	case $error in *"Permission denied"*) ;; *) fail "expected EACCES, got '$error'" ;; esac
	error=$(setpriv --reuid=65534 --regid=65534 --clear-groups \
		bash -c 'echo 1 >&5' 5> $files/check 2>&1) && fail "write succeeded"
	case $error in *"not permitted"*) ;; *) fail "expected EPERM, got '$error'" ;; esac
	check_is "attempts" "$attempts" "$(statistic attempts)"
}

test_attempts_and_stops_are_counted()
{
	local attempts stops i

	load_disabled eventfd_read
	for i in 1 0 1 0; do
		attempts=$(statistic attempts)
		stops=$(statistic stops)
		check "switch to $i" try_switch enabled $i
		[ "$(statistic attempts)" -gt "$attempts" ] || fail "no more attempts"
		[ "$(statistic stops)" -gt "$stops" ] || fail "no more stops"
		[ "$(statistic stop_ns)" -le "$(statistic max_stop_ns)" ] ||
			fail "the last stop is longer than the longest"
	done
}

test_sleeping_tasks_are_not_scanned_in_the_stop()
{
	load_disabled eventfd_read
	start_sleepers futex 500
	knob prescan Y
	check "enable" try_switch enabled 1
	echo "# scanned $(statistic scanned), $(statistic scanned_stopped) stopped"
	[ "$(statistic scanned)" -ge 500 ] || fail "too few tasks were prescanned"
	[ "$(statistic scanned_stopped)" -lt 500 ] ||
		fail "too many tasks were scanned in the stop"
}

test_without_a_prescan_all_tasks_are_scanned_in_the_stop()
{
	need_prescan || return
	load_disabled eventfd_read
	start_sleepers futex 500
	knob prescan N
	check "enable" try_switch enabled 1
	check_is "scanned" 0 "$(statistic scanned)"
	[ "$(statistic scanned_stopped)" -ge 500 ] || fail "too few tasks were scanned"
}

# Tasks are created, and enter the function, between the prescan and the stop. They are
# woken only after the patch is enabled, so none may get the old answer.
test_no_task_created_late_is_missed()
{
	load_disabled eventfd_read
	check "no task is missed" "$sleeper_program" herd $files/enabled 10
}

test_a_patch_is_switched_while_tasks_fork_and_exit()
{
	local i

	load_disabled eventfd_read
	out=$(mktemp)
	background "$sleeper_program" churn 3 > "$out"
	check "they start" wait_for 30 grep -q ^churning "$out"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		check "enable, $i" try_switch enabled 1
		check "disable, $i" try_switch enabled 0
	done
	kill -USR1 "$child"
	check "they end" wait_for 30 grep -q ^churned "$out"
	echo "# $(cat "$out")"
	check "no child failed" grep -q ', 0 badly' "$out"
}

# many_run COUNT: at least COUNT tasks are runnable. Any new process would have to wait
# for a CPU, so use shell builtins only.
many_run()
{
	local running

	read -r _ _ _ running _ < /proc/loadavg
	[ "${running%/*}" -ge "$1" ]
}

# The tasks lose the CPU only by preemption, inside the function. To be parked each one
# has to run, which takes a while on a slow machine.
test_100_busy_processes_do_not_block()
{
	check "insmod" load test_kpatch_getpid
	check "disable" enabled test_kpatch_getpid 0
	background "$sleeper_program" spin 100
	# With the priority of theirs, this shell would have a hundredth of a CPU.
	at_end eval "pkill -KILL -P $child; kill -KILL $child; renice -n 0 -p $$ > /dev/null"
	renice -n -20 -p $$ > /dev/null
	check "they spin" wait_for 30 many_run 100
	for _ in 1 2 3; do
		check "enable" enabled test_kpatch_getpid 1
		check "disable" enabled test_kpatch_getpid 0
	done
	echo "# $(cat $kpatch_sysfs/test_kpatch_getpid/attempts) attempts," \
		"$(cat $kpatch_sysfs/test_kpatch_getpid/stops) stops"
}

# isolate_cpu: isolate the last CPU in a cpuset partition until the test ends. Then
# $isolated is that CPU.
isolate_cpu()
{
	isolated=$(cat /sys/devices/system/cpu/online)
	isolated=${isolated##*[-,]}
	if grep -q . /sys/devices/system/cpu/{isolated,nohz_full} 2>/dev/null; then
		skip "a CPU is isolated already"
		return 1
	fi
	cpuset_mount=$(mktemp -d)
	if ! mount -t cgroup2 none "$cpuset_mount" 2>/dev/null; then
		skip "there is no cgroup2"
		return 1
	fi
	at_end remove_cpuset "$(cat "$cpuset_mount/cgroup.subtree_control")"
	if ! { echo +cpuset > "$cpuset_mount/cgroup.subtree_control"; } 2>/dev/null; then
		skip "there is no controller cpuset in cgroup2"
		return 1
	fi
	cpuset=$cpuset_mount/kpatch-test
	mkdir "$cpuset"
	echo "$isolated" > "$cpuset/cpuset.cpus"
	echo isolated > "$cpuset/cpuset.cpus.partition"
	[ "$(cat "$cpuset/cpuset.cpus.partition")" = isolated ] && return
	skip "CPU $isolated cannot be isolated"
	return 1
}

end_isolation()
{
	[ ! -d "$cpuset" ] || rmdir "$cpuset"
}

# remove_cpuset CONTROLLERS: these were enabled before
remove_cpuset()
{
	end_isolation
	case " $1 " in
	*" cpuset "*) ;;
	*) { echo -cpuset > "$cpuset_mount/cgroup.subtree_control"; } 2>/dev/null ;;
	esac
	umount "$cpuset_mount"
	rmdir "$cpuset_mount"
}

# How often the stopper of the isolated CPU has gone to sleep: it runs for each stop, and
# for the watchdog.
stopper_naps()
{
	grep ^voluntary "/proc/$(pgrep -x "migration/$isolated")/status"
}

disturbances()
{
	echo "$(statistic attempts) attempts, $(statistic stops) stops," \
		"$(hooked) hooked, stopper: $(stopper_naps)"
}

# check_spared FILE 0|1: the write is refused before the isolated CPU is interrupted
check_spared()
{
	local before

	before=$(disturbances)
	check_fails "not permitted" "$@"
	check_is "after writing $2 to $1" "$before" "$(disturbances)"
	check_log "would interrupt the isolated CPU(s) $isolated;"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-')"
}

test_isolated_cpus_are_not_interrupted_if_they_are_to_be_spared()
{
	isolate_cpu || return
	load_disabled eventfd_read
	change /proc/sys/kernel/watchdog 0
	check "spare isolated CPUs" knob spare_isolated Y
	check_spared check 1
	check_spared enabled 1
	check "writing the current value" try_switch enabled 0
	check "do not" knob spare_isolated N
	check "enable" try_switch enabled 1
	check "spare isolated CPUs" knob spare_isolated Y
	check_spared check 0
	check_spared enabled 0
	! unload $patch || fail "rmmod succeeded"
	check "end the isolation" end_isolation
	check "disable" try_switch enabled 0
	check "check" try_switch check 1
	check "enable" try_switch enabled 1
}

test_a_patch_that_would_interrupt_isolated_cpus_is_not_loaded()
{
	local text="cannot enable: this would interrupt the isolated CPU(s)"

	isolate_cpu || return
	check "spare isolated CPUs" knob spare_isolated Y
	check_refused "not permitted" "'test_kpatch_cmdline': $text $isolated;" \
		test_kpatch_cmdline
	check "insmod, disabled" load test_kpatch_cmdline enable=0
}

# The text of the module is freed in any case.
test_isolated_cpus_are_interrupted_if_the_module_of_a_patch_goes()
{
	isolate_cpu || return
	check "insmod" load test_kpatch_cmdline
	check "spare isolated CPUs" knob spare_isolated Y
	if ! rmmod -f test_kpatch_cmdline 2>/dev/null; then
		skip "rmmod -f is not possible"
		return
	fi
	check_gone test_kpatch_cmdline
	check_log "goes while its patch is registered, which has been disabled"
}

# check_knob_refused NAME VALUE
check_knob_refused()
{
	local file=$parameters/$1 before

	before=$(cat "$file")
	! { echo "$2" > "$file"; } 2>/dev/null || fail "$1 accepts '$2'"
	check_is "$1" "$before" "$(cat "$file")"
}

test_parameters_reject_invalid_values()
{
	check_knob_refused deadline_ms x
	check_knob_refused deadline_ms -1
	check_knob_refused deadline_ms 15001
	check_knob_refused deadline_ms 99999999999
	check_knob_refused stop_budget_us x
	check_knob_refused stop_budget_us 0
	check_knob_refused stop_budget_us -1
	check_knob_refused stop_budget_us 10000001
	check_knob_refused stop_budget_us 99999999999
	check_knob_refused park 2
	check_knob_refused park maybe
	check_knob_refused spare_isolated 2
	load_disabled eventfd_read
	check "enable" try_switch enabled 1
}

# Either verdict is fine, as long as it arrives in time.
test_the_extremes_of_the_parameters_are_safe()
{
	load_disabled eventfd_read
	knob deadline_ms 0
	try_switch enabled 1
	between 0 5000 $switch_ms || fail "$switch_ms ms with a deadline of 0"
	check "disable" wait_for 10 try_switch enabled 0
	knob deadline_ms 15000
	knob stop_budget_us 10000000
	check "enable" try_switch enabled 1
	[ $switch_ms -lt 14000 ] || fail "$switch_ms ms, nearly the whole deadline"
	check "disable" try_switch enabled 0
}

# start_hog: CPU 1 runs with preemption disabled until some seconds after another task
# needs it; this script runs on CPU 0
start_hog()
{
	if [ ! -e /sys/devices/system/cpu/cpu1 ]; then
		skip "there is only one CPU"
		return 1
	fi
	taskset -pc 0 $$ > /dev/null
	check "insmod" load test_kpatch_hog
	knob deadline_ms 15000
	# The grace periods of removed hooks and probes must be over.
	sleep 1
	echo 1 > /sys/module/test_kpatch_hog/parameters/hog
}

stop_hog()
{
	taskset -pc "0-$(($(nproc --all) - 1))" $$ > /dev/null
	check "rmmod" rmmod test_kpatch_hog
}

test_a_cpu_that_does_not_respond_is_waited_for_before_the_stop()
{
	load_disabled eventfd_read
	knob prescan Y
	start_hog || return
	check "enable" try_switch enabled 1
	echo "# $switch_ms ms, stopped for $(statistic stop_ns) ns"
	between 0 1000000000 "$(statistic stop_ns)" ||
		fail "the stopped machine waited for a CPU"
	stop_hog
}

test_a_cpu_that_does_not_respond_is_named()
{
	load_disabled eventfd_read
	knob prescan Y
	start_hog || return
	check_busy enabled 1
	check "blockers" grep -q "^[0-9]* [^ ]* - does not leave CPU 1$" $files/blockers
	stop_hog
	check "enable" try_switch enabled 1
}

# The write may be so slow that CPU 1 is free again when the stop begins: then there is
# nothing to measure, so try again.
test_a_stop_is_measured_from_the_first_cpu_that_stops()
{
	local i

	need_prescan || return
	load_disabled eventfd_read
	knob prescan N
	for i in 1 2 3 4 5; do
		start_hog || return
		check "enable" try_switch enabled 1
		echo "# stopped for $(statistic stop_ns) ns, work $(statistic work_ns) ns"
		stop_hog
		[ "$(statistic stop_ns)" -le 1000000000 ] || break
		check "disable" try_switch enabled 0
	done
	[ "$(statistic stop_ns)" -gt 1000000000 ] ||
		fail "the seconds for which the other CPUs were stopped were not measured"
	[ "$(statistic work_ns)" -lt 1000000000 ] || fail "waiting was counted as work"
	[ "$(statistic max_stop_ns)" -ge "$(statistic stop_ns)" ] ||
		fail "max_stop_ns is not the maximum"
	[ "$(statistic max_work_ns)" -ge "$(statistic work_ns)" ] ||
		fail "max_work_ns is not the maximum"
}

run_tests
