#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# static.sh: what can be said of the files without running them. Uses the tree and
# the objects that build.sh has made for BASE. One line for each check.

. "$(dirname "$0")/lib.sh"

kernel_dirs=(kernel/kpatch samples/kpatch)
start_checks static

# Compile our files again with what W=1 and C=2 add; any word about them fails.
compile() {
	local dir
	for dir in "${kernel_dirs[@]}"; do
		find "$obj/$dir" -name '*.o' -delete
		make -C "$src" O="$obj" "$@" "$dir/" || return 1
	done > "$work/compile.log" 2>&1
	! grep -E 'warning:|error:' "$work/compile.log"
}

sparse_works() {
	make -C "$src" O="$obj" C=2 kernel/kpatch/ > "$work/sparse.log" 2>&1 || return 1
	! grep -E 'sparse is not available|warning:|error:' "$work/sparse.log" &&
		[ "$(grep -c '^  CHECK' "$work/sparse.log")" -ge "$(find "$top/kernel/kpatch" -name '*.c' | wc -l)" ]
}

kernel_doc() {
	local files=("$top"/include/linux/kpatch{,_diff,_syscall}.h "$top"/kernel/kpatch/*.[ch])
	"$src/scripts/kernel-doc" -none -Wall -Werror "${files[@]}"
}

checkpatch() {
	local f
	cd "$src"
	payload | grep -v -e '\.gitignore$' | while read -r f; do
		./scripts/checkpatch.pl --strict --no-summary --terse -f "$f"
	done | grep . && return 1
	return 0
}

# Every line of a binary relation "file uses file" that tsort cannot order.
layers() {
	local dir=$obj/kernel/kpatch f sym
	declare -A home=()
	for f in "$dir"/*.o; do
		case $f in */built-in.o) continue ;; esac
		while read -r sym; do
			home[$sym]=$(basename "$f")
		done < <(nm "$f" | awk '$2 == "T" { print $3 }')
	done
	for f in "$dir"/*.o; do
		while read -r sym; do
			[ -z "${home[$sym]:-}" ] || echo "$(basename "$f") ${home[$sym]}"
		done < <(nm "$f" | awk '$1 == "U" { print $2 }')
	done | sort -u | tsort
}

# The handler may call nothing that can be traced, or that a sanitizer adds: the
# only functions that it reaches are those that leave preemption, a noinstr one
# of RCU's debugging, what the compiler puts where a return goes, and the knob for
# the tests.
handler_is_closed() {
	local func code

	for func in kpatch_redirect kpatch_ftrace_handler; do
		code=$(objdump -dr --disassemble=$func "$obj/kernel/kpatch/handler.o")
		grep -q "<$func>:" <<< "$code" || { echo "no $func"; return 1; }
		! grep __fentry__ <<< "$code" || return 1
		! awk '/R_X86_64_(PLT32|PC32)/ { sub(/[-+]0x.*/, "", $NF); print $NF }' <<< "$code" |
			grep -v -x -e kpatch_redirect -e kpatch_table -e kpatch_txn \
				-e '\.bss' -e '\.data' -e '\.text' -e __x86_return_thunk \
				-e __preempt_count -e pcpu_hot -e debug_lockdep_rcu_enabled \
				-e preempt_schedule_notrace_thunk \
				-e __SCT__preempt_schedule_notrace \
				-e kpatch_debug_handler_delay_us \
				-e kpatch_debug_spin || return 1
	done
	! objdump -dr --disassemble=kpatch_debug_spin "$obj/kernel/kpatch/debug.o" |
		grep __fentry__
}

# KPATCH_FUNC() with a replacement of another type does not compile, and says why.
wrong_type_is_told() (
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	echo 'obj-m := wrong.o' > "$scratch/Makefile"
	cat > "$scratch/wrong.c" <<-'EOF'
		#include <linux/gcd.h>
		#include <linux/kpatch.h>

		static int new_gcd(int a, int b)
		{
			return a + b;
		}

		static struct kpatch_func funcs[] = {
			KPATCH_FUNC(gcd, new_gcd),
		};
		module_kpatch(funcs);
		MODULE_LICENSE("GPL");
	EOF
	! make -C "$src" O="$obj" M="$scratch" wrong.o > "$scratch/log" 2>&1 ||
		{ echo "it compiles"; exit 1; }
	grep -q 'error:.*type of new_gcd differs from that of gcd, which it replaces' "$scratch/log" ||
		{ cat "$scratch/log"; exit 1; }
)

