#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The module for dracut, with stubs in place of dracut's functions
# shellcheck disable=SC2034,SC2154 # variables of what is sourced

# shellcheck source=/dev/null
. "${0%/*}/tap.sh"

recipe=${0%/*}/../boot/dracut/50kpatch
lists=$tmp/var/lib/kpatch/1.2.3
initramfs=$tmp/initramfs

# What dracut gives to a module. Of an executable it copies the libraries, too.
mkdir -p "$lists" "$tmp/bin"
cat > "$tmp/dracut" <<'END'
inst_simple() { mkdir -p "$initdir${1%/*}" && cp "$1" "$initdir${2-$1}"; }
inst_binary() { mkdir -p "$initdir${2%/*}" && cp "$1" "$initdir$2" && echo "binary $2"; }
inst_hook() { echo "hook $1 $2 ${3##*/}" && [ -e "$3" ]; }
END

# run FUNCTION: of the module, as dracut does, with the paths of the test
run() {
	ran="$1 of the module"
	sed -e "s,/usr/local/sbin,$tmp/bin," -e "s,/var/lib/kpatch,$tmp/var/lib/kpatch," \
		"$recipe/module-setup.sh" > "$tmp/setup"
	status=0
	kernel=1.2.3 initdir=$initramfs moddir=$recipe bash -c \
		". '$tmp/dracut'; . '$tmp/setup'; $1" > "$tmp/out" 2> "$tmp/err" || status=$?
}

# load: the hook, sourced, with the paths of the test
load() {
	ran="the hook"
	sed "s,/usr/sbin/kpatch,$tmp/bin/kpatch,; s, /sys/, $sysfs/../../," "$recipe/load.sh" \
		> "$tmp/load.sh"
	status=0
	sh -ec ". '$tmp/load.sh'; echo goes on" > "$tmp/out" 2> "$tmp/err" || status=$?
}

# copied: the files in the initramfs that are patches or lists
copied() {
	find "$initramfs" -path '*/var/lib/kpatch/*' -type f 2> "$tmp/find" | sed 's,.*/,,' |
		sort | paste -sd ' '
}

printf '%s\n' a.ko b.ko c.ko d.ko > "$lists/order"
for file in a b c; do
	: > "$lists/$file.ko"
done

run check
exits 1 "nothing is proven"
# d.ko was uninstalled, c.ko has not been tried.
printf '%s\n' d.ko b.ko a.ko > "$lists/proven"
if ! PATH=/usr/local/sbin:/usr/sbin:$PATH type -P kpatch > "$tmp/which"; then
	run check
	exits 1 "no command"
fi
cat > "$tmp/bin/kpatch" <<END
#!/bin/sh
echo "\$*" > "$tmp/called"
exit 4
END
chmod +x "$tmp/bin/kpatch"
run check
exits 0 "check"
run depends
exits 0 "depends"
out_is "" "depends on nothing"
ok "check copies nothing" [ ! -e "$initramfs" ]

run install
exits 0 "install"
err_is "" "install"
out_is "binary /usr/sbin/kpatch
hook pre-udev 00 load.sh" "install"
ok "install: what is proven is copied" [ "$(copied)" = "a.ko b.ko order" ]
ok "install: to where it is loaded from" [ -e "$initramfs$lists/a.ko" ]
ok "install: the command is copied" cmp "$tmp/bin/kpatch" "$initramfs/usr/sbin/kpatch"
rm -r "$initramfs" "$lists/order"
echo b.ko > "$lists/skip"
run install
ok "install: what is skipped is not copied" [ "$(copied)" = "a.ko" ]

load
exits 0 "the command fails"
out_is "goes on" "the command fails"
ok "the command" [ "$(cat "$tmp/called")" = "load --all --boot" ]
rm -r "$sysfs" "$tmp/called"
load
exits 0 "no kpatch"
ok "no kpatch: not called" [ ! -e "$tmp/called" ]

finish
