# SPDX-License-Identifier: GPL-2.0-only
"""What a patch would do, for --check: as text, or in JSON.

Objects say which functions change. Why one changes whose own lines do not, only the source
tells. It is scanned for functions, as far as they are written in the kernel's coding style.
"""

import json
import os
import re

from changes import SYMBOL
from elf import STB_LOCAL, STT_FUNC, STT_OBJECT

VERSION = 1
# These look like the name of a function in front of its parameters.
ATTRIBUTES = re.compile(r"__(attribute__|printf|scanf|aligned|section|alloc_size|acquires|"
                        r"releases|must_hold|malloc)$")
HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.M)


def base_of(name):
    """The name in the source of a function: of which it is a clone, or the system call."""
    name = re.match(r"\.?[^.$]*", name).group()
    return re.sub(r"^__(?:[a-z0-9]+_)((?:compat_)?sys_)", r"\1", name)


class Definition:
    """A function or a macro, in the lines from @first to @last, counted from 0."""

    def __init__(self, lines, first, last, name, is_macro):
        self.first = first
        self.last = last
        self.name = name
        self.is_macro = is_macro
        self.words = set(re.findall(r"\w+", "\n".join(lines[first:last + 1])))


def name_of(head):
    """The name of a function, in the lines in front of its body."""
    call = re.search(r"\b(COMPAT_)?SYSCALL(?:32)?_DEFINE\d\(\s*(\w+)", head)
    if call:
        return ("compat_sys_" if call.group(1) else "sys_") + call.group(2)
    for name, first in re.findall(r"(\w+)\s*\(\s*(\w*)", head):
        if not ATTRIBUTES.match(name):
            # Other macros take the name first, too.
            return first if name.isupper() else name
    return None


def definitions(lines):
    def end_of(at, is_last):
        return next((i for i in range(at, len(lines)) if is_last(lines[i])), len(lines) - 1)

    head = at = 0	# where the head of a function may begin
    while at < len(lines):
        line = end = lines[at]
        if re.match(r"#\s*define\s", line):
            end = end_of(at, lambda l: not l.endswith("\\"))
            name = re.match(r"#\s*define\s+(\w+)", line)
            if name:
                yield Definition(lines, at, end, name.group(1), True)
        elif line == "{" or re.match(r"[a-zA-Z_].*\)\s*\{", line):
            end = at if line.endswith("}") else end_of(at, lambda l: l.startswith("}"))
            name = name_of("\n".join(lines[head:at + 1]))
            if name:
                yield Definition(lines, head, end, name, False)
        elif line and line[0] not in "#}" and not line.endswith((";", "*/")):
            at += 1
            continue
        else:
            end = at
        at = head = end + 1


def read_lines(path):
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return [line.rstrip() for line in file.read().split("\n")]


