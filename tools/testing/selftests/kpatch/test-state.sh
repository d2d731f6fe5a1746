#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# States and callbacks: which callbacks are called, in which order, whatever happens; how
# a state is shared and handed over; states of modules; what callbacks must not do.

# shellcheck source=sleepers.sh
. "$(dirname "$0")/sleepers.sh"

einval="Invalid parameters"

patch=test_kpatch_state
patch2=test_kpatch_state2
target=test_kpatch_target
files=$kpatch_sysfs/$patch

vfork=$(symbol_of __x64_sys_vfork)

# set_parameter NAME VALUE [PATCH]
set_parameter()
{
	echo "$2" > "/sys/module/${3:-$patch}/parameters/$1"
}

# refuse CALLBACK ERRNO [TIMES]
refuse()
{
	set_parameter refuse "$1"
	set_parameter err "$2"
	set_parameter times "${3:-1000}"
}

refuse_nothing() { refuse none 0 0; }

# check_calls WHAT EXPECTED [PATCH]: the callbacks since the last time
check_calls()
{
	check_is "$1" "$2" "$(parameter "${3:-$patch}" record)"
	set_parameter record "" "${3:-$patch}"
}

# check_fails WHAT 0|1 ERROR TEXT: the switch fails with ERROR, and logs TEXT in one line
check_fails()
{
	mark_log
	! try_switch enabled "$2" || fail "$1: the switch succeeded"
	case $switch_error in
	*"$3"*) ;;
	*) fail "$1: expected '$3', got '$switch_error'" ;;
	esac
	check_log "$4"
	check_is "$1: lines in the log" 1 "$(kpatch_log | grep -c '(-')"
	check_is "$1: enabled" $((1 - $2)) "$(is_enabled $patch)"
}

to_enable="setup check_enter enter started"
to_disable="stopping check_leave leave release"

# Enable and disable once more: nothing of what has failed is left.
check_works()
{
	check "enable" try_switch enabled 1
	check_calls "enable, $1" "$to_enable"
	check "disable" try_switch enabled 0
	check_calls "disable, $1" "$to_disable"
}

check_unloaded()
{
	check "rmmod" unload "${1:-$patch}"
	check_gone "${1:-$patch}"
}

test_a_patch_of_states_only()
{
	check "insmod" load $patch id=7 seed=5 enable=1
	check_calls "enable" "$to_enable"
	check_is "data" 5 "$(parameter $patch data)"
	check_is "taint" 1 $(($(cat /proc/sys/kernel/tainted) >> 15 & 1))
	! unload $patch || fail "an enabled patch was unloaded"
	check "disable" enabled $patch 0
	check_calls "disable" "$to_disable"
	check_is "data" 0 "$(parameter $patch data)"
	check_works "again"
	check_unloaded
}

# check_file PATCH LINE...: the file that lists the states
check_file()
{
	local name=$1

	shift
	check_is "states of $name" "$(printf '%s\n' "$@")" "$(cat "$kpatch_sysfs/$name/states")"
}

test_states_are_listed()
{
	check "insmod" load $patch id=7,0
	check_file $patch "7 vmlinux 0" "0 vmlinux 0"
	check "insmod" load $patch2 id=7 enable=1
	check_file $patch "7 vmlinux 1" "0 vmlinux 0"
	check_file $patch2 "7 vmlinux 1"
	check "enable" enabled $patch 1
	check_file $patch "7 vmlinux 1" "0 vmlinux 1"
	check "disable" enabled $patch 0
	check_unloaded
	check "disable" enabled $patch2 0
	check_unloaded $patch2
	check "insmod" load $patch id=7 objname=$target enable=1
	check_file $patch "7 $target 0"
	check "insmod" load $target
	check_file $patch "7 $target 1"
	check "rmmod" unload $target
	check_file $patch "7 $target 0"
	check "disable" enabled $patch 0
	check_unloaded
	check "insmod" load test_kpatch_getpid
	check_file test_kpatch_getpid ""
}

test_the_order_of_states()
{
	check "insmod" load $patch id=7,0 enable=1
	check_calls "enable" \
		"setup0 setup1 check_enter0 check_enter1 enter0 enter1 started"
	check "disable" enabled $patch 0
	check_calls "disable" \
		"stopping check_leave1 check_leave0 leave1 leave0 release1 release0"
	refuse check_enter -1
	! enabled $patch 1 || fail "enabling succeeded"
	check_calls "veto" "setup0 setup1 check_enter0 release1 release0"
	check_unloaded
}

