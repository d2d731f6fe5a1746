#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Other users of the same function: they share it with kpatch, or the second one gets
# an error. The old code must never run silently.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

patch=test_kpatch_cmdline
klp=/sys/kernel/livepatch/test_kpatch_livepatch

cmdline() { cat /proc/cmdline; }

unload_livepatch()
{
	echo 0 > $klp/enabled
	wait_for 30 [ ! -e $klp ] && rmmod test_kpatch_livepatch
}

test_a_function_that_livepatch_owns_is_refused()
{
	[ -e "$mods/test_kpatch_livepatch.ko" ] || { skip "no CONFIG_LIVEPATCH"; return; }
	check "insmod" load test_kpatch_livepatch
	check_is "/proc/cmdline" "livepatch: new cmdline" "$(cmdline)"
	check_refused "resource busy" \
		"'$patch': function 'cmdline_proc_show' is taken by the live patch 'test_kp" \
		$patch
	check_is "/proc/cmdline" "livepatch: new cmdline" "$(cmdline)"
	check "unload the live patch" unload_livepatch
	check "insmod" load $patch
}

test_livepatch_cannot_take_a_patched_function()
{
	[ -e "$mods/test_kpatch_livepatch.ko" ] || { skip "no CONFIG_LIVEPATCH"; return; }
	check "insmod" load $patch
	! load test_kpatch_livepatch || fail "the live patch was loaded"
	check_is "/proc/cmdline" "$patch: new cmdline" "$(cmdline)"
	check "disable" enabled $patch 0
	check "insmod" load test_kpatch_livepatch
	check "unload the live patch" unload_livepatch
}

test_livepatch_of_another_function_keeps_working()
{
	[ -e "$mods/test_kpatch_livepatch.ko" ] || { skip "no CONFIG_LIVEPATCH"; return; }
	check "insmod" load test_kpatch_livepatch
	check "insmod" load test_kpatch_statfs
	check_is "/proc/cmdline" "livepatch: new cmdline" "$(cmdline)"
	check_is "longest name" 77 "$(stat -f -c %l /proc)"
	check "unload the live patch" unload_livepatch
	check_is "longest name" 77 "$(stat -f -c %l /proc)"
}

# One of two functions is taken: the log names it, and the other one is not touched.
test_the_function_that_is_taken_is_named()
{
	check "insmod" load test_kpatch_probe
	check_refused "resource busy" \
		"'test_kpatch_cmdline2': function 'cmdline_proc_show' is taken" \
		test_kpatch_cmdline2
}

# direct_calls: each read of the parameter makes one more call
direct_calls()
{
	parameter test_kpatch_direct calls
}

# BPF trampolines take part in the handshake that shares a function; other direct
# callers do not.
test_a_function_with_a_direct_caller_is_refused()
{
	[ -e "$mods/test_kpatch_direct.ko" ] || { skip "not for $(uname -m)"; return; }
	check "insmod" load test_kpatch_direct
	check_refused "resource busy" "'test_kpatch_pair': function 'gcd' is taken" \
		test_kpatch_pair
	check_is "direct calls" 1 "$(direct_calls)"
	check_is "direct calls" 2 "$(direct_calls)"
	check "rmmod" rmmod test_kpatch_direct
	check "insmod" load test_kpatch_pair
}

test_a_direct_caller_cannot_take_a_patched_function()
{
	[ -e "$mods/test_kpatch_direct.ko" ] || { skip "not for $(uname -m)"; return; }
	check "insmod" load test_kpatch_pair
	! load test_kpatch_direct || fail "the direct caller was registered"
	check_is "enabled" 1 "$(is_enabled test_kpatch_pair)"
	check "disable" enabled test_kpatch_pair 0
	check "insmod" load test_kpatch_direct
	check_is "direct calls" 1 "$(direct_calls)"
	check "rmmod" rmmod test_kpatch_direct
}

test_a_direct_caller_of_another_function_keeps_working()
{
	[ -e "$mods/test_kpatch_direct.ko" ] || { skip "not for $(uname -m)"; return; }
	check "insmod" load test_kpatch_direct
	check "insmod" load $patch
	check_is "direct calls" 1 "$(direct_calls)"
	check "disable" enabled $patch 0
	check_is "direct calls" 2 "$(direct_calls)"
	check "rmmod" rmmod test_kpatch_direct
}

