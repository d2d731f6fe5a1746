# SPDX-License-Identifier: GPL-2.0-only
"""What changes in a unit, as the engine has found it, checked against what runs."""

import os
import re

from common import IMPOSSIBLE, KEEP, LAYOUT, REFUSED, SETUP, Failure
from elf import (R_X86_64_PC32, R_X86_64_PLT32, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, STB_LOCAL,
                 STB_WEAK, STT_FILE, STT_FUNC, STT_NOTYPE, STT_OBJECT, STT_SECTION, Elf, is_traced,
                 string_at, without_counters)

OBJECTS, FUNCS, STRINGS = ".init.klp_objects", ".init.klp_funcs", ".rodata.klp.str1.1"
RELOCS, SYMBOL, TOMBSTONE = "__klp_relocs.", ".klp.sym.", ".klp.tombstone."
FUNC_SIZE = 24		# of struct klp_func_ext: old_name, new_func, sympos

# Those of a module are applied when it has been loaded, and the core refuses others.
LATE_SECTIONS = (".text", ".rodata", ".data")

# Last byte of the opcode of a call or jump. A relocation relative to the instruction pointer
# that is of some other instruction has a smaller one in front of it.
TRANSFERS = (*range(0x80, 0x90), 0xe8, 0xe9)

# Their addresses are not in kallsyms, or nobody refers to them by name.
UNNAMED = re.compile(r"\.L|__pfx_|__UNIQUE_ID_|__addressable_|__already_done|__func__|"
                     r"__PRETTY_FUNCTION__|__key|(_entry(_ptr)?|descriptor)(\.\d+)?$|CSWTCH|"
                     r"__ksymtab|__kstrtab")

# Static variables that the engine copies, as their values do not matter.
SEPARATE = re.compile(r"(__already_done|__func__|__key|__warned|_entry|_entry_ptr|_rs|"
                      r"descriptor|CSWTCH)(\.\d+)*$")

# Data that is compared, or belongs to functions. All other sections are tables that the
# kernel reads at boot, or when a module is loaded: parameters, initcalls, exports, events.
# Those of runtime constants are not needed, see adjust.py.
COMPARED = re.compile(
    r"\.(rodata|data|bss|init\.rodata|init\.data|exit\.data|ref\.data|altinstructions|"
    r"altinstr_aux|smp_locks|parainstructions|static_call_sites|retpoline_sites|"
    r"return_sites|call_sites|ibt_endbr_seal|cfi_sites|kcfi_traps|orc_\w+|eh_frame|discard|"
    r"modinfo|note|printk_index)(\.|$)|runtime_(ptr|shift|mask)_|"
    r"__(mcount_loc|bug_table|ex_table|jump_table|patchable_function_entries|dyndbg|"
    r"tracepoints_strings|tracepoint_str|tracepoint_check|trace_printk_fmt)$|"
    r"_ftrace_(annotated_)?branch$")

EXPORTS = re.compile(r"\.export_symbol|_?__k(symtab|crctab)")


def check_always_live(kernel, change):
    """The core would refuse them, too, but not before the patch is loaded."""
    names = kernel.always_live()
    for func in change.funcs:
        if not change.unit.is_module and re.match(r"\.?[^.$]*", func.name).group() in names:
            yield change.failure(func.name, "always has some task in it, so it can never be "
                                 "switched", "patch what it calls instead", kind=IMPOSSIBLE)


class Func:
    """A function to replace."""

    def __init__(self, unit, name, symbol, section, value, size):
        self.unit = unit
        self.name = name
        self.symbol = symbol		# in the original object
        self.section = section		# of the replacement, in the unit's difference
        self.value = value
        self.size = size
        self.alias = None		# a global name of the replacement
        self.position = 0
        self.unchecked = False
        self.original = None		# the name of a stub, for the replacement


