#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# series.sh [DIR]: write the patch series to DIR, by default series/.
#
# Each directory in harness/series is one patch:
#   message       subject, empty line, body
#   files         the payload files that it adds, one shell pattern per line
#   hooks.patch   hunks in existing kernel files; line numbers are those of the
#                 6.12 tree, without the other patches of the series
# The cover letter is harness/series/cover.
#
# Two files grow from patch to patch. kernel/kpatch/Makefile names only objects whose
# source has been added. The entry in MAINTAINERS names only files that have been added,
# and a directory only once all its files have been added; until then it lists them.
#
# The same payload gives the same bytes, independent of the time, the machine and the
# point release of 6.12: the hunks in existing files are applied to files that consist
# of the context of the hunks, at the right line numbers. check-series.sh checks that
# they apply to real trees. SERIES_NAME and SERIES_EMAIL override the git identity of
# this repository.

. "$(dirname "$0")/lib.sh"

out=${1:-$top/series}
steps=$top/harness/series
date=1795348800		# of the first patch, seconds since 1970
entry=KPATCH		# in MAINTAINERS

name=${SERIES_NAME:-$(git -C "$top" config user.name || true)}
email=${SERIES_EMAIL:-$(git -C "$top" config user.email || true)}
if [ -z "$name" ] || [ -z "$email" ]; then
	die "who signs the series? git config user.name and user.email, or set SERIES_NAME and SERIES_EMAIL"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tree=$scratch/tree
plan=$scratch/plan	# lines "step file"

# The user's own git settings must not affect the result.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 LC_ALL=C TZ=UTC
export GIT_AUTHOR_NAME=$name GIT_AUTHOR_EMAIL=$email
export GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

in_tree() { git -C "$tree" -c core.abbrev=12 "$@"; }

list_steps() { (cd "$steps" && printf '%s\n' [0-9]*/) | tr -d /; }

# Which patch adds which file: each file belongs to exactly one patch, and each pattern
# matches at least one file.
make_plan() {
	local step pattern file

	payload > "$scratch/payload"
	while read -r step; do
		[ -e "$steps/$step/files" ] || continue
		while read -r pattern; do
			matched=
			while read -r file; do
				# shellcheck disable=SC2053  # a pattern
				[[ $file == $pattern ]] || continue
				matched=1
				echo "$step $file"
			done < "$scratch/payload"
			[ -n "$matched" ] || die "harness/series/$step/files: nothing matches '$pattern'"
		done < "$steps/$step/files"
	done < <(list_steps) > "$plan"
	cut -d' ' -f2 "$plan" | sort > "$scratch/planned"
	while read -r file; do
		die "$file is in two patches; see harness/series/*/files"
	done < <(uniq -d "$scratch/planned")
	while read -r file; do
		die "$file is in no patch; add it to one of harness/series/*/files"
	done < <(comm -13 "$scratch/planned" "$scratch/payload")
}

# Existing files, as far as the hunks show them: the old side of each hunk in its place,
# the heading of the hunk before it, and filler elsewhere: "~" and the line number.
make_base() {
	mkdir -p "$tree"
	hooks | awk -v tree="$tree" '
	function flush_all(f, i) {
		for (f in last) {
			system("mkdir -p \"$(dirname \"" tree "/" f "\")\"")
			# Filler after the last hunk, unless it reaches the end of the file.
			if (context[f] == 2)
				last[f] += 3
			for (i = 1; i <= last[f]; i++)
				print (f, i) in text ? text[f, i] : "~" i > (tree "/" f)
			close(tree "/" f)
		}
	}
	/^--- a\// { file = substr($2, 3); old = 0; next }
	/^\+\+\+ / && !old { next }
	/^@@ / {
		split($2, at, ",")
		n = -at[1]
		old = at[2]
		heading = $0
		if (sub(/^@@ [^@]* @@ /, "", heading))
			text[file, n - 2] = heading
		next
	}
	/^[ -]/ {
		if (old-- <= 0) { print "stray line: " $0; exit 1 }
		text[file, n] = substr($0, 2)
		if (n > last[file])
			last[file] = n
		context[file] = /^ / ? context[file] + 1 : 0
		n++
		next
	}
	/^\+/ { context[file] = 0; next }
	{ print "no line of a patch: " $0; exit 1 }
	END { flush_all() }' || die "a hooks.patch is malformed"
}

arrived() { [ -e "$tree/$1" ]; }

