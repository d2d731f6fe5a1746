# SPDX-License-Identifier: GPL-2.0-only
"""What an author has decided about an update.

A file with one decision in each line, and the reason behind a colon:

    layout STRUCT: why		a structure, variable, enumeration or prototype may change
    keep FILE FUNCTION: why	the function stays as it is
    data FILE VARIABLE: why	the variable keeps the value that it has
    separate HEADER: why	what the header changes need not take effect everywhere at once
    leave-out FILE: why		what the file changes is not patched
    add DIFF: why		a diff on top of the update, such as one with a state

A decision that nothing needs is an error: the release for which it was made is another one.
"""

import os
from collections import namedtuple

from common import USAGE, Failure

ARGUMENTS = {"layout": 1, "keep": 2, "data": 2, "separate": 1, "leave-out": 1, "add": 1}

Decision = namedtuple("Decision", "place kind names why")


class Decisions:
    def __init__(self, path):
        self.path = path
        self.all = []
        self.used = set()
        if path:
            try:
                with open(path, encoding="utf-8") as file:
                    lines = file.read().split("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise Failure(USAGE, path, f"cannot be read: {error}",
                              "name the right file with --decisions") from error
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.startswith("#"):
                    self._add(f"{path}:{number}", line)

    def _add(self, place, line):
        head, _, why = line.partition(":")
        kind, *names = head.split() or [""]
        if kind not in ARGUMENTS:
            raise Failure(USAGE, place, f"{kind or line.strip()} is no decision",
                          "write one of " + ", ".join(ARGUMENTS))
        if len(names) != ARGUMENTS[kind] or not why.strip():
            raise Failure(USAGE, place, f"{kind} needs {ARGUMENTS[kind]} name"
                          f"{'s' * (ARGUMENTS[kind] > 1)} and, behind a colon, the reason",
                          "complete the line")
        if any((d.kind, d.names) == (kind, names) for d in self.all):
            raise Failure(USAGE, place, "says the same again", "remove one of the lines")
        self.all.append(Decision(place, kind, names, why.strip()))

    def find(self, kind, first):
        """Decisions of a kind whose first name is @first."""
        return [d for d in self.all if d.kind == kind and d.names[0] == first]

    def use(self, kind, first):
        """Whether there is such a decision; it is needed then."""
        found = self.find(kind, first)
        self.used.update(found and (d.place for d in found))
        return bool(found)

    def of_file(self, name):
        return self.find("keep", name) + self.find("data", name)

    def second(self, kind, first):
        return [d.names[1] for d in self.find(kind, first)]

    def layouts(self):
        return [d.names[0] for d in self.all if d.kind == "layout"]

    def diffs(self):
        """Paths, which are relative to the file."""
        return [os.path.join(os.path.dirname(self.path), d.names[0])
                for d in self.all if d.kind == "add"]

    def stale(self):
        """Failures: what is decided without need."""
        for decision in self.all:
            if decision.place not in self.used and decision.kind != "add":
                yield Failure(USAGE, decision.place,
                              f"{' '.join([decision.kind, *decision.names])} is not needed",
                              "remove the line, or correct the name")

    def as_list(self):
        return [{"kind": d.kind, "names": d.names, "why": d.why} for d in self.all]
