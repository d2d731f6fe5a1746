#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kpatch command on a running kernel. The tests of the command alone, which need
# neither root nor kpatch in the kernel, are in tools/kpatch/tests. Set KPATCH to the
# path of the command if it is not in $PATH, and KPATCH_VMLINUX to the vmlinux that runs if
# it is not in /lib/modules.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

kpatch=${KPATCH:-$(command -v kpatch)}
patch=test_kpatch_cmdline
pause=test_kpatch_pause

# kpatch_says STATUS TEXT ARGUMENT...: the command ends with that status, and its one line
# on standard error contains TEXT; none if that is empty
kpatch_says()
{
	local wanted=$1 text=$2 status=0

	shift 2
	"$kpatch" "$@" > "$scratch/out" 2> "$scratch/err" || status=$?
	check_is "kpatch $*: exit status" "$wanted" "$status"
	if [ -z "$text" ]; then
		check_is "kpatch $*: errors" "" "$(cat "$scratch/err")"
		return
	fi
	grep -qF -- "$text" "$scratch/err" ||
		fail "kpatch $*: expected '$text', got '$(cat "$scratch/err")'"
	check_is "kpatch $*: lines" 1 "$(wc -l < "$scratch/err")"
}

# The same for a command that the kernel refuses because of a task, which is listed.
kpatch_is_blocked()
{
	local wanted=$1 status=0

	shift
	"$kpatch" "$@" > "$scratch/out" 2> "$scratch/err" || status=$?
	check_is "kpatch $*: exit status" 5 "$status"
	grep -q "^kpatch: '.*': cannot .* blocked by 1 task(s), first is $wanted" "$scratch/err" ||
		fail "kpatch $*: got '$(cat "$scratch/err")'"
	grep -qx "kpatch:   $wanted" "$scratch/err" ||
		fail "kpatch $*: '$wanted' is not listed: '$(cat "$scratch/err")'"
}

# start_sleeper: a task that sleeps in pause(), until a signal comes; $child
start_sleeper()
{
	check "no parking" knob park N
	background "$user" pause sleeper >/dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
}

