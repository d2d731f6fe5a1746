#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# PID 1 of the guest. The root file system is the host's, mounted read-only; a tmpfs on
# /run takes all writes, and /run/out is shared with the host.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TERM=${TERM:-linux}

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing 2>/dev/null
mount -t devtmpfs dev /dev
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mkdir -p /run/out /run/tmp
export TMPDIR=/run/tmp
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 out /run/out

cd /run || exit 1
if [ -e /run/out/interactive ]; then
	setsid -c bash --rcfile /run/out/interactive -i
else
	bash /run/out/command
	echo $? > /run/out/status
fi
sync
busybox reboot -f
