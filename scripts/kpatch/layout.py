# SPDX-License-Identifier: GPL-2.0-only
"""Layouts of structures, from the BTF that the compiler has written into an object.

Data of the running kernel has the old layout. No symbol tells that code expects another
one, and often no size.
"""

import struct

from common import REFUSED, Failure
from elf import Elf, string_at

FLAG = "-gbtf"
(INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC,
 FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64) = range(1, 20)
# Bytes behind a type, in all and for each of its members.
FIXED = {INT: 4, ARRAY: 12, VAR: 4, DECL_TAG: 4}
EACH = {STRUCT: 12, UNION: 12, ENUM: 8, FUNC_PROTO: 8, DATASEC: 12, ENUM64: 12}
QUALIFIERS = (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG)


class Types:
    def __init__(self, data):
        _, _, _, header, types, size, strings, _ = struct.unpack_from("<HBBIIIII", data)
        self.strings = data[header + strings:]
        self.types = [(0, "void", 0, [])]
        at, end = header + types, header + types + size
        while at < end:
            name, info, value = struct.unpack_from("<III", data, at)
            kind, num = info >> 24 & 31, info & 0xffff
            at += 12
            width = EACH.get(kind, 0) // 4
            members = [struct.unpack_from(f"<{width}I", data, at + i * width * 4)
                       for i in range(num)] if width else []
            if kind == ARRAY:
                members = [struct.unpack_from("<III", data, at)]
            at += FIXED.get(kind, 0) + width * 4 * num
            self.types.append((kind, string_at(self.strings, name), value, members))

    def _text(self, number):
        """A type, as far as it decides on the layout or on calls."""
        kind, name, value, members = self.types[number]
        if kind in QUALIFIERS:
            return self._text(value)
        if kind == PTR:
            return self._text(value) + "*"
        if kind == ARRAY:
            return f"{self._text(members[0][0])}[{members[0][2]}]"
        if kind == FUNC_PROTO:
            return f"{self._text(value)}({','.join(self._text(m[1]) for m in members)})"
        if kind in (STRUCT, UNION) and not name:
            return self._layout(number)
        # A pointer to a type that is not known there may be one that is known here.
        return name or f"{value} bytes"

    def _layout(self, number):
        _, _, size, members = self.types[number]
        return f"{size}{{" + ";".join(
            f"{string_at(self.strings, name)}@{offset}:{self._text(kind)}"
            for name, kind, offset in members) + "}"

    def layouts(self):
        return {name: self._layout(number)
                for number, (kind, name, _, members) in enumerate(self.types)
                if kind in (STRUCT, UNION) and name and members}


def layouts(path):
    elf = Elf(path)
    section = elf.find(".BTF")
    return Types(elf.contents(section)).layouts() if section else {}


def check_layouts(unit, before, after, allowed):
    """@before, @after: paths of objects"""
    new = layouts(after)
    for name, layout in layouts(before).items():
        if name not in allowed and new.get(name, layout) != layout:
            raise Failure(REFUSED, [unit.source, f"struct {name}"],
                          "changes, and data of the running kernel is as it was",
                          "use a shadow variable, or assert with "
                          f"--layout {name} that only new data has what changes")
