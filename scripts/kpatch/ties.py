# SPDX-License-Identifier: GPL-2.0-only
"""What of an update stands alone, and what stands or falls together.

A unit needs another one that has a function which it calls. Units that the same change of a
header reaches are tied to each other, and so are a function whose prototype changes and its
callers: code of both releases would run side by side otherwise.
"""

import hashlib
import re
from collections import defaultdict

from elf import SHF_ALLOC, Elf

DIGITS = re.compile(r"\d+")


class Ties:
    """Nodes are objects of units, and what ties them."""

    def __init__(self):
        self.needs = defaultdict(dict)
        self.needed = defaultdict(set)

    def need(self, node, other, why):
        self.needs[node].setdefault(other, why)
        self.needed[other].add(node)

    def tie(self, node, other, why):
        self.need(node, other, why)
        self.need(other, node, why)

    def reached(self, failed):
        """Nodes that need one of @failed, directly or not: the one of @failed, and by what."""
        found = {}
        todo = [(node, node, None) for node in failed]
        while todo:
            node, cause, by = todo.pop(0)
            for user in sorted(self.needed[node]):
                if user not in found and user not in failed:
                    why = self.needs[user][node]
                    found[user] = (cause, by or why)
                    todo.append((user, cause, by or why))
        return found

    def parts(self, nodes):
        """Lists of @nodes that are connected."""
        left, parts = set(nodes), []
        for node in nodes:
            seen, todo = set(), [node] if node in left else []
            while todo:
                other = todo.pop()
                if other not in seen:
                    seen.add(other)
                    todo += [*self.needs[other], *self.needed[other]]
            if seen & left:
                parts.append(sorted(seen & left))
                left -= seen
        return parts


def code_of(path, exact=False):
    """A digest of what the object @path would bring into the kernel. Counters in the names of
    what has no other do not count, unless it is @exact.
    """
    def known(name):
        return name if exact else DIGITS.sub("", name)

    elf = Elf(path)
    found = []
    relocs = defaultdict(list)
    for section, reloc in elf.all_relocs():
        if section.flags & SHF_ALLOC:
            name = reloc.symbol.name or (elf.section_of(reloc.symbol).name
                                         if reloc.symbol.defined else "")
            relocs[section.index].append(
                f"{reloc.offset} {reloc.type} {reloc.addend} {known(name)}")
    for section in elf.sections:
        if section.flags & SHF_ALLOC:
            found.append(known(section.name).encode() + b"\0" +
                         hashlib.sha256(elf.contents(section)).digest() +
                         "\n".join(relocs[section.index]).encode())
    return hashlib.sha256(b"\0".join(sorted(found))).hexdigest()


def interface(before, after):
    """What the object @after offers to others and @before does not, and what it wants."""
    before, after = Elf(before), Elf(after)
    known = {s.name for s in before.symbols}
    return {
        "provides": sorted({s.name for s in after.symbols
                            if s.defined and s.bind and s.name not in known}),
        "wants": sorted({s.name for s in after.symbols
                         if s.name and not s.section and s.name not in known}),
        "refers": sorted({s.name for s in after.symbols if s.name and not s.section}),
    }
