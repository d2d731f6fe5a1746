#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# buildtest.sh: what kpatch build says of a patch, and the patch of itself, with diffs of
# harness/build: --check, fields, signature. A guest shows the fields of a loaded patch. If
# the kernel knows signatures (FLAVOR=distro), it loads signed modules only, once that is
# required, and in lockdown.
#
# OBJTOOL_SOURCE: as for difftest.sh

. "$(dirname "$0")/lib.sh"

diffs=$top/harness/build
out=$work/buildtest
[ -e "$obj/vmlinux" ] || die "make build BASE=$BASE first"
rm -rf "$out"
mkdir -p "$out"
: "${OBJTOOL_SOURCE:=$top/build/7.3/linux}"
start_checks buildtest
if [ ! -e "$OBJTOOL_SOURCE/tools/objtool/klp-diff.c" ]; then
	skipped "what patches say" "there is no source of a kernel that has objtool klp"
	finish_checks
	exit
fi
export XDG_CACHE_HOME=$top/build/cache
build_tool
kpatch=$src/tools/kpatch/kpatch
build_directory=$obj

# build ARGUMENT...: of kpatch build, into its own files
build() {
	status=0
	timeout 900 "$kpatch" build --kernel "$build_directory" --source "$src" \
		--objtool-source "$OBJTOOL_SOURCE" "$@" > "$out/stdout" 2> "$out/stderr" || status=$?
	[ "$status" -eq "${expected:-0}" ] && return
	echo "exit status $status"
	cat "$out/stdout" "$out/stderr"
	return 1
}

# refused STATUS REGEX ARGUMENT...: in one line, and without a module
refused() {
	local expected=$1 regex=$2

	build -o "$out/refused.ko" "${@:3}" || return 1
	cat "$out/stderr"
	[ "$(wc -l < "$out/stderr")" -eq 1 ] && grep -qE "^kpatch build: $regex" "$out/stderr" &&
		! ls "$out"/refused.ko* 2> /dev/null
}

is() { diff - "$1"; }

# Functions that inline another one, and data that both share.
check_text() {
	build --check "$diffs/inlined.patch" &&
		grep -v ': uses ' "$out/stdout" | is /dev/fd/3 3<<-'END'
		vmlinux: fs/proc/array.c: replaces do_task_stat: inlines get_task_state
		vmlinux: fs/proc/array.c: replaces proc_pid_status: inlines get_task_state
		vmlinux: fs/proc/array.c: shares data task_state_array
		END
}

# A function that is marked as inline. If the compiler has left it out of line, it has no
# hook, so its callers are replaced.
check_text_of_a_copy() {
	local file=net/core/sock.c how=inlines

	! grep -q ' t sock_lock_init$' "$obj/System.map" || how=calls

	mkdir -p "$out/a/net/core" "$out/b/net/core"
	cp "$src/$file" "$out/a/net/core"
	sed '/^static inline void sock_lock_init(/,/^}/s/(sk->sk_kern_sock)/(& \&\& sk->sk_family)/' \
		"$out/a/$file" > "$out/b/$file"
	(cd "$out" && ! diff -u a/$file b/$file > copy.patch)
	build --check "$out/copy.patch" || return 1
	cat "$out/stdout"
	grep -qx "vmlinux: $file: replaces sk_alloc: $how sock_lock_init" "$out/stdout" &&
		! grep -q 'replaces sock_lock_init' "$out/stdout"
}

# A terminal shows how many of the files are done, and a log has nothing of that.
counts_files() {
	build --check "$diffs/header.patch" && [ ! -s "$out/stderr" ] || return 1
	script -qec "$(printf '%q ' "$kpatch" build --kernel "$obj" --source "$src" --objtool-source \
		"$OBJTOOL_SOURCE" --check "$diffs/header.patch")" /dev/null < /dev/null > "$out/terminal"
	tr '\r' '\n' < "$out/terminal" > "$out/lines"
	cat "$out/lines"
	grep -qE '^kpatch build: comparing files, ([0-9]+) of \1$' "$out/lines" &&
		grep -q '^kpatch build: compiling files, 1 of ' "$out/lines"
}

check_text_of_others() {
	build --check "$diffs/header.patch" &&
		grep -qx '.*: replaces loadavg_proc_show: uses LOAD_FRAC, uses LOAD_INT' "$out/stdout" &&
		build --check "$diffs/clone.patch" &&
		grep -qE ': replaces (do_sysinfo)\.[a-z]+\.0, a clone of \1$' "$out/stdout" &&
		build --check --fixes CVE-2026-12345 "$diffs/new-function.patch" &&
		grep -v ': uses ' "$out/stdout" | is /dev/fd/3 3<<-'END'
		vmlinux: fs/proc/cmdline.c: replaces cmdline_proc_show
		vmlinux: fs/proc/cmdline.c: adds show_length
		fixes CVE-2026-12345
		END
}

