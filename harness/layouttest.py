#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""layouttest.py: does kpatch build notice changes of types?

Each case is C source, in which [A|B] stands for A before and B after the change, and what
kpatch build has to find. Prints TAP.
"""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../scripts/kpatch"))

# pylint: disable=wrong-import-position
import re  # noqa: E402
from elf import Elf  # noqa: E402
from layout import FLAG, Types, changed_prototypes, check_layouts  # noqa: E402

CASES = (
    ("a member in padding", "struct s { char a; [|char b;] int c; } v;", "struct s"),
    ("the type of a member", "struct s { [int|unsigned int] a; } v;", "struct s"),
    ("the width of bit-fields",
     "struct s { unsigned int a:[3|4], b:[5|4]; } v;", "struct s"),
    ("bit-fields that change places", "struct s { unsigned int [a:3, b:3|b:3, a:3]; } v;",
     "struct s"),
    ("an anonymous member",
     "struct s { union { int a; struct { short b; [short|char] c; }; }; } v;", "struct s"),
    ("a structure with a typedef only", "typedef struct { int a[|, b]; } s; s v;",
     "struct s"),
    ("a structure below a pointer", "struct t { [|int a;] int b; }; struct s { struct t *p; }"
     " v; int f(void) { return v.p->b; }", "struct t"),
    ("a structure that is new", "[|struct s { int a; } v;] int w;", None),
    ("a structure that is gone", "[struct s { int a; } v;|] int w;", None),
    ("a local structure of the same name", "struct s { int a; } v; int f(void) {"
     " [|struct s { long b; } w = { v.a }; return w.b;] return v.a; }", None),
    ("a member that is renamed", "struct s { int [a|b]; } v;", "struct s"),
    ("const", "struct s { [|const] char *p; } v;", None),
    ("a parameter of a pointer to a function",
     "struct s { int (*f)([int|long] a); } v;", "struct s"),
    ("the result of a pointer to a function",
     "typedef [int|void] fn(int); struct s { fn *f; } v;", "struct s"),
    ("a constant at the end", "enum e { A, B[|, C] } v;", None),
    ("a constant in front", "enum e { [|C,] A, B } v;", "enum e"),
    ("a counter of constants", "enum e { A, B[|, C], NR } v;", "enum e"),
    ("an unnamed enumeration", "enum { A, [|C,] B }; int f(void) { return B; }", "enum A"),
    ("another value", "enum e { A = [1|2], B = 3 } v;", "enum e"),
    ("a negative value", "enum e { A = [-1|-2], B = 3 } v;", "enum e"),
    ("a constant that is gone", "enum e { A[, B|] } v;", None),
    ("a parameter", "int f([int|long] a) { return a; }", "f"),
    ("a result", "[int|void] f(void) { [return 0;|] }", "f"),
    ("the name of a parameter", "int f(int [a|b]) { return 0; }", None),
    ("the body of a function", "int f(int a) { return [a|a + 1]; }", None),
)


class Unit:
    source = "test.c"


def compiled(source, directory):
    out = os.path.join(directory, "test.o")
    subprocess.run(["gcc", FLAG, "-O2", "-xc", "-c", "-", "-o", out], input=source.encode(),
                   check=True)
    return Types.of(Elf(out))


def find(source, directory):
    """What changes, or None."""
    before, after = (compiled(re.sub(r"\[([^|\[\]]*)\|([^\[\]]*)\]", part, source), directory)
                     for part in (r"\1", r"\2"))
    for failure in check_layouts(Unit, before, after, []):
        name = failure.where[1]
        if list(check_layouts(Unit, before, after, [name.split()[1]])):
            return f"{name}, although it is asserted"
        return name
    return (changed_prototypes(before, after) + [None])[0]


def main():
    bad = 0
    with tempfile.TemporaryDirectory() as directory:
        for number, (name, source, wanted) in enumerate(CASES, 1):
            found = find(source, directory)
            bad += found != wanted
            print(f"{'ok' if found == wanted else 'not ok'} {number} - {name}" +
                  (f": {found}" if found != wanted else ""))
    print(f"1..{len(CASES)}")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
