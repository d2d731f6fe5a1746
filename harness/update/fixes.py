#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""fixes.py REPORT TRIGGERS BEFORE PATCHED AFTER NEW: do the triggers, whose sources are in
TRIGGERS, say what they should? The other files have "name: old" or "name: new" for each, as
they were run on the old release before, with and after the patch, and on the new one. If the
report says that the file with the fix is not patched, the fix is not there with the patch.
"""

import glob
import json
import os
import re
import sys

ENOUGH = 8


def says(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return dict(line.rstrip("\n").split(": ", 1) for line in file)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        category = {f["name"]: f["category"] for f in json.load(file)["files"]}
    runs = [says(path) for path in sys.argv[3:]]
    wrong = shown = 0
    for path in sorted(glob.glob(os.path.join(sys.argv[2], "*"))):
        name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as file:
            changed = re.search(r"^(?: \*|#) File: (\S+)$", file.read(), re.M).group(1)
        found = [run.get(name, "nothing") for run in runs]
        if all(f.startswith("skip: ") for f in found):
            continue
        fate = category.get(changed, "not changed")
        wanted = ["old", "new" if fate == "patched" else "old", "old", "new"]
        shown += found == ["old", "new", "old", "new"]
        if found != wanted:
            wrong += 1
            print(f"{name}: says {', '.join(found)}; {changed} is {fate}")
    print(f"{shown} fixes are seen to come and go")
    return 1 if wrong or shown < ENOUGH else 0


sys.exit(main())
