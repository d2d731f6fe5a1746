# SPDX-License-Identifier: GPL-2.0-only
"""Read ELF files, and change object files in the few ways that kpatch-build needs."""

import gzip
import lzma
import mmap
import os
import re
import struct
import subprocess
from collections import namedtuple

SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 1, 2, 4, 8
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_MERGE, SHF_STRINGS = 0x1, 0x2, 0x4, 0x10, 0x20
SHF_INFO_LINK = 0x40
SHN_UNDEF, SHN_LORESERVE, SHN_ABS, SHN_XINDEX = 0, 0xff00, 0xfff1, 0xffff
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE = 0, 1, 2, 3, 4
R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_32, R_X86_64_32S = 1, 2, 4, 10, 11
NT_GNU_BUILD_ID = 3
LARGE = 256 << 20

HEADER = "<16sHHIQQQIHHHHHH"
SECTION = "<IIQQQQIIQQ"
SYMBOL = "<IBBHQQ"
RELA = "<QQq"

Reloc = namedtuple("Reloc", "offset symbol type addend")


class Section:
    """A section header, with @name; @data, if set, replaces what the file has."""

    FIELDS = ("name_offset", "type", "flags", "addr", "offset", "size", "link",
              "info", "align", "entsize")

    def __init__(self, index, values):
        self.index = index
        self.name = ""
        self.data = None
        for field, value in zip(self.FIELDS, values):
            setattr(self, field, value)

    def pack(self):
        return struct.pack(SECTION, *(getattr(self, f) for f in self.FIELDS))


class Symbol:
    __slots__ = ("index", "name", "bind", "type", "section", "value", "size")

    def __init__(self, index, name, info, section, value, size):
        self.index = index
        self.name = name
        self.bind = info >> 4
        self.type = info & 15
        self.section = section
        self.value = value
        self.size = size

    @property
    def defined(self):
        return 0 < self.section < SHN_LORESERVE


def string_at(table, offset):
    return table[offset:table.index(b"\0", offset)].decode("utf-8", "replace")


def text_at(data, at, width):
    """The string at @at, of characters of @width bytes."""
    end = at = max(at, 0)
    while any(data[end:end + width]):
        end += width
    return bytes(data[at:end])


def without_counters(name):
    """@name without the numbers by which compilers and macros make names unique."""
    if re.search(r"__UNIQUE_ID_|__addressable_|__initcall__|^\.L", name):
        return re.sub(r"\d+", "", name)
    return re.sub(r"(\.\d+)+$", "", name)


