#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Functions of modules: loaded before the patch, after it, and again, also while a switch
# is under way; symbols that are not exported; builds.
# shellcheck disable=SC2016

# shellcheck source=sleepers.sh
. "$(dirname "$0")/sleepers.sh"

target=test_kpatch_target
target2=test_kpatch_target2
values=/sys/module/$target/parameters
calls=/sys/module/$target/files
calls2=/sys/module/$target2/files

# The patches. This one can be kept from being switched.
edge=test_kpatch_edge
edge2=test_kpatch_edge2
object=test_kpatch_object
older=test_kpatch_module
newer=test_kpatch_module2

# Messages of insmod.
no_such_thing="Unknown symbol in module"
einval="Invalid parameters"
ebusy="resource busy"
enoexec="Invalid module format"
enotuniq="not unique"
edeadlk="deadlock"

cmdline=$(cat /proc/cmdline)

# A module that no patch names.
unnamed=test_kpatch_hog

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

is_gone() { [ ! -e "/proc/$1" ]; }

# check_value WHAT EXPECTED: what the function of the target returns
check_value()
{
	check_is "$1" "$2" "$(cat $values/value)"
}

# check_hooked NUMBER: so many functions of the targets are hooked
check_hooked()
{
	check_is "hooked functions" "$1" "$(hooked_functions)"
}

hooked_functions()
{
	grep -c '^target_.* I' "$tracing/enabled_functions"
}

# start_call FUNCTION FILE: a task calls the function by reading the file, and sleeps in
# it. Then its pid is $caller, and what it reads goes to $answer.
start_call()
{
	answer=$(mktemp)
	background cat "$2" > "$answer"
	caller=$child
	check "the task sleeps in $1" wait_for 20 is_in "$caller" "$1"
}

# check_answer EXPECTED: the call returns
check_answer()
{
	check "the call returns" wait_for 20 is_gone_or_zombie "$caller"
	check_is "the call" "$1" "$(cat "$answer")"
}

