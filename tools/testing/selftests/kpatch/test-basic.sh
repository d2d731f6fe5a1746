#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The life cycle of a patch: load, disable, enable again, unload; and several patches
# of one function.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

one=test_kpatch_cmdline
two=test_kpatch_cmdline2

cmdline() { cat /proc/cmdline; }

# count_passes MODULE: how often the CPUs synchronize while MODULE is loaded. Other code
# may make them synchronize, too, but hardly in each of three tries.
count_passes()
{
	local before after least=999999

	for _ in 1 2 3; do
		before=$(probe_hits kpatch_pass)
		check "insmod" load "$1"
		after=$(probe_hits kpatch_pass)
		check "disable" enabled "$1" 0
		check "rmmod" unload "$1"
		[ $((after - before)) -ge $least ] || least=$((after - before))
	done
	echo $least
}
version() { cat /proc/version; }

test_insmod_replaces_a_function_and_disabling_restores_it()
{
	local original

	original=$(cmdline)
	mark_log
	check "insmod" load $one
	check_is "/proc/cmdline" "$one: new cmdline" "$(cmdline)"
	check_is "enabled" 1 "$(is_enabled $one)"
	check_log "kpatch: loaded patch module \"$one\""

	mark_log
	check "disable" enabled $one 0
	check_is "/proc/cmdline" "$original" "$(cmdline)"
	check_is "enabled" 0 "$(is_enabled $one)"
	check_no_log "unloaded patch module"
	check "rmmod" unload $one
	check_log "kpatch: unloaded patch module \"$one\""
	check_gone $one
	check_is "/proc/cmdline" "$original" "$(cmdline)"
}

# check_disabled MODULE ORIGINAL: loaded, but not enabled
check_disabled()
{
	check_is "enabled" 0 "$(is_enabled "$1")"
	check_is "/proc/cmdline" "$2" "$(cmdline)"
	check_is "attempts" 0 "$(cat $kpatch_sysfs/"$1"/attempts)"
}

test_a_patch_can_be_loaded_disabled()
{
	local original

	original=$(cmdline)
	mark_log
	check "insmod" load $one enable=0
	check_log "kpatch: loaded patch module \"$one\", disabled"
	check_disabled $one "$original"
	check "rmmod" unload $one
	check_gone $one

	check "insmod" load $one enable=0
	check "enable" enabled $one 1
	check_is "/proc/cmdline" "$one: new cmdline" "$(cmdline)"
	! unload $one || fail "rmmod of an enabled patch succeeded"
	check "disable" enabled $one 0
	check "rmmod" unload $one
}

test_the_kernel_can_be_told_to_load_all_patches_disabled()
{
	local original

	original=$(cmdline)
	knob enable 0
	check "insmod" load $one
	check_disabled $one "$original"
	check "insmod" load $two enable=1
	check_is "enabled" 0 "$(is_enabled $two)"
	knob enable 1
	check "enable" enabled $one 1
	check_is "/proc/cmdline" "$one: new cmdline" "$(cmdline)"
	check "disable" enabled $one 0
	check "rmmod" unload $one
	check "rmmod" unload $two
}

test_a_module_is_marked_as_a_patch()
{
	check "the mark" grep -qaz '^kpatch=Y$' "$mods/$one.ko"
	! grep -qaz '^kpatch=Y$' "$mods/test_kpatch_probe.ko" || fail "every module is marked"
}

test_a_disabled_patch_can_be_enabled_again()
{
	local original i

	original=$(cmdline)
	check "insmod" load $one
	for i in 1 2 3; do
		check "disable $i" enabled $one 0
		check_is "/proc/cmdline" "$original" "$(cmdline)"
		check "enable $i" enabled $one 1
		check_is "/proc/cmdline" "$one: new cmdline" "$(cmdline)"
	done
}

test_writing_the_current_state_succeeds_and_changes_nothing()
{
	local attempts=$kpatch_sysfs/$one/attempts before

	check "insmod" load $one
	before=$(cat "$attempts")
	check "enable" enabled $one 1
	check_is "attempts" "$before" "$(cat "$attempts")"
	check "disable" enabled $one 0
	before=$(cat "$attempts")
	check "disable" enabled $one 0
	check_is "attempts" "$before" "$(cat "$attempts")"
}

test_rmmod_of_an_enabled_patch_fails()
{
	check "insmod" load $one
	! unload $one || fail "rmmod succeeded"
	check_is "/proc/cmdline" "$one: new cmdline" "$(cmdline)"
	check_is "enabled" 1 "$(is_enabled $one)"
	check "disable" enabled $one 0
	check "rmmod" unload $one
}

test_rmmod_of_a_reenabled_patch_fails()
{
	check "insmod" load $one
	check "disable" enabled $one 0
	check "enable" enabled $one 1
	! unload $one || fail "rmmod succeeded"
	check_is "/proc/cmdline" "$one: new cmdline" "$(cmdline)"
}

