#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Trials: switches that are undone unless they are confirmed, through the file "confirm".

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

a=test_kpatch_a
b=test_kpatch_b
c=test_kpatch_c
d=test_kpatch_d
e=test_kpatch_e
target=test_kpatch_target
confirm=$kpatch_sysfs/confirm
rounds=${KPATCH_TEST_ROUNDS:-5}

# confirm SECONDS: as enabled; the next switch is on trial for so long; 0 confirms
confirm()
{
	switch_error=$( { echo "$*" > "$confirm"; } 2>&1)
}

rollback()
{
	switch_error=$( { echo 1 > "$kpatch_sysfs/$1/rollback"; } 2>&1)
}

check_switch()
{
	switch_error=$( { echo "$2" > "$kpatch_sysfs/$1/check"; } 2>&1)
}

# The trial ends a moment after the patches are as they were, when hooks are removed.
are() { [ "$(states a b c)" = "$1" ] && grep -qx 0 "$confirm"; }

has_ended() { [ "$(is_enabled "$1")" = "$2" ] && grep -qx 0 "$confirm"; }

# check_shows PATCHES FILE...: which patches show these files in /proc, - for none
check_shows()
{
	local wanted=$1 shown="" file text

	shift
	for file in "$@"; do
		text=$(cat "/proc/$file")
		case $text in
		test_kpatch_?) shown+="${text#test_kpatch_} " ;;
		*) shown+="- " ;;
		esac
	done
	check_is "$*" "$wanted " "$shown"
}

record() { parameter "test_kpatch_$1" record | tr -d '\n'; }

# No trial or wish for one may be left for the next test.
end_trial()
{
	confirm 0
	return 0
}

# A and B are enabled and share a function, C replaces both.
load_three()
{
	at_end end_trial
	check "insmod" load_copy a name=cmdline_proc_show,version_proc_show id=1001 enable=1
	check "insmod" load_copy b name=version_proc_show enable=1
	check "insmod" load_copy c name=cmdline_proc_show id=1001 replace=1
}

test_a_switch_that_is_not_confirmed_is_undone()
{
	load_three
	check "arm" confirm 3
	check_is "confirm" "armed 3" "$(cat "$confirm")"
	mark_log
	check "replace" enabled $c 1
	check_is "enabled" 001 "$(states a b c)"
	case $(cat "$confirm") in
	"trial "[23]" +$c -$a -$b") ;;
	*) fail "confirm: $(cat "$confirm")" ;;
	esac
	check_log "'+$c -$a -$b' is on trial, and is undone in 3 s"
	check "undone" wait_for 10 are 110
	# In the former order.
	check_shows "a b" cmdline version
	check_log "'+$c -$a -$b' was not confirmed in time"
	check_log "disabled patch module \"$c\""
	check_is "confirm" 0 "$(cat "$confirm")"
	check_is "a" "setup enter started stopping started " "$(record a)"
	check_is "c" "started stopping " "$(record c)"
	check_fails_with "No such file" "there is no trial, or it was undone" confirm 0
	check "the next one is none" enabled $c 1
	check_is "confirm" 0 "$(cat "$confirm")"
	check "rmmod" unload $a
}

test_a_switch_that_is_confirmed_stays()
{
	load_three
	check "arm" confirm 3
	check "replace" enabled $c 1
	! unload $a || fail "rmmod of a patch that may be enabled again succeeded"
	mark_log
	check "confirm" confirm 0
	check_log "'+$c -$a -$b' is confirmed"
	check_is "confirm" 0 "$(cat "$confirm")"
	check "rmmod" unload $a
	check "rmmod" unload $b
	sleep 4
	check_is "enabled" 1 "$(is_enabled $c)"
}

test_no_other_switch_gets_in_the_way()
{
	local what="while '+$c -$a -$b' is on trial"

	load_three
	check "insmod" load_copy d name=loadavg_proc_show set=hot
	check "arm" confirm 600
	check "replace" enabled $c 1
	check_fails_with "resource busy" "'$c': cannot switch it $what" enabled $c 0
	check_fails_with "resource busy" "'$a': cannot switch it $what" enabled $a 1
	check_fails_with "resource busy" "'$c': cannot switch it $what" rollback $c
	check_fails_with "resource busy" "'$b': cannot switch it $what" switch +$d +$b
	check_fails_with "resource busy" "'$c': cannot switch it $what" check_switch $c 0
	check_fails_with "resource busy" "confirm: '+$c -$a -$b' is on trial still" confirm 5
	check "what is so" enabled $c 1
	check "another set" enabled $d 1
	check "another set" enabled $d 0
	check "rmmod" unload $d
	# Its function is that of a patch which may be enabled again.
	check "insmod" load_copy d name=version_proc_show set=hot
	check_fails_with "resource busy" "'$d': cannot switch it $what" enabled $d 1
	check "rmmod" unload $d
	mark_log
	! load_copy d name=uptime_proc_show enable=1 || fail "insmod succeeded"
	check_log "'$d': cannot switch it $what"
	check_gone $d
	check "confirm" confirm 0
	check "then" enabled $a 1
}

