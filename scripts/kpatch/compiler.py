# SPDX-License-Identifier: GPL-2.0-only
"""Compile units from the copy of the source tree.

The command is the one that kbuild has saved beside the object when it built the running
kernel. So all flags are the same, whatever kbuild derives them from, and nothing has to be
configured or prepared. Only the paths of the source tree and of the output differ, and each
function and variable gets a section of its own, which does not change its code.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor

from common import COMPILE, Failure, first_error
from layout import FLAG

SECTIONS = ["-ffunction-sections", "-fdata-sections"]


def moved(argument, prefix, path):
    """@argument with the source tree, which it names by @prefix, at @path."""
    if not prefix:
        return argument
    if os.path.isabs(prefix):
        return argument.replace(prefix, path + "/")
    for option in ("", "-I", "-include", "-fmacro-prefix-map="):
        if argument.startswith(option + prefix):
            return option + path + "/" + argument[len(option + prefix):]
    return argument


class Missed(Exception):
    """A changed file was read in its original version."""


class Compiler:
    def __init__(self, kernel, farm, diffs, jobs, run):
        self.kernel = kernel
        self.farm = farm
        self.diffs = diffs
        self.jobs = jobs
        self.run = run
        self.added = SECTIONS

    def describe_types(self, unit):
        """Have types described in objects, which does not change the code either.

        Return False if the compiler cannot.
        """
        compiler = self.kernel.compiler(unit)
        status, _, _ = self.run(compiler + [FLAG, "-S", "-xc", "/dev/null", "-o", "/dev/null"])
        if status:
            return False
        self.added = SECTIONS + [FLAG]
        return True

    def compile(self, units, directory, patched):
        """Compile @units to objects below @directory; return their warnings."""
        with ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(lambda u: self._compile(u, directory, patched), units))

    def _compile(self, unit, directory, patched):
        obj = os.path.join(directory, unit.obj)
        os.makedirs(os.path.dirname(obj), exist_ok=True)
        depfile = obj + ".d"
        command = []
        for argument in unit.command:
            if argument.startswith("-Wp,-MMD,"):
                argument = "-Wp,-MMD," + depfile
            elif command and command[-1] == "-o":
                argument = obj
            else:
                argument = moved(argument, unit.prefix, self.farm.path)
            command.append(argument)
        # A build in the source tree names its files relative to that.
        cwd = self.kernel.build if unit.prefix else self.farm.path
        status, _, errors = self.run(command[:-1] + self.added + command[-1:], cwd=cwd)
        errors = errors.replace(self.farm.path + "/", "")
        if status:
            raise Failure(COMPILE, unit.source if patched else [unit.source, "as it was"],
                          f"does not compile: {first_error(errors)}",
                          "correct the diff" if patched else
                          "use the source that the kernel was built from")
        if patched:
            with open(depfile, encoding="utf-8", errors="replace") as file:
                names = file.read().replace("\\\n", " ").split()[1:]
            missed = self.farm.missed([os.path.join(cwd, n) for n in names], self.diffs)
            if missed:
                raise Missed(missed)
        return re.findall(r"^.*: warning: .*$", errors, re.M)


def check_warnings(units, before, after):
    for unit, old, new in zip(units, before, after):
        known = [re.sub(r":\d+", "", w) for w in old]
        for warning in new:
            text = re.sub(r":\d+", "", warning)
            if text not in known:
                raise Failure(COMPILE, unit.source, f"has a new warning: {warning}",
                              "correct the diff; a warning of one unit may be a crash")
            known.remove(text)
