# SPDX-License-Identifier: GPL-2.0-only
#
# What the tests share that switch functions with tasks asleep in them. Sourced.
# shellcheck shell=bash disable=SC2034

# shellcheck source=functions.sh
. "$(dirname "${BASH_SOURCE[0]}")/functions.sh"

sleeper_program=$dir/kpatch_sleeper
patch=test_kpatch_sleep
files=$kpatch_sysfs/$patch

# What the new functions return: no call that is made here fails like that.
new_answer=-61

switch_output=$(mktemp)

# load_disabled FUNCTION[,FUNCTION...]: a patch of these; tasks that are none of
# ours do not get the answer
load_disabled()
{
	check "insmod" load $patch name="$1" answer=$new_answer only=sleeper
	check_is "enabled, once loaded" 0 "$(is_enabled $patch)"
}

# start_sleepers KIND COUNT: and wait until they sleep. Then the process is
# $sleeper, one of its threads that sleep is $tid, what it prints goes to $out.
start_sleepers()
{
	start_program sleep "$1" "$2" sleeper
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

# check_answers "COUNT VALUE"...: what the calls of all sleepers returned
check_answers()
{
	check "all calls return" wait_for 60 grep -q ^took "$out"
	check_is "answers" "$*" "$(sed -n 's/^answer //p' "$out" | paste -sd ' ')"
}

# Is the task in this function, and asleep?
is_in()
{
	grep -q " $2+" "/proc/$1/stack"
}

is_not_in() { ! is_in "$@"; }

# all_in PROCESS COUNT FUNCTION
all_in()
{
	[ "$(cat "/proc/$1"/task/*/stack | grep -c " $3+")" -eq "$2" ]
}

# try_switch FILE 0|1: what write(2) says goes to $switch_error, how long it took,
# in ms, to $switch_ms. Uses no pipe, a test may have patched those.
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

# check_fails ERROR FILE 0|1: it fails with this, and nothing has changed
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

# check_busy FILE 0|1: it is known from the start that it has to fail
check_busy()
{
	briefly check_fails "resource busy" "$@"
}

statistic()
{
	cat "$files/$1"
}

# between MIN MAX VALUE: what takes that long, in ms; MAX is more than on a quiet machine
between()
{
	[ "$3" -ge "$1" ] && [ "$3" -le $((patience * $2)) ]
}

# naps_of PROCESS: how often each sleeper has gone to sleep, one per line
naps_of()
{
	grep ^voluntary "/proc/$1"/task/*/status | grep -v "/task/$1/"
}

# have_napped PROCESS NAPS: all of its sleepers have gone to sleep once more since this
# was what naps_of said. So they were parked, even if they are back already.
have_napped()
{
	paste <(echo "$2") <(naps_of "$1") |
		awk '$4 <= $2 { still = 1 } END { exit still }'
}

# The first of these functions that the kernel has.
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
