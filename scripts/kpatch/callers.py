# SPDX-License-Identifier: GPL-2.0-only
"""Who calls functions that have no hook, so that a patch of these could carry the change."""

import os
from collections import defaultdict

from elf import SHF_EXECINSTR, STT_FUNC, Elf

LIMIT = 20	# callers of one function; more are of no use to anybody


def callers_of(names, build, run):
    """For each name of a global function, what refers to it in the objects below @build: pairs
    of an object and a function.
    """
    if not names:
        return {}
    patterns = [word for name in names for word in ("-e", name)]
    _, out, _ = run(["grep", "-rlF", "--include=*.o", "--exclude=vmlinux.o", "--exclude=*.mod.o",
                     *patterns, "."], cwd=build)
    found = defaultdict(set)
    for path in sorted(out.split("\n")):
        # An object of kbuild's that several were linked to has no command of a compiler.
        directory, name = os.path.split(path)
        record = os.path.join(build, directory, f".{name}.cmd")
        if path and os.path.exists(record) and is_compiled(record):
            for callee, caller in calls(Elf(os.path.join(build, path)), names):
                found[callee].add((os.path.normpath(path), caller))
    return {name: sorted(found[name])[:LIMIT] for name in names}


def is_compiled(record):
    with open(record, encoding="utf-8", errors="replace") as file:
        return " -c " in file.readline()


def calls(elf, names):
    functions = defaultdict(list)
    for symbol in elf.symbols:
        if symbol.type == STT_FUNC and symbol.defined:
            functions[symbol.section].append(symbol)
    for section, reloc in elf.all_relocs():
        if section.flags & SHF_EXECINSTR and not reloc.symbol.section and \
           reloc.symbol.name in names:
            for symbol in functions[section.index]:
                if symbol.value <= reloc.offset < symbol.value + symbol.size:
                    yield reloc.symbol.name, symbol.name.split(".")[0]
