# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by the tests: TAP output, a root with a directory that looks like
# /sys/kernel/kpatch, and a way to run kpatch on it.

kpatch=${KPATCH:-${0%/*}/../kpatch}
nr=0

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
KPATCH_ROOT=$tmp
export KPATCH_ROOT
sysfs=$tmp/sys/kernel/kpatch
mkdir -p "$sysfs"
: > "$sysfs/switch"
echo 0 > "$sysfs/confirm"

# fake PATCH ENABLED [FUNCTION...]: add a patch; its functions are live if it
# is enabled, as with a single patch.
fake() {
	fake_dir=$sysfs/$1
	fake_on=$2
	shift 2
	mkdir -p "$fake_dir/vmlinux"
	echo "$fake_on" > "$fake_dir/enabled"
	echo default > "$fake_dir/set"
	: > "$fake_dir/check"
	echo 3 > "$fake_dir/attempts"
	echo 2 > "$fake_dir/stops"
	echo 90 > "$fake_dir/scanned"
	echo 7 > "$fake_dir/scanned_stopped"
	echo 1200 > "$fake_dir/stop_ns"
	echo 45000 > "$fake_dir/max_stop_ns"
	: > "$fake_dir/blockers"
	for fake_func; do
		mkdir -p "$fake_dir/vmlinux/$fake_func"
		echo "$fake_on" > "$fake_dir/vmlinux/$fake_func/live"
	done
}

# modinfo FILE LINE...: an object with these lines of modinfo; fails without a
# compiler
modinfo() {
	modinfo_file=$1
	shift
	printf '%s\0' "$@" > "$tmp/modinfo"
	printf '.section .modinfo,"a"\n.incbin "%s"\n' "$tmp/modinfo" > "$tmp/modinfo.S"
	${CC:-cc} -c -o "$modinfo_file" "$tmp/modinfo.S" 2> "$tmp/cc"
}

# note OWNER TEXT...: notes of a module, each with a TEXT of less than 64 bytes
note() {
	note_owner=$1
	shift
	for note_text; do
		# Two sizes, and a type; all is padded to words.
		printf '%b' "\\$(printf '%03o' $((${#note_owner} + 1)))\\0\\0\\0" \
			"\\$(printf '%03o' $((${#note_text} + 1)))\\0\\0\\0\\0\\0\\0\\0"
		for note_part in "$note_owner" "$note_text"; do
			printf '%s\0' "$note_part"
			head -c $(((7 - ${#note_part} % 4) % 4)) /dev/zero
		done
	done
}

# says PATCH FIELD...: what KPATCH_INFO() has put into its module
says() {
	says_dir=$sysfs/../../module/$1/notes
	shift
	mkdir -p "$says_dir"
	note kpatch "$@" > "$says_dir/.note.kpatch"
}

# ago PATCH FILE SECONDS: a time of the kernel
ago() {
	awk -v ago="$3" '{ printf "%.0f\n", ($1 - ago) * 1e9 }' /proc/uptime > "$sysfs/$1/$2"
}

# enabled PATCH: what was written last; a plain file also keeps what is behind that
enabled() {
	head -c 1 "$sysfs/$1/enabled"
}

# try ARGUMENT...: run kpatch and keep its output for the checks below
try() {
	ran="kpatch $*"
	status=0
	"$kpatch" "$@" > "$tmp/out" 2> "$tmp/err" || status=$?
}

# ok DESCRIPTION COMMAND...: one test, passed if the command succeeds
ok() {
	nr=$((nr + 1))
	ok_what=$1
	shift
	if "$@"; then
		echo "ok $nr - $ok_what"
		return
	fi
	echo "not ok $nr - $ok_what"
	echo "# failed: $*"
	[ -z "${ran-}" ] || echo "# $ran: exit $status"
	[ ! -e "$tmp/out" ] || sed 's/^/# out: /' "$tmp/out"
	[ ! -e "$tmp/err" ] || sed 's/^/# err: /' "$tmp/err"
}

skip() {
	nr=$((nr + 1))
	echo "ok $nr - $1 # SKIP $2"
}

# exits STATUS DESCRIPTION: check the exit status of the last run, and the prefix of
# its errors
exits() {
	ok "$2: exit status $1" [ "$status" -eq "$1" ]
	ok "$2: all errors start with kpatch:" prefixed
}

not() {
	! "$@"
}

prefixed() {
	! grep -qv '^kpatch: ' "$tmp/err"
}

# out_is TEXT DESCRIPTION, err_is TEXT DESCRIPTION: compare all of the output
out_is() {
	ok "$2: output" [ "$(cat "$tmp/out")" = "$1" ]
}

err_is() {
	ok "$2: errors" [ "$(cat "$tmp/err")" = "$1" ]
}

# out_has PATTERN DESCRIPTION, err_has PATTERN DESCRIPTION: look for a line
out_has() {
	ok "$2: output has '$1'" grep -q -- "$1" "$tmp/out"
}

err_has() {
	ok "$2: errors have '$1'" grep -q -- "$1" "$tmp/err"
}

finish() {
	echo "1..$nr"
}
