#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch info

. "${0%/*}/tap.sh"

fake good 1 vfs_read,1 tty_open,2
try info good
exits 0 "quiet patch"
err_is "" "quiet patch"
out_is "name:        good
enabled:     yes
attempts:    3
stops:       2
stop_ns:     1200
max_stop_ns: 45000
scanned:     90, and 7 in the last stop
functions:   2
  vmlinux/tty_open,2  live
  vmlinux/vfs_read,1  live
blockers:    none" "quiet patch"

fake busy 0 vfs_read,1
printf '%s\n' '17 my\040shell vfs_read asleep' '18 \000 vfs_read preempted' \
	> "$KPATCH_SYSFS/busy/blockers"
try info busy
exits 0 "blocked patch"
out_is "name:        busy
enabled:     no
attempts:    3
stops:       2
stop_ns:     1200
max_stop_ns: 45000
scanned:     90, and 7 in the last stop
functions:   1
  vmlinux/vfs_read,1  not live
blockers:
  17 my\\040shell vfs_read asleep
  18 \\000 vfs_read preempted" "blocked patch"

# As many blockers as the kernel lists, with the longest possible names.
func=$(printf '%0511d' 0)
name=$(printf '%060d' 0)
for i in $(seq 32); do
	echo "$i $name $func function graph, kernel thread"
done > "$KPATCH_SYSFS/busy/blockers"
try info busy
ok "many blockers: all shown" \
	[ "$(grep -c " $name $func function graph, kernel thread$" "$tmp/out")" -eq 32 ]

chmod 000 "$KPATCH_SYSFS/busy/blockers"
if [ -r "$KPATCH_SYSFS/busy/blockers" ]; then
	skip "info, not root" "root may do all"
else
	try info busy
	exits 0 "info, not root"
	out_has "^blockers:    not shown, needs CAP_SYS_ADMIN$" "info, not root"
fi

try info good busy
exits 0 "two patches"
ok "two patches: both shown" [ "$(grep -c ^name: "$tmp/out")" -eq 2 ]
ok "two patches: one empty line" [ "$(grep -c '^$' "$tmp/out")" -eq 1 ]

try info none busy
exits 1 "one is missing"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" "one is missing"
out_has "^name:        busy$" "one is missing, the other is shown"

rm "$KPATCH_SYSFS/good/stop_ns"
mkdir "$KPATCH_SYSFS/good/stop_ns"
try info good
exits 1 "unreadable file"
err_is "kpatch: cannot read 'good': Is a directory" "unreadable file"
out_is "" "unreadable file"

finish
