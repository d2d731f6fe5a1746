#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A switch of three patches that fails, at each of its steps: all three are as before.
# Callbacks that refuse, and tasks that block, are in test-switch.sh.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

a=test_kpatch_a
b=test_kpatch_b
c=test_kpatch_c
d=test_kpatch_d
target=test_kpatch_target
nmi=test_kpatch_nmi
slab=/sys/kernel/debug/failslab
confirm=$kpatch_sysfs/confirm

# load_three [PARAMETER...]: A and B are enabled, and C, with the parameters, is to take their
# places
load_three()
{
	check "insmod" load_copy a name=cmdline_proc_show id=1001
	check "insmod" load_copy b name=version_proc_show id=1002
	check "insmod" load_copy c name=cmdline_proc_show,uptime_proc_show id=1003 "$@"
	check "enable" switch +$a +$b
	begin
}

# What follows is to leave all as it is now.
begin()
{
	local file

	for file in /sys/module/test_kpatch_[a-d]/parameters/record; do
		echo > "$file"
	done
	before=$(everything)
}

# Whatever a user can see of the patches. Few programs: a test does this often.
everything()
{
	grep -s . "$kpatch_sysfs"/test_kpatch_[a-d]/{enabled,states,*/*/live} \
		/sys/module/test_kpatch_[a-d]/refcnt
	grep -o "test_kpatch_." /proc/{cmdline,version,uptime,loadavg}
	echo "$(hooked) hooks"
}

is_as_before() { [ "$(everything)" = "$before" ]; }

# Hooks are removed after the verdict.
check_as_before()
{
	wait_for 5 is_as_before ||
		fail "$1 has changed: $(diff <(echo "$before") <(everything))"
}

# What was stopped is started again, and what was set up is released.
check_callbacks()
{
	local file lines record

	for file in /sys/module/test_kpatch_[a-d]/parameters/record; do
		mapfile -t lines < "$file"
		record=${lines[*]}
		record=${record//stopping started /}
		record=${record//setup release /}
		check_is "$1: callbacks in $file" "" "${record//[[:space:]]/}"
	done
}

# Each of the three is the first, the second and the last one.
orders=("-$a -$b +$c" "+$c -$a -$b" "-$b +$c -$a")

# check_fails WHAT ERROR TEXT: the switch, with its words in any order
check_fails()
{
	local order

	for order in "${orders[@]}"; do
		check_fails_with "$2" "$3" switch "$order"
		check_as_before "$1, $order"
		check_callbacks "$1, $order"
	done
}

# The cause is gone: there and back.
check_works()
{
	check "then" switch -$a -$b +$c
	check_is "enabled" 001 "$(states a b c)"
	check_is "/proc/version" 0 "$(grep -c test_kpatch /proc/version)"
	check "back" switch +$a +$b -$c
	check_is "enabled" 110 "$(states a b c)"
}

# The function is missed only when its module is there.
test_a_function_is_not_found()
{
	check "insmod" load_copy a name=cmdline_proc_show id=1001
	check "insmod" load_copy b name=version_proc_show id=1002
	check "insmod" load_copy c name=no_such_function objname=$target id=1003
	check "enable" switch +$a +$b
	check "insmod" load $target
	begin
	check_fails "look-up" "No such file" "'$c': function 'no_such_function'"
	check "rmmod" unload $target
	check "then" switch -$a -$b +$c
}

# All are hooked in one pass, which tells neither the function nor the patch.
test_a_function_cannot_be_hooked()
{
	local orders=("-$a +$b +$c +$d" "+$c +$b -$a +$d" "+$d +$b +$c -$a")

	check "insmod" load_copy a name=uptime_proc_show id=1001 enable=1
	check "insmod" load_copy b name=version_proc_show id=1002
	check "insmod" load_copy c name=cmdline_proc_show,uptime_proc_show id=1003
	check "insmod" load_copy d name=loadavg_proc_show id=1004
	check "another one has it" load test_kpatch_probe
	begin
	check_fails "hook" "resource busy" "'$c': function 'cmdline_proc_show' is taken"
	check "it is free" unload test_kpatch_probe
	check "then" switch -$a +$b +$c +$d
	check_is "enabled" 0111 "$(states a b c d)"
	check_is "/proc/loadavg" $d "$(cat /proc/loadavg)"
}

test_a_stop_exceeds_its_budget()
{
	load_three
	knob stop_budget_us 1
	check_fails "budget" "imer expired" "cannot switch it and others at once"
	knob stop_budget_us 10000000
	check_works
}

test_an_nmi_calls_a_function_while_it_is_switched()
{
	local longest=/sys/kernel/debug/x86/nmi_longest_ns
	local orders=("-$a +test_kpatch_pair +$c" "+test_kpatch_pair -$b +$c")

	if [ ! -e "$mods/$nmi.ko" ] || [ "$(nproc)" -lt 2 ] || ! knob commit_delay_us 0; then
		skip "needs x86, two CPUs and CONFIG_KPATCH_DEBUG"
		return
	fi
	[ ! -e $longest ] || change $longest 10000000000
	check "insmod" load_copy a name=cmdline_proc_show id=1001
	check "insmod" load_copy b name=version_proc_show id=1002
	check "insmod" load_copy c name=uptime_proc_show id=1003
	check "insmod" load test_kpatch_pair enable=0
	check "enable" switch +$a +$b
	check "insmod" load $nmi relay_us=50 hops=0
	begin
	knob commit_delay_us 2000
	check_fails "NMI" "resource busy" "NMIs keep running its functions; try again (-16)"
	check_is "mixed pairs" 0 "$(parameter $nmi mixed)"
	check_is "pairs new" 0 "$(parameter $nmi both_new)"
	echo 0 > /sys/module/$nmi/parameters/relay_us
	knob commit_delay_us 0
	check "then" switch -$a +test_kpatch_pair +$c
}

is_gone() { [ ! -e "/proc/$1" ]; }

was_interrupted() { kpatch_log | grep -q "interrupted by a fatal signal"; }

# A task in B keeps the switch waiting, until whoever has asked for it is killed.
test_the_writer_is_killed()
{
	local order

	load_three
	echo Y > /sys/module/$b/parameters/sleep
	background cat /proc/version > /dev/null
	check "asleep" wait_for 5 grep -q "show.*\[$b\]" "/proc/$child/stack"
	for order in "${orders[@]}"; do
		mark_log
		echo "$order 60000" > "$scratch/order"
		background dd if="$scratch/order" of=$kpatch_sysfs/switch status=none
		sleep 0.5
		check "it waits" grep -q kpatch "/proc/$child/stack"
		kill -KILL "$child"
		check "it is gone" wait_for 4 is_gone "$child"
		check "the operation has ended" wait_for 4 was_interrupted
		check_is "enabled" 110 "$(states a b c)"
	done
	echo N > /sys/module/$b/parameters/sleep
	# The task was in the old code, and prints its name.
	check_as_before "kill"
	check_callbacks "kill"
	check_works
}

# The file in which to write which allocation of the task that switches is refused.
fail_nth()
{
	local comm

	for comm in /proc/[0-9]*/comm; do
		if [ "$(print_file "$comm")" = kpatch ]; then
			echo "${comm%comm}fail-nth"
			return
		fi
	done 2>/dev/null
}

# Returns false if the operation has made fewer than $nth allocations.
was_refused()
{
	local left

	read -r left < "$fail"
	echo 0 > "$fail"
	[ "$left" = 0 ]
}

# The kernel thread removes hooks after the verdict, for which it needs memory, too.
is_idle()
{
	local lines stack

	mapfile -t lines < "${fail%fail-nth}stack"
	stack=${lines[*]}
	[[ $stack = *kpatch_thread* && ${stack//kpatch_thread/} != *kpatch_* ]]
}

# refuse_each DONE UNDO COMMAND...: refuse the first allocation of COMMAND, then the second,
# and so on. Each time it fails, with nothing changed; or it succeeds all the same, and so
# does the test DONE, and then UNDO takes that back.
refuse_each()
{
	local is_done=$1 undo=$2
	shift 2

	nth=0 refused=0
	while :; do
		begin
		check "the thread waits" wait_for 5 is_idle
		echo $((++nth)) > "$fail"
		if "$@"; then
			check "it is done" "$is_done"
			was_refused || break
			$undo
			check_as_before "allocation $nth, back"
		else
			was_refused || fail "allocation $nth: was not refused, but: $switch_error"
			refused=$((refused + 1))
			case $switch_error in
			*"annot allocate memory"*) ;;
			*) fail "allocation $nth: expected ENOMEM, got '$switch_error'" ;;
			esac
			check_as_before "allocation $nth"
			check_callbacks "allocation $nth"
		fi
		[ $failures -eq 0 ] || return
	done
	$undo
	check_as_before "the last allocation"
	echo "# $refused of $((nth - 1)) allocations that were refused failed the operation"
	[ $refused -gt 20 ] || fail "only $refused allocations"
	[ $((nth - 1 - refused)) -le 10 ] || fail "$((nth - 1 - refused)) were not needed"
}

need_refusals()
{
	fail=$(fail_nth)
	if [ ! -e "$fail" ] || [ ! -d $slab ]; then
		skip "needs CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS"
		return 1
	fi
	change $slab/ignore-gfp-wait N
	change $slab/verbose 0
	at_end eval "echo 0 > $fail"
}

# are PATCHES VALUES: what they have in their file "enabled"
are()
{
	local lines

	mapfile -t lines < <(cat "$kpatch_sysfs"/test_kpatch_["$1"]/enabled)
	[ "$(printf %s "${lines[@]}")" = "$2" ]
}

switched() { are abc 001; }

switch_back() { check "back" switch +$a +$b -$c; }

all_switched() { are abcd 0011; }

switch_all_back() { check "back" switch +$a +$b -$c -$d; }

# D has functions of a module.
test_memory_is_refused_to_a_switch()
{
	need_refusals || return
	check "insmod" load $target
	check "insmod" load_copy d name=target_value,target_other_name objname=$target id=1004
	load_three
	refuse_each all_switched switch_all_back switch -$a -$b +$c +$d
}

roll_back()
{
	switch_error=$( { echo 1 > "$kpatch_sysfs/$c/rollback"; } 2>&1)
}

test_memory_is_refused_to_a_replace()
{
	need_refusals || return
	load_three replace=1
	refuse_each switched roll_back enabled $c 1
}

rolled_back() { are abc 110; }

forward() { check "forward" enabled $c 1; }

test_memory_is_refused_to_a_rollback()
{
	need_refusals || return
	load_three replace=1
	forward
	refuse_each rolled_back forward roll_back
}

try_for_a_while()
{
	echo 60 > $confirm
	switch -$a -$b +$c
}

on_trial() { switched && grep -q ^trial $confirm; }

# Who confirms can go back by another switch.
confirm_and_switch_back()
{
	check "confirm" eval "echo 0 > $confirm"
	switch_back
}

test_memory_is_refused_to_a_trial()
{
	need_refusals || return
	at_end eval "{ echo 0 > $confirm; } 2>/dev/null"
	load_three
	refuse_each on_trial confirm_and_switch_back try_for_a_while
}

run_tests
