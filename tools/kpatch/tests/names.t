#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Everything that may name a patch, and the directory of all patches

. "${0%/*}/tap.sh"

fake my_long_patch 1 vfs_read,1

for arg in my_long_patch my-long-patch my_long-patch my-long-patch.ko \
	my_long_patch.ko.xz ./my-long-patch.ko /no/such/dir/my_long_patch.ko \
	dir.ko/my-long-patch my-long-patch.ko.gz my-long-patch.ko.zst; do
	try info "$arg"
	exits 0 "'$arg'"
	out_has "^name:        my_long_patch$" "'$arg'"
done

for arg in my_long my_long_patch_ my_long_patch.o my_long_patch.xz \
	my_long_patch.ko.ko MY_LONG_PATCH; do
	try info "$arg"
	exits 1 "'$arg'"
	err_has "no patch '.*' is loaded" "'$arg'"
done

# None of these may lead out of the directory, or to the directory itself.
long=$(printf '%0300d' 0)
for arg in "" . .. / ./ ../ .ko my_long_patch/ my_long_patch/.. "$long"; do
	try disable "$arg"
	exits 1 "'$arg'"
	err_is "kpatch: '$arg' is not the name of a module" "'$arg'"
done
ok "nothing was disabled" [ "$(enabled my_long_patch)" = 1 ]

# A file that is not a module counts by its name, like one that does not exist.
echo nonsense > "$tmp/my-long-patch.ko"
try info "$tmp/my-long-patch.ko"
exits 0 "file that is no module"

KPATCH_SYSFS=$tmp/none
for cmd in "list" "list -v" "info me" "enable me" "disable me" "load me" \
	"unload me" "unload --all"; do
	# shellcheck disable=SC2086 # several words
	try $cmd
	exits 1 "$cmd without the directory"
	out_is "" "$cmd without the directory"
	err_has "no $tmp/none: .*CONFIG_KPATCH" "$cmd without the directory"
done

KPATCH_SYSFS=$tmp/file
touch "$KPATCH_SYSFS"
try list
exits 1 "not a directory"
err_is "kpatch: cannot read $tmp/file: Not a directory" "not a directory"

KPATCH_SYSFS=$tmp/secret
mkdir -m 0 "$KPATCH_SYSFS"
if [ -r "$KPATCH_SYSFS" ]; then
	skip "unreadable directory" "root may do all"
else
	try list
	exits 1 "unreadable directory"
	err_is "kpatch: cannot read $tmp/secret: Permission denied" \
		"unreadable directory"
fi

finish
