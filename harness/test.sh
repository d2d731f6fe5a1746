#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh: everything that has to pass, on 6.12 and, if it can be had, 7.3; or on
# KSRC alone. Prints one stream of TAP, with what a job printed besides as comments,
# and keeps it in build/test.tap. prove gives the verdict on it; the last line has
# the totals.
#
# Jobs run beside each other, one for each core: a guest keeps one core busy, and so
# does a build that is not asked for more. What takes longest begins first. The logs
# are in build/logs.

jobs_beside=${JOBS:-$(nproc)}
. "$(dirname "$0")/lib.sh"

h=$top/harness
logs=$top/build/logs
tap=$top/build/test.tap
began=$SECONDS
total=0
if [ -n "$KSRC" ]; then
	bases=(own)
else
	bases=(6.12 7.3)
fi

# After this long no job begins any more, and guests that run selftests are ended, so
# that what there is of results is told. Optional jobs begin before the second time only.
minutes=${TEST_MINUTES:-82}
optional_minutes=$((minutes * 5 / 9))

# How many jobs at a time: more than four disturb what the guests measure.
cores=$(nproc)
[ "$cores" -le 4 ] || cores=4

rm -rf "$logs"
mkdir -p "$logs"
: > "$tap"

seconds_left() { echo $((minutes * 60 - (SECONDS - began))); }

tell() { tee -a "$tap"; }
note() { printf '# %02d:%02d %s\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) "$*" | tell; }

# Counts of instructions do not depend on what else the host does. These results are
# no TAP, but they are all of them once one says that they were compared.
counts() {
	local log=$logs/counts.bench ret=0

	"$h/bench/bench.sh" check > "$log" 2>&1 || ret=$?
	grep -vE '^(PASS|FAIL|SKIP) ' "$log" | sed 's/^/# /'
	while read -r verdict text; do
		case $verdict in
		PASS) tap_result ok "$text" ;;
		FAIL) tap_result "not ok" "$text" ;;
		SKIP) tap_skip "${text%%: *}" "${text#*: }" ;;
		esac
	done < <(grep -E '^(PASS|FAIL|SKIP) ' "$log")
	[ "$tap_count" -eq 0 ] || finish_tap || ret=1
	return "$ret"
}

# A kernel, or the reason why there is none. That of 6.12 has to be there.
build() {
	local base=$1 ret=0

	"$h/build.sh" || ret=$?
	case $base,$ret in
	*,0) tap_result ok "$base builds" ;;
	6.12,4 | own,4) tap_result "not ok" "$base: no kernel tree to be had, see above" ;;
	*,4) tap_skip "$base" "no kernel tree to be had, see above" ;;
	*) tap_result "not ok" "$base builds" ;;
	esac
	finish_tap || :
	return "$ret"
}

# Each kernel runs scripts in one mode: 6.12 as it is booted, 7.3 with full preemption and
# without the prescan. 7.3 runs first those that these may make a difference to; more of
# them, in two parts, if there is time; and none that depends on the command or the harness.
first_on_73=(test-active.sh test-busy.sh test-load.sh test-nmi.sh test-settle.sh
	test-state.sh test-unchecked.sh)
more_on_73=(test-basic.sh test-errors.sh test-module.sh test-original.sh test-park.sh
	test-confirm.sh test-set.sh test-switch.sh test-walk.sh)
last_on_73=(test-convert.sh test-fixes.sh test-hostile.sh test-shadow.sh test-syscall.sh)

# 6.12 runs them all but the one that takes longest, if 7.3 can be had for that.
all_but_hostile() {
	local scripts

	mapfile -t scripts < <(cd "$top/tools/testing/selftests/kpatch" && printf '%s\n' test-*.sh)
	if [ -z "$KSRC" ] && BASE=7.3 "$h/tree.sh" id >/dev/null 2>&1; then
		mapfile -t scripts < <(printf '%s\n' "${scripts[@]}" | grep -vxF test-hostile.sh)
	fi
	printf '%s\n' "${scripts[@]}"
}

selftests() {
	local scripts=("$@")

	# A kernel, or names of scripts.
	case $1 in
	7.3) scripts=("${first_on_73[@]}") ;;
	6.12 | own) mapfile -t scripts < <(all_but_hostile) ;;
	esac
	[ "${BASE:-}" != 7.3 ] || export MODE=full
	INSTALLED=yes "$h/selftests.sh" "${scripts[@]}"
}

# That writes to the tree of the kernel, so it is not done beside what watches that.
install_selftests() {
	local verdict=ok

	"$h/selftests.sh" --install || verdict="not ok"
	tap_result "$verdict" "$1: the selftests build"
	finish_tap
}

