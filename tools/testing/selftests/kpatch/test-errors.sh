#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Invalid patches: each one is refused with its own errno and one line in the log that
# names the patch, the function and the remedy, and leaves nothing behind.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

any=test_kpatch_any
clone=test_kpatch_clone
target=test_kpatch_target
no_such_thing="Unknown symbol in module"
einval="Invalid parameters"
eexist="File exists"
ebusy="resource busy"
eopnotsupp="Operation not supported"
enodev="No such device"
enotuniq="not unique"

# The kernel splits module parameters at blanks unless they are quoted.
refused_quirk()
{
	local error=$1 text=$2 what=$3

	shift 3
	check_refused "$error" "$text" $any "quirk=\"$what\"" "$@"
}

# The name of some static function that exists more than once in the kernel.
ambiguous_name()
{
	awk '$2 == "t" && NF == 3 { n[$3]++ }
	     END { for (f in n) if (n[f] > 1 && f !~ /[.]/) { print f; exit } }' /proc/kallsyms
}

# traceable_with SUFFIX: a traceable function of vmlinux, of which a symbol with this
# suffix exists as well
traceable_with()
{
	awk -v suffix="$1" '
		FNR == NR { if (NF == 1) traced[$1] = 1; next }
		$2 ~ /[tT]/ && NF == 3 { n[$3]++ }
		END { for (f in n) if (n[f] == 1 && n[f suffix] == 1 && f in traced) print f }
	' "$tracing/available_filter_functions" /proc/kallsyms | sort | head -n 1
}

# gone_but_for SUFFIX: a name that exists in the kernel with this suffix only
gone_but_for()
{
	awk -v suffix="$1" '
		NF == 3 { n[$3] = 1 }
		END { for (f in n) { b = substr(f, 1, length(f) - length(suffix))
				     if (b suffix == f && !(b in n) && b !~ /[.]/) print b } }
	' /proc/kallsyms | sort | head -n 1
}

test_no_patch()
{
	refused_quirk "$einval" "pass a struct kpatch_module (-22)" "null"
}

test_no_module()
{
	refused_quirk "$einval" "set mod to THIS_MODULE" "no mod" name=vfs_read
}

test_no_functions()
{
	local text="'$any': neither a function to patch nor a state; set funcs and num_funcs"

	refused_quirk "$einval" "$text, or states and num_states (-22)" "no funcs"
	refused_quirk "$einval" "$text, or states and num_states (-22)" "zero funcs"
}

# check_memory KIND TEXT: neither of the two structures may lie in such memory
check_memory()
{
	refused_memory "$1" N "its struct kpatch_module is $2"
	refused_memory "$1" Y "its array of functions is $2"
}

refused_memory()
{
	check_refused "$einval" "'test_kpatch_memory': $3" test_kpatch_memory \
		memory="$1" funcs="$2"
}

test_a_patch_in_memory_that_is_freed()
{
	check_memory init "in memory that is freed after init; leave out __initdata (-22)"
	check_memory stack "on the stack of the task that registers it; make it static (-22)"
}

test_a_patch_in_read_only_memory()
{
	check_memory ro_after_init \
		"in memory that becomes read-only; leave out __ro_after_init (-22)"
	check_memory const "in constant data; leave out const (-22)"
	refused_memory text Y "its array of functions is in program text"
	check "insmod" load test_kpatch_memory
	check_is "/proc/cmdline" "test_kpatch_memory: new cmdline" "$(cat /proc/cmdline)"
}

test_neither_name_nor_address()
{
	check_refused "$einval" \
		"'$any': function number 0 has neither name nor address; set one" $any
}

test_both_name_and_address()
{
	check_refused "$einval" "'$any': function number 0 has a name and an address; set one" \
		$any name=vfs_read addr="$(address_of vfs_read)"
}

