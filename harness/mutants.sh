#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# mutants.sh [NAME...]: do the tests notice? Breaks the core on purpose, in one of
# the ways of harness/mutants/, builds, and runs the test that has to fail for that;
# the first line of a mutant names its script and the beginning of its name.

. "$(dirname "$0")/lib.sh"

results=$work/out/selftests/ktap
alive=0

# The objects of a mutant must not be taken for those of the real files.
restore() {
	cp "$top"/kernel/kpatch/*.[ch] "$src/kernel/kpatch/"
	rm -f "$obj"/kernel/kpatch/*.o
}

# A mutant may well kill the guest: that is noticed, too.
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
	# To wait long for what does not come would be all that most of them do.
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
