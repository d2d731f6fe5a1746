#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# updatetest.sh: kpatch build --update, with a small difference between two releases. The newer
# one is a tree of links, but for the files that diffs of harness/update and harness/build
# change. A guest runs the older release, gets the module, and loses it again.
#
# OBJTOOL_SOURCE: as for difftest.sh

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tutorial.sh"

out=$work/updatetest
[ -e "$obj/vmlinux" ] || die "make build BASE=$BASE first"
rm -rf "$out"
mkdir -p "$out/tmp"
: "${OBJTOOL_SOURCE:=$top/build/7.3/linux}"
start_checks updatetest
if [ ! -e "$OBJTOOL_SOURCE/tools/objtool/klp-diff.c" ]; then
	skipped "updates" "there is no source of a kernel that has objtool klp"
	finish_checks
	exit
fi
export XDG_CACHE_HOME=$top/build/cache TMPDIR=$out/tmp
build_tool
new=$out/new
# Where the tutorial has it.
state=$out/update.update
tutorial="from one release"
parts=("$top"/harness/update/*.patch)
for name in version header no-trace no-enum no-vdso no-assembler no-unconfigured; do
	parts+=("$top/harness/build/$name.patch")
done

# tree_of_links DIR FILE...: like the source, with directories of their own for FILEs
tree_of_links() {
	local tree=$1 file directory

	shopt -s dotglob
	mkdir "$tree"
	ln -s "$src"/* "$tree"
	for file in "${@:2}"; do
		directory=
		while [[ ${file#"$directory"} == */* ]]; do
			directory+=$(cut -d/ -f1 <<< "${file#"$directory"}")
			if [ -L "$tree/$directory" ]; then
				rm "$tree/$directory"
				mkdir "$tree/$directory"
				ln -s "$src/$directory"/* "$tree/$directory"
			fi
			directory+=/
		done
		[ ! -e "$src/$file" ] || cp --remove-destination "$src/$file" "$tree/$file"
	done
	shopt -u dotglob
}

make_newer_release() {
	local files part

	mapfile -t files < <(sed -n 's/^--- a.//p' "${parts[@]}")
	tree_of_links "$new" "${files[@]}"
	for part in "${parts[@]}"; do
		patch -d "$new" -p1 -F0 --no-backup-if-mismatch < "$part" || return
	done
}

# update ARGUMENT...
update() {
	status=0
	timeout 900 "$top/scripts/kpatch/kpatch-build" --kernel "$obj" --source "$src" \
		--objtool-source "$OBJTOOL_SOURCE" --name update -o "$out/update.ko" \
		--work "$state" "$@" > "$out/stdout" 2> "$out/stderr" || status=$?
	[ "$status" -eq "${expected:-0}" ] && return
	echo "exit status $status"
	cat "$out/stdout" "$out/stderr"
	return 1
}

# What is killed leaves records, and none is made twice. Not even the preprocessor is run, which
# a cache of objects would need.
is_resumed() {
	local records=$state/records/verdict compiled

	setsid "$top/scripts/kpatch/kpatch-build" --kernel "$obj" --source "$src" \
		--objtool-source "$OBJTOOL_SOURCE" --name update -o "$out/update.ko" \
		--work "$state" --update "$src" "$new" > "$out/killed" 2>&1 &
	while kill -0 $! && [ "$(find "$records" -name '*.o' 2> /dev/null | wc -l)" -lt 3 ]; do
		sleep 0.1
	done
	kill -KILL -- -$!
	[ ! -e "$out/update.ko" ] || { echo "it was not interrupted"; return 1; }
	find "$records" -name '*.o' -exec stat -c '%n %Y %i' {} + | sort > "$out/records"
	cp -a "$state" "$out/state.killed"
	update -v --update "$src" "$new" --report "$out/report.json" --report "$out/report.html" \
		--changelog "$out/log" --changelog "$out/changelog" || return
	compiled=$(grep -E '^\+ .* -[cE] .*\.c$' "$out/stderr" | grep -vc '/reverted/' || :)
	[ "$compiled" -eq 0 ] || { echo "it compiles $compiled times again"; return 1; }
	xargs -a <(cut -d' ' -f1 "$out/records") stat -c '%n %Y %i' | sort |
		diff "$out/records" - && [ -e "$out/update.ko" ]
}

# The numbers of files, hunks and lines are those of diff.
sums_agree() {
	local file

	while read -r file; do
		diff -u "$src/$file" "$new/$file" || :
	done < <(sed -n 's/^--- a.//p' "${parts[@]}" | sort -u) > "$out/diff"
	diff -u /dev/null "$new/fs/proc/banner.c" >> "$out/diff" || :
	python3 - "$out/report.json" "$(grep -c '^--- ' "$out/diff")" "$(grep -c '^@@' "$out/diff")" \
		"$(grep -c '^+[^+]' "$out/diff")" "$(grep -c '^-[^-]' "$out/diff")" <<-'END'
	import json, sys

	with open(sys.argv[1]) as file:
	    report = json.load(file)
	wanted = dict(zip(("files", "hunks"), map(int, sys.argv[2:])))
	for what, number in wanted.items():
	    assert report["totals"][what] == number, (what, report["totals"], number)
	    assert sum(report["sums"][what].values()) == number, what
	assert len(report["files"]) == wanted["files"]
	END
}

categories() {
	python3 - "$out/report.json" > "$out/found" <<-'END'
	import json, sys

	with open(sys.argv[1]) as file:
	    for item in json.load(file)["files"]:
	        print(item["category"], item["name"])
	END
	sort "$out/found" | diff /dev/fd/3 - 3<<-END
	author fs/proc/array.c
	author fs/proc/banner.c
	author fs/proc/consoles.c
	author include/net/phonet/pep.h
	author include/net/phonet/pn_dev.h
	impossible arch/x86/lib/memcpy_64.S
	impossible fs/proc/Makefile
	impossible lib/hexdump.c
	impossible lib/vdso/gettimeofday.c
	patched fs/proc/version.c
	patched include/linux/sched/loadavg.h
	patched include/net/phonet/phonet.h
	patched net/phonet/af_phonet.c
	patched net/phonet/pn_netlink.c
	patched net/phonet/socket.c
	tied fs/proc/cmdline.c
	unaffected Documentation/Makefile
	unaffected arch/arm/kernel/setup.c
	unaffected include/linux/ctype.h
	END
}

# Functions, what is wrong with them, and who uses what changes its layout.
tells_functions() {
	python3 - "$out/report.json" <<-'END'
	import json, sys

	with open(sys.argv[1]) as file:
	    report = json.load(file)
	units = {u["source"]: u for u in report["units"]}
	of = lambda s: {f["name"]: f["category"] for f in units[s]["functions"]}
	callers = {f["name"]: f["callers"] for f in units["lib/hexdump.c"]["functions"]}
	assert {"unit": "lib/uuid.o", "name": "__uuid_parse"} in callers["hex_to_bin"], callers
	assert of("fs/proc/loadavg.c") == {"loadavg_proc_show": "patched"}
	assert of("lib/hexdump.c")["hex_to_bin"] == "impossible"
	assert of("fs/proc/consoles.c") == {"c_next": "author", "proc_consoles_init": "author"}
	assert of("fs/proc/cmdline.c") == {"cmdline_proc_show": "tied"}
	assert units["net/phonet/af_phonet.c"]["added"] == ["phonet_greeting"]
	assert [w["name"] for w in units["fs/proc/array.c"]["why"]] == ["task_state_array"]
	assert "fs/proc/array.c" in units["fs/proc/cmdline.c"]["why"][0]["what"]
	users = {s["name"]: s["users"] for s in report["structures"]}
	assert users == {"enum PN_PIPE_DISABLE": ["net/phonet/pep.c"],
	                 "struct phonet_device": ["net/phonet/pn_dev.c"]}, users
	parts = {tuple(p["units"]): p for p in report["parts"]}
	assert parts[("net/phonet/af_phonet.o", "net/phonet/socket.o")]["ties"] == [
	    "include/net/phonet/phonet.h", "phonet_greeting()"]
	assert parts[("fs/proc/array.o", "fs/proc/cmdline.o")]["category"] == "author"
	assert ("fs/proc/version.o",) in parts
	assert report["totals"]["functions"] == sum(len(u["functions"]) for u in units.values())
	END
}

make_changelogs() {
	cat > "$out/log" <<-'END'
	commit aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
	Author: A Developer <a@example.org>

	    proc: say patched

	    [ Upstream commit 1111111111112222222222223333333333334444 ]

	    This is CVE-2026-11111.

	 fs/proc/version.c | 1 +
	 1 file changed, 1 insertion(+)

	commit bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
	Author: A Developer <a@example.org>

	    proc, lib: two files

	fs/proc/version.c
	lib/hexdump.c

	commit cccccccccccccccccccccccccccccccccccccccc
	Author: A Developer <a@example.org>

	    lib: one file, CVE-2026-22222

	diff --git a/lib/hexdump.c b/lib/hexdump.c

	commit dddddddddddddddddddddddddddddddddddddddd
	Author: A Developer <a@example.org>

	    ARM: setup

	arch/arm/kernel/setup.c
	END
	cat > "$out/changelog" <<-'END'
	linux (6.12.999-1) stable; urgency=medium

	  * New upstream stable update:
	    https://www.example.org/ChangeLog-6.12.999
	    - [x86] proc: say patched (CVE-2026-33333)
	    - phonet: greet in pn_sock_seq_show(),
	      with a long line
	    - something else

	 -- A Developer <a@example.org>  Mon, 02 Nov 2026 12:00:00 +0000

	linux (6.12.998-1) stable; urgency=medium

	  * An older one

	 -- A Developer <a@example.org>  Mon, 01 Nov 2026 12:00:00 +0000
	END
}

tells_fixes() {
	python3 - "$out/report.json" > "$out/found" <<-'END' || return 1
	import json, sys

	with open(sys.argv[1]) as file:
	    for entry in json.load(file)["changelog"]:
	        print(entry["coverage"], entry["found_by"], *entry["cves"], entry["subject"])
	END
	diff /dev/fd/3 "$out/found" 3<<-'END' || return 1
	covered files CVE-2026-11111 CVE-2026-33333 proc: say patched
	partly files proc, lib: two files
	not covered files CVE-2026-22222 lib: one file, CVE-2026-22222
	no effect files ARM: setup
	covered subject CVE-2026-33333 [x86] proc: say patched (CVE-2026-33333)
	covered functions phonet: greet in pn_sock_seq_show(), with a long line
	unknown None something else
	END
	modinfo "$out/update.ko" | sed -n 's/^kpatch_fix: *//p' | sort | diff /dev/fd/3 - 3<<-'END'
	111111111111 ("proc: say patched")
	CVE-2026-11111
	CVE-2026-33333
	END
}

