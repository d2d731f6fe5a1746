#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# isolated.sh [STEP...]: what does an isolated CPU notice of kpatch? Boots a kernel with
# nohz_full, keeps a loop in user space on the isolated CPU, and counts its interrupts
# for each kind of operation. Writes build/<base>-bench-isolated/results/isolated.md.
#
# STEP is one of those below; all of them, if none is given. SETTINGS="ROUNDS=1" and the
# like are for isolated-guest.sh. All virtual CPUs share one thread of the host, see
# boot.sh, so the longest gap that the loop sees is the turn of another virtual CPU.
# ACCEL=kvm or ACCEL=tcg,thread=multi give each one a thread of its own.

FLAVOR=bench-isolated
. "$(dirname "$0")/../lib.sh"

h=$top/harness
b=$h/bench
modules=$work/modules
results=$work/results
out=$work/out/isolated
tests=$top/tools/testing/selftests/kpatch/test_modules
export FLAVOR
export TIMEOUT=${TIMEOUT:-1200} CPUS=${CPUS:-2}
isolated=$((CPUS - 1))
export APPEND="isolcpus=domain,managed_irq,$isolated nohz_full=$isolated rcu_nocbs=$isolated irqaffinity=0 ${APPEND:-}"

step_build() {
	"$h/build.sh"
	mkdir -p "$modules"
	cp "$tests/test_kpatch_pause.c" "$modules"
	echo 'obj-m := test_kpatch_pause.o' > "$modules/Makefile"
	make -C "$src" O="$obj" M="$modules" modules > "$work/modules.log" 2>&1 ||
		{ grep -A5 -i error "$work/modules.log"; die "the module does not build"; }
	gcc -O2 -Wall -Wextra -static -o "$work/isolated" "$b/isolated.c"
}

step_count() {
	"$h/boot.sh" isolated "${SETTINGS:-} $b/isolated-guest.sh $work/isolated \
		$obj/samples/kpatch/kpatch-sample.ko $modules/test_kpatch_pause.ko \
		$isolated > /run/out/log 2>&1" ||
		{ tail -n 20 "$out/log"; die "no results"; }
}

# table FILE: lines "operation, quantity, number" as a table, with the range of all rounds
table() {
	awk -F '\t' -v first='LOC RES CAL TLB IWI switches' '
	!($1 in seen) { seen[$1]; row[++rows] = $1 }
	{
		key = $1 SUBSEP $2
		if (!(key in min) || $3 < min[key])
			min[key] = $3
		if (!(key in max) || $3 > max[key])
			max[key] = $3
		if ($3 && $2 != "gap_ns")
			used[$2]
	}
	function range(key) {
		if (!(key in min))
			return "-"
		return min[key] == max[key] ? min[key] : min[key] " to " max[key]
	}
	END {
		columns = split(first, column, " ")
		for (i in column)
			known[column[i]]
		for (name in used)
			if (!(name in known))
				column[++columns] = name
		line = "| operation |"
		rule = "|---|"
		for (i = 1; i <= columns; i++) {
			line = line " " column[i] " |"
			rule = rule "---|"
		}
		print line " longest gap, us |"
		print rule "---|"
		for (r = 1; r <= rows; r++) {
			line = "| " row[r] " |"
			for (i = 1; i <= columns; i++)
				line = line " " range(row[r] SUBSEP column[i]) " |"
			gap = row[r] SUBSEP "gap_ns"
			printf "%s %d to %d |\n", line, min[gap] / 1000, max[gap] / 1000
		}
	}' "$1"
}

# causes FILE: lines "operation, what, why": how often each one occurs
causes() {
	echo '| operation | times | what | on behalf of |'
	echo '|---|---|---|---|'
	awk -F '\t' '
	!($0 in count) { line[++lines] = $0 }
	{ count[$0]++ }
	END {
		for (i = 1; i <= lines; i++) {
			split(line[i], f, "\t")
			printf "| %s | %d | %s | %s |\n", f[1], count[line[i]], f[2], f[3]
		}
	}' "$1"
}

step_report() {
	mkdir -p "$results"
	{
		printf 'Linux %s, CPU %s of %s isolated with %s\n\n' \
			"$(make -s -C "$src" O="$obj" kernelrelease)" "$isolated" "$CPUS" \
			"${APPEND% }"
		table "$out/counts"
		echo
		causes "$out/causes"
	} > "$results/isolated.md"
	cat "$results/isolated.md"
}

[ $# -gt 0 ] || set -- build count report
for step; do
	"step_$step"
done
