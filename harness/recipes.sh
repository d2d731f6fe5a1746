#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# recipes.sh: do the commands in README.md and Documentation/kpatch.txt work as written?
# Uses the kernel that build.sh has built for BASE. Prints one line for each recipe.
# check-series.sh tests the recipes that need a pristine tree.

. "$(dirname "$0")/lib.sh"

doc=$top/Documentation/kpatch.txt
own=$work/own
start_checks recipes

# block FILE TEXT: the first literal block with a line that contains TEXT, from that
# line on
block() {
	awk -v text="$2" '
	!on && !done && /^  / && index($0, text) { on = 1 }
	on && /^[^ ]/ { on = 0; done = 1 }
	on { sub(/^  /, ""); print }' "$1"
}

# The path of the kernel is the only difference, since the kernel is not installed.
own_module() {
	local kbuild command

	kbuild=$(block "$doc" 'obj-m +=')
	command=$(block "$doc" '$ make -C ' | sed -n 's/^\$ //p')
	grep -qF "$kbuild" "$top/README.md" || { echo "README.md has another line for Kbuild"; return 1; }
	grep -qF "$command" "$top/README.md" || { echo "README.md has another make"; return 1; }
	rm -rf "$own"
	mkdir -p "$own"
	block "$doc" '#include <linux/kpatch.h>' > "$own/my-patch.c"
	echo "$kbuild" > "$own/Kbuild"
	# shellcheck disable=SC2016  # must not be expanded here
	command=${command//'/lib/modules/$(uname -r)/build'/"$obj"}
	(cd "$own" && eval "$command") > "$own/log" 2>&1 || { cat "$own/log"; return 1; }
	! grep -A5 warning: "$own/log" && [ -e "$own/my-patch.ko" ]
}

# What the documentation does with that module then gives what it shows.
walk_through() {
	block "$doc" '# grep -w cmdline_proc_show' | grep . > "$own/wanted"
	sed -n 's/^# //p' "$own/wanted" > "$own/commands"
	[ -s "$own/commands" ] || { echo "no commands"; return 1; }
	cat > "$own/walk.sh" <<-'END'
		cd "$(dirname "$0")" || exit 1
		while read -r command; do
			echo "# $command"
			eval "$command"
		done < commands > /run/out/transcript 2>&1
	END
	"$top/harness/boot.sh" guide bash "$own/walk.sh" || return 1
	diff -u "$own/wanted" "$work/out/guide/transcript"
}

# difftest.sh tries it.
guide_diff() {
	diff -u <(block "$doc" '--- a/net/phonet/sysctl.c' | grep .) \
		<(sed -n '/^--- /,$p' "$top/harness/build/guide.patch" | grep .)
}

# What README.md begins with is what is typed into the shell below.
quick_start() {
	local command commands typed

	typed=$(session)
	commands=$(sed -n '/^    # /{ s/^    # //; s/   .*//; p }' "$top/README.md")
	[ "$(wc -l <<< "$commands")" -eq 3 ] || { echo "README.md has others: $commands"; return 1; }
	while read -r command; do
		grep -qF "$command" <<< "$typed" || { echo "not tried: $command"; return 1; }
	done <<< "$commands"
}

# Lines of text to wait for, and of input to type then.
session() {
	cat <<-'END'
	guest# 
	echo start; sleep 1000\r
	start\r
	\x03
	guest# 
	kpatch load kpatch-sample.ko && kpatch list\r
	kpatch_sample [enabled]
	cat /proc/cmdline; kpatch unload kpatch_sample && echo gone\r
	this has been patched by kpatch
	\r
	gone\r
	END
	cat <<-END
	bash $own/scripts.sh\\r
	they all work\\r
	insmod $own/my-patch.ko && cat /proc/cmdline\\r
	this has been patched by kpatch
	ls /sys/kernel/kpatch; kpatch unload my_patch && echo unloaded\\r
	unloaded\\r
	exit\\r
	END
}

# script NAME: a script of the page about the command, which begins with that comment
script() {
	awk -v name="# $1" '
	/^[^ ]/ { copy = 0 }
	/^  #!/ { first = substr($0, 3); next }
	first && index($0, "  " name) == 1 { copy = 1; print first }
	{ first = "" }
	copy { print substr($0, 3) }' "$top/Documentation/kpatch-command.txt" > "$own/$1"
	chmod +x "$own/$1"
	[ -s "$own/$1" ] || { echo "there is no script '$1'"; return 1; }
}

# One of each kind, with the sample, and with what is installed below /run.
scripts() {
	local name

	for name in apply attention fixes refusals rollout; do
		script $name || return 1
	done
	{
		printf 'sample=%q\ncd %q\n' "$obj/samples/kpatch/kpatch-sample.ko" "$own"
		cat <<-'END'
		set -e
		export KPATCH_ROOT=/run/root
		mkdir $KPATCH_ROOT
		ln -s /sys /proc /dev $KPATCH_ROOT
		./apply "$sample" | grep -x "$sample is live"
		./attention || :
		./fixes
		./refusals | grep '^kpatch_sample has been enabled for [0-9]* s$'
		kpatch unload kpatch_sample
		./rollout "$sample" | grep '^kpatch_sample is loaded by kpatch [0-9]'
		! kpatch list | grep kpatch_sample
		echo they "all work"
		END
	} > "$own/scripts.sh"
}

shell() {
	scripts && session | "$top/harness/type.py" 300 "$top/harness/boot.sh" shell
}

# makes_tree MESSAGE VERSION: tree.sh makes the tree from $ksrc, or keeps it, and prints
# MESSAGE, or nothing if MESSAGE is empty
makes_tree() {
	KSRC=$ksrc "$scratch/harness/tree.sh" > "$scratch/out" 2>&1 || { cat "$scratch/out"; return 1; }
	tree=$(echo "$scratch"/build/ksrc-*/linux)
	if [ "$(version "$tree")" = "$2" ]; then
		if [ -z "$1" ]; then
			[ -s "$scratch/out" ] || return 0
		elif grep -q "$1" "$scratch/out"; then
			return 0
		fi
	fi
	echo "wanted '$1' and $2, have:"
	cat "$scratch/out" "$tree/Makefile"
	return 1
}

make_source() {
	mkdir -p "$scratch/linux"
	printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = %d\n' "$1" > "$scratch/linux/Makefile"
	echo > "$scratch/linux/Kbuild"
	touch -d @0 "$scratch/linux/Makefile"
	tar -c -f "$scratch/linux.tar" -C "$scratch" --mtime=@0 linux
	touch -d @0 "$scratch/linux.tar"
}

# A copy of this harness without the payload, and a kernel of two files.
sources() (
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	mkdir -p "$scratch"/{Documentation,arch,include,kernel,samples,scripts,tools} "$scratch/harness/series/01"
	cp -r "$top"/harness/{*.sh,*.config,kernels,bench} "$scratch/harness"
	: > "$scratch/harness/series/01/hooks.patch"

	ksrc=$scratch/linux.tar
	make_source 1
	makes_tree 'linux: from' 6.12.1 || exit
	makes_tree 'Linux 6.12.1 is used.*; tested were' 6.12.1 || exit
	! grep 'made anew' "$scratch/out" || exit
	make_source 2
	makes_tree 'made anew' 6.12.2 || exit
	KSRC=$ksrc "$scratch/harness/bench/bench.sh" check > "$scratch/out" || exit
	grep -q '^SKIP bench: .*6.12.2' "$scratch/out" || { cat "$scratch/out"; exit 1; }
	echo "6.12 6.12.2 0 $(sha256sum < "$ksrc" | cut -d' ' -f1)" > "$scratch/harness/kernels"
	makes_tree '' 6.12.2 || exit

	rm -rf "$scratch/build"
	ksrc=$scratch/linux
	makes_tree 'linux: from' 6.12.2 || exit
	makes_tree 'is used' 6.12.2 || exit
	! grep 'made anew' "$scratch/out" || exit
	echo '# edited' >> "$ksrc/Makefile"
	makes_tree 'made anew' 6.12.2 && grep -q edited "$tree/Makefile"
)

try "a module is built as the documentation says" own_module
try "that module does what the documentation shows" walk_through
try "the diff in the documentation is one that is tried" guide_diff
try "the commands that README.md begins with are tried" quick_start
try "make shell: Ctrl-C, kpatch, the sample, that module" shell
if [ "$BASE" = 6.12 ] && [ -z "$KSRC" ]; then
	try "a tree is made anew when its source changes" sources
fi
finish_checks
