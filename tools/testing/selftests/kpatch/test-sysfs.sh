#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The files of a patch: their contents, the permissions that they require, and the
# errors of invalid writes.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

patch=test_kpatch_cmdline
files=$kpatch_sysfs/$patch
pause=test_kpatch_pause
blockers=$kpatch_sysfs/$pause/blockers

mode() { stat -c %a "$1"; }

names_in() { find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | paste -sd ' '; }

# check_write_refused WHAT BYTES: write BYTES, expanded by printf %b, with one write(2)
check_write_refused()
{
	local before error

	before=$(is_enabled $patch)
	error=$(printf %b "$2" | dd of="$files/enabled" bs=8192 iflag=fullblock \
		conv=notrunc status=none 2>&1) && fail "writing $1 succeeded"
	case $error in
	*"Invalid argument"*) ;;
	*) fail "writing $1: expected EINVAL, got '$error'" ;;
	esac
	check_is "enabled after $1" "$before" "$(is_enabled $patch)"
}

test_the_directory_of_a_patch_has_the_documented_files()
{
	local func=$files/vmlinux/cmdline_proc_show,1
	local stats="attempts blockers check enabled hold_ns max_hold_ns max_stop_ns"

	stats+=" max_work_ns parked refused refused_ns rollback scanned scanned_stopped set"
	stats+=" since_ns states stop_ns stops"
	stats+=" unhook_ns vmlinux"

	check "insmod" load $patch
	check_is "patches" "confirm switch $patch" "$(names_in $kpatch_sysfs)"
	check_is "files" "$stats work_ns" "$(names_in $files)"
	check_is "functions" "cmdline_proc_show,1" "$(ls $files/vmlinux)"
	check_is "files of a function" "live" "$(names_in $func)"
	check_is "live" 1 "$(cat $func/live)"
	check "disable" enabled $patch 0
	check_is "live" 0 "$(cat $func/live)"
}

test_the_modes_of_the_files()
{
	local f

	check "insmod" load $patch
	check_is "enabled" 644 "$(mode $files/enabled)"
	check_is "blockers" 400 "$(mode $files/blockers)"
	check_is "check" 200 "$(mode $files/check)"
	check_is "rollback" 200 "$(mode $files/rollback)"
	check_is "set" 444 "$(mode $files/set)"
	for f in attempts stops stop_ns max_stop_ns work_ns max_work_ns scanned scanned_stopped \
		 parked hold_ns max_hold_ns unhook_ns since_ns refused refused_ns; do
		check_is "$f" 444 "$(mode "$files/$f")"
	done
	check_is "live" 444 "$(mode $files/vmlinux/cmdline_proc_show,1/live)"
}

# An address would reveal the location of the kernel to root without capabilities.
test_no_file_shows_an_address()
{
	check "insmod" load $patch
	check_is "addresses" "" "$(grep -rsE '[0-9a-f]{16}' $files)"
}

# This comes first: the messages are rate-limited.
test_garbage_in_enabled_is_logged()
{
	check "insmod" load $patch
	mark_log
	check_write_refused "2" '2'
	check_log "'$patch': enabled takes 0 or 1, and after a blank how many milliseconds"
	check_log "it may take, 3600000 at most (-22)"
}

test_garbage_in_enabled_changes_nothing()
{
	check "insmod" load $patch
	check_write_refused "a newline" $'\n'
	check_write_refused "2" '2'
	check_write_refused "-1" -1
	check_write_refused "+0" '+0'
	check_write_refused "00" '00'
	check_write_refused "0x0" '0x0'
	check_write_refused "a leading blank" ' 0'
	check_write_refused "a trailing blank" '0 '
	check_write_refused "two newlines" '0\n\n'
	check_write_refused "a leading newline" '\n0'
	check_write_refused "a NUL and more" '0\0x'
	check_write_refused "a newline and more" '0\n\0'
	check_write_refused "a trailing NUL" '0\0'
	check_write_refused "a NUL" '\0'
	check_write_refused "on" 'on'
	check_write_refused "1x" '1x'
	check_write_refused "0 0" '0 0'
	check_write_refused "a leading zero" '0 05'
	check_write_refused "a sign" '0 +5'
	check_write_refused "two blanks" '0  5'
	check_write_refused "more than a number" '0 5x'
	check_write_refused "a third word" '0 5 5'
	check_write_refused "a number and a trailing blank" '0 5 '
	check_write_refused "a number and two newlines" '0 5\n\n'
	check_write_refused "a number and a NUL" '0 5\0'
	check_write_refused "a tab" '0\t5'
	check_write_refused "more than an hour" '0 3600001'
	check_write_refused "a huge timeout" '0 4294967297'
	check_write_refused "a huge number" '18446744073709551617'
	check_write_refused "4 KiB of noise" \
		"$(head -c 3000 /dev/urandom | base64 -w0 | head -c 4096)"
	check "disable" enabled $patch 0
	check_write_refused "2" '2'
	check_write_refused "yes" 'yes'
	check_write_refused "+1" '+1'
	check_write_refused "01" '01'
	check_write_refused "1 0" '1 0'
	check_write_refused "two blanks" '1  5'
	check_write_refused "more than a number" '1 5x'
	check_write_refused "more than an hour" '1 3600001'
	check_write_refused "a NUL and more" '1\0x'
}