test_each_callback_that_can_refuses()
{
	check "insmod" load $patch id=7
	check_calls "load" ""

	refuse setup -12
	check_fails "setup" 1 "Cannot allocate memory" \
		"callback setup [$patch] of its state 7 has refused"
	check_calls "setup" "setup"
	refuse_nothing
	check_works "after setup"

	refuse check_enter -1
	check_fails "check" 1 "not permitted" "the check of its state 7 has refused"
	check_calls "check" "setup check_enter release"
	refuse_nothing
	check_works "after the check"

	check "enable" try_switch enabled 1
	check_calls "enable" "$to_enable"
	refuse stopping -1
	check_fails "stopping" 0 "not permitted" "callback stopping [$patch] has refused"
	check_calls "stopping" "stopping"
	refuse check_leave -1
	check_fails "check" 0 "not permitted" "the check of its state 7 has refused"
	check_calls "check" "stopping check_leave started"
	refuse_nothing
	check "disable" try_switch enabled 0
	check_calls "disable" "$to_disable"
	check_unloaded
}

# A check may ask for another attempt. Nobody undoes what setup has done meanwhile.
test_a_check_is_tried_again()
{
	check "insmod" load $patch id=7
	refuse check_enter -11 2
	check "enable" try_switch enabled 1
	check_calls "enable" "setup check_enter check_enter check_enter enter started"
	refuse check_leave -11
	knob deadline_ms 300
	check_fails "disable" 0 "resource busy" "the check of its state 7 has refused"
	check_is "tried again" 1 \
		$(($(parameter $patch record | tr ' ' '\n' | grep -c check_leave) > 1))
	set_parameter record ""
	refuse_nothing
	check "disable" try_switch enabled 0
	check_calls "disable" "$to_disable"
	check_unloaded
}

test_a_switch_that_fails_calls_no_more_than_it_must()
{
	check "insmod" load $patch id=7 name="$vfork"
	start_sleepers vfork 1
	knob deadline_ms 300
	check_fails "blocked" 1 "resource busy" "blocked by 1 task"
	check_calls "blocked" "setup release"

	background bash -c "echo '1 60000' > $files/enabled"
	check "it waits" wait_for 10 is_in "$(pgrep -x kpatch)" kpatch_switch
	kill -9 "$child"
	check "the writer is gone" wait_for 10 is_gone "$child"
	check_calls "killed" "setup release"
	stop_sleepers

	knob deadline_ms 5000
	knob stop_budget_us 1
	check_fails "budget" 1 "Timer expired" "longer than the machine may be stopped"
	check_calls "budget" "setup release"
	reset_knobs
	check_works "after all"

	check "enable" try_switch enabled 1
	check_calls "enable" "$to_enable"
	start_sleepers vfork 1
	knob deadline_ms 300
	check_fails "blocked" 0 "resource busy" "blocked by 1 task"
	check_calls "blocked" "stopping started"
	stop_sleepers
	reset_knobs
	check "disable" try_switch enabled 0
	check_calls "disable" "$to_disable"
	check_unloaded
}

is_gone() { [ ! -e "/proc/$1" ]; }

stop_sleepers()
{
	kill -9 "$sleeper" 2>/dev/null
	check "the sleepers are gone" wait_for 10 is_gone "$sleeper"
}

has_checked()
{
	[ "$(parameter $patch record | tr ' ' '\n' | grep -c check_enter)" -ge "$1" ]
}
# An NMI between the checks and the commit aborts the attempt.
test_an_abort_by_nmis()
{
	local calls switch

	if [ ! -e "$mods/test_kpatch_nmi.ko" ]; then
		skip "NMIs are sent on x86 only"
		return
	fi
	check "insmod" load $patch id=7 name=gcd,lcm
	# These handlers may take longer than what the kernel warns of.
	change /sys/kernel/debug/x86/nmi_longest_ns 10000000000
	check "insmod" load test_kpatch_nmi relay_us=50
	knob commit_delay_us 2000
	background bash -c "echo '1 60000' > $files/enabled"
	switch=$child
	check "attempts are aborted" wait_for 20 has_checked 2
	check "rmmod" unload test_kpatch_nmi
	check "enable" wait "$switch"
	calls=$(parameter $patch record)
	echo "# $calls"
	check_is "attempts" 1 $(($(tr ' ' '\n' <<< "$calls" | grep -c check_enter) > 1))
	check_is "others" "setup enter started" \
		"$(tr ' ' '\n' <<< "$calls" | grep -v check_enter | paste -sd ' ')"
	set_parameter record ""
	reset_knobs
	check "disable" enabled $patch 0
	check_calls "disable" "$to_disable"
	check_unloaded
}

