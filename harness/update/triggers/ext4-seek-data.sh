#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ext4: don't report delalloc data as a hole on indirect-mapped inodes": without extents,
# a hole was as long as the block map says, which knows nothing of data that is still to
# be allocated. lseek(SEEK_DATA) did not find it: ENXIO.
#
# File: fs/ext4/indirect.c

command -v mke2fs >/dev/null || { echo "skip: no mke2fs"; exit 0; }
modprobe -q loop
grep -qw ext4 /proc/filesystems || modprobe -q ext4 || { echo "skip: no ext4"; exit 0; }
[ -e /dev/loop-control ] || { echo "skip: no loop devices"; exit 0; }

dir=$(mktemp -d /run/triggerXXXXXX) || exit 1
trap 'rm -f "$dir/image"; rmdir "$dir/mount" "$dir"' EXIT
mkdir "$dir/mount"
truncate -s 4M "$dir/image"
mke2fs -q -F -t ext2 -b 4096 "$dir/image" || exit 1

export dir
unshare -m bash <<'END'
mount -t ext4 -o loop "$dir/image" "$dir/mount" || exit 1
cd "$dir/mount" && python3 - <<'EOF' || exit 1
import errno
import os

BLOCK = 4096
fd = os.open("file", os.O_RDWR | os.O_CREAT)
# The first block of the map's second level is 12.
os.pwrite(fd, b"x" * BLOCK, 20 * BLOCK)
try:
    at = os.lseek(fd, 12 * BLOCK, os.SEEK_DATA)
    assert at == 20 * BLOCK, at
    print("new")
except OSError as error:
    if error.errno != errno.ENXIO:
        raise
    print("old")
EOF
cd /
umount "$dir/mount"
END
