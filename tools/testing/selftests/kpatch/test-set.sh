#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sets of patches: what belongs to one, patches that replace all others of their set, and
# the way back.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

a=test_kpatch_a
b=test_kpatch_b
c=test_kpatch_c
d=test_kpatch_d
target=test_kpatch_target

# shows FILE...: which patches show these files in /proc, - for none
shows()
{
	local file text

	for file in "$@"; do
		text=$(cat "/proc/$file")
		case $text in
		test_kpatch_?) echo -n "${text#test_kpatch_} " ;;
		*) echo -n "- " ;;
		esac
	done
}

# check_shows PATCHES FILE...
check_shows()
{
	check_is "${*:2}" "$1 " "$(shows "${@:2}")"
}

rollback()
{
	switch_error=$( { echo "${2:-1}" > "$kpatch_sysfs/test_kpatch_$1/rollback"; } 2>&1)
}

record() { parameter "test_kpatch_$1" record | tr -d '\n'; }

test_two_sets_cannot_share_a_function()
{
	check "insmod" load_copy a name=cmdline_proc_show,version_proc_show
	check "insmod" load_copy b name=version_proc_show set=hot
	check_is "sets" "default hot" "$(cat $kpatch_sysfs/$a/set) $(cat $kpatch_sysfs/$b/set)"
	check "enable" switch +$a
	check_fails_with "resource busy" \
		"'$b': function 'version_proc_show' is replaced by '$a' of set 'default'" \
		enabled $b 1
	check_fails_with "resource busy" \
		"'$b': function 'version_proc_show' is replaced by '$a' of set 'default'" \
		switch +$b
	check_shows "a a" cmdline version
	check "one goes, the other comes" switch +$b -$a
	check_shows "- b" cmdline version
	check "disable" enabled $b 0
	check_fails_with "resource busy" \
		"'$a': function 'version_proc_show' is replaced by '$b' of set 'hot'" \
		switch +$b +$a
	check_is "enabled" 00 "$(states a b)"
}

test_sets_with_different_functions_do_not_touch_each_other()
{
	check "insmod" load_copy a name=cmdline_proc_show enable=1
	check "insmod" load_copy b name=version_proc_show set=hot enable=1
	check "insmod" load_copy c name=cmdline_proc_show replace=1 enable=1
	check_is "enabled" 011 "$(states a b c)"
	check "insmod" load_copy d name=cmdline_proc_show set=default enable=1
	check_shows "d b" cmdline version
}

test_names_of_sets()
{
	local name

	for name in '""' '"two words"' "$(printf 'x%.0s' {1..64})"; do
		mark_log
		! load_copy a name=cmdline_proc_show set="$name" || fail "$name was accepted"
		check_log "the name of its set is empty, longer"
		check_gone $a
	done
}

# Two patches of a module that is not loaded, known by their names only.
test_two_sets_cannot_share_a_function_of_a_module_that_is_not_loaded()
{
	check "insmod" load test_kpatch_object name=target_value set=hot
	check "insmod" load test_kpatch_module enable=0
	check_fails_with "resource busy" "is replaced by 'test_kpatch_object' of set 'hot'" \
		enabled test_kpatch_module 1
	check "insmod" load $target
	check "disable" enabled test_kpatch_object 0
	check "enable" enabled test_kpatch_module 1
	check_fails_with "resource busy" "is replaced by 'test_kpatch_module' of set 'default'" \
		enabled test_kpatch_object 1
}

# The names differ, so only the module shows that it is one function.
test_a_module_with_a_function_of_two_sets_is_refused()
{
	check "insmod" load test_kpatch_object name=target_one_name set=hot
	check "insmod" load_copy a name=target_other_name objname=$target enable=1
	mark_log
	! load $target || fail "the module was loaded"
	check_log "'$a': function 'target_other_name' is replaced by 'test_kpatch_object' of"
	check_log "module '$target' is not loaded (-16)"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-')"
	check_is "enabled" "1 1" "$(is_enabled $a) $(is_enabled test_kpatch_object)"
	check "disable" enabled $a 0
	check "insmod" load $target
	check_is "live" 1 "$(cat $kpatch_sysfs/test_kpatch_object/$target/target_one_name,1/live)"
	check_fails_with "resource busy" "is replaced by 'test_kpatch_object' of set 'hot'" \
		enabled $a 1
}

