#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch enable, disable, switch, rollback, confirm

. "${0%/*}/tap.sh"

# wrote FILE TEXT DESCRIPTION: the kernel got one write, with a time behind the words
wrote() {
	ok "$3: a write to $1" grep -qxE -e "$2 [0-9]+" "$sysfs/$1"
}

# takes MIN MAX PATCH: the kernel may take that many milliseconds
takes() {
	read -r takes_what takes_ms < "$sysfs/$3/enabled" && [ -n "$takes_what" ] &&
		[ "$takes_ms" -gt "$1" ] && [ "$takes_ms" -le "$2" ]
}

fake one 0 vfs_read,1
fake two 0 tty_open,1

try enable one
exits 0 "enable"
out_is "" "enable says nothing"
err_is "" "enable says nothing"
ok "enable wrote 1" [ "$(enabled one)" = 1 ]
ok "enable left the other one" [ "$(enabled two)" = 0 ]

try disable -v one
exits 0 "disable"
out_is "disabled 'one'" "disable, verbose"
ok "disable wrote 0" [ "$(enabled one)" = 0 ]

# The kernel gets all of the time, so it logs one line for the whole wait.
try enable -t 2.5 one
ok "the time is that of -t" takes 2300 2500 one
try enable -t 0 one
ok "no time is one attempt" [ "$(cat "$sysfs/one/enabled")" = "1 1" ]
try enable one
ok "15 seconds by default" takes 14500 15000 one

# Several patches are one transaction.
try enable -v one two one
exits 0 "enable two"
out_is "enabled 'one'
enabled 'two'" "enable two, a double is dropped"
wrote switch '\+one \+two' "enable two"
try disable one two
exits 0 "disable two"
wrote switch '-one -two' "disable two"
try switch -v +two -one
exits 0 "switch"
wrote switch '\+two -one' "switch"
out_is "enabled 'two'
disabled 'one'" "switch"
try switch -one
exits 0 "switch of one"
ok "switch of one wrote 0" [ "$(enabled one)" = 0 ]

fake -v 0 vfs_read,1
mv "$sysfs/-v" "$sysfs/v"
try switch -v +one -- -v
exits 0 "switch of a patch that is called like an option"
wrote switch '\+one -v' "switch of a patch that is called like an option"

: > "$sysfs/switch"
echo 1 > "$sysfs/one/enabled"
try disable none one
exits 3 "disable, one is missing"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" \
	"disable, one is missing"
ok "disable left the other one" [ "$(enabled one)" = 1 ]
ok "disable asked for nothing" [ ! -s "$sysfs/switch" ]

try enable none
exits 3 "enable, missing"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" \
	"enable, missing"

rm "$sysfs/one/enabled"
mkdir "$sysfs/one/enabled"
try enable one
exits 1 "enable, cannot write"
err_is "kpatch: cannot enable 'one': Is a directory; see dmesg (-21)" \
	"enable, cannot write"
try disable one
exits 1 "disable, cannot write"
err_is "kpatch: cannot disable 'one': Is a directory; see dmesg (-21)" \
	"disable, cannot write"

chmod 400 "$sysfs/two/enabled"
if [ -w "$sysfs/two/enabled" ]; then
	skip "enable, not root" "root may do all"
else
	try enable two
	exits 7 "enable, not root"
	err_is "kpatch: cannot enable 'two': only root may do that; become root (-13)" \
		"enable, not root"
fi
chmod 600 "$sysfs/two/enabled"

: > "$sysfs/two/rollback"
echo 0 > "$sysfs/two/enabled"
try rollback -v two
exits 0 "rollback"
out_is "rolled back 'two'" "rollback"
wrote two/rollback 1 "rollback"
try rollback none
exits 3 "rollback, missing"

try enable --trial 60 two
exits 0 "enable on trial"
ok "enable on trial: confirm has the seconds" [ "$(cat "$sysfs/confirm")" = 60 ]

echo 0 > "$sysfs/confirm"
try confirm
exits 3 "confirm without a trial"
err_is "kpatch: there is no trial, or it was undone; begin one with --trial" \
	"confirm without a trial"
echo "armed 60" > "$sysfs/confirm"
try confirm
exits 3 "confirm before the trial"
echo "trial 17 +two -one" > "$sysfs/confirm"
try confirm -v
exits 0 "confirm"
out_is "confirmed '+two -one'" "confirm"
ok "confirm wrote 0" [ "$(head -n 1 "$sysfs/confirm")" = 0 ]

# One command at a time, but only for as long as -t says.
if command -v flock > "$tmp/flock"; then
	mkdir "$tmp/run"
	: > "$tmp/run/kpatch.lock"
	echo 0 > "$sysfs/two/enabled"
	(flock 9 && exec sleep 60) 9> "$tmp/run/kpatch.lock" > "$tmp/sleep" &
	while flock -n "$tmp/run/kpatch.lock" true; do
		sleep 0.1
	done
	try enable -t 0.2 two
	exits 5 "another command is at work"
	err_is "kpatch: another kpatch command is at work; try again when it has ended, or wait longer with -t" \
		"another command is at work"
	ok "another command is at work: nothing is asked for" [ "$(enabled two)" = 0 ]
	: > "$sysfs/two/check"
	try check two
	exits 0 "check while another command is at work"
	kill $!
	try enable -t 5 two
	exits 0 "the other command has ended"
else
	skip "another command is at work" "no flock"
fi

finish
