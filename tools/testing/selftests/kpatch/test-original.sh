#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A replacement calls the function that it replaces: in every context, with all of its
# arguments, beside probes. A task in the original counts as inside.

# shellcheck source=sleepers.sh
. "$(dirname "$0")/sleepers.sh"

hexdump=test_kpatch_hexdump
rebind=test_kpatch_rebind
eventfd=test_kpatch_eventfd
optimization=/proc/sys/debug/kprobes-optimization

if [ ! -e "$mods/$hexdump.ko" ]; then
	skip_all "the original cannot be called on $(uname -m)"
fi

# The handler of the NMIs may take longer than the limit above which the kernel warns.
load_contexts()
{
	local longest=/sys/kernel/debug/x86/nmi_longest_ns

	[ ! -e $longest ] || change $longest 10000000000
	check "insmod" load test_kpatch_contexts
}

# check_results LENGTH: how much the calls of test_kpatch_contexts write in each context:
# first what fits into one row, then more than that
check_results()
{
	check_is "results" "task 54 $1, timer 54 $1, irq 54 $1, nmi 54 $1" \
		"$(parameter test_kpatch_contexts results | paste -sd , | sed 's/,/, /g')"
}

# What more than a row gives: a second row, or nothing with the patch
wrapped=105
refused=0

test_the_original_runs_in_every_context()
{
	load_contexts
	check_results $wrapped
	check "insmod" load $hexdump
	for _ in 1 2; do
		check_results $refused
		check "disable" enabled $hexdump 0
		check_results $wrapped
		check "enable" enabled $hexdump 1
	done
	check_results $refused
}

test_the_stub_leads_behind_the_hook()
{
	check "insmod" load $rebind name=gcd
	check_is "gcd(4, 6)" 1002 "$(parameter $rebind answer)"
}

# The stub is used for two functions, one after the other.
test_a_stub_follows_its_function()
{
	check "insmod" load $rebind name=gcd,lcm
	check_is "gcd(4, 6), lcm(4, 6)" 1002,1012 "$(parameter $rebind answer)"
}

test_the_original_is_not_the_version_of_an_older_patch()
{
	local magic=$((0x4b504154))

	check "insmod" load test_kpatch_pair
	check "insmod" load $rebind name=gcd first=$magic second=$magic
	check_is "gcd()" $((1000 + magic)) "$(parameter $rebind answer)"
}

test_a_bad_stub_is_refused()
{
	local quirk

	for quirk in elsewhere data "no stub" "not its start"; do
		check_refused "Invalid parameters" "is no stub in the patch module; set original" \
			test_kpatch_stub "quirk=\"$quirk\""
	done
	check_refused "Invalid parameters" \
		"function 'lcm': another function of the patch has the stub original_gcd" \
		test_kpatch_stub quirk=shared
	check_refused "Invalid parameters" \
		"function 'gcd' is to be kept, so it needs no stub to call it" \
		test_kpatch_stub quirk=kept
	check "without a defect" load test_kpatch_stub
}

# A probe would keep a copy of the instruction that is written later.
test_a_stub_cannot_be_probed()
{
	check "insmod" load $hexdump enable=0
	! probe p stub $hexdump:original_hex_dump || fail "the stub was probed"
	# Not every kprobe is set through tracefs, which refuses for another reason.
	check "blacklist" grep -qw original_hex_dump /sys/kernel/debug/kprobes/blacklist
	check "a probe of the replacement" probe p new $hexdump:new_hex_dump
}

# probe_body: probe the first instruction behind the hook, which the stub jumps to
probe_body()
{
	probe p body seq_hex_dump+5 || probe p body seq_hex_dump+9
}

body_is_optimized()
{
	grep -q ' seq_hex_dump+.*\[OPTIMIZED\]' /sys/kernel/debug/kprobes/list
}

# set_probe: as set in $optimization, if the kernel optimizes probes at all
set_probe()
{
	check "probe" probe_body
	if [ -e $optimization ] && [ "$(cat $optimization)" = 1 ]; then
		check "optimized" wait_for 10 body_is_optimized
	fi
}

# check_hits NAME COUNT RESULT: reading the results once hits the probe COUNT times
check_hits()
{
	local before

	before=$(probe_hits "$1")
	check_results "$3"
	check_is "hits of $1" "$2" $(($(probe_hits "$1") - before))
}

# The patch is enabled after the probe is set, or before.
check_probe_first()
{
	set_probe
	check_hits body 8 $wrapped
	check "enable" enabled $hexdump 1
	check_hits body 4 $refused
	check "disable" enabled $hexdump 0
	check_hits body 8 $wrapped
	unprobe body
}

check_patch_first()
{
	check "enable" enabled $hexdump 1
	set_probe
	check_hits body 4 $refused
	check "disable" enabled $hexdump 0
	check_hits body 8 $wrapped
	unprobe body
}

check_probes()
{
	load_contexts
	check "insmod" load $hexdump enable=0
	check_probe_first
	check_patch_first
}

