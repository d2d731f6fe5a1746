# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the kpatch tests, to be sourced by bash. A test is a function whose
# name begins with test_; run_tests runs each test and prints its result in KTAP,
# with the underscores of its name turned into blanks. Within a test, check and its
# relatives report a failure and let the test continue; run_tests cleans up after
# each test.
#
# The machine may be in use: the tests touch only their own modules, patches and
# probes, run tracers in a tracing instance of their own, and restore every other
# setting they change, even if a signal ends the script.
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
# The tracing instance and the probe group of the tests.
instance=$tracing/instances/kpatch_test
probe_group=kpatch_test
# A test waits this many times longer than a quiet machine needs before it gives up.
patience=${KPATCH_TEST_PATIENCE:-6}
failures=0
children=()
endings=()
declare -A knobs

# All temporary files of a script; removed when it ends. Programs that have dropped
# their privileges can still reach the files that they are given in here.
scratch=$(mktemp -d)
chmod 711 "$scratch"
export TMPDIR=$scratch
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
log_errors=$scratch/log_errors

fail()
{
	local text=$*

	echo "# ${text//$'\n'/$'\n'# }"
	failures=$((failures + 1))
}

# check WHAT COMMAND...: the command must succeed
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

# The log checks look at the kernel log from this mark on. Each test begins with a
# mark. The mark is the position of the open file: a marker line written to the log
# could get lost.
mark_log()
{
	: > "$log"
	"$dir/kpatch_log" mark <&"$kmsg" 2>> "$log_errors"
}

# If the log cannot be read, or has lost records since the mark, the test fails: a
# check_no_log must not pass on a log that was not read.
read_log()
{
	"$dir/kpatch_log" read <&"$kmsg" >> "$log" 2>> "$log_errors" ||
		echo "the log is incomplete" >> "$log_errors"
}

log_since_mark()
{
	read_log
	cat "$log"
}

kpatch_log()
{
	read_log
	grep 'kpatch: ' "$log"
}

# check_log TEXT: the log has contained TEXT since the mark
check_log()
{
	read_log
	grep -qF -- "$1" "$log" ||
		fail "not in the log: '$1'; but: $(kpatch_log)"
}

check_no_log()
{
	read_log
	! grep -qF -- "$1" "$log" || fail "in the log: '$1'"
}

# Fails the test if the log could not be read completely since the last call.
check_log_was_complete()
{
	[ ! -s "$log_errors" ] || fail "$(sort -u "$log_errors" | paste -sd ';')"
	: > "$log_errors"
}

# load MODULE [PARAMETER...]: insmod; its messages go to $load_error
load()
{
	local module=$1

	shift
	load_error=$(insmod "$mods/$module.ko" "$@" 2>&1)
}

# load_copy LETTER [PARAMETER...]: load test_kpatch_m as test_kpatch_LETTER
load_copy()
{
	local copy=test_kpatch_$1

	shift
	LC_ALL=C sed "s/test_kpatch_m/$copy/g" "$mods/test_kpatch_m.ko" > "$scratch/$copy.ko"
	load_error=$(insmod "$scratch/$copy.ko" "$@" 2>&1)
}

# briefly COMMAND...: run it with a short deadline, for switches that must fail
briefly()
{
	local file=$parameters/deadline_ms before status=0

	read -r before < "$file"
	echo 500 > "$file"
	"$@" || status=$?
	echo "$before" > "$file"
	return $status
}

# check_fails_with ERROR TEXT COMMAND...: COMMAND sets switch_error to ERROR; one line in
# the log contains TEXT
check_fails_with()
{
	local error=$1 text=$2

	shift 2
	mark_log
	! briefly "$@" || fail "$*: succeeded"
	case $switch_error in
	*"$error"*) ;;
	*) fail "$*: expected '$error', got '$switch_error'" ;;
	esac
	check_log "$text"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-')"
}

# states NAME...: what the patches that are copies have in their file "enabled"
states()
{
	local patch

	for patch in "$@"; do
		echo -n "$(is_enabled "test_kpatch_$patch")"
	done
}