is_gone_or_zombie()
{
	is_gone "$1" || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

wake_callers()
{
	echo 1 > "$1/wake"
}

statistic_of() { cat "$kpatch_sysfs/$1/$2"; }

# The thread that carries out operations waits between two attempts.
switch_is_under_way() { is_in "$(pgrep -x kpatch)" kpatch_switch; }

# start_switch PATCH 0|1: switch the patch in the background; its writer is $switcher
start_switch()
{
	background bash -c "echo '$2 30000' > $kpatch_sysfs/$1/enabled"
	switcher=$child
	check "a switch of $1 is under way" wait_for 10 switch_is_under_way
}

# check_under_way PATCH 0|1: so it was before the switch, which has not ended
check_under_way()
{
	check_is "enabled, $1" "$2" "$(is_enabled "$1")"
	! is_gone_or_zombie "$switcher" || fail "the switch has ended"
}

# check_switched PATCH 0|1: the switch succeeds
check_switched()
{
	check "the switch ends" wait_for 10 is_gone_or_zombie "$switcher"
	check "the switch succeeds" wait "$switcher"
	check_is "enabled, $1" "$2" "$(is_enabled "$1")"
}

# quick MILLISECONDS COMMAND...: it succeeds, and does not take longer
quick()
{
	local limit=$1 start ms

	shift
	start=$(now_ms)
	check "while a switch is under way" "$@"
	ms=$(($(now_ms) - start))
	echo "# $*: $ms ms"
	between 0 "$limit" $ms || fail "'$*' took $ms ms"
}

# start_blocked_enable: the edge patch is being enabled, and a task is in the way
start_blocked_enable()
{
	check "second target" load $target2
	check "patch" load $edge enable=0
	start_call target_hold $calls2/hold
	start_switch $edge 1
}

# start_blocked_disable: the same, but it is being disabled
start_blocked_disable()
{
	check "second target" load $target2
	check "patch" load $edge
	echo Y > /sys/module/$edge/parameters/sleep
	start_call new_target_hold $calls2/hold
	start_switch $edge 0
}

release_edge()
{
	echo N > /sys/module/$edge/parameters/sleep
	wake_callers $calls2
}

test_a_module_that_no_patch_names_does_not_wait_for_a_switch()
{
	quick 1000 load $unnamed
	quick 1000 rmmod $unnamed
	start_blocked_enable
	quick 1000 load $unnamed
	quick 1000 rmmod $unnamed
	check_under_way $edge 0
	release_edge
	check_switched $edge 1
}

test_a_named_module_is_loaded_while_its_patch_is_being_enabled()
{
	start_blocked_enable
	quick 1500 load $target
	check_value "not enabled yet" 11
	check_under_way $edge 0
	release_edge
	check_switched $edge 1
	check_value "enabled" 301
	check_answer 31
	check_is "the new function" 331 "$(cat $calls2/hold)"
}

test_a_named_module_is_unloaded_while_its_patch_is_being_enabled()
{
	check "target" load $target
	start_blocked_enable
	quick 1500 rmmod $target
	check_under_way $edge 0
	release_edge
	check_switched $edge 1
	check "target" load $target
	check_value "enabled" 301
}

test_a_named_module_comes_and_goes_while_its_patch_is_being_enabled()
{
	start_blocked_enable
	for _ in 1 2 3; do
		quick 1500 load $target
		check_value "not enabled yet" 11
		quick 1500 rmmod $target
	done
	check_under_way $edge 0
	release_edge
	check_switched $edge 1
	check_hooked 2
}

test_a_named_module_comes_and_goes_while_its_patch_is_being_disabled()
{
	start_blocked_disable
	quick 1500 load $unnamed
	for _ in 1 2; do
		quick 1500 load $target
		check_is "seen by init" 301 "$(cat $values/seen_by_init)"
		check_value "still enabled" 301
		quick 1500 rmmod $target
	done
	quick 1500 load $target
	check_under_way $edge 1
	release_edge
	check_switched $edge 0
	check_answer 331
	check_value "disabled" 11
	check_hooked 0
}

# Its files exist before the operation that registers it has ended.
test_a_named_module_comes_and_goes_while_its_patch_is_being_registered()
{
	check "second target" load $target2
	start_call target_hold $calls2/hold
	knob deadline_ms 30000
	background insmod "$mods/$edge.ko"
	switcher=$child
	check "the patch is being enabled" wait_for 10 switch_is_under_way
	quick 1500 load $target
	check_value "not enabled yet" 11
	quick 1500 rmmod $target
	quick 1500 load $target
	quick 1500 load $unnamed
	check_under_way $edge 0
	release_edge
	check_switched $edge 1
	check_value "enabled" 301
}

# A second patch names the module, too, and is enabled.
test_a_module_of_two_patches_is_loaded_while_one_is_being_enabled()
{
	check "other patch" load $older
	start_blocked_enable
	quick 1500 load $target
	check_is "seen by init" 7101 "$(cat $values/seen_by_init)"
	check_value "one patch" 7101
	release_edge
	check_switched $edge 1
	check_value "both patches" 301
	check "disable" enabled $edge 0
	check_value "one patch" 7101
}

test_a_switch_that_gives_way_keeps_its_deadline()
{
	local start ms

	check "second target" load $target2
	check "patch" load $edge enable=0
	start_call target_hold $calls2/hold
	start=$(now_ms)
	background bash -c "echo '1 3000' > $kpatch_sysfs/$edge/enabled"
	switcher=$child
	while ! is_gone_or_zombie "$switcher" && [ $(($(now_ms) - start)) -lt 60000 ]; do
		check "target" load $target
		check "rmmod target" rmmod $target
		sleep 0.2
	done
	ms=$(($(now_ms) - start))
	echo "# given up after $ms ms"
	between 3000 6000 $ms || fail "given up after $ms ms"
	! wait "$switcher" || fail "the switch succeeded"
	check_is "blockers" "$caller cat target_hold asleep" "$(statistic_of $edge blockers)"
	wake_callers $calls2
	check_answer 31
}

# What the module lacks is found when the patch is prepared again.
test_attempts_count_though_the_switch_cannot_go_on()
{
	check "second target" load $target2
	check "patch" load $object objname=$target2 name=target_hold enable=0 \
		symbol=no_such_symbol
	start_call target_hold $calls2/hold
	start_switch $object 1
	check "target" load $target
	check "the switch ends" wait_for 10 is_gone_or_zombie "$switcher"
	! wait "$switcher" || fail "the switch succeeded"
	check_log "'$object': symbol 'no_such_symbol' is not in $target"
	[ "$(statistic_of $object attempts)" -gt 0 ] || fail "no attempt was counted"
	wake_callers $calls2
	check_answer 31
}

# queue_enable PATCH: request that it is enabled, after the switch that is under way
queue_enable()
{
	background bash -c "echo '1 30000' > $kpatch_sysfs/$1/enabled"
	check "the request for $1 waits" wait_for 10 is_in "$child" "$requester_waits"
}

# To find out that the live patch owns one of its functions, others are hooked for a moment.
test_a_patch_that_is_refused_keeps_no_function_from_the_next()
{
	local refused next

	[ -e "$mods/test_kpatch_livepatch2.ko" ] || { skip "no CONFIG_LIVEPATCH"; return; }
	check "live patch" load test_kpatch_livepatch2
	load_targets
	check "patch" load $edge2 enable=0
	check "next patch" load test_kpatch_cmdline enable=0
	check "patch that is in the way" load $object objname=$target2 name=target_hold enable=0
	start_call target_hold $calls2/hold
	start_switch $object 1
	queue_enable $edge2
	refused=$child
	queue_enable test_kpatch_cmdline
	next=$child
	wake_callers $calls2
	check "all end" wait_for 20 is_gone_or_zombie "$next"
	! wait "$refused" || fail "$edge2 was enabled"
	check_log "'$edge2': function 'target_value' is taken by"
	check "the next patch is enabled" wait "$next"
	check_cmdline "enabled" test_kpatch_cmdline
	check_answer 31
}

# is_waiting PID: it waits for the switch to give way
is_waiting() { is_in "$1" kpatch_switch_pause; }

is_not_waiting() { ! is_waiting "$1"; }

# The task sleeps in a function that is being switched and waits for a program that loads
# a module which the patch names.
test_a_task_inside_may_wait_for_the_module()
{
	check "second target" load $target2 command="\"sleep 1; insmod $mods/$target.ko\""
	check "patch" load $edge enable=0
	start_call target_helper $calls2/helper
	start_switch $edge 1
	check_switched $edge 1
	check_answer 91
	check_value "enabled" 301
	check_is "the new function" 391 "$(cat $calls2/helper)"
}

test_a_task_inside_may_wait_until_the_module_is_gone()
{
	check "target" load $target
	check "second target" load $target2 command="\"sleep 3; rmmod $target\""
	check "patch" load $edge enable=0
	start_call target_helper $calls2/helper
	start_switch $edge 1
	check_switched $edge 1
	check_answer 91
	check_gone $target
}

# A CPU that does not respond keeps the switch from giving way.
test_a_load_that_waits_for_a_switch_can_be_killed()
{
	local loader hogged cpus

	[ -e /sys/devices/system/cpu/cpu1 ] || { skip "needs two CPUs"; return; }
	start_blocked_enable
	check "insmod" load $unnamed ms=8000
	cpus=$(taskset -p $$ | sed 's/.* //')
	at_end taskset -p "$cpus" $$
	taskset -p -c 0 $$ > /dev/null
	echo 1 > /sys/module/$unnamed/parameters/hog
	background insmod "$mods/$target.ko"
	loader=$child
	# Each load may wait for a moment.
	if ! wait_for 5 is_waiting "$loader" || ! sleep 1 || ! is_waiting "$loader"; then
		skip "the load did not have to wait"
		return
	fi
	hogged=$SECONDS
	kill -KILL "$loader"
	check "it gives up" wait_for 3 is_not_waiting "$loader"
	[ $((SECONDS - hogged)) -lt 7 ] || fail "it gave up only when the CPU responded"
	check "it is gone" wait_for 20 is_gone_or_zombie "$loader"
	check_gone $target
	check_under_way $edge 0
	check "target" load $target
	release_edge
	check_switched $edge 1
	check_value "enabled" 301
}

# loop COMMAND...: repeat it in the background until the file $stop exists. Failures of a
# single command are no error.
loop()
{
	background bash -c 'stop=$1; shift; while [ ! -e "$stop" ]; do "$@"; done' - \
		"$stop" "$@" > /dev/null 2>&1
	loops+=("$child")
}

cycle_module='insmod "$1"; rmmod "$2"'
cycle_patch='insmod "$1"; echo "0 5000" > /sys/kernel/kpatch/$2/enabled; rmmod "$2"'
cycle_enabled='echo "1 5000" > "$1"; echo "0 5000" > "$1"'
read_often='for i in 1 2 3 4 5 6 7 8 9; do cat "$1"; done'

# The switches, and the loads of three modules, go on in parallel.
test_modules_come_and_go_while_patches_are_switched()
{
	local stop loops=() pid attempts seconds=$((2 * ${KPATCH_TEST_ROUNDS:-5}))

	stop=$(mktemp -u)
	at_end touch "$stop"
	check "second target" load $target2
	check "patch" load $edge enable=0
	loop bash -c "$cycle_module" - "$mods/$target.ko" $target
	loop bash -c "$cycle_module" - "$mods/$unnamed.ko" $unnamed
	loop bash -c "$cycle_patch" - "$mods/$older.ko" $older
	loop bash -c "$cycle_enabled" - "$kpatch_sysfs/$edge/enabled"
	loop bash -c "$read_often" - $values/value
	sleep "$seconds"
	touch "$stop"
	for pid in "${loops[@]}"; do
		check "the loop ends" wait_for 30 is_gone_or_zombie "$pid"
	done
	attempts=$(statistic_of $edge attempts)
	echo "# $attempts attempts"
	[ "$attempts" -ge 10 ] || fail "only $attempts attempts"
	enabled $older 0
	rmmod $older $target 2>/dev/null
	check "enable" enabled $edge 1
	check "target" load $target
	check_value "enabled" 301
	check "older" load $older
	check_value "two patches" 7101
	check "disable" enabled $older 0
	check_value "one patch" 301
	check "disable" enabled $edge 0
	check_value "disabled" 11
	check_hooked 0
}

# One patch, several targets: these are hooked together, but need not go together.

# check_second_target WHAT EXPECTED
check_second_target()
{
	check_is "$1" "$2" "$(cat $calls2/helper)"
}

# check_cmdline WHAT PATCH|original: who has replaced the function of vmlinux
check_cmdline()
{
	case $2 in
	original) check_is "$1" "$cmdline" "$(cat /proc/cmdline)" ;;
	*) check_is "$1" "$2: new cmdline" "$(cat /proc/cmdline)" ;;
	esac
}

