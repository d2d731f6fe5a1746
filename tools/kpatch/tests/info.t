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
	> "$sysfs/busy/blockers"
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
done > "$sysfs/busy/blockers"
try info busy
ok "many blockers: all shown" \
	[ "$(grep -c " $name $func function graph, kernel thread$" "$tmp/out")" -eq 32 ]

chmod 000 "$sysfs/busy/blockers"
if [ -r "$sysfs/busy/blockers" ]; then
	skip "info, not root" "root may do all"
else
	try info busy
	exits 0 "info, not root"
	out_has "^blockers:    not shown, needs CAP_SYS_ADMIN$" "info, not root"
fi

says good engine=hand fix=CVE-2026-12345 other=text release=6.12.200 \
	'fix=0123456789ab ("proc: a "subject"")' expires=2999-12-31
try info good
exits 0 "patch that says something"
out_is "name:        good
release:     6.12.200
fix:         0123456789ab (\"proc: a \"subject\"\")
fix:         CVE-2026-12345
expires:     2999-12-31
engine:      hand
other:       text
enabled:     yes
attempts:    3
stops:       2
stop_ns:     1200
max_stop_ns: 45000
scanned:     90, and 7 in the last stop
functions:   2
  vmlinux/tty_open,2  live
  vmlinux/vfs_read,1  live
blockers:    none" "patch that says something"

says good "expires=$(date -u +%F)"
try info good
out_has "^expires:     $(date -u +%F)\$" "last day"
says good "expires=$(date -u -d yesterday +%F)"
try info good
out_has "^expired:     $(date -u -d yesterday +%F)\$" "day after the last one"

# The kernel shows all notes of that section, whoever has made them.
{
	note Linux fix=CVE-2026-11111
	note kpatch fix=CVE-2026-22222 "fix=$(printf 'a\033b')"
} > "$tmp/sys/module/good/notes/.note.kpatch"
try info good
ok "notes of others are left alone: 2 fixes" [ "$(grep -c ^fix: "$tmp/out")" -eq 2 ]
out_has "^fix:         CVE-2026-22222\$" "notes of others"
out_has "^fix:         a?b\$" "no control characters"
head -c 45 "$tmp/sys/module/good/notes/.note.kpatch" > "$tmp/cut"
cp "$tmp/cut" "$tmp/sys/module/good/notes/.note.kpatch"
try info good
exits 0 "notes that are cut off"

# A file says the same before it is loaded.
cat > "$tmp/field.c" <<'END'
#define FIELD(n, text) \
	static const char field##n[] __attribute__((used, section(".modinfo"))) = text
FIELD(1, "name=new_one");
FIELD(2, "kpatch=Y");
FIELD(3, "kpatch_fix=CVE-2026-33333");
FIELD(4, "kpatch_expires=2020-02-29");
END
if ${CC:-cc} -c -o "$tmp/new-one.ko" "$tmp/field.c" 2> "$tmp/cc"; then
	try info "$tmp/new-one.ko"
	exits 0 "file"
	out_is "file:        $tmp/new-one.ko
name:        new_one
fix:         CVE-2026-33333
expired:     2020-02-29
loaded:      no" "file"
	mv "$tmp/sys" "$tmp/nowhere"
	try info "$tmp/new-one.ko"
	exits 0 "file, on another kernel"
	mv "$tmp/nowhere" "$tmp/sys"
	fake new_one 1 vfs_read,1
	says new_one fix=CVE-2026-44444
	try info "$tmp/new-one.ko"
	exits 0 "file of a loaded patch"
	out_has "^loaded:      yes\$" "file of a loaded patch"
	out_has "^fix:         CVE-2026-33333\$" "file of a loaded patch: what it says"
	out_has "^fix:         CVE-2026-44444\$" "file of a loaded patch: what is loaded"
else
	skip "file" "no compiler"
fi

try info good busy
exits 0 "two patches"
ok "two patches: both shown" [ "$(grep -c ^name: "$tmp/out")" -eq 2 ]
ok "two patches: one empty line" [ "$(grep -c '^$' "$tmp/out")" -eq 1 ]

try info none busy
exits 3 "one is missing"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" "one is missing"
out_has "^name:        busy$" "one is missing, the other is shown"

rm "$sysfs/good/stop_ns"
mkdir "$sysfs/good/stop_ns"
try info good
exits 1 "unreadable file"
err_is "kpatch: cannot read 'good': Is a directory; see 'ls -l /sys/kernel/kpatch/good'" "unreadable file"
out_is "" "unreadable file"

finish
