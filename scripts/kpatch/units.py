# SPDX-License-Identifier: GPL-2.0-only
"""The units that diffs change, and how they were compiled.

kbuild keeps beside each object the command that made it and the files that this has read.
"""

import os
import re
import shlex

from common import IMPOSSIBLE, PATCH, UNAFFECTED, Failure

# The decoder of instructions is made from a text.
TEXT = re.compile(r"(?!.*/x86-opcode-map\.txt$).*\.(rst|txt|yaml|md)$")
# Not part of the kernel, or no code. kernel/bpf/ includes some files of tools/lib/bpf/.
IGNORED = re.compile(r"(Documentation|tools(?!/lib/bpf/(relo_core|btf_relocate|btf_iter)\.[ch]$)|"
                     r"samples|LICENSES|usr)/|"
                     r"(MAINTAINERS|CREDITS|\.mailmap|\.gitignore)$|" + TEXT.pattern)
# Units whose code is not in the kernel's own image or modules.
FOREIGN = re.compile(r"(arch/\w+/(boot|realmode/rm|purgatory|tools|um)|"
                     r".*/vdso(32|64)?(?!/(vma|extable|vdso32-setup)\.o)|"
                     r"drivers/firmware/efi/libstub|scripts|tools|samples|usr)/|.*\.mod\.o$")


def foreign(name):
    return Failure(PATCH, name, "is not part of the kernel proper",
                   "leave it out: it has run at boot, or runs elsewhere", IMPOSSIBLE)


def unconfigured(name):
    return Failure(PATCH, name, "is not compiled in this configuration", "leave it out",
                   UNAFFECTED)


class Unit:
    """A C file, compiled for vmlinux or a module."""

    def __init__(self, source, obj, command, prefix, cwd):
        self.source = source
        self.obj = obj
        self.command = command		# the compiler's arguments
        self.prefix = prefix		# of the source tree, in them
        self.cwd = cwd			# where it ran; None: the source tree
        self.is_module = "-DMODULE" in command
        self.modname = "vmlinux"
        for argument in command:
            if self.is_module and argument.startswith("-DKBUILD_MODNAME="):
                self.modname = argument.split("=", 1)[1].strip('"')

    @property
    def compiler(self):
        return self.command[:next(i for i, a in enumerate(self.command)
                                  if a.startswith("-"))]