load_targets()
{
	check "target" load $target
	check "second target" load $target2
}

test_a_target_goes_and_others_stay_patched()
{
	load_targets
	check "patch" load $edge2
	check_hooked 3
	for _ in 1 2; do
		check "rmmod target" rmmod $target
		check_hooked 2
		check_second_target "the other target" 391
		check_cmdline "vmlinux" $edge2
		check "target" load $target
		check_is "seen by init" 301 "$(cat $values/seen_by_init)"
	done
	check "rmmod second target" rmmod $target2
	check_hooked 1
	check_value "the other target" 301
	check_cmdline "vmlinux" $edge2
	check "second target" load $target2
	check_second_target "loaded again" 391
	check "rmmod target" rmmod $target
	check "disable" enabled $edge2 0
	check_second_target "disabled" 91
	check_cmdline "disabled" original
	check_hooked 0
	check "rmmod" rmmod $edge2
}

test_all_targets_of_a_patch_go()
{
	load_targets
	check "patch" load $edge
	check "rmmod target" rmmod $target
	check "rmmod second target" rmmod $target2
	check_hooked 0
	check_is "enabled" 1 "$(is_enabled $edge)"
	load_targets
	check_value "loaded again" 301
	check_second_target "loaded again" 391
	check "disable" enabled $edge 0
	check_value "disabled" 11
	check_second_target "disabled" 91
	check "rmmod" rmmod $edge
	check_hooked 0
}

# The newer patch uses the hooks of the older one, and then has none in common with it.
test_a_target_of_two_patches_goes()
{
	load_targets
	check "patch" load $edge2
	check "newer patch" load $older
	check_value "both" 7101
	check "rmmod target" rmmod $target
	check_hooked 2
	check "disable the older" enabled $edge2 0
	check_second_target "disabled" 91
	check_hooked 0
	check "target" load $target
	check_value "the newer" 7101
	check "enable the older" enabled $edge2 1
	check_value "both" 301
	check_second_target "enabled" 391
	check_cmdline "enabled" $edge2
}

