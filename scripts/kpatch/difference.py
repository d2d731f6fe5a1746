# SPDX-License-Identifier: GPL-2.0-only
"""The difference between two releases, file by file.

It comes from two trees or from diffs, and nothing of it is dropped: what this tool cannot
apply is in the list, too, with its lines counted.
"""

import filecmp
import os
import re

from common import PATCH, USAGE, Failure

NO_SOURCE = (".git", ".kpatch-overlay")
OBJECTS = (".o", ".ko", ".a", ".cmd", ".mod", ".order", ".symvers", ".dwo", ".d", ".orig", ".rej")


class ChangedFile:
    """@name: after the change, or before if it is deleted"""

    def __init__(self, name, old, new):
        self.name = name
        self.old = old
        self.new = new
        self.lines = []		# of the diff
        self.hunks = 0
        self.added = 0
        self.removed = 0
        self.functions = set()	# that the lines with @@ name

    def add_hunk(self, head, lines):
        self.hunks += 1
        self.added += sum(line.startswith("+") for line in lines)
        self.removed += sum(line.startswith("-") for line in lines)
        found = re.search(r"(\w+)\s*\(", head.split("@@", 2)[2])
        self.functions |= {found.group(1)} if found else set()
        self.lines += [head, *lines]

    def text(self):
        return "\n".join([f"--- a/{self.old}" if self.old else "--- /dev/null",
                          f"+++ b/{self.new}" if self.new else "+++ /dev/null",
                          *self.lines]) + "\n"


def stripped(name):
    name = name.split("\t")[0].rstrip().strip('"')
    return "" if name == "/dev/null" else \
        os.path.normpath(name.split("/", 1)[1] if "/" in name else name)


class Difference:
    def __init__(self, paths, run):
        self.run = run
        self.files = {}		# by name
        self.trees = []
        if len(paths) == 2 and all(os.path.isdir(p) for p in paths):
            self.trees = [os.path.realpath(p) for p in paths]
            self._compare(*self.trees, "")
        else:
            for path in paths:
                self._read(path)
        if not self.files:
            raise Failure(PATCH, paths[0], "there is no difference",
                          "name the source of two releases, or diffs")
        self.files = dict(sorted(self.files.items()))

    def total(self, what):
        return sum(getattr(f, what) for f in self.files.values())

    # Diffs:

    def _read(self, path):
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                self._parse(file.read().split("\n"), path)
        except OSError as error:
            raise Failure(USAGE, path, f"cannot be read: {error.strerror}",
                          "name two source trees, or diffs") from error

    def _parse(self, lines, path):
        at, file, renamed = 0, None, ""
        while at < len(lines):
            line = lines[at]
            at += 1
            if line.startswith("--- ") and at < len(lines) and lines[at].startswith("+++ "):
                file = self._file(renamed or stripped(line[4:]), stripped(lines[at][4:]))
                at += 1
            elif line.startswith("@@ ") and file:
                end = self._end_of_hunk(line, lines, at, path)
                file.add_hunk(line, lines[at:end])
                at = end
            elif line.startswith("diff "):
                file, renamed = None, ""
            elif line.startswith("rename from "):
                renamed = os.path.normpath(line[12:])
            elif line.startswith("rename to "):
                self._file(renamed, os.path.normpath(line[10:]))
            elif line.startswith("Binary files ") and line.endswith(" differ"):
                old, new = line[13:-7].split(" and ")
                self._file(stripped(old), stripped(new))

    @staticmethod
    def _end_of_hunk(head, lines, at, path):
        counts = re.match(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", head)
        if not counts:
            raise Failure(PATCH, path, f"has a malformed line: {head}", "make the diff anew")
        old, new = (int(n) if n else 1 for n in counts.groups())
        while at < len(lines) and (old or new or lines[at].startswith("\\")):
            old -= lines[at][:1] in ("-", " ", "")
            new -= lines[at][:1] in ("+", " ", "")
            at += 1
        return at

    def _file(self, old, new):
        name = new or old
        if name.startswith(("../", "/")):
            raise Failure(PATCH, name, "is outside of the tree", "correct the diff")
        if name not in self.files:
            self.files[name] = ChangedFile(name, old, new)
        file = self.files[name]
        # A later diff may delete it again.
        file.new = new
        return file

    # Trees:

    def _compare(self, old, new, directory):
        """Directories @old and @new, whose name in the trees is @directory."""
        if os.path.realpath(old) == os.path.realpath(new):
            return
        entries = [set(os.listdir(d)) if d and os.path.isdir(d) else set() for d in (old, new)]
        for entry in sorted(entries[0] | entries[1]):
            name = os.path.join(directory, entry)
            if entry in NO_SOURCE or entry.endswith(OBJECTS) or entry.startswith(".tmp_"):
                continue
            pair = [os.path.join(d, entry) if entry in e else None
                    for d, e in zip((old, new), entries)]
            if any(p and self._is_alias(p) for p in pair):
                continue
            if any(p and os.path.isdir(p) for p in pair):
                self._compare(pair[0] or os.devnull, pair[1] or os.devnull, name)
            elif not all(pair) or not filecmp.cmp(*pair, shallow=False):
                self._diff(*pair, name)

    def _is_alias(self, path):
        """Whether it is a link to a place in its own tree, which is compared there."""
        return os.path.islink(path) and any(
            path.startswith(tree + "/") and os.path.realpath(path).startswith(tree + "/")
            for tree in self.trees)

    def _diff(self, old, new, name):
        status, out, errors = self.run([
            "diff", "-up", "--label", f"a/{name}" if old else os.devnull, "--label",
            f"b/{name}" if new else os.devnull, old or os.devnull, new or os.devnull])
        if status > 1:
            raise Failure(PATCH, name, f"cannot be compared: {errors.strip()}",
                          "check that it can be read")
        self._parse(out.split("\n"), name)
        self._file(name if old else "", name if new else "")