class Tree:
    """The objects in @build, and their source in @source."""

    # Directories whose files are not compiled.
    ignored = IGNORED

    def __init__(self, build, source):
        self.build = build
        self.source = source
        self.foreign = []	# objects of changed headers that are not patched
        self.assembled = []	# the same, of assembler code

    def _path(self, *names):
        return os.path.join(self.build, *names)

    def find(self, diffs):
        """The units that are compiled from changed files, directly or as a header, by their
        object; and for each file, the objects that are made from it.
        """
        sources = [f for f in diffs.files if f.endswith(".c")]
        headers = [f for f in diffs.files if f.endswith(".h")]
        units, users = {}, {name: set() for name in sources + headers}
        for name in sources:
            unit = self._unit(name[:-2] + ".o")
            if unit:
                users[name].add(unit.obj)
                if not self.is_foreign(unit.obj):
                    units[unit.obj] = unit
        # A C file may be included by another one, like a header.
        for obj, name in self._users(headers + sources):
            users[name].add(obj)
            unit = None if obj in units or self.is_foreign(obj) else self._unit(obj)
            if unit:
                units[obj] = unit
        return units, users

    def units(self, diffs):
        """Those that are compiled from changed files, all of which have to be part of it."""
        found, users = self.find(diffs)
        for name, objects in users.items():
            obj = name[:-2] + ".o"
            if name.endswith(".c") and obj in objects and self.is_foreign(obj):
                raise foreign(name)
        used = sorted(set().union(*users.values()))
        self.foreign = [o for o in used if self.is_foreign(o)]
        self.assembled = [o for o in used if o not in found and o not in self.foreign]
        for name, objects in users.items():
            if not os.path.isfile(os.path.join(self.source, name)):
                raise Failure(PATCH, name, f"does not exist in {self.source}",
                              "use a diff against that, for patch -p1, and build a patch of its "
                              "own for what is elsewhere")
            if not objects:
                raise unconfigured(name)
        if not found and self.foreign:
            raise foreign(next(iter(users)))
        if not found:
            raise unconfigured(diffs.files[0] if diffs.files else diffs.new[0])
        for unit in found.values():
            self.check_unit(unit)
        return [found[obj] for obj in sorted(found)]

    @staticmethod
    def check_unit(unit):
        if "-fprofile-arcs" in unit.command:
            raise Failure(PATCH, unit.source, "counts what runs, in data of its own (gcov)",
                          "build the kernel without that, or leave it out")

    @staticmethod
    def is_foreign(obj):
        return FOREIGN.match(obj)

    def _users(self, headers):
        """Pairs of an object and one of @headers that it depends on."""
        wanted = [(h, h.encode(), re.compile(rb"^  (\S*)" + re.escape(h.encode()) + rb"(?: \\)?$",
                                             re.M)) for h in headers]
        for directory, subdirs, files in os.walk(self.build):
            subdirs[:] = [d for d in subdirs
                          if d != "source" and not os.path.islink(os.path.join(directory, d))]
            for file in files:
                if not file.endswith(".o.cmd"):
                    continue
                with open(os.path.join(directory, file), "rb") as stream:
                    text = stream.read()
                obj = os.path.normpath(os.path.join(
                    os.path.relpath(directory, self.build), file[1:-4]))
                for name, pattern, line in wanted:
                    # A regular expression is slow where it does not match.
                    if pattern in text and any(
                            self._is_source(m.group(1).decode("utf-8", "surrogateescape"),
                                            name, obj, text) for m in line.finditer(text)):
                        yield obj, name

    def _is_source(self, prefix, name, obj, text):
        """Whether @prefix leads to the source tree, or to where it was at that time."""
        then = re.search(rb"^source_\S+ := (\S*)" + re.escape(os.fsencode(obj[:-2])) +
                         rb"\.\w+$", text, re.M)
        return os.path.join(self.source, name) == \
            os.path.normpath(os.path.join(self.build, prefix, name)) or \
            then and os.path.normpath(os.fsdecode(then.group(1)) + name) == \
            os.path.normpath(prefix + name)

    def _unit(self, obj):
        """From the command that kbuild keeps beside each object, or None."""
        directory, name = os.path.split(obj)
        try:
            with open(self._path(directory, f".{name}.cmd"), encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        match = re.match(r"(?:saved)?cmd_\S+ := (.*)", text)
        source = re.search(r"^source_\S+ := (\S+)", text, re.M)
        if not match or not source or not source.group(1).endswith(".c"):
            return None
        line = match.group(1).replace("$(pound)", "#").replace(r"\#", "#").replace("$$", "$")
        return self._parse(obj, line)

    def _parse(self, obj, line):
        """The unit that the first command of @line compiles to @obj, or None."""
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|()<>")
        lexer.whitespace_split = True
        lexer.commenters = ""
        command = []
        for argument in lexer:
            if argument in (";", "&&"):
                break
            command.append(argument)
        if "-c" not in command:
            return None
        path = obj[:-2] + ".c"
        # Some objects are compiled from a file of another name.
        if not command[-1].endswith("/" + path) and command[-1] != path:
            path = os.path.relpath(os.path.join(self.build, command[-1]), self.source)
        if path.startswith("..") or not command[-1].endswith(path):
            return None
        prefix = command[-1][:-len(path)]
        # A build in the source tree names its files relative to that.
        return Unit(path, obj, command, prefix, self.build if prefix else None)


class ModuleTree(Tree):
    """Of modules that were built out of tree, in @build."""

    ignored = TEXT

    def __init__(self, kernel, build):
        super().__init__(build, os.path.realpath(self._read_source(build) or build))
        self.kernel = kernel

    @staticmethod
    def _read_source(build):
        """Where "make M=... MO=..." found the source, from the Makefile that it has left."""
        try:
            with open(os.path.join(build, "Makefile"), encoding="utf-8") as file:
                found = re.search(r"^export KBUILD_EXTMOD = (.*)$", file.read(), re.M)
        except OSError:
            return None
        return found and found.group(1)

    @staticmethod
    def is_foreign(obj):
        return obj.endswith(".mod.o")

    def _parse(self, obj, line):
        unit = super()._parse(obj, line)
        if unit and os.path.isabs(unit.command[unit.command.index("-o") + 1]):
            # Before 6.13 kbuild ran in the kernel's directory.
            unit.cwd = self.kernel.build
        return unit