# A direct caller that is never told of the end would go on as if the function were hooked.
test_a_direct_caller_that_shares_learns_of_the_end()
{
	local shared=/sys/module/test_kpatch_direct/parameters/shared

	[ -e "$mods/test_kpatch_direct.ko" ] || { skip "not for $(uname -m)"; return; }
	check "insmod" load test_kpatch_direct share=1
	check "insmod" load test_kpatch_gcd enable=0
	check "insmod" load test_kpatch_lcm enable=0
	for _ in 1 2; do
		check "enable" switch +test_kpatch_gcd +test_kpatch_lcm
		check_is "shared" Y "$(cat $shared)"
		check "disable one" enabled test_kpatch_gcd 0
		check "it is not shared any more" wait_for 5 grep -qx N $shared
		check "disable the other" enabled test_kpatch_lcm 0
		check_is "shared" N "$(cat $shared)"
	done
}

test_a_function_with_a_post_handler_kprobe_is_refused()
{
	check "insmod" load test_kpatch_probe
	check_refused "resource busy" \
		"'$patch': function 'cmdline_proc_show' is taken by a live patch, a probe" \
		$patch
	check "rmmod" rmmod test_kpatch_probe
	check "insmod" load $patch
}

# Whether register_kprobe() reports that the probe could not be armed depends on the
# kernel; in either case the probe must not be armed.
test_a_post_handler_kprobe_cannot_take_a_patched_function()
{
	check "insmod" load $patch
	load test_kpatch_probe
	check_is "/proc/cmdline" "$patch: new cmdline" "$(cmdline)"
}

test_a_kprobe_shares_the_function()
{
	local hits

	check "add a probe" probe p kpatch_probe cmdline_proc_show
	check "insmod" load $patch
	check_is "/proc/cmdline" "$patch: new cmdline" "$(cmdline)"
	hits=$(probe_hits kpatch_probe)
	[ "$hits" -gt 0 ] || fail "the probe was not hit"
	check "disable" enabled $patch 0
	check "enable" enabled $patch 1
	unprobe kpatch_probe
	check_is "/proc/cmdline" "$patch: new cmdline" "$(cmdline)"
}

# trace_with TRACER: the patch works while the tracer is on and off, in either order
trace_with()
{
	local original

	need_instance || return
	original=$(cmdline)
	echo cmdline_proc_show > "$instance/set_ftrace_filter"
	{ echo "$1" > "$instance/current_tracer"; } 2>/dev/null ||
		{ skip "no tracer $1"; return; }
	check "insmod" load $patch
	check_is "/proc/cmdline, traced" "$patch: new cmdline" "$(cmdline)"
	check "the call is traced" grep -q cmdline_proc_show "$instance/trace"
	echo nop > "$instance/current_tracer"
	check_is "/proc/cmdline, not traced" "$patch: new cmdline" "$(cmdline)"
	echo "$1" > "$instance/current_tracer"
	check_is "/proc/cmdline, traced again" "$patch: new cmdline" "$(cmdline)"
	check "disable" enabled $patch 0
	check_is "/proc/cmdline, disabled" "$original" "$(cmdline)"
}

test_the_function_tracer_shares_the_function()
{
	trace_with function
}

test_the_function_graph_tracer_shares_the_function()
{
	trace_with function_graph
}

# ftrace skips tracers that recurse too deeply; it must not skip patches.
test_recursing_tracers_do_not_run_the_old_code()
{
	local nested=test_kpatch_nested

	check "insmod" load test_kpatch_pair
	check "insmod" load $nested
	[ "$(parameter $nested deepest)" -gt 1 ] || fail "the callback did not recurse"
	[ "$(parameter $nested new_calls)" -gt 1 ] || fail "too few calls of the new function"
	check_is "calls of the old function" 0 "$(parameter $nested old_calls)"
	check "rmmod" rmmod $nested
}

ftrace_enabled=/proc/sys/kernel/ftrace_enabled

# Foreign tracers would miss calls while ftrace is disabled.
need_no_tracing()
{
	if [ ! -w $ftrace_enabled ]; then
		skip "no $ftrace_enabled"
	elif grep -q . "$tracing/enabled_functions"; then
		skip "functions are being traced"
	fi
	[ -z "$skipped" ]
}

test_ftrace_cannot_be_disabled_under_a_patch()
{
	need_no_tracing || return
	check "insmod" load $patch
	change $ftrace_enabled 0
	check_is "/proc/cmdline" "$patch: new cmdline" "$(cmdline)"
	change $ftrace_enabled 1
	check_is "/proc/cmdline" "$patch: new cmdline" "$(cmdline)"
}

test_a_patch_is_refused_while_ftrace_is_disabled()
{
	need_no_tracing || return
	if ! change $ftrace_enabled 0; then
		skip "ftrace cannot be disabled here"
		return
	fi
	check_refused "resource busy" "set kernel.ftrace_enabled=1" $patch
	change $ftrace_enabled 1
	check "insmod" load $patch
}

foreign=$(first_foreign /sys/kernel/livepatch)
[ -z "$foreign" ] || skip_all "live patch '$foreign' does not belong to the tests"
run_tests
