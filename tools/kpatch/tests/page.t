#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The scripts in the documentation work

. "${0%/*}/tap.sh"

page=${0%/*}/../../../Documentation/kpatch-command.txt
release=$(uname -r)

if [ ! -e "$page" ]; then
	skip "scripts of the documentation" "it is not here"
	finish
	exit
fi

# script NAME: write a script of the page to a file of that name
script() {
	awk -v name="$1" '
	/^[^ ]/ { copy = 0 }
	/^  #!/ { first = substr($0, 3); next }
	first && $1 == "#" && $2 == name { copy = 1; print first }
	{ first = "" }
	copy { print substr($0, 3) }' "$page" > "$tmp/$1"
	chmod +x "$tmp/$1"
	ok "$1: it is in the page" [ -s "$tmp/$1" ]
}

# run NAME ARGUMENT...
run() {
	ran=$*
	run_script=$1
	shift
	status=0
	"$tmp/$run_script" "$@" > "$tmp/out" 2> "$tmp/err" || status=$?
}

mkdir "$tmp/bin"
ln -s "$(realpath "$kpatch")" "$tmp/bin/kpatch"
PATH=$tmp/bin:$PATH

for name in apply attention fixes refusals rollout; do
	script $name
done
printf 'name=my_fix\0kpatch=Y\0vermagic=%s SMP\0' "$release" > "$tmp/modinfo"
printf '.section .modinfo,"a"\n.incbin "%s"\n' "$tmp/modinfo" > "$tmp/modinfo.S"
if ${CC:-cc} -c -o "$tmp/my-fix.ko" "$tmp/modinfo.S" 2> "$tmp/cc"; then
	# It is loaded already, as far as the command can see.
	fake my_fix 0 vfs_read,1
	run apply "$tmp/my-fix.ko"
	exits 0 "apply"
	out_is "$tmp/my-fix.ko is live" "apply"
	ok "apply: it is" [ "$(enabled my_fix)" = 1 ]
	sed 's/vermagic=[^ ]*/vermagic=1.2.3/' "$tmp/modinfo" > "$tmp/other"
	mv "$tmp/other" "$tmp/modinfo"
	${CC:-cc} -c -o "$tmp/old.ko" "$tmp/modinfo.S"
	run apply "$tmp/old.ko"
	exits 1 "apply, another kernel"
	out_is "$tmp/old.ko has to be built for Linux $release" "apply, another kernel"

	# The module of the file cannot be removed, as there is none.
	run rollout "$tmp/my-fix.ko"
	ok "rollout: a failure is one" [ "$status" -eq 1 ]
	out_has "^my_fix is loaded by kpatch [0-9]" "rollout"
	out_has "^my_fix ($release)\$" "rollout: installed"
	ok "rollout: installed" [ -e "$tmp/var/lib/kpatch/$release/my_fix.ko" ]
	try uninstall my_fix.ko
	exits 0 "uninstall by the name of the file"
else
	skip "apply and rollout" "no compiler"
fi

if ! command -v jq > "$tmp/jq"; then
	skip "attention, fixes and refusals" "no jq"
	finish
	exit
fi
rm -r "$sysfs/my_fix"
fake good 1 vfs_read,1
says good fix=CVE-2026-12345 expires=2999-12-31
run attention
exits 0 "attention, all is well"
out_is "" "attention, all is well"
run fixes
exits 0 "fixes"
out_is "good CVE-2026-12345" "fixes"
fake bad 0 tty_open,1
says bad fix=CVE-2026-54321 expires=2020-02-29
echo "17 sleeper tty_open asleep" > "$sysfs/bad/blockers"
echo 60000000 > "$sysfs/good/max_stop_ns"
echo "trial 12 +good" > "$sysfs/confirm"
mkdir -p "$tmp/var/lib/kpatch/1.2.3"
: > "$tmp/var/lib/kpatch/1.2.3/worse.ko"
echo worse.ko > "$tmp/var/lib/kpatch/1.2.3/skip"
run attention
exits 1 "attention"
out_is "bad is disabled
worse is skipped at boot
bad has expired on 2020-02-29
bad was blocked by sleeper
a stop took 60000000 ns
+good is undone in 12 s unless confirmed" "attention"
run fixes
out_is "good CVE-2026-12345" "fixes of disabled patches are none"
run refusals
exits 0 "refusals, a kernel that does not tell"
out_is "" "refusals, a kernel that does not tell"
ago good since_ns 93
echo 16 > "$sysfs/bad/refused"
ago bad refused_ns 65
run refusals
out_has "^good has been enabled for 9[3-9] s\$" "refusals: age"
out_has "^bad was refused with EBUSY at [0-9-]*T[0-9:]*Z\$" "refusals"
mv "$tmp/sys" "$tmp/away"
run attention
exits 1 "attention without /sys"
out_has "^/sys is not mounted" "attention without /sys"

finish