test_a_switch_that_fails_uses_no_trial_up()
{
	load_three
	check "arm" confirm 600
	echo check_enter > /sys/module/$b/parameters/refuse
	check "insmod" load_copy d name=uptime_proc_show id=1004
	echo check_enter > /sys/module/$d/parameters/refuse
	check_fails_with "No space left" "the check of its state 1004 has refused" enabled $d 1
	check_is "confirm" "armed 600" "$(cat "$confirm")"
	check "dry run" check_switch $c 1
	check "nothing to do" enabled $a 1
	check_is "confirm" "armed 600" "$(cat "$confirm")"
	check "rmmod" unload $d
	check "another time" confirm 500
	check_is "confirm" "armed 500" "$(cat "$confirm")"
	check "not at all" confirm 0
	check_is "confirm" 0 "$(cat "$confirm")"
	check "replace" enabled $c 1
	check_is "confirm" 0 "$(cat "$confirm")"
}

test_bad_writes_are_refused()
{
	local text

	at_end end_trial
	for text in "" "-1" "+5" " 5" "5 " "05" "00" "x" "5x" "604801" "99999999999" "5 5"; do
		! confirm "$text" || fail "'$text' was accepted"
		case $switch_error in
		*"Invalid argument"*) ;;
		*) fail "'$text': expected EINVAL, got '$switch_error'" ;;
		esac
	done
	check_log "confirm takes 0, or how many seconds"
	check_is "confirm" 0 "$(cat "$confirm")"
	check "the longest" confirm 604800
	check_is "mode" 644 "$(stat -c %a "$confirm")"
}

test_what_cannot_be_undone_yet_is_tried_again()
{
	load_three
	knob deadline_ms 500
	check "arm" confirm 2
	check "replace" enabled $c 1
	echo Y > /sys/module/$c/parameters/sleep
	background cat /proc/cmdline
	check "asleep" wait_for 5 grep -q "show.*\[$c\]" "/proc/$child/stack"
	mark_log
	sleep 8
	check_is "confirm" "trial 0 +$c -$a -$b" "$(cat "$confirm")"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-16)')"
	check_log "first is $child cat show"
	check_is "enabled" 001 "$(states a b c)"
	echo N > /sys/module/$c/parameters/sleep
	wait "$child"
	check "undone" wait_for 15 are 110
	check_shows "a b" cmdline version
}

# A task that cannot be parked is inside, so each attempt takes until its deadline.
test_what_is_being_undone_can_be_confirmed()
{
	load_three
	check "arm" confirm 1
	check "replace" enabled $c 1
	echo Y > /sys/module/$c/parameters/sleep
	background cat /proc/cmdline
	check "asleep" wait_for 5 grep -q "show.*\[$c\]" "/proc/$child/stack"
	check "begun" wait_for 10 grep -q "^trial 0" "$confirm"
	sleep 1
	check "confirm" confirm 0
	check_is "confirm" 0 "$(cat "$confirm")"
	check_log "'+$c -$a -$b' is confirmed"
	echo N > /sys/module/$c/parameters/sleep
	wait "$child"
	sleep 2
	check_is "enabled" 001 "$(states a b c)"
	check "rmmod" unload $a
}

# The verdict of the write is what happens.
test_a_confirmation_at_the_last_moment()
{
	local kept=0 undone=0 i

	load_three
	for i in $(seq $((2 * rounds))); do
		check "arm" confirm 1
		check "replace" enabled $c 1
		sleep "0.9$((80 + 2 * i))"
		if confirm 0; then
			kept=$((kept + 1))
			check_is "enabled" 001 "$(states a b c)"
			check "back" rollback $c
		else
			undone=$((undone + 1))
			check_is "enabled" 110 "$(states a b c)"
		fi
		check_is "confirm" 0 "$(cat "$confirm")"
		check_shows "a b" cmdline version
	done
	echo "# $kept times kept, $undone times undone"
}

