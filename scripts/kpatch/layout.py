# SPDX-License-Identifier: GPL-2.0-only
"""Layouts of structures, values of enumerators and types of functions, from the BTF that
the compiler has written into an object.

Data of the running kernel has the old layout. No symbol tells that code expects another
one, and often no size.
"""

import struct
from collections import defaultdict

from common import LAYOUT, REFUSED, Failure
from elf import string_at

FLAG = "-gbtf"
(INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC,
 FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64) = range(1, 20)
# Bytes behind a type, in all and for each of its members.
FIXED = {INT: 4, ARRAY: 12, VAR: 4, DECL_TAG: 4}
EACH = {STRUCT: 12, UNION: 12, ENUM: 8, FUNC_PROTO: 8, DATASEC: 12, ENUM64: 12}
HEADER = "<HBBIIIII"
EMPTY = struct.pack(HEADER, 0, 0, 0, 0, 0, 0, 0, 0)
QUALIFIERS = (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG)


class Types:
    def __init__(self, data):
        _, _, _, header, types, size, strings, _ = struct.unpack_from(HEADER, data)
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

    def _names_structure(self, number):
        """Whether it is the only name of a structure."""
        kind, _, value, _ = self.types[number]
        return kind == TYPEDEF and self.types[value][0] in (STRUCT, UNION) and \
            not self.types[value][1]

    def _text(self, number):
        """A type, as far as it decides on the layout or on calls."""
        kind, name, value, members = self.types[number]
        if self._names_structure(number):
            return f"struct {name}"
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
        """For each structure its layouts: functions may have local ones of one name."""
        found = defaultdict(set)
        for number, (kind, name, value, members) in enumerate(self.types):
            if self._names_structure(number):
                number = value
                kind, _, _, members = self.types[value]
            if kind in (STRUCT, UNION) and name and members:
                found[f"struct {name}"].add(self._layout(number))
        return found

    def enumerators(self):
        """The values of each, and the name of its enumeration: that of the first one if the
        enumeration has none.
        """
        values, names = defaultdict(set), {}
        for kind, tag, _, members in self.types:
            for name, *value in members if kind in (ENUM, ENUM64) else ():
                constant = string_at(self.strings, name)
                values[constant].add(tuple(value))
                names[constant] = tag or string_at(self.strings, members[0][0])
        return values, names

    def prototypes(self):
        return {name: self._text(value) for kind, name, value, _ in self.types
                if kind == FUNC}

    def variables(self):
        found = defaultdict(set)
        for kind, name, value, _ in self.types:
            if kind == VAR and not name.startswith("__UNIQUE_ID_"):
                found[name].add(self._text(value))
        return found

    @classmethod
    def of(cls, elf):
        """Those of an object, or none."""
        section = elf.find(".BTF")
        return cls(elf.contents(section)) if section else cls(EMPTY)


def differing(before, after):
    """What has something before that it has not after, and the reverse."""
    return [key for key, old in before.items()
            if key in after and old - after[key] and after[key] - old]


def check_layouts(unit, before, after, allowed):
    """@before, @after: Types. Yields failures."""
    for name in differing(before.layouts(), after.layouts()):
        if name.split()[1] not in allowed:
            yield Failure(REFUSED, [unit.source, name],
                          "changes, and data of the running kernel is as it was",
                          "use a shadow variable, or assert with "
                          f"--layout {name.split()[1]} that only new data has what changes",
                          LAYOUT)
    for name in differing(before.variables(), after.variables()):
        if name not in allowed:
            yield Failure(REFUSED, [unit.source, name], "has another type, and what the running "
                          "kernel has in it is as it was", "give the new variable another name, "
                          f"or assert with --layout {name} that it is harmless", LAYOUT)
    (old, names), (new, _) = before.enumerators(), after.enumerators()
    for constant in differing(old, new):
        if names[constant] not in allowed:
            yield Failure(REFUSED, [unit.source, f"enum {names[constant]}"],
                          f"has another value for {constant}, and code and data of the "
                          "running kernel have the old one", "add constants at the end, or "
                          f"assert with --layout {names[constant]} that it is harmless",
                          LAYOUT)


def changed_prototypes(before, after):
    """Names of functions."""
    old, new = before.prototypes(), after.prototypes()
    return [name for name in old if new.get(name, old[name]) != old[name]]
