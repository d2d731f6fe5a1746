#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# setup.sh [PACKAGE...]: see that the packages are there that everything else needs, and
# those that are named; install them on Debian if we may, else say which ones are missing.

. "$(dirname "$0")/lib.sh"

packages=(bc binutils bison busybox-static ccache cpio devscripts flex gcc git gnuplot-nox jq kmod
	libc6-dev libelf-dev libjson-c-dev libkmod-dev libssl-dev libxxhash-dev make mandoc patch perl
	pkg-config procps python3 python3-docutils python3-jsonschema qemu-system-x86 rsync
	shellcheck sparse systemd util-linux xz-utils "$@")

missing() {
	local p
	for p in "${packages[@]}"; do
		dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null |
			grep -qx installed || echo "$p"
	done
}

if ! command -v dpkg-query >/dev/null; then
	for tool in bc bison busybox cc flex git insmod make mandoc patch \
		pkg-config prove python3 qemu-system-x86_64 rst2html rsync shellcheck sparse xz; do
		command -v "$tool" >/dev/null || absent+=" $tool"
	done
	[ -z "${absent:-}" ] || die "not found:$absent; install them (Debian's packages: ${packages[*]})"
	exit 0
fi

mapfile -t need < <(missing)
[ "${#need[@]}" -gt 0 ] || exit 0
[ "$(id -u)" -eq 0 ] || die "packages are missing; as root: apt-get install ${need[*]}"
say "installing ${need[*]}"
mkdir -p "$top/build"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install -y --no-install-recommends "${need[@]}"; } \
	> "$top/build/apt.log" 2>&1 || { tail "$top/build/apt.log"; die "apt-get failed"; }
mapfile -t need < <(missing)
[ "${#need[@]}" -eq 0 ] || die "apt-get did not install ${need[*]}"
