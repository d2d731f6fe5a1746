#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write the patch modules of the benchmark.

usage: generate.py SITES STACKS CORE SYMBOLS SOURCES OUT

SITES    available_filter_functions_addrs of the kernel that is going to be measured
STACKS   the stacks of its tasks, as /proc/PID/stack has them
CORE     the names of the functions of kpatch itself
SYMBOLS  its System.map
SOURCES  directory of the sources that are not generated
OUT      directory to write to; emptied

A patch of so many functions takes them from all over the kernel. Its replacements
jump to where the old function goes on behind its site for ftrace, so that whoever
calls one of them notices nothing. The addresses are those of this very kernel,
which is not relocated when it boots.
"""

import hashlib
import pathlib
import re
import shutil
import sys

SIZES = (1, 10, 100, 1000)
PARTS = 10
STACKED = 8

# Modules that a patch names, functions and variables in each, and, in all, the
# functions and symbols of a patch over vmlinux and these modules.
TARGETS = tuple(f"bench_target{i}" for i in (1, 2, 3))
TARGET_SIZE = 100
OBJECTS_SIZE = 1000

# With a replacement that calls the old function, and so can be slept in.
WRAPPED = ("pipe_read", "ksys_read", "futex_wait", "read_zero")

# What a switch itself runs, or tasks are asleep in some time or other.
AVOID = re.compile(r"sched|sleep|wait|thread|worker|idle|stop|poll|select|futex"
                   r"|pipe|read|write|ftrace|trace|klp|kpatch|patch|poke|module|rcu"
                   r"|kallsyms|sysfs|kernfs|mutex|rwsem|timer|probe|hook"
                   r"|kswapd|compact|signal|exit|init|[.]"
                   # The body of a system call is looked up, too.
                   r"|_sys_")

SYSTEMS = {"kpatch": "", "livepatch": "#define BENCH_LIVEPATCH\n"}


def shuffled(names):
    """A random order, in which names that are added or go do not move the others."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())


def read_symbols(path):
    """Addresses of each name in System.map, text or not."""
    symbols = {}
    for line in path.read_text().splitlines():
        addr, _, name = line.split()
        symbols.setdefault(name, []).append(int(addr, 16))
    return symbols


def cloned(symbols):
    """Names of functions that kpatch wants the clones of as well."""
    found = (re.match(r"(\w+)\.(?!cold|__part)", name) for name in symbols)
    return {match[1] for match in found if match}


def choose(sites, avoid, symbols, count):
    """Functions with a name of their own and the site at their start."""
    names = []
    for line in sites.splitlines():
        addr, name = line.split()[:2]
        if "[" not in line and symbols.get(name) == [int(addr, 16)] \
                and name not in avoid and not AVOID.search(name):
            names.append(name)
    clones = cloned(symbols)
    names = shuffled(name for name in names if name not in clones)
    if len(names) < count:
        sys.exit(f"FAIL: only {len(names)} functions to choose from")
    return names[:count]