class Source:
    """A file, its definitions, and those of them that have changed lines."""

    def __init__(self, farm, name, changed=True):
        path = os.path.join(farm.path, name)
        new = [l for l in read_lines(path) if not re.match(r"#line \d+$", l)]
        self.definitions = {d.name: d for d in definitions(new)}
        self.touched = set()
        if changed:
            self._touch(farm, read_lines(farm.original(name)), new)

    def _touch(self, farm, old, new):
        files = []
        for side, lines in (("old", old), ("new", new)):
            files.append(os.path.join(farm.path, ".kpatch." + side))
            with open(files[-1], "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write("\n".join(lines))
        _, out, _ = farm.run(["diff", "-U0", *files])
        hunks = [[int(g) if g else 1 for g in h.groups()] for h in HUNK.finditer(out)]
        for lines, column in ((old, 0), (new, 2)):
            changed = {i for h in hunks
                       for i in range(h[column] - 1, h[column] - 1 + h[column + 1])}
            self.touched |= {d.name for d in definitions(lines)
                             if not changed.isdisjoint(range(d.first, d.last + 1))}


def calls_in(elf, section):
    """What code refers to from outside of its section."""
    found = set()
    for reloc in elf.relocs(section):
        name = reloc.symbol.name
        if not name and reloc.symbol.defined:
            name = elf.section_of(reloc.symbol).name.replace(".text.", "", 1)
        elif name.startswith(SYMBOL):
            name = name[len(SYMBOL):].split(".", 1)[1].rsplit(",", 1)[0]
        found.add(base_of(name))
    return found


class Reasons:
    """Why the functions of units change."""

    def __init__(self, farm, diffs):
        self.farm = farm
        self.files = {name: Source(farm, name) for name in diffs.files + diffs.new}

    def of(self, change, func):
        """None if its lines change; else pairs of a verb and a name.

        "calls" is for functions that have no hook, so that the patch has copies of them.
        """
        name = base_of(func.name)
        files = list(self.files.values())
        if change.unit.source not in self.files:
            files.append(Source(self.farm, change.unit.source, False))
        if any(name in f.touched for f in files):
            return None
        known = {n: d for f in files for n, d in f.definitions.items()}
        called = calls_in(change.before, change.before.section_of(func.symbol)) & \
            calls_in(change.out, change.out.find(func.section))
        copied = sorted(called & {base_of(n) for n in change.brought})
        if copied:
            return [("calls", n) for n in copied]
        seen, reached = {name}, [name]
        while reached:
            words = {w for n in reached if n in known for w in known[n].words}
            reached = sorted(w for w in words & known.keys()
                             if w not in seen and w not in called)
            seen.update(reached)
            found = [w for w in reached if any(w in f.touched for f in files)]
            if found:
                return [("uses" if known[w].is_macro else "inlines", w) for w in found]
        return []


def describe_unit(change, reasons, linked):
    def kind(owner, name):
        types = {s.type for s in linked(owner).by_name.get(name, ())}
        return "data" if STT_OBJECT in types and STT_FUNC not in types else "function"

    static = {s.name for s in change.before.symbols
              if s.bind == STB_LOCAL and s.type == STT_OBJECT and s.defined}
    used = sorted({(owner, name) for _, owner, name, _ in change.used()})
    replaced = []
    for func in change.funcs:
        base = re.match(r"\.?[^.$]*", func.name).group()
        why = reasons.of(change, func)
        replaced.append({
            "name": func.name,
            "position": func.position,
            "clone_of": base if base != func.name else None,
            "own_lines": why is None,
            "because": [{verb: name} for verb, name in why or ()],
        })
    return {
        "source": change.unit.source,
        "object": change.unit.modname,
        "replaced": replaced,
        "kept": sorted(change.kept),
        "added": sorted(change.new),
        "used": [{"name": n, "object": o, "kind": kind(o, n)} for o, n in used],
        "shared": [n for o, n in used if o == change.unit.modname and n in static],
    }


def describe(units, changes, reasons, linked, info):
    """@info: the fields of the module, as (tag, value)"""
    report = {"version": VERSION}
    report.update({tag: None for tag in ("kernel", "release", "expires", "engine")})
    report.update({tag: value for tag, value in info if tag in report})
    report["fixes"] = [value for tag, value in info if tag == "fix"]
    report["build_ids"] = dict(v.split(" ") for tag, v in info if tag == "build_id")
    report["units"] = [describe_unit(c, reasons, linked) for c in changes]
    changed = [c.unit for c in changes]
    report["unchanged"] = [u.source for u in units if u not in changed]
    return report


def as_text(report):
    for unit in report["units"]:
        start = f"{unit['object']}: {unit['source']}: "
        for func in unit["replaced"]:
            number = f", number {func['position']}" if func["position"] else ""
            clone = f", a clone of {func['clone_of']}" if func["clone_of"] else ""
            why = ", ".join(f"{verb} {name}" for pair in func["because"]
                            for verb, name in pair.items())
            if not func["own_lines"]:
                why = ": " + (why or "changes by inlining")
            yield f"{start}replaces {func['name']}{number}{clone}{why}"
        for name in unit["kept"]:
            yield f"{start}keeps {name}"
        for name in unit["added"]:
            yield f"{start}adds {name}"
        for name in unit["shared"]:
            yield f"{start}shares data {name}"
        for used in unit["used"]:
            if used["name"] not in unit["shared"]:
                yield f"{start}uses {used['name']} of {used['object']}"
    for fix in report["fixes"]:
        yield f"fixes {fix}"


def as_json(report):
    return json.dumps(report, indent=2)


def refusal(failure):
    """Of what --check --json has refused."""
    return {"version": VERSION, "refused": {
        "status": failure.code, "where": failure.where, "what": failure.what,
        "remedy": failure.remedy}}