# A late target.

test_a_module_that_is_loaded_later_is_patched()
{
	check "patch" load $older
	check "target" load $target value=1
	check_is "seen by a parameter" 7101 "$(cat $values/seen_by_parameter)"
	check_is "seen by init" 7101 "$(cat $values/seen_by_init)"
	check_value "enabled" 7101
	check "rmmod target" rmmod $target
	check_hooked 0
	check "target again" load $target
	check_value "enabled" 7101
	check "disable" enabled $older 0
	check_value "disabled" 11
	check "rmmod" rmmod $older
	check "rmmod target" rmmod $target
}

test_a_late_module_whose_init_fails_can_be_loaded_again()
{
	check "patch" load $older
	! load $target init_error=5 || fail "the target was loaded"
	case $load_error in
	*"Input/output error"*) ;;
	*) fail "expected EIO, got '$load_error'" ;;
	esac
	check_gone $target
	check_hooked 0
	check_is "enabled" 1 "$(is_enabled $older)"
	check "target" load $target
	check_value "enabled" 7101
}

test_a_late_module_is_patched_each_time()
{
	local i

	check "patch" load $older
	for ((i = 0; i < 2 * ${KPATCH_TEST_ROUNDS:-5}; i++)); do
		check "target, $i" load $target
		check_is "seen by init, $i" 7101 "$(cat $values/seen_by_init)"
		check "rmmod target, $i" rmmod $target
	done
	check_hooked 0
	check "disable" enabled $older 0
	check "rmmod" rmmod $older
}

test_the_patch_may_be_unloaded_before_its_target()
{
	check "patch" load $older
	check "target" load $target
	check "disable" enabled $older 0
	check "rmmod" rmmod $older
	check_value "no patch" 11
	check_hooked 0
	check "rmmod target" rmmod $target
}

test_the_target_may_be_unloaded_before_its_patch()
{
	check "patch" load $older
	check "target" load $target
	check "rmmod target" rmmod $target
	check_hooked 0
	check_is "enabled" 1 "$(is_enabled $older)"
	check "disable" enabled $older 0
	check "enable" enabled $older 1
	check "disable" enabled $older 0
	check "rmmod" rmmod $older
	check "target" load $target
	check_value "no patch" 11
}

test_a_late_module_gets_all_patches_in_order()
{
	check "patch" load $older
	check "newer patch" load $newer
	check "newest patch" load $object name=target_value
	check "target" load $target
	check_is "seen by init" 401 "$(cat $values/seen_by_init)"
	check "disable the newest" enabled $object 0
	check_value "the newer" 7201
	check "disable the newer" enabled $newer 0
	check_value "the older" 7101
	check "enable the newer" enabled $newer 1
	check "rmmod target" rmmod $target
	check "disable the newer" enabled $newer 0
	check "target" load $target
	check_value "the older" 7101
}

# The order of enabling counts, not that of loading.
test_the_patch_that_was_enabled_last_wins()
{
	check "patch" load $older enable=0
	check "newer patch" load $newer
	check "enable" enabled $older 1
	check "target" load $target
	check_is "seen by init" 7101 "$(cat $values/seen_by_init)"
	check_value "both" 7101
	! enabled $newer 0 || fail "a patch that is covered was disabled"
	check "disable" enabled $older 0
	check_value "one" 7201
}

# Without the target none covers another.
test_patches_of_a_module_that_is_not_loaded_are_disabled_in_any_order()
{
	check "patch" load $older
	check "newer patch" load $newer
	check "disable the older" enabled $older 0
	check "target" load $target
	check_value "the newer" 7201
	check "enable the older" enabled $older 1
	check_value "both" 7101
}

test_a_disabled_patch_refuses_no_module()
{
	check "patch" load $object name=no_such_function enable=0
	check "target" load $target
	check_value "no patch" 11
	! enabled $object 1 || fail "enable succeeded"
	check_log "'$object': function 'no_such_function' is not in $target; build the patch"
	check_no_log "is not loaded"
	check "rmmod target" rmmod $target
	check "enable" enabled $object 1
	check "disable" enabled $object 0
}

# A load that fails.

# check_target_refused TEXT [PARAMETER...]: the target does not fit an enabled patch
check_target_refused()
{
	local text=$1

	shift
	mark_log
	if load $target "$@"; then
		fail "the target was loaded"
		return
	fi
	check_log "$text"
	check_log "; module '$target' is not loaded (-"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-')"
	check_gone $target
	check_hooked 0
}

# check_refuses_target ERROR TEXT PARAMETER...: a patch that does not fit the target is
# refused if that is loaded; if not, the target is refused while the patch is enabled
check_refuses_target()
{
	local error=$1 text="'$object': $2"

	shift 2
	check "target" load $target
	check_refused "$error" "$text" $object "$@"
	check_value "not patched" 11
	check "rmmod target" rmmod $target
	check "patch" load $object "$@"
	check "another patch" load $older
	check_target_refused "$text"
	case $load_error in
	*"$error"*) ;;
	*) fail "expected '$error', got '$load_error'" ;;
	esac
	check "disable" enabled $object 0
	check "target" load $target
	check_value "the other patch" 7101
	check "rmmod target" rmmod $target
	check "disable" enabled $older 0
	check "rmmod" rmmod $older $object
}

test_a_module_without_the_function_is_refused()
{
	check_refuses_target "$no_such_thing" \
		"function 'no_such_function' is not in $target; build the patch for the" \
		name=target_value,no_such_function
}