test_a_digit_is_accepted_with_or_without_a_newline()
{
	check "insmod" load $patch
	printf 0 > $files/enabled || fail "writing 0 failed"
	check_is "enabled" 0 "$(is_enabled $patch)"
	printf '1\n' > $files/enabled || fail "writing 1 and a newline failed"
	check_is "enabled" 1 "$(is_enabled $patch)"
	printf 0 > $files/check || fail "writing 0 to check failed"
	check_is "enabled" 1 "$(is_enabled $patch)"
}

test_a_timeout_is_accepted()
{
	check "insmod" load $patch
	printf '0 500' > $files/enabled || fail "writing 0 500 failed"
	check_is "enabled" 0 "$(is_enabled $patch)"
	printf '1 3600000\n' > $files/enabled || fail "writing 1 3600000 and a newline failed"
	check_is "enabled" 1 "$(is_enabled $patch)"
	printf '0 1\n' > $files/check || fail "writing 0 1 to check failed"
	check_is "enabled" 1 "$(is_enabled $patch)"
}

# sysfs itself drops an empty write.
test_an_empty_write_changes_nothing()
{
	check "insmod" load $patch
	printf '' > $files/enabled
	check_is "enabled" 1 "$(is_enabled $patch)"
}

test_a_user_cannot_write()
{
	local error

	check "insmod" load $patch
	error=$(setpriv --reuid=65534 --regid=65534 --clear-groups \
		bash -c "echo 0 > $files/enabled" 2>&1) && fail "write succeeded"
	case $error in *"Permission denied"*) ;; *) fail "expected EACCES, got '$error'" ;; esac
	check_is "enabled" 1 "$(is_enabled $patch)"
}

# A privileged process may have opened the file.
test_a_user_cannot_write_to_a_file_that_root_opened()
{
	local error

	check "insmod" load $patch
	error=$(setpriv --reuid=65534 --regid=65534 --clear-groups \
		bash -c 'echo 0 >&5' 5> $files/enabled 2>&1) && fail "write succeeded"
	case $error in *"not permitted"*) ;; *) fail "expected EPERM, got '$error'" ;; esac
	check_is "enabled" 1 "$(is_enabled $patch)"
}

test_root_without_the_capability_cannot_write()
{
	local error

	check "insmod" load $patch
	error=$(setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
		bash -c "echo 0 > $files/enabled" 2>&1) && fail "write succeeded"
	case $error in *"not permitted"*) ;; *) fail "expected EPERM, got '$error'" ;; esac
	check_is "enabled" 1 "$(is_enabled $patch)"
}

# without_admin COMMAND...: run it as root, but without any capability
without_admin()
{
	setpriv --bounding-set=-all --inh-caps=-all "$@"
}

# start_blocker [COMMAND...]: start a task, by way of COMMAND, that keeps $pause from
# being disabled
start_blocker()
{
	check "no parking" knob park N
	check "insmod" load $pause
	background "$@" "$user" pause sleeper > /dev/null 2>&1
	sleeper=$child
	[ $# -eq 0 ] || check "its child" wait_for 10 find_child
	check "the sleeper sleeps" wait_for 10 sleeps "$sleeper"
	! enabled $pause 0 || fail "disable succeeded"
}

find_child()
{
	sleeper=$(pgrep -P "$child")
}

test_root_without_the_capability_cannot_read_blockers()
{
	local error

	start_blocker
	check_is "blockers" "$sleeper sleeper new_pause asleep" "$(cat $blockers)"
	error=$(without_admin cat "/proc/$sleeper/stack" 2>&1)
	case $error in *"Permission denied"*) ;; *) fail "stack: '$error'" ;; esac
	error=$(without_admin cat $blockers 2>&1)
	case $error in *"Permission denied"*) ;; *) fail "blockers: '$error'" ;; esac
	case $error in *new_pause*) fail "blockers are shown: '$error'" ;; esac
}

