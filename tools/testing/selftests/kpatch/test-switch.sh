#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Several patches that are switched at one instant, through the file "switch".

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

a=test_kpatch_a
b=test_kpatch_b
c=test_kpatch_c
rounds=${KPATCH_TEST_ROUNDS:-5}

# check_shows PATCH FILE...: each file in /proc is shown by the patch; by none if it is -
check_shows()
{
	local patch=$1 file text

	shift
	for file in "$@"; do
		text=$(cat "/proc/$file")
		case $text in
		test_kpatch_?) ;;
		*) text=- ;;
		esac
		check_is "/proc/$file" "$patch" "$text"
	done
}

# check_enabled A B C: what the patches have in their file "enabled"
check_enabled()
{
	check_is "enabled" "$*" "$(is_enabled $a) $(is_enabled $b) $(is_enabled $c)"
}

# Three patches: A and B share no function, and C shares one with each.
load_three()
{
	check "insmod" load_copy a name=cmdline_proc_show id=1001
	check "insmod" load_copy b name=version_proc_show id=1002
	check "insmod" load_copy c name=cmdline_proc_show,version_proc_show id=1003
}

# check_switch_fails ERROR TEXT WORD...: with one line in the log
check_switch_fails()
{
	local error=$1 text=$2 before

	shift 2
	mark_log
	before=$(hooked)
	! briefly switch "$@" || fail "$*: succeeded"
	case $switch_error in
	*"$error"*) ;;
	*) fail "$*: expected '$error', got '$switch_error'" ;;
	esac
	check_log "$text"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-')"
	check "hooks are removed" wait_for 5 test_hooked "$before"
}

test_hooked() { [ "$(hooked)" = "$1" ]; }

# Without the newline that forget_record writes.
record() { parameter "test_kpatch_$1" record | tr -d '\n'; }

forget_record() { echo > "/sys/module/test_kpatch_$1/parameters/record"; }

test_patches_are_switched_at_once()
{
	load_three
	mark_log
	check "enable two" switch +$a +$b
	check_enabled 1 1 0
	check_shows $a cmdline
	check_shows $b version
	check_log "enabled patch module \"$a\""
	check_log "enabled patch module \"$b\""
	check_is "stops" "$(cat $kpatch_sysfs/$a/stops)" "$(cat $kpatch_sysfs/$b/stops)"
	! unload $a || fail "rmmod of an enabled patch succeeded"

	check "exchange" switch -$a -$b +$c
	check_enabled 0 0 1
	check_shows $c cmdline version
	check "back" switch +$a -$c +$b 3000
	check_enabled 1 1 0
	check_shows $a cmdline
	check_shows $b version
	check "disable two" switch -$b -$a
	check_shows - cmdline version
	for patch in $a $b $c; do
		check "rmmod" unload "$patch"
	done
}

test_later_words_are_newer_patches()
{
	load_three
	check "enable" switch +$c +$a
	check_shows $a cmdline
	check_shows $c version
	check "disable" switch -$a -$c
	check "enable in another order" switch +$a +$b +$c
	check_shows $c cmdline version
	check "disable the oldest and the newest" switch -$a -$c
	check_shows - cmdline
	check_shows $b version
}

# They are hooked together, but each one's hooks go with it.
test_hooks_of_each_patch_are_removed_when_it_is_disabled()
{
	local before

	check "insmod" load_copy a name=cmdline_proc_show,uptime_proc_show
	check "insmod" load_copy b name=version_proc_show
	check "insmod" load_copy c name=version_proc_show,uptime_proc_show
	before=$(hooked)
	check "enable" switch +$a +$b +$c
	check_is "hooks" $((before + 3)) "$(hooked)"
	check "disable" switch -$c
	check_is "hooks" $((before + 3)) "$(hooked)"
	check "disable" switch -$a
	check "hooks are removed" wait_for 5 test_hooked $((before + 1))
	check_shows - cmdline uptime
	check_shows $b version
	check "enable again" switch +$a
	check_is "hooks" $((before + 3)) "$(hooked)"
	check_shows $a cmdline uptime
	check "disable" switch -$b
	check "hooks are removed" wait_for 5 test_hooked $((before + 2))
	check "disable" switch -$a
	check "hooks are removed" wait_for 5 test_hooked "$before"
}

test_a_word_for_what_is_so_already_changes_nothing()
{
	load_three
	check "enable" switch +$a
	check "again, with another" switch +$a +$b -$c
	check_enabled 1 1 0
	check_is "attempts" 1 "$(cat $kpatch_sysfs/$a/attempts)"
	check "nothing to do" switch -$c +$b
	check_is "attempts" 1 "$(cat $kpatch_sysfs/$b/attempts)"
}

