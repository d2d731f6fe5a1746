#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch install, uninstall, and what list shows of that

. "${0%/*}/tap.sh"

dir=$tmp/var/lib/kpatch
release=$(uname -r)

if ! modinfo "$tmp/fix-one.ko" name=fix_one kpatch=Y "vermagic=$release SMP"; then
	skip "install" "no compiler"
	finish
	exit
fi
modinfo "$tmp/a-fix.ko" name=a_fix kpatch=Y "vermagic=$release SMP"
modinfo "$tmp/old.ko" name=old kpatch=Y "vermagic=1.2.3 SMP"
modinfo "$tmp/plain.ko" name=plain "vermagic=$release SMP"

# installed LINES DESCRIPTION
installed() {
	"$kpatch" list | sed '1,/^Installed/d' > "$tmp/installed"
	ok "$2: list" [ "$(cat "$tmp/installed")" = "$1" ]
}

try install -v "$tmp/fix-one.ko"
exits 0 "install"
out_is "installed 'fix_one.ko' ($release)" "install"
ok "install: a copy" cmp "$tmp/fix-one.ko" "$dir/$release/fix_one.ko"
try install "$tmp/a-fix.ko"
exits 0 "install another"
installed "fix_one ($release)
a_fix ($release)" "in the order of the installation"
ok "the order is data" [ "$(cat "$dir/$release/order")" = "fix_one.ko
a_fix.ko" ]
printf 'a_fix.ko\ngone.ko\nfix_one.ko\n' > "$dir/$release/order"
: > "$dir/$release/added.ko"
installed "a_fix ($release)
fix_one ($release)
added ($release)" "files that are not in the order come last"
rm "$dir/$release/added.ko"

try install "$tmp/fix-one.ko"
exits 4 "install again"
err_is "kpatch: 'fix_one.ko' is already installed for Linux $release; uninstall it first" \
	"install again"
try install "$tmp/old.ko"
exits 6 "install for another kernel"
err_is "kpatch: '$tmp/old.ko' was built for Linux 1.2.3, not for $release; build it for that, or name its kernel with -k" \
	"install for another kernel"
try install -k 1.2.3 "$tmp/old.ko"
exits 0 "install -k"
installed "old (1.2.3)
a_fix ($release)
fix_one ($release)" "two kernels"
try install "$tmp/plain.ko"
exits 4 "install of what is no patch"
err_is "kpatch: '$tmp/plain.ko' is not the file of a patch module; give one that 'kpatch build' has made" \
	"install of what is no patch"
try install "$tmp/none.ko"
exits 3 "install of what is not there"
for kernel in "" . .. ../x a/b; do
	try install -k "$kernel" "$tmp/fix-one.ko"
	exits 2 "install -k '$kernel'"
done

# An installed patch is known by its name.
try info fix_one
exits 0 "info of an installed patch"
out_is "file:        $dir/$release/fix_one.ko
name:        fix_one
loaded:      no" "info of an installed patch"

printf '# ours\na_fix.ko # first\n\nfix_one.ko\n' > "$dir/$release/order"
modinfo "$tmp/third.ko" name=third kpatch=Y "vermagic=$release SMP"
try install "$tmp/third.ko"
ok "install: comments stay" [ "$(cat "$dir/$release/order")" = "# ours
a_fix.ko # first

fix_one.ko
third.ko" ]
try uninstall third
ok "uninstall: comments stay" [ "$(cat "$dir/$release/order")" = "# ours
a_fix.ko # first

fix_one.ko" ]

# They are loaded in one transaction, in this order; here both are loaded.
fake fix_one 0 vfs_read,1
fake a_fix 0 tty_open,1
try load --all
exits 0 "load --all"
ok "load --all: in order" grep -q '^+a_fix +fix_one ' "$sysfs/switch"
rm "$sysfs/switch"
mkdir "$sysfs/switch"
echo 0 > "$sysfs/fix_one/enabled"
rm "$sysfs/a_fix/enabled"
mkdir "$sysfs/a_fix/enabled"
try load --all
exits 1 "load --all, one fails"
ok "load --all, one fails: the other is enabled" [ "$(enabled fix_one)" = 1 ]
rmdir "$sysfs/switch"
: > "$sysfs/switch"

try uninstall -v fix-one.ko
exits 0 "uninstall"
out_is "uninstalled 'fix_one.ko' ($release)" "uninstall"
ok "uninstall: gone" [ ! -e "$dir/$release/fix_one.ko" ]
ok "uninstall: not in the order" not grep -q fix_one "$dir/$release/order"
try uninstall fix_one
exits 3 "uninstall again"
err_is "kpatch: 'fix_one' is not installed for Linux $release; see 'kpatch list'" \
	"uninstall again"
try uninstall old
exits 3 "uninstall from another kernel"
try uninstall --kernel-version=1.2.3 old
exits 0 "uninstall -k"
installed "a_fix ($release)" "what is left"

chmod 500 "$dir/$release"
if [ -w "$dir/$release" ]; then
	skip "install, not root" "root may do all"
else
	try install "$tmp/fix-one.ko"
	exits 7 "install, not root"
fi
chmod 700 "$dir/$release"
ok "no file is left half written" [ "$(ls -A "$dir/$release")" = "a_fix.ko
order" ]

finish