# What does not fit a system call does not compile, and each error says why.
wrong_syscall_is_told() (
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	echo 'obj-m := wrong.o' > "$scratch/Makefile"
	cat > "$scratch/wrong.c" <<-'EOF'
		#include <linux/kpatch_syscall.h>

		KPATCH_SYSCALL_DEFINE2(getpriority, int, which)
		{
			return which;
		}

		KPATCH_SYSCALL_DEFINE0(getppid)
		{
			return 0;
		}

		KPATCH_SYSCALL_DEFINE1(umask, int, mask)
		{
			return mask;
		}

		KPATCH_SYSCALL_ORIGINAL(chroot);
		KPATCH_SYSCALL_DEFINE1(chroot, const char __user *, path)
		{
			return kpatch_call_original_syscall(chroot);
		}

		KPATCH_SYSCALL_DEFINE1(sysinfo, void __user *, info)
		{
			return 0;
		}

		static struct kpatch_func funcs[] = {
			KPATCH_SYSCALL(getppid),
			KPATCH_SYSCALL0(umask),
			KPATCH_SYSCALL(chroot),
			KPATCH_SYSCALL(sysinfo),
		};
		module_kpatch(funcs);
		MODULE_LICENSE("GPL");
	EOF
	! make -C "$src" O="$obj" M="$scratch" wrong.o > "$scratch/log" 2>&1 ||
		{ echo "it compiles"; exit 1; }
	while read -r text; do
		grep -q "error:.*kpatch: $text" "$scratch/log" ||
			{ echo "not told: $text"; cat "$scratch/log"; exit 1; }
	done <<-'EOF'
		getpriority needs as many types and names as its macro says
		getppid has no arguments; write KPATCH_SYSCALL0()
		umask has arguments; write KPATCH_SYSCALL()
		chroot calls its original; write KPATCH_SYSCALL_WITH_ORIGINAL()
		sysinfo has another body for 32-bit programs; write KPATCH_SYSCALL_AND_COMPAT()
	EOF
)

# The same sources compile for a kernel that runs no 32-bit programs. Nothing of them is
# left there, and no trace events are defined anywhere.
syscalls_of_32_bits_can_be_off() (
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	echo 'obj-m := sample.o test.o' > "$scratch/Makefile"
	for f in samples/kpatch/kpatch-sample-syscall.c \
		tools/testing/selftests/kpatch/test_modules/test_kpatch_syscall.c; do
		name=sample
		[ "${f%%/*}" = samples ] || name="test"
		printf '#undef CONFIG_%s\n' IA32_EMULATION COMPAT > "$scratch/$name.c"
		echo '#define CONFIG_FTRACE_SYSCALLS 1' >> "$scratch/$name.c"
		cat "$top/$f" >> "$scratch/$name.c"
	done
	make -C "$src" O="$obj" M="$scratch" sample.o test.o > "$scratch/log" 2>&1 ||
		{ cat "$scratch/log"; exit 1; }
	! grep -i warning: "$scratch/log" || exit 1
	! nm "$scratch/sample.o" "$scratch/test.o" | grep -E '_(ia32|compat)_|event_(enter|exit)' || exit 1
	[ "$(nm "$scratch/sample.o" "$scratch/test.o" | grep -c ' T __x64_sys_kpatch_')" -eq 3 ]
)

# kpatch_call_original() as the last statement is a call and not a jump, with a result or
# without one.
original_is_called() (
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	echo 'obj-m := last.o' > "$scratch/Makefile"
	cat > "$scratch/last.c" <<-'EOF'
		#include <linux/kpatch.h>

		int number(long n);
		void nothing(long n);
		int last_number(long n);
		void last_nothing(long n);

		KPATCH_ORIGINAL(original_number, number);
		KPATCH_ORIGINAL(original_nothing, nothing);

		int last_number(long n)
		{
			return kpatch_call_original(original_number, n);
		}

		void last_nothing(long n)
		{
			kpatch_call_original(original_nothing, n);
		}
	EOF
	make -C "$src" O="$obj" M="$scratch" last.o > "$scratch/log" 2>&1 ||
		{ cat "$scratch/log"; exit 1; }
	! grep -i warning "$scratch/log" || exit 1
	for func in number nothing; do
		objdump -dr --disassemble=last_$func "$scratch/last.o" > "$scratch/code"
		grep -B1 "R_X86_64_PLT32.*original_$func" "$scratch/code" | grep -qw call ||
			{ cat "$scratch/code"; exit 1; }
	done
)

no_bug() {
	! grep -nE '\bBUG(_ON)?\(' -r "$top/kernel/kpatch" "$top/include/linux/kpatch.h"
}