test_the_core_initializes_every_field_that_it_owns()
{
	local poison=test_kpatch_poison

	check "insmod" load $poison
	check_is "/proc/cmdline" "$poison: new cmdline" "$(cmdline)"
	[ "$(cat $kpatch_sysfs/$poison/attempts)" -lt 1000 ] || fail "attempts are not counted"
	check_is "blockers" "" "$(cat $kpatch_sysfs/$poison/blockers)"
	check_is "/proc/loadavg" "0.00 0.00 0.00" "$(cut -d' ' -f1-3 /proc/loadavg)"
	check "disable" enabled $poison 0
	check "enable" enabled $poison 1
	check_is "/proc/cmdline" "$poison: new cmdline" "$(cmdline)"
	check "disable" enabled $poison 0
	check "rmmod" unload $poison
}

test_the_newest_enabled_patch_of_a_function_wins()
{
	local original original_version

	original=$(cmdline)
	original_version=$(version)
	check "insmod" load $one
	check "insmod" load $two
	check_is "/proc/cmdline" "$two: new cmdline" "$(cmdline)"
	check_is "/proc/version" "$two: new version" "$(version)"
	check_is "live" 0 "$(cat $kpatch_sysfs/$one/vmlinux/cmdline_proc_show,1/live)"
	check_is "live" 1 "$(cat $kpatch_sysfs/$two/vmlinux/cmdline_proc_show,1/live)"

	check "disable the newer" enabled $two 0
	check_is "/proc/cmdline" "$one: new cmdline" "$(cmdline)"
	check_is "/proc/version" "$original_version" "$(version)"
	check "disable the older" enabled $one 0
	check_is "/proc/cmdline" "$original" "$(cmdline)"

	check "enable the newer first" enabled $two 1
	check "enable the older last" enabled $one 1
	check_is "/proc/cmdline" "$one: new cmdline" "$(cmdline)"
	check_is "/proc/version" "$two: new version" "$(version)"
	mark_log
	! enabled $two 0 || fail "disable of the patch below succeeded"
	check_log "'$one' has patched 'cmdline_proc_show' since"
}

test_a_patch_below_a_newer_one_cannot_be_disabled()
{
	check "insmod" load $one
	check "insmod" load $two
	mark_log
	! enabled $one 0 || fail "disable succeeded"
	check_log "'$two' has patched 'cmdline_proc_show' since"
	check_is "enabled" 1 "$(is_enabled $one)"
	check_is "/proc/cmdline" "$two: new cmdline" "$(cmdline)"
	check "disable the newer" enabled $two 0
	check "disable the older" enabled $one 0
}

test_hooks_are_shared_and_removed_with_their_last_user()
{
	local before

	before=$(hooked)
	check "insmod" load $one
	check_is "hooked functions" $((before + 1)) "$(hooked)"
	check "insmod" load $two
	check_is "hooked functions" $((before + 2)) "$(hooked)"
	check "disable" enabled $two 0
	check_is "hooked functions" $((before + 1)) "$(hooked)"
	check "enable" enabled $two 1
	check "disable" enabled $two 0
	check "disable" enabled $one 0
	check_is "hooked functions" "$before" "$(hooked)"
}

# A hook that two patches share must survive the patch that installed it.
test_a_hook_outlives_the_patch_that_installed_it()
{
	check "insmod" load $two
	check "insmod" load $one
	check "disable the newer" enabled $one 0
	check "rmmod the newer" unload $one
	check_is "/proc/cmdline" "$two: new cmdline" "$(cmdline)"

	check "disable" enabled $two 0
	check "insmod" load $one
	check "enable" enabled $two 1
	check_is "/proc/cmdline" "$two: new cmdline" "$(cmdline)"
	check_is "/proc/version" "$two: new version" "$(version)"
	check "disable" enabled $two 0
	check "rmmod" unload $two
	check_is "/proc/cmdline" "$one: new cmdline" "$(cmdline)"
}

# Each pass over the kernel text makes all CPUs synchronize several times: two
# functions must not need more of that than one.
test_all_functions_of_a_patch_are_hooked_in_one_pass()
{
	local one_function two_functions

	# The first patch may do one-time work for all others.
	check "insmod" load test_kpatch_statfs
	# Optimizing the probe would synchronize the CPUs as well, at any time.
	change /proc/sys/debug/kprobes-optimization 0
	if ! probe p kpatch_pass do_sync_core; then
		skip "no function to count passes with"
		return
	fi
	one_function=$(count_passes $one)
	two_functions=$(count_passes test_kpatch_pair)
	[ "$one_function" -gt 0 ] || fail "no pass was counted"
	check_is "passes for two functions" "$one_function" "$two_functions"
}

# Its file does, and the module while it is loaded.
test_a_patch_says_which_fixes_it_carries()
{
	local notes=/sys/module/$one/notes/.note.kpatch
	local fixes=$'0123456789ab ("proc: show another line")\nCVE-0000-00001'

	check "insmod" load $one
	check_is "fixes of the module" "$fixes" \
		"$(tr '\0' '\n' < "$notes" | sed -n 's/^fix=//p' | sort)"
	check_is "fixes of the file" "$fixes" "$(modinfo -F kpatch_fix "$mods/$one.ko" | sort)"
}

test_the_kernel_is_tainted_as_live_patched()
{
	check "insmod" load $one
	check_is "taint" 32768 $(($(cat /proc/sys/kernel/tainted) & 32768))
}

run_tests