check_json() {
	build --check --json --fixes CVE-2026-12345 "$diffs/inlined.patch" \
		"$diffs/static-local.patch" "$diffs/module.patch" || return 1
	python3 - "$out/stdout" <<-'END'
	import json, sys

	with open(sys.argv[1]) as file:
	    report = json.load(file)
	assert list(report) == ["version", "kernel", "release", "expires", "engine", "fixes",
	                        "build_ids", "units", "unchanged"], list(report)
	assert report["version"] == 1 and report["release"] is None
	assert report["fixes"] == ["CVE-2026-12345"] and report["unchanged"] == []
	assert {"vmlinux", "phonet"} <= set(report["build_ids"])
	units = {u["source"]: u for u in report["units"]}
	assert sorted(units) == ["fs/drop_caches.c", "fs/proc/array.c", "net/phonet/socket.c"]
	for unit in units.values():
	    assert list(unit) == ["source", "object", "replaced", "kept", "added",
	                          "used", "shared"]
	    for func in unit["replaced"]:
	        assert list(func) == ["name", "position", "clone_of", "own_lines", "because"]
	    for used in unit["used"]:
	        assert sorted(used) == ["kind", "name", "object"]
	        assert used["kind"] in ("function", "data")
	assert units["net/phonet/socket.c"]["object"] == "phonet"
	assert units["net/phonet/socket.c"]["replaced"] == [{
	    "name": "pn_sock_seq_show", "position": 0, "clone_of": None, "own_lines": True,
	    "because": []}]
	array = units["fs/proc/array.c"]["replaced"]
	assert [f["because"] for f in array] == [[{"inlines": "get_task_state"}]] * 2
	assert not any(f["own_lines"] for f in array)
	drop = units["fs/drop_caches.c"]
	assert "stfu" in [s.split(".")[0] for s in drop["shared"]]
	assert {"name": "sysctl_drop_caches", "object": "vmlinux", "kind": "data"} in drop["used"]
	END
}

check_json_refused() {
	local expected=6

	build --check --json "$diffs/no-live.patch" || return 1
	[ "$(wc -l < "$out/stderr")" -eq 1 ] && python3 - "$out/stdout" <<-'END'
	import json, sys

	with open(sys.argv[1]) as file:
	    report = json.load(file)
	refused = report["refused"]
	assert list(report) == ["version", "refused"] and report["version"] == 1
	assert list(refused) == ["status", "where", "what", "remedy"]
	assert refused["status"] == 6
	assert refused["where"] == ["kernel/stop_machine.c", "multi_cpu_stop"]
	END
}

wrong_options() {
	refused 2 'CVE-26: is no fix; ' --fixes CVE-26 "$diffs/version.patch" &&
		refused 2 '0123456: is no fix; ' --fixes 0123456 "$diffs/version.patch" &&
		refused 2 '2027-02-29: is no date; ' --expires 2027-02-29 "$diffs/version.patch" &&
		refused 2 '2020-02-29: is over; ' --expires 2020-02-29 "$diffs/version.patch" &&
		refused 2 'a b: is no release' --release 'a b' "$diffs/version.patch" &&
		refused 2 'phonet: is the name of an object' --name phonet "$diffs/version.patch" &&
		refused 2 '--json needs --check; ' --json "$diffs/version.patch" &&
		refused 2 '--cert needs --sign; ' --cert x "$diffs/version.patch"
}

# A commit of a stable kernel as git shows it; one of a distribution as a mail, with another
# commit in the same file; and no commit at all.
make_diffs() {
	{
		cat <<-'END'
		commit aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (tag: v6.12.1)
		Author: A Developer <a@example.org>
		Date:   Mon Nov 2 12:00:00 2026 +0000

		    proc: say that the "version" is patched

		    [ Upstream commit 1111111111112222222222223333333333334444 ]

		    This is CVE-2026-11111, also known as cve-2026-11111. The line
		    commit bbbbbbbbbbbb ("proc: break it") is prose.

		    Fixes: bbbbbbbbbbbb ("proc: add a version, see CVE-2001-22222")
		    Reviewed-by: A Reviewer <r@example.org>

		END
		sed -n '/^---/,$p' "$diffs/version.patch" | sed 's/patched /patched CVE-2002-33333 /'
		cat <<-'END'

		commit 5555555555556666666666667777777777778888
		Author: A Developer <a@example.org>
		Date:   Mon Nov 2 12:00:00 2026 +0000

		    sysctl: another one

		END
		sed -n '/^---/,$p' "$diffs/static-local.patch"
	} > "$out/shown.patch"
	{
		cat <<-'END'
		From cccccccccccccccccccccccccccccccccccccccc Mon Sep 17 00:00:00 2001
		From: A Developer <a@example.org>
		Date: Mon, 2 Nov 2026 12:00:00 +0000
		Subject: [PATCH 6.12 3/7] [net] proc: a subject that is so long that
		 it is =?utf-8?q?f=C3=B6lded?=

		Fixes: CVE-2026-44444
		(cherry picked from commit 9999999999990000000000001111111111112222)
		---
		 fs/proc/cmdline.c | 2 +-
		 1 file changed, 1 insertion(+)

		END
		sed -n '/^---/,$p' "$diffs/new-function.patch"
		printf -- '-- \n2.39.2\n'
	} > "$out/mailed.patch"
}

