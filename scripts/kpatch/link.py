# SPDX-License-Identifier: GPL-2.0-only
"""Make the module from what has changed in each unit."""

import os
import re
import shutil

from author import STATES
from changes import FUNCS, OBJECTS
from common import LINK, REFUSED, SETUP, Failure, first_error
from elf import SHF_EXECINSTR, SHT_RELA, STT_FUNC, STT_OBJECT, STT_SECTION, Elf

# The engine has copied those sites that are needed. The handler returns to replacements, so
# they need no ENDBR.
HARMLESS = re.compile(r"already has \.static_call_sites|"
                      r": funcs\+0x\w+: data relocation to !ENDBR: ")
NAMESPACE_LINE = re.compile(r"^\S+\t(\S+)\t(\S+)\t\S+\t(\S*)")


def finish_object(changes, old_objtool, run):
    """Name replacements, correct positions, and remove what init.c has instead."""
    # The link gives functions names for their padding, and may not find them there.
    command = ["objcopy", "--wildcard", "--strip-symbol=__pfx_*",
               f"--remove-section={OBJECTS}", f"--remove-section={FUNCS}",
               f"--remove-section=.rela{OBJECTS}", f"--remove-section=.rela{FUNCS}"]
    for old, new in changes.renames.items():
        command.append(f"--redefine-sym={old}={new}")
    status, _, errors = run(command + [changes.path])
    if status:
        raise Failure(SETUP, "objcopy", first_error(errors), "use another binutils")
    elf = Elf(changes.path)
    if old_objtool:
        use_section_symbols(elf)
    fill_gaps(elf)
    for symbol in elf.symbols_in(STATES):
        elf.set_type(symbol, STT_OBJECT)
    for alias in changes.aliases:
        elf.add_global(alias.name, alias.type, elf.find(alias.section), alias.value,
                       alias.size)
    elf.write(changes.path)


def fill_gaps(elf):
    """Objtool reads what is between functions, too, and the engine leaves zeros there."""
    for section in elf.sections:
        if not section.flags & SHF_EXECINSTR or not section.size:
            continue
        data = bytearray(elf.contents(section))
        end = 0
        for symbol in sorted((s for s in elf.symbols if s.section == section.index and
                              s.type == STT_FUNC), key=lambda s: s.value):
            if end and not any(data[end:symbol.value]):
                data[end:symbol.value] = b"\x90" * (symbol.value - end)
            end = max(end, symbol.value + symbol.size)
        if data != elf.contents(section):
            elf.set_contents(section, data)


def use_section_symbols(elf):
    """Kernels before 7.0 have an objtool that knows no other symbol in annotations, and takes
    a jump of an alternative into its function for a call, unless it is by the section.
    """
    for rela in elf.sections:
        if rela.type != SHT_RELA or not elf.sections[rela.info].name.startswith(
                (".discard.", ".altinstr_replacement")):
            continue
        section = elf.sections[rela.info]
        for reloc in elf.relocs(section):
            target = elf.section_of(reloc.symbol)
            if target and reloc.symbol.type != STT_SECTION:
                elf.set_reloc(section, reloc._replace(
                    addend=reloc.addend + reloc.symbol.value), elf.section_symbol(target))


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def flags_of(func):
    """Clones that do not change are as good as before: the engine has compared them."""
    base = re.match(r".[^.$]*", func.name).group()
    is_clone = base != func.name and not re.fullmatch(
        re.escape(base) + r"(\.(llvm|lto_priv|localalias|__uniq)(\.\d+)?)+", func.name)
    return ("KPATCH_CLONE" if is_clone else "KPATCH_KEEP_ALL_CLONES") + \
        (" | KPATCH_UNCHECKED" if func.unchecked else "")


