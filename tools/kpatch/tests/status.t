#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch status and blockers

. "${0%/*}/tap.sh"

try status
exits 0 "nothing"
out_is "kernel:           $(uname -r)
patches:          0
longest stop:     0 ns
longest hold:     0 ns
last refusal:     none
unconfirmed:      none
loaded at boot:   enabled
installed:        0" "nothing"

fake one 1 vfs_read,1
fake two 0 tty_open,2
echo 700 > "$sysfs/one/max_hold_ns"
echo 90000 > "$sysfs/two/max_stop_ns"
echo other > "$sysfs/two/set"
echo "17 shell tty_open asleep" > "$sysfs/two/blockers"
echo "trial 12 +one -two" > "$sysfs/confirm"
says one fix=CVE-2026-12345 expires=2020-02-29
mkdir -p "$tmp/sys/module/kpatch/parameters" "$tmp/var/lib/kpatch/6.1.0"
echo N > "$tmp/sys/module/kpatch/parameters/enable"
: > "$tmp/var/lib/kpatch/6.1.0/my-fix.ko"
try status
exits 0 "two patches"
out_is "kernel:           $(uname -r)
patches:          2
longest stop:     90000 ns
longest hold:     700 ns
last refusal:     none
unconfirmed:      +one -two, undone in 12 s without 'kpatch confirm'
loaded at boot:   disabled, as kpatch.enable=0 has it
installed:        1

one: enabled, set default, expired 2020-02-29
  fixes CVE-2026-12345
  vmlinux/vfs_read,1  live

two: disabled, set other
  vmlinux/tty_open,2  not live
  last attempt blocked by 1 task(s), see 'kpatch blockers two'

Installed patch modules:
my_fix (6.1.0)" "two patches"

echo "armed 60" > "$sysfs/confirm"
try status
out_has "^unconfirmed:      none, the next switch is a trial of 60 s\$" "armed"

# Not longer ago than the machine has run for, in most cases.
ago one since_ns 33
ago two since_ns 93
ago one refused_ns 65
echo 16 > "$sysfs/one/refused"
echo 0 > "$sysfs/two/refused"
echo 0 > "$sysfs/two/refused_ns"
TZ=HERE-3:30 try status
when="[0-9]*-[0-9][0-9]-[0-9][0-9] [0-9:]* +0330"
out_has "^  enabled since $when (3[3-9] s)\$" "since"
out_has "^  disabled since $when (1 min 3[3-9] s)\$" "since"
out_has "^last refusal:     'one', EBUSY, $when (1 min [5-9] s ago)\$" "the last refusal"
ago two refused_ns 9
echo 110 > "$sysfs/two/refused"
TZ=HERE-3:30 try status
out_has "^last refusal:     'two', ETIMEDOUT, $when (9 s ago)\$" "a later refusal"
TZ=HERE-3:30 try info one
out_has "^since:       $when (3[3-9] s)\$" "info: since"
out_has "^refused:     EBUSY, $when (1 min [5-9] s ago)\$" "info: refused"
if [ "$(cut -d. -f1 /proc/uptime)" -gt 4000 ]; then
	ago one since_ns 3725
	try status
	out_has "^  enabled since .* (1 h 2 min)\$" "since hours"
else
	skip "since hours" "the machine has not run for so long"
fi
echo 99999 > "$sysfs/two/refused"
try info two
out_has "^refused:     99999, " "an errno without a name"

try blockers
exits 0 "blockers of all"
out_is "one:
blockers:    none
two:
blockers:
  17 shell tty_open asleep" "blockers of all"
try blockers two
out_is "two:
blockers:
  17 shell tty_open asleep" "blockers of one"
try blockers none
exits 3 "blockers of none"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" "blockers of none"
chmod 000 "$sysfs/two/blockers"
if [ -r "$sysfs/two/blockers" ]; then
	skip "blockers, not root" "root may do all"
else
	try blockers two
	exits 7 "blockers, not root"
	err_is "kpatch: cannot read the blockers of 'two', which needs CAP_SYS_ADMIN; become root" \
		"blockers, not root"
fi

finish