def read(path):
    """The contents of a file, which may be a compressed module."""
    if path.endswith(".zst"):
        done = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=False)
        if done.returncode:
            raise ValueError("zstd fails")
        return done.stdout
    opened = {".xz": lzma.open, ".gz": gzip.open}.get(os.path.splitext(path)[1], open)
    with opened(path, "rb") as file:
        if os.stat(path).st_size < LARGE:
            return file.read()
        # A vmlinux with debugging information, most of which is not looked at.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class Elf:
    def __init__(self, path):
        self.path = path
        self.bytes = read(path)
        if self.bytes[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64 bit little endian ELF file")
        header = struct.unpack_from(HEADER, self.bytes)
        start, num, names = header[6], header[12], header[13]
        first = struct.unpack_from(SECTION, self.bytes, start)
        num = num or first[5]
        self.names_index = first[6] if names == SHN_XINDEX else names
        self.sections = [
            Section(i, struct.unpack_from(SECTION, self.bytes, start + 64 * i))
            for i in range(num)]
        names = self.contents(self.sections[self.names_index])
        for section in self.sections:
            section.name = string_at(names, section.name_offset)
        self._symbols = None

    def contents(self, section):
        if section.data is not None:
            return section.data
        if section.type == SHT_NOBITS:
            return bytes(section.size)
        return self.bytes[section.offset:section.offset + section.size]

    def find(self, name):
        """The section @name, or None."""
        for section in self.sections:
            if section.name == name:
                return section
        return None

    def symtab(self):
        for section in self.sections:
            if section.type == SHT_SYMTAB:
                return section
        raise ValueError("no symbol table")

    @property
    def symbols(self):
        if self._symbols is None:
            table = self.symtab()
            strings = self.contents(self.sections[table.link])
            self._symbols = [
                Symbol(i, string_at(strings, name), info, section, value, size)
                for i, (name, info, _, section, value, size) in
                enumerate(struct.iter_unpack(SYMBOL, self.contents(table)))]
        return self._symbols

    def all_relocs(self, only=None):
        """Pairs of a section, or that which is @only, and a relocation that applies to it."""
        for rela in self.sections:
            target = self.sections[rela.info] if rela.type == SHT_RELA else None
            if target and only in (None, target):
                for offset, info, addend in struct.iter_unpack(RELA, self.contents(rela)):
                    yield target, Reloc(offset, self.symbols[info >> 32],
                                        info & 0xffffffff, addend)

    def relocs(self, section):
        """Relocations that apply to @section, in the order of the file."""
        return [reloc for _, reloc in self.all_relocs(section)]

    def symbols_in(self, name):
        """What has a size in section @name."""
        section = self.find(name)
        return [s for s in self.symbols if section and s.section == section.index and s.size]

    def section_of(self, symbol):
        return self.sections[symbol.section] if symbol.defined else None

    def build_id(self):
        """In hexadecimal, or None."""
        for section in self.sections:
            if section.type != 7:
                continue
            data, at = self.contents(section), 0
            while at + 12 <= len(data):
                name_size, size, kind = struct.unpack_from("<III", data, at)
                desc = at + 12 + (name_size + 3 & ~3)
                if kind == NT_GNU_BUILD_ID and data[at + 12:at + 15] == b"GNU":
                    return data[desc:desc + size].hex()
                at = desc + (size + 3 & ~3)
        return None

    def modinfo(self):
        """The fields of .modinfo, a list of (name, value)."""
        section = self.find(".modinfo")
        if not section:
            return []
        fields = self.contents(section).decode("utf-8", "replace").split("\0")
        return [tuple(f.split("=", 1)) for f in fields if "=" in f]

    # Changes. They are in the file once write() has been called.

    def set_contents(self, section, data):
        section.data = bytes(data)

    def add_section(self, name, kind, flags, data, link=0, info=0, align=1, entsize=0):
        names = self.sections[self.names_index]
        table = self.contents(names)
        section = Section(len(self.sections), (
            len(table), kind, flags, 0, 0, len(data), link, info, align, entsize))
        section.name = name
        section.data = bytes(data)
        names.data = table + name.encode() + b"\0"
        self.sections.append(section)
        return section

    def rename_section(self, section, name):
        names = self.sections[self.names_index]
        table = self.contents(names)
        section.name, section.name_offset = name, len(table)
        names.data = bytes(table) + name.encode() + b"\0"

    def add_global(self, name, kind, section, value, size):
        table = self.symtab()
        strings = self.sections[table.link]
        old = self.contents(strings)
        self.set_contents(table, self.contents(table) + struct.pack(
            SYMBOL, len(old), STB_GLOBAL << 4 | kind, 0, section.index, value, size))
        self.set_contents(strings, old + name.encode() + b"\0")

    def _set_in_symbol(self, symbol, layout, offset, value):
        table = self.symtab()
        data = bytearray(self.contents(table))
        struct.pack_into(layout, data, symbol.index * struct.calcsize(SYMBOL) + offset, value)
        self.set_contents(table, data)

    def set_type(self, symbol, kind):
        symbol.type = kind
        self._set_in_symbol(symbol, "<B", 4, symbol.bind << 4 | kind)

    def set_section(self, symbol, index):
        symbol.section = index
        self._set_in_symbol(symbol, "<H", 6, index)

    def set_size(self, symbol, size):
        symbol.size = size
        self._set_in_symbol(symbol, "<Q", 16, size)

    def undefined(self, name):
        """The number of the weak symbol @name, which is defined elsewhere."""
        for symbol in self.symbols:
            if symbol.name == name and not symbol.section:
                return symbol.index
        table = self.symtab()
        strings = self.sections[table.link]
        old = self.contents(strings)
        self._set_symbols(self.contents(table) + struct.pack(
            SYMBOL, len(old), STB_WEAK << 4 | STT_NOTYPE, 0, 0, 0, 0))
        self.set_contents(strings, old + name.encode() + b"\0")
        return len(self.symbols) - 1

    def section_symbol(self, section):
        """The number of the symbol of @section, which is made if there is none."""
        for symbol in self.symbols:
            if symbol.type == STT_SECTION and symbol.section == section.index:
                return symbol.index
        table = self.symtab()
        number = table.info
        at = number * table.entsize
        old = self.contents(table)
        table.info += 1
        self._set_symbols(old[:at] + struct.pack(
            SYMBOL, 0, STB_LOCAL << 4 | STT_SECTION, 0, section.index, 0, 0) + old[at:])
        for rela in self.sections:
            if rela.type == SHT_RELA:
                self.set_contents(rela, b"".join(
                    struct.pack(RELA, offset, info + ((info >> 32 >= number) << 32), addend)
                    for offset, info, addend in struct.iter_unpack(RELA, self.contents(rela))))
        return number

    def _set_symbols(self, data):
        self.set_contents(self.symtab(), data)
        self._symbols = None

    def _rela(self, section):
        for rela in self.sections:
            if rela.type == SHT_RELA and rela.info == section.index:
                return rela
        return self.add_section(".rela" + section.name, SHT_RELA, SHF_INFO_LINK, b"",
                                self.symtab().index, section.index, 8, struct.calcsize(RELA))

    def add_reloc(self, section, offset, symbol, kind, addend):
        rela = self._rela(section)
        self.set_contents(rela, self.contents(rela) +
                          struct.pack(RELA, offset, symbol << 32 | kind, addend))

    def set_reloc(self, section, reloc, symbol):
        """Let the relocation at the place of @reloc be against @symbol."""
        rela = self._rela(section)
        self.set_contents(rela, b"".join(
            struct.pack(RELA, offset, symbol << 32 | reloc.type, reloc.addend)
            if offset == reloc.offset else struct.pack(RELA, offset, info, addend)
            for offset, info, addend in struct.iter_unpack(RELA, self.contents(rela))))

    def write(self, path):
        """Contents that have changed go behind the old ones, then all headers."""
        out = bytearray(self.bytes)
        for section in self.sections:
            if section.data is None:
                continue
            out += bytes(-len(out) % max(section.align, 1))
            section.offset, section.size = len(out), len(section.data)
            out += section.data
        out += bytes(-len(out) % 8)
        start = len(out)
        for section in self.sections:
            out += section.pack()
        if len(self.sections) >= SHN_LORESERVE:
            raise ValueError("too many sections")
        struct.pack_into("<Q", out, 40, start)
        struct.pack_into("<H", out, 60, len(self.sections))
        with open(path, "wb") as file:
            file.write(out)


def is_traced(elf, symbol):
    """Whether ftrace hooks the function @symbol of an object."""
    return any(r.symbol.name == "__fentry__" and 0 <= r.offset - symbol.value < 16
               for r in elf.relocs(elf.section_of(symbol)))


class Linked:
    """The symbols of vmlinux or of a module, as the running kernel counts them."""

    def __init__(self, path):
        self.elf = Elf(path)
        self.path = path
        self.build_id = self.elf.build_id()
        self.by_name = {}
        self.blocks = []	# (name of the source file, its local symbols)
        self._sealed = None
        init = {}
        for symbol in self.elf.symbols:
            if symbol.type == STT_FILE:
                self.blocks.append((symbol.name, []))
                continue
            if not symbol.defined or not symbol.name or symbol.type == STT_SECTION:
                continue
            if not self.elf.sections[symbol.section].flags & SHF_ALLOC:
                continue
            if symbol.name in ("__init_begin", "__init_end",
                               "__per_cpu_start", "__per_cpu_end"):
                init[symbol.name] = symbol.value
            self.by_name.setdefault(symbol.name, []).append(symbol)
            if symbol.bind == STB_LOCAL and self.blocks:
                self.blocks[-1][1].append(symbol)
        self.is_kernel = "__init_begin" in init
        self.init = (init.get("__init_begin", 0), init.get("__init_end", 0))
        self.percpu = (init.get("__per_cpu_start", 0), init.get("__per_cpu_end", 0))

    def is_init(self, symbol):
        if not self.is_kernel:
            return self.elf.sections[symbol.section].name.startswith(".init")
        return (self.init[0] <= symbol.value < self.init[1] and
                not self.percpu[0] <= symbol.value < self.percpu[1])

    def position(self, symbol, with_init):
        """0 if no other has this name, else its position, counted from 1.

        kallsyms sorts those of vmlinux by address; those of a module are in the
        order of its symbol table. Livepatch also counts symbols in init sections.
        """
        same = [s for s in self.by_name[symbol.name]
                if with_init or s is symbol or not self.is_init(s)]
        if self.is_kernel:
            same.sort(key=lambda s: s.value)
        return same.index(symbol) + 1 if len(same) > 1 else 0

    def is_sealed(self, symbol):
        """Whether an indirect call of @symbol faults: nobody used its address at link time."""
        if self._sealed is None:
            section = self.elf.find(".ibt_endbr_seal")
            self._sealed = set(self._read_seals(section)) if section else set()
        return (0 if self.is_kernel else symbol.section, symbol.value) in self._sealed

    def _read_seals(self, section):
        if not self.is_kernel:
            for reloc in self.elf.relocs(section):
                yield reloc.symbol.section, reloc.symbol.value + reloc.addend
            return
        offsets = struct.iter_unpack("<i", self.elf.contents(section))
        for index, (offset,) in enumerate(offsets):
            yield 0, section.addr + 4 * index + offset

    def globals_named(self, name):
        return [s for s in self.by_name.get(name, ()) if s.bind != STB_LOCAL]