# Drop objects whose source has not been added, settings of such objects, and then
# paragraphs of which only a comment is left.
prune_makefile() {
	local dir=$1
	awk -v dir="$tree/$dir" '
	# A composite object exists once one of its parts does.
	function have(object) {
		if (object == "kpatch.o")
			return system("ls \"" dir "\"/*.c > /dev/null 2>&1") == 0
		sub(/\.o$/, ".c", object)
		return system("test -e \"" dir "/" object "\"") == 0
	}
	function flush_paragraph() {
		if (body || first) {
			printf "%s%s", sep, paragraph
			sep = "\n"
		}
		paragraph = ""
		body = first = 0
	}
	NR == 1 { first = 1 }
	/^$/ { flush_paragraph(); next }
	/^#/ { paragraph = paragraph $0 "\n"; next }
	/^(obj|kpatch)-/ {
		line = $1 " " $2
		n = 0
		for (i = 3; i <= NF; i++)
			if (have($i)) { line = line " " $i; n++ }
		if (n) { paragraph = paragraph line "\n"; body = 1 }
		next
	}
	match($1, /_[a-z0-9_-]+\.o$/) {
		object = $1
		sub(/^[A-Z_]*_/, "", object)
		if (!have(object)) next
	}
	{ paragraph = paragraph $0 "\n"; body = 1 }
	END { flush_paragraph() }' "$top/$dir/Makefile"
}

# Expand a pattern of MAINTAINERS to the files that have been added.
expand_pattern() {
	local pattern=$1 file now=() all=0

	while read -r file; do
		case $pattern in
		*/) [[ $file == "$pattern"* ]] || continue ;;
		*) [[ $file == "$pattern" ]] || continue ;;
		esac
		all=$((all + 1))
		! arrived "$file" || now+=("$file")
	done < "$scratch/payload"
	[ "$all" -ne 0 ] || die "MAINTAINERS: nothing matches 'F: $pattern'"
	if [ "${#now[@]}" -eq "$all" ]; then
		printf 'F:\t%s\n' "$pattern"
	elif [ "${#now[@]}" -ne 0 ]; then
		printf '%s\n' "${now[@]}" | awk '
		{ stem = $0; sub(/\.[ch]$/, "", stem); n[stem]++; file[stem] = $0 }
		END { for (s in n) print "F:\t" (n[s] > 1 ? s ".*" : file[s]) }' | sort
	fi
}

# Expand the patterns of the kpatch entry in the full MAINTAINERS.
prune_maintainers() {
	local line inside=

	while IFS= read -r line; do
		case $line in
		"$entry") inside=1 ;;
		'') inside= ;;
		esac
		case $inside$line in
		1F:*) expand_pattern "${line#F:?}" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done < "$scratch/MAINTAINERS"
}

grow() {
	if arrived kernel/kpatch/Makefile; then
		prune_makefile kernel/kpatch > "$tree/kernel/kpatch/Makefile"
	fi
	if [ -e "$scratch/MAINTAINERS" ]; then
		prune_maintainers > "$tree/MAINTAINERS"
	fi
}

apply_hooks() {
	local patch=$steps/$1/hooks.patch

	[ -e "$patch" ] || return 0
	in_tree apply "$patch" 2>"$scratch/err" || {
		cat "$scratch/err" >&2
		die "harness/series/$1/hooks.patch: its hunks contradict those of another patch"
	}
	# Keep the full entry: each patch commits a part of it.
	if grep -q '^+++ b/MAINTAINERS' "$patch"; then
		cp "$tree/MAINTAINERS" "$scratch/MAINTAINERS"
	fi
}

commit() {
	export GIT_AUTHOR_DATE="$date +0000" GIT_COMMITTER_DATE="$date +0000"
	date=$((date + 1))
	in_tree add -A
	in_tree commit -q "$@"
}

add_step() {
	local step=$1 file

	[ -s "$steps/$step/message" ] || die "harness/series/$step/message is missing"
	while read -r file; do
		(cd "$top" && cp --parents -p "$file" "$tree/")
	done < <(sed -n "s|^$step ||p" "$plan")
	apply_hooks "$step"
	grow
	commit -s -F "$steps/$step/message"
}

make_commits() {
	local step

	git init -q -b base "$tree"
	in_tree config core.fileMode true
	make_base
	commit -m base
	in_tree branch base-of-series
	in_tree checkout -q -b series
	while read -r step; do
		add_step "$step"
	done < <(list_steps)
	in_tree config branch.series.description "$(cat "$steps/cover")"
}

# The files that the hunks touch are incomplete, so their hashes are meaningless.
format() {
	rm -rf "$scratch/series"
	in_tree format-patch -q -U2 -n --cover-letter --cover-from-description=subject \
		--zero-commit --no-signature --no-renames --no-thread "$@" \
		-o "$scratch/series" base-of-series..series || die "git format-patch failed"
	sed -i -E '/^index [0-9a-f]+\.\.[0-9a-f]+ [0-7]+$/d' "$scratch"/series/*.patch
	# The list of new files repeats the diffstat.
	sed -i '/^ create mode [0-7]* /d' "$scratch"/series/0000-*.patch
	! grep -E -B3 -A3 '^[ +-]~[0-9]+$' "$scratch"/series/*.patch > "$scratch/filler"
}

make_plan
make_commits
# git and diff differ where an insertion can be split into hunks in several ways.
if ! format && ! format --no-indent-heuristic; then
	cat "$scratch/filler" >&2
	die "git cuts these hunks in another way; write hooks.patch as git diff -U2 does"
fi
rm -rf "$out"
cp -r "$scratch/series" "$out"
say "${out#"$top/"}: $(find "$out" -name '*.patch' ! -name '0000-*' | wc -l) patches"