# A mutant that does not apply breaks nothing, and would go unnoticed.
mutants_apply() (
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	cd "$top"
	payload | grep -E '^(arch|include|kernel|scripts)/' | cpio -pdm --quiet "$scratch"
	for m in harness/mutants/*.patch; do
		patch -d "$scratch" -p1 -s --dry-run < "$m" || { echo "$m"; exit 1; }
	done
)

# Valid reStructuredText, for Sphinx as well.
is_valid_rst() { rst2html --halt=warning --report=warning "$1" > "$work/rst.html"; }

# Valid, and no paragraph is indented by accident.
is_rst() {
	is_valid_rst "$1" && ! grep -A8 '<blockquote>' "$work/rst.html"
}

# from_kernel_doc FILE [ARG...]: what a kernel-doc directive stands for. The directives
# in the output that only Sphinx knows are turned into others with the same content.
# Missing identifiers are errors, but a missing DOC block may just be empty output.
from_kernel_doc() {
	local file=$1 text

	shift
	text=$("$src/scripts/kernel-doc" -rst -Werror "$@" "$top/$file") || return 1
	grep -q '[^[:space:]]' <<< "$text" || { echo "kernel-doc $* $file: nothing found" >&2; return 1; }
	sed -E 's/^( *)\.\. c:([a-z]+):: .*/\1.. class:: \2/' <<< "$text"
}

# The API document is valid together with all kernel-doc comments that it refers to.
api_is_rst() {
	local line file=''

	{
		printf '.. role:: c:%s\n' type func struct enum expr
		echo
		while IFS= read -r line; do
			case $line in
			'.. kernel-doc:: '*) file=${line#.. kernel-doc:: } ;;
			'   :export:') from_kernel_doc "$file" -export || return 1 ;;
			'   :doc: '*) from_kernel_doc "$file" -function "${line#   :doc: }" || return 1 ;;
			'   :internal:') from_kernel_doc "$file" -internal || return 1 ;;
			*) printf '%s\n' "$line" ;;
			esac
		done < "$1"
	} > "$work/api.rst"
	is_valid_rst "$work/api.rst"
}

# The kernel makes a chapter of its documentation of these files: with a script in
# Perl, and later with one in Python, which takes the same arguments.
abi() {
	local tool=("$src/scripts/get_abi.pl") dir=$top/Documentation/ABI/testing warnings

	[ ! -e "$src/tools/docs/get_abi.py" ] || tool=(python3 -B "$src/tools/docs/get_abi.py")
	warnings=$("${tool[@]}" --dir "$dir" validate 2>&1) || return 1
	[ -z "$warnings" ] || { echo "$warnings"; return 1; }
	# The role is one of Sphinx.
	{ printf '.. role:: ref\n\n'; "${tool[@]}" --dir "$dir" rest; } > "$work/abi.rst" &&
		is_rst "$work/abi.rst"
}

scripts() {
	cd "$top"
	shellcheck harness/*.sh harness/bench/*.sh harness/update/*.sh \
		harness/update/triggers/*.sh .ci/run tools/testing/selftests/kpatch/*.sh \
		tools/kpatch/tests/*.t tools/kpatch/tests/*.sh tools/kpatch/kpatch.bash \
		tools/kpatch/boot/initramfs-tools/* tools/kpatch/boot/dracut/50kpatch/*
}

tool() {
	make -s -C "$src/tools/kpatch" clean all check
}

# What rst2man makes is not all that mandoc likes.
manual_pages() {
	make -s -C "$src/tools/kpatch" man &&
		mandoc -T lint -W error "$src/tools/kpatch/kpatch.8" &&
		mandoc -T lint -W error "$src/tools/kpatch/kpatch-build.8"
}

no_versions() {
	! grep -rn LINUX_VERSION "$top/kernel" "$top/include" "$top/arch" "$top/samples"
}

try "W=1 is silent" compile W=1
try "no cycle among the files" layers
try "the handler calls nothing that can be traced" handler_is_closed
try "checkpatch --strict is silent" checkpatch
try "kernel-doc is silent" kernel_doc
try "a replacement of the wrong type is refused in words" wrong_type_is_told
try "what does not fit a system call is refused in words" wrong_syscall_is_told
try "replacements of system calls compile without 32-bit entries" syscalls_of_32_bits_can_be_off
try "a call of the original is a call" original_is_called
try "get_abi makes a chapter of the ABI" abi
try "the API document and its kernel-doc comments are valid reStructuredText" \
	api_is_rst "$top/Documentation/core-api/kpatch.rst"
if [ "$BASE" = 6.12 ] && [ -z "$KSRC" ]; then
	try "sparse is silent" sparse_works
	try "no BUG()" no_bug
	try "all mutants apply" mutants_apply
	try "no version of Linux is asked for" no_versions
	try "shellcheck is silent" scripts
	try "the kpatch command passes its own tests" tool
	try "kpatch build notices changes of types" "$top/harness/layouttest.py"
	try "the documentation is valid reStructuredText" is_rst "$top/Documentation/kpatch.txt"
	try "the page on the command is valid reStructuredText" \
		is_rst "$top/Documentation/kpatch-command.txt"
	try "the guide shows code that is there" "$top/harness/guide.py" "$top"
	try "mandoc has nothing to say about the manual pages" manual_pages
elif sparse_works > "$log" 2>&1; then
	try "sparse is silent" sparse_works
else
	skipped "sparse is silent" "this kernel wants a newer sparse than is installed"
fi

finish_checks
