# SPDX-License-Identifier: GPL-2.0-only
"""Bring a kernel to the code of another release: --update.

All units that the difference reaches are compiled as they were and as the new release has
them. So what is patched has the code of the new release. Each unit is judged by itself, and
what cannot be patched is left out together with what needs it (ties.py). The rest becomes one
module, and triage.py tells of each file and function what has become of it.
"""

import glob
import os
import re
import shutil
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from author import Author
from build import HERE, Build, Module
from callers import callers_of
from changelog import Changelog
from changes import Changes
from common import (COMPILE, IMPOSSIBLE, LAYOUT, LINK, NO_EFFECT, PATCH, REFUSED, SETUP,
                    UNAFFECTED, Failure)
from compiler import Missed, check_warnings
from decisions import Decisions
from describe import Fixes
from difference import Difference
from elf import STB_LOCAL, STT_FUNC, Elf
from judge import Judge
from layout import Types, changed_prototypes
from sources import Diffs, Farm
from state import State, key_of
from ties import Ties, code_of, interface
from triage import LEFT_OUT, TIED, Triage
from units import Tree, foreign, unconfigured

READ_AT_BUILD = re.compile(r"(.*/)?(Makefile|Kbuild|Kconfig)[^/]*$|.*\.(config|lds\.S|tbl)$")
INCLUDED = re.compile(r"^\+\s*#\s*include\s*[\"<](.*?)[\">]", re.M)
NO_KERNEL = re.compile(r"(scripts|tools|samples|usr)/")
# What insmod is in when the patch that it loads is enabled.
LOADING = re.compile(r"load_module|do_init_module|do_one_initcall|init_module_from_file|"
                     r"idempotent_init_module|__(x64|se|do)_sys_(f?init_module)")


TRACED_AT_ONCE = 64	# units
# What records of compilations depend on.
COMPILING = ("cache.py", "compiler.py", "elf.py", "sources.py", "units.py")


class Asserted:
    """Names that an author has asserted, and those that were asked for."""

    def __init__(self, names):
        self.names = names
        self.asked = set()

    def __contains__(self, name):
        self.asked.add(name)
        return name in self.names

    def of(self, asked):
        return sorted(asked & set(self.names))


