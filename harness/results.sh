#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# results.sh FILE LABEL: print the results in the KTAP output of a kselftest run
# by name, as one list in TAP, with the diagnostics of those that failed. A run with
# no results at all has failed, and so has a script that did not get to the end of
# its plan.

. "$(dirname "$0")/lib.sh"

file=${1:?usage: results.sh FILE LABEL}
label=$2

awk -v label="$label" '
	function result(verdict, name) { print verdict " " ++count " - " label " " name }

	# The runner puts "# " in front of what the tests print.
	/^# selftests: / { script = $NF; next }
	/^# 1\.\.0 # SKIP/ { sub(/^# 1\.\.0 /, ""); result("ok", script " " $0); next }
	/^# 1\.\.[0-9]+/ { split($2, p, "[.][.]"); planned += p[2]; next }
	/^# (not )?ok [0-9]+ / {
		bad = ($2 == "not")
		line = $0
		sub(/^# (not )?ok [0-9]+ /, "", line)
		seen++
		result(bad ? "not ok" : "ok", script ": " line)
		if (bad) {
			printf "%s", notes
			fail++
		}
		notes = ""
		next
	}
	/^not ok [0-9]+ selftests: / { broken = broken " " $NF; next }
	/^# / { notes = notes "#    " $0 "\n"; next }
	END {
		if (planned != seen || !seen) {
			result("not ok", sprintf("%d of %d results are there", seen, planned))
			printf "%s", notes
			fail++
		}
		if (broken != "" && !fail) {
			result("not ok", "scripts failed:" broken)
			fail++
		}
		print "1.." count
		exit fail > 0
	}' "$file"
