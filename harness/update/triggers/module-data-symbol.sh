#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "module/kallsyms: fix nextval for data symbol lookup": the kernel took the end of a
# module's text for the end of its data, so that symbols of data had an absurd size,
# like __this_module+0x0/0xffffffffffffe560.
#
# An event of a kprobe prints the symbol at the start of each kind of data.
#
# File: kernel/module/kallsyms.c

tracing=/sys/kernel/tracing
probe=trigger_data_symbol

[ -e $tracing/kprobe_events ] || { echo "skip: no kprobe events"; exit 0; }
for module in llc phonet vsock af_alg loop dummy; do
	[ ! -e "/sys/module/$module" ] || break
	! modprobe -q "$module" || { loaded=$module; break; }
done
[ -e "/sys/module/$module/sections" ] || { echo "skip: no module"; exit 0; }

cleanup() {
	[ -z "${instance:-}" ] || rmdir "$instance"
	[ -z "${added:-}" ] || echo "-:$probe/event" >> $tracing/kprobe_events
	[ -z "${loaded:-}" ] || modprobe -q -r "$loaded"
}
trap cleanup EXIT

size=$(awk -v name="$module" '$1 == name { print $2 }' /proc/modules)
fields=
for section in .data .bss .rodata .gnu.linkonce.this_module; do
	file=/sys/module/$module/sections/$section
	[ ! -e "$file" ] || fields+=" f${#fields}=\\$(cat "$file"):symbol"
done

echo "p:$probe/event __x64_sys_umask$fields" >> $tracing/kprobe_events || exit 1
added=yes
instance=$tracing/instances/$probe
mkdir "$instance" || exit 1
echo 1 > "$instance/events/$probe/event/enable"
umask 022
echo 0 > "$instance/events/$probe/event/enable"

result=new
sizes=$(grep -oE 'f[0-9]+=[^ ]+\+0x[0-9a-f]+/0x[0-9a-f]+' "$instance/trace" | sed 's,.*/,,')
[ -n "$sizes" ] || { cat "$instance/trace" >&2; exit 1; }
for symbol in $sizes; do
	# bash's numbers are signed.
	((symbol >= 0 && symbol <= size)) || result=old
done
echo $result
