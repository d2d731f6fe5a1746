#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A random walk over all that can be done with patches, sets, states, trials and modules.

# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"

seed=${KPATCH_TEST_SEED:-$EPOCHSECONDS}
steps=${KPATCH_TEST_STEPS:-300}

copy_patches()
{
	local letter

	for letter in a b c d e; do
		LC_ALL=C sed "s/test_kpatch_walk_m/test_kpatch_walk_$letter/g" \
			"$mods/test_kpatch_walk_m.ko" > "$scratch/test_kpatch_walk_$letter.ko"
	done
}

# Nothing must keep the patches from being disabled.
end_walk()
{
	local file

	echo 0 > "$kpatch_sysfs/confirm"
	for file in /sys/module/test_kpatch_walk_?/parameters/refuse; do
		[ ! -e "$file" ] || echo 0 > "$file"
	done
} 2>/dev/null

test_a_random_walk_agrees_with_a_model()
{
	local output seconds=$((patience > 6 ? patience : 6))

	copy_patches
	at_end end_walk
	check "insmod" load test_kpatch_walk_log
	echo "# seed $seed, $steps steps"
	if output=$("$dir/kpatch_walk" "$seed" "$steps" "$seconds" "$scratch" "$mods"); then
		echo "# $output"
	else
		fail "$output"
	fi
}

run_tests
