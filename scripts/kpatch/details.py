# SPDX-License-Identifier: GPL-2.0-only
"""What functions depend on that the engine leaves out of their checksums.

That is what tables say of instructions, such as the key of a static branch, the handler of
an exception or the flags of a warning, and constants that the compiler has made.
"""

from collections import defaultdict

from elf import SHF_STRINGS, STT_OBJECT, string_at, without_counters


class Details:
    """What the code of functions in @elf depends on, besides instructions."""

    TABLES = {"__bug_table": None, "__ex_table": 12, "__jump_table": 16}

    def __init__(self, elf):
        self.elf = elf
        self.relocs = defaultdict(list)
        self.entries = defaultdict(list)
        self.objects = defaultdict(list)
        for section, reloc in elf.all_relocs():
            self.relocs[section.index].append(reloc)
        for symbol in elf.symbols:
            if symbol.defined and symbol.type == STT_OBJECT:
                self.objects[symbol.section].append(symbol)
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

    def _name(self, reloc, func, start):
        """What @reloc refers to, the same for both objects."""
        symbol, section = reloc.symbol, self.elf.section_of(reloc.symbol)
        at = symbol.value + reloc.addend
        if not section:
            return symbol.name, reloc.addend
        if section.flags & SHF_STRINGS:
            return string_at(self.elf.contents(section), at)
        if section.index == func.section:
            return at - start
        return without_counters(section.name), at

    def _constants(self, func):
        """Sections of constants that no symbol of the source names."""
        for reloc in self.relocs[func.section]:
            section = self.elf.section_of(reloc.symbol)
            if func.value <= reloc.offset < func.value + func.size and section and \
               section.name.startswith(".rodata") and not section.flags & SHF_STRINGS and \
               all(s.name.startswith("CSWTCH.") for s in self.objects[section.index]):
                yield reloc.offset - func.value, section

    def of(self, func):
        found = [(at - func.value, name, data, [self._name(r, func, func.value) for r in relocs])
                 for at, name, data, relocs in self.entries[func.section]
                 if func.value <= at < func.value + func.size]
        found += [(at, bytes(self.elf.contents(s)),
                   [self._name(r, func, func.value) for r in self.relocs[s.index]])
                  for at, s in self._constants(func)]
        return found
