#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# guest.sh DIR SCENARIO...: measure in the guest. DIR has the program "bench" and
# the modules. Each result becomes a line of /run/out/results: scenario, case,
# quantity and number. The machine runs nothing else, and all files that are read
# while time is measured are in memory.

set -euo pipefail
trap 'dmesg | tail -n 5' ERR

from=$1
shift
dir=/run/bench
results=/run/out/results
systems="kpatch livepatch"
ROUNDS=${ROUNDS:-3}

mkdir -p "$dir"
cp "$from/bench" "$from"/modules/*.ko "$dir"
cd "$dir"
sysctl -q kernel.randomize_va_space=0 kernel.threads-max=60000 kernel.pid_max=65536 vm.max_map_count=131072
# The log of the kernel is read when it is over; to print takes time.
echo 1 > /proc/sys/kernel/printk

put() { printf '%s\t%s\t%s\t%s\n' "$@" >> "$results"; }

# record SCENARIO CASE COMMAND...: put down what COMMAND prints
record() {
	local scenario=$1 case=$2 name value out
	shift 2
	out=$("$@")
	while read -r name value; do
		put "$scenario" "$case" "$name" "$value"
	done <<< "$out"
}

# With REQUESTER="chrt --idle 0" the requester is in that scheduling class.
load() { ${REQUESTER:-} ./bench load "$1" "$dir" "bench_$1_$2"; }
# Grace periods of RCU tasks, in the rude flavor, are 100 ms apart: not to measure
# what the one before has left, wait.
off() { sleep 0.3; ${REQUESTER:-} ./bench switch "$1" "bench_$1_$2" 0; }
on() { ${REQUESTER:-} ./bench switch "$1" "bench_$1_$2" 1; }
unload() { ./bench unload "bench_$1_$2"; }
quietly() { "$@" > /dev/null; }
take_out() { quietly off "$@"; quietly unload "$@"; }

calls=/sys/module/bench_calls/parameters
act() { echo "$1" > $calls/run; }

# count CASE [ACTION]: instructions of one call in a loop
count() {
	act "${2:-traceable}"
	put calls "$1" instructions "$(cat $calls/result)"
}

# with_tracer CASE: the same with the function tracer on this function
with_tracer() {
	local tracing=/sys/kernel/tracing

	echo noop_fsync > $tracing/set_ftrace_filter
	echo function > $tracing/current_tracer
	count "$1"
	echo nop > $tracing/current_tracer
	echo > $tracing/set_ftrace_filter
}

scenario_limits() {
	local hook

	count plain plain
	count jump jump
	count traceable
	with_tracer tracer
	for hook in empty regs direct; do
		act hook-$hook
		count $hook
		act unhook-$hook
	done
}

# How much a patched function costs, below so many patches of the same function,
# beside so many patched functions.
scenario_calls() {
	local system i

	for system in $systems; do
		for i in 1 2 3 4 5 6 7 8; do
			quietly load "$system" "stack$i"
			case $i in 1|2|8) count "$system stacked $i" ;; esac
			[ $i -ne 1 ] || with_tracer "$system with tracer"
		done
		for i in 8 7 6 5 4 3 2 1; do
			take_out "$system" "stack$i"
		done
	done
	quietly load kpatch original
	count "kpatch with original"
	take_out kpatch original
}

# The same in a module: as the function of vmlinux.
scenario_own() {
	local system

	count own own
	for system in $systems; do
		quietly load "$system" own
		count "$system own" own
		take_out "$system" own
	done
}

scenario_crowd() {
	local system n

	for n in ${CROWDS:-1 100 1000}; do
		for system in $systems; do
			quietly load "$system" "$n"
			quietly load "$system" stack1
			count "$system beside $n"
			take_out "$system" stack1
			take_out "$system" "$n"
		done
	done
}

# From nothing to a patch and back.
scenario_functions() {
	local system n round

	for n in ${SIZES:-1 10 100 1000}; do
		for system in $systems; do
			for ((round = 0; round < ROUNDS; round++)); do
				# It takes minutes, and the same ones each time.
				[ "$system$n$round" != livepatch10001 ] || break
				record functions "$system $n" load "$system" "$n"
				record functions "$system $n" off "$system" "$n"
				if [ "$system" = kpatch ]; then
					record functions "$system $n" on "$system" "$n"
					record functions "$system $n" off "$system" "$n"
				fi
				record functions "$system $n" unload "$system" "$n"
			done
		done
	done
}

# set_of SIGN: the patches of one function each, with this sign
set_of() {
	local words

	words=$(seq -f "$1bench_kpatch_part%g" 0 $((PARTS - 1)))
	echo "${words//$'\n'/ }"
}

# Several patches in one switch, beside one patch of the same functions; and a patch that
# replaces another one of the same functions.
PARTS=10
scenario_sets() {
	local i round

	for ((i = 0; i < PARTS; i++)); do quietly insert "bench_kpatch_part$i"; done
	for ((round = 0; round < ROUNDS; round++)); do
		sleep 0.3
		record sets "on" ./bench set "$(set_of +)"
		sleep 0.3
		record sets "off" ./bench set "$(set_of -)"
	done
	for ((i = 0; i < PARTS; i++)); do quietly unload kpatch "part$i"; done
	quietly insert bench_kpatch_replacing
	for ((round = 0; round < ROUNDS; round++)); do
		quietly load kpatch 1000
		sleep 0.3
		record sets "replace 1000" on kpatch replacing
		quietly off kpatch replacing
		quietly unload kpatch 1000
	done
	quietly unload kpatch replacing
}

targets="bench_target1 bench_target2 bench_target3"

# Wait as before off(): to load a module takes grace periods, too.
insert() { sleep 0.3; ./bench insert "$dir" "$1"; }

# A patch of functions of vmlinux and modules that uses as many symbols of these, and
# one of as many functions of vmlinux.
scenario_objects() {
	local target system n round

	for target in $targets; do quietly insert "$target"; done
	for n in objects 1000; do
		for system in $systems; do
			# livepatch takes minutes, as in scenario_functions().
			[ "$system $n" != "livepatch 1000" ] || continue
			for ((round = 0; round < ROUNDS; round++)); do
				[ "$system$round" != livepatch1 ] || break
				record objects "$system $n" load "$system" "$n"
				record objects "$system $n" off "$system" "$n"
				record objects "$system $n" unload "$system" "$n"
			done
		done
	done
	for target in $targets; do ./bench unload "$target" > /dev/null; done
}

# late CASE: a module comes and goes
late() {
	local round

	for ((round = 0; round < ROUNDS; round++)); do
		record late "$1" insert "${targets%% *}"
		record late "$1" ./bench unload "${targets%% *}"
	done
}

# A module that comes when it is named by a patch, by none, or by no patch at all.
scenario_late() {
	local system n

	late "no patch"
	for system in $systems; do
		for n in 1 late1 late100; do
			quietly load "$system" "$n"
			late "$system $n"
			take_out "$system" "$n"
		done
	done
}

# Names of the phases, and the functions whose time they are.
phases="resolve:kpatch_object_bind hook:kpatch_hook settle:kpatch_switch
list:kpatch_tasks_update watch:kpatch_tasks_track look:kpatch_tasks_prescan try:kpatch_txn_try
stop:stop_machine_cpuslocked unhook:kpatch_hook_release_and_wait
detach:kpatch_track_detach rcu:synchronize_rcu rude:synchronize_rcu_tasks_rude
drain:synchronize_rcu_tasks transition:klp_try_complete_transition ${MORE_PHASES:-}"

watch() {
	local phase list=

	for phase in $phases; do
		# A configuration may do without one.
		! grep -q "[tT] ${phase#*:}\$" /proc/kallsyms ||
			list+=${list:+,}${phase#*:}
	done
	insmod ./bench_probe.ko funcs="$list"
}

times=/sys/module/bench_probe/parameters/times

# phases SCENARIO CASE COMMAND...: where the time of COMMAND goes. The timer comes
# each 4 ms and takes thousands of instructions, and commands tend to begin a fixed
# time after it. Begin each round elsewhere: what is short is spared in some.
phases() {
	local scenario=$1 case=$2 name calls ticks phase
	shift 2
	sleep "$(printf 0.%04d $((40 * round / ROUNDS)))"
	echo > $times
	quietly "$@"
	while read -r name calls ticks; do
		[ "$calls" -ne 0 ] || continue
		for phase in $phases; do
			[ "${phase#*:}" != "$name" ] || name=${phase%%:*}
		done
		put "$scenario" "$case" "$name" "$ticks"
	done < $times
}

# stats SCENARIO CASE PATCH: what kpatch itself says of the last switch
stats() {
	local f dir=/sys/kernel/kpatch/bench_kpatch_$3

	for f in stop_ns work_ns scanned scanned_stopped stops attempts parked hold_ns; do
		put "$1" "$2" "$f" "$(cat "$dir/$f")"
	done
}

# empty_stop SCENARIO CASE: how long a stop takes at least
empty_stop() {
	echo > $times
	act stop
	put "$1" "$2" stop "$(awk '$1 == "stop_machine_cpuslocked" { print $3 }' $times)"
}

# among SCENARIO CASE PATCH: both systems, among the tasks that are there now
among() {
	local scenario=$1 case=$2 patch=$3 round

	for ((round = 0; round < ROUNDS; round++)); do
		record "$scenario" "kpatch $case" load kpatch "$patch"
		record "$scenario" "kpatch $case" off kpatch "$patch"
		record "$scenario" "kpatch $case" on kpatch "$patch"
		stats "$scenario" "kpatch $case" "$patch"
		quietly off kpatch "$patch"
		record "$scenario" "kpatch $case" unload kpatch "$patch"
		[ -z "${ONLY_KPATCH:-}" ] || continue
		[ "$round" -lt "${LIVEPATCH_ROUNDS:-$ROUNDS}" ] || continue
		record "$scenario" "livepatch $case" load livepatch "$patch"
		record "$scenario" "livepatch $case" off livepatch "$patch"
		record "$scenario" "livepatch $case" unload livepatch "$patch"
	done
}

# among_phases SCENARIO CASE PATCH: the same, where the time goes
among_phases() {
	local scenario=$1 case=$2 patch=$3 round

	watch
	for ((round = 0; round < ROUNDS; round++)); do
		phases "$scenario" "kpatch load $case" load kpatch "$patch"
		phases "$scenario" "kpatch off $case" off kpatch "$patch"
		phases "$scenario" "kpatch on $case" on kpatch "$patch"
		take_out kpatch "$patch"
		empty_stop "$scenario" "empty $case"
		[ -z "${ONLY_KPATCH:-}" ] || continue
		phases "$scenario" "livepatch load $case" load livepatch "$patch"
		phases "$scenario" "livepatch off $case" off livepatch "$patch"
		quietly unload livepatch "$patch"
	done
	rmmod bench_probe
}

# with_tasks COUNT WORK COMMAND...: while so many threads are at that
with_tasks() {
	local count=$1 work=$2 pid
	shift 2
	if [ "$count" -eq 0 ]; then
		"$@"
		return
	fi
	pid=$(./bench tasks "$count" "$work")
	"$@"
	kill -9 "$pid"
	while [ -e "/proc/$pid" ]; do sleep 0.1; done
}

# Asleep elsewhere.
scenario_tasks() {
	local t

	for t in ${TASKS:-0 100 1000 5000 10000}; do
		with_tasks "$t" pause among tasks "$t asleep" 1
		with_tasks "$t" pause among_phases phases "$t asleep" 1
	done
}

# Many tasks against many functions.
scenario_check() {
	local n

	for n in ${SIZES:-1 10 100}; do
		with_tasks 5000 pause among_phases check "$n" "$n"
	done
	# To disable that many takes livepatch minutes, and the same ones each time.
	ROUNDS=1 with_tasks 5000 pause among_phases check 1000 1000
}

# With deep stacks.
scenario_depth() {
	local depth

	for depth in 1 10 30 100; do
		insmod ./bench_depth.ko threads=1000 depth=$depth
		ONLY_KPATCH=1 among_phases depth "$depth" 1
		rmmod bench_depth
	done
}

# Asleep in the very function.
scenario_inside() {
	local k

	LIVEPATCH_ROUNDS=1
	for k in ${SLEEPERS:-1 100 1000}; do
		with_tasks "$k" pipe among inside "$k pipe_read" pipe_read
		with_tasks "$k" pipe among inside "$k ksys_read" ksys_read
		with_tasks "$k" futex among inside "$k futex_wait" futex_wait
	done
}

# While others fork, call the system, run in the very function.
scenario_busy() {
	local k

	LIVEPATCH_ROUNDS=1
	with_tasks 0 none among busy "quiet" 1
	with_tasks 1 fork among busy "fork" 1
	with_tasks 4 getpid among busy "4 syscalls" 1
	for k in 1 4; do
		with_tasks "$k" read among busy "$k in read_zero" read_zero
	done
}

# The class of the requester does not matter for tasks that are held. Both CPUs are busy.
scenario_hold() {
	local class

	ONLY_KPATCH=1
	for class in other idle; do
		REQUESTER="chrt --$class 0" with_tasks 2 getpid with_tasks 1000 pipe \
			among hold "$class" pipe_read
	done
	unset ONLY_KPATCH
}

# Tasks that have run since the prescan are scanned again.
scenario_ran() {
	local k

	for k in 1 10 100; do
		ONLY_KPATCH=1 with_tasks "$k" tick among ran "$k" 1
	done
}

# Tasks come and go elsewhere, among many that sleep. CPUs take turns, so a stop as a
# whole has what the one that forks does until its CPU comes; work_ns has not.
scenario_forks() {
	local t=${SLEEPING:-20000}

	ONLY_KPATCH=1
	with_tasks "$t" pause among forks "$t asleep" 1
	with_tasks "$t" pause with_tasks 1 fork among forks "$t asleep, one forks" 1
	unset ONLY_KPATCH
}

scenario_stop() {
	local t

	for t in 0 1000; do
		ONLY_KPATCH=1 with_tasks "$t" pause among_phases \
			"stop" "$(nproc) CPUs, $t asleep" 1
	done
}

scenario_costs() { record costs "$1" ./bench costs; }

# A scenario with an argument is for a kernel that has no modules.
[[ $1 = *:* ]] || insmod ./bench_calls.ko
for scenario; do
	"scenario_${scenario%%:*}" "${scenario#*:}"
done
