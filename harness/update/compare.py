#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""compare.py units REPORT: print the objects of which the module of an update has code.
compare.py code REPORT MODULE DIR: is the code of each function in MODULE that of the new
release, which kbuild has compiled to the same objects below DIR, in sections like the tool's?

Compared are the bytes of the function, but for those that relocations fill, and the
relocations: place, type, addend, and what they refer to. That is the name of a symbol, without
the numbers that compilers append; of a string, the string; of constants and tables, their
contents.
"""

import json
import os
import re
import sys
from bisect import bisect_right
from collections import defaultdict

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../../scripts/kpatch"))
from elf import (SHF_ALLOC, SHF_EXECINSTR, SHF_STRINGS, SHF_WRITE, STT_FUNC, STT_OBJECT,
                 STT_SECTION, Elf, without_counters)  # noqa: E402

R_NONE, R_64, R_PC32, R_PLT32, R_32, R_32S, R_PC64 = 0, 1, 2, 4, 10, 11, 24
WIDTH = {R_64: 8, R_PC64: 8}
RELATIVE = (R_PC32, R_PLT32, R_PC64)
LIVE = re.compile(r"\.klp\.sym\.(?:rel\.)?[^.]+\.(.+),\d+$")


def own_name(symbol):
    """As the source has it."""
    match = LIVE.match(symbol.name)
    return without_counters(match.group(1) if match else symbol.name)


class Object:
    def __init__(self, path):
        self.elf = Elf(path)
        self.relocs = defaultdict(list)		# by section
        for section, reloc in self.elf.all_relocs():
            if reloc.type != R_NONE:
                self.relocs[section.index].append(reloc)
        self.data = defaultdict(list)		# variables of a section, by their place
        self.functions = defaultdict(list)	# by name
        for symbol in self.elf.symbols:
            if not symbol.defined or not symbol.size:
                continue
            if symbol.type == STT_FUNC:
                self.functions[symbol.name].append(symbol)
            if symbol.type in (STT_FUNC, STT_OBJECT):
                self.data[symbol.section].append((symbol.value, -symbol.bind, symbol))
        for symbols in self.data.values():
            symbols.sort(key=lambda s: s[:2])

    def code(self, symbol):
        """What must be the same in both releases."""
        return self._normalised(self.elf.sections[symbol.section], symbol.value, symbol.size, 0)

    def _normalised(self, section, start, size, depth):
        text = bytearray(self.elf.contents(section)[start:start + size])
        found = []
        for reloc in self.relocs[section.index]:
            at = reloc.offset - start
            if 0 <= at < size:
                width = WIDTH.get(reloc.type, 4)
                text[at:at + width] = bytes(width)
                addend = reloc.addend + (self._rest(section, reloc) if
                                         reloc.type in RELATIVE else 0)
                found.append((at, self._kind(reloc.type),
                              self._target(reloc.symbol, addend, section, start, depth)))
        return bytes(text), tuple(sorted(found))

    @staticmethod
    def _kind(kind):
        return R_PC32 if kind == R_PLT32 else kind

    @staticmethod
    def _rest(_section, _reloc):
        """How far behind the field the next instruction mostly is."""
        return 4

    def _target(self, symbol, addend, origin, start, depth):
        section = self.elf.section_of(symbol)
        if not section:
            return own_name(symbol), addend
        value = addend + (symbol.value if symbol.type != STT_SECTION else 0)
        if section is origin and section.flags & SHF_EXECINSTR:
            inside = self._covering(section, value)
            if not inside or inside.value == start:
                return "itself", value - start
        if section.flags & SHF_STRINGS:
            contents = self.elf.contents(section)
            if 0 <= value < len(contents):
                return "string", contents[value:contents.index(b"\0", value)]
        inside = self._covering(section, value)
        if inside:
            return own_name(inside), value - inside.value
        if symbol.type != STT_SECTION and symbol.name and not symbol.name.startswith(".L"):
            return own_name(symbol), addend
        if not section.flags & (SHF_WRITE | SHF_EXECINSTR) and section.flags & SHF_ALLOC and \
           depth < 2 and 0 <= value < section.size:
            return "constant", self._constant(section, value, depth)
        return re.sub(r"\d+", "", section.name), value

    def _constant(self, section, value, depth):
        """A constant, or a table of jumps: as far as the next one that is known."""
        if section.entsize:
            return self.elf.contents(section)[value:value + section.entsize]
        return re.sub(r"\d+", "", section.name)

    def _covering(self, section, value):
        symbols = self.data.get(section.index, ())
        index = bisect_right(symbols, value, key=lambda s: s[0]) - 1
        if index < 0:
            return None
        first = symbols[index][0]
        names = [s for v, _, s in symbols if v == first and v <= value < v + s.size]
        # Replacements have a second name of their own.
        names = [s for s in names if not s.name.startswith("kpatch_new_")] or names
        return names[0] if names else None


def patched(report):
    """Pairs of an object and the functions that the module has of it."""
    for unit in report["units"]:
        if unit["category"] == "patched":
            yield unit["unit"], [f["name"] for f in unit["functions"]] + unit["added"]


def show(mine, its):
    """Where two functions differ."""
    if mine[0] != its[0]:
        if len(mine[0]) != len(its[0]):
            return f"{len(mine[0])} bytes, and {len(its[0])} in the new release"
        at = next(i for i, (a, b) in enumerate(zip(mine[0], its[0])) if a != b)
        return f"another byte at {at:#x}"
    ours, theirs = set(mine[1]) - set(its[1]), set(its[1]) - set(mine[1])
    return f"refers to {sorted(ours, key=repr)[:2]}, and to {sorted(theirs, key=repr)[:2]} " \
        "in the new release"


def compare(report, module, directory):
    module = Object(module)
    left = {name: [module.code(s) for s in symbols]
            for name, symbols in module.functions.items()}
    same, wrong = 0, []
    for obj, names in patched(report):
        new = Object(os.path.join(directory, obj))
        for name in names:
            base = without_counters(name)
            wanted = [new.code(s) for n in sorted(new.functions) if without_counters(n) == base
                      for s in new.functions[n]]
            found = [c for n in sorted(left) if without_counters(n) == base for c in left[n]]
            match = next((c for c in found if c in wanted), None)
            if match:
                same += 1
            elif not found or not wanted:
                wrong.append(f"{obj}: {name}: is not in " +
                             ("the module" if not found else "the new release"))
            else:
                wrong.append(f"{obj}: {name}: {show(found[0], wanted[0])}")
    for line in wrong:
        print(line)
    print(f"{same} of {same + len(wrong)} functions have the code of the new release")
    return not wrong


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        report = json.load(file)
    if sys.argv[1] == "units":
        print("\n".join(obj for obj, _ in patched(report)))
        return 0
    return 0 if compare(report, *sys.argv[3:5]) else 1


if __name__ == "__main__":
    sys.exit(main())
