#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kpatch load, unload and replace, as far as they need no module

. "${0%/*}/tap.sh"

# use PATCH COUNT [HOLDER...]: how often its module is in use, and by which modules
use() {
	use_dir=$tmp/sys/module/$1
	mkdir -p "$use_dir/holders"
	echo "$2" > "$use_dir/refcnt"
	shift 2
	for use_by; do
		mkdir "$use_dir/holders/$use_by"
	done
}

# compile FILE LINE...: an object with these lines of modinfo, and a build ID; fails
# without a compiler
compile() {
	compile_file=$1
	shift
	for compile_text; do
		nr_fields=$((${nr_fields:-0} + 1))
		printf 'static const char f%d[] __attribute__((used, section(".modinfo"))) = "%s";\n' \
			"$nr_fields" "$compile_text"
	done > "$tmp/modinfo.c"
	cat >> "$tmp/modinfo.c" <<-END
	static const struct { unsigned int n[3]; char gnu[4]; unsigned int id; }
	note __attribute__((used, section(".note.gnu.build-id"))) =
		{ { 4, 4, 3 }, "GNU", ${build_id:-0x44332211} };
	END
	${CC:-cc} -c -o "$compile_file" "$tmp/modinfo.c" 2> "$tmp/cc"
}

release=$(uname -r)

fake two 0 tty_open,1
try load two
exits 0 "load of a disabled patch"
out_is "" "load of a disabled patch"
err_is "" "load of a disabled patch"
ok "load enabled it" [ "$(enabled two)" = 1 ]

try load -v two
exits 0 "load of an enabled patch"
err_is "kpatch: 'two' is already loaded and enabled" "load of an enabled patch"

echo 0 > "$sysfs/two/enabled"
mkdir -p "$tmp/sys/module/kpatch/parameters"
echo N > "$tmp/sys/module/kpatch/parameters/enable"
try load two
exits 4 "load with kpatch.enable=0"
err_is "kpatch: 'two' is loaded, but stays disabled, as kpatch.enable=0 has it; see 'kpatch help enable'" \
	"load with kpatch.enable=0"
ok "load with kpatch.enable=0 leaves it" [ "$(enabled two)" = 0 ]
rm "$tmp/sys/module/kpatch/parameters/enable"

# What is no patch is not inserted. Each line says what it is instead.
try load "$tmp/missing.ko"
exits 3 "missing file"
err_is "kpatch: cannot read '$tmp/missing.ko': No such file or directory; give the file of a patch module" \
	"missing file"
try load kpatch_test_no_such_module
exits 3 "unknown name"
err_is "kpatch: no module 'kpatch_test_no_such_module' in /lib/modules/$release; run depmod if it is new, or give a path such as ./kpatch_test_no_such_module.ko" \
	"unknown name"
: > "$tmp/empty.ko"
try load "$tmp/empty.ko"
exits 4 "empty file"
err_is "kpatch: '$tmp/empty.ko' is empty, not a module for this kernel; give the file of a patch module" \
	"empty file"
try load "$tmp/"
exits 4 "directory"
err_is "kpatch: '$tmp/' is a directory, not a module for this kernel; give the file of a patch module" \
	"directory"
try load /dev/null
exits 4 "device"
err_is "kpatch: '/dev/null' is not a regular file, not a module for this kernel; give the file of a patch module" \
	"device"
echo nonsense > "$tmp/text.ko"
try load "$tmp/text.ko"
exits 4 "text"
err_has "'$tmp/text.ko' is not a module for this kernel, or compressed in a way" "text"
head -c 100 /dev/urandom > "$tmp/broken.ko.gz"
try load "$tmp/broken.ko.gz"
exits 4 "compressed nonsense"
err_has "'$tmp/broken.ko.gz' is not a module for this kernel, or compressed in a way" \
	"compressed nonsense"