test_a_patch_that_is_loaded_disabled_is_checked()
{
	check_refused "$no_such_thing" "is not in vmlinux" $any name=no_such_function flags=1
}

test_unknown_symbol()
{
	check_refused "$no_such_thing" \
		"'$any': function 'no_such_function' is not in vmlinux; build the patch" \
		$any name=no_such_function
}

# are_refused NUMBER ERROR PARAMETER...: several functions, in a line for each
are_refused()
{
	local number=$1 error=$2

	shift 2
	mark_log
	! briefly load "$@" || fail "insmod $* succeeded"
	case $load_error in
	*"$error"*) ;;
	*) fail "insmod $*: expected '$error', got '$load_error'" ;;
	esac
	check_is "lines in the log" "$number" "$(kpatch_log | grep -c '(-')"
	check_gone "$1"
}

# The errno is that of the first one.
test_all_functions_that_are_refused_are_named()
{
	are_refused 3 "$no_such_thing" $clone \
		name=no_such_function,cmdline_proc_show,ftrace_location,start_kernel
	check_log "function 'no_such_function' is not in vmlinux"
	check_log "function 'ftrace_location' cannot be traced"
	check_log "function 'start_kernel' is init code"
	check "insmod" load $target
	are_refused 2 "$einval" $clone name=start_kernel,no_such_open objname=$target
	check_log "function 'start_kernel' is init code"
	check_log "function 'no_such_open' is not in $target"
}

test_no_more_than_some_functions_are_named()
{
	are_refused 20 "$no_such_thing" $clone name="$(printf 'none%d\n' {1..24} | paste -sd ,)"
}

test_a_function_that_was_inlined_or_renamed()
{
	local name suffix

	for suffix in .part.0 .isra.0 .constprop.0; do
		name=$(gone_but_for $suffix)
		[ -n "$name" ] || continue
		check_refused "$no_such_thing" \
			"'$name': no such symbol; inlined, or renamed to '$name$suffix'" \
			$any name="$name"
	done
}

test_a_function_with_clones()
{
	local name

	name=$(traceable_with .part.0)
	if [ -z "$name" ]; then
		skip "the compiler did not split any function"
		return
	fi
	check_refused "$einval" "'$any': function '$name' has clones" $any name="$name"
	check_log "tasks may be in: '$name.part.0'; list each one with KPATCH_CLONE"
	check_refused "$einval" "has clones that others may call" $any \
		addr="$(address_of "$name")"
	check_log "tasks may be in: '$name.part.0'"
}

test_a_clone_named_without_the_flag()
{
	local name

	name=$(traceable_with .part.0).part.0
	if [ "$name" = .part.0 ]; then
		skip "the compiler did not split any function"
		return
	fi
	check_refused "$einval" \
		"'$name' is a clone of another function, with arguments of its own;" \
		$any name="$name"
	check_refused "$einval" "is a clone of another function" $any \
		addr="$(address_of "$name")"
}

test_wrong_flags()
{
	local name

	check_refused "$einval" \
		"'cmdline_proc_show' is no clone of another function; leave flags unset" \
		$clone clone=cmdline_proc_show
	check_refused "$einval" "is no clone of another function" $clone keep=cmdline_proc_show
	check_refused "$einval" "'cmdline_proc_show': flags are 0x3; set KPATCH_CLONE" \
		$clone name=cmdline_proc_show flags=3
	check_refused "$einval" "'$clone': function 'cmdline_proc_show': flags are 0x80000000" \
		$clone name=cmdline_proc_show flags=0x80000000
	check_refused "$einval" "is to be kept and has a replacement; set KPATCH_CLONE" \
		$clone name=cmdline_proc_show flags=2
	check_refused "$einval" "'$any': flags are 0x80000001; set KPATCH_LOAD_DISABLED" \
		$any name=cmdline_proc_show flags=0x80000001
	name=$(traceable_with .part.0)
	[ -n "$name" ] || return
	check_refused "$einval" \
		"'$name.part.0' is to be kept, but is a clone of no function of" \
		$clone name=cmdline_proc_show keep="$name.part.0"
}

