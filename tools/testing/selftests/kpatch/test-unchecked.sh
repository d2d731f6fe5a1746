#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Functions that are switched while tasks are inside (KPATCH_UNCHECKED), and the modules
# that can never be unloaded because of that. Each test loads such modules as copies with
# names of their own, since the next one cannot load them again. They stay behind,
# disabled, so this script is the last one.

# shellcheck source=sleepers.sh
. "$(dirname "$0")/sleepers.sh"

unchecked=8	# KPATCH_UNCHECKED
pin_targets=2	# KPATCH_PIN_TARGETS

# The log, when a module is pinned for good.
never="which can never be unloaded now"

# load_kept VARIABLE MODULE [PARAMETER...]: load a copy of the module under a name that no
# module has, as long as the old one, and store it in the variable
load_kept()
{
	local variable=$1 module=$2 new n=0

	shift 2
	until new=$(printf 'kept_kpatch_%0*d' $((${#module} - 12)) $n) &&
	      [ ! -e "/sys/module/$new" ]; do
		n=$((n + 1))
	done
	printf -v "$variable" %s "$new"
	LC_ALL=C sed "s/$module/$new/g" "$mods/$module.ko" > "$scratch/$new.ko"
	load_error=$(insmod "$scratch/$new.ko" "$@" 2>&1)
}

# Loads a target; its files are in $calls.
load_target()
{
	check "target" load_kept target test_kpatch_target "$@"
	calls=/sys/module/$target/files
}

# check_load VARIABLE [PARAMETER...]: load a patch of functions of the target
check_load()
{
	local variable=$1

	shift
	check "patch $*" load_kept "$variable" test_kpatch_unchecked objname="$target" "$@"
}

references() { cat "/sys/module/$1/refcnt"; }

set_parameter() { echo "$3" > "/sys/module/$1/parameters/$2"; }

# check_stays MODULE: it is not in use by anything, and can never be unloaded all the same
check_stays()
{
	local error

	check_is "references to $1" 1 "$(references "$1")"
	error=$(rmmod "$1" 2>&1) && fail "$1 was unloaded"
	case $error in
	*"in use"* | *"temporarily unavailable"*) ;;
	*) fail "rmmod $1: '$error'" ;;
	esac
	! rmmod -f "$1" 2>/dev/null || fail "$1 was removed by force"
	[ -e "/sys/module/$1" ] || fail "$1 is gone"
}

# check_kept COUNT: the log has so many lines about modules that stay
check_kept()
{
	check_is "modules that stay" "$1" "$(kpatch_log | grep -c "$never")"
}

# check_value EXPECTED: what a new call of target_value(1) returns
check_value()
{
	check_is "a new call" "$1" "$(parameter "$target" value)"
}

# start_call FUNCTION FILE: a task calls the function by reading a file of the target, and
# sleeps in it. Then its pid is $caller, and what it reads goes to $answer.
start_call()
{
	answer=$(mktemp)
	background cat "$calls/$2" > "$answer"
	caller=$child
	check "a task sleeps in $1" wait_for 20 is_in "$caller" "$1"
}

has_ended()
{
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

# check_answer CALLER FILE EXPECTED: the call returns
check_answer()
{
	check "the call returns" wait_for 20 has_ended "$1"
	check_is "the call" "$3" "$(cat "$2")"
}

wake() { echo 1 > "$calls/wake"; }

# check_blocked PATCH 0|1 FUNCTION: this fails, and all blockers are in the function
check_blocked()
{
	local before

	before=$(is_enabled "$1")
	! briefly enabled "$1" "$2" || fail "switching $1 to $2 succeeded"
	case $switch_error in
	*"resource busy"*) ;;
	*) fail "expected EBUSY, got '$switch_error'" ;;
	esac
	check_is "enabled" "$before" "$(is_enabled "$1")"
	check_is "blockers are in" "$3" \
		"$(cut -d' ' -f3 "$kpatch_sysfs/$1/blockers" | sort -u)"
}

test_a_task_in_the_old_function_does_not_block()
{
	local old old_out

	knob park N
	check "insmod" load_kept patch test_kpatch_sleep name=eventfd_read only=sleeper \
		answer=$new_answer flags=$unchecked
	files=$kpatch_sysfs/$patch
	# It was enabled and disabled in its init, from which it could have failed.
	check_kept 0
	start_sleepers eventfd 2
	check "they sleep" wait_for 10 all_in "$sleeper" 2 eventfd_read
	check "enable" enabled $patch 1
	check_is "attempts" 3 "$(statistic attempts)"
	old=$sleeper old_out=$out
	start_program sleep eventfd 2 sleeper
	check_answers "2 $new_answer"
	check "the others still sleep" all_in "$old" 2 eventfd_read
	check_kept 0
	check_is "references" 1 "$(references $patch)"
	sleeper=$old out=$old_out
	wake_sleepers
	check_answers "2 8"
	check "disable" enabled $patch 0
	check_stays $patch
	check_kept 1
	check_log "'$patch': function 'eventfd_read' is not checked (KPATCH_UNCHECKED), so"
	check_log "module '$patch', $never"
}

test_the_module_with_the_old_function_stays()
{
	local p

	load_target
	start_call target_hold hold
	check_load p unchecked=target_hold,target_value
	check "it still sleeps" is_in "$caller" target_hold
	check_value 101
	check_kept 1
	check_log "'$p': function 'target_hold' is not checked"
	check_log "module '$target', $never"
	wake
	check_answer "$caller" "$answer" 31
	check_stays "$target"
	check "disable" enabled "$p" 0
	check "enable" enabled "$p" 1
	check "disable" enabled "$p" 0
	check_stays "$target"
	check_stays "$p"
	check_kept 2
}

test_a_task_in_the_cold_part_of_the_old_function_does_not_block()
{
	local p

	load_target
	if ! grep -qw 'target_cold.cold' /proc/kallsyms; then
		skip "the compiler does not split functions"
		return
	fi
	start_call target_cold.cold cold
	knob park N
	check_load p unchecked=target_cold
	check "it still sleeps" is_in "$caller" target_cold.cold
	check_is "a new call" 101 "$(cat "$calls/cold")"
	wake
	check_answer "$caller" "$answer" 41
	check_stays "$target"
}

test_a_task_in_the_replacement_does_not_block()
{
	local p

	load_target
	check_load p unchecked=target_hold,target_value sleep=1
	start_call new_unchecked hold
	check "disable" enabled "$p" 0
	check "it still sleeps" is_in "$caller" new_unchecked
	check_value 11
	check_kept 2
	check_log "module '$p', $never"
	check_stays "$p"
	set_parameter "$p" sleep N
	check_answer "$caller" "$answer" 101
	check "enable" enabled "$p" 1
	check_value 101
	! unload "$p" || fail "rmmod succeeded"
	check "disable" enabled "$p" 0
	check_value 11
	check_stays "$p"
	check_kept 2
}

# What has failed, or was only tried, leaves nothing.
test_a_function_without_the_flag_blocks_as_before()
{
	local p hold hold_answer

	load_target
	start_call target_hold hold
	hold=$caller hold_answer=$answer
	start_call target_wait wait
	knob park N
	check_load p unchecked=target_hold checked=target_wait enable=0
	check_blocked "$p" 1 target_wait
	! briefly eval "echo 1 > $kpatch_sysfs/$p/check" 2>/dev/null || fail "check succeeded"
	check_is "references to $target" 0 "$(references "$target")"
	wake
	check_answer "$caller" "$answer" 21
	check_answer "$hold" "$hold_answer" 31
	check "dry run" eval "echo 1 > $kpatch_sysfs/$p/check"
	check_kept 0
	check "rmmod" unload "$p"
	check "rmmod" unload "$target"

	load_target
	check_load p unchecked=target_hold checked=target_wait sleep=1 sleep_checked=1
	start_call new_unchecked hold
	hold=$caller hold_answer=$answer
	start_call new_checked wait
	check_kept 1
	check_blocked "$p" 0 new_checked
	check_is "references" 1 "$(references "$p")"
	set_parameter "$p" sleep_checked N
	check_answer "$caller" "$answer" 151
	check "dry run" eval "echo 0 > $kpatch_sysfs/$p/check"
	check_kept 1
	check "disable" enabled "$p" 0
	check_kept 2
	set_parameter "$p" sleep N
	check_answer "$hold" "$hold_answer" 101
	check_stays "$p"
}

test_a_replacement_of_two_functions_is_checked_if_one_is()
{
	local p

	load_target
	knob park N
	check_load p unchecked=target_hold checked=target_wait shared=1 sleep=1
	start_call new_unchecked hold
	check_blocked "$p" 0 new_unchecked
	set_parameter "$p" sleep N
	check_answer "$caller" "$answer" 101
	check "disable" enabled "$p" 0
}

# Only the module of the version that was live is left.
test_the_module_of_an_older_patch_stays()
{
	local older newer

	load_target
	knob park N
	check_load older checked=target_hold sleep_checked=1 answer=200
	start_call new_checked hold
	check_load newer unchecked=target_hold answer=300
	check_is "a new call" 301 "$(cat "$calls/hold")"
	check "it still sleeps" is_in "$caller" new_checked
	check_kept 1
	check_log "'$newer': function 'target_hold' is not checked"
	check_log "module '$older', $never"
	check "disable the newer" enabled "$newer" 0
	check_blocked "$older" 0 new_checked
	set_parameter "$older" sleep_checked N
	check_answer "$caller" "$answer" 251
	check "disable the older" enabled "$older" 0
	check_stays "$older"
	check_stays "$newer"
	check "rmmod target" unload "$target"
}

test_a_patch_finds_tasks_that_an_older_one_has_left()
{
	local older newer old old_answer

	load_target
	knob park N
	start_call target_hold hold
	old=$caller old_answer=$answer
	check_load older unchecked=target_hold sleep=1 answer=200
	check_load newer checked=target_hold enable=0 answer=300
	# In the original, which the older patch covers.
	check_blocked "$newer" 1 target_hold
	start_call new_unchecked hold
	wake
	check_answer "$old" "$old_answer" 31
	check_blocked "$newer" 1 new_unchecked
	# In the older patch, which is disabled.
	check "disable the older" enabled "$older" 0
	check_blocked "$newer" 1 new_unchecked
	set_parameter "$older" sleep N
	check_answer "$caller" "$answer" 201
	check "enable" enabled "$newer" 1
	check_is "a new call" 351 "$(cat "$calls/hold")"
	check "disable" enabled "$newer" 0
	check "rmmod" unload "$newer"
}

# A task that has jumped to the original has no address of the replacement on its stack.
test_a_task_in_the_original_does_not_block()
{
	local p jump old

	if [ ! -e "$mods/test_kpatch_eventfd.ko" ]; then
		skip "the original cannot be called on $(uname -m)"
		return
	fi
	knob park N
	for jump in 0 1; do
		check "insmod" load_kept p test_kpatch_eventfd flags=$unchecked jump=$jump
		start_sleepers eventfd 2
		check "they sleep" wait_for 10 all_in "$sleeper" 2 eventfd_read
		check_is "in the replacement" $((2 - 2 * jump)) \
			"$(cat "/proc/$sleeper"/task/*/stack | grep -c ' new_eventfd_read+')"
		check "disable" enabled "$p" 0
		check "they still sleep" all_in "$sleeper" 2 eventfd_read
		check_stays "$p"
		wake_sleepers
		check_answers "2 8"
	done
}

insmod_is_in() { is_in "$loader" "$1"; }

# The text of the module is freed, whatever it asks for.
test_a_patch_whose_init_fails_is_checked()
{
	local p name loader

	load_target
	knob park N
	check_load p unchecked=target_hold enable=0
	check "rmmod" unload "$p"
	mark_log
	background insmod "$scratch/$p.ko" objname="$target" unchecked=target_hold sleep=1 \
		fail_ms=3000 2>/dev/null
	loader=$child
	check "it is enabled" wait_for 20 grep -qsx 1 "$kpatch_sysfs/$p/enabled"
	start_call new_unchecked hold
	check "it is taken down" wait_for 20 insmod_is_in kpatch_take_down
	check "it waits" wait_for 20 eval "kpatch_log | grep -q 'cannot disable: blocked by'"
	check "the task is inside" is_in "$caller" new_unchecked
	set_parameter "$p" sleep N
	check_answer "$caller" "$answer" 101
	check "insmod ends" wait_for 20 has_ended "$loader"
	check_gone "$p"
	check_log "'$p': the module goes while its patch is registered"
	check_no_log "module '$p', $never"
	# Its target was left when the patch was enabled.
	check_stays "$target"
}

test_a_module_that_is_loaded_later_does_not_stay()
{
	local p

	load_target
	check "rmmod target" unload "$target"
	check_load p unchecked=target_value
	check "target" insmod "$scratch/$target.ko"
	check_value 101
	check "rmmod target" unload "$target"
	check_kept 0
	check "target" insmod "$scratch/$target.ko"
	check "disable" enabled "$p" 0
	check_value 11
	check "rmmod target" unload "$target"
	check_kept 1
	check_stays "$p"
}

# Its init may fail, so nothing may be left in it.
test_a_module_in_init_is_checked()
{
	local p other

	load_target
	other=$target
	background insmod "$mods/test_kpatch_target.ko" init_ms=5000
	target=test_kpatch_target
	check "it is in init" wait_for 20 \
		grep -qsx coming /sys/module/test_kpatch_target/initstate
	check_load p unchecked=target_value
	check_kept 0
	check "it is live" wait_for 20 grep -qx live /sys/module/test_kpatch_target/initstate
	check_value 101
	check "rmmod target" unload test_kpatch_target
	check "rmmod" unload "$other"
}

# The task that is left may use them.
test_modules_that_the_patch_pins_stay()
{
	local p user

	load_target
	user=$target
	load_target
	check_load p unchecked=target_value symbol_in="$user" patch_flags=$pin_targets
	check_is "references to $user" 1 "$(references "$user")"
	check_kept 1
	check "disable" enabled "$p" 0
	check_stays "$user"
	check_stays "$target"
	check_stays "$p"
	check_kept 3
}

test_what_a_kernel_thread_runs_can_be_patched()
{
	local p

	load_target thread=1
	check_refused "deadlock" "is what the kernel thread" test_kpatch_unchecked \
		objname="$target" checked=target_thread
	check_load p unchecked=target_thread
	check_stays "$target"
	check "disable" enabled "$p" 0
	check_stays "$p"
}

test_wrong_flags_are_refused()
{
	local name=test_kpatch_unchecked

	# KPATCH_CLONE_KEEP
	check_refused "Invalid parameters" \
		"'$name': function 'gcd' is to be kept, so it is not switched; leave out" \
		$name unchecked=gcd flags=2
	check_refused "Invalid parameters" "function 'gcd': flags are 0x18; set" \
		$name unchecked=gcd flags=16
	# KPATCH_CLONE
	check_refused "Invalid parameters" "function 'gcd' is no clone" \
		$name unchecked=gcd flags=1
	# KPATCH_KEEP_ALL_CLONES
	check "insmod" load $name unchecked=gcd flags=4 enable=0
	check "rmmod" unload $name
}

# A patch that goes may leave tasks in its replacement, but the one that comes checks it.
test_a_module_whose_text_another_patch_checks_can_go()
{
	local older newer

	load_target
	check_load older unchecked=target_hold answer=200
	check_load newer checked=target_hold answer=300 enable=0
	mark_log
	check "exchange" switch "+$newer" "-$older"
	check_kept 0
	check "rmmod" unload "$older"
	check "disable" enabled "$newer" 0
}

run_tests
