#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch list

. "${0%/*}/tap.sh"

# list_is LINES DESCRIPTION: the loaded patches, in the form that scripts of the
# historical command know
list_is() {
	out_is "Loaded patch modules:${1:+
$1}

Installed patch modules:" "$2"
}

try list
exits 0 "none"
list_is "" "none"
err_is "" "none"

try list -v
exits 0 "none, verbose"
list_is "" "none, verbose"
err_is "" "none, verbose"

fake second 0 cmdline_proc_show,1
fake first_patch 1 vfs_read,1 tty_open,2
touch "$sysfs/not_a_patch"

try list
exits 0 "two"
list_is "first_patch [enabled]
second [disabled]" "two, sorted"
err_is "" "two"

try list --verbose
exits 0 "two, verbose"
list_is "first_patch [enabled]
  vmlinux/tty_open,2  live
  vmlinux/vfs_read,1  live
second [disabled]
  vmlinux/cmdline_proc_show,1  not live" "two, verbose"

echo 0 > "$sysfs/first_patch/vmlinux/vfs_read,1/live"
try list -v
out_has "^  vmlinux/vfs_read,1  not live$" "covered function"
out_has "^  vmlinux/tty_open,2  live$" "function next to it"

mkdir -p "$sysfs/second/some_module/its_func,1"
echo 1 > "$sysfs/second/some_module/its_func,1/live"
try list -v
out_has "^  some_module/its_func,1  live$" "function of a module"

says second fix=CVE-2026-12345 expires=2999-12-31 'fix=0123456789ab ("subject")'
try list
exits 0 "fixes"
out_has "^second \\[disabled\\]\$" "fixes are not listed"
try list -v
out_has "^  fixes CVE-2026-12345\$" "fixes, verbose"
out_has '^  fixes 0123456789ab ("subject")$' "fixes, verbose"
says second expires=2020-02-29
try list
exits 0 "expired"
out_has "^second \\[disabled\\] expired 2020-02-29\$" "expired"
rm -r "$tmp/sys/module/second"

rm "$sysfs/first_patch/vmlinux/vfs_read,1/live"
try list -v
exits 0 "function that tells nothing"
out_has "^  vmlinux/vfs_read,1  unknown$" "function that tells nothing"

rm "$sysfs/first_patch/enabled"
try list
exits 1 "unreadable patch"
list_is "second [disabled]" "unreadable patch does not hide others"
err_is "kpatch: cannot read 'first_patch': No such file or directory; see 'ls -l /sys/kernel/kpatch/first_patch'" \
	"unreadable patch"

echo maybe > "$sysfs/first_patch/enabled"
try list
exits 1 "nonsense in a file"
err_is "kpatch: cannot read 'first_patch': Invalid argument; see 'ls -l /sys/kernel/kpatch/first_patch'" \
	"nonsense in a file"

if [ -e /dev/full ]; then
	"$kpatch" list > /dev/full 2> "$tmp/err"
	ok "output that cannot be written" [ $? -eq 1 ]
else
	skip "output that cannot be written" "no /dev/full"
fi

finish