def tables_of(elf):
    """For each table, its bytes and what it refers to."""
    named = {(s.section, s.value): s.name for s in elf.symbols
             if s.type in (STT_FUNC, STT_OBJECT) and s.defined}
    tables = {}
    for section in elf.sections:
        if section.flags & (SHF_ALLOC | SHF_EXECINSTR) == SHF_ALLOC and \
           section.size and not COMPARED.match(section.name):
            tables[section.name] = [bytes(elf.contents(section))] + [
                without_counters(r.symbol.name or
                                 named.get((r.symbol.section, r.addend)) or
                                 elf.section_of(r.symbol).name)
                for r in elf.relocs(section)]
    return tables


def check_tables(unit, before, after):
    """The engine ignores new entries of tables, as no function refers to them. Yields
    failures, as the other checks do.
    """
    before, after = tables_of(before), tables_of(after)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, []), after.get(name, [])
        # Those who use a new export are part of the patch.
        if old != new and not (EXPORTS.match(name) and set(old[1:]) <= set(new[1:])):
            entry = [e for e in new[1:] if e not in old]
            yield Failure(REFUSED, [unit.source, entry[0] if entry else None],
                          f"table {name} changes, which is read at boot or when a module "
                          "is loaded", "register it when the patch is enabled instead")


def newly_used(unit, before, after, linked, exported):
    """Symbols that @after uses and @before does not, and that are not exported.

    By owner: the unit's module, and vmlinux. The engine can only refer to those that the unit
    has used before, and to exported ones.
    """
    known = {s.name for s in before.symbols}
    names = [s.name for s in after.symbols
             if s.name and not s.section and s.name not in known and s.name not in exported]
    found = {unit.modname: [], "vmlinux": []}
    for name in names:
        for owner, used in found.items():
            symbols = linked(owner).globals_named(name)
            if symbols and linked(owner).is_init(symbols[0]):
                raise Failure(REFUSED, [unit.source, name], "is used, but is gone after boot",
                              "use something else")
            if symbols:
                used.append(name)
                break
    return found


def other_bodies(all_changes):
    """System calls whose body for 32-bit programs is another one, which does not change."""
    names = {f.name for c in all_changes for f in c.funcs}
    for changes in all_changes:
        for func in changes.funcs:
            call = re.fullmatch(r"__x64_(sys_\w+)", func.name)
            other = f"__ia32_compat_{call.group(1)}" if call else None
            if other in changes.linked.by_name and other not in names:
                yield func, other


def static_locals(elf):
    """Static variables that functions have: for each name, what refers to each of that name."""
    users = {}
    for section in elf.sections:
        if section.name.startswith(".text."):
            for reloc in elf.relocs(section):
                target = elf.section_of(reloc.symbol)
                if target:
                    users.setdefault(target.index, set()).add(section.name)
    found, local = {}, set()
    for symbol in elf.symbols:
        # The engine takes one of a file for one of a function, too.
        match = re.fullmatch(r"(\w+)(\.\d+)?", symbol.name)
        if match and symbol.type == STT_OBJECT and not SEPARATE.match(symbol.name) and \
           elf.section_of(symbol).flags & SHF_WRITE:
            found.setdefault(match.group(1), []).append(users.get(symbol.section, set()))
            local |= {match.group(1)} if match.group(2) else set()
    return found, local


def variables(elf):
    """Each variable that has a name of its own, and its section."""
    found = {}
    for symbol in elf.symbols:
        if symbol.type == STT_OBJECT and symbol.defined and not SEPARATE.match(symbol.name):
            found.setdefault(re.sub(r"\.\d+$", "", symbol.name), []).append(
                elf.section_of(symbol))
    return {name: sections[0] for name, sections in found.items() if len(sections) == 1}


def is_writable(section):
    return section.flags & SHF_WRITE and not section.name.startswith(".data..ro_after_init")


