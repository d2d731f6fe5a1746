#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kpatch command on a running kernel. The tests of the command alone, which need
# neither root nor kpatch in the kernel, are in tools/kpatch/tests. Set KPATCH to the
# path of the command if it is not in $PATH.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

kpatch=${KPATCH:-$(command -v kpatch)}
patch=test_kpatch_cmdline
pause=test_kpatch_pause

[ -x "$kpatch" ] || skip_all "no kpatch command; build tools/kpatch and set KPATCH"

test_load_list_unload()
{
	check "load" "$kpatch" load "$mods/$patch.ko"
	check_is "/proc/cmdline" "$patch: new cmdline" "$(cat /proc/cmdline)"
	check "list names the patch" grep -qx "$patch \[enabled\]" <("$kpatch" list)
	check "unload" "$kpatch" unload $patch
	check_gone $patch
	! "$kpatch" list | grep "$patch" || fail "list names it still"
}

test_load_of_a_disabled_patch_enables_it()
{
	check "load" "$kpatch" load "$mods/$patch.ko"
	check "disable" "$kpatch" disable $patch
	check_is "enabled" 0 "$(is_enabled $patch)"
	check "load" "$kpatch" load "$mods/$patch.ko"
	check_is "enabled" 1 "$(is_enabled $patch)"
}

test_check_reports_and_changes_nothing()
{
	local error

	error=$(mktemp)
	check "no parking" knob park N
	check "load" "$kpatch" load "$mods/$pause.ko"
	check_is "check" "'$pause' could be disabled now" \
		"$("$kpatch" check $pause)"
	background "$user" pause sleeper >/dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	! briefly "$kpatch" check $pause 2> "$error" || fail "check succeeded"
	check "the sleeper is named" grep -q "$child sleeper new_pause asleep" \
		"$error"
	check_is "enabled" 1 "$(is_enabled $pause)"
}

test_info_shows_blockers_only_with_the_capability()
{
	local info

	check "no parking" knob park N
	check "load" "$kpatch" load "$mods/$pause.ko"
	background "$user" pause $'a b\n' >/dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	! "$kpatch" check $pause 2>/dev/null || fail "check succeeded"
	check_is "blockers" "  $child a\\040b\\012 new_pause asleep" \
		"$("$kpatch" info $pause | tail -n 1)"
	info=$(setpriv --bounding-set=-all --inh-caps=-all "$kpatch" info $pause)
	check_is "first line" "name:        $pause" "$(head -n 1 <<< "$info")"
	check_is "blockers" "blockers:    not shown, needs CAP_SYS_ADMIN" \
		"$(tail -n 1 <<< "$info")"
}

test_unload_waits_for_a_task_inside()
{
	check "no parking" knob park N
	check "load" "$kpatch" load "$mods/$pause.ko"
	background "$user" pause sleeper >/dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	# The command has to try more than once.
	knob deadline_ms 500
	background bash -c "sleep 2; kill -USR1 $child"
	check "unload" "$kpatch" unload -t 120 $pause
	check_gone $pause
}

test_unload_gives_up_and_names_the_blocker()
{
	local error

	check "no parking" knob park N
	check "load" "$kpatch" load "$mods/$pause.ko"
	background "$user" pause sleeper >/dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	error=$(briefly "$kpatch" unload -t 1 $pause 2>&1) && fail "unload succeeded"
	case $error in
	*"$child sleeper new_pause asleep"*) ;;
	*) fail "the sleeper is not named: '$error'" ;;
	esac
	check_is "enabled" 1 "$(is_enabled $pause)"
}

test_unload_of_all_patches()
{
	check "load" "$kpatch" load "$mods/$patch.ko" "$mods/test_kpatch_cmdline2.ko"
	check "unload" "$kpatch" unload --all
	check_gone $patch
	check_gone test_kpatch_cmdline2
}

test_load_of_a_bad_patch_fails_and_says_why()
{
	local error

	! error=$("$kpatch" load "$mods/test_kpatch_any.ko" 2>&1) || fail "load succeeded"
	[ -n "$error" ] || fail "no message"
	! error=$("$kpatch" load "$mods/no_such_module.ko" 2>&1) || fail "load succeeded"
	! "$kpatch" list | grep '\[' || fail "a patch is left"
}

run_tests
