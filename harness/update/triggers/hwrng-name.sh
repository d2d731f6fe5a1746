#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "hwrng: core - reject unknown RNG names": a write of a name to rng_current that no
# random number generator has succeeded and changed nothing. It fails with ENODEV now.
#
# File: drivers/char/hw_random/core.c

file=/sys/class/misc/hw_random/rng_current

[ -e $file ] || modprobe -q rng-core
[ -e $file ] || { echo "skip: no hwrng"; exit 0; }
if error=$({ LC_ALL=C echo "no such generator" > $file; } 2>&1); then
	echo old
elif [[ $error == *"No such device"* ]]; then
	echo new
else
	echo "$error" >&2
	exit 1
fi
