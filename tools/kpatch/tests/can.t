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
