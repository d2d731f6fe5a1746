#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# overlay.sh TREE: add the payload and the hunks to a kernel tree, or bring them up to
# date there. Does not touch unchanged files, so that make rebuilds only what it must.

. "$(dirname "$0")/lib.sh"

tree=${1:?usage: overlay.sh TREE}
state=$tree/.kpatch-overlay
mkdir -p "$state"
touch "$state/files"

payload > "$state/files.new"
LC_ALL=C comm -23 "$state/files" "$state/files.new" |
	while read -r gone; do rm -f "$tree/$gone"; done
rsync -t --files-from="$state/files.new" "$top/" "$tree/"
mv "$state/files.new" "$state/files"

hooks > "$state/hooks.new"
if ! cmp -s "$state/hooks.new" "$state/hooks" 2>/dev/null; then
	if [ -e "$state/hooks" ]; then
		patch -d "$tree" -p1 -R -s --no-backup-if-mismatch < "$state/hooks" || die "cannot undo the old hunks in $tree; unpack it again"
		rm "$state/hooks"
	fi
	patch -d "$tree" -p1 -s --no-backup-if-mismatch < "$state/hooks.new" || die "the hunks do not apply to $tree"
	mv "$state/hooks.new" "$state/hooks"
fi
