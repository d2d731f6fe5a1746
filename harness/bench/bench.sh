#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench.sh [STEP...]: measure kpatch and livepatch, one beside the other, in a
# kernel that has both, and what a kernel costs that has one of them or none.
# Writes build/<base>-bench/results: bench.json, table.md and plots.
#
# STEP is one of those below; all of them, if none is given. SETTINGS="ROUNDS=1
# SIZES=1000" and the like are for guest.sh. Times are those of a
# machine that executes one instruction each nanosecond, see ICOUNT in boot.sh:
# the same in each run, on any host.

FLAVOR=bench
. "$(dirname "$0")/../lib.sh"

h=$top/harness
b=$h/bench
raw=$work/raw
results=$work/results
export FLAVOR
export ICOUNT=1 TIMEOUT=${TIMEOUT:-1800} MEM=2048

# guest NAME CPUS SCENARIO...
guest() {
	local name=$1 cpus=$2
	shift 2
	# Modules of another kernel jump to where something else is now.
	if [ ! -e "$work/bench" ] || [ -n "$(find "$obj/System.map" "$b/modules" \
		"$b/bench.c" "$b/generate.py" -type f -newer "$work/bench")" ]; then
		step_modules
	fi
	CPUS=$cpus "$h/boot.sh" "$name" \
		"${SETTINGS:-} $b/guest.sh $work $* > /run/out/log 2>&1" ||
		{ tail -n 20 "$work/out/$name/log"; die "$name: no results"; }
	mkdir -p "$raw"
	cp "$work/out/$name/results" "$raw/$name"
}

step_build() { "$h/build.sh"; }

# The modules are made for this very kernel, and made anew only with it.
step_modules() {
	local names=$work/out/names

	"$h/boot.sh" names 'cat /sys/kernel/tracing/available_filter_functions_addrs > /run/out/sites; cat /proc/[0-9]*/stack > /run/out/stacks'
	nm -j --defined-only "$obj"/kernel/kpatch/*.o > "$names/core"
	"$b/generate.py" "$names/sites" "$names/stacks" "$names/core" \
		"$obj/System.map" "$b/modules" "$work/modules"
	make -C "$src" O="$obj" M="$work/modules" -j"$JOBS" modules \
		> "$work/modules.log" 2>&1 ||
		{ grep -A5 -i error "$work/modules.log"; die "the modules do not build"; }
	# Last: it says that all of this is done.
	gcc -O2 -Wall -Wextra -static -pthread -o "$work/bench" "$b/bench.c"
}

step_calls() { guest calls 1 limits calls crowd; }
step_functions() { guest functions 1 functions sets; }
step_targets() { guest targets 1 own objects late; }
step_tasks() { guest tasks 1 tasks check depth; }
step_inside() { guest inside 2 inside; }
step_busy() { guest busy 2 busy ran hold; }
step_forks() { guest forks 2 forks; }

step_stop() {
	local cpus

	for cpus in 1 2 4 8; do guest "stop-$cpus" "$cpus" stop; done
}

# sizes CASE OBJ: bytes of sections, before the linker fills them up, and of a few
# symbols
sizes() {
	local size name text data bss

	read -r text data bss _ < <(size "$2/vmlinux.o" | tail -n 1)
	printf 'costs\t%s\t%s\t%s\n' "$1" text "$text" "$1" data "$data" "$1" bss "$bss"
	nm -S "$2/vmlinux" | while read -r _ size _ name; do
		case $name in
		init_task|do_idle|__schedule|copy_process|do_exit)
			printf 'costs\t%s\t%s\t%d\n' "$1" "$name" "0x$size" ;;
		esac
	done
}

# What a kernel costs that has neither, or one of them.
step_costs() {
	local with dir

	mkdir -p "$raw"
	for with in none kpatch livepatch; do
		dir=${work%-bench}-bench-$with
		FLAVOR=bench-$with "$h/build.sh" bzImage
		FLAVOR=bench-$with "$h/boot.sh" costs \
			"$b/guest.sh $work costs:$with > /run/out/log 2>&1"
		{
			cat "$dir/out/costs/results"
			sizes "$with" "$dir/obj"
		} > "$raw/costs-$with"
	done
}

# JSON, table and plots, of all that was measured.
step_report() {
	"$b/report.py" make "$raw" "$results" "$(make -s -C "$src" O="$obj" kernelrelease)"
	(cd "$results" && gnuplot "$b/plots.gp")
	cat "$results/table.md"
}

# counted_on JSON: which kernel these results are of
counted_on() { sed -n 's/^ "kernel": "\(.*\)",$/\1/p' "$1"; }

# Take the results for what later ones are compared with, on the same source.
step_record() {
	local kernel

	kernel=$(counted_on "$results/bench.json")
	[ "$(tested_as "$src")" = "$kernel" ] ||
		die "counted on $kernel from $(source_of "$src"); results of record are of a kernel in harness/kernels"
	mkdir -p "$b/results"
	cp "$results"/*.json "$results"/*.md "$results"/*.svg "$b/results"
	"$b/report.py" readme "$results/table.md" "$top/README.md"
}

# Are instruction counts what they were? A few minutes of all that. Those of another
# kernel are other ones: there is nothing to compare with.
step_check() {
	local kernel

	"$h/tree.sh"
	kernel=$(counted_on "$b/results/bench.json")
	if [ "$(tested_as "$src")" != "$kernel" ]; then
		echo "SKIP bench: the counts of record are of $kernel as in harness/kernels, this is $(version "$src") from $(source_of "$src" | cut -d' ' -f2-)"
		return
	fi
	step_build
	SETTINGS='ROUNDS=5 CROWDS=1000 TASKS=1000 SIZES=1' \
		guest check 1 limits calls crowd tasks
	"$b/report.py" check "$raw/check" "$b/results/bench.json"
}

run() {
	local step start

	for step; do
		start=$SECONDS
		"step_$step"
		say "bench, $step: $((SECONDS - start)) s"
	done
}

if [ $# -gt 0 ]; then
	run "$@"
	exit
fi
run build modules
# A guest keeps one core busy, and counts the same whatever the other one does.
run inside busy forks &
beside=$!
run calls functions targets tasks stop
wait "$beside"
run costs report
