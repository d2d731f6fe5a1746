#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch load --all: what a machine that has died at boot does not try again

. "${0%/*}/tap.sh"

dir=$tmp/var/lib/kpatch/$(uname -r)
boot_id=$tmp/proc/sys/kernel/random/boot_id

if ! modinfo "$tmp/one.ko" name=one kpatch=Y; then
	skip "load --all" "no compiler"
	finish
	exit
fi
modinfo "$tmp/two.ko" name=two kpatch=Y
modinfo "$tmp/other.ko" name=other kpatch=Y "vermagic=1.2.3 SMP"
mkdir -p "${boot_id%/*}" "$tmp/run" "$dir"

# boot NUMBER: nothing is enabled, and this is the ID of the boot
boot() {
	echo "0000000$1-aaaa-bbbb-cccc-0123456789ab" > "$boot_id"
	mark=$dir/trying.0000000$1aaaabbbbcccc0123456789ab
	for boot_patch in one two; do
		[ ! -e "$dir/$boot_patch.ko" ] || fake $boot_patch 0 vfs_read,1
	done
}

# holds FILE LINE...
holds() {
	holds_file=$1
	shift
	[ -e "$holds_file" ] && [ "$(cat "$holds_file")" = "$(printf '%s\n' "$@")" ]
}

# die: load --all --boot, and the machine dies while it is switched
die() {
	rm -f "$sysfs/switch" "$sysfs/one/enabled"
	mkfifo "$sysfs/switch" "$sysfs/one/enabled"
	"$kpatch" load --all --boot 2> "$tmp/err" &
	die_tries=100
	until [ -e "$mark" ] || [ $die_tries -eq 0 ]; do
		sleep 0.1
		die_tries=$((die_tries - 1))
	done
	kill -KILL $!
	wait $! 2> "$tmp/killed"
	rm "$sysfs/switch" "$sysfs/one/enabled"
	: > "$sysfs/switch"
}

# no_switch: several patches cannot be switched at one instant
no_switch() {
	rm "$sysfs/switch"
	mkdir "$sysfs/switch"
}

for option in --boot --retry; do
	try load $option one
	exits 2 "$option without --all"
	err_is "kpatch: --boot and --retry need --all; see 'kpatch help load'" \
		"$option without --all"
done

# A boot that goes well: the mark stays until the guard takes it.
try install "$tmp/one.ko"
boot 1
try load --all --boot
exits 0 "first boot"
ok "first boot: nothing is skipped" not grep skipped "$tmp/err"
ok "first boot: loaded" [ "$(enabled one)" = 1 ]
ok "first boot: marked" holds "$mark" one.ko
mv "$mark" "$dir/proven"
boot 2
try load --all --boot
exits 0 "second boot"
ok "second boot: loaded" [ "$(enabled one)" = 1 ]
echo 0 > "$sysfs/one/enabled"
try load --all
exits 0 "by hand, in the same boot"
ok "by hand, in the same boot: loaded" [ "$(enabled one)" = 1 ]
ok "by hand, in the same boot: the mark stays" holds "$mark" one.ko
mv "$mark" "$dir/proven"

# By hand there is no mark.
boot 3
try load --all
ok "by hand: loaded" [ "$(enabled one)" = 1 ]
ok "by hand: not marked" [ ! -e "$mark" ]

# The machine dies while it tries two.
try install "$tmp/two.ko"
boot 4
die
ok "died: both are marked" holds "$mark" one.ko two.ko
line="kpatch: skipped, as the machine died when this was tried at boot: 'one.ko', 'two.ko'; 'kpatch load --all --retry' tries it again, 'kpatch uninstall' removes it"
old=$mark
boot 5
try load --all --boot
exits 4 "boot after that"
err_is "$line" "boot after that"
ok "boot after that: the list of what is skipped" holds "$dir/skip" one.ko two.ko
ok "boot after that: the old mark is gone" [ ! -e "$old" ]
ok "boot after that: off" [ "$(enabled one)$(enabled two)" = 00 ]
ok "boot after that: nothing is asked for" [ ! -s "$sysfs/switch" ]
try list
out_has "^two (.*) skipped\$" "list says so"
boot 6
try load --all --boot
exits 4 "still skipped"
err_is "$line" "still skipped"
try load --all
exits 4 "skipped by hand, too"
err_is "$line" "skipped by hand, too"