def initial_source(template, funcs, objects, info, namespaces, additions):
    """The C source that registers the patch."""
    entries = []
    for func in funcs:
        members = [f"KPATCH_FUNC_NAMED({quoted(func.name)}, {func.alias}",
                   f".flags = {flags_of(func)}"]
        if func.position:
            members.append(f".sympos = {func.position}")
        if func.original:
            members.append(f".original = {func.original}")
        if func.unit.is_module:
            members.append(f".objname = {quoted(func.unit.modname)}")
        entries.append("\t" + ",\n\t\t\t  ".join(members) + "),")
    ids = ["\t{ .objname = %s, .id = %s }," %
           ("NULL" if name == "vmlinux" else quoted(name), quoted(linked.build_id))
           for name, linked in objects.items() if linked.build_id]
    with open(template, encoding="utf-8") as file:
        text = file.read()
    values = {
        "EXTERNS": "\n".join([f"extern void {f.alias}(void);" for f in funcs] +
                             additions.declarations()),
        "FUNCS": "\n".join(entries),
        "BUILD_IDS": "static const struct kpatch_build_id build_ids[] = {\n" +
                     "\n".join(ids) + "\n};\n" if ids else "",
        "MEMBERS": "".join(", " + m for m in ["KPATCH_BUILD_IDS(build_ids)"] * bool(ids) +
                           additions.members()),
        "INFO": "\n".join(
            [f"KPATCH_INFO({k}, {quoted(v)});" for k, v in info] +
            [f"MODULE_INFO(import_ns, {quoted(n)});" for n in namespaces]),
    }
    return re.sub(r"@(\w+)@", lambda m: values[m.group(1)], text)


def exports(kernel):
    """Exported symbols, and the namespace of each."""
    found = {}
    for path in kernel.symvers:
        with open(path, encoding="utf-8") as file:
            found.update({m.group(1): m.group(3) for m in map(NAMESPACE_LINE.match, file) if m})
    return found


def needed_namespaces(kernel, all_changes, stubs):
    """Namespaces of exported symbols that are used; refuses symbols that do not exist."""
    exported = exports(kernel)
    defined = {s.name for c in all_changes for s in c.out.symbols if s.defined} | set(stubs)
    found = set()
    for changes in all_changes:
        for name in changes.undefined():
            if name in exported:
                if exported[name] and not exported[name].startswith("module:"):
                    found.add(exported[name])
            elif name not in defined and not name.startswith(("__SCT__", "__fentry__")):
                owner = kernel.owner(name)
                if owner:
                    raise Failure(REFUSED, [changes.unit.source, name], "is used, but belongs "
                                  f"to module {owner}, which does not export it",
                                  "change a function of that module instead")
                raise Failure(REFUSED, [changes.unit.source, name],
                              "is used, but does not exist",
                              "define it in this file, or add the rest of the change")
    return sorted(found)


def link(kernel, name, directory, source, objects, run):
    """Return the path of the module."""
    os.makedirs(directory)
    with open(os.path.join(directory, "init.c"), "w", encoding="utf-8") as file:
        file.write(source)
    parts = ["init.o"]
    for index, path in enumerate(objects):
        part = f"unit{index}.o"
        for name_in_directory in (part, part + "_shipped"):
            shutil.copyfile(path, os.path.join(directory, name_in_directory))
        # modpost wants one for each object.
        with open(os.path.join(directory, f".{part}.cmd"), "w", encoding="utf-8"):
            pass
        parts.append(part)
    with open(os.path.join(directory, "Kbuild"), "w", encoding="utf-8") as file:
        file.write(f"obj-m := {name}.o\n{name}-y := {' '.join(parts)}\n")
    # Objects that are compiled already get no ORC, unless objtool runs at the link.
    status, out, errors = run([*kernel.make, f"M={directory}",
                               "KBUILD_EXTRA_SYMBOLS=" + " ".join(kernel.symvers[1:]),
                               "delay-objtool=y", "CONFIG_OBJTOOL_WERROR=", "modules"])
    module = os.path.join(directory, name + ".ko")
    if status or not os.path.isfile(module):
        missing = re.search(r'modpost: "(\S+)" .* undefined', errors)
        if missing:
            raise Failure(LINK, missing.group(1), "is not exported",
                          "use something else")
        raise Failure(LINK, name, f"does not link: {first_error(errors)}",
                      "run again with -v --keep to see all messages")
    for line in (out + errors).splitlines():
        if "objtool" in line and "warning" in line and not HARMLESS.search(line):
            raise Failure(LINK, name, f"does not link cleanly: {line.strip()}",
                          "run again with -v --keep to see all messages")
    if Elf(module).find(".BTF"):
        run(["objcopy", "--remove-section=.BTF", module])
    return module
