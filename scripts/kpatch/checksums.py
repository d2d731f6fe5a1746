# SPDX-License-Identifier: GPL-2.0-only
"""Which functions the engine takes for changed.

It compares checksums that objtool has written into both objects. A function that is to be
kept gets the old one, and one that has to be replaced though its code is the same gets
another one.
"""

import struct
from collections import defaultdict

from author import STATES
from changes import TRANSFERS
from common import REFUSED, Failure
from details import COLD, Details
from elf import (SHF_ALLOC, SHF_EXECINSTR, STB_LOCAL, STT_FUNC, STT_NOTYPE, STT_OBJECT, Elf,
                 is_traced)

SECTION = ".discard.sym_checksum"	# pairs of an address and a checksum
ABSOLUTE = (1, 10, 11)	# R_X86_64_64, R_X86_64_32, R_X86_64_32S


class Object:
    def __init__(self, path):
        self.elf = Elf(path)
        self.path = path
        self.section = self.elf.find(SECTION)
        self.data = bytearray(self.elf.contents(self.section))
        self.places = {r.symbol.index: r.offset + 8 for r in self.elf.relocs(self.section)}
        self.by_name = defaultdict(list)
        for symbol in self.elf.symbols:
            if symbol.type == STT_FUNC and symbol.defined:
                self.by_name[symbol.name].append(symbol)

    def functions(self, name):
        return self.by_name.get(name, [])

    def variables(self, name):
        """Those that the source calls @name."""
        return [s for s in self.elf.symbols if s.type == STT_OBJECT and s.defined and
                s.name.split(".")[0] == name]

    def get(self, symbol):
        """0 for all but one of several names of a function."""
        place = self.places.get(symbol.index)
        return struct.unpack_from("<Q", self.data, place)[0] if place else 0

    def set(self, symbol, value):
        if symbol.index in self.places:
            struct.pack_into("<Q", self.data, self.places[symbol.index], value)

    def write(self):
        self.elf.set_contents(self.section, self.data)
        self.elf.write(self.path)


