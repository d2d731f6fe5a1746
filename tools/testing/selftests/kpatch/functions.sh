# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the tests of kpatch. Sourced, by bash. A test is a function whose
# name begins with test_; run_tests runs each one and prints its result in KTAP,
# with its name in words. In a test, check and its like say what is wrong and let
# the test go on; what it left behind is cleaned up after it.
# shellcheck shell=bash disable=SC2034

dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=/dev/null
. "$dir/../kselftest/ktap_helpers.sh"

mods=$dir/test_modules
user=$dir/kpatch_user
kpatch_sysfs=/sys/kernel/kpatch
tracing=/sys/kernel/tracing
parameters=/sys/module/kpatch/parameters
debug=/sys/kernel/debug/kpatch
failures=0
children=()
declare -A knobs

fail()
{
	echo "# $*"
	failures=$((failures + 1))
}

# check WHAT COMMAND...: the command has to succeed
check()
{
	local what=$1

	shift
	"$@" || fail "$what: '$*' failed"
}

# check_is WHAT EXPECTED ACTUAL
check_is()
{
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# A place in the kernel log to look on from.
mark_log()
{
	mark="kpatch-test $$ $RANDOM$RANDOM"
	echo "$mark" > /dev/kmsg
}

log_since_mark()
{
	dmesg | sed -n "/$mark/,\$p" | sed 1d
}

kpatch_log()
{
	log_since_mark | grep 'kpatch: '
}

# check_log TEXT: the log has it since the mark
check_log()
{
	log_since_mark | grep -qF -- "$1" ||
		fail "not in the log: '$1'; but: $(kpatch_log)"
}

check_no_log()
{
	! log_since_mark | grep -qF -- "$1" || fail "in the log: '$1'"
}

# load MODULE [PARAMETER...]: insmod; what it says goes to $load_error
load()
{
	local module=$1

	shift
	load_error=$(insmod "$mods/$module.ko" "$@" 2>&1)
}

# check_refused ERROR TEXT MODULE [PARAMETER...]: insmod fails with this error,
# one line in the log has the text, and nothing is left
check_refused()
{
	local error=$1 text=$2 before

	shift 2
	mark_log
	before=$(hooked)
	if load "$@"; then
		fail "insmod $* succeeded"
		return
	fi
	case $load_error in
	*"$error"*) ;;
	*) fail "insmod $*: expected '$error', got '$load_error'" ;;
	esac
	check_log "$text"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-')"
	check_no_log "loaded patch module"
	check_gone "$1"
	check_is "hooked functions" "$before" "$(hooked)"
}

# Neither module nor directory is there.
check_gone()
{
	[ ! -e "/sys/module/$1" ] || fail "module $1 is still there"
	[ ! -e "$kpatch_sysfs/$1" ] || fail "$kpatch_sysfs/$1 is still there"
}

# Functions whose calls kpatch or the like may send elsewhere.
hooked()
{
	grep -c ' I' "$tracing/enabled_functions"
}

# enabled MODULE 0|1: switch a patch; what write(2) says goes to $switch_error
enabled()
{
	switch_error=$( { echo "$2" > "$kpatch_sysfs/$1/enabled"; } 2>&1)
}

is_enabled()
{
	cat "$kpatch_sysfs/$1/enabled"
}

unload()
{
	rmmod "$1" 2>/dev/null
}

# address_of NAME, symbol_of NAME: where a symbol is, and the name that the kernel
# uses for what is there
address_of()
{
	awk -v name="$1" '$3 == name { print "0x" $1; exit }' /proc/kallsyms
}

symbol_of()
{
	awk -v name="$1" '$3 == name { addr = $1 } !first[$1] { first[$1] = $3 }
			  END { print first[addr] }' /proc/kallsyms
}

# background COMMAND...: until the end of the test; its pid is $child
background()
{
	"$@" &
	child=$!
	children+=("$child")
}

# parameter MODULE NAME: what a parameter of a module is now
parameter()
{
	cat "/sys/module/$1/parameters/$2"
}

# What every test finds, and leaves: how the core was told to work.
save_knobs()
{
	local file value

	for file in "$parameters"/* "$debug"/*; do
		if { read -r value < "$file"; } 2>/dev/null; then
			knobs[$file]=$value
		fi
	done
}

restore_knobs()
{
	local file

	for file in "${!knobs[@]}"; do
		{ echo "${knobs[$file]}" > "$file"; } 2>/dev/null
	done
}

# knob NAME VALUE: set it until the end of the test; fails if there is no such knob
knob()
{
	local file

	for file in "$parameters/$1" "$debug/$1"; do
		if [ -e "$file" ]; then
			{ echo "$2" > "$file"; } 2>/dev/null
			return
		fi
	done
	return 1
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# Is the process asleep? One that was started to sleep in pause() does not sleep
# anywhere else once it has changed its name.
sleeps()
{
	grep -q '^State:.S' "/proc/$1/status" &&
		! grep -q -e '^Name:.kpatch_user' -e '^Name:.bash' "/proc/$1/status"
}

cleanup()
{
	local pid module

	for pid in "${children[@]}"; do
		pkill -KILL -P "$pid" 2>/dev/null
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	children=()
	# These may keep a thread of their own inside of a patch.
	rmmod test_kpatch_nmi test_kpatch_caller 2>/dev/null
	restore_knobs
	if [ "$(cat "$tracing/current_tracer")" != nop ]; then
		echo nop > "$tracing/current_tracer"
		echo > "$tracing/set_ftrace_filter"
	fi
	if grep -q . "$tracing/kprobe_events"; then
		echo 0 > "$tracing/events/kprobes/enable"
		echo > "$tracing/kprobe_events"
	fi
	# A patch may be below another one: take off the top ones first.
	for _ in 1 2 3; do
		for module in "$kpatch_sysfs"/*/enabled; do
			[ -e "$module" ] || continue
			echo 0 2>/dev/null > "$module"
			rmmod "$(basename "$(dirname "$module")")" 2>/dev/null
		done
	done
	rmmod test_kpatch_pair_check test_kpatch_probe test_kpatch_nested \
		test_kpatch_kthread test_kpatch_writer 2>/dev/null
	return 0
}

require_root()
{
	if [ "$(id -u)" -ne 0 ]; then
		ktap_skip_all "needs root"
		exit "$KSFT_SKIP"
	fi
	if [ ! -d "$kpatch_sysfs" ]; then
		ktap_skip_all "the kernel has no kpatch, set CONFIG_KPATCH"
		exit "$KSFT_SKIP"
	fi
	mountpoint -q "$tracing" || mount -t tracefs none "$tracing"
}

# skip REASON...: called in a test, ends it
skip()
{
	skipped=$*
}

run_test()
{
	local name=${1#test_}

	failures=0
	skipped=
	"$1"
	cleanup
	name=${name//_/ }
	if [ -n "$skipped" ]; then
		ktap_test_skip "$name: $skipped"
	elif [ "$failures" -eq 0 ]; then
		ktap_test_pass "$name"
	else
		ktap_test_fail "$name"
	fi
}

# Run all tests of the script, in the order in which they stand there.
run_tests()
{
	local tests t

	ktap_print_header
	require_root
	mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)()$/\1/p' "$0")
	ktap_set_plan "${#tests[@]}"
	save_knobs
	trap cleanup EXIT
	cleanup
	for t in "${tests[@]}"; do
		run_test "$t"
	done
	ktap_finished
}
