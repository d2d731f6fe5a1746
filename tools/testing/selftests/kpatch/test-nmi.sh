#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# stop_machine() does not stop NMIs: they may arrive at any time during a switch, and
# none may see one function old and another one new.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

patch=test_kpatch_pair
nmi=test_kpatch_nmi
rounds=${KPATCH_TEST_NMI_ROUNDS:-50}

need_nmis()
{
	if [ ! -e "$mods/$nmi.ko" ]; then
		skip "no way to send an NMI on $(uname -m)"
	elif [ "$(nproc)" -lt 2 ]; then
		skip "needs two CPUs"
	fi
	[ -z "$skipped" ]
}

# more_than KIND COUNT: more than COUNT NMIs were of this kind
more_than()
{
	[ "$(parameter $nmi "$1")" -gt "$2" ]
}

# start_nmis RELAY_US HOPS: these handlers may take longer than the limit above which
# the kernel warns
start_nmis()
{
	local longest=/sys/kernel/debug/x86/nmi_longest_ns

	if [ -e $longest ]; then
		knobs[$longest]=$(cat $longest)
		echo 10000000000 > $longest
	fi
	check "insmod" load $nmi relay_us="$1" hops="$2"
	check "NMIs arrive" wait_for 10 more_than both_new 0
	check "NMIs are relayed" wait_for 10 more_than relayed 10
}

# switch_under_nmis 0|1: NMIs may abort many attempts in a row
switch_under_nmis()
{
	for _ in $(seq 30); do
		enabled $patch "$1" && return
		case $switch_error in
		*"resource busy"*) ;;
		*) break ;;
		esac
	done
	fail "switching to $1: $switch_error"
}

# check_all_see KIND OTHER: from now on all NMIs are of KIND
check_all_see()
{
	local kind other

	other=$(parameter $nmi "$2")
	kind=$(parameter $nmi "$1")
	check "NMIs arrive" wait_for 10 more_than "$1" $((kind + 3))
	check_is "$2 after the switch" "$other" "$(parameter $nmi "$2")"
}

check_both()
{
	if [ "$(is_enabled $patch)" = 1 ]; then
		check_all_see both_new both_old
	else
		check_all_see both_old both_new
	fi
}

test_nmis_see_both_functions_old_or_both_new()
{
	need_nmis || return
	check "insmod" load $patch
	start_nmis 100 200
	check_both
	for _ in $(seq "$rounds"); do
		switch_under_nmis 0
		check_both
		switch_under_nmis 1
		check_both
		[ "$failures" -eq 0 ] || break
	done
	echo "# $(parameter $nmi both_old) old, $(parameter $nmi both_new) new," \
		"$(cat $kpatch_sysfs/$patch/stops) stops"
	check_is "mixed" 0 "$(parameter $nmi mixed)"
}

# The delay between opening the transaction and its commit is long enough for an NMI
# to hit for sure. So every attempt is aborted.
test_an_nmi_during_an_attempt_aborts_it()
{
	local relay_us=/sys/module/$nmi/parameters/relay_us
	local to before stops

	need_nmis || return
	if ! knob commit_delay_us 0; then
		skip "needs CONFIG_KPATCH_DEBUG"
		return
	fi
	check "insmod" load $patch
	start_nmis 50 0
	for to in 0 1; do
		before=$(is_enabled $patch)
		stops=$(cat $kpatch_sysfs/$patch/stops)
		knob commit_delay_us 2000
		mark_log
		! enabled $patch $to || fail "switching to $to succeeded"
		case $switch_error in
		*"resource busy"*) ;;
		*) fail "expected EBUSY, got '$switch_error'" ;;
		esac
		check_log "NMIs keep running its functions; try again (-16)"
		check_is "enabled" "$before" "$(is_enabled $patch)"
		check_both
		stops=$(($(cat $kpatch_sysfs/$patch/stops) - stops))
		[ $stops -gt 1 ] || fail "the machine was stopped $stops times"
		# The relayed NMI would abort every attempt.
		echo 0 > $relay_us
		knob commit_delay_us 0
		switch_under_nmis $to
		check_both
		echo 50 > $relay_us
	done
	check_is "mixed" 0 "$(parameter $nmi mixed)"
}

run_tests
