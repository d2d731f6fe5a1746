# SPDX-License-Identifier: GPL-2.0-only
"""What the author says in the diff, by the macros of linux/kpatch_diff.h."""

from collections import namedtuple

from common import REFUSED, Failure
from elf import STT_FUNC, STT_OBJECT, Elf

TAG = "kpatch_diff_"
STATES = ".data..kpatch_states"

# A global name for something in the difference of a unit.
Alias = namedtuple("Alias", "name type section value size")


class Author:
    """What is said in @unit, whose changed object is @path."""

    def __init__(self, unit, path):
        self.unit = unit
        self.said = {}
        for name, value in Elf(path).modinfo():
            tag = name.rsplit(".", 1)[-1]
            if tag.startswith(TAG):
                self.said.setdefault(tag[len(TAG):], []).append(value)

    def get(self, tag):
        return self.said.get(tag, [])

    def refuse(self, name, what, remedy):
        raise Failure(REFUSED, [self.unit.source, name], what, remedy)

    def not_replaced(self, name, tag):
        self.refuse(name, "is not replaced, since its code does not change",
                    f"remove KPATCH_DIFF_{tag.upper()}()")

    def check_unchanged(self):
        """No code of the unit changes."""
        for tag in ("unchecked", "original"):
            for text in self.get(tag):
                self.not_replaced(text.split()[0], tag)


class Additions:
    """What the patch has besides functions, and how it is registered."""

    def __init__(self):
        self.states = 0
        self.state_size = 0
        self.callbacks = {}	# tag: alias
        self.originals = []	# names of stubs
        self.pins = False

    def add(self, author, changes):
        """What is said in the unit of @changes."""
        for name in author.get("unchecked"):
            funcs = [f for f in changes.funcs if f.name.split(".")[0] == name]
            if not funcs:
                author.not_replaced(name, "unchecked")
            for func in funcs:
                func.unchecked = True
        for text in author.get("original"):
            self._add_original(author, changes, *text.split())
        for tag in ("started", "stopping"):
            for name in author.get(tag):
                self._add_callback(author, changes, tag, name)
        self.pins |= bool(author.get("pin_targets"))
        self._add_states(author, changes)

    def _add_original(self, author, changes, name, stub):
        func = next((f for f in changes.funcs if f.name == name), None)
        if not func:
            author.not_replaced(name, "original")
        if func.original or stub in self.originals:
            author.refuse(name, f"needs a stub of its own, which {stub} is not",
                          "use KPATCH_DIFF_ORIGINAL() once, with another name")
        if func.unchecked:
            author.refuse(name, "cannot call its original if it is unchecked",
                          "copy what is needed of the original")
        func.original = stub
        self.originals.append(stub)

    def _add_callback(self, author, changes, tag, name):
        if tag in self.callbacks:
            author.refuse(name, f"is the second function named as {tag}",
                          "call both from one function")
        symbol = next((s for s in changes.out.symbols if s.name == name and
                       s.type == STT_FUNC and s.defined), None)
        if not symbol or any(f.name == name for f in changes.funcs):
            author.refuse(name, f"is named as {tag}, but is no new function",
                          "define one, and call the other from it")
        self.callbacks[tag] = self._alias(changes, f"kpatch_{tag}", symbol)

    def _add_states(self, author, changes):
        symbols = changes.out.symbols_in(STATES)
        if not symbols:
            return
        # The core gets one array, made of what all units have in this section.
        size = symbols[0].size
        if any(s.size != size for s in symbols) or \
           changes.out.find(STATES).size != size * len(symbols):
            author.refuse(symbols[0].name, "is in an array with something else",
                          "define states with KPATCH_DIFF_STATE() only")
        if not self.states:
            changes.aliases.append(Alias("kpatch_states", STT_OBJECT, STATES, 0, size))
        self.states += len(symbols)
        self.state_size = size

    @staticmethod
    def _alias(changes, name, symbol):
        changes.aliases.append(Alias(name, STT_FUNC, changes.out.section_of(symbol).name,
                                     symbol.value, symbol.size))
        return name

    def members(self):
        """Of struct kpatch_module."""
        found = [f".{tag} = {alias}" for tag, alias in self.callbacks.items()]
        if self.states:
            found += [".states = kpatch_states", f".num_states = {self.states}"]
        if self.pins:
            found.append(".flags = KPATCH_PIN_TARGETS")
        return found

    def declarations(self):
        """C source in front of the array of functions."""
        types = {"started": "void", "stopping": "int"}
        lines = [f"extern {types[tag]} {alias}(struct kpatch_module *kpmod);"
                 for tag, alias in self.callbacks.items()]
        lines += [f"KPATCH_ORIGINAL({name}, void (void));" for name in self.originals]
        if self.states:
            lines += ["extern struct kpatch_state kpatch_states[];",
                      f"static_assert(sizeof(struct kpatch_state) == {self.state_size});"]
        return lines
