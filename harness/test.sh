#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh: everything that has to pass, on 6.12 and, if it can be had, 7.3; or on
# KSRC alone. Guests run beside builds and checks: a guest keeps one core busy.
# The last line has the totals of all tests by name; the exit status tells, too.

. "$(dirname "$0")/lib.sh"

h=$top/harness
logs=$top/build/logs
status=0
began=$SECONDS
if [ -n "$KSRC" ]; then
	bases=(own)
else
	bases=(6.12 7.3)
fi

rm -rf "$logs"
mkdir -p "$logs"
: > "$top/build/results"

# with_base BASE COMMAND...
with_base() {
	local base=$1
	shift
	if [ "$base" = own ]; then
		"$@"
	else
		BASE=$base "$@"
	fi
}

add_result() { echo "$*" >> "$top/build/results"; }

# step NAME BASE COMMAND...: run it, tell how long it took; a failure is counted
# if the step has not counted its own
step() {
	local name=$1 base=$2 start=$SECONDS ret=0 before

	shift 2
	before=$(wc -l < "$top/build/results")
	say "$name, $base"
	with_base "$base" "$@" || ret=$?
	say "$name, $base: status $ret after $((SECONDS - start)) s"
	if [ "$ret" -ne 0 ] && [ "$ret" -ne 4 ]; then
		status=1
		[ "$(wc -l < "$top/build/results")" -gt "$before" ] ||
			{ echo "FAIL $base $name"; add_result 0 1 0; }
	fi
	return "$ret"
}

# The series is TAP: its lines are counted here.
check_series() {
	local log=$logs/series ret=0

	"$h/check-series.sh" "${SERIES_MODE:-full}" > "$log" 2>&1 || ret=$?
	sed -n -e 's/^ok [0-9]* - \(.*# SKIP.*\)/SKIP series: \1/p' -e t \
		-e 's/^ok [0-9]* - /PASS series: /p' \
		-e 's/^not ok [0-9]* - /FAIL series: /p' -e 's/^#/     #/p' "$log"
	grep -qE '^(not )?ok' "$log" || cat "$log"
	add_result "$(grep '^ok' "$log" | grep -vc '# SKIP')" \
		"$(grep -c '^not ok' "$log")" "$(grep -c '^ok .*# SKIP' "$log")"
	return "$ret"
}

declare -A guest=()

# Where it matters how tasks are preempted, and who is looked at when.
full_mode=(test-busy.sh test-active.sh test-nmi.sh test-park.sh test-settle.sh test-load.sh)

# Both modes, one after the other. The second one has hostile programs on one kernel,
# for want of time.
run_guests() {
	local ret=0 scripts=("${full_mode[@]}")

	[ "$1" = 7.3 ] || scripts+=(test-hostile.sh)
	with_base "$1" "$h/selftests.sh" || ret=1
	MODE=full with_base "$1" "$h/selftests.sh" "${scripts[@]}" || ret=1
	return "$ret"
}

start_guest() {
	run_guests "$1" > "$logs/selftests-$1" 2>&1 &
	guest[$1]=$!
}

finish_guest() {
	local ret=0

	[ -n "${guest[$1]:-}" ] || return 0
	wait "${guest[$1]}" || ret=$?
	say "kselftests, $1"
	cat "$logs/selftests-$1"
	[ "$ret" -eq 0 ] || status=1
	if [ "$ret" -ne 0 ] && ! grep -q '^FAIL ' "$logs/selftests-$1"; then
		echo "FAIL $1 kselftests"
		add_result 0 1 0
	elif grep -q '^FAIL: ' "$logs/selftests-$1"; then
		add_result 0 1 0
	fi
	unset "guest[$1]"
}

built=()
for base in "${bases[@]}"; do
	ret=0
	step build "$base" "$h/build.sh" || ret=$?
	if [ "$ret" -eq 0 ]; then
		built+=("$base")
		start_guest "$base"
	elif [ "$ret" -eq 4 ] && [ "$base" != 6.12 ]; then
		echo "SKIP $base: no kernel tree to be had, see above"
		add_result 0 0 1
	elif [ "$ret" -eq 4 ]; then
		status=1
		echo "FAIL $base: no kernel tree to be had, see above"
		add_result 0 1 0
	fi
done

# Counts of instructions do not depend on what else the host does.
check_counts() {
	local log=$logs/bench ret=0

	"$h/bench/bench.sh" check > "$log" 2>&1 || ret=$?
	grep -E '^(PASS|FAIL|SKIP| +bench)' "$log" || tail -n 20 "$log"
	add_result "$(grep -c '^PASS' "$log")" "$(grep -c '^FAIL' "$log")" \
		"$(grep -c '^SKIP' "$log")"
	return "$ret"
}

# Of the last kernel the guests still run, on one of two cores.
finish() {
	finish_guest "$1"
	step "static checks" "$1" "$h/static.sh" || :
	step recipes "$1" "$h/recipes.sh" || :
}

[ "${#built[@]}" -eq 0 ] || finish "${built[0]}"
if [[ " ${built[*]} " = *" 6.12 "* ]]; then
	step "instruction counts" 6.12 check_counts || :
fi
[ -n "$KSRC" ] || step series "6.12 and 7.3" check_series || :
for base in "${built[@]:1}"; do
	finish "$base"
done

say "all of it took $((SECONDS - began)) s"
read -r pass fail skip < <(awk '{ p += $1; f += $2; s += $3 }
	END { print p + 0, f + 0, s + 0 }' "$top/build/results")
if [ "$status" -ne 0 ] && [ "$fail" -eq 0 ]; then
	fail=1
fi
echo "$pass passed, $fail failed, $skip skipped"
[ "$fail" -eq 0 ] && [ "$pass" -gt 0 ]
