#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# boottest.sh: installed patches in guests that boot with systemd. They are live after boot;
# those with which a guest has died are skipped at the next boot, which says so; and
# kpatch.enable=0 keeps all off.

. "$(dirname "$0")/lib.sh"

share=$work/boottest
root=$share/root
units=$root/etc/systemd/system
start_checks boottest

if [ ! -x /lib/systemd/systemd ]; then
	skipped "installed patches at boot" "there is no /lib/systemd/systemd on this machine"
	finish_checks
	exit
fi
release=$(make -s -C "$src" O="$obj" kernelrelease)
installed=$root/var/lib/kpatch/$release
command=$root/usr/local/sbin/kpatch

# The units of the host that a guest needs: to read all of them takes it long.
host_units=(basic final local-fs local-fs-pre paths reboot shutdown slices sockets swap sysinit
	timers umount)
host_units=("${host_units[@]/%/.target}" systemd-journald.service systemd-journald.socket
	systemd-journald-dev-log.socket systemd-reboot.service systemd-remount-fs.service)

# The directories that the guests have in place of the host's.
make_root() {
	local generator unit vendor=$root/usr/lib/systemd/system

	rm -rf "$share"
	mkdir -p "$share/modules" "$units" "$vendor"/sysinit.target.wants "$root/var/lib" \
		"$root"/etc/systemd/system-generators
	for generator in /lib/systemd/system-generators/*; do
		ln -s /dev/null "$root/etc/systemd/system-generators/${generator##*/}"
	done
	for unit in "${host_units[@]}"; do
		cp "/lib/systemd/system/$unit" "$vendor"
	done
	ln -s ../systemd-journald.service "$vendor/sysinit.target.wants"
	make -s -C "$src/tools/kpatch" install DESTDIR="$root"
	cp "$top"/harness/boottest/boottest.{service,target} "$units"
	systemctl --root="$root" set-default boottest.target
	systemctl --root="$root" enable boottest.service kpatch.service
}

make_modules() {
	cp "$top"/harness/boottest/{Kbuild,*.c} "$share/modules"
	make -s -C "$src" O="$obj" M="$share/modules" modules
}

install_patches() { KPATCH_ROOT=$root "$command" install -k "$release" "$@"; }

# What a guest tells of itself, in files in /run/out.
facts='cd /run/out; kpatch list > list; cat /proc/loadavg > loadavg
journalctl -b -o cat -u kpatch.service > journal
journalctl -b -o cat -u kpatch-guard.service > guard
systemctl show -p ActiveState,Result,ConditionResult kpatch.service > service'

# It wants to write to /tmp.
verify='unshare -m bash -c "mount -t tmpfs tmpfs /tmp
systemd-analyze verify --man=no kpatch.service kpatch-guard.service" 2> verify'

# boot NAME COMMAND: what the guest has written to /var/lib is there for the next one
boot() {
	local status=0

	out=$work/out/boottest-$1
	CPUS=1 TIMEOUT=120 INIT=$top/harness/systemd-init.sh SHARE=$share \
		"$top/harness/boot.sh" "boottest-$1" "$facts; $2" || status=$?
	rm -rf "$root/var/lib"
	cp -a "$out/root/var/lib" "$root/var"
	return "$status"
}

# says FILE LINE...: these lines, in any order, are all of a file of the guest
says() {
	local file=$out/$1
	shift
	diff <(printf '%s\n' "$@" | sort) <(sort "$file")
}

# lists FILE NAME...: a list of installed patches
lists() {
	local file=$1
	shift
	diff <(printf '%s\n' "$@") "$file"
}

patches=(kpatch_sample.ko boottest_load.ko)
with_deadly=("${patches[@]}" boottest_deadly.ko)

is_live() {
	says service ActiveState=active Result=success ConditionResult=yes &&
		says loadavg "patched at boot" &&
		grep -x 'kpatch_sample \[enabled\]' "$out/list"
}

# died: the guest had no time to tell how its command ended
died() {
	! boot dies "grep -q deadly list && touch was_loaded && cat /proc/version" &&
		[ -e "$out/was_loaded" ] && [ ! -e "$out/status" ]
}

marked() { lists "$(echo "$installed"/trying.*)" "${with_deadly[@]}"; }

all_skipped() {
	says service ActiveState=failed Result=exit-code ConditionResult=yes &&
		grep -F "kpatch: skipped, as the machine died when this was tried at boot: 'kpatch_sample.ko', 'boottest_load.ko', 'boottest_deadly.ko'; 'kpatch load --all --retry' tries it again" "$out/journal" &&
		! grep -e enabled -e disabled "$out/list" && ! grep patched "$out/loadavg"
}

boot_disabled() { APPEND=kpatch.enable=0 boot off true; }

off() {
	says service ActiveState=inactive Result=success ConditionResult=no &&
		! grep -e enabled -e disabled "$out/list" && ! grep patched "$out/loadavg"
}

# The last thing in a guest: from here on no module can be loaded or removed.
latch='echo 1 > /proc/sys/kernel/modules_disabled
kpatch unload boottest_load > unload 2>&1; echo $? >> unload
kpatch unload --all > unload_all 2>&1; echo $? >> unload_all
kpatch load /run/out/modules/boottest-deadly.ko > load 2>&1; echo $? >> load
kpatch list | grep "\[" > latched_list; cat /proc/loadavg > latched_loadavg
kpatch disable boottest_load && kpatch list | grep -qx "boottest_load \[disabled\]"'

# stays PATCH: the line that says so
stays() {
	echo "kpatch: '$1' stays loaded and enabled: kernel.modules_disabled is set, so no module can be removed; 'kpatch disable' only disables it"
}

latched_keeps_fixes() {
	says unload "$(stays boottest_load)" 7 &&
		says unload_all "$(stays boottest_load)" "$(stays kpatch_sample)" 7 &&
		says load "kpatch: cannot load 'boottest_deadly': kernel.modules_disabled is set, so no module can be loaded or removed; reboot to end that (-1)" 7 &&
		says latched_list "boottest_load [enabled]" "kpatch_sample [enabled]" &&
		says latched_loadavg "patched at boot"
}

prepare() {
	make_root && make_modules &&
		install_patches "$obj/samples/kpatch/kpatch-sample.ko" "$share/modules/boottest-load.ko"
}

say "boots with systemd, for $release"
mkdir -p "$share"
prepare > "$log" 2>&1 || { tail -n 40 "$log"; die "the test cannot be prepared"; }
try "a guest boots" boot live "$verify"
[ "$tap_failures" -eq 0 ] || die "there is no guest to test with"
try "both patches are live after boot" is_live
try "systemd has nothing to say about the units" [ ! -s "$out/verify" ]
try "a shutdown in order proves them" lists "$installed/proven" "${patches[@]}"
try "one more is installed" install_patches "$share/modules/boottest-deadly.ko"
try "a guest dies with it" died
try "what it had loaded is on its list" marked
try "the next guest boots" boot skips \
	"kpatch uninstall boottest_deadly && kpatch load --all --retry && grep -q patched /proc/loadavg && { $latch; }"
try "it has skipped what the other had loaded, and said so" all_skipped
try "with modules_disabled unload keeps all fixes, and says so" latched_keeps_fixes
try "what was tried again is not skipped any more" [ ! -s "$installed/skip" ]
try "a guest boots with kpatch.enable=0" boot_disabled
try "nothing is loaded" off
finish_checks
