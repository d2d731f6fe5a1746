# SPDX-License-Identifier: GPL-2.0-only
"""Adjust references of what the engine has found.

Addresses of functions: if a function changes, and another one that changes takes its
address, the engine lets that be the address of the replacement. Whatever stores it then, a
timer or a file, would call the module when it is gone, and the address differs from the one
that functions compare which do not change. The address of the original serves all: ftrace
redirects its callers as long as the patch is enabled.

Runtime constants: the kernel writes them into its own code at boot, and into no module's.
A constant that is a pointer is loaded from its variable instead.
"""

import re
import struct

from changes import RELOCS, SYMBOL, TOMBSTONE
from common import REFUSED, Failure
from elf import (R_X86_64_32, R_X86_64_32S, R_X86_64_64, R_X86_64_PC32, SHF_ALLOC,
                 SHF_EXECINSTR, SHT_PROGBITS, STT_FUNC, STT_OBJECT, Elf, Reloc)

# Sections whose references are addresses that code may store.
STORED = re.compile(r"\.(text|rodata|data|\w+\.text)")
RUNTIME = re.compile(r"runtime_(\w+?)_(\w+)$")
UNSET = struct.pack("<Q", 0x0123456789abcdef)


def adjust(changes, after, exported):
    """@after: the unit's object with the changes, as the engine has read it"""
    adjuster = Adjuster(changes, exported)
    adjuster.keep_addresses()
    adjuster.load_constants(after)
    if adjuster.changed:
        adjuster.elf.write(changes.path)
        changes.out = Elf(changes.path)


def keep_addresses_of_others(changes, owners, linked):
    """@owners: for each function that other units replace, the name of the object it is in"""
    adjuster = Adjuster(changes)
    adjuster.keep_addresses_of_others(owners, linked)
    if adjuster.changed:
        adjuster.elf.write(changes.path)
        changes.out = Elf(changes.path)


class Adjuster:
    def __init__(self, changes, exported=()):
        self.changes = changes
        self.exported = exported
        self.elf = changes.out
        self.changed = False

    # Addresses of functions:

    def keep_addresses(self):
        places = {(f.section, f.value): f for f in self.changes.funcs}
        for section in list(self.elf.sections):
            if not STORED.match(section.name):
                continue
            for reloc in self.elf.relocs(section):
                target = self.elf.section_of(reloc.symbol)
                taken = self._taken(section, reloc)
                func = target and taken is not None and \
                    places.get((target.name, reloc.symbol.value + taken))
                if func:
                    addend = reloc.addend - taken
                    self._refer(section, reloc._replace(addend=addend), func.name)

    def keep_addresses_of_others(self, owners, linked):
        for section in list(self.elf.sections):
            if not STORED.match(section.name):
                continue
            for reloc in self.elf.relocs(section):
                name = reloc.symbol.name
                if name in owners and not reloc.symbol.section and \
                   self._taken(section, reloc) is not None:
                    object_ = linked(owners[name])
                    position = object_.position(object_.globals_named(name)[0], True)
                    self._refer(section, reloc, name, owners[name], position)

    def _taken(self, section, reloc):
        """The offset to the symbol of an address that is taken; None if none is."""
        if reloc.type in (R_X86_64_64, R_X86_64_32, R_X86_64_32S):
            return reloc.addend
        if reloc.type == R_X86_64_PC32 and section.flags & SHF_EXECINSTR and reloc.offset > 2:
            code = self.elf.contents(section)[reloc.offset - 3:reloc.offset]
            # lea disp32(%rip), %reg
            if code[0] & 0xf8 == 0x48 and code[1] == 0x8d and code[2] & 0xc7 == 0x05:
                return reloc.addend + 4
        return None

    def _refer(self, section, reloc, name, owner=None, position=None):
        """Let @reloc, which exists, be against @name of the kernel.

        It is left to the link against a symbol without meaning, as the engine does it.
        """
        self.elf.set_reloc(section, reloc, self.elf.undefined(TOMBSTONE + name))
        self._add_entry(section, reloc, name, owner or self.changes.unit.modname, position)

    def _add_entry(self, section, reloc, name, owner, position=None):
        """struct klp_reloc of objtool: place, symbol and type."""
        if position is None:
            same = [s for s in self.changes.before.symbols if s.name == name and s.defined]
            position = int(len(same) > 1) and \
                1 + next(i for i, s in enumerate(same) if s.type in (STT_FUNC, STT_OBJECT))
        entries = self.elf.find(RELOCS + owner) or self.elf.add_section(
            RELOCS + owner, SHT_PROGBITS, SHF_ALLOC, b"", align=8)
        at = len(self.elf.contents(entries))
        self.elf.set_contents(entries, self.elf.contents(entries) +
                              struct.pack("<QQI4x", 0, 0, reloc.type))
        self.elf.add_reloc(entries, at, self.elf.section_symbol(section), R_X86_64_64,
                           reloc.offset)
        symbol = self.elf.undefined(f"{SYMBOL}{owner}.{name},{position}")
        self.elf.add_reloc(entries, at + 8, symbol, R_X86_64_64, reloc.addend)
        self.changed = True

    # Runtime constants:

    def load_constants(self, after):
        for table in after.sections:
            match = RUNTIME.match(table.name)
            if not match or not table.flags & SHF_ALLOC:
                continue
            for reloc in after.relocs(table):
                place = self._place(after, reloc)
                if place:
                    self._load(*match.groups(), *place)

    def _place(self, after, reloc):
        """Function, section and offset, in the difference, of code that @reloc refers to."""
        offset = reloc.symbol.value + reloc.addend
        for symbol in after.symbols:
            if symbol.section != reloc.symbol.section or symbol.type != STT_FUNC or \
               not symbol.value <= offset < symbol.value + symbol.size:
                continue
            for own in self.elf.symbols:
                if own.name == symbol.name and own.defined and own.type == STT_FUNC:
                    return own.name, self.elf.section_of(own), own.value + offset - symbol.value
        return None

    def _load(self, kind, name, function, section, offset):
        """mov $constant, %reg becomes mov name(%rip), %reg, and a nop of three bytes."""
        code = bytearray(self.elf.contents(section))
        rex, opcode = code[offset - 2], code[offset - 1]
        if kind != "ptr" or rex & 0xfe != 0x48 or opcode & 0xf8 != 0xb8 or \
           code[offset:offset + 8] != UNSET:
            raise Failure(REFUSED, [self.changes.unit.source, function],
                          f"uses {name}, which the kernel writes into its own code at boot",
                          "patch its callers instead")
        code[offset - 2:offset + 8] = bytes((0x48 | (rex & 1) << 2, 0x8b,
                                             0x05 | (opcode & 7) << 3, 0, 0, 0, 0,
                                             0x0f, 0x1f, 0x00))
        self.elf.set_contents(section, code)
        reloc = Reloc(offset + 1, None, R_X86_64_PC32, -4)
        symbol = self.elf.undefined(name if name in self.exported else TOMBSTONE + name)
        self.elf.add_reloc(section, reloc.offset, symbol, reloc.type, reloc.addend)
        if name not in self.exported:
            self._add_entry(section, reloc, name, self.changes.unit.modname)
        self.changed = True
