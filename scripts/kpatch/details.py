# SPDX-License-Identifier: GPL-2.0-only
"""What functions depend on that the engine leaves out of their checksums.

That is what tables say of instructions, such as the key of a static branch, the handler of
an exception or the flags of a warning; relocations, of which the engine looks at one for each
instruction, and by names without their counters; and constants that have no name of their own.
"""

from collections import Counter, defaultdict

from changes import SEPARATE
from elf import (R_X86_64_PC32, R_X86_64_PLT32, SHF_STRINGS, SHF_WRITE, STT_FUNC, STT_OBJECT,
                 STT_SECTION, text_at, without_counters)
from engine import WHOLE

COLD = ".cold"


class Details:
    """What the code of functions in @elf depends on, besides instructions. @kept: variables
    whose contents do not matter.
    """

    TABLES = {"__bug_table": None, "__ex_table": 12, "__jump_table": 16}

    def __init__(self, elf, kept=()):
        self.elf = elf
        self.kept = kept
        self.relocs = defaultdict(list)
        self.entries = defaultdict(list)
        self.named = defaultdict(list)		# by section
        self.cold = {}
        for section, reloc in elf.all_relocs():
            self.relocs[section.index].append(reloc)
        for symbol in elf.symbols:
            if symbol.defined and symbol.type in (STT_OBJECT, STT_FUNC):
                self.named[symbol.section].append(symbol)
                if symbol.name.endswith(COLD):
                    self.cold[symbol.name] = symbol
        self.namesakes = Counter(without_counters(s.name) for symbols in self.named.values()
                                 for s in symbols if s.type == STT_OBJECT)
        for section in elf.sections:
            if section.name in self.TABLES:
                self._read_table(section)

    def _read_table(self, section):
        size = section.entsize or self.TABLES[section.name] or 12
        data = self.elf.contents(section)
        rows = defaultdict(list)
        for reloc in self.relocs[section.index]:
            rows[reloc.offset // size].append(reloc)
        for row, relocs in rows.items():
            relocs.sort(key=lambda r: r.offset)
            site = relocs[0]
            self.entries[site.symbol.section].append((
                site.symbol.value + site.addend, section.name,
                data[row * size:(row + 1) * size], relocs[1:]))

    # What a relocation refers to, the same for both objects:

    def _target(self, reloc, func, nested=False):
        symbol, section = reloc.symbol, self.elf.section_of(reloc.symbol)
        if not section:
            return symbol.name, reloc.addend
        place = symbol.value
        if symbol.type == STT_SECTION:
            # Most instructions end behind the relocation.
            place += reloc.addend + 4 * (reloc.type in (R_X86_64_PC32, R_X86_64_PLT32))
        at = symbol.value + reloc.addend
        data = self.elf.contents(section)
        if section.flags & SHF_STRINGS or WHOLE in section.name:
            return text_at(data, place, section.entsize or 1), at - place
        if section.name.startswith(".rodata.cst"):
            return bytes(data[max(place, 0):place + section.entsize]), at - place
        if section.index == func.section and 0 <= place - func.value < func.size:
            return at - func.value
        for other in self.named[section.index]:
            if other.value <= place < other.value + other.size:
                return self._contents(other, func, nested), at - other.value
        return without_counters(section.name), at

    def _contents(self, symbol, func, nested):
        """What tells @symbol from others that have its name in the source."""
        if symbol.type == STT_FUNC:
            return symbol.name
        name = without_counters(symbol.name)
        section = self.elf.section_of(symbol)
        if nested or name in self.kept or \
           (name == symbol.name and self.namesakes[name] == 1) or \
           (section.flags & SHF_WRITE and not SEPARATE.match(name)):
            return name
        end = symbol.value + symbol.size
        return (name, bytes(self.elf.contents(section)[symbol.value:end]),
                [(r.offset - symbol.value, self._target(r, func, True))
                 for r in self.relocs[section.index] if symbol.value <= r.offset < end])

    def _references(self, func):
        end = func.value + func.size
        return [(r.offset - func.value, r.type, self._target(r, func))
                for r in self.relocs[func.section] if func.value <= r.offset < end]

    # Contents of what has no symbol:

    def _constants(self, func):
        """Sections of constants that no symbol of the source names."""
        for reloc in self.relocs[func.section]:
            section = self.elf.section_of(reloc.symbol)
            if func.value <= reloc.offset < func.value + func.size and section and \
               section.name.startswith(".rodata") and not section.flags & SHF_STRINGS and \
               not section.name.startswith(".rodata.cst") and WHOLE not in section.name and \
               all(s.name.startswith("CSWTCH.") for s in self.named[section.index]):
                yield reloc.offset - func.value, section

    def of(self, func):
        found = [(at - func.value, name, data, [self._target(r, func) for r in relocs])
                 for at, name, data, relocs in self.entries[func.section]
                 if func.value <= at < func.value + func.size]
        found += [(at, bytes(self.elf.contents(s)),
                   [self._target(r, func) for r in self.relocs[s.index]])
                  for at, s in self._constants(func)]
        for part in filter(None, (func, self.cold.get(func.name + COLD))):
            found += self._references(part)
        return found