# run KIND BASE
run() {
	case $1 in
	build) build "$2" ;;
	kunit) "$h/kunit.sh" ;;
	install) install_selftests "$2" ;;
	selftests) selftests "$2" ;;
	more) selftests "${more_on_73[@]}" ;;
	last) selftests "${last_on_73[@]}" ;;
	static) "$h/static.sh" ;;
	recipes) "$h/recipes.sh" ;;
	diffs) SHORT=1 "$h/difftest.sh" ;;
	buildtest) "$h/buildtest.sh" ;;
	updatetest) "$h/updatetest.sh" ;;
	boottest) "$h/boottest.sh" ;;
	counts) counts ;;
	series) "$h/check-series.sh" "${SERIES_MODE:-ci}" ;;
	esac
}

# The jobs in the order in which they are to begin. A name says what is run, and on
# which kernel.
names=()
declare -A after=() state=() pid=() started=() is_optional=()

# job NAME NAME...: one that begins when the others are over
job() {
	names+=("$1")
	state[$1]=waiting
	after[$1]=${*:2}
}

# optional NAME NAME...: the same; left out if it could not begin in time
optional() {
	is_optional[$1]=yes
	job "$@"
}

# The first build has all cores to itself. The tests of the command make it anew,
# and guests use it. Those of one kernel have their modules in one place.
previous=()
for base in "${bases[@]}"; do
	job "build-$base" "${previous[@]}"
	job "kunit-$base" "build-$base"
	previous=("build-$base")
done
# The static checks make the kpatch command anew, and guests use it: not at one time. Those
# of diffs and updates see whether anything is written to their kernel meanwhile, which
# guests do not do. 7.3 has the tool that compares objects.
for base in "${bases[@]}"; do
	case $base in
	7.3)
		job diffs-7.3 build-7.3
		job install-7.3 diffs-7.3
		job selftests-7.3 install-7.3
		;;
	*)
		job "static-$base" "build-$base"
		job "install-$base" "static-$base"
		job "selftests-$base" "install-$base"
		job "diffs-$base" "install-$base" "${previous[@]}"
		job "recipes-$base" "diffs-$base"
		job "buildtest-$base" "recipes-$base"
		job "updatetest-$base" "buildtest-$base"
		job "boottest-$base" "updatetest-$base"
		;;
	esac
done
if [ -z "$KSRC" ]; then
	job counts-6.12 static-6.12
	job series-all "${previous[@]}"
	optional static-7.3 selftests-7.3
	optional more-7.3 static-7.3
	optional last-7.3 more-7.3
fi