test_a_module_with_two_functions_of_the_name_is_refused()
{
	check_refuses_target "$enotuniq" \
		"function 'target_twin' exists more than once; set sympos to choose one" \
		name=target_twin
	check_refuses_target "$einval" \
		"function 'target_twin' has no symbol number 3; set sympos to one that exists" \
		name=target_twin sympos=3
}

# check_twins FIRST SECOND
check_twins()
{
	check_is "twins" "$*" "$(cat $calls/twin) $(cat $calls/other_twin)"
}

test_sympos_chooses_one_of_two_functions()
{
	check "target" load $target
	check_twins 69 90
	check "patch of the first" load $object name=target_twin sympos=1
	check_twins 401 90
	check_is "directory" target_twin,1 "$(ls $kpatch_sysfs/$object/$target)"
	check "disable" enabled $object 0
	check "rmmod" rmmod $object
	check "patch of the second" load $object name=target_twin sympos=2
	check_twins 69 401
	check_is "directory" target_twin,2 "$(ls $kpatch_sysfs/$object/$target)"
	check "rmmod target" rmmod $target
	check "target" load $target
	check_twins 69 401
}

test_a_module_without_the_symbol_is_refused()
{
	check_refuses_target "$no_such_thing" \
		"symbol 'no_such_symbol' is not in $target, or only in its init code" \
		name=target_value symbol=no_such_symbol
	check_refuses_target "$no_such_thing" \
		"symbol 'target_init' is not in $target, or only in its init code" \
		name=target_value symbol=target_init
	check_refuses_target "$enotuniq" \
		"symbol 'twin_limit' exists more than once in $target; set sympos" \
		name=target_value symbol=twin_limit
	check_refuses_target "$einval" \
		"$target has no symbol 'twin_limit' number 3; set sympos to one that exists" \
		name=target_value symbol=twin_limit symbol_pos=3
}

# The build ID of a module, and that of the kernel.
build_id_of() { notes_id "/sys/module/$1/notes/.note.gnu.build-id"; }

# notes_id FILE: the note of owner GNU and type 3 begins with its sizes; 20 bytes follow
notes_id()
{
	od -An -v -tx1 "$1" | tr -d ' \n' |
		sed -n 's/.*040000001400000003000000474e5500\(.\{40\}\).*/\1/p'
}

wrong_id=0123456789abcdef0123456789abcdef01234567

test_a_module_of_another_build_is_refused()
{
	local id

	check "target" load $target
	id=$(build_id_of $target)
	check "rmmod target" rmmod $target
	[ -n "$id" ] || { skip "modules have no build ID"; return; }
	check_refuses_target "$enoexec" \
		"was made for another build of $target, this one is $id; build the patch for" \
		name=target_value build_id=$wrong_id
}

# livepatch is called first when a module comes.
test_a_module_whose_function_livepatch_owns_is_refused()
{
	local klp=/sys/kernel/livepatch/test_kpatch_livepatch2

	[ -e "$mods/test_kpatch_livepatch2.ko" ] || { skip "no CONFIG_LIVEPATCH"; return; }
	check "live patch" load test_kpatch_livepatch2
	check "patch" load $older
	mark_log
	! load $target || fail "the target was loaded"
	case $load_error in
	*"$ebusy"*) ;;
	*) fail "expected '$ebusy', got '$load_error'" ;;
	esac
	check_log "'$older': function 'target_value' is taken by the live patch 'test_kpatch_live"
	check_log "; module '$target' is not loaded (-16)"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-')"
	check_gone $target
	check_hooked 0
	check "disable" enabled $older 0
	check "target" load $target
	check_value "live patch" 501
	! enabled $older 1 || fail "enable succeeded"
	check_value "live patch" 501
	check "rmmod target" rmmod $target
	echo 0 > $klp/enabled
	check "the live patch is gone" wait_for 30 [ ! -e $klp ]
	check "enable" enabled $older 1
	check "target" load $target
	check_value "enabled" 7101
}

# A loaded target.

test_a_module_that_is_loaded_is_patched()
{
	check "target" load $target
	check_value "before" 11
	check "patch" load $older
	check_value "enabled" 7101
	check "disable" enabled $older 0
	check_value "disabled" 11
	check "enable" enabled $older 1
	check_value "enabled again" 7101
	check "disable" enabled $older 0
	check "rmmod target" rmmod $target
	check "rmmod" rmmod $older
}

# Two modules have functions of the same names.
test_only_the_module_that_the_patch_names_is_patched()
{
	check "target" load $target
	check "second target" load $target2
	check "patch" load $object name=target_value objname=$target2
	check_value "another module" 11
	check_is "the module" 401 "$(cat /sys/module/$target2/parameters/value)"
	check_is "objects" $target2 "$(cd $kpatch_sysfs/$object && echo test_kpatch_*)"
}

# Prints each value that is not among those that are allowed.
watch_values='while read -r v < "$1"; do
	case " $2 " in *" $v "*) ;; *) echo "value $v" ;; esac
done
echo "cannot read"'

test_a_function_of_a_module_is_switched_under_load()
{
	local odd i

	odd=$(mktemp)
	check "target" load $target
	for i in 1 2 3; do
		background bash -c "$watch_values" - $values/value "11 7101 7201" >> "$odd"
	done
	check "patch" load $older
	for ((i = 0; i < ${KPATCH_TEST_ROUNDS:-5}; i++)); do
		check "newer patch" load $newer
		check_value "both" 7201
		check "disable the newer" enabled $newer 0
		check "rmmod" rmmod $newer
		check "disable" enabled $older 0
		check_value "disabled" 11
		check "enable" enabled $older 1
		check_value "enabled" 7101
	done
	check_is "odd values" "" "$(sort "$odd" | uniq -c)"
}

