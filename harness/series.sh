#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# series.sh [DIR]: write the patch series into DIR, series/ by default.
#
# Each directory in harness/series is one patch:
#   message       subject, empty line, body
#   files         what it adds of the payload, a shell pattern per line
#   hooks.patch   hunks in existing files of the kernel; line numbers are those
#                 of the 6.12 tree, whatever other patches of the series change
# The cover letter is harness/series/cover.
#
# Makefiles grow from patch to patch: they name nothing whose source is not there yet.
# The entry in MAINTAINERS is whole from the patch on that adds it.
#
# The same payload gives the same bytes, whatever the time, the machine and the
# point release of 6.12 that it has: the hunks in existing files are applied to
# files that have nothing but their context, at its place. Whether they apply to
# real trees is for check-series.sh to tell. SERIES_NAME and SERIES_EMAIL replace
# the identity that git has for this repository.

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

# The user's own settings must not show in the result.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 LC_ALL=C TZ=UTC
export GIT_AUTHOR_NAME=$name GIT_AUTHOR_EMAIL=$email
export GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

in_tree() { git -C "$tree" -c core.abbrev=12 "$@"; }

list_steps() { (cd "$steps" && printf '%s\n' [0-9]*/) | tr -d /; }

# Assign files to patches: each file to exactly one, and each pattern matches a file.
make_plan() {
	local step pattern file

	payload > "$scratch/payload"
	while read -r step; do
		[ -e "$steps/$step/files" ] || continue
		while read -r pattern; do
			matched=
			while read -r file; do
				# shellcheck disable=SC2053  # it is a pattern
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

# Existing files, as far as the hunks tell: the old side of each hunk in its
# place, in front of it the heading of the hunk, and filler elsewhere: "~" and
# the number of the line.
make_base() {
	mkdir -p "$tree"
	hooks | awk -v tree="$tree" '
	function flush_all(f, i) {
		for (f in last) {
			system("mkdir -p \"$(dirname \"" tree "/" f "\")\"")
			# Behind the last hunk, unless it was the end of the file.
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

# Drop objects whose source is not there, settings of such objects, and then
# paragraphs that are left with nothing but a comment.
prune_makefile() {
	local dir=$1
	awk -v dir="$tree/$dir" '
	# A composite object is there once one of its parts is.
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

# The same for lists of tests, programs and modules that go over several lines: a word
# goes if it is a file of the payload, or made of one, that is not there yet. A
# paragraph goes with the last of its words.
prune_lists() {
	local dir=$1
	awk -v tree="$tree/$dir" -v top="$top/$dir" '
	function exists(file) { return system("test -f \"" file "\"") == 0 }
	function later(word, stem) {
		stem = word
		sub(/\.o$/, "", stem)
		return !exists(tree "/" word) && !exists(tree "/" stem ".c") &&
			(exists(top "/" word) || exists(top "/" stem ".c"))
	}
	# Ends the list, without a backslash at the end of its last line.
	function flush_list(i) {
		for (i = 1; i <= lines; i++)
			paragraph = paragraph list[i] (i < lines ? " \\" : "") "\n"
		if (words)
			body = 1
		else if (lines)
			emptied = 1
		lines = words = in_list = 0
	}
	function add_line(line, first, i, n, word, text, kept) {
		in_list = sub(/[ \t]*\\$/, "", line)
		text = first ? line : "\t"
		if (first)
			sub(/=.*/, "=", text)
		sub(/^[^=]*=/, "", line)
		n = split(line, word, " ")
		for (i = 1; i <= n; i++) {
			if (later(word[i]))
				continue
			text = text (text ~ /\t$/ ? "" : " ") word[i]
			kept++
		}
		words += kept
		if (first)
			head = kept ? "" : text
		else if (kept && head != "") {
			# A first line with nothing behind the "=" stays one only if
			# there was nothing before.
			list[++lines] = head
			head = ""
		}
		if (kept)
			list[++lines] = text
		if (!in_list) {
			if (!words)
				emptied = 1
			head = ""
			flush_list()
		}
	}
	function flush_paragraph() {
		if (body || !emptied && paragraph != "") {
			printf "%s%s", sep, paragraph
			sep = "\n"
		}
		paragraph = ""
		body = emptied = 0
	}
	in_list { add_line($0, 0); next }
	/^$/ { flush_paragraph(); next }
	/^(TEST_GEN_FILES|TEST_PROGS|TEST_PROGS_EXTENDED|obj-m) / { add_line($0, 1); next }
	match($1, /^\$\(OUTPUT\)\/.*:$/) && later(substr($1, 11, RLENGTH - 11)) { emptied = 1; next }
	match($1, /^CFLAGS_.*\.o$/) && later(substr($1, 8)) { emptied = 1; next }
	{
		paragraph = paragraph $0 "\n"
		if (!/^(#|ifn?eq|endif)/)
			body = 1
	}
	END { flush_paragraph() }' "$top/$dir/Makefile"
}

# The entry in MAINTAINERS names each file of the payload, and nothing else.
check_maintainers() {
	local pattern file

	cat "$steps"/*/hooks.patch |
		sed -n -e "/^+$entry\$/,/^+\$/ s/^+F:\t//p" > "$scratch/patterns"
	while read -r pattern; do
		grep -q "^${pattern//./\\.}" "$scratch/payload" ||
			die "MAINTAINERS: nothing matches 'F: $pattern'"
	done < "$scratch/patterns"
	while read -r file; do
		while read -r pattern; do
			case $pattern in
			*/) [[ $file != "$pattern"* ]] || continue 2 ;;
			*) [[ $file != "$pattern" ]] || continue 2 ;;
			esac
		done < "$scratch/patterns"
		die "MAINTAINERS: no F: is there for $file"
	done < "$scratch/payload"
}

# grow DIR HOW: its Makefile, if it is there by now
grow() {
	[ ! -e "$tree/$1/Makefile" ] || "$2" "$1" > "$tree/$1/Makefile"
}

apply_hooks() {
	local patch=$steps/$1/hooks.patch

	[ -e "$patch" ] || return 0
	in_tree apply "$patch" 2>"$scratch/err" || {
		cat "$scratch/err" >&2
		die "harness/series/$1/hooks.patch: its hunks contradict those of another patch"
	}
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
	grow kernel/kpatch prune_makefile
	grow tools/testing/selftests/kpatch prune_lists
	grow tools/testing/selftests/kpatch/test_modules prune_lists
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

# The files that the hunks touch are not whole, so their hashes mean nothing.
format() {
	rm -rf "$scratch/series"
	in_tree format-patch -q -U2 -n --cover-letter --cover-from-description=subject \
		--zero-commit --no-signature --no-renames --no-thread "$@" \
		-o "$scratch/series" base-of-series..series || die "git format-patch failed"
	sed -i -E '/^index [0-9a-f]+\.\.[0-9a-f]+ [0-7]+$/d' "$scratch"/series/*.patch
	# The list of new files repeats what the diffstat says.
	sed -i '/^ create mode [0-7]* /d' "$scratch"/series/0000-*.patch
	! grep -E -B3 -A3 '^[ +-]~[0-9]+$' "$scratch"/series/*.patch > "$scratch/filler"
}

make_plan
check_maintainers
make_commits
# Where an insertion can be cut in several ways git and diff choose differently.
if ! format && ! format --no-indent-heuristic; then
	cat "$scratch/filler" >&2
	die "git cuts these hunks in another way; write hooks.patch as git diff -U2 does"
fi
rm -rf "$out"
cp -r "$scratch/series" "$out"
say "${out#"$top/"}: $(find "$out" -name '*.patch' ! -name '0000-*' | wc -l) patches"
