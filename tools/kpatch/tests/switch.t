#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch enable, disable, and those parts of load and unload that need no module

. "${0%/*}/tap.sh"

fake one 0 vfs_read,1
fake two 0 tty_open,1
# Plain files do not follow the state of a patch, and an enabled patch with a function
# that is not live is considered covered.
echo 1 > "$KPATCH_SYSFS/one/vmlinux/vfs_read,1/live"
echo 1 > "$KPATCH_SYSFS/two/vmlinux/tty_open,1/live"

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

try enable -v one two one
exits 0 "enable two"
out_is "enabled 'one'
enabled 'two'" "enable two, a double is dropped"

try disable none one
exits 1 "disable, one is missing"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" \
	"disable, one is missing"
ok "disable did the other one" [ "$(enabled one)" = 0 ]

try enable none
exits 1 "enable, missing"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" \
	"enable, missing"

# A newer patch has replaced tty_open again.
fake older 1 tty_open,1
echo 0 > "$KPATCH_SYSFS/older/vmlinux/tty_open,1/live"
try disable older
exits 1 "disable, covered"
err_has "cannot disable 'older': a newer patch has replaced" \
	"disable, covered"
err_has "'older' stays loaded and enabled" "disable, covered"
ok "disable left the covered one" [ "$(enabled older)" = 1 ]

try disable -v older two
exits 1 "disable, covered and its cover"
out_is "disabled 'two'" "disable, covered and its cover"
ok "disable did the cover" [ "$(enabled two)" = 0 ]

# A function of a module is not live before that is loaded.
fake modular 1 vfs_read,1
echo 1 > "$KPATCH_SYSFS/modular/vmlinux/vfs_read,1/live"
mkdir -p "$KPATCH_SYSFS/modular/some_module/its_func,1"
echo 0 > "$KPATCH_SYSFS/modular/some_module/its_func,1/live"
mkdir -p "$KPATCH_SYSFS/../../module/some_module"
try disable modular
exits 1 "disable, covered in a module"
rmdir "$KPATCH_SYSFS/../../module/some_module"
try disable modular
exits 0 "disable, a module is not loaded"
ok "disable did it without the module" [ "$(enabled modular)" = 0 ]

rm -r "$KPATCH_SYSFS/one/enabled"
mkdir "$KPATCH_SYSFS/one/enabled"
try enable one
exits 1 "enable, cannot write"
err_is "kpatch: cannot enable 'one': Is a directory; see dmesg (-21)" \
	"enable, cannot write"
try disable one
exits 1 "disable, cannot write"
err_is "kpatch: cannot disable 'one': Is a directory; see dmesg (-21)" \
	"disable, cannot write"

chmod 400 "$KPATCH_SYSFS/two/enabled"
if [ -w "$KPATCH_SYSFS/two/enabled" ]; then
	skip "enable, not root" "root may do all"
else
	try enable two
	err_is "kpatch: cannot enable 'two': needs root; become root (-13)" \
		"enable, not root"
fi
chmod 600 "$KPATCH_SYSFS/two/enabled"

try load two
exits 0 "load of a disabled patch"
out_is "" "load of a disabled patch"
err_is "" "load of a disabled patch"
ok "load enabled it" [ "$(enabled two)" = 1 ]

try load -v ./two.ko
exits 0 "load of an enabled patch"
err_is "kpatch: 'two' is already loaded and enabled" "load of an enabled patch"

try load "$tmp/missing.ko"
exits 1 "load of a missing file"
err_is "kpatch: cannot read '$tmp/missing.ko': No such file or directory" \
	"load of a missing file"

try load kpatch_test_no_such_module
exits 1 "load of an unknown name"
err_has "no module 'kpatch_test_no_such_module' in /lib/modules/" \
	"load of an unknown name"

try unload none
exits 1 "unload, missing"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" \
	"unload, missing"

rm -r "$KPATCH_SYSFS"
mkdir "$KPATCH_SYSFS"
try unload --all
exits 0 "unload --all of nothing"
out_is "" "unload --all of nothing"
err_is "" "unload --all of nothing"

# There is no such module; without root the error may be a different one.
fake kpatch_test_no_module 1 vfs_read,1
try unload -t 0 kpatch_test_no_module
exits 1 "unload, module stays"
err_has "cannot remove the module of 'kpatch_test_no_module': " \
	"unload, module stays"
err_has "'kpatch_test_no_module' is disabled, but stays loaded" \
	"unload, module stays"
ok "unload disabled it" [ "$(enabled kpatch_test_no_module)" = 0 ]

finish
