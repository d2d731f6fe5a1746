#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare units of the kernel with themselves, by the means of kpatch build.

For each unit the original is compiled, and the same with a blank line in front, which moves
all lines. Neither may be a change, and nothing may be refused.
"""

import argparse
import contextlib
import hashlib
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

TOOL = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../scripts/kpatch")
sys.dont_write_bytecode = True
sys.path.insert(0, TOOL)

# pylint: disable=wrong-import-position
from changes import Changes, check_static_locals, check_tables, newly_used  # noqa: E402
from common import Failure, Runner  # noqa: E402
from compiler import Compiler, check_warnings  # noqa: E402
from elf import Elf  # noqa: E402
from engine import Engine, default_cache  # noqa: E402
from kernel import FOREIGN, Kernel  # noqa: E402
from layout import check_layouts  # noqa: E402
from link import exports  # noqa: E402
from sources import Farm  # noqa: E402


class BlankLines:
    """Stands for Diffs: the change of one file."""

    def __init__(self, name):
        self.files, self.new = [name], []
        self.paths = [name]
        self.text = {name: f"--- a/{name}\n+++ b/{name}\n@@ -0,0 +1 @@\n+\n"}


class Tree:
    def __init__(self, options):
        self.run = Runner(False)
        self.kernel = Kernel(options.kernel, options.source, None, self.run)
        self.engine = Engine(self.kernel, options.objtool_source, default_cache(), self.run)
        self.exported = exports(self.kernel)
        self.kernel.linked("vmlinux")

    def units(self):
        """All that kbuild has compiled for the kernel or a module, sorted."""
        found = []
        for directory, _, files in os.walk(self.kernel.build):
            for name in files:
                if not name.endswith(".o.cmd"):
                    continue
                obj = os.path.normpath(os.path.join(
                    os.path.relpath(directory, self.kernel.build), name[1:-4]))
                # .module-common.o becomes part of all modules.
                unit = None if FOREIGN.match(obj) or name.startswith("..") else \
                    self.kernel._unit(obj)  # pylint: disable=protected-access
                if unit:
                    found.append(unit)
        return sorted(found, key=lambda u: u.obj)

    def compare(self, unit, work):
        """What differs, in a word or in the words of the tool; None if nothing does."""
        diffs = BlankLines(unit.source)
        farm = Farm(self.kernel.source, os.path.join(work, "source"), self.run)
        compiler = Compiler(self.kernel, farm, diffs, 1, self.run)
        compiler.describe_types(unit)
        farm.populate(diffs, False)
        before, after, out = (os.path.join(work, d, unit.obj)
                              for d in ("before", "after", "diff"))
        warnings = [compiler.compile([unit], os.path.join(work, "before"), False)]
        farm.apply(diffs)
        warnings.append(compiler.compile([unit], os.path.join(work, "after"), True))
        check_warnings([unit], *warnings)
        check_layouts(unit, before, after, [])
        linked = self.kernel.linked(unit.modname)
        newly_used(unit, Elf(before), Elf(after), linked, self.exported)
        self.engine.prepare(unit, before, [])
        self.engine.prepare(unit, after, [])
        os.makedirs(os.path.dirname(out))
        original = Elf(before)
        check_tables(unit, original, Elf(after))
        check_static_locals(unit, original, Elf(after))
        if self.engine.diff(unit, before, after, out, work):
            changes = Changes(unit, linked, original, out)
            return f"{unit.source}: changes: " + " ".join(
                [f.name for f in changes.funcs] + changes.new)
        return None


class Record:
    """What has been compared by this version of the tool: "ok UNIT", or what differs."""

    def __init__(self, path):
        key = hashlib.sha256()
        for name in sorted(os.listdir(TOOL)):
            if os.path.isfile(os.path.join(TOOL, name)):
                with open(os.path.join(TOOL, name), "rb") as file:
                    key.update(file.read())
        self.path = f"{path}-{key.hexdigest()[:12]}"
        self.done = set()
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self.done = {m.group(1) for m in map(re.compile(r"ok (\S+)$").match, file) if m}

    def add(self, unit):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"ok {unit.obj}\n")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--kernel", "--source", "--objtool-source", "--record"):
        parser.add_argument(name)
    parser.add_argument("--units", type=int, help="a sample of so many; 0: all")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    tree = Tree(options)
    record = Record(options.record)
    units = tree.units()
    total = len(units)
    if 0 < options.units < total:
        units = [units[i * total // options.units] for i in range(options.units)]
    units = [u for u in units if u.obj not in record.done]
    print(f"{len(units)} of {total} units are to be compared", flush=True)
    failed = []

    def compare(unit):
        work = tempfile.mkdtemp(prefix="kpatch-difftree-")
        os.symlink(tree.kernel.path("Module.symvers"), os.path.join(work, "Module.symvers"))
        try:
            return tree.compare(unit, work)
        except Failure as failure:
            return str(failure)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    with ThreadPoolExecutor(options.jobs) as pool, contextlib.suppress(KeyboardInterrupt):
        for number, (unit, found) in enumerate(zip(units, pool.map(compare, units)), 1):
            if found:
                failed.append(unit)
                print(f"not ok {unit.obj}: {found}", flush=True)
            else:
                record.add(unit)
            if not number % 50:
                print(f"{number} of {len(units)}", flush=True)
    print(f"{len(units) - len(failed)} of {len(units)} units have no change, "
          f"{len(failed)} differ")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
