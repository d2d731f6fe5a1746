#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""compare.py units REPORT: print the objects of which the module of an update has code.
compare.py code REPORT MODULE DIR OLD NEW: is the code of each function in MODULE that of the
new release, which kbuild has compiled to the same objects below DIR, in sections like the
tool's? OLD and NEW are the source trees.

Compared are the bytes of the function, but for those that relocations fill, and the
relocations: place, type, addend, and what they refer to. That is the name of a symbol, without
the numbers that compilers append; of a string, the string; of constants, their contents.

What the kernel writes into its own code at boot, and cannot write into a module's, is loaded
from its variable instead, by an instruction of the same length. The module has no
.altinstr_aux, since the code that refers to it is replaced when the module is loaded.

Numbers of lines may differ: kpatch build lets lines that do not change keep theirs, for a
function is not to be replaced because it has moved. Such a number has to be that of the same
line in OLD, or the line must be new.
"""

import json
import os
import re
import sys
from bisect import bisect_right
from collections import defaultdict
from difflib import SequenceMatcher

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../../scripts/kpatch"))
from elf import (SHF_EXECINSTR, SHF_STRINGS, SHF_WRITE, STT_FUNC, STT_OBJECT, STT_SECTION,
                 Elf, without_counters)  # noqa: E402

R_NONE, R_64, R_PC32, R_PLT32, R_32, R_32S, R_PC64 = 0, 1, 2, 4, 10, 11, 24
WIDTH = {R_64: 8, R_PC64: 8}
RELATIVE = (R_PC32, R_PLT32, R_PC64)
RUNTIME = re.compile(r"runtime_ptr_(\w+)$")
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
        self.runtime = {}	# by section and place
        for section, reloc in self.elf.all_relocs():
            match = RUNTIME.match(section.name)
            if match and reloc.symbol.defined:
                self.runtime[reloc.symbol.section, reloc.symbol.value + reloc.addend] = match[1]
        self.data = defaultdict(list)		# variables of a section, by their place
        self.functions = defaultdict(list)	# by name
        for symbol in self.elf.symbols:
            if not symbol.defined or not symbol.size:
                continue
            if symbol.type == STT_FUNC:
                self.functions[without_counters(symbol.name)].append(symbol)
            if symbol.type in (STT_FUNC, STT_OBJECT):
                self.data[symbol.section].append((symbol.value, -symbol.bind, symbol))
        for symbols in self.data.values():
            symbols.sort(key=lambda s: s[:2])

    def named(self, name):
        """Functions of that name, whatever number the compiler has appended."""
        return self.functions.get(without_counters(name), ())

    def code(self, symbol):
        """What must be the same in both releases: bytes, and relocations."""
        section, start, size = self.elf.sections[symbol.section], symbol.value, symbol.size
        text = bytearray(self.elf.contents(section)[start:start + size])
        found = []
        for reloc in self.relocs[section.index]:
            at = reloc.offset - start
            target = self.elf.section_of(reloc.symbol)
            if 0 <= at < size and not (target and target.name == ".altinstr_aux"):
                width = WIDTH.get(reloc.type, 4)
                text[at:at + width] = bytes(width)
                addend = reloc.addend + (rest(text, at) if reloc.type in RELATIVE else 0)
                kind = R_PC32 if reloc.type == R_PLT32 else reloc.type
                found.append((at, kind, self._target(reloc.symbol, addend, symbol)))
        for at in range(size):
            name = self.runtime.get((symbol.section, start + at))
            if name:
                # mov name(%rip), %reg, and a nop of three bytes
                rex, register = text[at - 2], text[at - 1] & 7
                text[at - 2:at + 8] = bytes((0x48 | (rex & 1) << 2, 0x8b, 0x05 | register << 3,
                                             0, 0, 0, 0, 0x0f, 0x1f, 0))
                found.append((at + 1, R_PC32, (name, 0)))
        return bytes(text), tuple(sorted(found))

    def _target(self, symbol, addend, origin):
        section = self.elf.section_of(symbol)
        if not section:
            return own_name(symbol), addend
        value = addend + (symbol.value if symbol.type != STT_SECTION else 0)
        if section.index == origin.section and \
           origin.value <= value < origin.value + origin.size:
            return own_name(origin), value - origin.value
        if section.flags & SHF_STRINGS:
            contents = self.elf.contents(section)
            if 0 <= value < len(contents):
                return "string", contents[value:contents.index(b"\0", value)]
        inside = self._covering(section, value)
        if inside:
            return own_name(inside), value - inside.value
        if symbol.type != STT_SECTION and symbol.name and not symbol.name.startswith(".L"):
            return own_name(symbol), addend
        if not section.flags & (SHF_WRITE | SHF_EXECINSTR) and section.entsize:
            return "constant", self.elf.contents(section)[value:value + section.entsize]
        # A table of jumps, which all of the function's code has to agree with.
        return re.sub(r"\d+", "", section.name), value

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


def rest(text, at):
    """How far behind the start of a field of four bytes its instruction ends: operands that
    have no relocation may follow.
    """
    if at < 2 or text[at - 1] & 0xc7 != 0x05:	# no disp32(%rip)
        return 4
    opcode, extension = text[at - 2], text[at - 1] >> 3 & 7
    if opcode in (0x80, 0x83, 0xc0, 0xc1, 0xc6, 0x6b) or opcode == 0xf6 and extension < 2 or \
       text[at - 3:at - 1] == b"\x0f\xba":
        return 5
    if opcode in (0x81, 0xc7, 0x69) or opcode == 0xf7 and extension < 2:
        # With a prefix in front of it, or of a REX prefix, it has 16 bits.
        return 6 if 0x66 in (text[at - 3], text[at - 4] if text[at - 3] & 0xf0 == 0x40 else 0) \
            else 8
    return 4


class Lines:
    """Of a file that changes, in both releases."""

    def __init__(self, name, trees):
        texts = []
        for tree in trees:
            with open(os.path.join(tree, name), encoding="utf-8", errors="replace") as file:
                texts.append(file.read().split("\n"))
        self.same = {}		# numbers in the old release, by those in the new one
        for old, new, size in SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks():
            self.same.update({new + i + 1: old + i + 1 for i in range(size)})
        self.number = [len(text) for text in texts]

    def agree(self, mine, its):
        return 0 < mine <= max(self.number) and 0 < its <= self.number[1] and \
            self.same.get(its, mine) == mine


def same_but_lines(mine, its, lines):
    """Whether texts differ in numbers of lines only, which are loaded as constants.

    @lines: of files that the code may be from
    """
    if len(mine) != len(its):
        return False
    at = 0
    while at < len(mine):
        if mine[at] == its[at]:
            at += 1
            continue
        for start in range(max(at - 3, 1), at + 1):
            numbers = [int.from_bytes(t[start:start + 4], "little") for t in (mine, its)]
            if (mine[start - 1] & 0xf8 == 0xb8 or mine[start - 1] == 0x68) and \
               any(file.agree(*numbers) for file in lines):
                at = start + 4
                break
        else:
            return False
    return True


def patched(report):
    """Pairs of an object and the functions that the module has of it."""
    for unit in report["units"]:
        if unit["category"] == "patched":
            yield unit, [f["name"] for f in unit["functions"]] + unit["added"]


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


def compare(report, module, directory, trees):
    module = Object(module)
    same, wrong = 0, []
    headers = [Lines(f["name"], trees) for f in report["files"] if f["name"].endswith(".h") and
               f["units"] and all(os.path.exists(os.path.join(t, f["name"])) for t in trees)]
    for unit, names in patched(report):
        new = Object(os.path.join(directory, unit["unit"]))
        lines = [Lines(unit["source"], trees), *headers]
        for name in names:
            found, wanted = ([obj.code(s) for s in obj.named(name)] for obj in (module, new))
            if any(f[1] == w[1] and (f[0] == w[0] or same_but_lines(f[0], w[0], lines))
                   for f in found for w in wanted):
                same += 1
            elif not found or not wanted:
                wrong.append(f"{unit['unit']}: {name}: is not in " +
                             ("the new release" if found else "the module"))
            else:
                wrong.append(f"{unit['unit']}: {name}: {show(found[0], wanted[0])}")
    print("\n".join(wrong + [f"{same} of {same + len(wrong)} functions have the code of the new "
                             "release"]))
    return not wrong


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        report = json.load(file)
    if sys.argv[1] == "units":
        print("\n".join(unit["unit"] for unit, _ in patched(report)))
        return 0
    return 0 if compare(report, *sys.argv[3:5], sys.argv[5:7]) else 1


if __name__ == "__main__":
    sys.exit(main())