# Nothing of it is elsewhere, and elements that are opened are closed.
page_is_whole() {
	! grep -nE '(src|href)=|@import|url\(' "$out/report.html" || return 1
	python3 - "$out/report.html" <<-'END'
	import sys
	from html.parser import HTMLParser

	class Parser(HTMLParser):
	    open = []
	    def handle_starttag(self, tag, attrs):
	        self.open += [tag] if tag not in ("meta", "input", "br") else []
	    def handle_endtag(self, tag):
	        assert self.open.pop() == tag, (tag, self.open)

	parser = Parser()
	with open(sys.argv[1], encoding="utf-8") as file:
	    text = file.read()
	parser.feed(text)
	assert not parser.open, parser.open
	for word in ("task_state_array", "cmdline_proc_show", "CVE-2026-22222", "PN_PIPE_DISABLE"):
	    assert word in text, word
	END
}

# refused STATUS REGEX LINE...: decisions that are wrong, in a line for each
refused() {
	local expected=$1 regex=$2

	printf '%s\n' "${@:3}" > "$out/wrong"
	update --decisions "$out/wrong" --update "$src" "$new" || return 1
	cat "$out/stderr"
	[ "$(grep -cE "^kpatch build: $out/wrong:[0-9]+: $regex; " "$out/stderr")" -eq \
		"$(wc -l < "$out/stderr")" ]
}

