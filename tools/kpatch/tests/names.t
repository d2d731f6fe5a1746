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
	exits 3 "'$arg'"
	err_has "no patch '.*' is loaded" "'$arg'"
done

# None of these may lead out of the directory, or to the directory itself.
long=$(printf '%0300d' 0)
for arg in "" . .. / ./ ../ .ko my_long_patch/ my_long_patch/.. "$long"; do
	try disable "$arg"
	exits 3 "'$arg'"
	err_is "kpatch: '$arg' is not the name of a module; see 'kpatch list'" "'$arg'"
done
ok "nothing was disabled" [ "$(enabled my_long_patch)" = 1 ]

# A file that is not a module counts by its name, like one that does not exist.
echo nonsense > "$tmp/my-long-patch.ko"
try info "$tmp/my-long-patch.ko"
exits 0 "file that is no module"

# all_fail STATUS DESCRIPTION MESSAGE: of each command. Each cause has its own remedy.
all_fail() {
	for cmd in "list" "list -v" "info me" "enable me" "disable me" "switch +me" \
		"load me" "replace me" "unload me" "unload --all" "rollback me" "confirm" \
		"check me" "status" "blockers"; do
		# shellcheck disable=SC2086 # several words
		try $cmd
		exits "$1" "$cmd, $2"
		out_is "" "$cmd, $2"
		err_is "kpatch: $3" "$cmd, $2"
	done
}

KPATCH_ROOT=$tmp/none
sysfs=$KPATCH_ROOT/sys/kernel/kpatch
mkdir -p "$KPATCH_ROOT/sys/kernel"
all_fail 6 "no kpatch in the kernel" "no $sysfs: this kernel has no kpatch; boot one that is built with CONFIG_KPATCH"
rmdir "$KPATCH_ROOT/sys/kernel"
all_fail 1 "no /sys" "/sys is not mounted; mount it with 'mount -t sysfs none /sys'"

mkdir "$KPATCH_ROOT/sys/kernel"
touch "$sysfs"
all_fail 1 "not a directory" "cannot read $sysfs: Not a directory; see 'ls -ld $sysfs'"

rm "$sysfs"
mkdir -m 0 "$sysfs"
if [ -r "$sysfs" ]; then
	skip "unreadable directory" "root may do all"
else
	try list
	exits 7 "unreadable directory"
	err_has "cannot read $sysfs: Permission denied" "unreadable directory"
fi

finish