class Update(Build):
    def __init__(self, options, work):
        super().__init__(options, work)
        self.state = self.tree = self.diffs = self.farm = self.compiler = self.triage = None
        self.decisions = Decisions(options.decisions)
        self.changelog = Changelog(options.changelog)
        self.compiled = self.judged = None	# keys of records
        self.verdicts = {}			# by object
        self.definers = {}			# files, by the name of a structure

    def __call__(self):
        options = self.options
        self.open_kernel()
        if not self.kernel.is_built:
            raise Failure(SETUP, self.kernel.build, "has headers only, and what these are used "
                          "by is known only where the kernel was built",
                          "name that directory with --kernel")
        self.state = State(options.work or self.name + ".update")
        self.progress.stage("comparing releases")
        difference = Difference(options.update, self.run)
        self.triage = Triage(difference)
        self.tree = Tree(self.kernel.build, self.kernel.source)
        self._read(difference)
        units, users = self.tree.find(self.diffs)
        units = self._usable(units, users)
        if not units:
            self._report(None)
            raise Failure(NO_EFFECT, options.update[0], "changes no code of this kernel",
                          "nothing needs to be done")
        self.open_engine(units[0])
        self._set_keys()
        self.compiler = self.make_compiler(self.farm, self.diffs, units[0])
        self._compile_sides(units)
        self._judge(units)
        ties = self._find_ties(units)
        stale = list(self.decisions.stale())
        if stale:
            for failure in stale[:-1]:
                self.progress.warn(failure)
            raise stale[-1]
        self._build(ties)

    # Which files:

    def _obstacle(self, file):
        """Why a file is not even compiled, or None."""
        name = file.name
        arch = re.match(r"arch/(\w+)/", name)
        if self.tree.ignored.match(name) or NO_KERNEL.match(name) or \
           os.path.basename(name).startswith("."):
            return Failure(PATCH, name, "is no code of the kernel", "nothing needs to be done",
                           UNAFFECTED)
        if arch and arch.group(1) != "x86":
            return Failure(PATCH, name, "is of another architecture", "nothing needs to be done",
                           UNAFFECTED)
        if READ_AT_BUILD.match(name):
            return Failure(PATCH, name, "is read when a kernel is built",
                           "check whether what it changes is needed", IMPOSSIBLE)
        if not name.endswith((".c", ".h")):
            return self._obstacle_of_other(name)
        if not file.hunks:
            return Failure(PATCH, name, "changes its name or mode only",
                           "nothing needs to be done", UNAFFECTED)
        if file.old and file.new and file.old != file.new:
            return Failure(PATCH, name, "is renamed", "give a diff that keeps its name")
        if not file.new:
            return Failure(PATCH, name, "is deleted", "check what has called it") \
                if self._is_compiled(name) else unconfigured(name)
        if not file.old and name.endswith(".c"):
            beside = glob.glob(self.kernel.path(glob.escape(os.path.dirname(name)), ".*.o.cmd"))
            return Failure(PATCH, name, "is a new unit", "if it is needed, add its code to a "
                           "file that is compiled already") if beside else unconfigured(name)
        if file.old and not os.path.isfile(os.path.join(self.kernel.source, name)):
            return Failure(PATCH, name, f"does not exist in {self.kernel.source}",
                           "use the difference between that release and a newer one")
        if self.decisions.use("leave-out", name):
            why = self.decisions.find("leave-out", name)[0].why
            return Failure(PATCH, name, f"is left out: {why}", "nothing needs to be done",
                           LEFT_OUT)
        return None

    def _obstacle_of_other(self, name):
        if name.endswith(".S"):
            return Failure(PATCH, name, "is assembler code", "check whether it is needed, and "
                           "patch its callers then", IMPOSSIBLE) \
                if self._is_compiled(name) else unconfigured(name)
        if name.endswith(".rs") and self.kernel.config.get("RUST") != "y":
            return unconfigured(name)
        return Failure(PATCH, name, "is neither C code nor a header",
                       "check whether it is needed", IMPOSSIBLE)

    def _is_compiled(self, name):
        directory, base = os.path.split(os.path.splitext(name)[0])
        return os.path.exists(self.kernel.path(directory, f".{base}.o.cmd"))

    def _read(self, difference):
        """Take what applies, on a copy of the source that has the files as they were."""
        wanted = []
        for file in difference.files.values():
            failure = self._obstacle(file)
            if failure:
                self.triage.set_file(file.name, failure)
            else:
                wanted.append(file)
        wanted = self._configured(wanted)
        if not wanted:
            self._report(None)
            raise Failure(NO_EFFECT, self.options.update[0], "changes no code of this kernel",
                          "nothing needs to be done")
        self.farm = Farm(self.kernel.source, os.path.join(self.work, "source"),
                         self.options.fuzz, self.run)
        self._populate(wanted, True)
        bad = [f for f in wanted if f.old and not self.farm.applies(f.text())]
        for file in bad:
            self.triage.set_file(file.name, Failure(
                PATCH, file.name, f"does not apply to {self.kernel.source}",
                "take the change into a diff by hand, or try --fuzz 2 and check the places"))
        if bad:
            wanted = [f for f in wanted if f not in bad]
            self._populate(wanted, True)
        self.farm.apply(self.diffs)
        code = [f for f in wanted if not self.farm.is_same_code(f.name)]
        for file in wanted:
            if file not in code:
                self.triage.set_file(file.name, Failure(
                    PATCH, file.name, "changes comments only", "nothing needs to be done",
                    UNAFFECTED))
        self._populate(code, False)

    def _configured(self, files):
        """All but C files that no object is made from. A header may be needed from now on."""
        _, users = self.tree.find(SimpleNamespace(files=[f.name for f in files if f.old]))
        included = {os.path.basename(name) for f in files for name in INCLUDED.findall(f.text())}
        unused = {name for name, objects in users.items() if not objects and
                  name.endswith(".c") and os.path.basename(name) not in included}
        for name in unused:
            self.triage.set_file(name, unconfigured(name))
        return [f for f in files if f.name not in unused]

    def _populate(self, files, bare):
        path = self.state.path("update.diff")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write("".join(f.text() for f in files))
        self.diffs = Diffs([path, *self.decisions.diffs()], self.tree.ignored)
        self.farm.populate(self.diffs, False, bare)

    def _usable(self, units, users):
        """Those units that are part of the kernel; tell what is wrong with other files."""
        for name, objects in users.items():
            if not objects:
                self.triage.set_file(name, unconfigured(name))
            elif all(self.tree.is_foreign(o) for o in objects):
                self.triage.set_file(name, foreign(name))
        for name, objects in users.items():
            for obj in sorted(objects - units.keys()):
                self.triage.add_other(name, obj, self.tree.is_foreign(obj))
            self.triage.set_users(name, sorted(objects & units.keys()))
        usable = []
        for obj in sorted(units):
            try:
                if not os.path.exists(os.path.join(self.kernel.source, units[obj].source)):
                    raise Failure(PATCH, units[obj].source, "is made when a kernel is built",
                                  "check whether what changes there is needed", IMPOSSIBLE)
                self.tree.check_unit(units[obj])
                usable.append(units[obj])
            except Failure as failure:
                self.triage.set_unit(units[obj], [failure])
        return usable

    # Compile:

    def _set_keys(self):
        """Objects are kept if only that part of the tool changes which judges them."""
        tool = {}
        for path in sorted(glob.glob(os.path.join(HERE, "*"))):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    tool[os.path.basename(path)] = key_of(file.read())
        vmlinux = self.kernel.linked("vmlinux")
        kernel = key_of(self.kernel.build, vmlinux.build_id or os.stat(vmlinux.path).st_mtime,
                        self.kernel.config)
        originals = []
        for name in self.diffs.files:
            with open(self.farm.original(name), "rb") as file:
                originals.append(key_of(file.read()))
        self.compiled = key_of([tool[name] for name in COMPILING], kernel, originals,
                               self.options.fuzz,
                               [t.encode("utf-8", "surrogateescape").hex()
                                for t in self.diffs.text.values()])
        self.judged = key_of(self.compiled, tool, self.engine.version)

    def _compile_sides(self, units):
        for whole in (False, True):
            if whole:
                self.farm.populate(self.diffs, True)
            self._compile(units, "before", False)
            self.farm.apply(self.diffs)
            try:
                self._compile(units, "after", True)
                break
            except Missed as missed:
                if whole:
                    raise Failure(PATCH, str(missed), "is included by a path that leaves the "
                                  "source tree", "decide to leave it out") from missed
        self.compiler.cache.shrink()

    def _compile(self, units, side, patched):
        with ThreadPoolExecutor(self.options.jobs) as pool:
            found = pool.map(lambda u: self._compile_unit(u, side, patched), units)
            list(self.progress.each("compiling them changed" if patched else "compiling files",
                                    found, len(units)))

    def _compile_unit(self, unit, side, patched):
        """The record of a compilation: warnings, changed files that were read, or a failure."""
        key = key_of(self.compiled, unit.command)
        obj = self.state.path(side, unit.obj)
        found = self.state.get(side, unit.obj, key)
        if found and (found["failure"] or os.path.exists(obj)):
            return found
        self.state.drop(side, unit.obj)
        record = {"failure": None, "warnings": [], "read": []}
        try:
            record["warnings"], read = self.compiler.compile_unit(unit, obj, patched)
            record["read"] = self._changed_of(read)
        except Failure as failure:
            if failure.code != COMPILE:
                raise
            record["failure"] = failure.as_dict()
        return self.state.put(side, unit.obj, key, record)

    def _changed_of(self, paths):
        # These files are no links.
        names = {os.path.relpath(os.path.realpath(p), self.farm.path) for p in paths}
        return sorted(names & set(self.diffs.files + self.diffs.new))

    def _record(self, side, unit):
        return self.state.get(side, unit.obj, key_of(self.compiled, unit.command))

    # Judge:

    def _judge(self, units):
        judge = Judge(self.kernel, self.engine, self.state.path("judged"), self.diffs, None)
        for unit in self.progress.each("comparing files", units, len(units)):
            verdict = self._verdict(judge, unit)
            self.verdicts[unit.obj] = verdict
            for name in verdict["asserted"]:
                self.decisions.use("layout", name)
            failures = [Failure(**f) for f in verdict["failures"]]
            for decision in self.decisions.of_file(unit.source):
                if not any(f.where[1:] == decision.names[1:] and "to be kept, but" in f.what
                           for f in failures):
                    self.decisions.used.add(decision.place)
            self.triage.set_unit(unit, failures, verdict)

    def _verdict(self, judge, unit):
        asserted = Asserted(self.decisions.layouts() + self.options.layout)
        keep = self.decisions.second("keep", unit.source)
        data = self.decisions.second("data", unit.source)
        key = key_of(self.judged, unit.command, keep, data)
        found = self.state.get("verdict", unit.obj, key)
        if found and found["asserted"] == asserted.of(set(found["asked"])) and (
                not found["changed"] or
                os.path.exists(self.state.path("judged", "diff", unit.obj))):
            return found
        self.state.drop("verdict", unit.obj)
        verdict = {"failures": [], "changed": False, "functions": [], "new": [], "kept": [],
                   "brought": [], "provides": [], "wants": [], "refers": [],
                   "prototypes": []}
        failures = []
        try:
            self._compare_unit(judge, unit, verdict, failures, (asserted, keep, data))
        except Failure as failure:
            failures.append(failure)
        verdict["functions"] = verdict["functions"] or \
            (judge.changed if failures else [])
        verdict["failures"] = [f.as_dict() for f in failures]
        verdict["asked"] = sorted(asserted.asked)
        verdict["asserted"] = asserted.of(asserted.asked)
        return self.state.put("verdict", unit.obj, key, verdict)

    def _compare_unit(self, judge, unit, verdict, failures, assertions):
        judge.changed = []
        before, after = self._record("before", unit), self._record("after", unit)
        for record in (before, after):
            if record["failure"]:
                raise Failure(**record["failure"])
        check_warnings(unit, before["warnings"], after["warnings"])
        sides = [self.state.path(side, unit.obj) for side in ("before", "after")]
        if code_of(sides[0], True) == code_of(sides[1], True):
            return
        for side, path in zip(("before", "after"), sides):
            copy = self.state.path("judged", side, unit.obj)
            shutil.copyfile(path, copy)
        difference = self.state.path("judged", "diff", unit.obj)
        if os.path.exists(difference):
            os.unlink(difference)
        verdict.update(interface(*sides))
        before, after = map(Elf, sides)
        global_names = {s.name for s in before.symbols if s.bind != STB_LOCAL and
                        s.defined and s.type == STT_FUNC}
        verdict["prototypes"] = sorted(global_names.intersection(
            changed_prototypes(Types.of(before), Types.of(after))))
        judge.report = failures.append
        changes = judge(Author(unit, sides[1]), *assertions)
        if changes:
            verdict.update(changed=True, functions=[f.name for f in changes.funcs],
                           new=changes.new, kept=changes.kept, brought=changes.brought)
        else:
            # A structure that looks different, and that no code of the unit depends on.
            failures[:] = [f for f in failures if f.kind != LAYOUT]

    # What stands together:

    def _find_ties(self, units):
        ties = Ties()
        of_interest = [u for u in units if self.verdicts[u.obj]["changed"] or
                       self.verdicts[u.obj]["failures"]]
        providers = {name: u for u in of_interest for name in self.verdicts[u.obj]["provides"]}
        typed = {name: u for u in of_interest for name in self.verdicts[u.obj]["prototypes"]}
        for unit in of_interest:
            verdict = self.verdicts[unit.obj]
            for name in verdict["wants"]:
                if name in providers:
                    ties.need(unit.obj, providers[name].obj, f"{name}()")
            for name in typed.keys() & set(verdict["refers"]):
                ties.tie(unit.obj, typed[name].obj, f"the prototype of {name}()")
        for unit, headers in self._reaching(of_interest):
            self._excuse_layouts(unit, headers)
            for name in headers:
                self.triage.set_reached(name, unit)
                if not self.decisions.use("separate", name):
                    ties.tie(unit.obj, name, name)
        return ties

    def _excuse_layouts(self, unit, headers):
        """If no changed header makes a difference to the code of a unit, it does not depend on
        the layouts that they define. @headers: those that do: a constant of one of them may
        be the size of an array in a structure of another.
        """
        def is_excused(failure):
            places = failure.kind == LAYOUT and self._definers(failure.where[1])
            return places and unit.source not in places

        if headers:
            return
        failures = self.triage.failures(unit.obj)
        failures[:] = [f for f in failures if not is_excused(f)]

    def _definers(self, name):
        """Files of the difference that define the structure or enumeration @name."""
        if name not in self.definers:
            pattern = re.compile(r"\b" + r"\s+".join(map(re.escape, name.split())) + r"\s*{")
            self.definers[name] = set()
            for file in self.diffs.files:
                for path in (self.farm.original(file), os.path.join(self.farm.path, file)):
                    with open(path, encoding="utf-8", errors="replace") as stream:
                        if " " in name and pattern.search(stream.read()):
                            self.definers[name].add(file)
        return self.definers[name]

    def _reaching(self, units):
        """For each unit, the changed headers that make a difference to it."""
        headers = {n for n in self.diffs.files if n.endswith(".h")}
        todo, found = [], {}
        for unit in units:
            read = self._record("after", unit)["read"] or self._record("before", unit)["read"]
            candidates = sorted(headers.intersection(read))
            key = key_of(self.judged, unit.command)
            record = self.state.get("headers", unit.obj, key)
            if record is not None or not candidates:
                found[unit.obj] = record or []
            else:
                todo.append((unit, candidates))
        headers = sorted(headers)
        # What is traced is not traced again after an interruption.
        for start in range(0, len(todo), TRACED_AT_ONCE):
            some = todo[start:start + TRACED_AT_ONCE]
            differing = self._differing(some, headers)
            traced = self._trace([p for p in some if p[0].obj in differing], headers)
            for unit, _ in some:
                found[unit.obj] = traced.get(unit.obj, [])
                self.state.put("headers", unit.obj, key_of(self.judged, unit.command),
                               found[unit.obj])
        return [(u, found[u.obj]) for u in units]

    def _trace(self, pairs, headers):
        """Which of @headers make a difference to each unit of @pairs, to which all of them
        together make one, by halving them. It may take two of them.
        """
        if len(headers) == 1:
            return {unit.obj: headers for unit, _ in pairs}
        found = defaultdict(list)
        half = len(headers) // 2
        for part, rest in ((headers[:half], headers[half:]), (headers[half:], headers[:half])):
            some = [(u, c) for u, c in pairs if set(part).intersection(c)]
            asked = [(u, c) for u, c in some if set(rest).intersection(c)]
            differing = {u.obj for u, _ in some} - {u.obj for u, _ in asked} | \
                self._differing(asked, part)
            if differing:
                traced = self._trace([p for p in some if p[0].obj in differing], part)
                for obj, names in traced.items():
                    found[obj] += names
        return {u.obj: found[u.obj] or [h for h in headers if h in c] for u, c in pairs}

    def _differing(self, pairs, headers):
        """Objects that are others if @headers are as they were."""
        def differs(unit):
            if self._record("after", unit)["failure"]:
                return True
            obj = self.state.path("reverted", unit.obj)
            try:
                self.compiler.compile_unit(unit, obj, True)
            except (Failure, Missed):
                return True
            return code_of(obj) != code_of(self.state.path("after", unit.obj))

        with self.farm.reverted(headers), ThreadPoolExecutor(self.options.jobs) as pool:
            text = headers[0] if len(headers) == 1 else f"{len(headers)} headers"
            found = self.progress.each(f"tracing {text}",
                                       pool.map(lambda p: differs(p[0]), pairs), len(pairs))
            return {p[0].obj for p, is_other in zip(pairs, list(found)) if is_other}

    # The module:

    def _chosen(self, ties):
        """Units to patch: all that change, but for those that fail and what needs them."""
        units = {u.obj: u for u in self.triage.units()}
        failed = [o for o in units if self.triage.failures(o)]
        reached = ties.reached(failed)
        chosen = []
        for obj, unit in units.items():
            if obj in failed or not self.verdicts[obj]["changed"]:
                continue
            if obj in reached:
                cause, by = reached[obj]
                self.triage.set_tied(obj, Failure(
                    REFUSED, unit.source, f"needs, by {by}, {units[cause].source}, which is "
                    "not patched", f"do what {units[cause].source} needs" +
                    (f", or decide: separate {by}: why" if by in self.diffs.files else ""),
                    TIED))
            else:
                chosen.append(unit)
        return chosen

    def _load(self, unit, place):
        """What changes in a unit, as it was judged, in a file of its own."""
        verdict = self.verdicts[unit.obj]
        path = os.path.join(place, "objects", unit.obj)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(self.state.path("judged", "diff", unit.obj), path)
        changes = Changes(unit, self.kernel.linked(unit.modname),
                          Elf(self.state.path("judged", "before", unit.obj)), path,
                          SimpleNamespace(kept=verdict["kept"], brought=verdict["brought"]))
        list(changes.verify(self.kernel.linked))
        return changes

    def _module(self, units, place):
        changes = [self._load(u, place)
                   for u in self.progress.each("reading what changes", units, len(units))]
        authors = {u.obj: Author(u, self.state.path("after", u.obj)) for u in units}
        return Module(self, changes, authors,
                      Fixes([], self.options.fixes + self.triage.fixes()))

    def _build(self, ties):
        """Link all that can be patched. What the link refuses is left out, and the rest
        is tried again.
        """
        for attempt in range(100):
            place = os.path.join(self.work, f"link{attempt}")
            units = self._chosen(ties)
            self.triage.cover(self.changelog)
            if not units:
                self._report(ties)
                raise Failure(REFUSED, self.options.update[0], "has no part that can be patched "
                              "without an author", "see the report, and decide")
            try:
                module = self._module(units, place)
                path = None if self.options.check else module.link(place)
            except Failure as failure:
                if failure.code not in (REFUSED, LINK):
                    raise
                self._blame(failure, units, ties, place)
                shutil.rmtree(place, ignore_errors=True)
                continue
            break
        self._report(ties, module)
        loading = sorted({f.name for c in module.changes for f in c.funcs
                          if LOADING.match(f.name)})
        if loading:
            self.note(f"replaces {', '.join(loading)}, in which insmod is: load the module with "
                      "enable=0, and enable it then")
        if path:
            self.put(path)

    def _blame(self, failure, units, ties, place):
        """Take the unit that @failure is about for one that cannot be patched."""
        named = [u for u in units if failure.where and failure.where[0] == u.source]
        if failure.code == LINK and not named:
            named = self._culprit(units, ties, place)
        if not named:
            raise failure
        for unit in named:
            self.triage.add_failure(unit.obj, failure)

    def _culprit(self, units, ties, place):
        """The units of the smallest part with which the link fails; none if it takes several."""
        by_object = {u.obj: u for u in units}
        parts = [[by_object[o] for o in p] for p in ties.parts(sorted(by_object))]

        def fails(some):
            place_of_trial = os.path.join(place, f"trial{len(os.listdir(place))}")
            try:
                self._module(sum(some, []), place_of_trial).link(place_of_trial)
            except Failure:
                return True
            return False

        while len(parts) > 1:
            half = len(parts) // 2
            parts = next((some for some in (parts[:half], parts[half:]) if fails(some)), [])
        return parts[0] if parts else []

    # The report:

    def _report(self, ties, module=None):
        self.progress.stage("looking for callers")
        self.triage.set_callers(callers_of(self.triage.impossible(), self.kernel.build, self.run))
        report = self.triage.report(self.kernel.release, self.options.update, self.decisions,
                                    ties, module.info if module else [])
        self.triage.write(report, self.options.report)
