#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# mutants.sh [NAME...]: do the tests detect bugs? For each patch in harness/mutants/, or
# for those named, breaks the core, or kpatch build, with it, builds, and runs the test that
# must fail. The first line of the patch has the script and the beginning of the test's name;
# or "kunit" and the name of a suite; or "difftest" and one of the diffs in harness/build.

. "$(dirname "$0")/lib.sh"

out=$work/out/selftests
alive=0

# A mutant may make the guest hang, or its clean-up. Most tests take half a minute.
export TIMEOUT=${TIMEOUT:-240}
# A walk as short as that of the selftests may miss one.
export KPATCH_TEST_STEPS=${KPATCH_TEST_STEPS:-800}

# Remove the objects of a mutant, so that make does not take them for up to date.
restore() {
	cp "$top"/kernel/kpatch/*.[ch] "$src/kernel/kpatch/"
	cp "$top"/scripts/kpatch/* "$src/scripts/kpatch/"
	rm -f "$obj"/kernel/kpatch/*.o
}

function_of() { echo "test_${1// /_}"; }

# has_test SCRIPT TEST
has_test() {
	if [ "$1" = kunit ]; then
		grep -q "\.name = \"$2\"" "$top"/kernel/kpatch/tests/*_kunit.c
	elif [ "$1" = difftest ]; then
		[ -e "$top/harness/build/$2.patch" ]
	else
		grep -q "^$(function_of "$2")" "$top/tools/testing/selftests/kpatch/$1"
	fi
}

# These set $how: how the bug shows, empty if it does not.
# try_suite SUITE
try_suite() {
	"$top/harness/kunit.sh" "$1" > "$log" 2>&1 || :
	# One that gives no results at all may not have been built.
	how=$(sed -nE "/^not ok .* kunit $1 [a-z0-9_]+$/ { s/.* kunit (.*)/'\\1' fails/p; q }" "$log")
}

# try_diff NAME
try_diff() {
	TIMEOUT=600 KPATCH_BUILD=$src/scripts/kpatch/kpatch-build "$top/harness/difftest.sh" "$1" \
		> "$log" 2>&1 || :
	how=$(sed -nE "/^not ok .*: $1/ { s/.*: ($1.*)/'\1' fails/p; q }" "$log")
}

# try_test SCRIPT TEST: a mutant that kills the guest counts as detected, too
try_test() {
	rm -rf "$out"
	# With a mutant most tests wait for an event that never happens: do not wait long.
	KPATCH_TEST_ONLY="^$(function_of "$2")" KPATCH_TEST_PATIENCE=2 \
		"$top/harness/selftests.sh" "$1" > "$log" 2>&1 || :
	[ -e "$out" ] || die "$name: no guest was started, see $log"
	how=
	if grep -qE "^# not ok [0-9]+ $2" "$out/ktap"; then
		how="'$2' fails"
	elif ! grep -qE "^# ok [0-9]+ $2" "$out/ktap"; then
		how="the guest does not get past '$2'"
	elif grep -q 'the kernel complained' "$log"; then
		how="the kernel's own checks complain"
	elif grep -q 'the guest did not end' "$log"; then
		how="the guest hangs after '$2'"
	fi
}

try_mutant() {
	local patch=$1 name script test log how

	name=$(basename "$patch" .patch)
	log=$work/mutant-$name.log
	IFS=: read -r script test < "$patch"
	test=${test# }
	has_test "$script" "$test" || die "$name: $script has no test '$test'"
	restore
	patch -d "$src" -p1 -s --no-backup-if-mismatch < "$patch" || die "$name does not apply any more; make it anew"
	make -C "$src" O="$obj" -j"$JOBS" bzImage modules > "$work/mutant.log" 2>&1 ||
		die "$name does not build, see $work/mutant.log"
	case $script in
	kunit) try_suite "$test" ;;
	difftest) try_diff "$test" ;;
	*) try_test "$script" "$test" ;;
	esac
	if [ -n "$how" ]; then
		echo "PASS mutant $name: $how"
	else
		echo "FAIL mutant $name: '$test' passes all the same"
		alive=$((alive + 1))
	fi
}

mutants=("$top"/harness/mutants/*.patch)
if [ $# -gt 0 ]; then
	mutants=("${@/#/$top/harness/mutants/}")
	mutants=("${mutants[@]/%/.patch}")
fi
trap restore EXIT
for m in "${mutants[@]}"; do
	try_mutant "$m"
done
restore
make -C "$src" O="$obj" -j"$JOBS" bzImage modules > "$work/mutant.log" 2>&1
[ "$alive" -eq 0 ]
