#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every way in which a task can be inside a function that is easy to overlook, and
# some in which it only appears to be inside.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

unloads=${KPATCH_TEST_UNLOADS:-100}
active=$dir/kpatch_active

# No task is parked: the tests check that the scan finds it.
no_parking()
{
	knob park N
}

preemption=/sys/kernel/debug/sched/preempt

# Can a task be preempted in kernel mode?
is_preemptible()
{
	if [ -e $preemption ]; then
		grep -q -e '(full)' -e '(lazy)' $preemption
	elif uname -v | grep -qw PREEMPT_DYNAMIC; then
		dmesg | grep 'Dynamic Preempt: ' | tail -n 1 | grep -qw -e full -e lazy
	else
		uname -v | grep -qw -e PREEMPT -e PREEMPT_RT -e PREEMPT_LAZY
	fi
}

# Switches to full preemption until the end of the test if the kernel can.
need_preemption()
{
	if ! is_preemptible && [ -w $preemption ]; then
		knobs[$preemption]=$(sed 's/.*(\(.*\)).*/\1/' $preemption)
		change $preemption full
	fi
	is_preemptible || skip "the kernel is not preemptible"
	[ -z "$skipped" ]
}

# blocked MODULE REGEX: a listed blocker matches
blocked()
{
	grep -q -- "$2" "$kpatch_sysfs/$1/blockers"
}

# check_busy MODULE 0|1 REGEX: the switch fails, and a listed blocker matches
check_busy()
{
	local before

	before=$(is_enabled "$1")
	! briefly enabled "$1" "$2" || fail "switching $1 to $2 succeeded"
	case $switch_error in
	*"resource busy"*) ;;
	*) fail "expected EBUSY, got '$switch_error'" ;;
	esac
	check_is "enabled" "$before" "$(is_enabled "$1")"
	blocked "$1" "$3" ||
		fail "not in blockers: '$3'; but: $(cat "$kpatch_sysfs/$1/blockers")"
}

# Running tasks may block an attempt, but not forever.
check_switch()
{
	local i

	for ((i = 0; i < 20; i++)); do
		enabled "$1" "$2" && return
		case $switch_error in
		*"resource busy"*) ;;
		*) break ;;
		esac
	done
	fail "switching $1 to $2: $switch_error; $(cat "$kpatch_sysfs/$1/blockers")"
}

check_no_splat()
{
	! log_since_mark | grep -E 'BUG:|WARNING:|Oops|general protection|Call Trace' ||
		fail "the kernel complains"
}

# The pid of the thread of test_kpatch_caller
caller_pid()
{
	pgrep -x kpatch_caller
}

# stays MODULE: the thread of test_kpatch_caller is inside the patch
stays()
{
	[ "$(parameter "$1" inside)" = Y ]
}

# has_called CALLS: the thread has made more than CALLS calls.
has_called()
{
	[ "$(parameter test_kpatch_caller calls)" -gt "$1" ]
}

sleeps_with_pointers()
{
	grep -q sleep_with_pointers "/proc/$(caller_pid)/stack"
}

