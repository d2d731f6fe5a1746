#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Functions of modules: loaded before the patch, after it, and again.

. "$(dirname "$0")/functions.sh"

target=test_kpatch_target
values=/sys/module/$target/parameters

# check_value WHAT EXPECTED: what the function of the target returns
check_value()
{
	check_is "$1" "$2" "$(cat $values/value)"
}

test_a_module_that_is_loaded_is_patched()
{
	check "target" load $target
	check_value "before" 11
	check "patch" load test_kpatch_module
	check_value "enabled" 7101
	check "disable" enabled test_kpatch_module 0
	check_value "disabled" 11
	check "enable" enabled test_kpatch_module 1
	check_value "enabled again" 7101
	check "disable" enabled test_kpatch_module 0
	check "rmmod target" rmmod $target
	check "rmmod" rmmod test_kpatch_module
}

test_a_module_that_is_loaded_later_is_patched()
{
	check "patch" load test_kpatch_module
	check "target" load $target value=1
	check_is "seen by a parameter" 7101 "$(cat $values/seen_by_parameter)"
	check_is "seen by init" 7101 "$(cat $values/seen_by_init)"
	check_value "enabled" 7101
	check "rmmod target" rmmod $target
	check "target again" load $target
	check_value "enabled" 7101
	check "disable" enabled test_kpatch_module 0
	check_value "disabled" 11
	check "rmmod" rmmod test_kpatch_module
	check "rmmod target" rmmod $target
}

test_a_late_module_gets_all_patches_in_order()
{
	check "patch" load test_kpatch_module
	check "newer patch" load test_kpatch_module2
	check "target" load $target
	check_is "seen by init" 7201 "$(cat $values/seen_by_init)"
	check "disable the newer" enabled test_kpatch_module2 0
	check_value "the older" 7101
	check "enable the newer" enabled test_kpatch_module2 1
	check "rmmod target" rmmod $target
	check "disable the newer" enabled test_kpatch_module2 0
	check "target" load $target
	check_value "the older" 7101
}

run_tests