test_a_patch_replaces_all_of_its_set()
{
	check "insmod" load_copy a name=cmdline_proc_show,version_proc_show enable=1
	check "insmod" load_copy b name=version_proc_show,uptime_proc_show enable=1
	check "insmod" load_copy d name=loadavg_proc_show set=hot enable=1
	check_shows "a b b d" cmdline version uptime loadavg
	mark_log
	check "replace" load_copy c name=cmdline_proc_show replace=1 enable=1
	check_is "enabled" 0011 "$(states a b c d)"
	check_shows "c - - d" cmdline version uptime loadavg
	check_log "disabled patch module \"$a\""
	check_log "disabled patch module \"$b\""
	check_log "loaded patch module \"$c\""
	check "rmmod of a replaced patch" unload $a
	check "rmmod of a replaced patch" unload $b
}

test_the_command_line_of_insmod_can_ask_for_it()
{
	local old=test_kpatch_cmdline new=test_kpatch_statfs

	check "insmod" load $old
	check "insmod" load $new replace=1
	check_is "enabled" "0 1" "$(is_enabled $old) $(is_enabled $new)"
	check "back" eval "echo 1 > $kpatch_sysfs/$new/rollback"
	check_is "enabled" "1 0" "$(is_enabled $old) $(is_enabled $new)"
}

test_a_replace_is_all_or_nothing()
{
	check "insmod" load_copy a name=cmdline_proc_show id=1001 enable=1
	check "insmod" load_copy b name=version_proc_show enable=1
	check "insmod" load_copy c name=cmdline_proc_show replace=1 id=1003
	echo check_enter > /sys/module/$c/parameters/refuse
	check_fails_with "No space left" "the check of its state 1003 has refused" enabled $c 1
	check_is "enabled" 110 "$(states a b c)"
	check_shows "a b" cmdline version
	check_is "a" "setup enter started stopping started " "$(record a)"
	check_is "c" "setup release " "$(record c)"
	check_fails_with "Invalid argument" "'$c': has replaced no patch" rollback c
}

# The helper has replaced nothing: only all text of the module covers it.
test_a_task_in_a_helper_of_a_replaced_patch_is_seen()
{
	check "insmod" load_copy a name=cmdline_proc_show enable=1
	check "insmod" load_copy c name=cmdline_proc_show replace=1
	echo Y > /sys/module/$a/parameters/sleep
	background cat /proc/cmdline
	check "asleep" wait_for 5 grep -q "show.*\[$a\]" "/proc/$child/stack"
	check_fails_with "resource busy" "blocked by 1 task(s), first is $child cat show" \
		enabled $c 1
	check_is "enabled" 10 "$(states a c)"
	echo N > /sys/module/$a/parameters/sleep
	wait "$child"
	check "then" enabled $c 1
	check_is "enabled" 01 "$(states a c)"
}

test_states_are_handed_over_by_replace_and_rollback()
{
	check "insmod" load_copy a name=cmdline_proc_show id=1001 enable=1
	check "insmod" load_copy b name=cmdline_proc_show id=1001 enable=1 replace=1
	check_is "a" "setup enter started stopping " "$(record a)"
	check_is "b" "started " "$(record b)"
	check "back" rollback b
	check_is "a" "setup enter started stopping started " "$(record a)"
	check_is "b" "started stopping " "$(record b)"
	check "rmmod" unload $b
	check "disable" enabled $a 0
	check_is "a" "setup enter started stopping started stopping leave release " "$(record a)"
}