test_ambiguous_symbol()
{
	local name

	name=$(ambiguous_name)
	check_refused "$enotuniq" "'$any': function '$name' exists more than once; set sympos" \
		$any name="$name"
}

test_sympos_out_of_range()
{
	check_refused "$einval" "'$any': function 'vfs_read' has no symbol number 2; set sympos" \
		$any name=vfs_read sympos=2
	check_refused "$einval" "has no symbol number 1000; set sympos" \
		$any name="$(ambiguous_name)" sympos=1000
}

test_function_that_cannot_be_traced()
{
	check_refused "$eopnotsupp" \
		"'$any': function 'ftrace_location' cannot be traced, so it cannot be patched" \
		$any name=ftrace_location
}

test_noinstr_function()
{
	check_refused "$eopnotsupp" "'$any': function 'exc_page_fault' cannot be traced" \
		$any name=exc_page_fault
}

test_init_function()
{
	check_refused "$einval" "'$any': function 'start_kernel' is init code, freed at boot" \
		$any name=start_kernel
}

test_data()
{
	check_refused "$einval" "'$any': function 'jiffies_64': jiffies" $any name=jiffies_64
	check_refused "$einval" "is not code of vmlinux" $any \
		addr="$(address_of jiffies_64)"
}

test_address_in_user_space()
{
	check_refused "$einval" "is not code of vmlinux" $any addr=0x1000
}

test_names_that_no_module_has()
{
	local objname

	for objname in "" kpatch-target a/b $any; do
		check_refused "$einval" "no module that it could patch is called '$objname'" \
			$any name=ext4_file_open objname="$objname"
	done
}

test_address_in_a_module()
{
	check_refused "$einval" "is in module 'ext4', which has no address of its own" \
		$any addr="$(address_of vfs_read)" objname=ext4
}

test_address_within_a_function()
{
	local addr

	addr=$(($(address_of vfs_read)))
	check_refused "$einval" "vfs_read+0x8/" $any addr="$(printf '%#x' $((addr + 8)))"
	check_refused "$einval" "is not the start of a function; set old_addr to one" \
		$any addr="$(printf '%#x' $((addr + 1)))"
}

test_the_same_function_twice()
{
	refused_quirk "$einval" \
		"'$any': function 'vfs_read' is in the patch twice; list it once (-22)" \
		"same function twice" name=vfs_read
}

test_a_new_function_outside_the_module()
{
	local text="not in the text of the patch module; set new_addr"

	refused_quirk "$einval" "$text" "no new function" name=vfs_read
	refused_quirk "$einval" "$text" "new function elsewhere" name=vfs_read
	refused_quirk "$einval" "$text" "new function is data" name=vfs_read
	refused_quirk "$einval" "is not the start of a function; set new_addr to one" \
		"new function not at its start" name=vfs_read
}

test_a_function_that_some_task_is_always_in()
{
	check_refused "deadlock" "'$any': function 'schedule' always has some task in it" $any \
		name=schedule
	check_refused "deadlock" "function 'worker_thread' always has some task in it" $any \
		name=worker_thread
}

# Functions on the path to each stop, those in which all kernel threads start, and
# clones of such functions.
test_a_function_that_a_switch_itself_runs_in()
{
	local name seen=0

	for name in kthread schedule_timeout wait_for_completion __wait_for_common \
		stop_cpus __stop_cpus __stop_cpus.constprop.0 stop_machine_cpuslocked; do
		grep -qx "$name" "$tracing/available_filter_functions" || continue
		case $name in
		*.*) check_refused "deadlock" "function '$name' always has some task in it" \
			$clone clone="$name" ;;
		*) check_refused "deadlock" "function '$name' always has some task in it" \
			$any name="$name" ;;
		esac
		seen=$((seen + 1))
	done
	check "the kernel has some of them" [ "$seen" -ge 3 ]
}

