#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""suites.py BEFORE OTHER [NEW]: does each selftest of the kernel in OTHER, the output of a
run, end as it does in BEFORE, or else as in NEW?
"""

import re
import sys
from collections import Counter

RESULT = re.compile(r"(not ok|ok) \d+ selftests: (\S+: \S+)( #.*)?")


def results(path):
    found = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = RESULT.match(line)
            if match:
                verdict, name, note = match.groups()
                found[name] = "skip" if "SKIP" in (note or "") else verdict
    return found


def main():
    runs = [results(path) for path in sys.argv[1:]]
    wanted, found, others = runs[0], runs[1], runs[2:]
    wrong = 0
    for name in sorted(wanted.keys() | found.keys()):
        allowed = [run.get(name, "missing") for run in (wanted, *others)]
        if found.get(name, "missing") not in allowed:
            print(f"{name}: {found.get(name, 'missing')}, and not {' or '.join(allowed)}")
            wrong += 1
    print(", ".join(f"{n} {verdict}" for verdict, n in sorted(Counter(found.values()).items())))
    return 1 if wrong or not found else 0


sys.exit(main())