test_a_replace_is_rolled_back()
{
	check "insmod" load_copy a name=cmdline_proc_show,version_proc_show enable=1
	check "insmod" load_copy b name=version_proc_show enable=1
	check "insmod" load_copy c name=uptime_proc_show replace=1 enable=1
	check "insmod" load_copy d name=cmdline_proc_show replace=1 enable=1
	check_shows "d - -" cmdline version uptime
	check "back" rollback d
	check_shows "- - c" cmdline version uptime
	check "further back" rollback c
	check_shows "a b -" cmdline version uptime
	check_is "enabled" 1100 "$(states a b c d)"
	check "again: it is so" rollback c "1 2000"
	check_fails_with "Invalid argument" "'$a': has replaced no patch" rollback a
	check_fails_with "Invalid argument" "rollback takes 1" rollback c 0
	check "forward" enabled $c 1
	check "rmmod" unload $a
	check_fails_with "No such file" "'$c': cannot go back to '$a', which has been" \
		rollback c
	check "insmod" load_copy a name=cmdline_proc_show
	check_fails_with "No such file" "'$c': cannot go back to '$a', which has been" \
		rollback c
	check_is "enabled" 0010 "$(states a b c d)"
}

# A patch that was replaced is like any other: it may be used meanwhile.
test_a_rollback_finds_what_has_changed()
{
	check "insmod" load_copy a name=cmdline_proc_show enable=1
	check "insmod" load_copy b name=version_proc_show enable=1
	check "insmod" load_copy c name=uptime_proc_show replace=1 enable=1
	check "enable" enabled $a 1
	check_shows "a -" cmdline version
	check "insmod" load_copy d name=version_proc_show set=hot enable=1
	check_fails_with "resource busy" "'$b': function 'version_proc_show' is replaced by '$d'" \
		rollback c
	check_is "enabled" 1011 "$(states a b c d)"
	check "disable" enabled $d 0
	check "back" rollback c
	check_shows "a b" cmdline version
	check_is "enabled" 1100 "$(states a b c d)"
}

# A retried write, or one to the wrong patch, does not put old functions over new ones.
test_a_patch_that_is_disabled_is_not_rolled_back()
{
	check "insmod" load_copy a name=cmdline_proc_show enable=1
	check "insmod" load_copy b name=cmdline_proc_show replace=1 enable=1
	check "insmod" load_copy c name=cmdline_proc_show replace=1 enable=1
	check_fails_with "Invalid argument" "'$b': is disabled, so there is nothing to roll back" \
		rollback b
	check_is "enabled" 001 "$(states a b c)"
	check_shows c cmdline
	check "back" rollback c
	check "further back" rollback b
	check "again" rollback b
	check_is "enabled" 100 "$(states a b c)"
}

test_a_rollback_does_not_cover_newer_patches()
{
	check "insmod" load_copy a name=cmdline_proc_show,version_proc_show enable=1
	check "insmod" load_copy b name=version_proc_show enable=1
	check "insmod" load_copy c name=cmdline_proc_show replace=1 enable=1
	check "enable an old one" enabled $b 1
	check_fails_with "resource busy" "'version_proc_show' is replaced by '$b', which is newer" \
		rollback c
	check "disable" enabled $b 0
	check "insmod" load_copy d name=version_proc_show enable=1
	check_fails_with "resource busy" "'version_proc_show' is replaced by '$d', which is newer" \
		rollback c
	check_is "enabled" 0011 "$(states a b c d)"
	check_shows "c d" cmdline version
	check "disable" enabled $d 0
	check "back" rollback c
	check_shows "a b" cmdline version
}

answer() { parameter $target value; }

test_a_rollback_works_after_a_module_has_come_or_gone()
{
	local before

	check "insmod" load $target
	before=$(answer)
	check "insmod" load test_kpatch_object name=target_value answer=700
	[ "$(answer)" != "$before" ] || fail "not patched"
	check "insmod" load_copy c name=cmdline_proc_show replace=1 enable=1
	check_is "answer" "$before" "$(answer)"
	check "rmmod" unload $target
	check "back" rollback c
	check "insmod" load $target
	[ "$(answer)" != "$before" ] || fail "not patched when it came"
	check "forward" enabled $c 1
	check_is "answer" "$before" "$(answer)"
	check "rmmod" unload $target
	check "insmod" load $target
	check "back" rollback c
	[ "$(answer)" != "$before" ] || fail "not patched after it had gone and come"
}

run_tests