if compile "$tmp/plain.ko" name=plain; then
	try load "$tmp/plain.ko"
	exits 4 "module that is no patch"
	err_is "kpatch: '$tmp/plain.ko' is a module, but not a patch, and was not loaded; use modprobe or insmod for it" \
		"module that is no patch"
	compile "$tmp/other.ko" name=other kpatch=Y "vermagic=1.2.3-x SMP "
	try load "$tmp/other.ko"
	exits 6 "another kernel"
	err_is "kpatch: '$tmp/other.ko' was built for Linux 1.2.3-x, and this is $release; build the patch for this kernel" \
		"another kernel"

	compile "$tmp/two.ko" name=two kpatch=Y "vermagic=$release SMP "
	mkdir -p "$tmp/sys/module/two/notes"
	cp "$tmp/two.ko" "$tmp/sys/module/two/file"
	printf '\4\0\0\0\4\0\0\0\3\0\0\0GNU\0\21\42\63\104' \
		> "$tmp/sys/module/two/notes/.note.gnu.build-id"
	try load "$tmp/two.ko"
	exits 0 "the same build again"
	ok "the same build again: enabled" [ "$(enabled two)" = 1 ]
	build_id=0x99332211 compile "$tmp/two.ko" name=two kpatch=Y
	try load "$tmp/two.ko"
	exits 4 "another build"
	err_is "kpatch: another build of 'two' is loaded: 11223344 runs, and '$tmp/two.ko' is 11223399; unload it first, or give the new one another name" \
		"another build"
	if xz "$tmp/two.ko" 2> "$tmp/xz" && "$kpatch" info "$tmp/two.ko.xz" | grep -q ^file:; then
		try load "$tmp/two.ko.xz"
		exits 0 "a compressed file"
		err_is "kpatch: 'two' is already loaded; whether '$tmp/two.ko.xz' is another build is not known: it has no build ID, or is compressed" \
			"a compressed file"
	else
		skip "a compressed file" "no xz, here or in libkmod"
	fi
	use plain 0
	compile "$tmp/plain.ko" name=plain kpatch=Y
	try load "$tmp/plain.ko"
	exits 4 "the name of another module"
	err_is "kpatch: a module 'plain' is loaded, and is no patch; see lsmod, remove it first, or rename the patch" \
		"the name of another module"
else
	skip "module that is no patch" "no compiler"
fi

try unload none
exits 3 "unload, missing"
err_is "kpatch: no patch 'none' is loaded; see 'kpatch list'" "unload, missing"

# What has to stay keeps its fix, and the line says what holds it.
fake held 1 vfs_read,1
use held 2
try unload held
exits 5 "unload, in use"
err_is "kpatch: 'held' stays loaded and enabled: its module is in use by an open file of it, a BPF program on one of its functions, or a trial; end that first, or only disable it with 'kpatch disable'" \
	"unload, in use"
ok "unload, in use: stays enabled" [ "$(cat "$sysfs/held/enabled")" = 1 ]
use held 2 some_module
try unload held
err_has "its module is in use by some_module; end that first" "unload, in use by a module"
mkdir -p "$tmp/proc/sys/kernel"
echo 1 > "$tmp/proc/sys/kernel/modules_disabled"
use two 1
try unload two
exits 7 "unload, modules_disabled"
err_is "kpatch: 'two' stays loaded and enabled: kernel.modules_disabled is set, so no module can be removed; 'kpatch disable' only disables it" \
	"unload, modules_disabled"
ok "unload, modules_disabled: stays enabled" [ "$(enabled two)" = 1 ]
echo 0 > "$tmp/proc/sys/kernel/modules_disabled"
: > "$sysfs/switch"
try unload two held
exits 5 "unload of two, one is in use"
ok "unload of two, one is in use: nothing is asked for" [ ! -s "$sysfs/switch" ]
ok "unload of two, one is in use: the other stays enabled" [ "$(enabled two)" = 1 ]

# There is no such module; without root the error may be a different one. The plain file
# shows the last write first: its patch was enabled again.
fake kpatch_test_no_module 1 vfs_read,1
try unload -t 0 kpatch_test_no_module
ok "unload, the module stays: it fails" [ "$status" -ne 0 ]
err_has "cannot remove the module of 'kpatch_test_no_module': " "unload, the module stays"
err_has "'kpatch_test_no_module' stays loaded and enabled" "unload, the module stays"
ok "unload, the module stays: enabled again" [ "$(enabled kpatch_test_no_module)" = 1 ]

rm -r "$sysfs"
mkdir "$sysfs"
try unload --all
exits 0 "unload --all of nothing"
out_is "" "unload --all of nothing"
err_is "" "unload --all of nothing"
try load --all
exits 0 "load --all of nothing"
err_is "" "load --all of nothing"

finish