# check_refused ERROR TEXT MODULE [PARAMETER...]: insmod fails with ERROR, logs one
# line that contains TEXT, and leaves nothing behind
check_refused()
{
	local error=$1 text=$2 before

	shift 2
	mark_log
	before=$(hooked)
	if briefly load "$@"; then
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

# Neither the module nor its sysfs directory exists.
check_gone()
{
	[ ! -e "/sys/module/$1" ] || fail "module $1 is still there"
	[ ! -e "$kpatch_sysfs/$1" ] || fail "$kpatch_sysfs/$1 is still there"
}

# The number of functions with an IPMODIFY ops, which kpatch, livepatch and kprobes
# with a post handler use.
hooked()
{
	grep -c ' I' "$tracing/enabled_functions"
}

# enabled MODULE 0|1: switch a patch; the error of write(2) goes to $switch_error
enabled()
{
	switch_error=$( { echo "$2" > "$kpatch_sysfs/$1/enabled"; } 2>&1)
}

# print_file FILE: like cat, but without a process. The tests do this often, and where a
# machine is emulated, to start a program takes a tenth of a second.
print_file()
{
	local lines

	mapfile -t lines < "$1" && printf '%s\n' "${lines[@]}"
}

# switch WORD...: switch several patches at once; as enabled
switch()
{
	switch_error=$( { echo "$*" > "$kpatch_sysfs/switch"; } 2>&1)
}

is_enabled()
{
	print_file "$kpatch_sysfs/$1/enabled"
}

unload()
{
	rmmod "$1" 2>/dev/null
}

# address_of NAME: the address of a symbol
# symbol_of NAME: the name under which the kernel reports that address
address_of()
{
	awk -v name="$1" '$3 == name { print "0x" $1; exit }' /proc/kallsyms
}

symbol_of()
{
	awk -v name="$1" '$3 == name { addr = $1 } !first[$1] { first[$1] = $3 }
			  END { print first[addr] }' /proc/kallsyms
}

# background COMMAND...: run it until the end of the test; its pid is $child
background()
{
	"$@" &
	child=$!
	children+=("$child")
}

# parameter MODULE NAME: the current value of a module parameter
parameter()
{
	print_file "/sys/module/$1/parameters/$2"
}

# Save the settings that the machine had when the script began.
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
	local file value

	for file in "${!knobs[@]}"; do
		{ read -r value < "$file"; } 2>/dev/null || continue
		[ "$value" = "${knobs[$file]}" ] ||
			{ echo "${knobs[$file]}" > "$file"; } 2>/dev/null
	done
}

# The initial state of every test: all knobs as they were, except that the deadline
# and the stop budget are so long that only a hang exceeds them. A test of these
# limits sets its own.
reset_knobs()
{
	restore_knobs
	echo 5000 > "$parameters/deadline_ms"
	echo 10000000 > "$parameters/stop_budget_us"
}

# change FILE VALUE: set it until the end of the test
change()
{
	local value

	if [ -z "${knobs[$1]+set}" ]; then
		{ read -r value < "$1"; } 2>/dev/null || return
		knobs[$1]=$value
	fi
	{ echo "$2" > "$1"; } 2>/dev/null
}

# knob NAME VALUE: set a parameter or debugfs knob of kpatch until the end of the
# test; fails if it does not exist
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

# at_end COMMAND...: run it when the test ends, even if a signal ends it
at_end()
{
	endings=("$(printf '%q ' "$@")" "${endings[@]}")
}

# What follows makes the kernel complain. Fails unless whoever runs the tests wants that: it
# taints the kernel. They find the complaints between these two lines of the log.
expect_splats()
{
	[ -n "${KPATCH_TEST_SPLATS:-}" ] || return
	echo "kpatch test: the kernel complains" > /dev/kmsg
	at_end eval 'echo "kpatch test: the kernel does not complain" > /dev/kmsg'
}

# wait_for SECONDS COMMAND...: retry COMMAND until it succeeds. SECONDS is more than
# it takes on a quiet machine. Gives up only after both as many tries as a quiet
# machine makes in that time and several times that time: a busy machine needs
# longer, and each try takes longer, too.
wait_for()
{
	local tries=$((10 * $1)) end=$((SECONDS + patience * $1))

	shift
	until "$@"; do
		[ $((tries--)) -gt 0 ] || [ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# Is the process asleep? A process that was started to sleep in pause() sleeps
# nowhere else once it has changed its name.
sleeps()
{
	local lines

	mapfile -t lines < "/proc/$1/status"
	case ${lines[*]} in
	Name:?kpatch_user*|Name:?bash*) return 1 ;;
	*State:?S*) ;;
	*) return 1 ;;
	esac
}

# need_instance: a tracing instance that only the tests use
need_instance()
{
	mkdir -p "$instance" 2>/dev/null || skip "no tracing instances"
	[ -z "$skipped" ]
}

# probe TYPE NAME FUNCTION: TYPE as in kprobe_events; counts hits from now on
probe()
{
	need_instance || return
	{ echo "$1:$probe_group/$2 $3" >> "$tracing/kprobe_events"; } 2>/dev/null &&
		echo 1 > "$instance/events/$probe_group/$2/enable"
}

unprobe()
{
	echo 0 > "$instance/events/$probe_group/$1/enable"
	echo "-:$probe_group/$1" >> "$tracing/kprobe_events"
}

probe_hits()
{
	awk -v name="$1" '$1 == name { print $2 }' "$tracing/kprobe_profile"
}

remove_probes()
{
	local names name

	if [ -d "$instance" ]; then
		echo nop > "$instance/current_tracer"
		echo 0 > "$instance/events/enable"
		rmdir "$instance"
	fi
	# Each line begins with TYPE:GROUP/NAME.
	mapfile -t names < "$tracing/kprobe_events"
	for name in "${names[@]%% *}"; do
		[[ $name != *":$probe_group/"* ]] ||
			echo "-:${name#*:}" >> "$tracing/kprobe_events"
	done
} 2>/dev/null

