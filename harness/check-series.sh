#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check-series.sh [quick|ci|full]: is series/ what a maintainer could take?
#
#  - It is what series.sh makes of the payload and the hunks, byte for byte.
# And on pristine trees of each of BASES, or on that of KSRC:
#  - it applies with git am, called as README.md says;
#  - that gives the payload, the hunks, and nothing else;
#  - checkpatch.pl --strict of that tree reports nothing, for each patch;
#  - a configuration that Kconfig.fragment is merged into as README.md says has
#    kpatch and the sample;
#  - not quick: each prefix builds, with CONFIG_KPATCH=y and =n, without a
#    warning, W=1 for our own files.
#
# All prefixes are some hundred builds, so ci leaves most of them out, and says which. It
# builds on 6.12 only: the last one with =n, as small a kernel as can be; and with =y the
# last one, the one that has all of kernel/, and some of those that end with a patch that
# changes what is built and was not in the series before, see landed(). checkpatch.pl gets
# patches that were not in it, too.
#
# A base that cannot be had is skipped, 6.12 excepted. The trees that are built
# are kept in build/<base>/check. Prints TAP, fails if a check fails.

. "$(dirname "$0")/lib.sh"

mode=${1:-full}
case $mode in quick | ci | full) ;; *) die "usage: check-series.sh [quick|ci|full]" ;; esac
at_most=5	# prefixes of each base, for ci

series=$top/series
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
passed=

not_ok() {
	tap_result "not ok" "$1"
	tail -n 200 "$log" | sed 's/^/# /'
}

# check TEXT COMMAND...: sets passed, and always succeeds, because in anything that
# is part of a condition, say "check ... || return", bash ignores set -e for all
# of COMMAND, and a failure in the middle of it would pass.
check() {
	local text=$1 status start=$SECONDS
	shift
	set +e
	(set -e; "$@") > "$log" 2>&1 </dev/null
	status=$?
	set -e
	text="$text # $((SECONDS - start)) s"
	# Directives apart, what follows a # is no part of the name of a test.
	if [ "$status" -eq 0 ]; then
		passed=true
		tap_result ok "$text"
	else
		passed=false
		not_ok "$text"
	fi
}

patches() { find "$series" -name '[0-9]*.patch' ! -name '0000-*' | LC_ALL=C sort; }
touched() { hooks | sed -n 's|^+++ b/||p' | LC_ALL=C sort -u; }

# With the identity that signed the series: this machine may have none.
regenerate() {
	local from

	[ -e "$series" ] || die "there is no series/; run make series"
	from=$(cat "$series"/0000-* | sed -n '/^From: /,/>$/p' | tr -d '\n')
	SERIES_NAME=$(sed 's/^From: *//; s/ *<.*//' <<< "$from") \
		SERIES_EMAIL=$(sed 's/.*<//; s/>.*//' <<< "$from") \
		"$top/harness/series.sh" "$scratch/series"
	diff -r "$series" "$scratch/series" ||
		die "series/ is out of date; run make series"
}

# The repository that the series is applied to has its own data outside of the
# tree, or else the kernel would take commits of it for its version.
in_check() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		git -C "$tree" --git-dir="$work/check/git" --work-tree="$tree" \
		-c user.name=check -c user.email=check -c core.autocrlf=false "$@"
}

set_source() { source=$("$top/harness/tree.sh" id 2>"$scratch/reason"); }

# A pristine tree, and a repository of those of its files that the series
# changes. Made anew if the source is another one.
make_tree() {
	if [ "$(source_of "$work/check")" != "$source" ]; then
		rm -rf "$work/check"
		mkdir -p "$work/check"
		"$top/harness/tree.sh" pristine "$tree"
		git --git-dir="$work/check/git" init -q --bare
		echo "$source" > "$work/check/.kpatch-source"
	fi
	in_check am --quit 2>/dev/null || :
	if in_check rev-parse -q --verify base >/dev/null; then
		in_check checkout -q -f --detach base
	fi
	# Which files the hunks touch may have changed since the last time.
	in_check rm -r -q --cached --ignore-unmatch .
	touched | in_check add -f --pathspec-from-file=-
	in_check commit -q --allow-empty -m base
	in_check branch -f base HEAD
}