test_a_state_that_cannot_be_left_is_not_tried()
{
	load_three
	check "insmod" load_copy d name=uptime_proc_show id=1004 permanent=1
	check "arm" confirm 5
	check_fails_with "not permitted" "'$d': cannot be on trial: its state 1004 cannot be left" \
		enabled $d 1
	check_is "confirm" "armed 5" "$(cat "$confirm")"
	check_is "d" "" "$(record d)"
}

# The patch on trial could not leave it alone.
test_a_patch_that_shares_a_state_that_cannot_be_left_stays()
{
	load_three
	check "insmod" load_copy d name=uptime_proc_show id=1004 set=hot enable=1
	check "insmod" load_copy e name=loadavg_proc_show id=1004 permanent=1
	check "arm" confirm 3
	check "enable" enabled $e 1
	check_fails_with "resource busy" "'$d': cannot switch it while '+$e' is on trial" \
		enabled $d 0
	check "undone" wait_for 10 has_ended $e 0
	check "disable" enabled $d 0
	check_is "d" "setup enter started stopping leave release " "$(record d)"
}

# Undone while the module is loaded, it would put the older patch over the newer one.
test_a_patch_below_a_newer_one_is_not_disabled_on_trial()
{
	local older=test_kpatch_module newer=test_kpatch_object

	at_end end_trial
	check "insmod" load $older
	check "insmod" load $newer name=target_value
	check "arm" confirm 3
	check_fails_with "resource busy" "'$older': cannot be disabled on trial: '$newer'" \
		enabled $older 0
	check "both" switch -$older -$newer
	check "insmod" load $target
	check "undone" wait_for 15 has_ended $older 1
	check_is "value" 401 "$(parameter $target value)"
	check "no trial" enabled $newer 0
	check "no trial" enabled $older 0
}

test_all_ways_to_switch()
{
	load_three
	check "replace" enabled $c 1
	check "arm" confirm 2
	check "roll back" rollback $c
	check_is "enabled" 110 "$(states a b c)"
	check "undone" wait_for 10 are 001
	check "arm" confirm 2
	check "switch" switch -$c +$b +$a
	check "undone" wait_for 10 are 001
	check_shows "c -" cmdline version
	check "arm" confirm 2
	check "disable" enabled $c 0
	check "undone" wait_for 10 are 001
	check "arm" confirm 2
	check "insmod" load_copy d name=uptime_proc_show enable=1
	check_shows "d" uptime
	check "undone" wait_for 10 has_ended $d 0
	check "rmmod" unload $d
}

test_a_module_that_is_patched_comes_and_goes()
{
	local before

	at_end end_trial
	check "insmod" load $target
	before=$(parameter $target value)
	check "insmod" load test_kpatch_object name=target_value answer=700
	check "insmod" load_copy c name=cmdline_proc_show replace=1
	check "arm" confirm 5
	check "replace" enabled $c 1
	check_is "value" "$before" "$(parameter $target value)"
	check "rmmod" unload $target
	check "insmod" load $target
	check_is "value" "$before" "$(parameter $target value)"
	check "rmmod" unload $target
	check "undone" wait_for 15 has_ended test_kpatch_object 1
	check "insmod" load $target
	[ "$(parameter $target value)" != "$before" ] || fail "not patched when it came"
}

# The modules that a patch pins stay until it may be enabled no more.
test_pinned_targets_stay()
{
	at_end end_trial
	check "insmod" load $target
	check "insmod" load test_kpatch_object name=target_value flags=2
	check "arm" confirm 2
	check "disable" enabled test_kpatch_object 0
	! unload $target || fail "rmmod of a module that is needed succeeded"
	check "undone" wait_for 10 has_ended test_kpatch_object 1
	check "disable" enabled test_kpatch_object 0
	check "rmmod" unload $target
}

# Its init fails while it is on trial: the kernel does not ask whether it may go.
test_a_patch_on_trial_whose_module_goes()
{
	load_three
	check "arm" confirm 600
	! load_copy d name=uptime_proc_show enable=1 fail_ms=1000 || fail "insmod succeeded"
	check_gone $d
	check_log "'$d': its module goes while the patch is on trial, which is undone first"
	check_is "confirm" 0 "$(cat "$confirm")"
	check_shows "-" uptime

	check "arm" confirm 3
	background load_copy d name=uptime_proc_show set=hot fail_ms=2000
	check "registered" wait_for 5 test -e $kpatch_sysfs/$d/unhook_ns
	check "enable" enabled $d 1
	check "confirm" confirm 0
	check "arm" confirm 3
	check "disable" enabled $d 0
	check "gone" wait_for 20 [ ! -e /sys/module/$d ]
	check_gone $d
	check "the trial ends" wait_for 10 grep -qx 0 "$confirm"
}

run_tests