test_a_task_asleep_in_a_function_of_a_module_blocks()
{
	check "target" load $target
	start_call target_hold $calls/hold
	check "patch" load $older enable=0
	! briefly enabled $older 1 || fail "enable succeeded"
	check_is "blockers" "$caller cat target_hold asleep" "$(statistic_of $older blockers)"
	check_value "not patched" 11
	wake_callers $calls
	check_answer 31
	check "enable" enabled $older 1
	check_is "the new function" 161 "$(cat $calls/hold)"
}

test_a_task_asleep_in_a_cold_part_in_a_module_blocks()
{
	check "target" load $target
	grep -q ' target_cold.cold' /proc/kallsyms ||
		{ skip "the compiler splits no function"; return; }
	start_call target_cold.cold $calls/cold
	check "patch" load $object name=target_cold enable=0
	! briefly enabled $object 1 || fail "enable succeeded"
	check_is "blockers" "$caller cat target_cold.cold asleep" \
		"$(statistic_of $object blockers)"
	wake_callers $calls
	check_answer 41
	check "enable" enabled $object 1
	check_is "the new function" 401 "$(cat $calls/cold)"
}

test_a_task_asleep_in_a_function_of_a_module_is_parked()
{
	check "target" load $target
	start_call target_wait $calls/wait
	check "patch" load $older
	check_answer 151
	check_is "parked" 1 "$(statistic_of $older parked)"
}

test_a_task_asleep_in_the_new_function_blocks_disabling()
{
	check "target" load $target
	check "patch" load $older sleep=Y
	start_call new_target_hold $calls/hold
	! briefly enabled $older 0 || fail "disable succeeded"
	check_is "blockers" "$caller cat new_target_hold asleep" \
		"$(statistic_of $older blockers)"
	check_value "enabled" 7101
	echo N > /sys/module/$older/parameters/sleep
	check_answer 161
	check "disable" enabled $older 0
	check_value "disabled" 11
}

# The files of a module may be in use until it is freed.
test_a_task_asleep_in_the_new_function_blocks_without_the_target()
{
	local remover

	check "target" load $target
	check "patch" load $older sleep=Y
	start_call new_target_hold $calls/hold
	background rmmod $target
	remover=$child
	check "the removal waits" wait_for 10 is_in "$remover" target_exit
	! briefly enabled $older 0 || fail "disable succeeded"
	check_is "blockers" "$caller cat new_target_hold asleep" \
		"$(statistic_of $older blockers)"
	echo N > /sys/module/$older/parameters/sleep
	check_answer 161
	check "the target is gone" wait_for 10 is_gone_or_zombie "$remover"
	check_gone $target
	check "disable" enabled $older 0
	check "rmmod" rmmod $older
}

test_a_task_asleep_in_the_new_function_is_parked()
{
	check "target" load $target
	check "patch" load $older sleep=Y
	start_call new_target_wait $calls/wait
	check "disable" enabled $older 0
	check_is "parked" 1 "$(statistic_of $older parked)"
	check "the task sleeps in the old function" wait_for 10 is_in "$caller" target_wait
	wake_callers $calls
	check_answer 21
}

test_clones_in_a_module_must_be_listed()
{
	local part=target_split.part.0

	check_refuses_target "$einval" \
		"function 'target_split' has clones that others may call, or tasks" \
		name=target_split
	check_log "may be in: '$part'"
	check "patch" load $object name=target_split keep=$part
	check "target" load $target
	check_is "the new function" 401 "$(cat $calls/split)"
	check "disable" enabled $object 0
	check_is "the old function" 51 "$(cat $calls/split)"
	check "rmmod" rmmod $object
	# KPATCH_KEEP_ALL_CLONES
	check "patch" load $object name=target_split name_flags=4
	check_is "the new function" 401 "$(cat $calls/split)"
	check "disable" enabled $object 0
	check "rmmod" rmmod $object
	check "patch" load $object clone=$part
	check_is "the new clone" 401 "$(cat $calls/split)"
}

test_what_a_thread_was_started_with_cannot_be_patched()
{
	local pid

	check "target" load $target thread=1
	pid=$(pgrep -x kpatch_target)
	check_refused "$edeadlk" \
		"function 'target_thread' is what the kernel thread kpatch_target (pid $pid) runs" \
		$object name=target_thread
}

# Symbols.

# nth_address NAME MODULE|vmlinux [NUMBER]
nth_address()
{
	awk -v name="$1" -v mod="[$2]" -v n="${3:-1}" '
		$3 == name && ($4 ? $4 : "[vmlinux]") == mod && !--n { print "0x" $1 }
	' /proc/kallsyms
}

# check_pointer WHAT ADDRESS
check_pointer()
{
	check_is "$1" "$(($2))" "$(($(parameter $object pointer)))"
}

# check_symbol NAME MODULE [NUMBER]: a patch gets its address
check_symbol()
{
	check "patch" load $object name=target_value symbol="$1" symbol_in="$2" \
		symbol_pos="${3:-0}"
	check_pointer "$1 of $2" "$(nth_address "$1" "$2" "${3:-1}")"
	check "disable" enabled $object 0
	check "rmmod" rmmod $object
}

# A name that vmlinux has exactly twice, outside of init sections.
twice()
{
	awk '
		$3 == "__init_begin" { init = 1 }
		NF == 3 { n[$3]++; if (init || $2 != "t" || $3 ~ /[.]/) bad[$3] = 1 }
		END { for (f in n) if (n[f] == 2 && !(f in bad)) { print f; exit } }
	' /proc/kallsyms
}

