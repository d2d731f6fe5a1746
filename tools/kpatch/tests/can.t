#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch can

. "${0%/*}/tap.sh"

hooks=$tmp/sys/kernel/tracing/available_filter_functions_addrs
source=${0%/*}/../../../kernel/kpatch/func.c

mkdir -p "$tmp/proc" "${hooks%/*}"
cat > "$tmp/proc/kallsyms" <<'END'
ffffffff81000000 T plain
ffffffff81000100 t split
ffffffff81000200 t split.part.0
ffffffff81000300 t split.cold
ffffffff81000400 t renamed.isra.0
ffffffff81000500 t twin
ffffffff81000600 t twin
ffffffff81000700 T hidden
ffffffff81000800 T schedule
ffffffff81000900 d data
ffffffff82000000 T __init_begin
ffffffff82000100 t at_boot
ffffffff82000200 t twin
ffffffff82001000 T __init_end
ffffffffc0000000 t twin	[some_module]
ffffffffc0000100 t in_module	[some_module]
END
cat > "$hooks" <<'END'
ffffffff81000004 plain
ffffffff81000104 split
ffffffff81000204 split.part.0
ffffffff81000404 renamed.isra.0
ffffffff81000504 twin
ffffffff81000804 schedule
ffffffffc0000004 twin [some_module]
ffffffffc0000104 in_module [some_module]
END

# can STATUS LINE FUNCTION...
can() {
	can_status=$1
	can_line=$2
	shift 2
	try can "$@"
	exits "$can_status" "$*"
	if [ "$can_status" -eq 0 ]; then
		out_is "$can_line" "$*"
		err_is "" "$*"
	else
		out_is "" "$*"
		err_is "kpatch: $can_line" "$*"
	fi
}

can 0 "'plain' can be patched" plain
can 0 "'in_module' can be patched" in_module
can 0 "'split' can be patched
  it has clones, which the patch has to list: split.part.0" split
can 3 "'renamed' cannot be patched: it was inlined, or renamed to renamed.isra.0; patch that as a clone, or its callers" \
	renamed
can 3 "'none' cannot be patched: there is no such function: inlined everywhere, not built, or in a module that is not loaded; patch its callers" \
	none
can 3 "'data' cannot be patched: there is no such function: inlined everywhere, not built, or in a module that is not loaded; patch its callers" \
	data
can 4 "'hidden' cannot be patched: it has no hook, as it is notrace or in code that is built so, such as lib/; patch its callers instead" \
	hidden
can 4 "'schedule' cannot be patched: some task is always in it; patch what it calls instead" \
	schedule
can 4 "'at_boot' cannot be patched: it is init code, freed at boot; patch what it has set up instead" \
	at_boot
# The kernel does not count init code.
can 0 "'twin' can be patched, with the sympos of one of these:
  vmlinux: sympos 1
  vmlinux: sympos 2, no hook
  vmlinux: init code
  some_module: sympos 1" twin
can 0 "'plain' can be patched
'in_module' can be patched" plain in_module

# A vmlinux of two files and some init code, linked for another address.
cat > "$tmp/one.s" <<'END'
	.file "one.c"
	.globl _text
_text:	.skip 0x100
	.globl plain
plain:	.skip 0x400
twin:	.skip 0x80
	.section .init.text, "ax"
twin_:	.skip 16
END
cat > "$tmp/two.s" <<'END'
	.file "two.c"
	.skip 0x80
twin:	.skip 16
END
cat > "$tmp/three.s" <<'END'
	.file "three.c"
	.section .init.text, "ax"
	.skip 0x1f0
twin:	.skip 16
END
vmlinux=$tmp/usr/lib/debug/boot/vmlinux-$(uname -r)
with_files="'twin' can be patched, with the sympos of one of these:
  vmlinux: sympos 1, in one.c
  vmlinux: sympos 2, in two.c, no hook
  vmlinux: init code, in three.c
  some_module: sympos 1"

# link FILE BUILD_ID
link() {
	${CC:-cc} -nostdlib -static -Wl,-e,_text -Wl,--build-id=0x"$2" \
		-Wl,-Ttext=0xffffffff90000000 \
		-Wl,--section-start=.init.text=0xffffffff91000000 \
		-o "$1" "$tmp/one.s" "$tmp/two.s" "$tmp/three.s" 2> "$tmp/cc"
}

without_files() {
	can 0 "'twin' can be patched, with the sympos of one of these:
  vmlinux: sympos 1
  vmlinux: sympos 2, no hook
  vmlinux: init code
  some_module: sympos 1" twin
}

mkdir -p "${vmlinux%/*}" "$tmp/sys/kernel"
if link "$vmlinux" 0123456789abcdef && link "$tmp/other" fedcba9876543210; then
	echo "ffffffff81000000 T _text" >> "$tmp/proc/kallsyms"
	without_files
	objcopy -O binary -j .note.gnu.build-id "$vmlinux" "$tmp/sys/kernel/notes"
	can 0 "$with_files" twin
	can 0 "'plain' can be patched" plain
	try can --json twin
	ok "a file in JSON" [ "$(grep -cE '"file": ?("one.c"|null)' "$tmp/out")" -eq 2 ]
	mv "$vmlinux" "$tmp/given"
	without_files
	can 0 "$with_files" --vmlinux "$tmp/given" twin
	can 6 "'$tmp/other' is not the kernel that runs, as the build IDs tell; name the file of this build" \
		--vmlinux="$tmp/other" twin
	mv "$tmp/other" "$vmlinux"
	without_files
	can 6 "'$tmp/one.s' is no vmlinux with symbols; name the file that the build has left" \
		--vmlinux "$tmp/one.s" twin
	can 6 "'$tmp' is no vmlinux with symbols; name the file that the build has left" \
		--vmlinux "$tmp" twin
	can 3 "cannot read '$tmp/none': No such file or directory; see 'ls -l $tmp/none'" \
		--vmlinux "$tmp/none" twin
	strip -o "$tmp/stripped" "$tmp/given"
	can 6 "'$tmp/stripped' is no vmlinux with symbols; name the file that the build has left" \
		--vmlinux "$tmp/stripped" twin
	# It may be cut anywhere.
	size=$(wc -c < "$tmp/given")
	cut=0
	for part in 0 10 63 64 100 4096 5000 $((size - 2000)) $((size - 100)); do
		head -c "$part" "$tmp/given" > "$tmp/cut"
		try can --vmlinux "$tmp/cut" twin
		[ "$status" -ne 6 ] || cut=$((cut + 1))
	done
	ok "a file that is cut is refused" [ "$cut" -eq 9 ]
	sed -i '$d' "$tmp/proc/kallsyms"
else
	skip "source files" "no compiler"
fi

rm "$hooks"
can 7 "whether 'plain' has a hook is not known; become root, and mount tracefs at /sys/kernel/tracing" \
	plain
sed -i 's/^f[0-9a-f]*/0000000000000000/' "$tmp/proc/kallsyms"
: > "$hooks"
can 7 "whether 'plain' has a hook is not known; become root, and mount tracefs at /sys/kernel/tracing" \
	plain
rm "$tmp/proc/kallsyms"
can 1 "cannot read /proc/kallsyms: No such file or directory; mount /proc" plain

# names FILE: the functions that are always live, as C has them in an array
names() {
	sed -n '/always_live\[\] = {/,/};/p' "$1" | grep -o '"[a-z_]*"' | sort
}

if [ -e "$source" ]; then
	names "$source" > "$tmp/kernel"
	names "${0%/*}/../src/can.c" > "$tmp/tool"
	ok "there are functions that are always live" [ "$(wc -l < "$tmp/kernel")" -gt 10 ]
	ok "those of the kernel, and no other" cmp "$tmp/kernel" "$tmp/tool"
else
	skip "those of the kernel, and no other" "its source is not here"
fi

finish