def check_variables(unit, before, after):
    """The engine compares what variables contain, not where they are."""
    after = variables(after)
    for name, old in variables(before).items():
        new = after.get(name, old)
        if old.name.startswith(".data..percpu") != new.name.startswith(".data..percpu"):
            yield Failure(REFUSED, [unit.source, name], "exists once now and for each CPU then, "
                          "or the reverse", "give the new variable another name")
        if is_writable(new) and not is_writable(old):
            yield Failure(REFUSED, [unit.source, name], "becomes writable, but stays where it is",
                          "give the new variable another name")
        if new.align > old.align:
            yield Failure(REFUSED, [unit.source, name], "is to be aligned, but stays where it is",
                          "give the new variable another name")


def check_renamed(unit, before, after, asserted):
    """A variable that has another name is a new one, and its value would be lost."""
    old, new = ({s.name: s for s in elf.symbols
                 if s.type == STT_OBJECT and s.defined and "." not in s.name and s.size and
                 is_writable(elf.section_of(s)) and not UNNAMED.match(s.name) and
                 not elf.section_of(s).name.startswith((".init", ".discard", ".modinfo"))}
                for elf in (before, after))
    for name in sorted(old.keys() - new.keys()):
        others = [n for n in sorted(new.keys() - old.keys()) if new[n].size == old[name].size]
        if others and name not in asserted:
            yield Failure(REFUSED, [unit.source, name], f"is gone, and {others[0]}, which is new, "
                          "would begin with its initial value",
                          f"keep the name, or assert with --layout {name} that it is another one",
                          LAYOUT)


def check_globals(unit, before, after, linked):
    """A definition that the kernel has elsewhere stays in use there."""
    def names(elf):
        return {s.name for s in elf.symbols if s.bind != STB_LOCAL and s.defined and
                s.type in (STT_FUNC, STT_OBJECT)}

    for name in sorted(names(after) - names(before)):
        if linked(unit.modname).globals_named(name) or linked("vmlinux").globals_named(name):
            yield Failure(REFUSED, [unit.source, name], "is defined elsewhere in the kernel, which "
                          "would go on to use that", "leave it where it is, and change it there")


def boundaries(elf):
    """By function with its code, and by offset: what begins or ends where it refers to a section
    of variables.
    """
    places, found = {}, {}
    for symbol in elf.symbols:
        if symbol.type == STT_OBJECT and symbol.defined:
            name = without_counters(symbol.name)
            for at, side in ((symbol.value, "start"), (symbol.value + symbol.size, "end")):
                places.setdefault((symbol.section, at), set()).add((name, side))
    relocs = {}
    for section, reloc in elf.all_relocs():
        if section.flags & SHF_EXECINSTR and reloc.symbol.type == STT_SECTION:
            relocs.setdefault(section.index, []).append(reloc)
    for func in elf.symbols:
        if func.type != STT_FUNC or not func.defined or func.section not in relocs:
            continue
        end = func.value + func.size
        code = bytes(elf.contents(elf.sections[func.section])[func.value:end])
        for reloc in relocs[func.section]:
            at = reloc.addend + 4 * (reloc.type in (R_X86_64_PC32, R_X86_64_PLT32))
            if func.value <= reloc.offset < end and (reloc.symbol.section, at) in places:
                found[func.name, code, reloc.offset - func.value] = \
                    places[reloc.symbol.section, at]
    return found


def check_ends(unit, before, after):
    """The engine takes the end of a variable for the one that follows, and code that has not
    changed shows which of them is meant.
    """
    after = boundaries(after)
    for place, old in boundaries(before).items():
        same = old & after.get(place, old)
        if len(same) == 1 and old != after.get(place, old) and next(iter(same))[1] == "end":
            name, _ = next(iter(same))
            yield Failure(REFUSED, [unit.source, name], "is followed by another variable then, "
                          f"which its end would be taken for in {place[0]}",
                          "declare the new variable elsewhere in the file")
            return