test_a_patch_uses_symbols_that_are_not_exported()
{
	local name

	check "target" load $target
	check_symbol cmdline_proc_show vmlinux
	check_symbol kpatch_mutex vmlinux
	check_symbol process_counts vmlinux
	check_symbol target_limit $target
	check_symbol target_hold $target
	check_symbol twin_limit $target 1
	check_symbol twin_limit $target 2
	name=$(twice)
	check_symbol "$name" vmlinux 1
	check_symbol "$name" vmlinux 2
}

test_a_pointer_to_a_symbol_is_set_while_its_module_is_loaded()
{
	check "patch" load $object name=cmdline_proc_show objname=vmlinux enable=0 \
		symbol=target_limit
	check_pointer "disabled" 0
	check "target" load $target
	check_pointer "disabled" 0
	check "rmmod target" rmmod $target
	check "rmmod" rmmod $object
	check "patch" load $object name=target_value symbol=target_limit
	check_pointer "no target" 0
	check "target" load $target
	check_pointer "target" "$(nth_address target_limit $target)"
	check "disable" enabled $object 0
	check_pointer "disabled" "$(nth_address target_limit $target)"
	check "rmmod target" rmmod $target
	check_pointer "no target" 0
	check "enable" enabled $object 1
	check "target" load $target
	check_pointer "target" "$(nth_address target_limit $target)"
	check "rmmod target" rmmod $target
	check_pointer "no target" 0
}

# refused_symbol ERROR TEXT NAME [PARAMETER...]
refused_symbol()
{
	check_refused "$1" "'$object': $2" $object name=target_value symbol_in=vmlinux \
		symbol="$3" "${@:4}"
}

# A reader of a parameter does not keep its module from being removed.
test_a_replacement_keeps_its_pointers_while_the_module_goes()
{
	local remover

	check "target" load $target
	check "patch" load $object name=target_value symbol=target_limit use_symbol=1
	check_value "enabled" 7401
	echo Y > /sys/module/$object/parameters/sleep
	start_call replacement $values/value
	background rmmod $target
	remover=$child
	check "rmmod waits for it" wait_for 20 is_in "$remover" mod_sysfs_teardown
	echo N > /sys/module/$object/parameters/sleep
	check_answer 7401
	check "rmmod" wait_for 20 is_gone_or_zombie "$remover"
	check_pointer "no target" 0
}

test_invalid_symbols_are_refused()
{
	local name

	name=$(twice)
	refused_symbol "$no_such_thing" "symbol 'no_such_symbol' is not in vmlinux" no_such_symbol
	refused_symbol "$no_such_thing" "symbol 'start_kernel' is not in vmlinux, or only in" \
		start_kernel
	refused_symbol "$enotuniq" "symbol '$name' exists more than once in vmlinux; set" "$name"
	refused_symbol "$einval" "vmlinux has no symbol '$name' number 3; set sympos to one" \
		"$name" symbol_pos=3
	refused_symbol "$einval" "symbol number 0 has no name or no pointer; set both" \
		kpatch_mutex quirk="\"no pointer\""
	refused_symbol "$einval" "a pointer to a symbol is in constant data; leave out const" \
		kpatch_mutex quirk="\"const pointer\""
	refused_symbol "$einval" "a number of symbols, build IDs or states without an array" \
		kpatch_mutex quirk="\"no symbols\""
	check_refused "$einval" "'$object': symbol number 0 has no name or no pointer; set" \
		$object name=target_value quirk="\"no name\""
}

# Builds.

test_a_patch_for_this_build_is_loaded()
{
	local id

	id=$(notes_id /sys/kernel/notes)
	[ -n "$id" ] || { skip "the kernel has no build ID"; return; }
	check "patch" load $object name=target_value build_of=vmlinux build_id="$id"
	check "disable" enabled $object 0
	check "rmmod" rmmod $object
	check "target" load $target
	check "patch" load $object name=target_value build_id="$(build_id_of $target)"
	check_value "enabled" 401
	check "rmmod target" rmmod $target
	check "target" load $target
	check_value "enabled" 401
}

test_a_patch_for_another_build_is_refused()
{
	local id

	id=$(notes_id /sys/kernel/notes)
	[ -n "$id" ] || { skip "the kernel has no build ID"; return; }
	check_refused "$enoexec" \
		"'$object': was made for another build of vmlinux, this one is $id; build" \
		$object name=target_value build_of=vmlinux build_id=$wrong_id
	check_refused "$enoexec" "was made for another build of vmlinux" \
		$object name=target_value build_of=vmlinux build_id="${id%??}"
}

test_malformed_build_ids_are_refused()
{
	local id

	for id in "" 123 xy 0x12 "${wrong_id}00"; do
		check_refused "$einval" \
			"'$object': the build ID of $target is not a hexadecimal number of 20" \
			$object name=target_value build_id="$id"
	done
	check_refused "$einval" "is not a hexadecimal number" $object name=target_value \
		quirk="\"no build ID\""
	check_refused "$einval" "a number of symbols, build IDs or states without an array" \
		$object name=target_value build_id=$wrong_id quirk="\"no build IDs\""
}

# Pinned targets, names of modules.

pin=2

test_a_pinned_module_cannot_be_unloaded()
{
	check_refused "$no_such_thing" \
		"'$object': module '$target' is not loaded, and the patch pins it; load it first" \
		$object name=target_value flags=$pin
	check "target" load $target
	check "patch" load $object name=target_value flags=$pin
	! unload $target || fail "the target was unloaded"
	! rmmod -f $target 2>/dev/null || fail "the target was removed by force"
	check_value "enabled" 401
	check "disable" enabled $object 0
	check "rmmod target" rmmod $target
	! enabled $object 1 || fail "enabled without the target"
	check "target" load $target
	check "enable" enabled $object 1
	! unload $target || fail "the target was unloaded"
}

