# SPDX-License-Identifier: GPL-2.0-only
"""The diffs, and the copy of the source tree that they are applied to.

The copy has symbolic links for all but the files that a diff changes and the directories
that these are in. If a changed file is included by a path that leads through a link to a
directory and back by "..", it would be found in the source tree. A check of all files that
have been read notices that, and then all directories are made real.
"""

import contextlib
import os
import re
import shutil
import sys

from common import PATCH, SETUP, Failure

OBJECTS = (".o", ".ko", ".a", ".cmd", ".mod", ".order", ".symvers", ".dwo")
# A string or a character, or else a comment.
COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')|/\*.*?\*/|//[^\n]*', re.S)
LINE = re.compile(r"#line \d+$")	# as _keep_lines() adds it


class Diffs:
    def __init__(self, paths, ignored):
        self.paths = paths
        self.ignored = ignored	# names that match are left out
        self.files = []		# that exist before
        self.new = []		# headers that a diff adds
        self.text = {}		# what of each diff is about them
        self.headers = []	# for each diff, its lines outside of hunks
        for path in paths:
            self.text[path] = self._read(path)
        if not self.files and not self.new:
            raise Failure(PATCH, paths[0], "changes no file of the kernel",
                          "give a unified diff, as git diff prints it")

    def _read(self, path):
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().split("\n")
        except OSError as error:
            raise Failure(PATCH, path, f"cannot be read: {error.strerror}",
                          "check the name") from error
        kept = []
        header = []
        self.headers.append(header)
        wanted = False
        left = [0, 0]		# lines of this hunk that are to come, old and new
        for line, following in zip(lines, lines[1:] + [""]):
            if left != [0, 0]:
                left[0] -= line[:1] in ("-", " ", "")
                left[1] -= line[:1] in ("+", " ", "")
            elif line.startswith("rename from "):
                raise Failure(PATCH, [path, line[12:]], "is renamed",
                              "keep its name, and change its contents only")
            elif line == "GIT binary patch" or re.match(r"Binary files \S+ and \S+ differ$", line):
                raise Failure(PATCH, path, "changes a file that it does not show",
                              "leave that out, or make the diff with --text")
            elif line.startswith("*** ") and following.startswith("--- "):
                raise Failure(PATCH, path, "is no unified diff", "make it with diff -u")
            elif line.startswith("--- ") and following.startswith("+++ "):
                wanted = self._add(self.name_in(line), self.name_in(following))
            elif line.startswith("@@ "):
                counts = re.match(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", line)
                if not counts:
                    raise Failure(PATCH, path, f"has a malformed line: {line}",
                                  "make the diff anew")
                left = [int(n) if n else 1 for n in counts.groups()]
            elif not line.startswith(("+++ ", "\\")):
                header.append(line)
                continue
            if wanted:
                kept.append(line)
        return "\n".join(kept) + "\n"

    @staticmethod
    def name_in(line):
        name = line[4:].split("\t")[0].rstrip()
        if name.startswith('"') and name.endswith('"'):
            name = name[1:-1]
        if name == "/dev/null":
            return ""
        return os.path.normpath(name.split("/", 1)[1] if "/" in name else name)

    def _add(self, old, new):
        name = new or old
        if self.ignored.match(name):
            return False
        if name.startswith(("../", "/")):
            raise Failure(PATCH, name, "is outside of the tree", "correct the diff")
        if not name.endswith((".c", ".h")):
            raise Failure(PATCH, name, "is neither C code nor a header",
                          "leave it out, if the rest works without it")
        if old and new:
            if name not in self.files and name not in self.new:
                self.files.append(name)
        elif old:
            raise Failure(PATCH, name, "is deleted", "keep the file, and what calls it")
        elif name.endswith(".c"):
            raise Failure(PATCH, name, "is a new unit",
                          "put its code into a file that is compiled already")
        else:
            self.new.append(name)
        return True


class Farm:
    """The copy of @source, in @path."""

    def __init__(self, source, path, fuzz, run):
        self.source = source
        self.path = path
        self.fuzz = fuzz
        self.run = run

    def populate(self, diffs, whole, bare=False):
        """Make the copy, without the changes; if @whole, all directories are real; if @bare,
        it has the files that @diffs change and no others.
        """
        shutil.rmtree(self.path, ignore_errors=True)
        names = diffs.files + diffs.new
        if not bare:
            self._link(None if whole or diffs.new else
                       {parent for name in names for parent in self._parents(name)})
        for name in diffs.files:
            original = os.path.join(self.source, name)
            copy = os.path.join(self.path, name)
            if bare:
                os.makedirs(os.path.dirname(copy), exist_ok=True)
            else:
                os.unlink(copy)
            shutil.copyfile(original, copy)
            shutil.copyfile(original, self.original(name))

    def surround(self, root):
        """Link in @root what is around the source tree, which its files may include."""
        top, name = os.path.split(self.source)
        while name:
            os.makedirs(root + top, exist_ok=True)
            for other in os.listdir(top):
                if other != name:
                    os.symlink(os.path.join(top, other), os.path.join(root + top, other))
            top, name = os.path.split(top)

    @staticmethod
    def _parents(name):
        while name:
            name = os.path.dirname(name)
            yield name

    def _link(self, real, directory=""):
        """Link all of @directory; if @real is not None, only directories in it are real."""
        top = os.path.join(self.source, directory)
        os.makedirs(os.path.join(self.path, directory))
        with os.scandir(top) as entries:
            for entry in entries:
                name = os.path.join(directory, entry.name)
                if entry.name in (".git", ".kpatch-overlay") or \
                   entry.name.endswith(OBJECTS):
                    continue
                if entry.is_dir(follow_symlinks=False) and (real is None or name in real):
                    self._link(real, name)
                else:
                    os.symlink(os.path.realpath(entry.path) if entry.is_symlink() else
                               entry.path, os.path.join(self.path, name))

    @contextlib.contextmanager
    def reverted(self, names):
        """Files @names as they were, for a while."""
        paths = [os.path.join(self.path, name) for name in names]
        for name, path in zip(names, paths):
            os.rename(path, path + ".kpatch-new")
            shutil.copyfile(self.original(name), path)
        try:
            yield
        finally:
            for path in paths:
                os.rename(path + ".kpatch-new", path)

    def applies(self, text):
        """Whether patch would apply the diff @text to files that are in the copy."""
        trial = os.path.join(self.path, ".kpatch.trial")
        with open(trial, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        return not self.run(["patch", "-p1", "-f", f"-F{self.fuzz}", "--dry-run", "-r", "-",
                             "-i", trial], cwd=self.path)[0]

    def original(self, name):
        return os.path.join(self.path, name + ".kpatch-orig")

    def apply(self, diffs):
        for path in diffs.paths:
            filtered = os.path.join(self.path, ".kpatch.diff")
            with open(filtered, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(diffs.text[path])
            status, out, _ = self.run([
                "patch", "-p1", "-f", f"-F{self.fuzz}", "--no-backup-if-mismatch", "-r", "-",
                "-i", filtered], cwd=self.path)
            if status:
                rejected = re.search(r"FAILED at (\d+)", out)
                names = re.findall(r"patching file '?(.*?)'?$",
                                   out[:rejected.start()] if rejected else out, re.M)
                raise Failure(PATCH, [path, names[-1] if names else None],
                              "does not apply" +
                              (f" at line {rejected.group(1)}" if rejected else ""),
                              "make the change in a copy of the source and diff that, "
                              "or try --fuzz 2 and check the places that it names")
            for place in self._inexact(out, diffs.text[path]):
                print(f"kpatch build: note: {path}: {place}; check that", file=sys.stderr)
        for name in diffs.files:
            self._keep_lines(name)

    def is_same_code(self, name):
        """Whether a file of the copy is what it was but for comments and empty lines."""
        texts = []
        for path in (self.original(name), os.path.join(self.path, name)):
            if not os.path.exists(path):
                return False
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                lines = COMMENT.sub(lambda m: m[1] or " ", file.read()).split("\n")
            texts.append([l.rstrip() for l in lines if l.strip() and not LINE.match(l)])
        return texts[0] == texts[1]

    def _inexact(self, out, text):
        """What @out, of patch, says of changes that are not where @text has them.

        With the same lines in front and behind, they may be in another function.
        """
        headings = {}
        for file in re.split(r"^\+\+\+ ", text, flags=re.M)[1:]:
            headings[Diffs.name_in("+++ " + file.split("\n")[0])] = \
                re.findall(r"^@@ [-+, 0-9]+ @@ ?(.*)", file, re.M)
        name = None
        for line in out.splitlines():
            file = re.match(r"patching file '?(.*?)'?$", line)
            hunk = re.match(r"Hunk #(\d+) succeeded at (\d+)(?: with (fuzz \d+))?", line)
            name = file.group(1) if file else name
            if not hunk:
                continue
            number, at, fuzz = hunk.groups()
            if fuzz:
                yield f"{name}: applies with {fuzz} at line {at}"
            wanted = (headings.get(name, []) + [""] * int(number))[int(number) - 1].rstrip()
            found = self._heading(name, int(at))
            if not found.startswith(wanted):
                yield f"{name}: line {at} is changed, below \"{found}\" instead of \"{wanted}\""

    def _heading(self, name, line):
        """The line that diff would show for a change at @line."""
        with open(os.path.join(self.path, name), encoding="utf-8",
                  errors="surrogateescape") as file:
            above = file.read().split("\n")[:line - 1]
        return next((l for l in reversed(above) if re.match(r"[A-Za-z_$]", l)), "")

    def _keep_lines(self, name):
        """Let the lines behind each change have the numbers that they had before.

        Otherwise all functions below differ if they contain their line number.
        """
        copy = os.path.join(self.path, name)
        status, out, _ = self.run(["diff", "-U0", self.original(name), copy])
        if status > 1:
            raise Failure(SETUP, "diff", "failed", "check that it works")
        with open(copy, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
        places = self._safe_places(lines)
        insert = {}
        for hunk in re.finditer(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", out, re.M):
            old, old_num, new, new_num = (int(g) if g else 1 for g in hunk.groups())
            # With no lines at all, the number is that of the line in front.
            old_end = old + old_num if old_num else old + 1
            new_end = new + new_num if new_num else new + 1
            place = new_end
            while place <= len(lines) and not places[place - 1]:
                place += 1
            # A hunk further down has the last word.
            for at in [place, *self._ends_of_groups(lines, places, place)]:
                if at <= len(lines) and places[at - 1]:
                    insert[at] = old_end + at - new_end
        # One hunk may begin in front of the place of the one before.
        for place in sorted(insert, reverse=True):
            lines.insert(place - 1, f"#line {insert[place]}")
        with open(copy, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write("\n".join(lines))

    @staticmethod
    def _ends_of_groups(lines, places, place):
        """The lines behind the directives that end parts of the groups of #if that @place is
        in. In a part that is not compiled, a directive has no effect.
        """
        depth = 0
        for number in range(place, len(lines) + 1):
            directive = places[number - 1] and \
                re.match(r"\s*#\s*(if|el|endif)", lines[number - 1])
            if not directive:
                continue
            if directive.group(1) == "if":
                depth += 1
            elif depth == 0:
                yield number + 1
            elif directive.group(1) == "endif":
                depth -= 1

    @staticmethod
    def _safe_places(lines):
        """For each line, whether a directive may be inserted in front of it.

        It may not within a comment, a continued line, or the arguments of a macro.
        """
        places = []
        comment = continued = False
        depth = 0
        token = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*|//|[()]')
        for line in lines:
            # Directives may make parentheses look unbalanced.
            if not comment and re.match(r"[{}]|[a-zA-Z_].*[;{)]$", line):
                depth = 0 if line[0] in "{}" else depth
            places.append(not comment and not continued and depth <= 0)
            directive = not comment and (continued and directive_before or
                                         line.lstrip().startswith("#"))
            at = 0
            while at < len(line):
                if comment:
                    end = line.find("*/", at)
                    if end < 0:
                        break
                    comment, at = False, end + 2
                    continue
                match = token.search(line, at)
                if not match or match.group() == "//":
                    break
                at = match.end()
                if match.group() == "/*":
                    comment = True
                elif match.group() == "(" and not directive:
                    depth += 1
                elif match.group() == ")" and not directive:
                    depth = max(depth - 1, 0)
            continued = line.endswith("\\")
            directive_before = directive
        return places

    def missed(self, dependencies, diffs):
        """A file that was read from the source tree itself, and so was not patched."""
        real = {os.path.realpath(os.path.join(self.source, f)): f for f in diffs.files}
        for path in dependencies:
            name = real.get(os.path.realpath(path))
            if name:
                return name
        return None
