#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Shadow variables: they belong to one object, are found in every context, live as long
# as their state, and are freed exactly once.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

patch=test_kpatch_shadow
patch2=test_kpatch_shadow2
objects=test_kpatch_objects
nr=300

# check_known WHAT: each object is used, and has its own variable
make() { echo 1 > /sys/module/$objects/parameters/make; }
drop() { echo 1 > /sys/module/$objects/parameters/drop; }
check_use() { check_is "$1: unknown, good, stale, bad" "$2" "$(parameter $objects use)"; }
check_known() { check_use "$1" "0 $nr 0 0"; }
check_unknown() { check_use "$1" "$nr 0 0 0"; }

set_parameter()
{
	echo "$2" > "/sys/module/$patch/parameters/$1"
}

# count_of WHICH MODULE...: the sum of one of their counts: created, destroyed, wrong
count_of()
{
	local which=$1 module sum=0 counts

	shift
	for module; do
		read -ra counts < "/sys/module/$module/parameters/counts"
		sum=$((sum + counts[which]))
	done
	echo $sum
}

# check_live WHAT NUMBER [MODULE...]: so many variables have not been destroyed
check_live()
{
	local what=$1 number=$2

	shift 2
	[ $# -gt 0 ] || set -- $patch
	check_is "$what: variables" "$number" $(($(count_of 0 "$@") - $(count_of 1 "$@")))
	check_is "$what: destroyed wrongly" 0 "$(count_of 2 "$@")"
}

check_unloaded()
{
	check "rmmod" unload "$1"
	check_gone "$1"
}

# Memory of the kernel that cannot be reclaimed, in MB.
slab_mb() { awk '$1 == "SUnreclaim:" { print int($2 / 1024) }' /proc/meminfo; }

# A state has a variable of its own, and allocates one for each object beforehand.
own=$((nr + 1))

test_variables_live_as_long_as_the_object()
{
	check "insmod" load $objects
	check "insmod" load $patch
	check_live "enabled" $own
	make
	check_live "objects are made" $((own + nr))
	check_known "all"
	drop
	check_live "objects are dropped" $own
	make
	check_known "all again"
	drop
	check "disable" enabled $patch 0
	check_live "disabled" 0
	check_unloaded $patch
}

# Objects that were made meanwhile have the addresses of those that had a variable.
test_no_stale_variable_is_met()
{
	check "insmod" load $objects
	check "insmod" load $patch
	make
	check_known "enabled"
	check "disable" enabled $patch 0
	check_live "disabled" 0
	check_unknown "disabled"
	drop
	make
	check "enable" enabled $patch 1
	check_unknown "enabled again"
	drop
	make
	check_known "made since"
	check "disable" enabled $patch 0
	check_live "disabled again" 0
	check_unloaded $patch
}

test_existing_objects_get_variables_in_the_stop()
{
	check "insmod" load $objects
	make
	check "insmod" load $patch adopt=1
	check_known "enabled"
	check_live "enabled" $own
	drop
	check_live "dropped" 1
	check "disable" enabled $patch 0
	check_live "disabled" 0
	make
	check "enable" enabled $patch 1
	check_known "enabled again"
	check "disable" enabled $patch 0
	check_live "disabled again" 0
	check_unloaded $patch
}

test_a_switch_that_fails_leaves_no_variable()
{
	check "insmod" load $objects
	make
	check "insmod" load $patch adopt=1 enable=0
	set_parameter refuse setup
	! enabled $patch 1 || fail "enabling succeeded in spite of setup"
	check_live "setup has refused" 0
	set_parameter refuse check_enter
	! enabled $patch 1 || fail "enabling succeeded in spite of the check"
	check_live "the check has refused" 0
	check_is "created at all" $((2 * own)) "$(count_of 0 $patch)"
	check_unknown "disabled"
	set_parameter refuse nothing
	check "enable" enabled $patch 1
	check_known "enabled"
	check "disable" enabled $patch 0
	check_live "disabled" 0
	check_unloaded $patch
}

test_variables_go_with_the_module_of_the_state()
{
	check "insmod" load $patch
	check_live "without the module" 0
	check "insmod" load $objects
	make
	check_known "the module came"
	check_live "the module came" $((own + nr))
	check "rmmod" unload $objects
	check_live "the module went" 0
	check "insmod" load $objects
	make
	check_known "the module came again"
	check "disable" enabled $patch 0
	check_live "disabled" 0
	check_unloaded $patch
}

# Those of the older patch stay, and the destructor of the later one is called for them.
test_variables_are_handed_over()
{
	local created destroyed

	check "insmod" load $objects
	check "insmod" load $patch
	make
	check "insmod" load $patch2
	check_known "both"
	check "disable" enabled $patch 0
	check_live "handed over" $((own + nr))
	created=$(count_of 0 $patch)
	destroyed=$(count_of 1 $patch)
	check_unloaded $patch
	check_is "handed over: unknown, good, stale, bad" "0 $nr 0 0" "$(parameter $objects look)"
	check_is "destroyed" 0 "$(count_of 1 $patch2)"
	check "disable" enabled $patch2 0
	check_is "variables" $((created - destroyed)) \
		$(($(count_of 1 $patch2) - $(count_of 0 $patch2)))
	check_is "destroyed wrongly" 0 "$(count_of 2 $patch2)"
	check_unloaded $patch2
}

# The memory of all variables that a round leaves is 2 MB.
test_the_memory_comes_back()
{
	local before i

	check "insmod" load $objects
	check "insmod" load $patch pad=3900 enable=0
	before=$(slab_mb)
	for ((i = 0; i < 10; i++)); do
		check "enable" enabled $patch 1
		make
		check "disable" enabled $patch 0
		drop
		check "enable" enabled $patch 1
		make
		drop
		check "disable" enabled $patch 0
	done
	# Some of it waits for a grace period.
	wait_for 10 has_shrunk_to $((before + 4)) ||
		fail "memory: $before MB before, $(slab_mb) MB afterwards"
	check_live "disabled" 0
	check_unloaded $patch
}

has_shrunk_to() { [ "$(slab_mb)" -le "$1" ]; }

# met CONTEXT OPINION: how often
met()
{
	awk -v context="$1" -v opinion="$2" \
		'NR == context { print $opinion }' /sys/module/$objects/parameters/uses
}

are_all_met()
{
	local context

	for context in 1 2 3; do
		[ "$(met $context 2)" -ge "$1" ] || return
	done
}

test_readers_in_every_context_see_whole_variables()
{
	local i context wanted=0

	check "insmod" load $objects
	make
	check "insmod" load $patch adopt=1 enable=0
	echo 1 > /sys/module/$objects/parameters/busy
	for ((i = 0; i < 5; i++)); do
		check "enable" enabled $patch 1
		wanted=$((wanted + 300))
		check "readers in all contexts" wait_for 20 are_all_met $wanted
		check "disable" enabled $patch 0
	done
	echo 0 > /sys/module/$objects/parameters/busy
	for context in 1 2 3; do
		check_is "stale, context $context" 0 "$(met $context 3)"
		check_is "bad, context $context" 0 "$(met $context 4)"
	done
	echo "# $(parameter $objects uses | paste -sd ,)"
	check_live "disabled" 0
	check_unloaded $patch
}

# What 1000 files leave behind, in MB, if 3000 bytes are written to each.
leak()
{
	local before i

	before=$(slab_mb)
	for ((i = 0; i < 1000; i++)); do
		printf '%3000d' "$i" > /proc/kpatch_sample
	done
	leaked=$(($(slab_mb) - before))
}

remove_samples()
{
	{ echo 0 > "$kpatch_sysfs/kpatch_sample_shadow/enabled"; } 2>/dev/null
	unload kpatch_sample_shadow
	unload kpatch_sample_target
}

test_the_sample_fixes_a_leak()
{
	modprobe -n -q kpatch-sample-shadow ||
		skip "no samples, set CONFIG_SAMPLE_KPATCH=m"
	[ ! -e /sys/module/kpatch_sample_target ] || skip "the samples are loaded"
	[ -z "$skipped" ] || return
	at_end remove_samples
	check "modprobe" modprobe kpatch-sample-target
	exec {file}<> /proc/kpatch_sample
	echo "  Ada  " >&"$file"
	leak
	[ "$leaked" -ge 3 ] || fail "$leaked MB have leaked without the patch"
	check "modprobe" modprobe kpatch-sample-shadow
	leak
	[ "$leaked" -lt 3 ] || fail "$leaked MB have leaked with the patch"
	check_is "a file from before" "Hello Ada!" "$(cat <&"$file")"
	exec {file}>&- {file}<> /proc/kpatch_sample
	echo "Bob" >&"$file"
	echo " Eve" >&"$file"
	check_is "a new file" "Hello Eve!" "$(cat <&"$file")"
	check "disable" enabled kpatch_sample_shadow 0
	exec {file}>&-
	check "rmmod" unload kpatch_sample_shadow
	check "rmmod" unload kpatch_sample_target
}

run_tests