is_coming() { [ "$(cat "/sys/module/$1/initstate" 2>/dev/null)" = coming ]; }

test_a_module_in_init_cannot_be_pinned()
{
	background insmod "$mods/$target.ko" init_ms=$((500 * patience))
	check "the target is in init" wait_for 10 is_coming $target
	check_refused "$ebusy" \
		"'$object': module '$target' is just being loaded" \
		$object name=target_value flags=$pin
	wait "$child"
	check "patch" load $object name=target_value flags=$pin
	check_value "enabled" 401
}

# It is patched all the same, if it need not be pinned.
test_a_module_in_init_is_patched()
{
	background insmod "$mods/$target.ko" init_ms=$((500 * patience))
	check "the target is in init" wait_for 10 is_coming $target
	check "patch" load $object name=target_value
	check_is "loaded before the target" 1 "$(is_coming $target && is_enabled $object)"
	wait "$child"
	check_is "seen by init" 11 "$(cat $values/seen_by_init)"
	check_value "enabled" 401
}

test_a_patch_module_cannot_be_patched()
{
	check "patch" load $older
	check_refused "$einval" "'$object': module '$older' is a patch module, which cannot" \
		$object name=new_target_value objname=$older
	check "disable" enabled $older 0
	check_refused "$einval" "'$object': module '$older' is a patch module, which cannot" \
		$object name=new_target_value objname=$older
	check "rmmod" rmmod $older
	check "patch" load $object name=new_target_value objname=$older enable=0
	check_refused "$einval" "'$older': another patch is for functions of this module;" \
		$older
	check "enable" enabled $object 1
	check_refused "$einval" "'$older': another patch is for functions of this module;" \
		$older
	check "disable" enabled $object 0
	check "rmmod" rmmod $object
	check "patch" load $older
}

test_the_same_function_twice_is_refused_without_its_module()
{
	check_refused "$einval" "'$object': function 'target_value' is in the patch twice" \
		$object name=target_value,target_value
}

test_names_that_no_module_can_have_are_refused()
{
	local name

	for name in $object test-kpatch-target test_kpatch_target.ko kernel/foo; do
		check_refused "$einval" \
			"'$object': no module that it could patch is called '$name'; set objname" \
			$object name=target_value objname="$name"
	done
}

test_a_module_that_is_called_like_a_file_of_the_patch_is_refused()
{
	local name

	for name in enabled check blockers unhook_ns; do
		check_refused "$einval" \
			"'$object': the directory of module '$name' in sysfs would have" \
			$object name=target_value objname=$name
	done
	# It has no directory if no function of it is patched.
	check "patch" load $object name=target_value symbol=target_limit symbol_in=check
	check "target" load $target
	check_value "enabled" 401
}

# Files, and other users of the functions.

test_live_shows_whether_the_module_is_loaded()
{
	local live=$kpatch_sysfs/$older/$target/target_value,1/live seen

	check "patch" load $older
	check_is "functions" "target_hold,1 target_value,1 target_wait,1" \
		"$(cd $kpatch_sysfs/$older/$target && echo *)"
	check_is "live, no target" 0 "$(cat $live)"
	seen=$(mktemp)
	background "$user" watch $live 30 > "$seen"
	check "the watcher waits" wait_for 20 grep -q ^before: "$seen"
	check "target" load $target
	check_is "live" 1 "$(cat $live)"
	wait "$child"
	check_is "seen with poll()" "before: 0 after: 1" "$(paste -sd ' ' "$seen")"
	background "$user" watch $live 30 > "$seen"
	check "the watcher waits" wait_for 20 grep -q ^before: "$seen"
	check "rmmod target" rmmod $target
	check_is "live, no target" 0 "$(cat $live)"
	wait "$child"
	check_is "seen with poll()" "before: 1 after: 0" "$(paste -sd ' ' "$seen")"
}

# trace_with TRACER
trace_with()
{
	need_instance || return
	check "target" load $target
	echo target_value > "$instance/set_ftrace_filter"
	{ echo "$1" > "$instance/current_tracer"; } 2>/dev/null ||
		{ skip "no tracer $1"; return; }
	check "patch" load $older
	check_value "traced" 7101
	check "the call is traced" grep -q target_value "$instance/trace"
	check "rmmod target" rmmod $target
	check "target" load $target
	check_value "traced" 7101
	echo nop > "$instance/current_tracer"
	check_value "not traced" 7101
	check "disable" enabled $older 0
	check_value "disabled" 11
}

test_the_function_tracer_shares_a_function_of_a_module()
{
	trace_with function
}

test_the_function_graph_tracer_shares_a_function_of_a_module()
{
	trace_with function_graph
}

# probe_with TYPE
probe_with()
{
	local hits

	check "target" load $target
	check "add a probe" probe "$1" kpatch_probe $target:target_value
	[ -z "$skipped" ] || return
	check "patch" load $older
	check_value "probed" 7101
	hits=$(probe_hits kpatch_probe)
	[ "$hits" -gt 0 ] || fail "the probe was not hit"
	check "rmmod target" rmmod $target
	check "target" load $target
	check_value "probed" 7101
	unprobe kpatch_probe
	check_value "not probed" 7101
	check "disable" enabled $older 0
	check_value "disabled" 11
}

test_a_kprobe_shares_a_function_of_a_module()
{
	probe_with p
}

test_a_kretprobe_shares_a_function_of_a_module()
{
	probe_with r
}

run_tests
