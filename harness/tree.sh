#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tree.sh: make the kernel tree to build, with the payload and the hunks, in
# build/<base>/linux. If its source has changed, because of another release or an edited
# file, the tree is made anew.
# tree.sh pristine DIR: make an unmodified copy in DIR.
# tree.sh origin: print the tarball or directory that trees are made from.
# tree.sh id: print a checksum that identifies that source, and its path.
# tree.sh release VERSION: print the tarball of this version of Debian's package
# linux-source-BASE, fetched if necessary; its changelog is beside it.
#
# The source is the first of these that exists: the directory or tarball that KSRC
# names; the release that harness/kernels lists for BASE, from build/cache, from the
# package linux-source-BASE, or from Debian's archive; any other release in these places:
# for BASE=6.12 the package linux-source-6.12, for BASE=7.x the package of the same name
# from Debian's backports. Exit status 4: none is available.

. "$(dirname "$0")/lib.sh"

cache=$top/build/cache
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

skip() { printf 'SKIP: %s\n' "$*" >&2; exit 4; }

checksum() { sha256sum < "$1" | cut -d' ' -f1; }

is_debian() {
	command -v apt-get >/dev/null && command -v chdist >/dev/null && [ -e "$keyring" ]
}

# The archive that this machine is configured to install from.
archive() {
	local release

	# shellcheck source=/dev/null
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016  # apt expands it
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
		"Release: $release" 'Component: main' | grep -v -- '-security' |
		head -n 1
}

# apt with directories of our own, so that the system's stay untouched. It reads the
# archives of the system's configuration, until read_suite changes that.
private_apt() {
	local cmd=$1
	shift
	chdist -d "$cache/apt" "$cmd" kernel -qq -o APT::Sandbox::User="$(id -un)" "$@"
}

# Proxies, archives and keys are the system's.
start_apt() {
	local own=$cache/apt/kernel/etc/apt part

	rm -rf "$cache/apt"
	mkdir -p "$cache/apt"	# chdist creates only what is in there
	chdist -d "$cache/apt" create kernel > /dev/null || return 1
	rm "$own/sources.list"
	for part in apt.conf.d auth.conf auth.conf.d trusted.gpg trusted.gpg.d \
		sources.list sources.list.d; do
		if [ -e "/etc/apt/$part" ]; then
			cp -RL --remove-destination "/etc/apt/$part" "$own/" || return 1
		fi
	done
	[ ! -e /etc/apt/apt.conf ] || cp /etc/apt/apt.conf "$own/apt.conf.d/zz-apt.conf"
}

# Read only SUITE of the archive.
read_suite() {
	local suite=$1 site

	site=$(archive)
	[ -n "$site" ] || { say "apt knows no archive to fetch a kernel from" >&2; return 1; }
	rm -rf "$cache/apt/kernel/etc/apt"/sources.list{,.d}
	echo "deb [signed-by=$keyring] $site $suite main" > "$cache/apt/kernel/etc/apt/sources.list"
	private_apt apt-get update >&2 || { say "cannot read $suite of the archive" >&2; return 1; }
}

# The package for BASE or, if the suite no longer has it, the newest of its series.
choose_package() {
	local found

	found=$(private_apt apt-cache pkgnames "linux-source-${BASE%%.*}." | LC_ALL=C sort -V)
	if grep -qx "linux-source-$BASE" <<< "$found"; then
		echo "linux-source-$BASE"
	else
		tail -n 1 <<< "$found"
	fi
}

# Print the package that SUITE of the archive has for BASE.
find_package() {
	local suite=$1 package

	is_debian || { say "fetching a kernel needs Debian's apt, its archive keyring and chdist" >&2; return 1; }
	read_suite "$suite" || return 1
	package=$(choose_package)
	[ -n "$package" ] || { say "$suite has no package linux-source-${BASE%%.*}.x" >&2; return 1; }
	[ "$package" = "linux-source-$BASE" ] ||
		say "$suite no longer has linux-source-$BASE, taking $package" >&2
	echo "$package"
}

# unpack_from PACKAGE FILE TO: only a complete file gets its final name.
unpack_from() {
	dpkg-deb --fsys-tarfile "$cache/apt/$1"_*.deb | tar -x -O "$2" > "$3.tmp" && mv "$3.tmp" "$3"
}

unpack_package() {
	local package=$1

	unpack_from "$package" "./usr/src/$package.tar.xz" "$cache/$package.tar.xz" || return 1
	[ "$package" = "linux-source-$BASE" ] ||
		ln -sf "$package.tar.xz" "$cache/linux-source-$BASE.tar.xz"
}

# Download the package for BASE from SUITE of the archive and extract the tarball. On
# failure prints the reason and returns 1.
fetch() {
	local package

	start_apt || return 1
	package=$(find_package "$1") || return 1
	(cd "$cache/apt" && private_apt apt-get download "$package" >&2) ||
		{ say "cannot download $package" >&2; return 1; }
	unpack_package "$package" || { say "$package has no tarball, or the disk is full" >&2; return 1; }
	rm -rf "$cache/apt"
}

# tested FIELD: this field of the line for BASE in harness/kernels, if there is one
tested() { awk -v base="$BASE" -v field="$1" '$1 == base { print $field }' "$top/harness/kernels"; }
tested_package() { tested 3; }
tested_sum() { tested 4; }

is_tested_file() { [ -e "$1" ] && [ "$(checksum "$1")" = "$(tested_sum)" ]; }

