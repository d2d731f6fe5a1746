#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "net: ipv4: add zero check for snd_cwnd_clamp": a locked congestion window of a route
# is the limit of TCP's, and 0 made no sense: ip_metrics_convert() refuses it now.
#
# File: net/ipv4/metrics.c

command -v ip >/dev/null || { echo "skip: no ip"; exit 0; }
[ -e /proc/sys/net/ipv4 ] || { echo "skip: no IPv4"; exit 0; }
unshare -n true 2>/dev/null || { echo "skip: no network namespaces"; exit 0; }

unshare -n bash -e <<'END'
ip link set lo up
ip route add 192.0.2.0/25 dev lo cwnd lock 1
if error=$(ip route add 192.0.2.128/25 dev lo cwnd lock 0 2>&1); then
	echo old
elif [[ $error == *"must be non zero"* || $error == *"Invalid argument"* ]]; then
	echo new
else
	echo "$error" >&2
	exit 1
fi
END
