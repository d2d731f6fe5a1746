#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tree.sh: make sure that there is a kernel tree to build, with the payload and
# the hunks in it, in build/<base>/linux.
# tree.sh pristine DIR: put a copy into DIR that nothing was done to.
# tree.sh origin: print which tarball or directory these are made from.
#
# The tree is, in this order: what KSRC names, a directory or a tarball; for
# BASE=6.12 the package linux-source-6.12; for BASE=7.x the package of the same
# name from Debian's backports. Exit status 4: there is none to be had.

. "$(dirname "$0")/lib.sh"

cache=$top/build/cache
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

skip() { printf 'SKIP: %s\n' "$*" >&2; exit 4; }

is_debian() { command -v apt-get >/dev/null && [ -e "$keyring" ]; }

# The archive that this machine installs from, as its own configuration says.
archive() {
	local release

	# shellcheck source=/dev/null
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016  # apt expands it
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
		"Release: $release" 'Component: main' | grep -v -- '-security' |
		head -n 1
}

# apt with a configuration of our own: the system's is left alone.
private_apt() {
	local cmd=$1
	shift
	"$cmd" -qq -o Dir::Etc::sourcelist="$cache/apt/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$cache/apt/lists" \
		-o Dir::Cache="$cache/apt/cache" \
		-o APT::Sandbox::User="$(id -un)" "$@"
}

# The package for BASE in SUITE or, once that is gone, the newest of its series.
choose_package() {
	local found

	found=$(private_apt apt-cache pkgnames "linux-source-${BASE%%.*}." | LC_ALL=C sort -V)
	if grep -qx "linux-source-$BASE" <<< "$found"; then
		echo "linux-source-$BASE"
	else
		tail -n 1 <<< "$found"
	fi
}

# Where SUITE of the archive can be read and has something, say which package.
find_package() {
	local suite=$1 site package

	is_debian || { say "fetching a kernel needs Debian's apt and its archive keyring" >&2; return 1; }
	site=$(archive)
	[ -n "$site" ] || { say "apt knows no archive to fetch a kernel from" >&2; return 1; }
	echo "deb [signed-by=$keyring] $site $suite main" > "$cache/apt/sources.list"
	private_apt apt-get update >&2 || { say "cannot read $suite of the archive" >&2; return 1; }
	package=$(choose_package)
	[ -n "$package" ] || { say "$suite has no package linux-source-${BASE%%.*}.x" >&2; return 1; }
	[ "$package" = "linux-source-$BASE" ] ||
		say "$suite no longer has linux-source-$BASE, taking $package" >&2
	echo "$package"
}

# Only what is complete gets its name.
unpack_package() {
	local package=$1

	dpkg-deb --fsys-tarfile "$cache/apt/$package"_*.deb |
		tar -x -O "./usr/src/$package.tar.xz" > "$cache/$package.tmp" &&
		mv "$cache/$package.tmp" "$cache/$package.tar.xz" || return 1
	[ "$package" = "linux-source-$BASE" ] ||
		ln -sf "$package.tar.xz" "$cache/linux-source-$BASE.tar.xz"
}

# Download the package for BASE from SUITE of the archive and take the tarball
# out of it. Returns 1, with the reason printed, if that cannot be done.
fetch() {
	local package

	rm -rf "$cache/apt"
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial" || return 1
	package=$(find_package "$1") || return 1
	(cd "$cache/apt" && private_apt apt-get download "$package" >&2) ||
		{ say "cannot download $package" >&2; return 1; }
	unpack_package "$package" || { say "$package has no tarball, or the disk is full" >&2; return 1; }
	rm -rf "$cache/apt"
}

install_package() {
	[ "$(id -u)" -eq 0 ] && is_debian || return 1
	apt-get -qq install -y --no-install-recommends "linux-source-$BASE" >&2 ||
		{ apt-get -qq update >&2 &&
		apt-get -qq install -y --no-install-recommends "linux-source-$BASE" >&2; }
}

# Print the tarball or directory that trees are made from.
origin() {
	local installed=/usr/src/linux-source-$BASE.tar.xz
	local cached=$cache/linux-source-$BASE.tar.xz

	if [ -n "$KSRC" ]; then
		[ -e "$KSRC" ] || die "KSRC=$KSRC does not exist; name a kernel tree or a tarball of one"
		realpath "$KSRC"
	elif [ -e "$cached" ]; then
		echo "$cached"
	elif [ -e "$installed" ]; then
		echo "$installed"
	elif [ "${BASE%%.*}" -ge 7 ]; then
		fetch trixie-backports ||
			skip "no kernel $BASE: name a tree of your own with KSRC="
		echo "$cached"
	elif install_package; then
		echo "$installed"
	else
		fetch trixie || skip "no kernel $BASE: install the package linux-source-$BASE, or name a tree of your own with KSRC="
		echo "$cached"
	fi
}

# Copy the user's tree, without its history and what was built in it.
copy_tree() {
	[ -e "$1/Kbuild" ] || die "KSRC=$1 is no kernel tree"
	rsync -a --exclude=/.git --exclude=/build "$1/" "$2/"
	[ ! -e "$2/include/config" ] || make -s -C "$2" mrproper
}

# Directories appear when they are complete, not before.
pristine() {
	local dir=$1 from

	[ ! -e "$dir" ] || die "$dir exists; remove it first"
	from=$(origin)
	rm -rf "$dir.tmp"
	mkdir -p "$dir.tmp"
	say "${dir#"$top/"}: from $from"
	if [ -d "$from" ]; then
		copy_tree "$from" "$dir.tmp"
	else
		tar -x -f "$from" -C "$dir.tmp" --strip-components=1
	fi
	mv "$dir.tmp" "$dir"
}

case ${1:-} in
pristine)
	pristine "${2:?usage: tree.sh pristine DIR}"
	;;
origin)
	origin
	;;
'')
	[ -e "$src/Makefile" ] || pristine "$src"
	"$top/harness/overlay.sh" "$src"
	;;
*)
	die "usage: tree.sh [pristine DIR | origin]"
	;;
esac
