#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-demo.sh: the tutorial of Documentation/kpatch.txt, from a fix to a loaded patch.
# Builds BASE, or KSRC, without the two commits in harness/build-demo, and has the
# tutorial's commands do what it shows, on the host and in a guest that runs this kernel.
#
# OBJTOOL_SOURCE: source of a kernel that has "objtool klp", for bases that have not

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tutorial.sh"

tutorial="from an upstream fix"
fixes=$top/harness/build-demo
commits=(24f600856418 467a726b754f)
demo=$work-build-demo
unfixed=$demo/unfixed

# A tree that never had the fix.
make_unfixed() {
	local i

	"$top/harness/tree.sh" pristine "$unfixed.new" || return
	for ((i = ${#commits[@]} - 1; i >= 0; i--)); do
		patch -d "$unfixed.new" -p1 -R -f -s < "$fixes/${commits[i]}.patch" ||
			die "commit ${commits[i]} cannot be reverted in this kernel"
	done
	mv "$unfixed.new" "$unfixed"
}

# The reader has a clone of the kernel's history, and kpatch installed.
on_host() (
	# shellcheck disable=SC2317  # the tutorial calls it
	git() { cat "$fixes/$2.patch"; }
	export BUILDDIR=$obj XDG_CACHE_HOME=$top/build/cache
	[ -z "${OBJTOOL_SOURCE:-}" ] || export KPATCH_OBJTOOL_SOURCE=$OBJTOOL_SOURCE
	cd "$demo"
	# shellcheck disable=SC2030
	PATH=$src/tools/kpatch:$PATH
	for part in 'git show' 'kpatch build --kernel'; do
		block "$tutorial" "\$ $part" > wanted
		transcript '$' wanted > shown
		compare "$demo/wanted" "$demo/shown"
	done
)

in_guest() {
	block "$tutorial" '# mount -t cgroup' > "$demo/guest"
	{
		declare -f transcript
		# shellcheck disable=SC2016  # the guest expands it
		printf 'cd %q\nPATH=%q:$PATH\n' "$demo" "$src/tools/kpatch"
		printf 'mkdir /run/demo\n'
		printf 'transcript "#" guest > /run/out/transcript\n'
	} > "$demo/guest.sh"
	"$top/harness/boot.sh" build-demo bash "$demo/guest.sh"
	compare "$demo/guest" "$work/out/build-demo/transcript"
}

compare() {
	echo
	cat "$2"
	grep -q '^[$#] ' "$1" || die "the tutorial has no commands there"
	diff -u --label tutorial --label shown "$1" "$2" || die "the tutorial shows something else"
}

mkdir -p "$demo"
[ -e "$unfixed" ] || make_unfixed
if [ ! -e "$unfixed/tools/objtool/klp-diff.c" ] && [ -z "${OBJTOOL_SOURCE:-}" ]; then
	BASE=7.3 KSRC='' "$top/harness/tree.sh"
	OBJTOOL_SOURCE=$top/build/7.3/linux
fi
export KSRC=$unfixed
. "$top/harness/lib.sh"
"$top/harness/build.sh"
build_tool
on_host
in_guest