# rebuild FILE: copy the patch to it as if it had been built again: with another build ID
rebuild()
{
	local id text before

	id=$(od -An -v -tx1 -j16 "/sys/module/$patch/notes/.note.gnu.build-id" | tr -d ' \n')
	text=$(od -An -v -tx1 "$mods/$patch.ko" | tr -d ' \n')
	before=${text%%"$id"*}
	cp "$mods/$patch.ko" "$1" && [ "$before" != "$text" ] &&
		printf '\377\377' |
		dd of="$1" bs=1 seek=$((${#before} / 2)) conv=notrunc status=none
}

[ -x "$kpatch" ] || skip_all "no kpatch command; build tools/kpatch and set KPATCH"

test_load_list_unload()
{
	check "load" "$kpatch" load "$mods/$patch.ko"
	check_is "/proc/cmdline" "$patch: new cmdline" "$(cat /proc/cmdline)"
	check "list names the patch" grep -qx "$patch \[enabled\]" <("$kpatch" list)
	check "unload" "$kpatch" unload $patch
	check_gone $patch
	! "$kpatch" list | grep "$patch" || fail "list names it still"
}

test_load_of_a_disabled_patch_enables_it()
{
	check "load" "$kpatch" load "$mods/$patch.ko"
	check "disable" "$kpatch" disable $patch
	check_is "enabled" 0 "$(is_enabled $patch)"
	check "load" "$kpatch" load "$mods/$patch.ko"
	check_is "enabled" 1 "$(is_enabled $patch)"
}

test_check_reports_and_changes_nothing()
{
	local error

	error=$(mktemp)
	check "no parking" knob park N
	check "load" "$kpatch" load "$mods/$pause.ko"
	check_is "check" "'$pause' could be disabled now" \
		"$("$kpatch" check $pause)"
	background "$user" pause sleeper >/dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	! briefly "$kpatch" check $pause 2> "$error" || fail "check succeeded"
	check "the sleeper is named" grep -q "$child sleeper new_pause asleep" \
		"$error"
	check_is "enabled" 1 "$(is_enabled $pause)"
}

test_info_shows_blockers_only_with_the_capability()
{
	local info

	check "no parking" knob park N
	check "load" "$kpatch" load "$mods/$pause.ko"
	background "$user" pause $'a b\n' >/dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	! "$kpatch" check $pause 2>/dev/null || fail "check succeeded"
	check_is "blockers" "  $child a\\040b\\012 new_pause asleep" \
		"$("$kpatch" info $pause | tail -n 1)"
	info=$(setpriv --bounding-set=-all --inh-caps=-all "$kpatch" info $pause)
	check_is "first line" "name:        $pause" "$(head -n 1 <<< "$info")"
	check_is "blockers" "blockers:    not shown, needs CAP_SYS_ADMIN" \
		"$(tail -n 1 <<< "$info")"
}

test_unload_waits_for_a_task_inside()
{
	check "no parking" knob park N
	check "load" "$kpatch" load "$mods/$pause.ko"
	background "$user" pause sleeper >/dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	# The command has to try more than once.
	knob deadline_ms 500
	background bash -c "sleep 2; kill -USR1 $child"
	check "unload" "$kpatch" unload -t 120 $pause
	check_gone $pause
}

test_unload_gives_up_and_names_the_blocker()
{
	local error

	check "no parking" knob park N
	check "load" "$kpatch" load "$mods/$pause.ko"
	background "$user" pause sleeper >/dev/null
	check "the sleeper sleeps" wait_for 10 sleeps "$child"
	error=$(briefly "$kpatch" unload -t 1 $pause 2>&1) && fail "unload succeeded"
	case $error in
	*"$child sleeper new_pause asleep"*) ;;
	*) fail "the sleeper is not named: '$error'" ;;
	esac
	check_is "enabled" 1 "$(is_enabled $pause)"
}

test_unload_of_all_patches()
{
	check "load" "$kpatch" load "$mods/$patch.ko" "$mods/test_kpatch_cmdline2.ko"
	check "unload" "$kpatch" unload --all
	check_gone $patch
	check_gone test_kpatch_cmdline2
}

test_load_of_a_bad_patch_fails_and_says_why()
{
	local error

	! error=$("$kpatch" load "$mods/test_kpatch_any.ko" 2>&1) || fail "load succeeded"
	[ -n "$error" ] || fail "no message"
	! error=$("$kpatch" load "$mods/no_such_module.ko" 2>&1) || fail "load succeeded"
	! "$kpatch" list | grep '\[' || fail "a patch is left"
}

test_load_names_all_functions_that_are_refused()
{
	! "$kpatch" load "$mods/test_kpatch_clone.ko" 2> "$scratch/err" || fail "load succeeded"
	check "the first one" grep -q "'no_such_function' is not in vmlinux" "$scratch/err"
	check "the second one" grep -q "'ftrace_location' cannot be traced" "$scratch/err"
	check_is "lines" 2 "$(wc -l < "$scratch/err")"
	check_gone test_kpatch_clone
}

# In the time zone of the caller.
test_status_tells_since_when_and_what_was_refused()
{
	local when="[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} \+0300"

	export TZ=HERE-3
	at_end unset TZ
	check "load" "$kpatch" load "$mods/$pause.ko"
	kpatch_says 0 "" status
	grep -qE "^  enabled since $when \([0-9]+ s\)" "$scratch/out" ||
		fail "since: got '$(cat "$scratch/out")'"
	check "nothing was refused" grep -qx "last refusal: *none" "$scratch/out"
	start_sleeper
	kpatch_is_blocked "$child sleeper new_pause asleep" unload -t 0 $pause
	kpatch_says 0 "" status
	grep -qE "^last refusal: +'$pause', EBUSY, $when \([0-9]+ s ago\)" "$scratch/out" ||
		fail "refused: got '$(cat "$scratch/out")'"
	grep -q "^  last attempt blocked by 1 task(s)" "$scratch/out" ||
		fail "blockers: got '$(cat "$scratch/out")'"
	kill -USR1 "$child"
	kpatch_says 0 "" disable $pause
	kpatch_says 0 "" info $pause
	grep -qE "^refused: +EBUSY, $when" "$scratch/out" || fail "info: '$(cat "$scratch/out")'"
}

# unload_in_vain SECONDS: with this deadline; $ms is how long it took
unload_in_vain()
{
	local start=${EPOCHREALTIME/./}

	kpatch_is_blocked "$child sleeper new_pause asleep" unload -t "$1" $pause
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
}

# Whatever it takes a machine to start programs: -t 0 takes that, too.
keeps_its_deadline()
{
	unload_in_vain 0
	took=-$ms
	unload_in_vain 3
	took=$((ms + took))
	[ "$took" -ge 2900 ] && [ "$took" -le 3100 ]
}

test_a_deadline_is_kept_to_a_tenth_of_a_second()
{
	check "load" "$kpatch" load "$mods/$pause.ko"
	start_sleeper
	wait_for 1 keeps_its_deadline || fail "-t 3 took $took ms"
	check_is "enabled" 1 "$(is_enabled $pause)"
}

test_a_wait_leaves_one_line_in_the_log()
{
	check "load" "$kpatch" load "$mods/$pause.ko"
	start_sleeper
	knob deadline_ms 500
	mark_log
	kpatch_is_blocked "$child sleeper new_pause asleep" unload -t 4 $pause
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-')"
}

# on_terminal INPUT COMMAND...: kpatch on a terminal, with shell commands that type;
# what it shows goes to $scratch/out
on_terminal()
{
	local input=$1

	shift
	bash -c "$input" | script -qefc "$kpatch $*" /dev/null > "$scratch/out"
}

test_a_terminal_shows_what_blocks()
{
	local left="[0-9.]* s left" line

	command -v script > /dev/null || { skip "no script(1)"; return; }
	check "load" "$kpatch" load "$mods/$pause.ko"
	start_sleeper
	mark_log
	! on_terminal "sleep 5" unload -t 4 $pause || fail "unload succeeded"
	check_is "lines in the log" 1 "$(kpatch_log | grep -c '(-')"
	line="kpatch: waiting for '$pause', $left, blocked by $child sleeper (new_pause)"
	grep -q "$line" "$scratch/out" || fail "got '$(cat "$scratch/out")'"
	# Ctrl-C
	! on_terminal "sleep 5; printf '\\003'; sleep 2" unload -t 600 $pause ||
		fail "unload succeeded"
	grep -q "kpatch: interrupted; nothing was changed" "$scratch/out" ||
		fail "ctrl-C: got '$(cat "$scratch/out")'"
	check_is "enabled" 1 "$(is_enabled $pause)"
	# No such line elsewhere.
	kpatch_is_blocked "$child sleeper new_pause asleep" unload -t 3 $pause
	! grep -q "waiting" "$scratch/err" || fail "got '$(cat "$scratch/err")'"
}

# What is installed is below a root of its own, and what the kernel shows is the same. One
# patch is for another kernel.
test_installed_patches_are_loaded()
{
	local root=$scratch/root newer=test_kpatch_cmdline2 other

	other=$(uname -r | tr 0-9 9)
	sed "s/vermagic=$(uname -r) /vermagic=$other /" "$mods/$newer.ko" > "$scratch/$newer.ko"

	mkdir "$root"
	at_end rm -rf "$root"
	check "links" ln -s /sys /proc /dev "$root"
	export KPATCH_ROOT=$root
	at_end unset KPATCH_ROOT
	kpatch_says 0 "" install "$mods/$pause.ko"
	kpatch_says 0 "" install "$mods/$patch.ko"
	kpatch_says 6 "was built for Linux $other, not for $(uname -r)" install "$scratch/$newer.ko"
	kpatch_says 0 "" install -k "$other" "$scratch/$newer.ko"
	kpatch_says 0 "" load --all
	check_is "enabled" 1 "$(is_enabled $pause)"
	check_is "enabled" 1 "$(is_enabled $patch)"
	kpatch_says 0 "" list
	check_is "list" "Loaded patch modules:
$patch [enabled]
$pause [enabled]

Installed patch modules:
$pause ($(uname -r))
$patch ($(uname -r))
$newer ($other)" "$(cat "$scratch/out")"
	kpatch_says 0 "" unload --all
	kpatch_says 6 "was built for Linux $other, and this is $(uname -r)" \
		load "$scratch/$newer.ko"
	kpatch_says 0 "" uninstall -k "$other" $newer
	kpatch_says 0 "" load $patch
	check_gone $pause
	check_is "enabled" 1 "$(is_enabled $patch)"
	kpatch_says 0 "" uninstall $patch.ko
	kpatch_says 0 "" uninstall $pause
}

# without_parameter PATCH: a copy of its module, in $scratch, whose modinfo does not say that
# it can be loaded disabled
without_parameter()
{
	sed "s/parmtype=enable:/parmtypx=enable:/" "$mods/$1.ko" > "$scratch/$1.ko"
}

# Its init enables it. What is loaded in front of a failure is disabled and removed again.
test_a_patch_that_cannot_be_loaded_disabled()
{
	without_parameter $patch
	without_parameter $pause
	! modinfo "$scratch/$patch.ko" | grep "^parm:.*enable:.*bool" || fail "it has it"
	kpatch_says 0 "" load "$scratch/$patch.ko"
	check_is "enabled" 1 "$(is_enabled $patch)"
	kpatch_says 0 "" unload $patch
	start_sleeper
	knob deadline_ms 500
	kpatch_says 5 "cannot enable: blocked by 1 task(s), first is $child sleeper" \
		load "$scratch/$patch.ko" "$scratch/$pause.ko"
	check_gone $patch
	check_gone $pause
}

test_load_waits_for_a_task_inside()
{
	start_sleeper
	background bash -c "sleep 2; kill -USR1 $child"
	kpatch_says 0 "" load -t 60 "$mods/$pause.ko"
	check_is "enabled" 1 "$(is_enabled $pause)"
}

test_load_gives_up_names_the_blocker_and_leaves_nothing()
{
	start_sleeper
	kpatch_is_blocked "$child sleeper __[^ ]*sys_pause asleep" load -t 0.5 "$mods/$pause.ko"
	check_gone $pause
	kpatch_is_blocked "$child sleeper __[^ ]*sys_pause asleep" \
		load -t 0.5 "$mods/$patch.ko" "$mods/$pause.ko"
	check_gone $pause
	check_gone $patch
}

# A hangup, as when the terminal goes, and what a service manager sends.
test_a_signal_cancels_and_is_taken_back()
{
	local signal status

	start_sleeper
	for signal in HUP TERM; do
		"$kpatch" load -t 600 "$mods/$pause.ko" 2> "$scratch/err" &
		check "load waits" wait_for 10 [ -e "$kpatch_sysfs/$pause" ]
		sleep 1
		kill -$signal $!
		status=0
		wait $! || status=$?
		check_is "SIG$signal: exit status" $((128 + $(kill -l $signal))) "$status"
		check_is "SIG$signal" "kpatch: interrupted; nothing was changed" \
			"$(cat "$scratch/err")"
		check_gone $pause
	done
}

no_command_is_left()
{
	! pgrep -f "^$kpatch unload" > /dev/null
}

# Its user is told nothing, and nothing is left behind.
test_a_terminal_that_goes_ends_the_wait()
{
	command -v script > /dev/null || { skip "no script(1)"; return; }
	check "load" "$kpatch" load "$mods/$pause.ko"
	start_sleeper
	background script -qfc "$kpatch unload -t 600 $pause" /dev/null \
		< <(sleep 60) > "$scratch/out"
	check "unload waits" wait_for 20 grep -q "waiting for" "$scratch/out"
	! no_command_is_left || fail "there is no command"
	kill -KILL "$child"
	wait "$child" 2>/dev/null
	check "the command ends" wait_for 10 no_command_is_left
	check_is "enabled" 1 "$(is_enabled $pause)"
	check "it was cancelled" wait_for 5 grep -qx 4 "$kpatch_sysfs/$pause/refused"
}

test_a_file_that_was_built_again_is_not_what_runs()
{
	local id

	check "load" "$kpatch" load "$mods/$patch.ko"
	kpatch_says 0 "'$patch' is already loaded and enabled" load "$mods/$patch.ko"
	check "rebuild" rebuild "$scratch/$patch.ko"
	kpatch_says 4 "another build of '$patch' is loaded: " load "$scratch/$patch.ko"
	id=$(od -An -v -tx1 -j16 "/sys/module/$patch/notes/.note.gnu.build-id" | tr -d ' \n')
	grep -qF ": $id runs, and '$scratch/$patch.ko' is ffff${id:4}; unload it first" \
		"$scratch/err" || fail "got '$(cat "$scratch/err")'"
	check_is "enabled" 1 "$(is_enabled $patch)"
}

# Its init does not run.
test_a_module_that_is_no_patch_is_not_inserted()
{
	mark_log
	kpatch_says 4 "is a module, but not a patch, and was not loaded" \
		load "$mods/test_kpatch_target.ko"
	check_gone test_kpatch_target
	check_no_log "test_kpatch_target"
}

test_two_commands_at_once()
{
	local i first second

	for i in 1 2 3 4 5; do
		"$kpatch" load "$mods/$patch.ko" 2> "$scratch/first" &
		first=$!
		"$kpatch" load "$mods/$patch.ko" 2> "$scratch/second" &
		second=$!
		wait $first || fail "load $i: $(cat "$scratch/first")"
		wait $second || fail "load $i: $(cat "$scratch/second")"
		check_is "load $i" "kpatch: '$patch' is already loaded and enabled" \
			"$(cat "$scratch/first" "$scratch/second")"
		"$kpatch" unload $patch 2> "$scratch/first" &
		first=$!
		"$kpatch" unload $patch 2> "$scratch/second" &
		second=$!
		wait $first
		wait $second
		check_is "unload $i" "kpatch: no patch '$patch' is loaded; see 'kpatch list'" \
			"$(cat "$scratch/first" "$scratch/second")"
		check_gone $patch
	done
}

test_check_of_a_covered_patch_names_the_newer_one()
{
	local newer=test_kpatch_cmdline2

	check "load" "$kpatch" load "$mods/$patch.ko"
	check "load" "$kpatch" load "$mods/$newer.ko"
	kpatch_says 5 "'$patch': cannot disable: '$newer' has patched 'cmdline_proc_show' since" \
		check $patch
	kpatch_says 0 "" check $newer
	! "$kpatch" unload $patch 2> "$scratch/err" || fail "unload of the covered one succeeded"
	grep -q "^kpatch: '$patch': cannot disable: '$newer' has patched" "$scratch/err" ||
		fail "got '$(cat "$scratch/err")'"
	check_is "unload" "kpatch: '$patch' stays loaded and enabled" "$(tail -n 1 "$scratch/err")"
	check_is "enabled" 1 "$(is_enabled $patch)"
	kpatch_says 0 "" disable $patch $newer
}

test_modprobe_configuration_is_told()
{
	local file=/run/modprobe.d/kpatch-test.conf command

	mkdir -p /run/modprobe.d || { skip "cannot write to /run"; return; }
	at_end rm -f "$file"
	for command in /bin/true /bin/false; do
		echo "install $patch $command" > "$file"
		kpatch_says 4 "modprobe.d has 'install $patch $command', which runs instead" \
			load $patch
		check_gone $patch
	done
	kpatch_says 0 "" load "$mods/$patch.ko"
}

# as_nobody COMMAND...: without root's rights
as_nobody()
{
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# with_readonly_sys COMMAND...
with_readonly_sys()
{
	# shellcheck disable=SC2016 # another shell expands that
	unshare -m bash -c 'mount -o bind,remount,ro /sys && exec "$@"' bash "$@"
}

# with_empty_sys COMMAND...
with_empty_sys()
{
	# shellcheck disable=SC2016 # another shell expands that
	unshare -m bash -c 'mount -t tmpfs none /sys && exec "$@"' bash "$@"
}

test_a_missing_sys_is_told()
{
	local status=0

	check "load" "$kpatch" load "$mods/$patch.ko"
	with_empty_sys "$kpatch" unload $patch 2> "$scratch/err" || status=$?
	check_is "exit status" 1 $status
	check_is "errors" "kpatch: /sys is not mounted; mount it with 'mount -t sysfs none /sys'" \
		"$(cat "$scratch/err")"
	check_is "enabled" 1 "$(is_enabled $patch)"
}

# refuses TEXT COMMAND...: COMMAND, which runs kpatch, is not allowed that, and says TEXT
refuses()
{
	local text=$1 status=0

	shift
	"$@" 2> "$scratch/err" || status=$?
	check_is "$text: exit status" 7 "$status"
	check_is "errors" "kpatch: cannot $text" "$(cat "$scratch/err")"
}

test_rights_that_are_missing_are_named()
{
	local text

	text="root lacks CAP_SYS_MODULE, or a security module or lockdown forbids it"
	refuses "load '$patch': $text; see dmesg and the audit log (-1)" \
		setpriv --bounding-set=-sys_module --inh-caps=-sys_module \
		"$kpatch" load "$mods/$patch.ko"
	refuses "load '$patch': only root may do that; become root (-1)" \
		as_nobody "$kpatch" load "$mods/$patch.ko"
	text="enable '$patch': /sys is mounted read-only"
	refuses "$text; remount it with 'mount -o remount,rw /sys' (-30)" \
		with_readonly_sys "$kpatch" load "$mods/$patch.ko"
	check_gone $patch
	check "load" "$kpatch" load "$mods/$patch.ko"
	refuses "disable '$patch': only root may do that; become root (-13)" \
		as_nobody "$kpatch" disable $patch
	text="disable '$patch': root lacks CAP_SYS_ADMIN, or a security module forbids it"
	refuses "$text; see the audit log (-1)" \
		setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$kpatch" disable $patch
	text="disable '$patch': /sys is mounted read-only"
	refuses "$text; remount it with 'mount -o remount,rw /sys' (-30)" \
		with_readonly_sys "$kpatch" disable $patch
	check "info without root" as_nobody "$kpatch" info $patch > "$scratch/out"
	check_is "info without root" "blockers:    not shown, needs CAP_SYS_ADMIN" \
		"$(tail -n 1 "$scratch/out")"
	check_is "enabled" 1 "$(is_enabled $patch)"
}

test_debugfs_is_not_needed()
{
	# shellcheck disable=SC2016 # another shell expands that
	unshare -m bash -c '
		umount /sys/kernel/debug/tracing /sys/kernel/debug 2>/dev/null
		[ ! -e /sys/kernel/debug/kpatch ] && "$1" load "$2" && "$1" unload "$2"
		' bash "$kpatch" "$mods/$patch.ko" || fail "load and unload"
}

# let_go PATCH: end what its parameter "hold" does
let_go()
{
	{ echo N > "/sys/module/$1/parameters/hold"; } 2>/dev/null
}

test_unload_of_a_module_in_use_leaves_its_fix()
{
	local held=test_kpatch_a line

	at_end let_go $held
	check "insmod" load_copy a name=version_proc_show enable=1
	check "load" "$kpatch" load "$mods/$patch.ko"
	echo Y > "/sys/module/$held/parameters/hold"
	line="'$held' stays loaded and enabled: its module is in use by "
	kpatch_says 5 "$line" unload $held
	check_is "enabled" 1 "$(is_enabled $held)"
	kpatch_says 5 "$line" unload $patch $held
	check_is "enabled" 1 "$(is_enabled $patch)"
	kpatch_says 5 "$line" unload --all
	check_is "enabled" 1 "$(is_enabled $held)"
	check_gone $patch
	let_go $held
	kpatch_says 0 "" unload $held
	check_gone $held
}

# The order of the names does not matter.
test_several_patches_are_one_transaction()
{
	check "insmod" load_copy a name=cmdline_proc_show
	check "insmod" load_copy b name=version_proc_show
	check "insmod" load_copy c name=cmdline_proc_show set=other
	kpatch_says 0 "" enable test_kpatch_a test_kpatch_b
	check_is "enabled" 110 "$(states a b c)"
	kpatch_says 5 "two sets cannot share a function" switch +test_kpatch_c -test_kpatch_b
	check "insmod" load_copy d name=cmdline_proc_show
	kpatch_says 0 "" enable test_kpatch_d
	# The line is about the second one.
	kpatch_says 5 "'test_kpatch_a': cannot disable: 'test_kpatch_d' has patched " \
		disable test_kpatch_b test_kpatch_a
	kpatch_says 0 "" unload test_kpatch_d
	check_is "enabled" 110 "$(states a b c)"
	kpatch_says 0 "" switch +test_kpatch_c -test_kpatch_a
	check_is "enabled" 011 "$(states a b c)"
	kpatch_says 0 "" unload test_kpatch_a test_kpatch_b test_kpatch_c
	check_is "patches" "" "$(ls -d "$kpatch_sysfs"/test_* 2>/dev/null)"
}

test_replace_and_rollback()
{
	local newer=test_kpatch_cmdline2

	check "load" "$kpatch" load "$mods/$patch.ko"
	kpatch_says 0 "" replace "$mods/$newer.ko"
	check_is "enabled" 0 "$(is_enabled $patch)"
	check_is "enabled" 1 "$(is_enabled $newer)"
	kpatch_says 0 "" rollback $newer
	check_is "enabled" 1 "$(is_enabled $patch)"
	check_is "enabled" 0 "$(is_enabled $newer)"
	kpatch_says 0 "" rollback $newer
	check_is "enabled" 1 "$(is_enabled $patch)"
	kpatch_says 4 "has replaced no patch, so there is none to go back to" rollback $patch
	# One whose module was not told when it was loaded.
	check "unload" "$kpatch" unload $newer
	check "insmod" load $newer enable=0
	kpatch_says 0 "" replace "$mods/$newer.ko"
	check_is "enabled" 0 "$(is_enabled $patch)"
	check_is "enabled" 1 "$(is_enabled $newer)"
}

end_trial()
{
	{ echo 0 > "$kpatch_sysfs/confirm"; } 2>/dev/null
}

was_undone()
{
	[ "$(is_enabled $patch)" = 1 ]
}

test_a_trial_is_confirmed_or_undone()
{
	at_end end_trial
	check "insmod" load_copy a name=version_proc_show
	kpatch_says 0 "" load --trial 600 "$mods/$patch.ko"
	check "status" grep -qE "^unconfirmed: +\+$patch, undone in [0-9]+ s" <("$kpatch" status)
	kpatch_says 5 "on trial" disable $patch
	kpatch_says 0 "" confirm
	kpatch_says 3 "there is no trial" confirm
	kpatch_says 0 "" disable --trial 1 $patch
	check "the trial is undone" wait_for 10 was_undone
	kpatch_says 3 "there is no trial" confirm
	# What changes nothing is no trial, and neither is what fails.
	kpatch_says 0 "" enable --trial 600 $patch
	check_is "confirm" 0 "$(cat "$kpatch_sysfs/confirm")"
	check "load" "$kpatch" load "$mods/$pause.ko"
	start_sleeper
	kpatch_is_blocked "$child sleeper new_pause asleep" disable -t 0 --trial 600 $pause
	check_is "confirm" 0 "$(cat "$kpatch_sysfs/confirm")"
}

test_can_tells_why_not()
{
	kpatch_says 0 "" can cmdline_proc_show
	check_is "can" "'cmdline_proc_show' can be patched" "$(cat "$scratch/out")"
	kpatch_says 3 "'no_such_function' cannot be patched: there is no such function" \
		can no_such_function
	kpatch_says 4 "'schedule' cannot be patched: some task is always in it" can schedule
	kpatch_says 4 "'start_kernel' cannot be patched: it is init code" can start_kernel
	kpatch_says 4 "'memcpy_orig' cannot be patched: it has no hook" can memcpy_orig
	# Of the same name in several files.
	kpatch_says 0 "" can s_show
	check "s_show: several" [ "$(grep -c 'vmlinux: sympos' "$scratch/out")" -gt 1 ]
	! as_nobody "$kpatch" can cmdline_proc_show 2> "$scratch/err" || fail "it is known"
	grep -q "is not known; become root" "$scratch/err" || fail "got $(cat "$scratch/err")"
}

# The build has several, and one in this file.
test_can_names_source_files()
{
	local vmlinux=${KPATCH_VMLINUX:-/lib/modules/$(uname -r)/build/vmlinux}

	[ -e "$vmlinux" ] || { skip "no vmlinux; set KPATCH_VMLINUX"; return; }
	kpatch_says 0 "" can --vmlinux "$vmlinux" s_show
	check "kallsyms.c" grep -qE '^  vmlinux: sympos [0-9]+, in kallsyms\.c$' "$scratch/out"
	! grep vmlinux: "$scratch/out" | grep -v ", in .*\.c" ||
		fail "got '$(cat "$scratch/out")'"
	kpatch_says 6 "is not the kernel that runs, as the build IDs tell" \
		can --vmlinux "$mods/$patch.ko" s_show
}

# The kernel accepts what the command says that it can patch.
test_can_agrees_with_the_kernel()
{
	local name status

	for name in schedule start_kernel memcpy_orig s_show cmdline_proc_show; do
		status=0
		"$kpatch" can $name > "$scratch/out" 2> "$scratch/err" || status=$?
		if load_copy a name=$name; then
			[ $status -eq 0 ] || fail "$name can be patched: $(cat "$scratch/err")"
			unload test_kpatch_a
		elif ! grep -q sympos "$scratch/out"; then
			[ $status -ne 0 ] || fail "$name cannot be patched: $load_error"
		fi
	done
}

run_tests