# The opener of the file needs the capability, as with /proc/PID/stack.
test_blockers_needs_the_capability_at_open()
{
	start_blocker
	check_is "stack" "weak: Permission denied" \
		"$("$user" weakopen "/proc/$sleeper/stack" | head -n 1)"
	check_is "blockers" \
		"weak: Permission denied strong: $sleeper sleeper new_pause asleep" \
		"$("$user" weakopen $blockers | paste -sd ' ')"
	check_is "a file that was opened with the capability" \
		"$sleeper sleeper new_pause asleep" \
		"$(without_admin cat < $blockers)"
}

test_root_of_a_user_namespace_cannot_read_blockers()
{
	local error

	unshare --user --map-root-user true 2>/dev/null ||
		{ skip "no user namespaces"; return; }
	start_blocker
	error=$(unshare --user --map-root-user cat $blockers 2>&1)
	case $error in *"Permission denied"*) ;; *) fail "blockers: '$error'" ;; esac
}

test_a_reader_of_blockers_sees_the_tids_of_its_pid_namespace()
{
	unshare --pid --fork true 2>/dev/null ||
		{ skip "no PID namespaces"; return; }
	start_blocker unshare --pid --fork
	check_is "outside" "$sleeper sleeper new_pause asleep" "$(cat $blockers)"
	check_is "inside" "1 sleeper new_pause asleep" \
		"$(nsenter --target "$sleeper" --pid cat $blockers)"
	check_is "elsewhere" "0 sleeper new_pause asleep" \
		"$(unshare --pid --fork cat $blockers)"
	kill -KILL "$sleeper"
	wait "$child" 2>/dev/null
	check_is "outside, it is gone" "$sleeper sleeper new_pause asleep" \
		"$(cat $blockers)"
}

# The file has a task of an earlier operation, and then the one that is in the way now.
test_blockers_are_shown_while_a_switch_waits()
{
	start_blocker
	kill -KILL "$sleeper"
	wait "$sleeper" 2>/dev/null
	background "$user" pause sleeper > /dev/null
	sleeper=$child
	check "the sleeper sleeps" wait_for 10 sleeps "$sleeper"
	echo "0 60000" > "$scratch/request"
	background dd if="$scratch/request" of="$kpatch_sysfs/$pause/enabled" status=none
	check "the blocker is shown" \
		wait_for 5 grep -qx "$sleeper sleeper new_pause asleep" $blockers
	check "the switch waits" kill -0 "$child"
	kill -KILL "$sleeper"
	wait "$child"
	check_is "enabled" 0 "$(is_enabled $pause)"
	check_is "blockers" "" "$(cat $blockers)"
}

# In nanoseconds, to a hundredth of a second, rounded down.
now()
{
	awk '{ printf "%.0f\n", $1 * 1e9 }' /proc/uptime
}

# number PATCH FILE
number()
{
	print_file "$kpatch_sysfs/$1/$2"
}

# check_time PATCH FILE SINCE: the file has a time between SINCE and now
check_time()
{
	local time end

	time=$(number "$1" "$2")
	end=$(now)
	if [ "$time" -lt "$3" ] || [ "$time" -ge $((end + 10000000)) ]; then
		fail "$1: $2 is '$time', and not between $3 and $end"
	fi
}

test_since_is_when_a_patch_became_what_it_is()
{
	local begin

	begin=$(now)
	check "insmod" load $pause enable=0
	check_time $pause since_ns "$begin"
	sleep 0.1
	begin=$(now)
	check "enable" enabled $pause 1
	check_time $pause since_ns "$begin"
	begin=$(number $pause since_ns)
	check "enable again" enabled $pause 1
	echo 0 > $kpatch_sysfs/$pause/check || fail "check failed"
	check "no parking" knob park N
	background "$user" pause sleeper > /dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	! briefly enabled $pause 0 || fail "disable succeeded"
	check_is "since_ns" "$begin" "$(number $pause since_ns)"
	kill -KILL "$child"
	wait "$child" 2>/dev/null
	begin=$(now)
	check "disable" enabled $pause 0
	check_time $pause since_ns "$begin"
}