# Some modules can never be unloaded, by design. They are loaded as copies that are
# called kept_kpatch_*, see test-unchecked.sh, and are left behind, disabled.
is_any_kept_enabled()
{
	local file value

	for file in "$kpatch_sysfs"/kept_kpatch_*/enabled; do
		{ read -r value < "$file"; } 2>/dev/null || continue
		[ "$value" != 1 ] || return 0
	done
	return 1
}

# Remove the patches and modules of the tests, in any order: one may depend on
# another, so the caller retries. True if none is left.
remove_patches()
{
	local file

	for file in /sys/kernel/livepatch/test_kpatch_*/enabled \
		    "$kpatch_sysfs"/{test,kept}_kpatch_*/enabled; do
		[ ! -e "$file" ] || echo 0 > "$file"
	done
	for file in /sys/module/{test,kept}_kpatch_*; do
		[ ! -e "$file" ] || rmmod "${file##*/}"
	done
	! compgen -G "/sys/module/test_kpatch_*" >/dev/null && ! is_any_kept_enabled
} 2>/dev/null

cleanup()
{
	local pid ending name

	for ending in "${endings[@]}"; do
		eval "$ending"
	done
	endings=()
	for pid in "${children[@]}"; do
		pkill -KILL -P "$pid" 2>/dev/null
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	children=()
	# Tasks stay in these modules until they are told to leave. Stop the NMIs
	# before reset_knobs restores the limit for long handlers.
	{ echo 0 > /sys/module/test_kpatch_exit/parameters/sleep_ms; } 2>/dev/null
	{ echo N > /sys/module/test_kpatch_clone/parameters/sleep; } 2>/dev/null
	for name in test_kpatch_nmi test_kpatch_caller; do
		[ ! -e "/sys/module/$name" ] || rmmod "$name" 2>/dev/null
	done
	reset_knobs
	remove_probes
	wait_for 20 remove_patches || fail "cannot be removed:" /sys/module/{test,kept}_kpatch_*
}

# Runs when the script ends, for any reason.
finish()
{
	trap '' HUP INT TERM
	cleanup
	restore_knobs
	rm -rf "$scratch"
}

# skip_all REASON...: called instead of run_tests
skip_all()
{
	ktap_print_header
	ktap_skip_all "$*"
	exit "$KSFT_SKIP"
}

# first_foreign DIRECTORY: the first directory in it that does not belong to the tests
first_foreign()
{
	find "$1" -mindepth 1 -maxdepth 1 -type d ! -name 'test_kpatch_*' ! -name 'kept_kpatch_*' \
		-printf '%f\n' -quit 2>/dev/null
}

require()
{
	local name

	[ "$(id -u)" -eq 0 ] || skip_all "needs root"
	[ -d "$kpatch_sysfs" ] || skip_all "the kernel has no kpatch, set CONFIG_KPATCH"
	mountpoint -q "$tracing" || mount -t tracefs none "$tracing"
	name=$(first_foreign "$kpatch_sysfs")
	[ -z "$name" ] ||
		skip_all "patch '$name' does not belong to the tests; disable and unload it first"
	# The graph tracer moves return addresses off the stack, and the tests look
	# at stacks.
	! grep -qx function_graph "$tracing"/{,instances/*/}current_tracer 2>/dev/null ||
		skip_all "the function graph tracer is in use"
	[ "$(cat "$parameters/spare_isolated")" = N ] ||
		skip_all "kpatch.spare_isolated is set; isolated CPUs must not be interrupted"
	{ exec {kmsg}< /dev/kmsg; } 2>/dev/null ||
		skip_all "cannot read /dev/kmsg; boot without printk.devkmsg=off"
}

# Messages of the core must arrive where the tests look for them.
check_log_works()
{
	mark_log
	! load test_kpatch_any || remove_patches
	if ! kpatch_log >/dev/null || [ -s "$log_errors" ]; then
		ktap_exit_fail_msg "insmod of a bad patch logged nothing: $load_error;" \
			"$(cat "$log_errors")"
	fi
}

# skip REASON...: mark the current test as skipped; the test returns afterwards
skip()
{
	skipped=$*
}

run_test()
{
	local name=${1#test_}

	failures=0
	skipped=
	mark_log
	"$1" < /dev/null
	cleanup
	check_log_was_complete
	name=${name//_/ }
	if [ "$failures" -gt 0 ]; then
		ktap_test_fail "$name"
	elif [ -n "$skipped" ]; then
		ktap_test_skip "$name: $skipped"
	else
		ktap_test_pass "$name"
	fi
}

# Run all tests of the script in the order in which it defines them.
run_tests()
{
	local tests t

	require
	mapfile -t tests < <(sed -n 's/^\(test_[a-z0-9_]*\)()$/\1/p' "$0" |
		grep -E -- "${KPATCH_TEST_ONLY:-}")
	[ "${#tests[@]}" -gt 0 ] || skip_all "no test matches '$KPATCH_TEST_ONLY'"
	ktap_print_header
	ktap_set_plan "${#tests[@]}"
	save_knobs
	trap finish EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	cleanup
	check_log_works
	for t in "${tests[@]}"; do
		run_test "$t"
	done
	ktap_finished
}