test_a_kprobe_in_the_original_works()
{
	[ ! -e $optimization ] || change $optimization 0
	check_probes
}

test_an_optimized_kprobe_in_the_original_works()
{
	[ -e $optimization ] || { skip "the kernel does not optimize kprobes"; return; }
	change $optimization 1
	check_probes
}

# As documented: only calls of the function itself are traced.
test_calls_of_the_original_are_not_traced()
{
	load_contexts
	check "insmod" load $hexdump
	check "probe" probe p entry seq_hex_dump
	check_hits entry 8 $refused
}

# start_inside JUMP: two tasks sleep in the original, which the replacement has called,
# or jumped to: then their stacks do not show the replacement
start_inside()
{
	check "insmod" load $eventfd jump="$1"
	check "insmod" load $patch name=eventfd_read answer=$new_answer only=sleeper
	start_sleepers eventfd 2
	check "they sleep" wait_for 10 all_in "$sleeper" 2 eventfd_read
	if [ "$1" = 0 ]; then
		check "called" all_in "$sleeper" 2 new_eventfd_read
	else
		check "jumped to" all_in "$sleeper" 0 new_eventfd_read
	fi
}

# check_inside PATCH 0|1: a task in the original blocks this
check_inside()
{
	local before

	before=$(is_enabled "$1")
	! briefly enabled "$1" "$2" || fail "switching $1 to $2 succeeded"
	case $switch_error in
	*"resource busy"*) ;;
	*) fail "expected EBUSY, got '$switch_error'" ;;
	esac
	check_is "enabled" "$before" "$(is_enabled "$1")"
	check "blockers" grep -qE "^[0-9]+ sleeper (new_)?eventfd_read asleep$" \
		"$kpatch_sysfs/$1/blockers"
}

# check_left PATCH 0|1: nothing blocks this once they have left
check_left()
{
	wake_sleepers
	check_answers "2 8"
	check "switch" enabled "$1" "$2"
}

test_a_task_in_the_original_blocks_a_newer_patch()
{
	local jump

	for jump in 0 1; do
		start_inside $jump
		knob park N
		check_inside $patch 1
		check_left $patch 1
		check "disable" enabled $patch 0
		check "rmmod" unload $patch
		check "disable" enabled $eventfd 0
		check "rmmod" unload $eventfd
	done
}

test_a_task_in_the_original_blocks_disabling()
{
	local jump

	for jump in 0 1; do
		start_inside $jump
		knob park N
		check_inside $eventfd 0
		check_left $eventfd 0
		check "rmmod" unload $eventfd
		check "rmmod" unload $patch
	done
}

# The newer patch does not call the original, so the one below it does not count.
test_an_original_that_is_covered_does_not_block()
{
	check "insmod" load $eventfd
	check "insmod" load $patch name=eventfd_read answer=$new_answer only=sleeper
	check "enable" enabled $patch 1
	start_sleepers eventfd 2
	check_answers "2 $new_answer"
	check "disable" enabled $patch 0
	start_sleepers eventfd 2
	check "they sleep" wait_for 10 all_in "$sleeper" 2 new_eventfd_read
	wake_sleepers
	check_answers "2 8"
}

test_tasks_are_parked_out_of_the_original()
{
	local jump

	for jump in 0 1; do
		start_inside $jump
		check "disable" enabled $eventfd 0
		check "rmmod" unload $eventfd
		check "all sleep again" wait_for 10 all_in "$sleeper" 2 eventfd_read
		wake_sleepers
		check_answers "2 8"
		check "rmmod" unload $patch

		start_inside $jump
		check "enable the newer" enabled $patch 1
		check_answers "2 $new_answer"
		check "disable the newer" enabled $patch 0
		check "rmmod" unload $patch
		check "disable" enabled $eventfd 0
		check "rmmod" unload $eventfd
	done
}

# The sample.

sample=kpatch_sample_original

unload_sample()
{
	[ -e "/sys/module/$sample" ] || return 0
	enabled $sample 0
	wait_for 10 rmmod $sample 2>/dev/null
}

# To punch a hole is a call of the same function, and needs no space.
punch() { fallocate -p -o 0 -l "$1" "$file" 2>&1; }

test_the_sample_checks_what_it_passes_on()
{
	local file

	modprobe -n -q $sample || { skip "no CONFIG_SAMPLE_KPATCH"; return; }
	file=$(mktemp)
	at_end "rm -f '$file'"
	[ -z "$(punch 2147483648)" ] || { skip "fallocate cannot punch holes"; return; }
	at_end unload_sample
	check "modprobe" modprobe $sample
	check "allocate" fallocate -l 1048576 "$file"
	check_is "size" 1048576 "$(stat -c %s "$file")"
	check_is "the limit" "" "$(punch 1073741824)"
	case $(punch 1073741825) in
	*"File too large"*) ;;
	*) fail "more than the limit was passed on" ;;
	esac
	check "disable" enabled $sample 0
	check_is "disabled" "" "$(punch 1073741825)"
	check "rmmod" rmmod $sample
}

run_tests