# An update replaces the installed package, but the archive may still have the old one:
# ask for the tested version. If it is missing, ask again after a day.
fetch_tested() {
	local version mark

	version=$(tested_package)
	mark=$cache/linux-source-$BASE.gone-$version
	if [ -z "$version" ] || ! is_debian || [ -n "$(find "$mark" -mtime -1 2>/dev/null)" ]; then
		return 1
	fi
	start_apt || return 1
	if read_tested_suite && (cd "$cache/apt" &&
		private_apt apt-get download "linux-source-$BASE=$version" >&2) &&
	   unpack_package "linux-source-$BASE"; then
		rm -rf "$cache/apt"
		return
	fi
	say "cannot fetch linux-source-$BASE $version, which was tested" >&2
	touch "$mark"
	return 1
}

read_tested_suite() {
	if [ "${BASE%%.*}" -ge 7 ]; then
		read_suite trixie-backports
	else
		private_apt apt-get update >&2
	fi
}

install_package() {
	[ "$(id -u)" -eq 0 ] && is_debian || return 1
	apt-get -qq install -y --no-install-recommends "linux-source-$BASE" >&2 ||
		{ apt-get -qq update >&2 &&
		apt-get -qq install -y --no-install-recommends "linux-source-$BASE" >&2; }
}

# fetch_release PACKAGE VERSION PLACE: its tarball and its changelog
fetch_release() {
	local package=$1 version=$2 place=$3

	(cd "$cache/apt" && private_apt apt-get download "$package=$version" >&2) ||
		skip "the archive has no version $version of $package, only $(
			private_apt apt-cache madison "$package" | cut -d'|' -f2 | tr -d ' ' |
				paste -sd ' ')"
	unpack_from "$package" "./usr/share/doc/$package/changelog.Debian.gz" \
		"$place.changelog.gz" || return
	unpack_from "$package" "./usr/src/$package.tar.xz" "$place.tar.xz"
}

# Print the tarball of VERSION of the package for BASE.
release() {
	local version=$1 package=linux-source-$BASE
	local place=$cache/linux-source-$version

	if [ ! -e "$place.tar.xz" ]; then
		if ! { is_debian && start_apt && read_tested_suite; }; then
			skip "there is no archive to fetch $package from"
		fi
		fetch_release "$package" "$version" "$place" ||
			die "$package $version has no tarball, or the disk is full"
		rm -rf "$cache/apt"
	fi
	echo "$place.tar.xz"
}

# Print the tarball or directory that trees are made from.
origin() {
	local installed=/usr/src/linux-source-$BASE.tar.xz
	local cached=$cache/linux-source-$BASE.tar.xz

	if [ -n "$KSRC" ]; then
		[ -e "$KSRC" ] || die "KSRC=$KSRC does not exist; name a kernel tree or a tarball of one"
		realpath "$KSRC"
	elif is_tested_file "$cached"; then
		echo "$cached"
	elif is_tested_file "$installed"; then
		echo "$installed"
	elif fetch_tested; then
		echo "$cached"
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

# Print a checksum that identifies a tarball or directory: of a tarball its contents, of
# a directory the names, sizes and times of all source files.
identify() {
	if [ -d "$1" ]; then
		(cd "$1" && find . \( -name .git -o -path ./build -o -path ./include/config \
			-o -name generated \) -prune -o -type f \( -name '*.[chlSy]' \
			-o -name 'K*' -o -name 'Make*' -o -name '*.sh' -o -name '*.p[ly]' \
			-o -name '*.awk' -o -name '*.tbl' \) ! -name '*.mod.c' \
			-printf '%p %s %T@\n') |
			LC_ALL=C sort | sha256sum | cut -d' ' -f1
	else
		checksum "$1"
	fi
}

source_id() {
	local from

	from=$(origin) || exit
	echo "$(identify "$from") $from"
}

# Copy the user's tree, without its history and build results.
copy_tree() {
	[ -e "$1/Kbuild" ] || die "KSRC=$1 is no kernel tree"
	rsync -a --exclude=/.git --exclude=/build "$1/" "$2/"
	[ ! -e "$2/include/config" ] || make -s -C "$2" mrproper
}

# A directory gets its final name only when it is complete.
pristine() {
	local dir=$1 id from

	[ ! -e "$dir" ] || die "$dir exists; remove it first"
	id=$(source_id)
	from=${id#* }
	rm -rf "$dir.tmp"
	mkdir -p "$dir.tmp"
	say "${dir#"$top/"}: from $from"
	if [ -d "$from" ]; then
		copy_tree "$from" "$dir.tmp"
	else
		tar -x -f "$from" -C "$dir.tmp" --strip-components=1
	fi
	echo "$id" > "$dir.tmp/.kpatch-source"
	mv "$dir.tmp" "$dir"
}

# An outdated tree can be deleted: the files that are edited are elsewhere.
refresh() {
	local id

	id=$(source_id)
	if [ -e "$src" ] && [ "$(source_of "$src")" != "$id" ]; then
		say "${src#"$top/"}: was made from something else than ${id#* } is now: made anew"
		rm -rf "$src"
	fi
	[ -e "$src" ] || pristine "$src"
	[ -n "$(tested_as "$src")" ] ||
		say "Linux $(version "$src") is used, from ${id#* }; tested were $(awk '!/^#/ { print $2 }' "$top/harness/kernels" | paste -sd ' ')"
}

case ${1:-} in
pristine)
	pristine "${2:?usage: tree.sh pristine DIR}"
	;;
origin)
	origin
	;;
id)
	source_id
	;;
release)
	release "${2:?usage: tree.sh release VERSION}"
	;;
'')
	refresh
	"$top/harness/overlay.sh" "$src"
	;;
*)
	die "usage: tree.sh [pristine DIR | origin | id | release VERSION]"
	;;
esac