# as_in_readme WORDS: do what README.md tells to type, the line that begins so
as_in_readme() {
	local line

	line=$(grep "^    $1" "$top/README.md") || { echo "README.md has no '$1'"; return 1; }
	echo "$line"
	(cd "$tree" && K=$top eval "$line")
}

apply_series() {
	(
		export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
		export GIT_DIR=$work/check/git GIT_WORK_TREE=$tree
		export GIT_COMMITTER_NAME=check GIT_COMMITTER_EMAIL=check
		as_in_readme 'git am'
	)
	[ "$(in_check rev-list --count base..)" -eq "$(patches | wc -l)" ]
	in_check branch -f series HEAD
}

merge_fragment() {
	make -s -C "$tree" x86_64_defconfig && as_in_readme scripts/kconfig/merge_config.sh
	printf 'CONFIG_KPATCH=y\nCONFIG_SAMPLE_KPATCH=m\n' > "$scratch/sample.config"
	fragments=("$top/Kconfig.fragment" "$scratch/sample.config")
	unmet_options "$tree/.config"
}

# What was configured has to go, or nothing can be built elsewhere.
configure_as_in_readme() {
	local unmet

	in_check checkout -q -f --detach series
	unmet=$(merge_fragment 2>&1 | tee "$scratch/merge.log" | grep ': wanted ' || :)
	make -s -C "$tree" mrproper
	grep -q 'configuration written to .config' "$scratch/merge.log" || { cat "$scratch/merge.log"; return 1; }
	[ -z "$unmet" ] || { echo "$unmet"; return 1; }
}

# The tree that the harness builds, as far as it differs from a pristine one.
make_overlay() {
	mkdir "$scratch/overlay"
	in_check archive base | tar -x -C "$scratch/overlay"
	"$top/harness/overlay.sh" "$scratch/overlay"
	rm -r "$scratch/overlay/.kpatch-overlay"
}

compare() {
	rm -rf "$scratch/overlay" "$scratch/applied"
	make_overlay
	mkdir "$scratch/applied"
	in_check archive series | tar -x -C "$scratch/applied"
	diff -r "$scratch/applied" "$scratch/overlay"
	diff <(cd "$scratch/applied" && find . -type f -perm -u+x | LC_ALL=C sort) \
		<(cd "$scratch/overlay" && find . -type f -perm -u+x | LC_ALL=C sort)
	payload | while read -r file; do cmp "$top/$file" "$tree/$file"; done
	in_check diff --name-only base series | LC_ALL=C sort |
		diff - <({ payload; touched; } | LC_ALL=C sort -u)
	[ -z "$(in_check status --porcelain -uno)" ]
}

# The patches that a mode has checked: for ci those that are new.
checked() {
	local patch

	if [ "$mode" != ci ]; then
		patches
		return
	fi
	landed_patches > "$scratch/landed"
	while read -r patch; do
		grep -qxF "$(fingerprint < "$patch")" "$scratch/landed" || echo "$patch"
	done < <(patches)
}

# What checkpatch says about a patch depends on the tree that it is run in. One type
# of report is switched off: that MAINTAINERS may need a line for a new file. The first
# patch has all of them, and series.sh sees to it that no file is without.
checkpatch() {
	local patch report ret=0

	cd "$tree"
	while read -r patch; do
		report=$(scripts/checkpatch.pl --strict --show-types \
			--ignore FILE_PATH_CHANGES "$patch" 2>&1) || ret=1
		# It has to have seen some lines, and to have found nothing in them.
		grep -qE '^total: 0 errors, 0 warnings, 0 checks, [1-9][0-9]* lines checked$' \
			<<< "$report" && continue
		ret=1
		printf '%s\n' "$report"
	done < "$scratch/checked"
	return $ret
}

