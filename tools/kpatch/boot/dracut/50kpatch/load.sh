#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A hook of dracut, which sources it: load the patches that module-setup.sh has copied. With
# kpatch.enable=0 the command loads nothing.

[ ! -d /sys/kernel/kpatch ] || /usr/sbin/kpatch load --all --boot || :