test_a_dry_run_only_checks()
{
	check "insmod" load $patch id=7
	check "check" try_switch check 1
	check_log "setup of its state 7 was not called"
	check_calls "check" "check_enter"
	refuse check_enter -1
	! try_switch check 1 || fail "the dry run succeeded"
	check_calls "refused" "check_enter"
	refuse_nothing
	check "enable" try_switch enabled 1
	check_calls "enable" "$to_enable"
	check "check" try_switch check 0
	check_calls "check" "check_leave"
	check "disable" try_switch enabled 0
	check_calls "disable" "$to_disable"
	check_unloaded
}

# The later patch takes the state over, and the older one goes with its callbacks.
test_a_state_is_handed_over()
{
	check "insmod" load $patch id=7 seed=5 enable=1
	check_calls "enable" "$to_enable"
	check "insmod" load $patch2 id=7 seed=6 enable=1
	check_calls "take over" "started" $patch2
	check_is "data" 5 "$(parameter $patch2 data)"
	check "disable" enabled $patch 0
	check_calls "hand over" "stopping"
	check_unloaded
	check_is "data" 5 "$(parameter $patch2 data)"
	check "disable" enabled $patch2 0
	check_calls "disable" "$to_disable" $patch2
	check_unloaded $patch2
}

test_private_states_are_not_shared()
{
	check "insmod" load $patch id=0 seed=5 enable=1
	check_calls "enable" "$to_enable"
	check "insmod" load $patch2 id=0 seed=6 enable=1
	check_calls "enable" "$to_enable" $patch2
	check_is "data" "5 6" "$(parameter $patch data) $(parameter $patch2 data)"
	check "disable" enabled $patch 0
	check_calls "disable" "$to_disable"
	check "disable" enabled $patch2 0
	check_calls "disable" "$to_disable" $patch2
	check_unloaded
	check_unloaded $patch2
}

test_a_permanent_state_is_only_handed_over()
{
	check "insmod" load $patch id=7 flags=1 enable=1
	check_calls "enable" "$to_enable"
	check_fails "disable" 0 "not permitted" "its state 7 cannot be left"
	check_calls "disable" ""
	check "insmod" load $patch2 id=7 enable=1
	check "disable" enabled $patch 0
	check_calls "hand over" "stopping"
	check_unloaded
	check "disable the one that does not say so" enabled $patch2 0
	check_calls "disable" "started $to_disable" $patch2
	check_unloaded $patch2
}

test_states_of_a_module()
{
	check "insmod" load $patch id=7 objname=$target enable=1
	check_calls "without the module" "started"
	check "insmod" load $target
	check_calls "the module comes" "setup enter"
	check "rmmod" unload $target
	check_calls "the module goes" "leave release"
	check "insmod" load $target
	check_calls "it comes again" "setup enter"
	check "disable" enabled $patch 0
	check_calls "disable" "$to_disable"
	check "enable" enabled $patch 1
	check_calls "enable" "$to_enable"
	check "rmmod" unload $target
	check_calls "the module goes" "leave release"
	check "disable" enabled $patch 0
	check_calls "disable" "stopping"
	check_unloaded
}

test_states_of_a_module_that_is_not_loaded_after_all()
{
	check "insmod" load $patch id=7 objname=$target enable=1
	check_calls "without the module" "started"
	! load $target init_error=5 || fail "init did not fail"
	check_calls "init fails" "setup enter leave release"
	refuse setup -12
	mark_log
	! load $target || fail "the module was loaded"
	check_log "module '$target' is not loaded"
	check_calls "setup refuses" "setup"
	refuse_nothing
	check "insmod" load $target
	check_calls "the module comes" "setup enter"
	check "insmod" load $patch2 id=7 objname=$target enable=1
	check_calls "take over" "started" $patch2
	check "rmmod" unload $target
	check_is "one of them leaves" "leave release" \
		"$(parameter $patch record)$(parameter $patch2 record)"
	check "disable" enabled $patch 0
	check "disable" enabled $patch2 0
	check_unloaded
	check_unloaded $patch2
}

