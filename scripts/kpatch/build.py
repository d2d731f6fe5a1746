# SPDX-License-Identifier: GPL-2.0-only
"""The flow: from diffs to a module."""

import os
import re
import shutil
import sys

from adjust import keep_addresses_of_others
from author import Additions, Alias, Author
from cache import Cache, default_directory
from changes import other_bodies
from common import LINK, PATCH, SETUP, USAGE, Failure, Progress, Runner
from compiler import Compiler, Missed, check_warnings
from describe import Fixes, brought, expiry, fields
from elf import STB_LOCAL, STT_FUNC
from engine import Engine, no_effect
from headers import HeaderTree
from judge import Judge
from kernel import Kernel
from link import finish_object, initial_source, link, needed_namespaces
from report import Reasons, as_json, as_text, describe
from sign import Signer, is_enforced
from sources import Diffs, Farm
from units import ModuleTree, Tree

HERE = os.path.dirname(os.path.realpath(__file__))


def module_name(options):
    """As a kernel module may be called."""
    name = options.name or options.output or (options.update[-1] if options.update else
                                              options.diffs[0])
    stem = os.path.basename(name)
    if not options.name:
        stem = re.sub(r"\.(ko|patch|diff)$", "", stem)
        if not options.output:
            stem = "kpatch-" + stem
        stem = re.sub(r"[^A-Za-z0-9_-]", "-", stem)[:55]
    if re.fullmatch(r"init|unit\d+", stem):
        raise Failure(USAGE, stem, "is a name of what the module consists of",
                      "choose another one with --name")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,55}", stem) or os.path.basename(name) != name and \
       options.name:
        raise Failure(USAGE, options.name or stem, "is no name for a module",
                      "use up to 55 letters, digits, - and _")
    return stem


def fail(failure):
    raise failure


class Build:
    def __init__(self, options, work):
        self.options = options
        self.work = work
        self.run = Runner(options.verbose)
        self.progress = Progress(options.verbose)
        self.name = module_name(options)
        self.expires = expiry(options.expires)
        self.release = brought(options.release)
        self.kernel = None
        self.engine = None
        self.signer = None

    @staticmethod
    def note(text):
        print(f"kpatch build: note: {text}", file=sys.stderr)

    def __call__(self):
        options = self.options
        self.open_kernel()
        kernel = self.kernel
        tree = ModuleTree(kernel, kernel.extra) if options.module else \
            Tree(kernel.build, kernel.source) if kernel.is_built else \
            HeaderTree(kernel, self.work, self.run)
        diffs = Diffs(options.diffs, tree.ignored)
        fixes = Fixes(diffs.headers, options.fixes)
        units = tree.units(diffs)
        if tree.foreign:
            self.note(f"{', '.join(tree.foreign)} use a changed header, too, but are no part "
                      "of the running kernel")
        if tree.assembled:
            self.note(f"{', '.join(sorted(set(tree.assembled)))} use a changed header, too, but "
                      "are assembler code, which is not patched: check that it need not change")
        self.open_engine(units[0])
        farm = self._compile(tree, units, diffs)
        authors = [Author(u, os.path.join(self.work, "after", u.obj)) for u in units]
        changes = self._compare(authors, diffs)
        if not changes:
            raise no_effect(diffs)
        module = Module(self, changes, {a.unit.obj: a for a in authors}, fixes)
        if options.check:
            report = describe(units, changes, Reasons(farm, diffs), kernel.linked, module.info)
            print(as_json(report) if options.json else "\n".join(as_text(report)))
        else:
            self.put(module.link(self.work))

    def open_kernel(self):
        options = self.options
        self.kernel = Kernel(options.kernel, options.source, options.vmlinux, options.modules,
                             options.module, self.run)
        if self.name.replace("-", "_") in ("vmlinux", *self.kernel.modules):
            raise Failure(USAGE, self.name, "is the name of an object of this kernel",
                          "choose another one with --name")
        if options.sign:
            self.signer = Signer(self.kernel, options.sign, options.cert, self.run)
        elif is_enforced(self.kernel) and not options.check:
            self.note("this kernel loads signed modules only, and the module will have no "
                      "signature without --sign KEY")

    def open_engine(self, unit):
        """@unit: one of those that are to be compared"""
        self.kernel.check_compiler(unit)
        self.progress.stage("preparing objtool")
        self.engine = Engine(self.kernel, self.options.objtool_source, default_directory(),
                             self.work, self.run)

    def make_compiler(self, farm, diffs, unit):
        compiler = Compiler(farm, diffs, Cache(default_directory(), self.run),
                            self.options.jobs, self.run)
        if not compiler.describe_types(unit):
            self.note("this compiler does not describe types, so changes of structures are "
                      "not noticed")
        return compiler

    def _compile(self, tree, units, diffs):
        root = os.path.join(self.work, "source")
        farm = Farm(tree.source, root + tree.source, self.options.fuzz, self.run)
        if self.options.module:
            farm.surround(root)
        compiler = self.make_compiler(farm, diffs, units[0])
        for whole in (False, True):
            farm.populate(diffs, whole)
            before = compiler.compile(units, os.path.join(self.work, "before"), False,
                                      self.progress)
            farm.apply(diffs)
            try:
                after = compiler.compile(units, os.path.join(self.work, "after"), True,
                                         self.progress)
            except Missed as missed:
                if whole:
                    raise Failure(PATCH, str(missed), "is included by a path that leaves "
                                  "the source tree", "leave it out") from missed
                continue
            for unit, old, new in zip(units, before, after):
                check_warnings(unit, old, new)
            compiler.cache.shrink()
            break
        return farm

    def _compare(self, authors, diffs):
        """What changes in each unit in which something does."""
        found = []
        judge = Judge(self.kernel, self.engine, self.work, diffs, fail)
        asserted = sum((a.get("layout") for a in authors), self.options.layout)
        for author in self.progress.each("comparing files", authors, len(authors)):
            changes = judge(author, asserted)
            if changes:
                found.append(changes)
            else:
                for name in author.get("keep"):
                    self.note(f"{author.unit.source}: keeps {name}, and nothing else changes")
        return found

    def put(self, module):
        output = self.options.output or self.name + ".ko"
        try:
            shutil.copyfile(module, output + ".new")
            os.replace(output + ".new", output)
        except OSError as error:
            raise Failure(SETUP, output, f"cannot be written: {error.strerror}",
                          "name another file with -o") from error