fields() { modinfo "$1" | sed -n 's/^kpatch_//p' | sed 's/: */ /' | LC_ALL=C sort; }

has_fields() {
	local id

	make_diffs
	build --fixes cve-2026-55555 --fixes CVE-2026-11111 --release 6.12.999 --expires 2999-12-31 \
		--fixes '9999999999990 ("another subject")' \
		-o "$out/fields.ko" "$out/shown.patch" "$out/mailed.patch" || return 1
	id=$(readelf -n "$obj/vmlinux" | sed -n 's/.*Build ID: //p')
	fields "$out/fields.ko" | grep -v ^engine | is /dev/fd/3 3<<-END
	build_id vmlinux $id
	expires 2999-12-31
	fix 111111111111 ("proc: say that the "version" is patched")
	fix 555555555555 ("sysctl: another one")
	fix 999999999999 ("proc: a subject that is so long that it is földed")
	fix CVE-2026-11111
	fix CVE-2026-44444
	fix CVE-2026-55555
	kernel $(cat "$obj/include/config/kernel.release")
	release 6.12.999
	END
	fields "$out/fields.ko" | grep -qE '^engine objtool klp of Linux [0-9]+\.[0-9]+\.[0-9]+$'
}

has_no_fix() {
	build --name plain -o "$out/plain.ko" "$diffs/version.patch" || return 1
	cp "$out/stderr" "$out/plain.stderr"
	! fields "$out/plain.ko" | grep -E '^(fix|release|expires) '
}

shows_file() {
	"$kpatch" info "$out/fields.ko" > "$out/info" || return 1
	cat "$out/info"
	grep -qx 'fix: *CVE-2026-11111' "$out/info" && grep -qx 'loaded: *no' "$out/info"
}

# A build directory whose kernel knows signatures, if this one's does not.
make_signer() {
	can_sign=y
	grep -q '^CONFIG_MODULE_SIG=y' "$obj/.config" && return
	can_sign=
	# Paths in it are relative to its place.
	build_directory=$work/obj-signing
	rm -rf "$build_directory"
	cp -as "$obj" "$build_directory"
	rm "$build_directory/.config"
	{
		cat "$obj/.config"
		echo CONFIG_MODULE_SIG=y
		echo CONFIG_MODULE_SIG_FORCE=y
		echo 'CONFIG_MODULE_SIG_HASH="sha256"'
	} > "$build_directory/.config"
	cc -w -I"$src/scripts" -I"$src/tools/include/uapi" -o "$build_directory/scripts/sign-file" \
		"$src/scripts/sign-file.c" -lcrypto
}

make_keys() {
	local name

	for name in right wrong; do
		openssl req -new -nodes -batch -x509 -days 100 -subj "/CN=$name" -out "$out/$name.crt" \
			-keyout "$out/$name.key" 2> /dev/null || return 1
	done
	cat "$out/right.key" "$out/right.crt" > "$out/right.pem"
	openssl rsa -in "$out/right.key" -aes128 -passout pass:secret -out "$out/locked.key" 2> /dev/null
}

# is_signed MODULE: by our key, over all that is in front of the signature
is_signed() {
	python3 - "$1" "$out" <<-'END' || return 1
	import struct, sys

	with open(sys.argv[1], "rb") as file:
	    data = file.read()
	magic = b"~Module signature appended~\n"
	assert data.endswith(magic)
	data = data[:-len(magic)]
	size = struct.unpack(">I", data[-4:])[0]
	with open(sys.argv[2] + "/signature", "wb") as file:
	    file.write(data[-12 - size:-12])
	with open(sys.argv[2] + "/content", "wb") as file:
	    file.write(data[:-12 - size])
	END
	openssl cms -verify -binary -inform DER -in "$out/signature" -content "$out/content" \
		-certfile "$out/right.crt" -noverify -out /dev/null &&
		modinfo "$1" | grep -q "^sig_hashalgo: *$(sed -n 's/^CONFIG_MODULE_SIG_HASH="\(.*\)"/\1/p' "$build_directory/.config" | tail -n 1)"
}