test_what_is_switched_at_once_is_so_since_one_time()
{
	local a=test_kpatch_a b=test_kpatch_b first

	at_end eval "{ echo 0 > $kpatch_sysfs/confirm; } 2>/dev/null"
	check "insmod" load_copy a name=cmdline_proc_show
	check "insmod" load_copy b name=version_proc_show enable=1
	echo 1 > "$kpatch_sysfs/confirm"
	check "switch" switch +$a -$b
	first=$(number $a since_ns)
	check_is "since_ns" "$first" "$(number $b since_ns)"
	check "the trial is undone" wait_for 10 grep -q 0 "$kpatch_sysfs/$a/enabled"
	check_is "enabled" 01 "$(states a b)"
	[ "$(number $a since_ns)" -gt "$first" ] || fail "the trial was undone before it began"
	check_is "since_ns" "$(number $a since_ns)" "$(number $b since_ns)"
}

test_the_last_refusal_is_kept()
{
	local begin

	begin=$(now)
	start_blocker
	check_is "refused" 16 "$(number $pause refused)"
	check_time $pause refused_ns "$begin"
	begin=$(number $pause refused_ns)
	! echo 0 2>/dev/null > $kpatch_sysfs/$pause/check || fail "check succeeded"
	! enabled $pause 2 || fail "writing 2 succeeded"
	! without_admin bash -c "echo 0 > $kpatch_sysfs/$pause/enabled" 2>/dev/null ||
		fail "writing without the capability succeeded"
	check_is "refused" 16 "$(number $pause refused)"
	check_is "refused_ns" "$begin" "$(number $pause refused_ns)"
	kill -KILL "$sleeper"
	wait "$sleeper" 2>/dev/null
	check "disable" enabled $pause 0
	check_is "refused" 16 "$(number $pause refused)"
	check_is "refused_ns" "$begin" "$(number $pause refused_ns)"
	check "rmmod" unload $pause
	check "insmod" load $pause
	check_is "refused" 0 "$(number $pause refused)"
	check_is "refused_ns" 0 "$(number $pause refused_ns)"
}

# A patch that would have stayed as it is was not refused anything.
test_a_refusal_is_of_all_that_were_to_be_switched()
{
	local a=test_kpatch_a b=test_kpatch_b

	check "insmod" load_copy a name=cmdline_proc_show
	check "insmod" load_copy b name=version_proc_show
	start_blocker
	! switch -$pause +$a -$b || fail "switch succeeded"
	check_is "enabled" 00 "$(states a b)"
	check_is "refused" "16 16 0" \
		"$(number $pause refused) $(number $a refused) $(number $b refused)"
	check_is "refused_ns" "$(number $pause refused_ns)" "$(number $a refused_ns)"
}

test_what_a_trial_or_a_rollback_forbids_is_a_refusal()
{
	local newer=test_kpatch_cmdline2

	at_end eval "{ echo 0 > $kpatch_sysfs/confirm; } 2>/dev/null"
	check "insmod" load $patch enable=0
	echo 600 > "$kpatch_sysfs/confirm"
	check "enable" enabled $patch 1
	! enabled $patch 0 || fail "disable succeeded"
	check_is "refused" 16 "$(number $patch refused)"
	echo 0 > "$kpatch_sysfs/confirm"
	check "insmod" load $newer enable=0 replace=1
	check "enable" enabled $newer 1
	check_is "enabled" 0 "$(is_enabled $patch)"
	check "rmmod" unload $patch
	! { echo 1 > "$kpatch_sysfs/$newer/rollback"; } 2>/dev/null || fail "rollback succeeded"
	check_is "refused" 2 "$(number $newer refused)"
}

# start_watch FILE [SECONDS]: read FILE, and again when poll() reports a change
start_watch()
{
	seen=$(mktemp)
	background "$user" watch "$1" "${2:-30}" > "$seen"
	watcher=$child
	check "the watcher waits" wait_for 20 grep -q ^before: "$seen"
}

# check_seen BEFORE AFTER
check_seen()
{
	wait "$watcher"
	check_is "seen with poll()" "before: $1 after: $2" "$(paste -sd ' ' "$seen")"
}

check_no_change_seen()
{
	wait "$watcher"
	check_is "seen with poll()" "no change" "$(tail -n 1 "$seen")"
}

test_poll_reports_a_switch()
{
	check "insmod" load $patch
	start_watch $files/enabled
	check "disable" enabled $patch 0
	check_seen 1 0
	start_watch $files/enabled
	check "enable" enabled $patch 1
	check_seen 0 1
}

test_poll_reports_nothing_if_nothing_has_changed()
{
	check "insmod" load $patch
	start_watch $files/enabled 3
	check "enable" enabled $patch 1
	echo 0 > $files/check || fail "check failed"
	! enabled $patch 2 || fail "writing 2 succeeded"
	check "load another patch" load $pause
	check "disable the other patch" enabled $pause 0
	check_no_change_seen
}