wrong_decisions() {
	rm -f "$out/update.ko"
	refused 2 'forget is no decision' 'forget fs/proc/array.c: why' &&
		refused 2 'layout needs 1 name and, behind a colon, the reason' 'layout x' &&
		refused 2 'keep needs 2 names and, .*' 'keep fs/proc/array.c: why' &&
		refused 2 'says the same again' 'layout x: why' 'layout x: why not'
}

# They were made for another release. Each is told.
stale_decisions() {
	refused 2 '(layout|keep|data|separate|leave-out) .* is not needed' 'layout nothing: why' \
		'keep fs/proc/version.c c_stop: why' 'data fs/proc/version.c nothing: why' \
		'separate include/linux/fs.h: why' 'leave-out fs/proc/nothing.c: why' &&
		[ "$(wc -l < "$out/stderr")" -eq 5 ] && [ ! -e "$out/update.ko" ]
}

with_decisions() {
	cat > "$out/decisions" <<-'END'
	# for the test
	data fs/proc/array.c task_state_array: only the spelling changes
	keep fs/proc/consoles.c proc_consoles_init: the file is there
	layout PN_PIPE_DISABLE: no pipe is open
	END
	update --decisions "$out/decisions" --update "$src" "$new" --report "$out/decided.json" &&
		cat "$out/stdout" &&
		for file in fs/proc/array.c fs/proc/consoles.c fs/proc/cmdline.c net/phonet/pep.c; do
			grep -qE "^patched: .*: $file: " "$out/stdout" || return 1
		done
}