def choose_symbols(path, symbols, count):
    """Static symbols with a name of their own, half of them variables."""
    stay = range(symbols["_text"][0], symbols["__init_begin"][0])
    lines = [line.split() for line in path.read_text().splitlines()]
    chosen = []
    for kinds in "t", "dr":
        names = [name for addr, kind, name in lines
                 if kind in kinds and len(symbols[name]) == 1
                 and int(addr, 16) in stay and re.fullmatch(r"[a-z]\w+", name)]
        chosen += shuffled(names)[:count // 2]
    if len(chosen) < count:
        sys.exit(f"FAIL: only {len(chosen)} symbols to choose from")
    return chosen


def jumps(names, symbols):
    """Declarations and code of replacements that jump to what they replace."""
    declarations = "".join(f"void new_{n}(void);\n" for n in names)
    stubs = ".text\n" + "".join(
        f".globl new_{n}\n.type new_{n}, @function\n.balign 16\n"
        f"new_{n}:\n\tjmp {symbols[n][0] + 5:#x}\n"
        f".size new_{n}, . - new_{n}\n" for n in names)
    return declarations, stubs


def target_function(prefix, target, number):
    """A function of a target, or its replacement, like no other."""
    return (f"static noinline __used int {prefix}{target}_func{number}(int n)\n"
            f"{{\n\tbarrier();\n\treturn n + {number + len(prefix)};\n}}\n")


class Modules:
    """The directory that is written, and its Makefile."""

    def __init__(self, out, sources):
        self.out = out
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        self.makefile = []
        for source in sources.glob("*.c"):
            shutil.copy(source, out)
            self.makefile.append(f"obj-m += {source.stem}.o")
        shutil.copy(sources / "patch.h", out)

    def add(self, what, entries, declarations, stubs="", systems=tuple(SYSTEMS)):
        """A patch for each system; entries: pairs of old name and new."""
        funcs = " ".join(f"F({old}, {new})" for old, new in entries)
        for system in systems:
            define = SYSTEMS[system]
            module = f"bench_{system}_{what}"
            (self.out / f"{module}_main.c").write_text(
                f"{define}{declarations}#define FUNCS {funcs}\n"
                '#include "patch.h"\n')
            objects = [f"{module}_main.o"]
            if stubs:
                (self.out / f"{module}_stubs.S").write_text(stubs)
                objects.append(f"{module}_stubs.o")
                # Nothing in there for objtool to know.
                self.makefile.append(
                    f"OBJECT_FILES_NON_STANDARD_{module}_stubs.o := y")
            self.makefile += [f"obj-m += {module}.o",
                              f"{module}-y := " + " ".join(objects)]

    def add_jumps(self, names, symbols):
        """A patch of many functions that jump to what they replace."""
        self.add(str(len(names)), [(n, f"new_{n}") for n in names],
                 *jumps(names, symbols))

    def add_disabled(self, what, names, symbols, flags=""):
        """A patch of kpatch alone that is loaded disabled."""
        declarations, stubs = jumps(names, symbols)
        self.add(what, [(n, f"new_{n}") for n in names],
                 f"#define MEMBERS .flags = KPATCH_LOAD_DISABLED{flags},\n"
                 + declarations, stubs, ("kpatch",))

    def add_sets(self, names, symbols):
        """Patches that are switched together, and one that replaces others."""
        for number, name in enumerate(names[:PARTS]):
            self.add_disabled(f"part{number}", [name], symbols)
        self.add_disabled("replacing", names, symbols, " | KPATCH_REPLACE")

    def add_target(self, name):
        """A module with functions and variables for patches to name."""
        (self.out / f"{name}.c").write_text(
            "#include <linux/module.h>\n"
            + "".join(target_function("", name, i) for i in range(TARGET_SIZE))
            + "".join(f"static int {name}_var{i} __used = {i + 1};\n"
                      for i in range(TARGET_SIZE))
            + "static int __init target_init(void)\n{\n\treturn 0;\n}\n"
            "static void __exit target_exit(void)\n{\n}\n"
            "module_init(target_init);\nmodule_exit(target_exit);\n"
            f'MODULE_DESCRIPTION("kpatch benchmark: {name}");\n'
            'MODULE_LICENSE("GPL");\n')
        self.makefile.append(f"obj-m += {name}.o")

    def add_objects(self, what, names, symbols, functions, used=()):
        """A patch of functions of vmlinux and of several modules.

        functions: how many of each module; used: pairs of object and symbol, which
        only kpatch can look up.
        """
        declarations, stubs = jumps(names, symbols)
        table = [f"F({n}, new_{n})" for n in names]
        objects = []
        if names:
            table.append("F_END")
            objects.append("{ .funcs = funcs },")
        for target, count in functions.items():
            objects.append(f'{{ .name = "{target}", .funcs = funcs + {len(table)} }},')
            for i in range(count):
                name = f"{target}_func{i}"
                declarations += target_function("new_", target, i)
                table.append(f'F_IN("{target}", {name}, new_{name})')
            table.append("F_END")
        if used:
            declarations += (
                "#ifndef BENCH_LIVEPATCH\n#include <linux/kpatch.h>\n"
                f"static void *pointers[{len(used)}];\n"
                "static const struct kpatch_symbol symbols[] = {\n"
                + "".join(f'\tKPATCH_SYMBOL_NAMED("{name}", pointers[{i}]'
                          + (f', .objname = "{target}"' if target else "") + "),\n"
                          for i, (target, name) in enumerate(used))
                + "};\n#define MEMBERS KPATCH_SYMBOLS(symbols),\n#endif\n")
        self.add(what, [], "#include <linux/compiler.h>\n" + declarations
                 + f"#define TABLE {' '.join(table)}\n"
                 f"#define OBJECTS {' '.join(objects)}\n",
                 stubs if names else "")

    def add_targets(self, names, symbols, system_map):
        """Modules to name, and the patches that name them."""
        for target in TARGETS:
            self.add_target(target)
        inside = [(target, f"{target}_{kind}{i}") for target in TARGETS
                  for kind in ("func", "var") for i in range(TARGET_SIZE // 2)]
        rest = OBJECTS_SIZE - len(inside)
        used = choose_symbols(system_map, symbols, rest)
        self.add_objects("objects", names[:rest], symbols,
                         dict.fromkeys(TARGETS, TARGET_SIZE),
                         [("", name) for name in used] + inside)
        for count in 1, TARGET_SIZE:
            self.add_objects(f"late{count}", [], symbols, {TARGETS[0]: count})

    def add_own(self):
        """A patch of a function of a module, whose calls are counted."""
        self.add("own", [],
                 "#include <linux/fs.h>\n"
                 "static noinline int new_bench_own(struct file *file, "
                 "loff_t start,\n\tloff_t end, int datasync)\n"
                 "{\n\tbarrier();\n\treturn 1;\n}\n"
                 '#define TABLE F_IN("bench_calls", bench_own, new_bench_own) F_END\n'
                 '#define OBJECTS { .name = "bench_calls", .funcs = funcs },\n')

    def add_stacked(self, number):
        """One of several patches of the function whose calls are counted."""
        self.add(f"stack{number}", [("noop_fsync", "new_noop_fsync")],
                 "#include <linux/fs.h>\n"
                 "static noinline int new_noop_fsync(struct file *file, "
                 "loff_t start,\n\tloff_t end, int datasync)\n"
                 "{\n\tbarrier();\n\treturn 0;\n}\n")

    def add_original(self):
        """A patch of that function whose replacement calls the original."""
        self.add("original", [("noop_fsync", "new_noop_fsync")],
                 "#include <linux/fs.h>\n"
                 "#include <linux/kpatch.h>\n"
                 "KPATCH_ORIGINAL(original_noop_fsync, noop_fsync);\n"
                 "static noinline int new_noop_fsync(struct file *file, "
                 "loff_t start,\n\tloff_t end, int datasync)\n"
                 "{\n\treturn kpatch_call_original(original_noop_fsync, file, "
                 "start, end,\n\t\tdatasync);\n}\n"
                 "#define ORIGINAL .original = original_noop_fsync\n",
                 systems=("kpatch",))

    def add_wrapper(self, name, addr):
        """A patch whose replacement is on the stack of who sleeps below it."""
        self.add(name, [(name, f"new_{name}")],
                 "#include <linux/compiler.h>\n"
                 "typedef long (*fn)(long, long, long, long, long, long);\n"
                 f"static noinline long new_{name}(long a, long b, long c, "
                 "long d, long e,\n\tlong f)\n"
                 "{\n"
                 f"\tlong ret = ((fn){addr + 5:#x}UL)(a, b, c, d, e, f);\n\n"
                 "\tbarrier();\n\treturn ret;\n}\n")

    def finish(self):
        """Write the Makefile."""
        (self.out / "Makefile").write_text("\n".join(self.makefile) + "\n")


def main():
    """Write all modules."""
    sites, stacks, core, system_map, sources, out = map(pathlib.Path, sys.argv[1:])
    symbols = read_symbols(system_map)
    avoid = set(re.findall(r"\] (\S+?)\+0x", stacks.read_text()))
    avoid.update(core.read_text().split())
    names = choose(sites.read_text(), avoid, symbols, max(SIZES))
    modules = Modules(out, sources)
    for size in SIZES:
        modules.add_jumps(names[:size], symbols)
    for number in range(1, STACKED + 1):
        modules.add_stacked(number)
    modules.add_sets(names, symbols)
    modules.add_original()
    for name in WRAPPED:
        modules.add_wrapper(name, symbols[name][0])
    modules.add_targets(names, symbols, system_map)
    modules.add_own()
    modules.finish()


if __name__ == "__main__":
    main()