# Configure OBJ for the tests' guest, as build.sh does, with kpatch or without.
configure() {
	local obj=$1 with=$2

	echo "# CONFIG_KPATCH is not set" > "$scratch/n.config"
	echo "CONFIG_KPATCH=y" > "$scratch/y.config"
	mkdir -p "$obj"
	set_fragments "$tree"
	if [ "$mode,$with" = ci,n ]; then
		echo "CONFIG_64BIT=y" > "$scratch/small.config"
		fragments=("$scratch/small.config" "$top/Kconfig.fragment")
	fi
	(cd "$tree" && scripts/kconfig/merge_config.sh -n -O "$obj" \
		"${fragments[@]}" "$scratch/$with.config") \
		> "$scratch/config.log" 2>&1 || { cat "$scratch/config.log"; return 1; }
}

build() {
	local obj=$1
	shift
	make -C "$tree" O="$obj" -j"$JOBS" "$@" > "$scratch/build.log" 2>&1 ||
		{ grep -v '^  [A-Z]' "$scratch/build.log" | tail -n 40; return 1; }
	! grep -i -B2 -A6 'warning' "$scratch/build.log"
}

# Our own directories among those of the tree that a prefix has to build.
own_dirs() {
	local dir

	for dir in kernel/kpatch samples/kpatch; do
		[ ! -e "$tree/$dir/Makefile" ] || echo "$dir/"
	done
}

# Build the prefix that ends with COMMIT. Where kpatch is on the kernel is linked
# as well, so a symbol that comes with a later patch is noticed. W=1 has an
# object directory of its own: switching it on and off would rebuild too much.
build_prefix() {
	local commit=$1 with=$2 dirs

	in_check checkout -q -f --detach "$commit"
	if [ ! -e "$scratch/configured.$with" ] ||
	   in_check diff --name-only "$(cat "$scratch/configured.$with")" "$commit" | grep -q Kconfig; then
		configure "$work/check/obj" "$with"
		[ "$with" = n ] || configure "$work/check/obj-w1" y
	fi
	echo "$commit" > "$scratch/configured.$with"
	if [ "$with" = y ]; then
		grep -qx CONFIG_KPATCH=y "$work/check/obj/.config" ||
			die "CONFIG_KPATCH=y did not survive in .config"
		readarray -t dirs < <(own_dirs)
		build "$work/check/obj-w1" W=1 "${dirs[@]}"
	else
		! grep -x CONFIG_KPATCH=y "$work/check/obj/.config" || return 1
	fi
	build "$work/check/obj" vmlinux
}

# Whether kpatch can be switched on at all, after a patch.
can_enable() { in_check grep -q 'select HAVE_KPATCH' "$1" -- 'arch/*/Kconfig'; }

# The commit that has the series that landed last, as far as can be told: where this
# branch left origin/main, or else what was there before series/ changed. Nothing
# without a history.
landed() (
	cd "$top"
	head=$(git rev-parse -q --verify HEAD 2>/dev/null) || return 0
	if from=$(git merge-base HEAD origin/main 2>/dev/null) && [ "$from" != "$head" ]; then
		echo "$from"
	elif ! git diff --quiet HEAD -- series; then
		echo "$head"
	else
		from=$(git log -n 1 --format=%H -- series)
		git rev-parse -q --verify "$from~" || :
	fi
)

# What a patch is, whatever its place in the series: a checksum of standard input.
fingerprint() {
	sed -E '1,/^$/ { /^(From|Date:) /d; s/^(Subject: )\[PATCH [^]]*\] /\1/ }' |
		sha256sum | cut -d' ' -f1
}

# The fingerprints of the patches that landed, one a line.
landed_patches() {
	local from file

	from=$(landed)
	[ -n "$from" ] || return 0
	git -C "$top" ls-tree --name-only "$from" series/ | while read -r file; do
		git -C "$top" show "$from:$file" | fingerprint
	done
}

# Numbers, one a line, as 1-3 5.
spans() {
	awk '
	function flush() { if (n) text = text " " (first == last ? first : first "-" last) }
	n && $1 == last + 1 { last++; next }
	{ flush(); first = last = $1; n = 1 }
	END { flush(); print n ? substr(text, 2) : "none" }'
}

# Whether the commit changes what is built.
is_built() { in_check diff --name-only "$1~" "$1" | grep -qvE '^(Documentation|tools|MAINTAINERS)'; }

