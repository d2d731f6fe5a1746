# SPDX-License-Identifier: GPL-2.0-only
"""Compile units from the copy of the source tree.

The command is the one that kbuild has saved beside the object when it built the running
kernel. So all flags are the same, whatever kbuild derives them from, and nothing has to be
configured or prepared. Only the paths of the source tree and of the output differ, and each
function and variable gets a section of its own, which does not change its code.
"""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

from common import COMPILE, Failure, first_error
from layout import FLAG

SECTIONS = ["-ffunction-sections", "-fdata-sections"]


def moved(argument, prefix, path):
    """@argument with the source tree, which it names by @prefix, at @path."""
    if not prefix or argument.startswith("-DKBUILD_"):
        return argument
    if os.path.isabs(prefix):
        return argument.replace(prefix, path + "/")
    for option in ("", "-I", "-include", "-fmacro-prefix-map="):
        if argument.startswith(option + prefix):
            return option + path + "/" + argument[len(option + prefix):]
    return argument


def remedy(errors):
    """For an error of the patched source: what is missing may be in a file that is."""
    if re.search(r"error: .*(No such file or directory|undeclared|implicit declaration|"
                 r"has no member named|(few|many) arguments to function|"
                 r"unknown type name|incomplete type|not defined|conflicting types)", errors):
        return "add the rest of the change, if this is not all of it: a header, or a diff " \
            "that it builds on"
    return "correct the diff"


class Missed(Exception):
    """A changed file was read in its original version."""


class Compiler:
    def __init__(self, farm, diffs, cache, jobs, run):
        self.farm = farm
        self.diffs = diffs
        self.cache = cache
        self.jobs = jobs
        self.run = run
        self.added = SECTIONS

    def describe_types(self, unit):
        """Have types described in objects, which does not change the code either.

        Return False if the compiler cannot.
        """
        status, _, _ = self.run(unit.compiler + [FLAG, "-S", "-xc", "/dev/null", "-o", "/dev/null"])
        if status:
            return False
        self.added = SECTIONS + [FLAG]
        return True

    def compile(self, units, directory, patched, progress):
        """Compile @units to objects below @directory; return their warnings."""
        with ThreadPoolExecutor(self.jobs) as pool:
            found = pool.map(lambda u: self.compile_unit(
                u, os.path.join(directory, u.obj), patched)[0], units)
            return list(progress.each("compiling them changed" if patched else
                                      "compiling files", found, len(units)))

    def _command(self, unit, obj, depfile):
        command = []
        for argument in unit.command:
            if argument.startswith("-Wp,-MMD,"):
                argument = "-Wp,-MMD," + depfile
            elif command and command[-1] == "-o":
                argument = obj
            else:
                argument = moved(argument, unit.prefix, self.farm.path)
            command.append(argument)
        added = self.added
        if os.path.isabs(unit.prefix) and \
           not any("-prefix-map=" in a and a.endswith(unit.prefix + "=") for a in unit.command):
            # __FILE__ is what it was.
            added = added + [f"-fmacro-prefix-map={self.farm.path}/={unit.prefix}"]
        return command[:-1] + added + command[-1:]

    def compile_unit(self, unit, obj, patched):
        """Return warnings, and the files that are read."""
        os.makedirs(os.path.dirname(obj), exist_ok=True)
        command = self._command(unit, obj, obj + ".d")
        cwd = unit.cwd or self.farm.path
        started = time.time()
        key = self._key(unit, command, obj, cwd)
        errors = self.cache.get(key, obj) if key else None
        found = errors is not None
        if not found:
            status, _, errors = self.run(command, cwd=cwd)
            errors = errors.replace(self.farm.path + "/", "")
            if status:
                raise Failure(COMPILE, unit.source if patched else [unit.source, "as it was"],
                              f"does not compile: {first_error(errors)}",
                              remedy(errors) if patched else
                              "use the source that the kernel was built from")
        dependencies = self._dependencies(obj + ".d", cwd)
        if patched:
            missed = self.farm.missed(dependencies, self.diffs)
            if missed:
                raise Missed(missed)
        if key and not found and not self._changed(dependencies, started):
            self.cache.put(key, obj, errors)
        return re.findall(r"^.*: warning: .*$", errors, re.M), dependencies

    def _key(self, unit, command, obj, cwd):
        """Of the object in the cache; None if it cannot be from there."""
        text = obj + ".i"
        preprocess = ["-E" if a == "-c" else text if a == obj else a for a in command]
        if self.run(preprocess, cwd=cwd)[0]:
            return None
        arguments = [a for a in command if a != obj and not a.startswith("-Wp,-MMD,")]
        with open(text, "rb") as file:
            key = self.cache.key(unit.compiler, arguments, cwd, file.read(),
                                 self.farm.path)
        os.unlink(text)
        return key

    @staticmethod
    def _dependencies(depfile, cwd):
        with open(depfile, encoding="utf-8", errors="surrogateescape") as file:
            return [os.path.join(cwd, n)
                    for n in file.read().replace("\\\n", " ").split()[1:]]

    def _changed(self, dependencies, since):
        """Whether a file was written after the preprocessor may have read it.

        File systems store the time with the resolution of a timer tick.
        """
        for path in map(os.path.realpath, dependencies):
            try:
                if not path.startswith(self.farm.path + "/") and \
                   os.stat(path).st_ctime > since - 0.1:
                    return True
            except OSError:
                return True
        return False


def check_warnings(unit, before, after):
    known = [re.sub(r":\d+", "", w) for w in before]
    for warning in after:
        text = re.sub(r":\d+", "", warning)
        if text not in known:
            raise Failure(COMPILE, unit.source, f"has a new warning: {warning}",
                          "correct the diff; a warning of one unit may be a crash")
        known.remove(text)