test_bad_writes_are_refused()
{
	local text

	load_three
	for text in "" "+" "$a" "+$a  +$b" " +$a" "+$a " "+$a 0" "+$a 5 +$b" "5" "*$a" \
		    "+$a 3600001" "+$(printf 'x%.0s' {1..64})"; do
		! switch "$text" || fail "'$text' was accepted"
		case $switch_error in
		*"Invalid argument"*) ;;
		*) fail "'$text': expected EINVAL, got '$switch_error'" ;;
		esac
	done
	printf '+%s\0' $a | dd of=$kpatch_sysfs/switch status=none 2>/dev/null &&
		fail "a NUL was accepted"
	check_switch_fails "Invalid argument" "'$a': is named twice" +$a +$b -$a
	check_switch_fails "No such file" "cannot switch 'nosuch': no such patch" +$a +nosuch
	check_enabled 0 0 0
	check_is "mode" 200 "$(stat -c %a $kpatch_sysfs/switch)"
}

test_a_patch_that_stays_covers_those_below()
{
	load_three
	check "enable" switch +$a +$b +$c
	check_switch_fails "resource busy" "'$b': cannot disable: '$c' has patched" -$b
	check_switch_fails "resource busy" "'$b': cannot disable: '$c' has patched" -$a -$b
	check_enabled 1 1 1
	check_shows $c cmdline version
	check "together" switch -$a -$c
	check_shows $b version
}

# None of the patches changes if one of them cannot be switched.
test_a_task_inside_one_of_them_keeps_all_as_they_were()
{
	load_three
	check "enable" switch +$a +$b
	echo Y > /sys/module/$b/parameters/sleep
	background cat /proc/version
	check "asleep" wait_for 5 grep -q "show.*\[$b\]" "/proc/$child/stack"
	check_switch_fails "resource busy" "cannot switch it and others at once: blocked by" \
		-$a -$b +$c
	check_enabled 1 1 0
	check_is "blockers" "$(cat $kpatch_sysfs/$a/blockers)" "$(cat $kpatch_sysfs/$c/blockers)"
	grep -q "^$child cat show" $kpatch_sysfs/$c/blockers ||
		fail "blockers: $(cat $kpatch_sysfs/$c/blockers)"
	echo N > /sys/module/$b/parameters/sleep
	wait "$child"
	check "then" switch -$a -$b +$c
	check_shows $c cmdline version
}

# check_refusal CALLBACK PATCH RECORDS TEXT: PATCH refuses, which is logged with TEXT, and the
# records of the three are as given
check_refusal()
{
	local refuse=$1 patch=$2

	forget_record a
	forget_record b
	forget_record c
	echo "$refuse" > "/sys/module/test_kpatch_$patch/parameters/refuse"
	check_switch_fails "No space left" "$4" -$a -$b +$c
	echo > "/sys/module/test_kpatch_$patch/parameters/refuse"
	check_enabled 1 1 0
	check_shows $a cmdline
	check_shows $b version
	check_is "$refuse: callbacks" "$3" "$(record a)| $(record b)| $(record c)"
}

test_a_callback_that_refuses_keeps_all_as_they_were()
{
	load_three
	check "enable" switch +$a +$b
	check_refusal stopping a "stopping | stopping started | " \
		"'$a': cannot disable: callback stopping"
	check_refusal setup c "stopping started | stopping started | setup " \
		"'$c': cannot enable: callback setup"
	check_refusal check_enter c "stopping started | stopping started | setup release " \
		"'$c': cannot switch it and others at once: the check of its state 1003 has refused"
	check_refusal check_leave a "stopping started | stopping started | setup release " \
		"'$a': cannot switch it and others at once: the check of its state 1001 has refused"
	forget_record a
	check "then" switch -$a -$b +$c
	check_is "callbacks" "stopping leave release " "$(record a)"
}

test_states_are_handed_over_within_one_switch()
{
	check "insmod" load_copy a name=cmdline_proc_show id=1001
	check "insmod" load_copy b name=cmdline_proc_show id=1001
	check "enable" switch +$a
	check "exchange" switch +$b -$a
	check_is "old" "setup enter started stopping " "$(record a)"
	check_is "new" "started " "$(record b)"
	check "rmmod" unload $a
	check "disable" switch -$b
	check_is "new" "started stopping leave release " "$(record b)"
	check "insmod" load_copy a name=cmdline_proc_show id=1001
	forget_record b
	check "both at once" switch +$a +$b
	check_is "the first enters" "setup enter started " "$(record a)"
	check_is "the second does not" "started " "$(record b)"
	check "both at once" switch -$a -$b
	check_is "the oldest leaves" "setup enter started stopping leave release " "$(record a)"
	check_is "the second does not" "started stopping " "$(record b)"
}