# Modules come and go while setup sleeps. They do not wait for it.
test_a_module_goes_while_its_state_is_set_up()
{
	check "insmod" load $target
	check "insmod" load $patch id=7 objname=$target
	set_parameter block setup
	background bash -c "echo '1 20000' > $files/enabled"
	check "setup sleeps" wait_for 10 is_in "$(pgrep -x kpatch)" setup
	! unload $target || fail "the module goes while setup may use it"
	set_parameter block none
	check "the write returns" wait "$child"
	check_calls "enable" "$to_enable"
	check "disable" enabled $patch 0
	check "rmmod" unload $target

	set_parameter record ""
	set_parameter block started
	check "insmod" load $patch2 id=8
	background bash -c "echo '1 20000' > $files/enabled"
	check "started sleeps" wait_for 10 is_in "$(pgrep -x kpatch)" started
	mark_log
	! briefly enabled $patch2 1 || fail "another operation did not wait"
	check_log "in callback started"
	check "insmod" load $target
	check "it has not waited" is_in "$(pgrep -x kpatch)" started
	set_parameter block none
	check "the write returns" wait "$child"
	check "disable" enabled $patch 0
	check "rmmod" unload $target
	check_unloaded
	check_unloaded $patch2
}

# A module whose init may still fail cannot be kept while setup uses it.
test_a_state_is_not_set_up_while_its_module_is_loaded()
{
	check "insmod" load $patch id=7 objname=$target
	background insmod "$mods/$target.ko" init_ms=3000 init_error=5
	check "its init runs" wait_for 10 test -e /sys/module/$target
	check_fails "enable" 1 "resource busy" \
		"module '$target' is just being loaded or unloaded"
	check_calls "enable" ""
	! wait "$child" || fail "init did not fail"
	check "enable" enabled $patch 1
	check_calls "without the module" "started"
	check "disable" enabled $patch 0
	check_unloaded
}

# In started the patch uses its state, so the state outlives the module.
test_a_module_goes_while_its_patch_is_started()
{
	check "insmod" load $target
	check "insmod" load $patch id=7 objname=$target
	set_parameter block started
	background bash -c "echo '1 20000' > $files/enabled"
	check "started sleeps" wait_for 10 is_in "$(pgrep -x kpatch)" started
	check "rmmod" unload $target
	check_calls "the module goes" "$to_enable leave"
	! load $target || fail "the module was loaded again"
	set_parameter block none
	check "the write returns" wait "$child"
	check_calls "afterwards" "release"
	check "insmod" load $target
	check_calls "it comes again" "setup enter"
	check "disable" enabled $patch 0
	check_calls "disable" "$to_disable"
	check "rmmod" unload $target
	check_unloaded
}

test_a_callback_cannot_call_kpatch()
{
	check "insmod" load $patch id=7
	set_parameter act call
	mark_log
	check "enable" enabled $patch 1
	check_is "result" -35 "$(parameter $patch call_result)"
	check_log "a callback of a patch has called kpatch"
	set_parameter act none
	check "disable" enabled $patch 0
	check_unloaded
}

# report_of WHAT TEXT [TEXT]: enter does that, and the log says so
report_of()
{
	# Some complaints are printed once in a second.
	sleep 1.2
	set_parameter act "$1"
	mark_log
	check "enable, $1" enabled $patch 1
	wait_for 5 has_log "$2" || fail "$1: not in the log: '$2'"
	check "disable, $1" enabled $patch 0
	set_parameter act none
}

has_log() { log_since_mark | grep -qF -- "$1"; }

test_what_is_forbidden_in_the_stop_is_reported()
{
	check "insmod" load $patch id=7
	report_of print "prints in the stop"
	expect_splats || return
	report_of sleep "sleeping function called from invalid context"
	report_of lock "sleeping function called from invalid context"
	report_of allocate "sleeping function called from invalid context"
	report_of irqs "has changed the context"
	[ "$(uname -m)" != x86_64 ] || report_of poke "text_poke"
	check_unloaded
}

test_bad_states_are_refused()
{
	check_refused "$einval" "neither a function to patch nor a state" $patch
	check_refused "$einval" "state 7 has unknown flags" $patch id=7 flags=2
	check_refused "$einval" "a state with id 0 is permanent" $patch id=0 flags=1
	check_refused "$einval" "state 7 is in the patch twice" $patch id=7,7
	check_refused "$einval" "setup_in_init" $patch id=7 bad=init
	check_refused "$einval" "callback kpatch_register is not in the text" \
		$patch id=7 bad=callback
	check_refused "$einval" "without an array" $patch id=7 bad=array
	check_refused "$einval" "array of states is in constant data" \
		$patch id=7 bad=constant
	check_refused "$einval" "no module that it could patch is called 'no/module'" \
		$patch id=7 bad=object
}

run_tests