test_poll_reports_a_change_of_blockers()
{
	start_blocker
	kill -KILL "$sleeper"
	wait "$sleeper" 2>/dev/null
	start_watch $blockers
	check "disable" enabled $pause 0
	check_seen "$sleeper sleeper new_pause asleep" ""
	start_watch $blockers 3
	check "enable" enabled $pause 1
	check_no_change_seen

	start_watch $blockers
	background "$user" pause sleeper > /dev/null
	sleeper=$child
	check "the sleeper sleeps" wait_for 10 sleeps "$sleeper"
	! echo 0 2>/dev/null > $kpatch_sysfs/$pause/check || fail "check succeeded"
	check_seen "" "$sleeper sleeper new_pause asleep"
}

# last_seen PATTERN: what the watcher saw in the end
last_seen()
{
	wait "$watcher"
	tail -n 1 "$seen" | grep -qx "after: $1" || fail "seen with poll(): $(cat "$seen")"
}

test_poll_reports_how_a_trial_goes()
{
	local confirm=$kpatch_sysfs/confirm

	at_end eval "{ echo 0 > $confirm; } 2>/dev/null"
	check "insmod" load $patch enable=0
	start_watch $confirm
	echo 600 > $confirm
	last_seen "armed 600"
	start_watch $confirm
	check "enable" enabled $patch 1
	last_seen "trial [56][0-9][0-9] +$patch"
	start_watch $confirm
	echo 0 > $confirm
	last_seen 0
	echo 1 > $confirm
	check "disable" enabled $patch 0
	start_watch $confirm
	last_seen 0
	check_is "enabled" 1 "$(is_enabled $patch)"
}

# The patch itself is neither written to nor switched.
test_poll_reports_that_another_patch_took_over()
{
	local live=$files/vmlinux/cmdline_proc_show,1/live

	check "insmod" load $patch
	start_watch $live
	check "insmod" load test_kpatch_cmdline2
	check_seen 1 0
	start_watch $live
	check "disable" enabled test_kpatch_cmdline2 0
	check_seen 0 1
	start_watch $live
	check "disable" enabled $patch 0
	check_seen 1 0
}

test_poll_reports_that_a_patch_is_gone()
{
	local live=$files/vmlinux/cmdline_proc_show,1/live f

	for f in $files/enabled $files/blockers $live; do
		check "insmod" load $patch
		check "disable" enabled $patch 0
		start_watch "$f"
		check "rmmod" unload $patch
		wait "$watcher"
		check_is "seen with poll()" "after: No such device" "$(tail -n 1 "$seen")"
	done
}

# The patch of a module whose init fails is disabled.
test_poll_reports_that_another_patch_was_taken_down()
{
	local live=$files/vmlinux/cmdline_proc_show,1/live

	check "insmod" load $patch
	background insmod "$mods/test_kpatch_through.ko" name=cmdline_proc_show enable=1 \
		fail_ms=$((1000 * patience)) 2>/dev/null
	check "the other patch is enabled" wait_for 20 grep -q 0 $live
	start_watch $live
	check_seen 0 1
}

test_an_open_file_does_not_pin_the_module()
{
	check "insmod" load $patch
	exec 6< $files/blockers 7> $files/enabled
	check "disable" enabled $patch 0
	check "rmmod" unload $patch
	check_gone $patch
	! cat <&6 >/dev/null 2>&1 || fail "the file of a removed patch can be read"
	! echo 1 2>/dev/null >&7 || fail "the file of a removed patch can be written"
	exec 6<&- 7>&-
}

test_the_stop_is_measured()
{
	local last longest clock=/sys/devices/system/clocksource/clocksource0

	case $(cat $clock/current_clocksource) in
	*jiffies) skip "the clock only has jiffies"; return ;;
	esac
	check "insmod" load $patch
	last=$(cat $files/stop_ns)
	check_is "longest stop after the first" "$last" "$(cat $files/max_stop_ns)"
	[ "$last" -gt 0 ] || fail "the stop took no time"
	check "disable" enabled $patch 0
	check "enable" enabled $patch 1
	[ "$(cat $files/attempts)" -ge 3 ] || fail "$(cat $files/attempts) attempts, not 3"
	last=$(cat $files/stop_ns)
	longest=$(cat $files/max_stop_ns)
	[ "$longest" -ge "$last" ] || fail "longest stop $longest, last stop $last"
}

run_tests
