#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# results.sh FILE LABEL: print the results in the KTAP output of a kselftest run by
# name, with the diagnostics of failed tests, and add them to the totals in
# build/results. A run without any result has failed, and so has a script that did not
# complete its plan.

. "$(dirname "$0")/lib.sh"

file=${1:?usage: results.sh FILE LABEL}
label=$2
mkdir -p "$top/build"

awk -v label="$label" '
	# The runner prefixes the output of the tests with "# ".
	/^# selftests: / { script = $NF; next }
	/^# 1\.\.[0-9]+/ { split($2, p, "[.][.]"); planned += p[2]; next }
	/^# 1\.\.0 # SKIP/ { print "SKIP " label " " script ": " $0; skip++; next }
	/^# (not )?ok [0-9]+ / {
		bad = ($2 == "not")
		line = $0
		sub(/^# (not )?ok [0-9]+ /, "", line)
		seen++
		if (bad) {
			printf "FAIL %s %s: %s\n%s", label, script, line, notes
			fail++
		} else if (line ~ /# SKIP/) {
			print "SKIP " label " " script ": " line
			skip++
		} else {
			print "PASS " label " " script ": " line
			pass++
		}
		notes = ""
		next
	}
	/^not ok [0-9]+ selftests: / { broken = broken " " $NF; next }
	/^# / { notes = notes "     " $0 "\n"; next }
	END {
		if (planned != seen || !seen) {
			printf "FAIL %s: %d of %d results are there\n%s", label, seen, planned, notes
			fail++
		}
		if (broken != "" && !fail) {
			printf "FAIL %s: scripts failed:%s\n", label, broken
			fail++
		}
		printf "%d %d %d\n", pass, fail, skip > totals
		exit fail > 0
	}' totals="$file.totals" "$file" && status=0 || status=$?
cat "$file.totals" >> "$top/build/results"
exit "$status"
