#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The tests on a machine that is in use: other work goes on undisturbed, every setting
# is restored, and no test passes because it could not read the log.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

bystander=kpatch_bystander
output=$scratch/output

# Foreign users: a patch, and a tracer and a probe in the top-level tracing instance.
load_bystander()
{
	check "insmod" load $bystander
	at_end unload_bystander
}

unload_bystander()
{
	echo 0 > "$kpatch_sysfs/$bystander/enabled"
	rmmod $bystander
} 2>/dev/null

start_tracing()
{
	if [ "$(cat "$tracing/current_tracer")" != nop ] ||
	   grep -q -v '^#' "$tracing/set_ftrace_filter"; then
		skip "the tracer is in use"
		return 1
	fi
	at_end stop_tracing
	echo kernel_clone > "$tracing/set_ftrace_filter"
	echo function > "$tracing/current_tracer"
	echo 'p:bystander/probe kernel_clone' >> "$tracing/kprobe_events"
	echo 1 > "$tracing/events/bystander/probe/enable"
	echo "bystander was here" > "$tracing/trace_marker"
}

stop_tracing()
{
	echo nop > "$tracing/current_tracer"
	echo > "$tracing/set_ftrace_filter"
	echo 0 > "$tracing/events/bystander/probe/enable"
	echo '-:bystander/probe' >> "$tracing/kprobe_events"
} 2>/dev/null

# Everything that a script could leave behind or remove.
snapshot()
{
	cat "$tracing"/{current_tracer,set_ftrace_filter,kprobe_events}
	cat "$tracing/enabled_functions"
	ls "$tracing/instances"
	grep -r . "$parameters" "$debug"
	grep . /proc/sys/kernel/{printk,printk_devkmsg,ftrace_enabled} \
		/proc/sys/debug/kprobes-optimization /sys/devices/system/cpu/online \
		/sys/kernel/debug/sched/preempt
	find /sys/module "$kpatch_sysfs" -maxdepth 1 -name '*kpatch*'
	find "$TMPDIR/child" -mindepth 1
	pgrep -l -x 'sleeper|kpatch_.*'
} 2>/dev/null

# check_unchanged SNAPSHOT WHAT: nothing has changed since the snapshot
check_unchanged()
{
	local change

	change=$(diff <(echo "$1") <(snapshot)) || fail "changed by $2: $change"
}

# run SCRIPT PATTERN: run the tests of a script whose names match; the exit status goes
# to $status. The script must leave everything unchanged.
run()
{
	local before

	before=$(snapshot)
	status=0
	KPATCH_TEST_ONLY=$2 TMPDIR=$TMPDIR/child "$dir/$1" > "$output" 2>&1 || status=$?
	check_unchanged "$before" "$1"
	grep '^not ok\|^# ' "$output" | sed 's/^/# /'
}

test_scripts_leave_foreign_tracers_and_probes_alone()
{
	start_tracing || return
	run test-neighbours.sh 'kprobe_shares|tracer_shares|graph_tracer'
	check_is "status" 0 "$status"
	run test-busy.sh 'keeps_its_return_address'
	check_is "status" 0 "$status"
	run test-basic.sh 'in_one_pass'
	check_is "status" 0 "$status"
	check "earlier trace entries are kept" \
		grep -q "bystander was here" "$tracing/trace"
}

test_scripts_restore_parameters()
{
	check "set the deadline" knob deadline_ms 1234
	check "set the budget" knob stop_budget_us 56789
	run test-settle.sh 'extremes'
	check_is "status" 0 "$status"
	check_is "deadline" 1234 "$(parameter kpatch deadline_ms)"
}

is_busy()
{
	[ "$(parameter kpatch park)" = N ] && pgrep -x sleeper > /dev/null
}

# interrupt SIGNAL: sets status to that of a script that gets it in the middle of a test
interrupt()
{
	status=0
	# A command that the shell starts in the background ignores SIGINT by default.
	KPATCH_TEST_ONLY=many_sleepers TMPDIR=$TMPDIR/child background \
		env --default-signal=INT "$dir/test-busy.sh" > "$output" 2>&1
	check "a test is running" wait_for 60 is_busy
	kill "-$1" "$child"
	wait "$child" || status=$?
}

# check_interrupted SIGNAL STATUS
check_interrupted()
{
	local before

	before=$(snapshot)
	for _ in 1 2 3 4 5; do
		interrupt "$1"
		# On a slow machine it may be over before the signal arrives.
		[ "$status" -eq 0 ] || break
	done
	check_is "status after $1" "$2" "$status"
	check_unchanged "$before" "a script that got SIG$1"
}

test_an_interrupted_script_leaves_nothing_behind()
{
	check "parking" knob park Y
	check_interrupted INT 130
	check_interrupted TERM 143
	check_interrupted HUP 129
}

# check_skipped TEXT: the script was skipped, and reported that in one line
check_skipped()
{
	check_is "status" "$KSFT_SKIP" "$status"
	check_is "lines of results" 1 "$(grep -c '^1\.\.\|ok ' "$output")"
	check "the reason is given" grep -q "^1..0 # SKIP .*$1" "$output"
}

test_scripts_do_not_run_without_the_log()
{
	if ! change /proc/sys/kernel/printk_devkmsg off; then
		skip "access to the log cannot be denied"
		return
	fi
	run test-errors.sh
	check_skipped /dev/kmsg
}

test_scripts_do_not_run_beside_a_foreign_patch()
{
	local script

	load_bystander
	for script in test-errors.sh test-load.sh; do
		run $script
		check_skipped "'$bystander'"
	done
	check_is "enabled" 1 "$(is_enabled $bystander)"
	check_is "/proc/version" "$bystander: new version" "$(cat /proc/version)"
}

# fails_without_log FILE: a log check fails if FILE takes the place of the log
fails_without_log()
(
	failures=0
	exec {kmsg}< "$1"
	check_no_log "no such line"
	check_log_was_complete > /dev/null
	[ "$failures" -gt 0 ]
)

test_an_unreadable_log_is_not_taken_for_an_empty_one()
{
	check "nothing to read" fails_without_log /dev/null
	check "not a log" fails_without_log "$dir/functions.sh"
	check_no_log "no such line"
	check_log_was_complete
}

mkdir "$scratch/child"
run_tests