# Without its kernel a job has nothing to do. That the kernel is missing was told.
ready() {
	local name=$1 before

	for before in ${after[$name]}; do
		[ "${state[$before]}" = over ] || return 1
	done
	case $name in
	build-* | series-*) return 0 ;;
	esac
	[ "$(cat "$logs/build-${name##*-}.status")" -ne 0 ] || return 0
	note "$name: not run, there is no kernel for it"
	state[$name]=over
	return 1
}

start() {
	local name=$1 kind=${1%-*} base=${1##*-}

	note "$name: begins"
	state[$name]=running
	started[$name]=$SECONDS
	(
		ret=0
		tap_count=0 tap_failures=0
		[ "${#pid[@]}" -eq 0 ] || export JOBS=$jobs_beside
		case $kind in
		selftests | more | last) TIMEOUT=$(seconds_left); export TIMEOUT ;;
		esac
		[ "$kind" = series ] || [ "$base" = own ] || export BASE=$base
		run "$kind" "$base" || ret=$?
		echo "$ret" > "$logs/$name.status"
	) > "$logs/$name" 2>&1 </dev/null &
	pid[$name]=$!
}

# The results of a job, numbered on. One that has no plan, or not as many results as
# that says, did not get to its end; and one that failed has to say at what.
merge() {
	awk -v name="$1" -v status="$2" -v base="$total" '
	function result(verdict, text) {
		print verdict " " base + ++count " " text
		if (verdict != "ok")
			failed++
	}
	/^TAP version/ { next }
	/^1\.\.[0-9]+/ { split($1, p, "[.][.]"); plan = p[2] + 0; planned++; next }
	/^(not )?ok( |$)/ {
		verdict = /^not / ? "not ok" : "ok"
		sub(/^(not )?ok *[0-9]* */, "")
		seen++
		result(verdict, $0)
		next
	}
	# What a script dies of.
	/^FAIL: / { why = why ": " substr($0, 7) }
	/^#/ { print; next }
	{ print "# " $0 }
	END {
		if (planned != 1)
			result("not ok", "- " name ": ended, with status " status ", without a plan" why)
		else if (plan != seen)
			result("not ok", "- " name ": " seen + 0 " of " plan " results are there")
		else if (status != 0 && status != 4 && (!failed || (why && name !~ /^build-/)))
			result("not ok", "- " name ": status " status why)
	}' "$logs/$1" > "$logs/$1.tap"
	total=$((total + $(grep -cE '^(not )?ok ' "$logs/$1.tap" || :)))
	tell < "$logs/$1.tap"
}

finish() {
	local name=$1 status=255

	wait "${pid[$name]}" 2>/dev/null || :
	[ ! -s "$logs/$name.status" ] || status=$(cat "$logs/$name.status")
	echo "$status" > "$logs/$name.status"
	state[$name]=over
	note "$name: over after $((SECONDS - started[$name])) s, status $status"
	merge "$name" "$status"
}

# leave_out NAME
leave_out() {
	(tap_count=0; tap_skip "$1" "after $optional_minutes minutes only what must run begins"
	 finish_tap) > "$logs/$1"
	merge "$1" 0
}

# One job more, if there is a core for it and one that can begin.
start_one() {
	local name

	[ "$running" -lt "$cores" ] || return 1
	for name in "${names[@]}"; do
		[ "${state[$name]}" = waiting ] || continue
		ready "$name" || continue
		if [ -n "${is_optional[$name]:-}" ] &&
		   [ $((SECONDS - began)) -gt $((60 * optional_minutes)) ]; then
			leave_out "$name"
		elif [ "$(seconds_left)" -gt 0 ]; then
			start "$name"
			return 0
		else
			echo "FAIL: not begun, $minutes minutes are over" > "$logs/$name"
			merge "$name" 255
		fi
		state[$name]=over
	done
	return 1
}

finish_some() {
	local name

	running=0
	for name in "${names[@]}"; do
		[ "${state[$name]}" = running ] || continue
		if [ ! -e "$logs/$name.status" ] && kill -0 "${pid[$name]}" 2>/dev/null; then
			running=$((running + 1))
		else
			finish "$name"
		fi
	done
}

# progress NAME: where the selftests of a guest are
progress() {
	local ktap=$top/build/${1##*-}/out/selftests/ktap

	case $1 in
	selftests-7.3 | more-7.3 | last-7.3) ktap=${ktap/selftests/selftests-full} ;;
	selftests-*) ;;
	*) return 0 ;;
	esac
	[ -e "$ktap" ] || return 0
	awk '
	/^# selftests: / { script = $NF }
	/^# ok / { pass++ }
	/^# not ok / { fail++ }
	END { printf " (%s, %d passed, %d failed)", script, pass, fail }' "$ktap"
}

# A guest has nothing to tell for a quarter of an hour.
told=$SECONDS
still_running() {
	local name text=

	[ $((SECONDS - told)) -ge 300 ] || return 0
	told=$SECONDS
	for name in "${names[@]}"; do
		[ "${state[$name]}" != running ] ||
			text+=" $name for $((SECONDS - started[$name])) s$(progress "$name")"
	done
	note "running:$text"
}

# tree PID: it and those that it began, the youngest first
# shellcheck disable=SC2317  # a trap calls it
tree() {
	local child

	for child in $(pgrep -P "$1"); do
		tree "$child"
	done
	echo "$1"
}

# A guest has a group of processes of its own: it would go on after an interrupt.
# shellcheck disable=SC2317  # it is a trap
stop_all() {
	local name

	for name in "${names[@]}"; do
		[ "${state[$name]}" != running ] ||
			tree "${pid[$name]}" | xargs kill 2>/dev/null || :
	done
}

trap stop_all EXIT
trap 'exit 1' INT TERM

echo "TAP version 13" | tell
while finish_some; do
	! start_one || continue
	[ "$running" -gt 0 ] || break
	still_running
	sleep 1
done
echo "1..$total" | tell
note "left out: make bench, make bench-isolated, make mutants, make torture, make walk, make build-demo, make difftree, make kindtest, make recipes, make buildtest, make updatetest and make boottest for 7.3, the diffs above that make difftest tries, all of FLAVOR=distro, and make selftests, with and without MODE=full, for what did not run on both kernels and in both modes"
note "all of it took $((SECONDS - began)) s"

verdict=0
(cd "$top" && prove --norc --nocolor --exec cat "${tap#"$top/"}") || verdict=1
awk '
/^ok .*# SKIP/ { skip++; next }
/^ok / { pass++ }
/^not ok / { fail++ }
END { printf "%d passed, %d failed, %d skipped\n", pass, fail, skip; exit !pass }' "$tap" ||
	verdict=1
exit "$verdict"
