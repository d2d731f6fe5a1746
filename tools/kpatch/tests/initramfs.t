#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The hook and the script for initramfs-tools

. "${0%/*}/tap.sh"

recipe=${0%/*}/../boot/initramfs-tools
lists=$tmp/var/lib/kpatch/1.2.3
initramfs=$tmp/initramfs

# What the hook uses of initramfs-tools. Both copy below $DESTDIR.
mkdir -p "$tmp/tools" "$lists" "$tmp/bin"
cat > "$tmp/tools/hook-functions" <<'END'
copy_exec() { mkdir -p "$DESTDIR${2%/*}" && cp "$1" "$DESTDIR$2"; }
copy_file() { mkdir -p "$DESTDIR${2%/*}" && cp "$2" "$DESTDIR$2"; }
END

# run FILE: the same, with the paths of the test
run() {
	sed -e "s,/usr/share/initramfs-tools,$tmp/tools,; s,/usr/local/sbin,$tmp/bin," \
		-e "s,/sbin/kpatch load,$tmp/bin/kpatch load,; s, /sys/, $sysfs/../../," \
		-e "s,/var/lib/kpatch,$tmp/var/lib/kpatch," "$1" > "$tmp/run"
	shift
	status=0
	version=1.2.3 DESTDIR=$initramfs sh -e "$tmp/run" "$@" > "$tmp/out" 2> "$tmp/err" ||
		status=$?
}

# copied: the files in the initramfs that are patches or lists
copied() {
	find "$initramfs" -path '*/kpatch/*' -type f 2> "$tmp/find" | sed 's,.*/,,' | sort |
		paste -sd ' '
}

cat > "$tmp/bin/kpatch" <<END
#!/bin/sh
echo "\$*" > "$tmp/called"
exit 4
END
chmod +x "$tmp/bin/kpatch"
printf '%s\n' a.ko b.ko c.ko d.ko > "$lists/order"
for file in a b c; do
	: > "$lists/$file.ko"
done

for file in hook script; do
	run "$recipe/$file" prereqs
	exits 0 "$file prereqs"
	ok "$file prereqs: nothing is done" [ ! -e "$initramfs" ]
done
run "$recipe/hook"
exits 0 "nothing is proven"
ok "nothing is proven: nothing is copied" [ ! -e "$initramfs" ]

# d.ko was uninstalled, c.ko has not been tried.
printf '%s\n' d.ko b.ko a.ko > "$lists/proven"
run "$recipe/hook"
exits 0 "hook"
ok "hook: what is proven is copied" [ "$(copied)" = "a.ko b.ko order" ]
ok "hook: the command is copied" cmp "$tmp/bin/kpatch" "$initramfs/sbin/kpatch"
rm -r "$initramfs"
echo b.ko > "$lists/skip"
run "$recipe/hook"
ok "hook: what is skipped is not copied" [ "$(copied)" = "a.ko order" ]

run "$recipe/script"
exits 0 "script, the command fails"
ok "script: the command" [ "$(cat "$tmp/called")" = "load --all --boot" ]
rm -r "$sysfs" "$tmp/called"
run "$recipe/script"
exits 0 "script, no kpatch"
ok "script, no kpatch: not called" [ ! -e "$tmp/called" ]

finish
