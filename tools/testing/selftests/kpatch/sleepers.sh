# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for tests that switch functions while tasks sleep in them. To be sourced.
# shellcheck shell=bash disable=SC2034

# shellcheck source=functions.sh
. "$(dirname "${BASH_SOURCE[0]}")/functions.sh"

sleeper_program=$dir/kpatch_sleeper
patch=test_kpatch_sleep
files=$kpatch_sysfs/$patch

# What the new functions return: no call in these tests fails with this errno.
new_answer=-61

switch_output=$(mktemp)

# load_disabled FUNCTION[,FUNCTION...]: load a patch of these functions, disabled.
# Only tasks of the tests get its answer.
load_disabled()
{
	check "insmod" load $patch name="$1" answer=$new_answer only=sleeper
	check_is "enabled, once loaded" 0 "$(is_enabled $patch)"
}

# start_sleepers KIND COUNT [FILTER]: start them, under a seccomp filter or without, and
# wait until they sleep. Then $sleeper is the process, $tid one of its sleeping threads,
# and $out has its output.
start_sleepers()
{
	start_program sleep "$1" "$2" sleeper ${3:+"$3"}
}

start_program()
{
	out=$(mktemp)
	background "$sleeper_program" "$@" > "$out"
	sleeper=$child
	check "'$*' sleeps" wait_for 60 grep -q ^asleep "$out"
	tid=$(sed -n 's/^asleep //p' "$out")
}

wake_sleepers()
{
	kill -USR1 "$sleeper"
}

# check_answers "COUNT VALUE"...: the return values of the calls of all sleepers
check_answers()
{
	check "all calls return" wait_for 60 grep -q ^took "$out"
	check_is "answers" "$*" "$(sed -n 's/^answer //p' "$out" | paste -sd ' ')"
}

# is_in TID FUNCTION: does the task sleep in this function, or in a part that the compiler
# has split off?
is_in()
{
	grep -qE " $2(\.[^ +]+)?\+" "/proc/$1/stack" 2>/dev/null
}

is_not_in() { ! is_in "$@"; }

# What a task that waits for its turn or its verdict sleeps in: which of these has a frame
# is up to the compiler.
requester_waits='(kpatch_request|wait_for_turn|wait_for_verdict)'

# all_in PROCESS COUNT FUNCTION
all_in()
{
	[ "$(cat "/proc/$1"/task/*/stack | grep -cE " $3(\.[^ +]+)?\+")" -eq "$2" ]
}

# try_switch FILE 0|1: write to FILE. The error of write(2) goes to $switch_error, the
# duration, in ms, to $switch_ms. Uses no pipe, since a test may have patched pipes.
try_switch()
{
	local start=$EPOCHREALTIME status=0 end

	{ echo "$2" > "$files/$1"; } 2> "$switch_output" || status=1
	end=$EPOCHREALTIME
	switch_error=
	read -r switch_error < "$switch_output"
	switch_ms=$(((${end/./} - ${start/./}) / 1000))
	return $status
}

# check_fails ERROR FILE 0|1: the write fails with ERROR, and nothing has changed
check_fails()
{
	local before

	before=$(is_enabled $patch)
	mark_log
	! try_switch "$2" "$3" || fail "writing $3 to $2 succeeded"
	case $switch_error in
	*"$1"*) ;;
	*) fail "writing $3 to $2: expected '$1', got '$switch_error'" ;;
	esac
	check_is "enabled" "$before" "$(is_enabled $patch)"
	check_no_log "abled patch module"
}

# check_busy FILE 0|1: the write fails with EBUSY; the deadline is short, since the
# test knows that it must fail
check_busy()
{
	briefly check_fails "resource busy" "$@"
}

statistic()
{
	print_file "$files/$1"
}

# between MIN MAX VALUE: a duration, in ms; MAX is more than on a quiet machine
between()
{
	[ "$3" -ge "$1" ] && [ "$3" -le $((patience * $2)) ]
}

# naps_of PROCESS: how often each sleeper has gone to sleep, one line each
naps_of()
{
	grep ^voluntary "/proc/$1"/task/*/status | grep -v "/task/$1/"
}

# have_napped PROCESS NAPS: all of its sleepers have gone to sleep again since naps_of
# printed NAPS. So they were parked, even if they are back in the function already.
have_napped()
{
	paste <(echo "$2") <(naps_of "$1") |
		awk '$4 <= $2 { still = 1 } END { exit still }'
}

# first_of FUNCTION...: the first of these functions that the kernel has
first_of()
{
	local name

	for name in "$@"; do
		if grep -q " $name\$" /proc/kallsyms; then
			echo "$name"
			return
		fi
	done
}
