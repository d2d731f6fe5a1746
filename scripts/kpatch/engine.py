# SPDX-License-Identifier: GPL-2.0-only
"""The engine that compares objects: "objtool klp", of the kernel's own source tree or of
another one that has it. It is built into the cache, for the build directory's own objtool
need not have it.
"""

import glob
import hashlib
import os
import re
import struct

from cache import made_once
from common import DATA, KEEP, NO_EFFECT, REFUSED, SETUP, UNAFFECTED, Failure, first_error
from elf import (R_X86_64_PC32, R_X86_64_PLT32, SHF_ALLOC, SHF_EXECINSTR, SHF_INFO_LINK, SHF_MERGE,
                 SHF_STRINGS, SHN_ABS, SHT_PROGBITS, SHT_RELA, STT_FUNC, STT_NOTYPE, STT_SECTION,
                 Elf)

# Tables of entries with one size. Kernels before 7.0 do not say it in the section.
ENTRY_SIZES = {
    ".altinstructions": 14,
    "__ex_table": 12,
    "__jump_table": 16,
    ".static_call_sites": 8,
    "__mcount_loc": 8,
}
ANNOTYPE_DATA_SPECIAL = 1
WHOLE = ".chars"	# in names of sections of strings that are copied like constants


# address: bytes  instruction  target <symbol>
TRANSFER = re.compile(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(?:bnd |notrack )?"
                      r"(?:call|j)\w* +([0-9a-f]+) <", re.M)


def transfers(text):
    """Begin, end and target of direct calls and jumps that objdump has printed."""
    for place, code, target in TRANSFER.findall(text):
        place = int(place, 16)
        yield place, place + len(code.split()), int(target, 16)


