#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch check

. "${0%/*}/tap.sh"

# asked PATCH: what was written to its file
asked() {
	head -c 1 "$sysfs/$1/check"
}

fake off 0 vfs_read,1
fake on 1 tty_open,1

try check off
exits 0 "a disabled patch"
out_is "'off' could be enabled now" "a disabled patch"
ok "a disabled patch: asked to be enabled" [ "$(asked off)" = 1 ]
ok "a disabled patch: stays so" [ "$(enabled off)" = 0 ]

try check on
exits 0 "an enabled patch"
out_is "'on' could be disabled now" "an enabled patch"
ok "an enabled patch: asked to be disabled" [ "$(asked on)" = 0 ]
ok "an enabled patch: stays so" [ "$(enabled on)" = 1 ]

echo "12 sleeper tty_read asleep" > "$sysfs/on/blockers"
try check on
exits 0 "tasks would have to be parked"
out_is "'on' could be disabled now
these tasks would have to be parked:
  12 sleeper tty_read asleep" "tasks would have to be parked"
: > "$sysfs/on/blockers"

try check none on
exits 3 "one is missing"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" "one is missing"
out_is "'on' could be disabled now" "one is missing, the other is checked"

rm "$sysfs/on/check"
mkdir "$sysfs/on/check"
try check on
exits 1 "it cannot be asked"
out_is "" "it cannot be asked"
err_has "cannot disable 'on': Is a directory" "it cannot be asked"

finish