# New patches whose prefixes there is room for: of too many, some here and there.
choose_new() {
	local room=$((at_most - 3)) new=() patch i=0

	landed_patches > "$scratch/landed"
	if [ ! -s "$scratch/landed" ]; then
		echo "# no series is known that landed before this one: no patch counts as new" >&2
		return
	fi
	while read -r patch; do
		i=$((i + 1))
		if ! grep -qxF "$(fingerprint < "$patch")" "$scratch/landed" &&
		   is_built "${commits[i]}" && can_enable "${commits[i]}"; then
			new+=("$i")
		fi
	done < <(patches)
	for ((i = 0; i < ${#new[@]}; i++)); do
		if [ $(((i + 1) * room / ${#new[@]})) -ne $((i * room / ${#new[@]})) ] ||
		   [ "${#new[@]}" -le "$room" ]; then
			echo "${new[i]}"
		fi
	done
}

# The prefixes to build: commits[1] is the first patch.
choose_prefixes() {
	local commit i last

	commits=('')
	while read -r commit; do
		commits+=("$commit")
	done < <(in_check log --reverse --format=%h base..series)
	last=$((${#commits[@]} - 1))
	build_y=() build_n=()
	for ((i = 1; i <= last; i++)); do
		build_n+=("$i")
		! can_enable "${commits[i]}" || build_y+=("$i")
	done
	[ "$mode" = ci ] || return 0

	local all_y=("${build_y[@]}") all_n=("${build_n[@]}") core
	for ((core = last; core > 1; core--)); do
		! in_check diff --name-only "${commits[core]}~" "${commits[core]}" |
			grep -q '^kernel/' || break
	done
	build_n=() build_y=()
	if [ "$BASE" != 7.3 ]; then
		build_n=("$last")
		readarray -t build_y < <({ choose_new; echo "$core"; echo "$last"; } | sort -nu)
	fi
	echo "# $BASE: left out, for make check-series to build: patches 1-N, N =" \
		"$(left_out "${all_y[*]}" "${build_y[*]}") with CONFIG_KPATCH=y," \
		"$(left_out "${all_n[*]}" "${build_n[*]}") with =n"
}

# left_out ALL CHOSEN
left_out() {
	{ tr ' ' '\n' <<< "$1" | grep -vxF -f <(tr ' ' '\n' <<< "$2") || :; } | spans
}

build_prefixes() {
	local with=$1 i commit
	shift

	rm -f "$scratch"/configured.*
	for i; do
		commit=${commits[i]}
		check "$BASE: patches 1-$i build with CONFIG_KPATCH=$with, $(in_check log -1 --format=%s "$commit")" \
			build_prefix "$commit" "$with"
		$passed || break
	done
}

check_base() {
	tree=$work/check/linux
	if ! set_source; then
		cp "$scratch/reason" "$log"
		if [ "$BASE" = 6.12 ]; then
			not_ok "$BASE: there is a pristine tree"
		else
			tap_skip "$BASE" "$(sed -n 's|^SKIP: ||p' "$scratch/reason")"
		fi
		return
	fi
	check "$BASE: there is a pristine tree, $(basename "${source#* }")" make_tree
	$passed || return 0
	check "$BASE: the series applies with git am" apply_series
	$passed || return 0
	check "$BASE: it gives the payload, the hunks, and nothing else" compare
	check "$BASE: Kconfig.fragment configures kpatch and the sample" configure_as_in_readme
	in_check checkout -q -f --detach base
	checked > "$scratch/checked"
	check "$BASE: checkpatch --strict reports nothing about $(wc -l < "$scratch/checked") patches" checkpatch
	if [ "$mode" != quick ]; then
		choose_prefixes
		build_prefixes n "${build_n[@]}"
		build_prefixes y "${build_y[@]}"
	fi
	in_check checkout -q -f --detach base
}

check "series/ is what the payload and the hunks make" regenerate
bases=${BASES:-6.12 7.3}
[ -z "$KSRC" ] || bases=$BASE
export BASE KSRC
for BASE in $bases; do
	. "$(dirname "$0")/lib.sh"	# says where things are, for this base
	check_base
done
finish_tap