class Engine:
    """@short: functions that jump to others by a distance which one byte has room for"""

    def __init__(self, kernel, source, cache, work, run):
        self.short = set()
        self.kernel = kernel
        self.work = work
        self.run = run
        self.source = self._find(source, cache)
        self.path = self._build(cache)
        self.version = self._version()

    @staticmethod
    def _has_klp(tree):
        return os.path.isfile(os.path.join(tree, "tools/objtool/klp-diff.c"))

    def _find(self, source, cache):
        if source:
            if not self._has_klp(source):
                raise Failure(SETUP, source, "has no objtool that compares objects",
                              "use the source of Linux 7.3 or newer")
            return os.path.realpath(source)
        if self._has_klp(self.kernel.source):
            return self.kernel.source
        installed = [t for t in sorted(glob.glob("/usr/src/linux-source-*"), reverse=True)
                     if os.path.isdir(t) and self._has_klp(t)]
        if installed:
            return installed[0]
        for archive in sorted(glob.glob("/usr/src/linux-source-[7-9].*.tar.xz"), reverse=True):
            tree = self._unpack(archive, cache)
            if self._has_klp(tree):
                return tree
        raise Failure(SETUP, self.kernel.source, "has no objtool that compares objects",
                      "name the source of Linux 7.3 or newer with --objtool-source, or "
                      "install linux-source-7.3")

    def _unpack(self, archive, cache):
        name = os.path.basename(archive)[:-len(".tar.xz")]
        return made_once(os.path.join(cache, name), self.work, lambda new: self.run([
            "tar", "-xf", archive, "-C", new, "--strip-components=1", f"{name}/tools",
            f"{name}/scripts", f"{name}/include", f"{name}/arch/x86", f"{name}/Makefile"]))

    def _version(self):
        with open(os.path.join(self.source, "Makefile"), encoding="utf-8") as file:
            return ".".join(re.findall(r"^(?:VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$",
                                       file.read(2000), re.M))

    def _build(self, cache):
        key = hashlib.sha256()
        top = os.path.join(self.source, "tools/objtool")
        for directory, subdirs, files in os.walk(top):
            subdirs.sort()
            for name in sorted(files):
                if name.endswith((".c", ".h", "Makefile", "Build")):
                    with open(os.path.join(directory, name), "rb") as file:
                        key.update(name.encode() + b"\0" + file.read())
        place = os.path.join(cache, "objtool-" + key.hexdigest()[:16])
        return os.path.join(made_once(place, self.work, self._make), "objtool")

    def _make(self, place):
        top = os.path.join(self.source, "tools/objtool")
        status, _, errors = self.run([
            "make", "-s", "-C", top, f"O={place}", f"srctree={self.source}"])
        if status:
            raise Failure(SETUP, top, f"does not build: {first_error(errors)}",
                          "install gcc, make, libelf-dev and libxxhash-dev")
        _, out, errors = self.run([os.path.join(place, "objtool"), "klp"])
        if "checksum" not in out + errors:
            raise Failure(SETUP, top, "was built without libxxhash", "install libxxhash-dev")

    # Before objects are compared:

    def prepare(self, unit, obj, used):
        """Give @obj what the kernel's link would have given it, and checksums.

        @used: names that the engine shall take for ones that @obj has used before
        """
        config = self.kernel.config
        flags = [flag for option, flag in (
            ("HAVE_JUMP_LABEL_HACK", "--hacks=jump_label"),
            ("HAVE_STATIC_CALL_INLINE", "--static-call"),
            ("FTRACE_MCOUNT_USE_OBJTOOL", "--mcount"),
        ) if config.get(option) == "y"]
        if config.get("CALL_PADDING") == "y":
            flags.append(f"--prefix={config['FUNCTION_PADDING_BYTES']}")
        if unit.is_module:
            flags.append("--module")
        own = self.path if self.source == self.kernel.source else \
            self.kernel.path("tools/objtool/objtool")
        if flags:
            status, _, errors = self.run([own, *flags, obj])
            if status:
                raise Failure(SETUP, unit.source, f"objtool fails: {first_error(errors)}",
                              "this is a bug, or the kernel's objtool is not its own")
        self._complete(obj, unit.modname, used)
        status, _, errors = self.run([self.path, "klp", "checksum", obj])
        if status:
            raise Failure(SETUP, unit.source, f"objtool fails: {first_error(errors)}",
                          "use another source with --objtool-source")

    def _complete(self, path, modname, used):
        """Add the name of the module, and what older kernels lack in objects."""
        elf = Elf(path)
        for symbol in used:
            elf.add_global(symbol, STT_NOTYPE, elf.sections[0], 0, 0)
        name = b"\0name=" + modname.encode() + b"\0"
        modinfo = elf.find(".modinfo")
        if modinfo:
            elf.set_contents(modinfo, elf.contents(modinfo) + name)
        else:
            elf.add_section(".modinfo", SHT_PROGBITS, SHF_ALLOC, name)
        self._name_transfers(elf, path)
        self._keep_strings_whole(elf)
        self._set_constant_sizes(elf)
        if not self.kernel.annotates:
            self._set_entry_sizes(elf)
            self._annotate(elf)
        elf.write(path)

    def _name_transfers(self, elf, path):
        """The assembler has no relocation for calls and jumps from one function to another of
        the same section, and the engine would copy the distance. Give those of them one that
        have room for it, and remember who has others.
        """
        for section in elf.sections:
            functions = [s for s in elf.symbols if s.section == section.index and
                         s.type == STT_FUNC and s.size and not s.name.startswith("__pfx_")]
            if not section.flags & SHF_EXECINSTR or \
               len({f.value for f in functions}) < 2:
                continue
            known = {r.offset for r in elf.relocs(section)}
            code = bytearray(elf.contents(section))
            status, text, errors = self.run(["objdump", "-dw", "-j", section.name, path])
            if status:
                raise Failure(SETUP, "objdump", first_error(errors), "use another binutils")
            for place, end, target in transfers(text):
                source, other = (next((f for f in functions
                                       if f.value <= at < f.value + f.size), None)
                                 for at in (place, target))
                if not source or not other or source.value == other.value or \
                   known.intersection(range(place, end)):
                    continue
                if end - place < 5:
                    self.short.add(source.name)
                    continue
                code[end - 4:end] = bytes(4)
                elf.add_reloc(section, end - 4, other.index, R_X86_64_PLT32,
                              target - other.value - 4)
            elf.set_contents(section, code)

    @staticmethod
    def _keep_strings_whole(elf):
        """Of strings the engine copies one by one, those of bytes, and takes the addend of
        what refers to them for their place. Others have to be copied like any constant, which
        nothing in a section of another name is.
        """
        referred = {r.symbol.section for s, r in elf.all_relocs()
                    if s.flags & SHF_EXECINSTR and r.type in (R_X86_64_PC32, R_X86_64_PLT32)}
        for section in elf.sections:
            if not section.flags & SHF_STRINGS or not section.flags & SHF_ALLOC or \
               section.entsize == 1 and section.index not in referred:
                continue
            # Not by the compiler's symbols for some of them, which would be copied alone.
            for place, reloc in list(elf.all_relocs()):
                if reloc.symbol.section == section.index and reloc.symbol.type == STT_NOTYPE:
                    elf.set_reloc(place, reloc._replace(addend=reloc.addend + reloc.symbol.value),
                                  elf.section_symbol(section))
            for symbol in elf.symbols:
                if symbol.section == section.index and symbol.type == STT_NOTYPE:
                    elf.set_section(symbol, SHN_ABS)
            section.flags &= ~(SHF_MERGE | SHF_STRINGS)
            elf.rename_section(section, section.name.replace(".str", WHOLE))

    @staticmethod
    def _set_constant_sizes(elf):
        """Of the compiler's constants. The engine copies as much as a symbol has, and gcc says
        of none how much that is.
        """
        for symbol in elf.symbols:
            section = elf.section_of(symbol)
            if section and section.entsize and symbol.type == STT_NOTYPE and \
               not symbol.size and section.flags & SHF_MERGE and \
               not section.flags & SHF_STRINGS:
                elf.set_size(symbol, section.entsize)

    def _set_entry_sizes(self, elf):
        sizes = dict(ENTRY_SIZES)
        sizes["__bug_table"] = 12 if self.kernel.config.get("DEBUG_BUGVERBOSE") == "y" else 8
        for section in elf.sections:
            size = sizes.get(section.name)
            if size and not section.entsize:
                if section.size % size:
                    raise Failure(SETUP, section.name, f"has no entries of {size} bytes",
                                  "this kernel is too old or too new")
                section.entsize = size

    @staticmethod
    def _annotate(elf):
        """Say where each replacement of an alternative begins."""
        table = elf.find(".altinstructions")
        if not table or elf.find(".discard.annotate_data"):
            return
        starts = set()
        for reloc in elf.relocs(table):
            # Second member of struct alt_instr.
            if reloc.offset % ENTRY_SIZES[table.name] == 4 and reloc.symbol.defined:
                starts.add((reloc.symbol.section, reloc.symbol.value + reloc.addend))
        sections = {s.section: s.index for s in elf.symbols if s.type == STT_SECTION}
        data = relocs = b""
        for section, offset in sorted(starts):
            if offset < elf.sections[section].size:
                relocs += struct.pack("<QQq", len(data),
                                      sections[section] << 32 | R_X86_64_PC32, offset)
                data += struct.pack("<iI", 0, ANNOTYPE_DATA_SPECIAL)
        if data:
            added = elf.add_section(".discard.annotate_data", SHT_PROGBITS, 0, data,
                                    align=4, entsize=8)
            elf.add_section(".rela.discard.annotate_data", SHT_RELA, SHF_INFO_LINK, relocs,
                            link=elf.symtab().index, info=added.index, align=8, entsize=24)

    # Compare:

    def diff(self, unit, before, after, out, used):
        """Write what changes in @unit to @out; return False if nothing does.

        @used: names of vmlinux that the engine shall take for ones that vmlinux exports to
        the patch only: it refers to them like to ones that are not exported at all
        """
        # The engine reads this in its working directory.
        with open(os.path.join(self.work, "Module.symvers"), "wb") as file:
            for path in self.kernel.symvers:
                with open(path, "rb") as part:
                    file.write(part.read())
            for name in used:
                file.write(f"0x0\t{name}\tvmlinux\tEXPORT_SYMBOL_GPL\tmodule:{unit.modname}\n"
                           .encode())
        status, text, errors = self.run([self.path, "klp", "diff", before, after, out],
                                        cwd=self.work)
        if status:
            self._refuse(unit, errors)
        for line in errors.splitlines():
            disabled = re.search(r"(\S+): disabling unsupported (.*)", line)
            if disabled:
                raise Failure(REFUSED, [unit.source, disabled.group(1)],
                              f"would lose its {disabled.group(2)} of the module",
                              "patch its callers, or call it without that")
        del text
        return os.path.exists(out)

    def _refuse(self, unit, errors):
        known = (
            (r"changed data: ([^\s.]+)", "data changes",
             "leave its initial value, and set it when the patch is enabled", DATA),
            (r"(\S+): can't patch or reference init code/data", "is or uses code or data "
             "that is gone after boot", "patch what it has set up instead", KEEP),
            (r"(\S+): new reference to (\S+) \(exported by (\S+)\)",
             "uses \\2 of module \\3, which its module does not depend on",
             "use symbols of modules that it depends on only"),
            (r"(\S+?)(?:\(\))?\+0x[0-9a-f]+: unsupported static branch key __UNIQUE_ID_ddebug",
             "would lose its pr_debug() of the module",
             "patch its callers, or call it without that"),
            (r"(\S+?)(?:\(\))?\+0x[0-9a-f]+: unsupported static branch key ([^\s.]+)",
             "uses static key \\2 of a module", "use static_key_enabled() instead"),
            (r"(\S+?)\(\)\+0x[0-9a-f]+: unsupported static call key (?:__SCK__)?([^\s.]+)",
             "uses static call \\2 of a module", "call the function instead"),
            (r"unexpected klp reloc for new symbol (\S+)", "is a new symbol of another unit",
             "define it in the unit that uses it"),
        )
        for pattern, what, remedy, *kind in known:
            match = re.search(pattern, errors)
            if match:
                raise Failure(REFUSED, [unit.source, match.group(1)],
                              match.expand(what), remedy, *kind)
        line = re.sub(r"^.*?error: ", "", first_error(errors))
        raise Failure(REFUSED, unit.source, f"cannot be compared: {line}",
                      "make the diff smaller")

    def post_link(self, module):
        status, _, errors = self.run([self.path, "klp", "post-link", module])
        if status:
            raise Failure(SETUP, module, f"objtool fails: {first_error(errors)}",
                          "use another source with --objtool-source")


def no_effect(diffs):
    return Failure(NO_EFFECT, diffs.paths[0], "changes no code",
                   "check that the configuration compiles the lines that it changes",
                   UNAFFECTED)