# What the compiler has made of each function is in the module, with all that it refers to.
code_is_whole() {
	"$top/harness/update/compare.py" code "$out/decided.json" "$out/update.ko" "$state/after" \
		"$src" "$new"
}

# A file that is left out is as before, and a diff is added on top of the others.
left_out_and_added() {
	local file=fs/proc/softirqs.c

	sed '0,/seq_puts(/s//seq_puts(p, "added"); &/' "$src/$file" |
		diff -u --label "a/$file" --label "b/$file" "$src/$file" - > "$out/added.patch"
	cat > "$out/decisions" <<-'END'
	leave-out fs/proc/version.c: programs read this line
	add added.patch: for the test
	END
	update --decisions "$out/decisions" --update "$src" "$new" --report "$out/added.json" ||
		return 1
	cat "$out/stdout"
	nm "$out/update.ko" > "$out/symbols"
	grep -q ' t show_softirqs$' "$out/symbols" &&
		! grep -q ' t version_proc_show$' "$out/symbols" || return 1
	python3 - "$out/added.json" <<-'END'
	import json, sys

	with open(sys.argv[1]) as file:
	    report = json.load(file)
	files = {f["name"]: f for f in report["files"]}
	assert files["fs/proc/version.c"]["category"] == "left out", files["fs/proc/version.c"]
	assert "programs read this line" in json.dumps(report)
	assert sum(report["sums"]["files"].values()) == len(files)
	END
}

# Only what is asked for is refused, and with one line.
wrong_options() {
	local line

	while read -r line; do
		# shellcheck disable=SC2086  # several words
		expected=2 update $line || return 1
		[ "$(wc -l < "$out/stderr")" -eq 1 ] || { cat "$out/stderr"; return 1; }
	done <<-END
		--update $src $new --module $out
		--update $src $new --json --check
		--update $src $new --changelog /nowhere
		--update $src $new --decisions /nowhere
		--decisions /nowhere $top/harness/build/version.patch
		--update $src $new $top/harness/build/version.patch --check --report
	END
	expected=3 update --update "$src" "$new" --work "$top/harness" &&
		grep -q 'is not empty, and no update was made there; ' "$out/stderr"
}

one_at_a_time() {
	(
		flock 9
		expected=3 update --update "$src" "$new"
	) 9>> "$state/kpatch-update" && grep -q 'is used by another update that runs; ' "$out/stderr"
}

