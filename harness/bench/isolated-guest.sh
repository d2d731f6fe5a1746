#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# isolated-guest.sh PROGRAM SAMPLE PAUSE CPU: count in the guest what CPU, which is
# isolated, notices of operations on the patches SAMPLE and PAUSE. Each round becomes
# lines of /run/out/counts: operation, quantity and number. What causes them is traced
# in a round of its own: /run/out/causes has a line for each interrupt and each switch.

set -euo pipefail
trap 'dmesg | tail -n 5' ERR

program=$1 sample=$2 pause=$3 cpu=$4
counts=/run/out/counts
causes=/run/out/causes
sys=/sys/kernel/kpatch
parameters=/sys/module/kpatch/parameters
fair_server=/sys/kernel/debug/sched/fair_server/cpu$cpu/runtime
instance=/sys/kernel/tracing/instances/isolated
ROUNDS=${ROUNDS:-3}
# How long the loop runs before it is observed, and goes on being observed after the
# operation, in milliseconds: grace periods, and work that was put off.
WARMUP=${WARMUP:-1000}
SETTLE=${SETTLE:-1000}

die() { echo "$*" >&2; exit 1; }

setup() {
	local file

	for file in isolated nohz_full; do
		[ "$(cat /sys/devices/system/cpu/$file)" = "$cpu" ] ||
			die "/sys/devices/system/cpu/$file is '$(cat /sys/devices/system/cpu/$file)', not '$cpu'"
	done
	# Read nothing from the host while an operation is observed.
	cp "$program" /run/isolated
	cp "$sample" /run/sample.ko
	cp "$pause" /run/pause.ko
	echo 1 > /proc/sys/kernel/printk
	[ ! -e /proc/sys/kernel/watchdog ] || echo 0 > /proc/sys/kernel/watchdog
	# The server of fair tasks interrupts each CPU with a task once a second.
	[ ! -e "$fair_server" ] || echo 0 > "$fair_server"
	insmod /run/pause.ko enable=0
}

write() { echo "$2" > "$1"; }
refused() { ! write "$@" 2> /dev/null; }

# The operations, in an order in which each one finds what it needs.
quiet() { sleep 0.1; }
load() { insmod /run/sample.ko enable=0; }
check_enable() { write $sys/kpatch_sample/check 1; }
enable() { write $sys/kpatch_sample/enabled 1; }
check_disable() { write $sys/kpatch_sample/check 0; }
disable() { write $sys/kpatch_sample/enabled 0; }
blocked() { refused $sys/test_kpatch_pause/enabled 1; }
spared() { refused $sys/kpatch_sample/enabled 1; }
unload() { rmmod kpatch_sample; }

operations="quiet load check_enable enable check_disable disable blocked spared unload"
declare -A title=(
	[quiet]="none, for comparison"
	[load]="load with enable=0"
	[check_enable]="check 1"
	[enable]="enable"
	[check_disable]="check 0"
	[disable]="disable"
	[blocked]="enable, -EBUSY"
	[spared]="enable, refused by spare_isolated"
	[unload]="unload"
)

# A task sleeps in the function that PAUSE replaces, and is not parked.
before_blocked() {
	echo N > $parameters/park
	echo 100 > $parameters/deadline_ms
	/run/isolated pause &
	sleeper=$!
}
after_blocked() {
	kill -9 "$sleeper"
	wait "$sleeper" 2> /dev/null || :
	echo 2000 > $parameters/deadline_ms
	echo Y > $parameters/park
}
before_spared() { echo Y > $parameters/spare_isolated; }
after_spared() { echo N > $parameters/spare_isolated; }

stats() { cat $sys/*/{stops,attempts} 2> /dev/null | paste -sd ' '; }

# around OPERATION COMMAND...: COMMAND observes the operation
around() {
	local op=$1
	shift
	! declare -F "before_$op" > /dev/null || "before_$op"
	"$@" "$op"
	! declare -F "after_$op" > /dev/null || "after_$op"
}

# observe OPERATION: run it, by this script, beside the loop
observe() {
	local before

	before=$(stats)
	/run/isolated "$cpu" "$WARMUP" "$SETTLE" "$0" "$program" "$sample" "$pause" \
		"$cpu" "$1" > /run/observed ||
		die "$1 failed: $(dmesg | tail -n 1)"
	echo "# $1: stops and attempts before: $before, after: $(stats)"
}

count() {
	observe "$1"
	sed "s/^/${title[$1]}\t/" /run/observed >> $counts
}

# trace_event EVENT FILTER: record it; that of an IPI with the stack, which tells why it is
# sent
trace_event() {
	local event=$instance/events/$1

	echo "$2" > "$event/filter"
	[[ $1 != ipi/* ]] || echo "stacktrace if $2" > "$event/trigger"
	echo 1 > "$event/enable"
}

# Not sched_switch: kpatch uses that, and to be its first user takes IPIs.
start_tracing() {
	mkdir $instance
	echo 16384 > $instance/buffer_size_kb
	trace_event ipi/ipi_send_cpu "cpu == $cpu"
	trace_event ipi/ipi_send_cpumask "cpumask & CPUS{$cpu}"
	trace_event sched/sched_wakeup "target_cpu == $cpu"
	trace_event workqueue/workqueue_execute_start "CPU == $cpu"
	trace_event irq_vectors/local_timer_entry "CPU == $cpu"
}

# Lines of a trace become "what, on behalf of which functions".
explain_trace() {
	awk '
	BEGIN {
		told = "^(kpatch_[a-z]+_[a-z]+|kpatch_(un)?hook|(smp_)?text_poke_b.*|set_memory_.*"
		told = told "|vfree|flush_tlb_.*|ftrace_(startup|shutdown)[.a-z0-9]*"
		told = told "|tracepoint_.*|stop_machine.*|rcu_tasks_.*|synchronize_.*"
		told = told "|load_module|free_module|do_free_init|dl_.*|tick_nohz_.*)$"
		plumbing = "^(trace_event|smp_call|on_each_cpu|__smp|native_)"
	}
	function flush() {
		if (what)
			print what "\t" (why ? why : first)
		what = why = first = ""
	}
	/tracing_mark_write: begin/ { on = 1 }
	/tracing_mark_write: end/ { flush(); on = 0 }
	!on { next }
	/ ipi_send_cpu(mask)?: / { flush(); what = /callback=0x0/ ? "RES" : "CAL"; next }
	/ local_timer_entry: / { flush(); print "LOC\t"; next }
	/ sched_wakeup: / {
		flush()
		sub(/.*comm=/, "")
		sub(/ .*/, "")
		print "wakeup of " $0 "\t"
		next
	}
	/ workqueue_execute_start: / {
		flush()
		sub(/.*function /, "")
		print "work item " $1 "\t"
		next
	}
	/^ => / && what {
		if (!first && $2 !~ plumbing)
			first = $2
		if ($2 ~ told && $2 !~ /^kpatch_patch_/)
			why = why (why ? ", " : "") $2
	}
	END { flush() }'
}

trace() {
	echo > $instance/trace
	TRACE_MARKER=$instance/trace_marker observe "$1"
	cp $instance/trace "/run/out/trace-$1"
	explain_trace < $instance/trace | sed "s/^/${title[$1]}\t/" >> $causes
}

if [ $# -gt 4 ]; then
	"$5"
	exit
fi
setup
for ((round = 0; round < ROUNDS; round++)); do
	for op in $operations; do
		around "$op" count
	done
done
start_tracing
for op in $operations; do
	around "$op" trace
done
