#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kindtest.sh: what kpatch build does on the host, whatever the diff: its cache, and
# kernels and names of other kinds than those of difftest.sh.
#
# OBJTOOL_SOURCE: source of a kernel that has "objtool klp", for bases that have not

. "$(dirname "$0")/lib.sh"

out=$work/kindtest
[ -e "$obj/vmlinux" ] || die "make build BASE=$BASE first"
if [ -z "${OBJTOOL_SOURCE:-}" ] && [ ! -e "$src/tools/objtool/klp-diff.c" ]; then
	OBJTOOL_SOURCE=$top/build/7.3/linux
	if [ ! -e "$OBJTOOL_SOURCE/tools/objtool/klp-diff.c" ]; then
		tap_skip "$BASE: kpatch build" "there is no source of a kernel that has objtool klp"
		finish_tap
		exit
	fi
fi
export OBJTOOL_SOURCE=${OBJTOOL_SOURCE:-$src} CCACHE_DISABLE=1
diff=$top/harness/build/static-local.patch

start_checks kindtest
rm -rf "$out"
mkdir -p "$out/cache"
export XDG_CACHE_HOME=$out/cache
objects=$out/cache/kpatch/objects

kpatch_build() {
	timeout 300 "$top/scripts/kpatch/kpatch-build" --objtool-source "$OBJTOOL_SOURCE" "$@"
}
build() { kpatch_build --kernel "$obj" --source "$src" "$@"; }

# compiled N COMMAND...: COMMAND succeeds, and compiles N units
compiled() {
	local wanted=$1 count
	shift
	"$@" -v > "$out/verbose" 2>&1 || { cat "$out/verbose"; return 1; }
	count=$(grep -cE '^\+ .* -c -o .*\.c$' "$out/verbose") || true
	[ "$count" -eq "$wanted" ] || { echo "compiles $count times"; return 1; }
}

# refused CODE REGEX COMMAND...: with one line, and no module is left
refused() {
	local wanted=$1 regex=$2 status=0
	shift 2
	rm -f "$out/refused.ko"
	"$@" -o "$out/refused.ko" > "$out/refused" 2>&1 || status=$?
	cat "$out/refused"
	[ "$status" -eq "$wanted" ] && [ "$(wc -l < "$out/refused")" -eq 1 ] &&
		grep -qE "^kpatch build: .*$regex.*; " "$out/refused" && [ ! -e "$out/refused.ko" ]
}

same_result() {
	"$@" --check > "$out/result" && cmp "$out/result" "$out/wanted"
}

no_remains() { [ -z "$(find "$out/cache" -name 'new-*')" ]; }

two_at_once() {
	local first

	rm -rf "$objects"
	build -o "$out/one.ko" "$diff" & first=$!
	build -o "$out/two.ko" "$diff"
	wait "$first" && [ -e "$out/one.ko" ] && [ -e "$out/two.ko" ] && no_remains
}

interrupted() {
	local status=0

	rm -rf "$objects"
	timeout -s INT 2 "$top/scripts/kpatch/kpatch-build" --objtool-source "$OBJTOOL_SOURCE" \
		--kernel "$obj" --source "$src" -o "$out/never.ko" "$diff" || status=$?
	[ "$status" -ne 0 ] && [ ! -e "$out/never.ko" ] && no_remains && same_result build "$diff"
}

damaged() {
	find "$objects" -type f -exec truncate -s -100 {} +
	compiled 2 build --check "$diff"
}

# What has not been used for longest is removed.
bounded() {
	mkdir -p "$objects/00"
	head -c 2M /dev/zero > "$objects/00/old"
	touch -d yesterday "$objects/00/old"
	KPATCH_CACHE_SIZE=1 compiled 0 build --check "$diff" && [ ! -e "$objects/00/old" ] &&
		compiled 0 build --check "$diff"
}

