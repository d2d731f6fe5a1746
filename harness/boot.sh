#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# boot.sh NAME [COMMAND...]: boot the kernel in QEMU and run COMMAND in bash in the
# guest. Without COMMAND run an interactive shell on this terminal. The console goes
# to build/<base>/out/NAME/console.log; files that the guest writes to /run/out end up
# in the same directory. Fails if the command fails, the guest dies or hangs, or the
# kernel log has a warning or an oops.
#
# INIT=FILE is PID 1 in place of guest-init.sh, and SHARE=DIR is copied to /run/out before.
#
# ICOUNT=1: the guest's clock advances by one nanosecond for each instruction, and
# jumps to the next timer when all CPUs are idle.

. "$(dirname "$0")/lib.sh"

name=${1:?usage: boot.sh NAME [COMMAND...]}
shift
out=$work/out/$name
ACCEL=${ACCEL:-tcg}
CPUS=${CPUS:-2}
TIMEOUT=${TIMEOUT:-900}
accel=$ACCEL
# All virtual CPUs share one thread: with a thread for each CPU, QEMU may execute
# stale code after the guest has modified it, and a stale int3 is an oops.
[ "$accel" != tcg ] || accel=tcg,thread=single

rm -rf "$out"
mkdir -p "$out"
[ -z "${SHARE:-}" ] || cp -a "$SHARE/." "$out"
append="console=ttyS0 panic=-1 reboot=t root=/dev/root rootfstype=9p"
append+=" rootflags=trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose"
# The emulator translates the code of a program anew if it is found at another address, so
# with random addresses it takes twice the time to start one.
append+=" init=${INIT:-$top/harness/guest-init.sh} norandmaps ${APPEND:-}"
# On a busy host the guest's TSC calibration fails, and without the TSC the guest has
# no clock that can measure a stop. The guest's TSC runs at the frequency of the host's.
khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)
clock=()
if [ -n "${ICOUNT:-}" ]; then
	accel=tcg
	clock=(-icount "shift=0,sleep=off")
	khz=1000000
fi
append+=" tsc=reliable clocksource=tsc ${khz:+tsc_early_khz=$khz}"

qemu=(qemu-system-x86_64 -M "microvm,rtc=on,pit=on,pic=on,acpi=off,isa-serial=on"
	-accel "$accel" "${clock[@]}" -cpu max -smp "$CPUS" -m "${MEM:-1024}"
	-nodefaults -no-user-config -nographic -no-reboot
	-kernel "$obj/arch/x86/boot/bzImage" -append "$append"
	-fsdev "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"
	-device "virtio-9p-device,fsdev=root,mount_tag=/dev/root"
	-fsdev "local,id=out,path=$out,security_model=none"
	-device "virtio-9p-device,fsdev=out,mount_tag=out")

if [ $# -eq 0 ]; then
	build_tool
	{
		printf 'cd %q\n' "$obj/samples/kpatch"
		printf 'PATH+=:%q\n' "$src/tools/kpatch"
		echo "PS1='guest# '"
		echo 'cat <<-END'
		echo 'The sample is here: kpatch load kpatch-sample.ko'
		echo '"exit" ends the guest. If it does not answer any more, Ctrl-a x ends it.'
		echo 'END'
	} > "$out/interactive"
	# With the monitor on the same terminal QEMU passes Ctrl-C to the guest.
	exec "${qemu[@]}" -serial mon:stdio
fi

printf 'cd %q && %s\n' "$top" "$*" > "$out/command"
log=$out/console.log
status=0
timeout "$TIMEOUT" "${qemu[@]}" -serial stdio </dev/null > "$log" 2>&1 || status=$?

# Text that a healthy kernel never prints.
splat='\] (BUG|WARNING|INFO): |\] (Oops|general protection|Kernel panic|stack segment)|\] =+\[ cut here|rcu: INFO: |rcu:.*detected stalls|possible circular locking|inconsistent lock state|suspicious RCU usage|scheduling while atomic|soft lockup|hard LOCKUP|------------\[ cut here|Call Trace:|invalid opcode|unable to handle'

if [ "$status" -eq 124 ]; then
	tail -n 40 "$log"
	die "$name: the guest did not end within $TIMEOUT s, see $log"
fi
# Tests say when they make it print that.
unexpected=$(sed '/kpatch test: the kernel complains/,/kpatch test: the kernel does not/d' "$log" |
	grep -aE -B2 -A40 "$splat" | head -n 150) || true
if [ -n "$unexpected" ]; then
	echo "$unexpected"
	die "$name: the kernel complained, see $log"
fi
[ -e "$out/status" ] || { tail -n 40 "$log"; die "$name: the guest died, see $log"; }
exit "$(cat "$out/status")"
