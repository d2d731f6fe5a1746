#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# mutants.sh [NAME...]: do the tests detect bugs? For each patch in harness/mutants/, or
# for those named, breaks the core with it, builds, and runs the test that must fail.
# The first line of the patch has the script and the beginning of the test's name.

. "$(dirname "$0")/lib.sh"

results=$work/out/selftests/ktap
alive=0

# Remove the objects of a mutant, so that make does not take them for up to date.
restore() {
	cp "$top"/kernel/kpatch/*.[ch] "$src/kernel/kpatch/"
	rm -f "$obj"/kernel/kpatch/*.o
}

# A mutant that kills the guest counts as detected, too.
try_mutant() {
	local patch=$1 name script test function

	name=$(basename "$patch" .patch)
	IFS=: read -r script test < "$patch"
	test=${test# }
	function=test_${test// /_}
	grep -q "^$function" "$top/tools/testing/selftests/kpatch/$script" ||
		die "$name: $script has no test '$test'"
	restore
	patch -d "$src" -p1 -s --no-backup-if-mismatch < "$patch" || die "$name does not apply any more; make it anew"
	make -C "$src" O="$obj" -j"$JOBS" bzImage modules > "$work/mutant.log" 2>&1 ||
		die "$name does not build, see $work/mutant.log"
	# With a mutant most tests wait for an event that never happens: do not wait long.
	KPATCH_TEST_ONLY="^$function" KPATCH_TEST_PATIENCE=2 "$top/harness/selftests.sh" \
		"$script" > "$work/mutant-$name.log" 2>&1 || :
	if grep -qE "^# not ok [0-9]+ $test" "$results"; then
		echo "PASS mutant $name: '$test' fails"
	elif ! grep -qE "^# ok [0-9]+ $test" "$results"; then
		echo "PASS mutant $name: the guest does not get past '$test'"
	elif grep -q 'the kernel complained' "$work/mutant-$name.log"; then
		echo "PASS mutant $name: the kernel's own checks complain"
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