# start_staying MODULE [PARAMETER...]: a kernel thread stays in this patch
start_staying()
{
	check "insmod" load "$@"
	check "insmod" load test_kpatch_caller
	check "a thread stays in the function" wait_for 10 stays "$1"
	# It reports this shortly before it goes to sleep.
	[ $# -gt 1 ] || check "it sleeps" wait_for 10 in_cold_part
}

# check_leaving MODULE: let the thread leave; after that nothing blocks
check_leaving()
{
	local calls

	calls=$(parameter test_kpatch_caller calls)
	echo 1 > "/sys/module/$1/parameters/leave"
	check "the thread calls again" wait_for 10 has_called "$calls"
	check_switch "$1" 0
	check "rmmod" unload "$1"
}

in_cold_part()
{
	grep -q 'new_lcm_cold\.cold' "/proc/$(caller_pid)/stack"
}

test_a_task_in_the_cold_part_of_a_function_is_found()
{
	if ! grep -qw new_lcm_cold.cold /proc/kallsyms; then
		check "insmod" load test_kpatch_stay
		if ! grep -qw new_lcm_cold.cold /proc/kallsyms; then
			skip "the compiler does not split functions"
			return
		fi
		check "disable" enabled test_kpatch_stay 0
		check "rmmod" unload test_kpatch_stay
	fi
	start_staying test_kpatch_stay
	check "the return address is in the cold part" in_cold_part
	check_busy test_kpatch_stay 0 \
		"^$(caller_pid) kpatch_caller .* asleep"
	check_refused "resource busy" \
		"$(caller_pid) kpatch_caller new_lcm_cold.cold asleep" test_kpatch_pair
	check_leaving test_kpatch_stay
	check "insmod" load test_kpatch_pair
}

# only_in_part NAME: the stack has the part of that name but not new_lcm_split()
only_in_part()
{
	grep -q "$1+" "/proc/$(caller_pid)/stack" &&
		! grep -q 'new_lcm_split+' "/proc/$(caller_pid)/stack"
}

test_a_task_in_a_part_split_off_a_replacement_is_found()
{
	local part name

	for part in part.0 __part.0; do
		name=new_lcm_split.$part
		[ "$part" = __part.0 ] || name+=.isra.0
		start_staying test_kpatch_stay part=$part
		check "only the part is on the stack" only_in_part "$name"
		check_refused "resource busy" \
			"$(caller_pid) kpatch_caller $name asleep" test_kpatch_pair
		check_leaving test_kpatch_stay
		rmmod test_kpatch_caller
	done
}

# clones_of FUNCTION: its compiler-made clones, separated by commas
clones_of()
{
	awk -v name="$1" '
		NF == 3 && index($3, name ".") == 1 && $3 !~ /[.](cold|__part)/ {
			printf "%s%s", sep, $3
			sep = ","
		}' /proc/kallsyms
}

mounts()
{
	grep -q sleep_and_fail "/proc/$(pgrep -x kpatch_mount)/stack"
}

test_a_task_in_a_clone_of_a_function_is_found()
{
	local keep pid where

	keep=$(clones_of vfs_kern_mount)
	check "insmod" load test_kpatch_mount
	check "a thread mounts" wait_for 10 mounts
	pid=$(pgrep -x kpatch_mount)
	where=$(sed -n 's/.* \(vfs_kern_mount[^+]*\)+.*/\1/p' "/proc/$pid/stack")
	check_refused "resource busy" "$pid kpatch_mount $where asleep" \
		test_kpatch_clone name=vfs_kern_mount ${keep:+keep="$keep"}
	[ -z "$keep" ] || check_refused "resource busy" "$pid kpatch_mount $where asleep" \
		test_kpatch_clone name=vfs_kern_mount clone="$keep"
	[ -z "$keep" ] || check_refused "Invalid parameters" \
		"function 'vfs_kern_mount' has clones" test_kpatch_clone name=vfs_kern_mount
	# KPATCH_KEEP_ALL_CLONES
	check_refused "resource busy" "$pid kpatch_mount $where asleep" \
		test_kpatch_clone name=vfs_kern_mount flags=4
	echo 1 > /sys/module/test_kpatch_mount/parameters/leave
	check "the thread has left" wait_for 10 eval '! mounts'
	check "insmod" load test_kpatch_clone name=vfs_kern_mount ${keep:+keep="$keep"}
	check_is "directories of functions" vfs_kern_mount,1 \
		"$(ls "$kpatch_sysfs/test_kpatch_clone/vmlinux")"
	check_switch test_kpatch_clone 0
	check_switch test_kpatch_clone 1
	check_switch test_kpatch_clone 0
	check "rmmod" unload test_kpatch_clone
	check "insmod" load test_kpatch_clone name=vfs_kern_mount flags=4
	check_is "directories of functions" vfs_kern_mount,1 \
		"$(ls "$kpatch_sysfs/test_kpatch_clone/vmlinux")"
	check_switch test_kpatch_clone 0
	check_switch test_kpatch_clone 1
	check_switch test_kpatch_clone 0
	check "rmmod" unload test_kpatch_clone
	[ -z "$keep" ] && return
	check "insmod" load test_kpatch_clone name=vfs_kern_mount clone="$keep"
	check_switch test_kpatch_clone 0
	check "rmmod" unload test_kpatch_clone
}

in_new_clone() { grep -qs "^\[.*\] sleep_in_clone+" "/proc/$(pgrep -x kpatch_mount)/stack"; }

# The clone is replaced by an older patch, and kept by the newer one.
test_a_task_in_an_older_replacement_of_a_clone_is_found()
{
	local keep

	keep=$(clones_of vfs_kern_mount)
	[ -n "$keep" ] || { skip "the compiler made no clone of vfs_kern_mount()"; return; }
	check "insmod" load test_kpatch_clone name=vfs_kern_mount clone="$keep" sleep=1
	check "insmod" load test_kpatch_mount
	check "a thread sleeps in the new clone" wait_for 10 in_new_clone
	check_refused "resource busy" \
		"$(pgrep -x kpatch_mount) kpatch_mount sleep_in_clone asleep" \
		test_kpatch_clone2 name=vfs_kern_mount keep="$keep"
	check_refused "resource busy" \
		"$(pgrep -x kpatch_mount) kpatch_mount sleep_in_clone asleep" \
		test_kpatch_clone2 name=vfs_kern_mount flags=4
	echo N > /sys/module/test_kpatch_clone/parameters/sleep
	check "the thread has left" wait_for 10 eval '! in_new_clone'
	check "insmod" load test_kpatch_clone2 name=vfs_kern_mount keep="$keep"
	check "disable the newer" enabled test_kpatch_clone2 0
	check "rmmod" unload test_kpatch_clone2
	check_switch test_kpatch_clone 0
	check "rmmod" unload test_kpatch_clone
}

test_a_task_preempted_in_a_function_is_found()
{
	need_preemption || return
	background "$user" spin 4
	start_staying test_kpatch_stay spin=1
	check_busy test_kpatch_stay 0 \
		"^$(caller_pid) kpatch_caller new_lcm_spin preempted"
	check_refused "resource busy" \
		"$(caller_pid) kpatch_caller new_lcm_spin preempted" test_kpatch_pair
	check_leaving test_kpatch_stay
}

# The handler has chosen the new function but has not called it yet: the address is
# only in saved registers, which no unwinder looks at.
test_a_task_between_the_handler_and_the_function_is_found()
{
	local seen=0 i

	need_preemption || return
	if ! knob handler_delay_us 10000; then
		skip "needs CONFIG_KPATCH_DEBUG"
		return
	fi
	no_parking
	mark_log
	check "insmod" load test_kpatch_getpid
	background "$user" spin 4
	for ((i = 0; i < 20 && !seen; i++)); do
		if briefly enabled test_kpatch_getpid 0; then
			# A task still on its way to the function would fault now.
			check "rmmod" unload test_kpatch_getpid
			sleep 0.2
			check "insmod" wait_for 30 load test_kpatch_getpid
		elif blocked test_kpatch_getpid 'getpid trampoline'; then
			seen=1
		fi
	done
	check_is "a task in the trampoline was found" 1 "$seen"
	knob handler_delay_us 0
	check_switch test_kpatch_getpid 0
	check "rmmod" unload test_kpatch_getpid
	check_no_splat
}

is_optimized()
{
	grep -q 'new_lcm+.*\[OPTIMIZED\]' /sys/kernel/debug/kprobes/list
}

test_a_task_in_the_slot_of_an_optimized_kprobe_is_found()
{
	need_preemption || return
	if [ ! -e "$mods/test_kpatch_optprobe.ko" ]; then
		skip "not for $(uname -m)"
		return
	fi
	mark_log
	check "insmod" load test_kpatch_optprobe leave=1
	if ! wait_for 10 is_optimized; then
		skip "the kernel does not optimize kprobes"
		return
	fi
	check "insmod" load test_kpatch_caller
	echo 0 > /sys/module/test_kpatch_optprobe/parameters/leave
	check "a thread stays in the function" wait_for 10 stays test_kpatch_optprobe
	for _ in 1 2 3; do
		check_busy test_kpatch_optprobe 0 "^$(caller_pid) kpatch_caller"
	done
	check_leaving test_kpatch_optprobe
	check_no_splat
}

cmdline_on()
{
	taskset -c "$1" cat /proc/cmdline
}

can_offline()
{
	[ -w /sys/devices/system/cpu/cpu1/online ] || skip "no CPU can be taken offline"
	[ -z "$skipped" ]
}

cpu1()
{
	check "CPU 1 to $1" change /sys/devices/system/cpu/cpu1/online "$1"
}

test_an_offline_cpu_is_switched_with_the_others()
{
	local new="test_kpatch_cmdline: new cmdline"

	can_offline || return
	check "insmod" load test_kpatch_cmdline
	check_switch test_kpatch_cmdline 0
	cpu1 0
	check_switch test_kpatch_cmdline 1
	check_is "on CPU 0" "$new" "$(cmdline_on 0)"
	cpu1 1
	check_is "on CPU 1" "$new" "$(cmdline_on 1)"
	cpu1 0
	check_switch test_kpatch_cmdline 0
	cpu1 1
	[ "$(cmdline_on 1)" != "$new" ] || fail "CPU 1 runs the old function"
}

# The idle task of an offline CPU never returns, but its stack is still in use.
test_the_idle_task_of_an_offline_cpu_is_checked()
{
	can_offline || return
	if [ ! -e "$mods/test_kpatch_offline.ko" ]; then
		skip "not for $(uname -m)"
		return
	fi
	check "insmod" load test_kpatch_offline
	cpu1 0
	mark_log
	check_busy test_kpatch_offline 0 "^0 swapper/1 .* offline CPU 1$"
	check_log "bring that CPU online, then try again"
	! unload test_kpatch_offline || fail "rmmod succeeded"
	cpu1 1
	check_switch test_kpatch_offline 0
	check "rmmod" unload test_kpatch_offline
}

some_exit()
{
	[ "$(parameter test_kpatch_exit sleepers)" -gt 0 ]
}

none_exit()
{
	[ "$(parameter test_kpatch_exit sleepers)" -eq 0 ]
}

# Such a task has nothing but its stack left: it is no longer in the task list.
test_a_task_asleep_past_exit_notify_is_found()
{
	local stops

	mark_log
	check "insmod" load test_kpatch_exit sleep_ms=600000
	"$active" exit
	check "a task sleeps past exit_notify()" wait_for 5 some_exit
	stops=$(cat $kpatch_sysfs/test_kpatch_exit/stops)
	[ ! -e "$debug/prescan" ] || knob prescan Y
	check_busy test_kpatch_exit 0 "^[1-9][0-9]* kpatch_active new_proc_flush_pid asleep$"
	check_is "stops" "$stops" "$(cat $kpatch_sysfs/test_kpatch_exit/stops)"
	[ ! -e "$debug/prescan" ] || knob prescan N
	[ ! -e "$debug/prescan" ] ||
		check_busy test_kpatch_exit 0 \
			"^[1-9][0-9]* kpatch_active new_proc_flush_pid asleep$"
	echo 0 > /sys/module/test_kpatch_exit/parameters/sleep_ms
	check "it is gone" wait_for 30 none_exit
	check_switch test_kpatch_exit 0
	check "rmmod" unload test_kpatch_exit
	check_no_splat
}

many_exit()
{
	[ "$(parameter test_kpatch_exit sleepers)" -ge "$1" ]
}

# The tasks sleep in a function that is not switched, and they outnumber the slots that
# exist at first.
test_exiting_tasks_asleep_elsewhere_do_not_block()
{
	check "insmod" load test_kpatch_cmdline
	check_switch test_kpatch_cmdline 0
	check "insmod" load test_kpatch_exit sleep_ms=600000
	"$active" exit 700
	check "all sleep past exit_notify()" wait_for 60 many_exit 700
	knob stop_budget_us 5000000
	check "enable" enabled test_kpatch_cmdline 1
	check "disable" enabled test_kpatch_cmdline 0
	check_busy test_kpatch_exit 0 "^[1-9][0-9]* kpatch_active new_proc_flush_pid asleep$"
	echo 0 > /sys/module/test_kpatch_exit/parameters/sleep_ms
	check "they are gone" wait_for 60 none_exit
	check_switch test_kpatch_exit 0
	check "rmmod" unload test_kpatch_exit
}

faulted() { [ "$(parameter test_kpatch_exit faults)" = N ]; }

# The task died in the module: its stack is never unwound again, and it stays dead.
test_a_task_that_faults_past_exit_notify_does_not_block()
{
	check "insmod" load test_kpatch_exit
	echo Y > /sys/module/test_kpatch_exit/parameters/faults
	mark_log
	"$active" exit
	check "a task has faulted" wait_for 10 faulted
	check "the fault is in the log" eval 'log_since_mark | grep -q "Fixing recursive fault"'
	check_switch test_kpatch_exit 0
	check "rmmod" unload test_kpatch_exit
	check "insmod" load test_kpatch_cmdline
	check "disable" enabled test_kpatch_cmdline 0
}

test_short_lived_tasks_do_not_block_forever()
{
	local i

	mark_log
	check "insmod" load test_kpatch_exit sleep_ms=1
	background "$active" exits
	for ((i = 0; i < 50 && !failures; i++)); do
		check_switch test_kpatch_exit $((i % 2))
	done
	check_switch test_kpatch_exit 0
	check "rmmod" unload test_kpatch_exit
	check_no_splat
}

is_stopped()
{
	grep -q '^State:.T' "/proc/$1/status"
}

# All that is left of the system call is a pointer to the function that restarts it.
test_a_pending_system_call_restart_is_found()
{
	local answer

	check "insmod" load test_kpatch_restart
	answer=$(mktemp)
	background "$user" pause sleeper > "$answer"
	check "it sleeps" wait_for 10 sleeps "$child"
	kill -STOP "$child"
	check "it is stopped" wait_for 10 is_stopped "$child"
	check_busy test_kpatch_restart 0 \
		"^$child sleeper go_on system call restart"
	kill -CONT "$child"
	wait "$child"
	check_is "pause() continued in the module" 2 "$(cat "$answer")"
	check_switch test_kpatch_restart 0

	check_switch test_kpatch_restart 1
	background "$user" pause sleeper > "$answer"
	check "it sleeps" wait_for 10 sleeps "$child"
	kill -STOP "$child"
	check "it is stopped" wait_for 10 is_stopped "$child"
	check_busy test_kpatch_restart 0 "system call restart"
	kill -KILL "$child"
	wait "$child" 2>/dev/null
	check_switch test_kpatch_restart 0
	check "rmmod" unload test_kpatch_restart
}

# The thread would start in the text of the module if it were woken.
test_a_kernel_thread_that_was_never_woken_is_found()
{
	local pid

	check "insmod" load test_kpatch_thread
	pid=$(pgrep -x kpatch_thread)
	check_busy test_kpatch_thread 0 \
		"^$pid .* run_thread thread function, kernel thread$"
	echo 1 > /sys/module/test_kpatch_thread/parameters/forget
	check_switch test_kpatch_thread 0
	check "rmmod" unload test_kpatch_thread
}

# Such a thread looks like the idle task of its CPU, but it is in the task list and in
# a function of the patch.
test_a_thread_that_injects_idle_is_found()
{
	local i

	check "insmod" load test_kpatch_stay idle=1
	check "insmod" load test_kpatch_caller cpu=$(($(nproc) - 1))
	for ((i = 0; i < 10 && !failures; i++)); do
		check_switch test_kpatch_stay 0
		check_switch test_kpatch_stay 1
	done
	check "rmmod" rmmod test_kpatch_caller
	check_switch test_kpatch_stay 0
	check "rmmod" unload test_kpatch_stay
	check_no_splat
}

test_a_function_pointer_on_the_stack_does_not_block()
{
	check "insmod" load test_kpatch_caller hold=1
	check "the thread sleeps" wait_for 10 sleeps_with_pointers
	check "insmod" load test_kpatch_pair
	check "disable" enabled test_kpatch_pair 0
	check "enable" enabled test_kpatch_pair 1
}

# inside NAME...: an address in the middle of each of these functions
inside()
{
	local name

	for name; do
		printf '0x%x\n' $(($(address_of "$name") + 16))
	done
}

test_user_data_on_a_kernel_stack_does_not_block()
{
	local addresses

	no_parking
	check "insmod" load test_kpatch_pair
	mapfile -t addresses < <(inside gcd new_gcd lcm new_lcm)
	background "$active" select sleeper "${addresses[@]}"
	check "it sleeps" wait_for 10 grep -q select "/proc/$child/stack"
	check "disable" enabled test_kpatch_pair 0
	check "enable" enabled test_kpatch_pair 1
	check "it still sleeps" grep -q select "/proc/$child/stack"
}

test_a_function_that_insmod_runs_in_is_refused()
{
	check_refused "deadlock" "a module is loaded with enable=0 first" \
		test_kpatch_any name=do_init_module
}

check_own_write_refused()
{
	local register=/sys/module/test_kpatch_writer/parameters/register error

	mark_log
	check "insmod" load test_kpatch_writer name="$1"
	error=$( { echo 1 > $register; } 2>&1) && fail "patching $1 succeeded"
	case $error in
	*"deadlock"*) ;;
	*) fail "$1: expected EDEADLK, got '$error'" ;;
	esac
	check_log "use write(2) on the file in sysfs"
	check "rmmod" unload test_kpatch_writer
}

test_functions_that_the_requester_runs_in_are_refused()
{
	check_own_write_refused vfs_write
	check_own_write_refused kernfs_fop_write_iter
}

test_a_patch_of_a_busy_function_can_be_unloaded_repeatedly()
{
	local i

	mark_log
	background "$user" spin 2
	for ((i = 0; i < unloads && !failures; i++)); do
		check "insmod" wait_for 30 load test_kpatch_getpid
		check_switch test_kpatch_getpid 0
		check "rmmod" unload test_kpatch_getpid
	done
	check_is "rounds" "$unloads" "$i"
	check_no_splat
}

run_tests