test_a_permanent_state_is_refused_in_any_order()
{
	local text="'$b': cannot disable: its state 1001 cannot be left"

	check "insmod" load_copy a name=cmdline_proc_show id=1001
	check "insmod" load_copy b name=version_proc_show id=1001 permanent=1
	check "enable" switch +$a +$b
	check_switch_fails "not permitted" "$text" -$a -$b
	check_switch_fails "not permitted" "$text" -$b -$a
	check "disable the other" switch -$a
	check_switch_fails "not permitted" "$text" -$b
	check "take it over" switch -$b +$a
	check "disable" switch -$a
}

more_pairs() { [ "$(parameter test_kpatch_pair_check "$1")" -gt "$2" ]; }

check_pairs()
{
	check "more pairs are $1" wait_for 10 more_pairs "$1" \
		$(($(parameter test_kpatch_pair_check "$1") + 100))
}

load_pairs()
{
	check "insmod" load test_kpatch_gcd enable=0
	check "insmod" load test_kpatch_lcm enable=0
	check "insmod" load test_kpatch_pair enable=0
}

test_functions_of_two_patches_are_never_seen_in_different_versions()
{
	local check=test_kpatch_pair_check old

	load_pairs
	check "insmod" load $check
	for _ in $(seq "$rounds"); do
		check_pairs both_old
		check "enable both" switch +test_kpatch_gcd +test_kpatch_lcm
		check_pairs both_new
		old=$(parameter $check both_old)
		check "exchange" switch -test_kpatch_gcd +test_kpatch_pair -test_kpatch_lcm
		check_pairs both_new
		check "exchange" switch +test_kpatch_lcm -test_kpatch_pair +test_kpatch_gcd
		check_pairs both_new
		check_is "pairs old in an exchange" "$old" "$(parameter $check both_old)"
		check "disable both" switch -test_kpatch_lcm -test_kpatch_gcd
	done
	echo "# $(parameter $check both_old) pairs old, $(parameter $check both_new) new," \
		"$(parameter $check in_irq) of them in interrupts"
	check_is "mixed pairs" 0 "$(parameter $check mixed)"
	[ "$(parameter $check in_irq)" -gt 100 ] || fail "no interrupts"
}

nmi_pairs() { [ "$(parameter test_kpatch_nmi "$1")" -gt "$2" ]; }

# check_nmis KIND: more NMIs are of this kind
check_nmis()
{
	check "more NMIs are $1" wait_for 10 nmi_pairs "$1" \
		$(($(parameter test_kpatch_nmi "$1") + 3))
}

# NMIs may abort many attempts in a row.
switch_under_nmis()
{
	for _ in $(seq 30); do
		switch "$@" && return
		case $switch_error in
		*"resource busy"*) ;;
		*) break ;;
		esac
	done
	fail "$*: $switch_error"
}

test_nmis_see_functions_of_two_patches_in_one_version()
{
	local longest=/sys/kernel/debug/x86/nmi_longest_ns old

	if [ ! -e "$mods/test_kpatch_nmi.ko" ] || [ "$(nproc)" -lt 2 ]; then
		skip "needs x86 and two CPUs"
		return
	fi
	[ ! -e $longest ] || change $longest 10000000000
	load_pairs
	check "insmod" load test_kpatch_nmi relay_us=100 hops=200
	check_nmis both_old
	for _ in $(seq "$rounds"); do
		switch_under_nmis +test_kpatch_gcd +test_kpatch_lcm
		check_nmis both_new
		old=$(parameter test_kpatch_nmi both_old)
		switch_under_nmis -test_kpatch_gcd +test_kpatch_pair -test_kpatch_lcm
		switch_under_nmis +test_kpatch_lcm -test_kpatch_pair +test_kpatch_gcd
		check_is "old in an exchange" "$old" "$(parameter test_kpatch_nmi both_old)"
		switch_under_nmis -test_kpatch_lcm -test_kpatch_gcd
		check_nmis both_old
	done
	check_is "mixed" 0 "$(parameter test_kpatch_nmi mixed)"
}

# The task that writes has to be parked, and to restart its write.
test_functions_that_the_write_runs_through_are_switched()
{
	local through=test_kpatch_through

	check "insmod" load $through name=vfs_write,ksys_write,kernfs_fop_write_iter,sysfs_kf_write
	check "insmod" load_copy a name=cmdline_proc_show
	for _ in 1 2 3; do
		check "enable" switch +$through +$a
		check_is "enabled" "1 1" "$(is_enabled $through) $(is_enabled $a)"
		check_shows $a cmdline
		check "disable" switch -$a -$through
		check_is "enabled" "0 0" "$(is_enabled $through) $(is_enabled $a)"
	done
	check_is "one operation each" 6 "$(kpatch_log | grep -c "abled patch module \"$a\"")"
}

run_tests