# The assembler changes in place. Nothing else does, not even the time of the file.
other_assembler() {
	local bin=$out/bin gcc

	mkdir -p "$bin"
	# ccache would look for a compiler in PATH, and find this one.
	gcc=$(type -ap gcc | grep -v ccache | head -n 1)
	printf '#!/bin/sh\nexec %s -B%s "$@"\n' "$gcc" "$bin/" > "$bin/gcc"
	printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v as)" > "$bin/as"
	chmod +x "$bin/gcc" "$bin/as"
	touch -d yesterday "$bin/as"
	PATH=$bin:$PATH compiled 2 build --check "$diff" &&
		PATH=$bin:$PATH compiled 0 build --check "$diff" &&
		echo '# changed' >> "$bin/as" && touch -d yesterday "$bin/as" &&
		PATH=$bin:$PATH compiled 2 build --check "$diff"
}

# A header changes in place, with its size and its time.
edited_header() {
	local tree=$out/outside/driver header=$out/outside/driver/include/outside.h
	local patch=$top/harness/build/outside.patch

	cp -r "$top/harness/build/outside" "$out"
	touch -d yesterday "$header"
	make -C "$obj" M="$tree"
	compiled 2 build --module "$tree" --check "$patch" &&
		compiled 0 build --module "$tree" --check "$patch" &&
		sed -i 's/STEP 1/STEP 3/' "$header" && touch -d yesterday "$header" &&
		compiled 2 build --module "$tree" --check "$patch"
}

# The build and the source have other names than when they were made.
moved() {
	local build=$out/moved old

	mkdir -p "$build"
	(cd "$obj" && cp -a --parents .config Makefile Module.symvers modules.order include \
		scripts arch/x86/include tools/objtool/objtool fs/.*.o.cmd init/.main.o.cmd "$build")
	ln -s "$obj/vmlinux" "$build"
	old=$(sed -n '1s/.* \(\/[^ ]*\)init\/main\.c.*/\1/p' "$build/init/.main.o.cmd")
	sed -i "s#$old#/gone/#g; s#$src/#/gone/#g" "$build/Makefile" "$build"/fs/.*.o.cmd \
		"$build/init/.main.o.cmd"
	grep -q ' /gone/fs/drop_caches\.c' "$build/fs/.drop_caches.o.cmd" &&
		same_result kpatch_build --kernel "$build" --source "$src" "$diff" &&
		kpatch_build --kernel "$build" --source "$src" -o "$out/moved.ko" "$diff"
}

blank() { mv "$out/moved" "$out/mo ved"; refused 3 'blank' "$@" --kernel "$out/mo ved"; }

# Of more than 256 characters, and with blanks.
names() {
	local long

	long=$out/$(printf 'x%.0s' {1..200})/$(printf 'y%.0s' {1..200})
	mkdir -p "$long/a b" "$long/tmp"
	cp "$diff" "$long/a b/a fix.patch"
	TMPDIR=$long/tmp build -o "$long/a b/a fix.ko" "$long/a b/a fix.patch" &&
		modinfo -F kpatch_release "$long/a b/a fix.ko" &&
		TMPDIR="$long/a b" build -o "$out/blank.ko" "$long/a b/a fix.patch" &&
		[ -z "$(ls "$long/tmp")" ]
}

touch "$out/stamp"
try "a build without a cache compiles" compiled 2 build --check "$diff"
build --check "$diff" > "$out/wanted"
try "the next one does not" compiled 0 build --check "$diff"
try "a build that is in its cache is the same" same_result build "$diff"
try "what is damaged in the cache is made anew" damaged
try "an assembler that changes is noticed" other_assembler
try "a header that is edited in place is noticed" edited_header
try "two builds at once" two_at_once
try "an interrupted build leaves nothing" interrupted
try "the cache is bounded" bounded
XDG_CACHE_HOME=/dev/null/nothing try "a cache that cannot be written does no harm" \
	same_result build "$diff"
try "a kernel whose directories were renamed" moved
try "a kernel whose name has blanks is refused" blank kpatch_build --source "$src" "$diff"
try "names with blanks and of more than 256 characters" names
try "the source and the build are as they were" \
	test -z "$(find "$src/" "$obj/" -newer "$out/stamp" -not -type d | head -n 5)"
finish_checks
