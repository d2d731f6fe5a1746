#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "tracing: Fix fully-qualified variable reference printing in histograms": in a trigger
# that is read, $ stood before the system of a variable, sched.sched_process_fork.$x, and
# not before its name. What was read could not be written.
#
# File: kernel/trace/trace_events_hist.c

tracing=/sys/kernel/tracing
instance=$tracing/instances/trigger_hist
events=$instance/events/sched

[ -e $tracing/events/sched/sched_process_fork/hist ] || { echo "skip: no histograms"; exit 0; }

fork=child_pid:x=common_timestamp
exit="pid:y=common_timestamp-sched.sched_process_fork.\$x"

cleanup() {
	echo "!hist:keys=$exit" > $events/sched_process_exit/trigger
	echo "!hist:keys=$fork" > $events/sched_process_fork/trigger
	rmdir $instance
}

mkdir $instance || exit 1
trap cleanup EXIT
echo "hist:keys=$fork" > $events/sched_process_fork/trigger || exit 1
echo "hist:keys=$exit" > $events/sched_process_exit/trigger || exit 1
text=$(cat $events/sched_process_exit/trigger)

case $text in
*-sched.sched_process_fork.\$x*) echo new ;;
*-\$sched.sched_process_fork.x*) echo old ;;
*) echo "$text" >&2; exit 1 ;;
esac
