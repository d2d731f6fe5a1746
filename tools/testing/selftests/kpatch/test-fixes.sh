#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Real fixes as patches. The kernel has each of them. One patch, test_kpatch_bug_*,
# brings the bug back: it is the code, or the data, from before the fix. Another patch on
# top of it, test_kpatch_fix_*, fixes it in the running kernel. What counts is what a
# program gets to see that triggers the bug.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

trigger=$dir/kpatch_trigger
triggers=6
rounds=2
targets=()
pids=()

# A test sets these with fix_of.
bug=
fix=
fixed=
broken=

# fix_of NAME FIXED BROKEN: the patches under test, and what a program gets to see
fix_of()
{
	bug=test_kpatch_bug_$1
	fix=test_kpatch_fix_$1
	fixed=$2
	broken=$3
}

# check_outcome WHEN EXPECTED TRIGGER...
check_outcome()
{
	local when=$1 expected=$2 name

	shift 2
	for name in "$@"; do
		check_is "$name $when" "$expected" "$("$trigger" "$name" 2>&1)"
	done
}

# Unload the modules that the tests have loaded; the newest ones use the others.
drop_targets()
{
	local module status=0

	for module in "${targets[@]}"; do
		wait_for 5 unload "$module" || status=1
	done
	targets=()
	return $status
}

# get_target MODULE...: load them in this order
get_target()
{
	local module

	for module in "$@"; do
		[ ! -e "/sys/module/$module" ] || continue
		modprobe "$module" || return
		targets=("$module" "${targets[@]}")
	done
}

# need_target OPTION MODULE...: the modules exist, and are not loaded
need_target()
{
	local option=$1 module

	shift
	at_end drop_targets
	at_end stop_triggers
	for module in "$@"; do
		if [ -e "/sys/module/$module" ]; then
			skip "module $module is loaded already"
		elif ! modprobe -n -q "$module"; then
			skip "no module $module, set $option=m"
		fi
		[ -z "$skipped" ] || return
	done
}

