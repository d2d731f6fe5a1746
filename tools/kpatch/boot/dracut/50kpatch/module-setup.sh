#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A module of dracut: copy the kpatch command and installed patches to the initramfs, for
# load.sh. Only patches that a boot has proven: an initramfs cannot note with which patches
# the machine dies, so it must not be the first to try one.
#
# dracut sources this, and sets kernel and moddir.

# Where the command is installed by default; dracut may not look there.
find_kpatch() {
	PATH=/usr/local/sbin:/usr/sbin:$PATH type -P kpatch
}

check() {
	[ -s "/var/lib/kpatch/${kernel-}/proven" ] && find_kpatch > /dev/null
}

depends() {
	:
}

install() {
	local file dir=/var/lib/kpatch/${kernel-}

	inst_binary "$(find_kpatch)" /usr/sbin/kpatch
	[ ! -e "$dir/order" ] || inst_simple "$dir/order"
	while read -r file; do
		# It may be uninstalled, or skipped, meanwhile.
		[ -e "$dir/$file" ] || continue
		! grep -qxF -e "$file" "$dir/skip" 2>/dev/null || continue
		inst_simple "$dir/$file"
	done < "$dir/proven"
	# Before udev, which loads drivers.
	inst_hook pre-udev 00 "${moddir-}/load.sh"
}