# The tutorial is the one of this difference, for 6.12.
tutorial_is_right() (
	export KPATCH_BUILD=$top/scripts/kpatch/kpatch-build KPATCH_OBJTOOL_SOURCE=$OBJTOOL_SOURCE
	export OLDSRC=$src NEWSRC=$new BUILDDIR=$obj
	cd "$out"
	PATH=$src/tools/kpatch:$PATH
	for part in 'kpatch build' 'grep -E' 'echo'; do
		block "$tutorial" "\$ $part" > wanted
		grep -q '^\$ ' wanted || { echo "nothing is shown with $part"; exit 1; }
		transcript '$' wanted > shown
		diff -u --label tutorial --label shown wanted shown || exit 1
	done
)

# What the guest runs.
guest() {
	declare -p obj out
	declare -f transcript
	cat <<-'END'
	set -e
	say() { echo "$*" >&2; exit 1; }
	phonet=$(find "$obj" -name phonet.ko)
	# is TEXT: which version of all that the update changes is there
	is() {
		[[ $(cat /proc/version) =~ ^patched ]] && version=new || version=old
		[[ $(cat /proc/loadavg) =~ ^1[0-9]{3}\. ]] && load=new || load=old
		[[ $(cat /proc/cmdline) == "hello "* ]] && cmdline=new || cmdline=old
		[[ $(cat /proc/consoles) == *"and "* ]] && consoles=new || consoles=old
		[[ $(cat /proc/net/phonet) == "HELLO pt"* ]] && phonet_table=new || phonet_table=old
		[ "$version $load $cmdline $consoles $phonet_table" = "$1 $1 $1 $1 $1" ] ||
			say "wanted: $1; is: $version $load $cmdline $consoles $phonet_table"
	}
	insmod "$phonet"
	is old
	insmod "$out/update.ko"
	is new
	rmmod phonet
	insmod "$phonet"
	is new
	for try in {1..50}; do
		echo 0 > /sys/kernel/kpatch/update/enabled && break
		sleep 0.1
	done
	is old
	rmmod update
	is old
	export PATH=$kpatch:$PATH
	cd "$out"
	transcript '#' guest.wanted > /run/out/transcript
	END
}

boot() {
	local kpatch=$src/tools/kpatch

	block "$tutorial" '# kpatch load' > "$out/guest.wanted"
	{
		declare -p kpatch
		guest
	} > "$out/guest"
	"$top/harness/boot.sh" updatetest "bash $out/guest" || return
	[ "$BASE" != 6.12 ] || diff -u --label tutorial --label shown "$out/guest.wanted" \
		"$work/out/updatetest/transcript"
}

# The source has links to its own directories.
counts_once() {
	local tree

	for tree in a b; do
		mkdir -p "$out/$tree/x"
		echo "$tree" > "$out/$tree/x/file.c"
		ln -s x "$out/$tree/y"
		ln -s x/file.c "$out/$tree/link.c"
	done
	expected=7 update --update "$out/a" "$out/b" --work "$out/once" || return
	grep -E '^all  *1  *1  *1  *1  *0  *0$' "$out/stdout"
}

make_changelogs
touch "$out/stamp"
try "there is a newer release" make_newer_release
try "an update that is killed goes on where it was" is_resumed
try "the sums of the report are those of the difference" sums_agree
try "each file is in its category" categories
try "a file that has two names counts once" counts_once
try "functions, structures and parts are told" tells_functions
try "entries of changelogs are covered or not" tells_fixes
try "the page is whole" page_is_whole
try "decisions that are no decisions are refused" wrong_decisions
try "decisions that nothing needs are refused" stale_decisions
try "wrong options are refused in one line" wrong_options
try "two updates do not share a directory" one_at_a_time
if [ "$BASE" = 6.12 ]; then
	try "the tutorial shows what happens" tutorial_is_right
fi
try "what is left out stays, and what is added is patched" left_out_and_added
try "what is decided is patched" with_decisions
try "the module has the code that was compiled" code_is_whole
try "a guest gets the new release, and the old one back" boot
try "the source and the build are as they were" \
	test -z "$(find "$src/" "$obj/" -newer "$out/stamp" -not -type d 2> /dev/null | head -n 5)"
finish_checks