# What is loaded in spite of that is not called skipped.
echo 1 > "$sysfs/two/enabled"
try load --all
exits 4 "one of them is enabled"
err_has "tried at boot: 'one.ko'; " "one of them is enabled"
err_has "'two' is already loaded" "one of them is enabled"

# A new patch is loaded beside them.
echo 0 > "$sysfs/two/enabled"
rm "$dir/skip"
echo one.ko > "$dir/skip"
boot 7
try load --all --boot
exits 4 "one is skipped"
ok "one is skipped: it is off" [ "$(enabled one)" = 0 ]
ok "one is skipped: the other is on" [ "$(enabled two)" = 1 ]
ok "one is skipped: the other is marked" holds "$mark" two.ko
mv "$mark" "$dir/proven"

try load --all --retry
exits 0 "retry"
ok "retry: on" [ "$(enabled one)" = 1 ]
ok "retry: it is skipped no more" [ ! -s "$dir/skip" ]
boot 8
echo one.ko > "$dir/skip"
rm "$sysfs/one/enabled"
mkdir "$sysfs/one/enabled"
no_switch
try load --all --retry
ok "retry that fails: exit status" [ "$status" -ne 0 ]
ok "retry that fails: still skipped" holds "$dir/skip" one.ko
ok "retry that fails: the other is on" [ "$(enabled two)" = 1 ]
rmdir "$sysfs/one/enabled" "$sysfs/switch"
: > "$sysfs/switch"

# What is uninstalled is forgotten.
boot 9
cp "$dir/skip" "$dir/proven"
cp "$dir/skip" "$mark"
try uninstall one
for list in skip proven "${mark##*/}" order; do
	ok "uninstall: not in $list" not grep one.ko "$dir/$list"
done
rm -r "$mark" "$dir/skip" "$dir/proven" "$sysfs/one"

# What cannot be loaded does not keep the others from being loaded.
printf 'broken.ko\nother.ko\ntwo.ko\n' > "$dir/order"
echo nonsense > "$dir/broken.ko"
cp "$tmp/other.ko" "$dir"
boot 1
try load --all --boot
exits 4 "two cannot be loaded"
err_has "'.*/broken.ko' is not a module for this kernel" "two cannot be loaded"
err_has "'.*/other.ko' was built for Linux 1.2.3" "two cannot be loaded"
ok "two cannot be loaded: the third is on" [ "$(enabled two)" = 1 ]
ok "two cannot be loaded: only the third is marked" holds "$mark" two.ko
rm "$dir/broken.ko" "$dir/other.ko" "$mark"

# If the kernel refuses all at one instant, they are enabled one after the other.
try install "$tmp/one.ko"
boot 2
no_switch
try load --all --boot
exits 0 "one after the other"
err_has "cannot switch '+two +one'" "one after the other"
ok "one after the other: both are on" [ "$(enabled one)$(enabled two)" = 11 ]
rmdir "$sysfs/switch"
: > "$sysfs/switch"
try uninstall two
rm -r "$sysfs/two" "$mark"

# A full disk keeps no fix away.
boot 3
mkdir "$dir/.new"
try load --all --boot
exits 0 "no place for the mark"
err_has "cannot write '$mark': .*; until that works, a patch with which the machine dies at boot is loaded again" \
	"no place for the mark"
ok "no place for the mark: loaded" [ "$(enabled one)" = 1 ]
rmdir "$dir/.new"

boot 4
mkdir -p "$tmp/sys/module/kpatch/parameters"
echo N > "$tmp/sys/module/kpatch/parameters/enable"
try load --all --boot
exits 0 "kpatch.enable=0"
out_is "nothing is loaded, as kpatch.enable=0 has it" "kpatch.enable=0"
ok "kpatch.enable=0: off" [ "$(enabled one)" = 0 ]
ok "kpatch.enable=0: not marked" [ ! -e "$mark" ]

finish
