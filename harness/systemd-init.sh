#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# PID 1 of a guest that boots with systemd: does what an initramfs would do. The root file
# system is the host's, mounted read-only. These directories come from /run/out/root, which
# is shared with the host: what the guest writes there is on disk even if it dies.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/out
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 out /run/out
for dir in /etc/systemd /usr/lib/systemd/system /usr/local /var/lib; do
	mount --bind "/run/out/root$dir" "$dir"
done
# It takes the host for a container if that is one.
export container=
exec /lib/systemd/systemd