class Module:
    """What is to be linked: @changes, and what @authors, by the object, say in those units."""

    def __init__(self, build, changes, authors, fixes):
        self.build = build
        self.changes = changes
        self.additions = Additions()
        kernel = build.kernel
        self._keep_addresses()
        for change in changes:
            change.aliases = []
            self.additions.add(authors[change.unit.obj], change)
        if not self.additions.states and not any(c.funcs for c in changes):
            raise Failure(LINK, build.name, "adds functions that nothing calls",
                          "check that the diff is complete")
        self.namespaces = needed_namespaces(kernel, changes, self.additions.originals)
        for func, other in other_bodies(changes):
            build.note(f"{func.unit.source}: {func.name} changes, but not {other}, which "
                       "32-bit programs enter")
        self.objects = {m: kernel.linked(m)
                        for m in ["vmlinux"] + [c.unit.modname for c in changes]}
        self.info = fields(fixes, build.release, build.expires, kernel.release,
                           f"objtool klp of Linux {build.engine.version}", self.objects)

    def _keep_addresses(self):
        """The link would let the replacements of one unit be what another one takes for the
        functions of the kernel.
        """
        owners = {f.name: f.unit.modname for c in self.changes for f in c.funcs
                  if f.symbol.bind != STB_LOCAL}
        for change in self.changes:
            own = {f.name for f in change.funcs}
            keep_addresses_of_others(change, {n: o for n, o in owners.items() if n not in own},
                                     self.build.kernel.linked)

    def link(self, place):
        """Return the path of the module, below @place."""
        build, kernel, engine = self.build, self.build.kernel, self.build.engine
        build.progress.stage("linking")
        funcs = [f for c in self.changes for f in c.funcs]
        for index, func in enumerate(funcs):
            func.alias = f"kpatch_new_{index}"
        old = engine.source != kernel.source and not os.path.isfile(
            os.path.join(kernel.source, "tools/objtool/klp-diff.c"))
        for change in self.changes:
            change.aliases += [Alias(f.alias, STT_FUNC, f.section, f.value, f.size)
                               for f in change.funcs]
            finish_object(change, old, build.run)
        source = initial_source(os.path.join(HERE, "init.c.in"), funcs, self.objects, self.info,
                                self.namespaces, self.additions)
        module = link(kernel, build.name, os.path.join(place, "module"), source,
                      [c.path for c in self.changes], build.run)
        engine.post_link(module)
        if build.signer:
            build.progress.stage("signing")
            build.signer(module)
        return module
