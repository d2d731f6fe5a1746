#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
guide.py TOP: does the author's guide in Documentation/kpatch.txt show what is there?

A code block whose paragraph names a C file has to be a part of that file, line by line
except for tabs. Each sample and each test module that the text names has to exist, and
each sample has to be named.
"""
import os
import re
import sys

MODULES = "tools/testing/selftests/kpatch/test_modules"
SAMPLES = "samples/kpatch"


def find(top, name):
    """The path of a file that the text names."""
    if "/" not in name:
        name = os.path.join(MODULES, name)
    return os.path.join(top, name)


def blocks(text):
    """Each paragraph that ends in two colons, and the block of code below it."""
    for match in re.finditer(r"^((?:\S.*\n)+?)\n((?:(?:  .*)?\n)+?)(?=\S)", text, re.M):
        paragraph, block = match.groups()
        if paragraph.endswith("::\n"):
            code = re.sub(r"^  ", "", block.strip("\n"), flags=re.M)
            yield paragraph, code


def main():
    top = sys.argv[1]
    with open(os.path.join(top, "Documentation/kpatch.txt"), encoding="utf-8") as f:
        text = f.read()
    errors = []
    shown = 0

    names = set(re.findall(r"samples/kpatch/[\w-]+\.c|\btest_kpatch_\w+\.c", text))
    for name in names:
        if not os.path.exists(find(top, name)):
            errors.append(f"there is no {name}")
    for name in os.listdir(os.path.join(top, SAMPLES)):
        if name.endswith(".c") and f"{SAMPLES}/{name}" not in names:
            errors.append(f"{name} is not mentioned")

    for paragraph, code in blocks(text):
        for name in names & set(re.findall(r"[\w/-]+\.c", paragraph)):
            if not os.path.exists(find(top, name)):
                continue
            with open(find(top, name), encoding="utf-8") as f:
                source = f.read().expandtabs()
            shown += 1
            if f"\n{code}\n" not in source:
                errors.append(f"this is not in {name}:\n{code}")
    if not shown:
        errors.append("no block of code names its file")
    print("\n".join(errors) or f"{shown} blocks, {len(names)} files")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
