#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "tcp: check congestion control restriction first": a network namespace may not choose
# a restricted algorithm like dctcp. tcp_set_default_congestion_control() refused it, but
# after it had taken a reference to the module, which could not be removed any more.
#
# File: net/ipv4/tcp_cong.c

unshare -n true 2>/dev/null || { echo "skip: no network namespaces"; exit 0; }
modprobe -q tcp_dctcp
[ -e /sys/module/tcp_dctcp/refcnt ] || { echo "skip: no module of dctcp"; exit 0; }

before=$(cat /sys/module/tcp_dctcp/refcnt)
if unshare -n bash -c 'echo dctcp > /proc/sys/net/ipv4/tcp_congestion_control' 2>/dev/null; then
	echo "a network namespace chose dctcp" >&2
	exit 1
fi
after=$(cat /sys/module/tcp_dctcp/refcnt)
[ "$after" -gt "$before" ] && echo old || echo new
modprobe -q -r tcp_dctcp 2>/dev/null
exit 0