# Refused without an attempt: the line names the kernel thread.
test_a_function_that_a_kernel_thread_never_leaves()
{
	local name

	for name in rescuer_thread kswapd; do
		check_refused "deadlock" "'$any': function '$name' is what the kernel thread" \
			$any name=$name
	done
	check_log "the kernel thread kswapd0 (pid $(pgrep -x kswapd0)) runs for as long as it lives"
}

# A compiler that finds two identical functions keeps one of them, under both names.
test_other_names_of_a_function_are_logged()
{
	mark_log
	check "insmod" load test_kpatch_getpid
	check "insmod" load test_kpatch_cmdline
	check_no_log "is also"
	if [ "$(symbol_of lru_add_drain)" = "$(symbol_of lru_add_and_bh_lrus_drain)" ]; then
		mark_log
		check "insmod" load $clone name=lru_add_and_bh_lrus_drain
		check "disable" enabled $clone 0
		check_log "'lru_add_and_bh_lrus_drain' is also 'lru_add_drain'; calls of that"
	else
		skip "the compiler did not merge lru_add_drain() with another function"
	fi
}

# These two tests must not read /proc/cmdline while cmdline_proc_show() is patched: the
# replacement prints nothing.
test_registering_twice()
{
	mark_log
	! load $any name=cmdline_proc_show 'quirk="register twice"' || fail "insmod succeeded"
	# Some kernels replace EEXIST from a module's init with another errno.
	case $load_error in
	*"$eexist"* | *"$ebusy"*) ;;
	*) fail "expected '$eexist', got '$load_error'" ;;
	esac
	check_log "'$any': is registered already; a module can have one patch (-17)"
	check_log "loaded patch module \"$any\""
	check_log "unloaded patch module \"$any\""
	check_gone $any
}

test_unregistering_an_enabled_patch()
{
	local file=$kpatch_sysfs/$any/enabled

	mark_log
	! load $any name=cmdline_proc_show 'quirk="unregister enabled"' || fail "insmod succeeded"
	case $load_error in *"$ebusy"*) ;; *) fail "expected '$ebusy', got '$load_error'" ;; esac
	check_log \
		"'$any': cannot unregister: the patch is enabled; write 0 to $file first (-16)"
	check_log "unloaded patch module \"$any\""
	check_gone $any
}

# The module must not be freed while its patch is enabled; the patch is disabled first.
test_a_module_whose_init_fails_later()
{
	mark_log
	! load $any name=cmdline_proc_show 'quirk="init fails"' || fail "insmod succeeded"
	check_log "'$any': the module goes while its patch is registered, which has been disabled"
	check_gone $any
	check "/proc/cmdline works" grep -q console /proc/cmdline
}

test_unregistering_an_unregistered_patch()
{
	refused_quirk "$no_such_thing" "cannot unregister a patch that is not registered" \
		"unregister unknown"
}

test_enabling_an_unregistered_patch()
{
	refused_quirk "$enodev" "cannot switch a patch that is not registered" "enable unknown"
}

test_loading_a_module_twice()
{
	check "insmod" load test_kpatch_cmdline
	! load test_kpatch_cmdline || fail "insmod succeeded twice"
	case $load_error in *"$eexist"*) ;; *) fail "expected '$eexist', got '$load_error'" ;; esac
	check_is "enabled" 1 "$(is_enabled test_kpatch_cmdline)"
}

# After a refusal the next patch works as if nothing had happened.
test_a_good_patch_after_a_bad_one()
{
	check_refused "$no_such_thing" "is not in vmlinux" $any name=no_such_function
	check "insmod" load test_kpatch_cmdline
	check_is "/proc/cmdline" "test_kpatch_cmdline: new cmdline" "$(cat /proc/cmdline)"
}

run_tests