signs() {
	local args=(--name diff-signed -o "$out/signed.ko" "$diffs/version.patch")

	build --sign "$out/right.pem" "${args[@]}" && is_signed "$out/signed.ko" &&
		build --sign "$out/right.key" --cert "$out/right.crt" "${args[@]}" &&
		is_signed "$out/signed.ko" &&
		KBUILD_SIGN_PIN=secret build --sign "$out/locked.key" --cert "$out/right.crt" "${args[@]}" &&
		is_signed "$out/signed.ko"
}

# Only where the kernel wants one.
notes_that_there_is_none() {
	build -o "$out/unsigned.ko" "$diffs/version.patch" &&
		grep -qx 'kpatch build: note: .* signed modules only.*' "$out/stderr" &&
		! modinfo "$out/unsigned.ko" | grep ^sig_ && [ ! -s "$out/plain.stderr" ]
}

signs_with_the_right_key() {
	refused 3 '/nowhere: cannot be read' --sign /nowhere "$diffs/version.patch" &&
		refused 3 '.*/right.key: cannot sign: ' --sign "$out/right.key" --cert "$out/wrong.crt" \
		"$diffs/version.patch" &&
		refused 3 '.*/locked.key: cannot sign: ' --sign "$out/locked.key" \
			--cert "$out/right.crt" "$diffs/version.patch"
}

try "kpatch build --check tells what a function inlines" check_text
try "it tells of macros, clones, new functions, fixes" check_text_of_others
try "it tells of functions that call a changed one without a hook" check_text_of_a_copy
try "progress is shown on a terminal only" counts_files
try "kpatch build --check --json" check_json
try "its refusals are JSON, too" check_json_refused
try "wrong options are refused in one line" wrong_options
try "a patch has the fixes of its diffs, and what is asked for" has_fields
try "a patch without fixes has none" has_no_fix
try "kpatch info shows a file" shows_file
make_keys
if make_signer > "$log" 2>&1; then
	try "a module is signed" signs
	try "a module is not half signed" signs_with_the_right_key
	[ "$build_directory" = "$obj" ] ||
		try "a note tells that a signature is missing" notes_that_there_is_none
else
	skipped "a module is signed" "sign-file does not compile: $(tail -n 1 "$log")"
fi

# What the guest runs.
guest() {
	declare -p top obj out kpatch can_sign
	cat <<-'END'
	set -e
	say() { echo "$*" >&2; exit 1; }
	name=fields
	# refuses TEXT: an unsigned module is not loaded, and this is why
	refuses() {
		local status=0
		"$kpatch" load "$out/plain.ko" 2> /run/error || status=$?
		cat /run/error
		[ "$status" -eq 7 ] || say "load of an unsigned module: exit status $status"
		[ "$(cat /run/error)" = "kpatch: cannot load 'plain': $1" ]
	}
	if [ "$can_sign" ]; then
		name=diff_signed
		lockdown=/sys/kernel/security/lockdown
		mount -t securityfs none /sys/kernel/security || :
		if [ -e $lockdown ]; then
			echo integrity > $lockdown
			refuses "root lacks CAP_SYS_MODULE, or a security module or lockdown forbids it; see dmesg and the audit log (-1)"
		fi
		echo Y > /sys/module/module/parameters/sig_enforce
		refuses "it is not signed with a key that this kernel trusts; sign it with a trusted key (-129)"
		"$kpatch" load "$out/trusted.ko"
		[[ $(cat /proc/version) == patched* ]] || say "the signed module changes nothing"
		"$kpatch" unload "$name"
		[[ $(cat /proc/version) != patched* ]] || say "the signed module was not disabled"
		exit
	fi
	"$kpatch" load "$out/fields.ko"
	"$kpatch" info "$out/fields.ko" > /run/info
	cat /run/info
	sed '/^$/,$d' /run/info | grep -E '^(fix|expires|kernel|release|build_id|engine):' > /run/file
	sed '1,/^$/d' /run/info | grep -E '^(fix|expires|kernel|release|build_id|engine):' > /run/loaded
	grep -q '^fix: *CVE-2026-11111$' /run/loaded || say "no fix"
	cmp /run/file /run/loaded || say "the file and what is loaded differ"
	"$kpatch" list -v | grep -qx '  fixes CVE-2026-11111' || say "kpatch list shows no fix"
	"$kpatch" unload fields
	END
}

# The kernel trusts the key that its build has made.
make_trusted() {
	build --sign "$obj/certs/signing_key.pem" --name diff-signed -o "$out/trusted.ko" \
		"$diffs/version.patch"
}

boot() {
	guest > "$out/guest"
	"$top/harness/boot.sh" buildtest "bash $out/guest"
}

build_directory=$obj
if [ "${can_sign:-}" ]; then
	try "a module is signed with the key of the kernel" make_trusted
	try "a kernel that wants signatures loads it, and no other" boot
else
	rm -rf "$work/obj-signing"
	try "kpatch info and list show what a loaded patch says" boot
fi
finish_checks