def check_static_locals(unit, before, after):
    """The engine tells those of one name by their order only, or takes all for new ones."""
    after, after_local = static_locals(after)
    before, before_local = static_locals(before)
    for name, old in before.items():
        new = after.get(name, old)
        if (len(old + new) > 2 or name in before_local & after_local) and (len(old) != len(new) or
                                   not all(o & n for o, n in zip(old, new) if o or n)):
            yield Failure(REFUSED, [unit.source, name], "is the name of several static "
                          "variables, whose values cannot be kept apart",
                          "give the new one another name")


class Changes:
    """What the engine has found in @unit, in the object @out."""

    def __init__(self, unit, linked, before, out, checksums):
        self.unit = unit
        self.linked = linked
        self.before = before
        self.path = out
        self.out = Elf(out)
        self.block = None
        self.kept = checksums.kept
        self.brought = checksums.brought
        self.funcs = [f for f in self._read_funcs() if f.name not in checksums.brought]
        self.new = self._read_new()
        self.renames = {}	# symbols that get the position that they have in the kernel
        self.aliases = []

    # What the engine has found:

    def _read_funcs(self):
        section = self.out.find(FUNCS)
        strings = self.out.contents(self.out.find(STRINGS))
        data = self.out.contents(section)
        relocs = {r.offset: r for r in self.out.relocs(section)}
        funcs = []
        for offset in range(0, len(data), FUNC_SIZE):
            name = string_at(strings, relocs[offset].addend)
            new = relocs[offset + 8]
            position = int.from_bytes(data[offset + 16:offset + 24], "little")
            same = [s for s in self.before.symbols if s.name == name]
            funcs.append(Func(self.unit, name, same[max(position, 1) - 1],
                              self.out.section_of(new.symbol).name,
                              new.symbol.value + new.addend, new.symbol.size))
        return funcs

    def _read_new(self):
        """Functions that the patch adds."""
        known = {(f.section, f.value) for f in self.funcs}
        return [s.name for s in self.out.symbols
                if s.type == STT_FUNC and s.defined and
                (self.out.section_of(s).name, s.value) not in known and
                not s.name.startswith("__pfx_") and ".cold" not in s.name]

    def used(self):
        """Symbols of the kernel that are not exported and that the patch uses.

        Each with its name in the difference, and that of vmlinux or its module.
        """
        for symbol in self.out.symbols:
            if symbol.name.startswith(SYMBOL):
                owner, rest = symbol.name[len(SYMBOL):].split(".", 1)
                name, position = rest.rsplit(",", 1)
                yield symbol.name, owner, name, int(position)

    def undefined(self):
        return [s.name for s in self.out.symbols
                if s.name and not s.section and
                not s.name.startswith((SYMBOL, TOMBSTONE))]

    # Checks:

    def failure(self, function, what, remedy, code=REFUSED, kind=None):
        return Failure(code, [self.unit.source, function], what, remedy, kind)

    def refuse(self, *args):
        raise self.failure(*args)

    def verify(self, linked):
        """Find the position of each symbol that has namesakes. Yields failures of functions."""
        self._check_sizes()
        for func in self.funcs:
            yield from self._check_func(func)
            func.position = self._position(func.symbol)
        self._check_references()
        self._check_late()
        self._check_sealed(linked)
        self.renames = self._renames(linked)

    def _check_references(self):
        """What the engine has taken along must be there, and not its name alone."""
        for section, reloc in self.out.all_relocs():
            target = self.out.section_of(reloc.symbol)
            # The list of functions is empty if all are new, and so is a lock's class without
            # lockdep.
            if section.flags & SHF_ALLOC and target and target.flags & SHF_ALLOC and \
               not target.flags & SHF_EXECINSTR and target.name != FUNCS and \
               reloc.symbol.type != STT_OBJECT and reloc.symbol.value >= target.size:
                self.refuse(None, f"refers to {reloc.symbol.name or target.name}, which the "
                            "engine has not copied", "this is a bug", SETUP)

    def check_prototypes(self, changed, exported, diffs):
        """@changed: functions that have another type

        If a header declares it, all files that include that are compiled, and those callers
        are replaced that have to pass something else. The compiler checks pointers.
        """
        has_header = any(name.endswith(".h") for name in diffs.files)
        for func in self.funcs:
            if func.name in changed and func.symbol.bind != STB_LOCAL and \
               (func.name in exported or not has_header):
                yield self.failure(
                    func.name, "has another prototype, and callers in files that are not "
                    "compiled now use the old one", "add a new function instead, or assert "
                    f"with --layout {func.name} that there are none")

    def check_short_jumps(self, names):
        for name in [f.name for f in self.funcs] + self.new:
            if name in names:
                yield self.failure(name, "jumps to another function of its section, which is not "
                                   "that far away in the patch", "patch its callers instead",
                                   kind=IMPOSSIBLE)

    def _own(self):
        """Local symbols of the unit that the linked object must have, too."""
        return [s for s in self.before.symbols
                if s.bind == STB_LOCAL and s.defined and s.size and
                s.type in (STT_FUNC, STT_OBJECT) and not UNNAMED.match(s.name) and
                not self.before.section_of(s).name.startswith((".discard", ".modinfo"))]

    def _find_block(self):
        """Which part of the linked object's symbol table is that of the unit."""
        name = os.path.basename(self.unit.command[-1])
        files = [s.name for s in self.before.symbols if s.type == STT_FILE]
        own = {(s.name, s.size) for s in self._own() if s.type == STT_FUNC}
        names = {n for n, _ in own} | {s.name for s in self._own()}
        best, best_score, tie = None, -1, False
        for file, symbols in self.linked.blocks:
            if file != name and file not in files:
                continue
            has = {(s.name, s.size) for s in symbols}
            has_names = {s.name for s in symbols}
            score = (len(names & has_names) - len(has_names - names) / 1000, len(own & has))
            if best is None or score > best_score:
                best, best_score, tie = symbols, score, False
            elif score == best_score:
                tie = True
        if tie and names:
            self.refuse(None, "cannot be told from another unit of the same name in "
                        f"{self.linked.path}", "this is a bug", SETUP)
        return best or []

    def _counterpart(self, symbol):
        """The symbol of the linked object that @symbol of the unit has become."""
        if symbol.bind != STB_LOCAL or not symbol.defined:
            found = self.linked.globals_named(symbol.name)
            return found[0] if found else None
        if self.block is None:
            self.block = self._find_block()
        same = [s for s in self.before.symbols if s.name == symbol.name and s.defined and
                s.bind == STB_LOCAL]
        found = [s for s in self.block if s.name == symbol.name]
        if len(found) != len(same):
            return None
        return found[[s.index for s in same].index(symbol.index)]

    def _check_sizes(self):
        """Another compiler, configuration or source would show in some function."""
        for symbol in self.before.symbols:
            if symbol.type != STT_FUNC or not symbol.defined or not symbol.size or \
               UNNAMED.match(symbol.name):
                continue
            section = self.before.section_of(symbol).name
            if section.startswith((".discard", ".exit", ".init")):
                continue
            other = self._counterpart(symbol)
            if symbol.bind == STB_WEAK and (not other or other.size != symbol.size):
                continue
            if not other or other.size != symbol.size and \
               not self._may_shrink(symbol, symbol.size - other.size):
                have = f"is {other.size} bytes" if other else "does not exist"
                self.refuse(symbol.name, f"{have} in {self.linked.path}, but "
                            f"{symbol.size} when it is compiled from this source",
                            "use the source, configuration and compiler of that kernel",
                            SETUP)

    def _may_shrink(self, symbol, size):
        """Whether short jumps to functions of the same section could save @size bytes.

        The assembler takes them where all functions of a unit are in one section.
        """
        section = self.before.section_of(symbol)
        code = self.before.contents(section)
        jumps = branches = 0
        for reloc in self.before.relocs(section):
            if symbol.value < reloc.offset < symbol.value + symbol.size and \
               reloc.symbol.defined:
                jumps += code[reloc.offset - 1] == 0xe9
                branches += code[reloc.offset - 2] == 0x0f and \
                    code[reloc.offset - 1] & 0xf0 == 0x80
        return any(3 * j + 4 * b == size for j in range(jumps + 1) for b in range(branches + 1))

    def _check_func(self, func):
        section = self.before.section_of(func.symbol)
        other = self._counterpart(func.symbol)
        if func.symbol.bind == STB_WEAK and other and other.bind != STB_WEAK:
            yield self.failure(func.name, "is weak, and overridden by another one in "
                               f"{self.linked.path}", "patch that one")
        elif section.name.startswith((".init", ".exit")):
            yield self.failure(func.name, "is init or exit code, which is not there any more or "
                               "runs once", "patch what it has set up instead", kind=KEEP)
        elif section.name.startswith(".noinstr") or not is_traced(self.before, func.symbol):
            yield self.failure(func.name, "changes, but has no call of ftrace, by which a "
                               "function is replaced: it is notrace, inline or in a file "
                               "that is compiled without", "patch its callers instead",
                               kind=IMPOSSIBLE)

    def _uses(self):
        """For each use of such a symbol: the owner of it, the place, and its name."""
        for section in self.out.sections:
            if section.name.startswith(RELOCS):
                relocs = self.out.relocs(section)
                names = {r.offset: r.symbol.name for r in relocs}
                for reloc in relocs:
                    if reloc.offset % 24 == 0 and self.out.section_of(reloc.symbol):
                        yield section.name[len(RELOCS):], reloc, names[reloc.offset + 8]

    def _check_late(self):
        for owner, place, name in self._uses():
            target = self.out.section_of(place.symbol).name
            if owner != "vmlinux" and not target.startswith(LATE_SECTIONS):
                self.refuse(None, f"section {target} of the patch would refer to "
                            f"{name[len(SYMBOL):].split(',')[0]}, "
                            "which is not there before the module is",
                            "call a function of the kernel instead")

    def _check_sealed(self, linked):
        """The kernel has overwritten the ENDBR of functions that are called directly only."""
        named = {full: (owner, name, position) for full, owner, name, position in self.used()}
        for _, place, full in self._uses():
            section = self.out.section_of(place.symbol)
            at = place.symbol.value + place.addend
            if section.flags & SHF_EXECINSTR and \
               self.out.contents(section)[at - 1] in TRANSFERS:
                continue
            object_, symbol = self._resolve(linked, *named[full])
            if symbol.type == STT_FUNC and object_.is_sealed(symbol):
                self.refuse(symbol.name, "is called through its address now, which faults "
                            "(IBT), as only direct calls of it were compiled",
                            "call it from a new function, and use the address of that")

    def _position(self, symbol):
        other = self._counterpart(symbol)
        if not other:
            self.refuse(symbol.name, f"is not in {self.linked.path}",
                        "use the source that the kernel was built from", SETUP)
        return self.linked.position(other, False)

    def _resolve(self, linked, owner, name, position):
        """The object that has the symbol @name that the unit uses, and the symbol there."""
        object_ = linked(owner)
        if owner == self.unit.modname:
            same = [s for s in self.before.symbols if s.name == name and
                    s.type in (STT_FUNC, STT_OBJECT, STT_NOTYPE)]
            found = self._counterpart(same[max(position, 1) - 1])
            remedy = "use the source that the kernel was built from"
        else:
            found = (object_.globals_named(name) or [None])[0]
            remedy = "build the kernel and its modules first"
        if not found:
            self.refuse(name, f"is not in {object_.path}", remedy, SETUP)
        return object_, found

    def _renames(self, linked):
        """The engine sees one unit only: symbols with the position in the whole kernel."""
        renames = {}
        for full, owner, name, position in self.used():
            object_, symbol = self._resolve(linked, owner, name, position)
            right = object_.position(symbol, True)
            if right != position:
                renames[full] = f"{SYMBOL}{owner}.{name},{right}"
        return renames