class Checksums:
    """Of @unit in the objects with the paths @before and @after."""

    def __init__(self, unit, before, after):
        self.unit = unit
        self.before = Object(before)
        self.after = Object(after)
        self.kept = []
        self.kept_data = []
        self.brought = []

    def write(self):
        # The engine takes only functions along that nothing refers to.
        for symbol in self.after.elf.symbols_in(STATES):
            self.after.elf.set_type(symbol, STT_FUNC)
        self.after.write()

    def _refuse(self, name, what, remedy):
        raise Failure(REFUSED, [self.unit.source, name], what, remedy)

    def keep_data(self, name):
        """Have variable @name stay as it is."""
        old, new = self.before.variables(name), self.after.variables(name)
        if not old or len(old) != len(new) or not self._equalise(old, new):
            self._refuse(name, "is to be kept, but is no variable of this file whose initial "
                         "value changes", "correct the name")
        self.kept_data.append(name)

    def keep(self, name):
        """Have function @name stay as it is."""
        old, new = self.before.functions(name), self.after.functions(name)
        if not old or len(old) != len(new):
            self._refuse(name, "is to be kept, but is no function of this file both before "
                         "and after", "correct KPATCH_DIFF_KEEP()")
        changed = self._equalise(old, new)
        old, new = self.before.functions(name + COLD), self.after.functions(name + COLD)
        if len(old) == len(new):
            changed |= self._equalise(old, new)
        else:
            # A new function would bring the one along that it was split off.
            for symbol in new:
                self.after.elf.set_type(symbol, STT_NOTYPE)
        if not changed:
            self._refuse(name, "is to be kept, but does not change",
                         "remove KPATCH_DIFF_KEEP()")
        self.kept.append(name)

    def _equalise(self, old, new):
        """Return whether any of the functions @old differs from its counterpart in @new."""
        changed = False
        for one, other in zip(old, new):
            changed |= self.before.get(one) != self.after.get(other)
            self.after.set(other, self.before.get(one))
        return changed

    def compare_details(self):
        """Have functions replaced that differ only in what the engine leaves out.

        It compares neither what tables say of instructions, such as the key of a static
        branch, nor all relocations, nor constants that have no name of their own.
        """
        before = Details(self.before.elf, self.kept_data)
        after = Details(self.after.elf, self.kept_data)
        for old, new in self._pairs():
            if old.name not in self.kept and \
               self.before.get(old) == self.after.get(new) and before.of(old) != after.of(new):
                self.after.set(new, ~self.before.get(old) & (1 << 64) - 1)

    def changed(self):
        """Names of functions that differ, or that one of the objects only has."""
        names = {new.name for old, new in self._pairs()
                 if self.before.get(old) != self.after.get(new)}
        names |= self.before.by_name.keys() ^ self.after.by_name.keys()
        return sorted({n.split(COLD)[0] for n in names if not n.startswith("__pfx_")})

    def check_aliases(self):
        """The hook of a function is that of all functions that begin there."""
        for old, new in self._pairs():
            if self.before.get(old) == self.after.get(new):
                continue
            for other in self.before.elf.symbols:
                if other.type != STT_FUNC or other.index == old.index or \
                   (other.section, other.value) != (old.section, old.value) or \
                   other.name.startswith("__pfx_"):
                    continue
                twin = self.after.functions(other.name)
                if not twin or (twin[0].section, twin[0].value) != (new.section, new.value):
                    self._refuse(old.name, f"has the same code as {other.name} in the running "
                                 "kernel, which would be replaced, too", "patch its callers "
                                 "instead")

    def replace_callers(self):
        """Have callers replaced of changed functions that have no hook themselves.

        These are functions that the source marks as inline and that the compiler has not
        inlined: the patch brings them along, for the callers.
        """
        pairs = list(self._pairs())
        twins = {new.index: old for old, new in pairs}
        todo = [new for old, new in pairs if self.before.get(old) != self.after.get(new)]
        while todo:
            new = todo.pop()
            callers = self._callers(new) if self._is_unhooked(twins[new.index]) else []
            if not callers or new.name in self.brought:
                continue
            self.brought.append(new.name)
            for caller in callers:
                old = twins.get(caller.index)
                if old and self.before.get(old) == self.after.get(caller) and \
                   caller.name not in self.kept:
                    self.after.set(caller, ~self.before.get(old) & (1 << 64) - 1)
                    todo.append(caller)

    def _pairs(self):
        """Functions before and after."""
        for name, old in self.before.by_name.items():
            new = self.after.functions(name)
            if len(old) == len(new):
                yield from zip(old, new)

    def _is_unhooked(self, symbol):
        elf = self.before.elf
        section = elf.section_of(symbol)
        return symbol.bind == STB_LOCAL and COLD not in symbol.name and \
            not section.name.startswith((".init", ".exit")) and \
            not is_traced(elf, symbol)

    def _callers(self, symbol):
        """Functions that call @symbol; none if some other use is made of its address."""
        found = {}
        for section, reloc in self.after.elf.all_relocs():
            if not self._is_start(section, reloc, symbol):
                continue
            code = self.after.elf.contents(section)
            caller = self._function_at(section, reloc.offset)
            if reloc.type in ABSOLUTE or not caller or \
               code[reloc.offset - 1] not in TRANSFERS:
                return []
            if caller.index != symbol.index and not section.name.startswith(".init"):
                found[caller.index] = caller
        return list(found.values())

    @staticmethod
    def _is_start(section, reloc, symbol):
        """Whether @reloc stores the address of @symbol, or is relative to it."""
        if reloc.symbol.section != symbol.section or section.name.startswith(".discard"):
            return False
        is_text = section.flags & SHF_EXECINSTR
        at = reloc.symbol.value + reloc.addend - symbol.value
        # Other tables refer to instructions.
        return section.flags & SHF_ALLOC and (
            at == 0 and (reloc.type in ABSOLUTE) or
            at == -4 and is_text and reloc.type not in ABSOLUTE)

    def _function_at(self, section, offset):
        """The function of the changed object, for what was split off the one in front."""
        for symbol in self.after.elf.symbols:
            if symbol.type == STT_FUNC and symbol.section == section.index and \
               symbol.value <= offset < symbol.value + symbol.size:
                name = symbol.name.split(COLD)[0]
                return (self.after.functions(name) + [symbol])[0]
        return None