start_triggers()
{
	local name i

	for name in "$@"; do
		for ((i = 0; i < triggers / $#; i++)); do
			background "$trigger" "$name" "$fixed" "$broken" \
				>> "$scratch/outcomes" 2>> "$scratch/complaints"
			pids+=("$child")
		done
	done
}

# End them, and check what they have seen.
stop_triggers()
{
	local pid times_fixed=0 times_broken=0 f b

	[ ${#pids[@]} -gt 0 ] || return 0
	kill -TERM "${pids[@]}" 2>/dev/null
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "a program failed: $(sort -u "$scratch/complaints")"
	done
	pids=()
	while read -r f b; do
		times_fixed=$((times_fixed + f))
		times_broken=$((times_broken + b))
	done < "$scratch/outcomes"
	rm -f "$scratch/outcomes" "$scratch/complaints"
	[ $times_fixed -gt 0 ] || fail "no program has seen the fix"
	[ $times_broken -gt 0 ] || fail "no program has seen the bug"
}

load_patches()
{
	check "insmod" load "$bug"
	check_outcome "with the bug" "$broken" "$@"
	check "insmod" load "$fix"
	check_outcome "with the fix" "$fixed" "$@"
}

# The fix goes and comes while programs trigger the bug.
switch_under_load()
{
	local i

	start_triggers "$@"
	for ((i = 0; i < rounds; i++)); do
		check "disable" enabled "$fix" 0
		check_outcome "under load, fix disabled" "$broken" "$@"
		check "enable" enabled "$fix" 1
		check_outcome "under load, fix enabled" "$fixed" "$@"
	done
	check "disable" enabled "$fix" 0
	check_outcome "under load, fix disabled" "$broken" "$@"
	stop_triggers
}

unload_patches()
{
	check "rmmod" unload "$fix"
	check_outcome "after rmmod of the fix" "$broken" "$@"
	check "disable" enabled "$bug" 0
	check_outcome "with both patches disabled" "$fixed" "$@"
	check "rmmod" unload "$bug"
	check_outcome "after rmmod" "$fixed" "$@"
}

# check_fix TRIGGER...: all of it, for a target that is there
check_fix()
{
	check_outcome "as the kernel was built" "$fixed" "$@"
	load_patches "$@"
	check "disable" enabled "$fix" 0
	check_outcome "with the fix disabled" "$broken" "$@"
	check "enable" enabled "$fix" 1
	check_outcome "with the fix enabled" "$fixed" "$@"
	switch_under_load "$@"
	unload_patches "$@"
}

# check_late_fix TARGETS TRIGGER...: for a target that is loaded after the patches
check_late_fix()
{
	local modules

	read -ra modules <<< "$1"
	shift
	check "insmod" load "$bug"
	check "insmod" load "$fix"
	check "modprobe" get_target "${modules[@]}"
	check_outcome "in a module that was loaded late" "$fixed" "$@"
	check "disable" enabled "$fix" 0
	check_outcome "with the fix disabled" "$broken" "$@"
	check "enable" enabled "$fix" 1
	check_outcome "with the fix enabled" "$fixed" "$@"
	check "disable" enabled "$fix" 0

	# The module goes and comes back, with the bug only and with the fix.
	check "rmmod of the target" drop_targets
	check "modprobe" get_target "${modules[@]}"
	check_outcome "in a module that has come back" "$broken" "$@"
	check "rmmod of the target" drop_targets
	check "enable" enabled "$fix" 1
	check "modprobe" get_target "${modules[@]}"
	check_outcome "in a module that has come back" "$fixed" "$@"
	check "disable" enabled "$fix" 0
	unload_patches "$@"
	check "rmmod of the target" drop_targets
}

# check_module_fix TARGETS TRIGGER...: the target is loaded before the patches, then
# after them
check_module_fix()
{
	check_fix "${@:2}"
	check "rmmod of the target" drop_targets
	check_late_fix "$@"
}

test_uname_reports_the_right_version_to_old_programs()
{
	local release minor rest

	release=$(uname -r)
	minor=${release#*.}
	minor=${minor%%[!0-9]*}
	rest=${release#"${release%%[!0-9.]*}"}
	fix_of uname "2.6.$((60 + minor))$rest" "2.6.$((40 + minor))$rest"
	check_fix uname
}

test_a_sysctl_reports_the_default_after_a_reset()
{
	local file=/proc/sys/kernel/sched_rr_timeslice_ms

	[ -e $file ] || { skip "no $file"; return; }
	change $file 100
	fix_of rr 100 -1
	check_fix rr
}

test_a_sysctl_is_converted_to_the_unit_of_its_name()
{
	local file=/proc/sys/kernel/sched_rr_timeslice_ms

	[ -e $file ] || { skip "no $file"; return; }
	change $file 100
	[ "$("$trigger" rr_read)" != both ] || { skip "a jiffy is a millisecond"; return; }
	fix_of rr_ms milliseconds jiffies
	check_fix rr_read rr_write
}

# An administrator writes a time slice while there is the bug, or the fix.
test_a_sysctl_is_converted_whatever_its_value()
{
	local file=/proc/sys/kernel/sched_rr_timeslice_ms bug=test_kpatch_bug_rr_ms
	local fix=test_kpatch_fix_rr_ms jiffies

	[ -e $file ] || { skip "no $file"; return; }
	change $file 100
	[ "$("$trigger" rr_read)" != both ] || { skip "a jiffy is a millisecond"; return; }
	check "insmod" load $bug
	jiffies=$(cat $file)
	echo 600 > $file
	check_is "with the bug" $((6 * jiffies)) "$(cat $file)"
	check "insmod" load $fix
	check_is "with the fix" 600 "$(cat $file)"
	echo 1000 > $file
	check_is "with the fix" 1000 "$(cat $file)"
	check "disable" enabled $fix 0
	check_is "with the fix disabled" $((10 * jiffies)) "$(cat $file)"
	check "rmmod" unload $fix
	check "disable" enabled $bug 0
	check_is "with both patches disabled" 1000 "$(cat $file)"
	check "rmmod" unload $bug
}

test_a_server_gets_the_queue_that_it_asks_for()
{
	change /proc/sys/net/core/somaxconn 4096
	fix_of somaxconn success EAGAIN
	check_fix somaxconn
}

# Neither patch touches what an administrator has set, before or between them.
test_a_value_of_the_administrator_stays()
{
	local file=/proc/sys/net/core/somaxconn bug=test_kpatch_bug_somaxconn
	local fix=test_kpatch_fix_somaxconn

	change $file 128
	check "insmod" load $bug
	check_is "set before the bug" 128 "$(cat $file)"
	check "disable" enabled $bug 0
	check_is "set before the bug, disabled" 128 "$(cat $file)"

	echo 4096 > $file
	check "enable" enabled $bug 1
	check_is "the default" 128 "$(cat $file)"
	check "insmod" load $fix
	check_is "the default, fixed" 4096 "$(cat $file)"
	echo 1000 > $file
	check "disable" enabled $fix 0
	check_is "set with the fix, disabled" 1000 "$(cat $file)"
	check "enable" enabled $fix 1
	check_is "set before the fix" 1000 "$(cat $file)"
	check "disable" enabled $fix 0
	check "rmmod" unload $fix
	check "disable" enabled $bug 0
	check_is "set between, disabled" 1000 "$(cat $file)"
	check "rmmod" unload $bug
}

test_mlockall_refuses_a_flag_that_means_nothing_alone()
{
	fix_of mlockall EINVAL success
	check_fix mlockall
}

test_personality_ignores_the_upper_half_of_its_argument()
{
	fix_of personality success EINVAL
	check_fix personality
}

test_a_signal_owner_has_to_exist()
{
	fix_of setown ESRCH success
	check_fix setown
}

test_a_file_does_not_get_the_rights_of_a_group_of_others()
{
	fix_of sgid none "group of the directory"
	check_fix sgid
}

# With a shadow variable for each user who has pipes, and one for each pipe.
test_a_user_cannot_take_all_memory_with_pipes()
{
	change /proc/sys/fs/pipe-user-pages-soft 128
	fix_of pipe limited unlimited
	check_fix pipe
}

test_reads_from_the_middle_of_a_file_repeat_nothing()
{
	fix_of seq "the rest" "repeated"
	check_fix pread lseek
}

test_a_socket_buffer_of_a_module_stays_below_its_maximum()
{
	need_target CONFIG_VSOCKETS vsock || return
	get_target vsock
	fix_of vsock "in bounds" "above maximum"
	check_module_fix "vsock" vsock
}

test_a_socket_of_a_module_refuses_internal_flags()
{
	need_target CONFIG_CRYPTO_USER_API_HASH af_alg algif_hash || return
	get_target af_alg algif_hash
	fix_of alg EINVAL success
	check_module_fix "af_alg algif_hash" alg
}

test_a_socket_of_a_module_cannot_be_enabled_without_an_address()
{
	need_target CONFIG_PHONET phonet pn_pep || return
	get_target phonet pn_pep
	fix_of phonet EADDRNOTAVAIL EHOSTUNREACH
	check_module_fix "phonet pn_pep" phonet
}

test_two_functions_of_a_module_refuse_devices_other_than_ethernet()
{
	need_target CONFIG_LLC2 llc llc2 || return
	get_target llc llc2
	grep -q ' llc_ui_autobind\.isra\.0\b' /proc/kallsyms ||
		{ skip "the compiler has made no clone of llc_ui_autobind()"; return; }
	fix_of llc refused searched
	check_module_fix "llc llc2" llc_bind llc_send
}

run_tests
