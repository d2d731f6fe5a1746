# SPDX-License-Identifier: GPL-2.0-only
"""What has become of each file and function of an update, and of the fixes that it has.

Each file is in one category, so the sums over all categories are those of the difference.
"""

import json
import os
from collections import Counter, defaultdict

from common import DATA, IMPOSSIBLE, KEEP, LAYOUT, SETUP, UNAFFECTED, USAGE, Failure
from page import as_page

VERSION = 1
PATCHED, AUTHOR, TIED, LEFT_OUT, FAILED = "patched", "author", "tied", "left out", "failed"
# With what each means; of several, the one that is nearest to the end counts.
CATEGORIES = {
    UNAFFECTED: "no effect on this kernel in this configuration",
    PATCHED: "the module has it",
    LEFT_OUT: "left out by decision",
    TIED: "needs something that is not patched",
    AUTHOR: "needs an author",
    IMPOSSIBLE: "cannot be patched",
    FAILED: "could not be judged",
}
ORDER = list(CATEGORIES)
COUNTED = ("files", "hunks", "added", "removed")


def category_of(failure):
    if failure.kind in CATEGORIES:
        return failure.kind
    return FAILED if failure.code == SETUP else AUTHOR


def remedy_of(failure):
    """What an author can do, decisions included."""
    decisions = {LAYOUT: "layout {2}", DATA: "data {0} {1}", KEEP: "keep {0} {1}"}
    if failure.kind not in decisions or len(failure.where) < 2:
        return failure.remedy
    decision = decisions[failure.kind].format(*failure.where[:2], failure.where[1].split()[-1])
    return f"{failure.remedy}, or decide: {decision}: why"


def worst(categories):
    return max(categories, key=ORDER.index, default=UNAFFECTED)


class Triage:
    def __init__(self, difference):
        self.difference = difference
        self._file_failures = {}
        self._users = {}		# objects, by the name of a changed file
        self._others = defaultdict(list)	# what else uses it
        self._reached = defaultdict(set)	# those that a header makes a difference to
        self._units = {}		# by object
        self._failures = {}
        self._tied = {}
        self._verdicts = {}
        self._entries = []
        self._callers = {}		# by the name of a function that has no hook

    def impossible(self):
        """Functions that cannot be patched themselves."""
        return sorted({f.where[1] for failures in self._failures.values() for f in failures
                       if f.kind == IMPOSSIBLE and len(f.where) > 1})

    def set_callers(self, callers):
        self._callers = callers

    def set_file(self, name, failure):
        self._file_failures[name] = failure

    def set_users(self, name, objects):
        self._users[name] = objects

    def add_other(self, name, obj, is_foreign):
        self._others[name].append(
            f"{obj} uses it, " + ("which is no part of the running kernel" if is_foreign else
                                  "which is assembler code: check that it need not change"))

    def set_unit(self, unit, failures, verdict=None):
        self._units[unit.obj] = unit
        self._failures[unit.obj] = failures
        self._verdicts[unit.obj] = verdict or {"changed": False, "functions": [], "new": [],
                                               "kept": []}

    def set_reached(self, header, unit):
        self._reached[header].add(unit.obj)

    def set_tied(self, obj, failure):
        self._tied[obj] = failure

    def add_failure(self, obj, failure):
        self._failures[obj].append(failure)
        self._tied.clear()

    def units(self):
        return [self._units[obj] for obj in sorted(self._units)]

    def failures(self, obj):
        return self._failures[obj]

    # Categories:

    def _of_unit(self, obj):
        if self._failures[obj]:
            return worst(category_of(f) for f in self._failures[obj])
        if obj in self._tied:
            return TIED
        return PATCHED if self._verdicts[obj]["changed"] else UNAFFECTED

    def _of_file(self, name):
        if name in self._file_failures:
            return category_of(self._file_failures[name])
        users = self._users.get(name, ()) if name.endswith(".c") else self._reached[name]
        return worst(self._of_unit(obj) for obj in users if obj in self._units)

    def _of_function(self, obj, name):
        """By what is wrong with it, or else with its unit."""
        own = [category_of(f) for f in self._failures[obj] if name in f.where[1:]]
        return worst(own) if own else self._of_unit(obj)

    # Fixes:

    def cover(self, changelog):
        """Which entries are patched."""
        changelog.find_files(self.difference)
        self._entries = []
        for entry in changelog.entries:
            found = {self._of_file(f) for f in entry.files} - {UNAFFECTED}
            coverage = "unknown" if not entry.files else "no effect" if not found else \
                "covered" if found == {PATCHED} else \
                "partly" if PATCHED in found else "not covered"
            self._entries.append((entry, coverage))

    def fixes(self):
        """As --fixes takes them: of entries that name their files, and are covered."""
        found = []
        for entry, coverage in self._entries:
            if coverage == "covered" and entry.found_by == "files":
                found += entry.cves
                found += [f'{c} ("{entry.subject}")' for c in entry.commits]
        return found

    # The report:

    def report(self, release, names, decisions, ties, info):
        files = [self._describe_file(f) for f in self.difference.files.values()]
        units = [self._describe_unit(obj) for obj in sorted(self._units)
                 if self._of_unit(obj) != UNAFFECTED]
        sums = {what: Counter() for what in COUNTED + ("units", "functions")}
        for file in files:
            for what in COUNTED:
                sums[what][file["category"]] += 1 if what == "files" else file[what]
        for unit in units:
            sums["units"][unit["category"]] += 1
            for func in unit["functions"]:
                sums["functions"][func["category"]] += 1
        sums["units"][UNAFFECTED] = len(self._units) - len(units)
        assert sums["files"].total() == len(self.difference.files)
        assert all(sums[w].total() == self.difference.total(w) for w in COUNTED[1:])
        changed = [obj for obj in sorted(self._units) if self._of_unit(obj) != UNAFFECTED]
        return {
            "version": VERSION,
            "kernel": release,
            "update": list(names),
            "categories": CATEGORIES,
            "sums": {what: {c: s[c] for c in ORDER} for what, s in sums.items()},
            "totals": {what: s.total() for what, s in sums.items()},
            "structures": self._structures(),
            "files": files,
            "units": units,
            "parts": [self._describe_part(p, ties) for p in ties.parts(changed)] if ties else [],
            "decisions": decisions.as_list(),
            "changelog": [{"subject": e.subject, "commits": e.commits, "cves": e.cves,
                           "files": e.files, "found_by": e.found_by, "coverage": c}
                          for e, c in self._entries],
            "fixes": [value for tag, value in info if tag == "fix"],
        }

    def _describe_file(self, file):
        name = file.name
        failure = self._file_failures.get(name)
        category = self._of_file(name)
        if not failure and category == UNAFFECTED:
            failure = Failure(0, name, "changes no code", "nothing needs to be done")
        users = self._users.get(name, ()) if name.endswith(".c") else \
            sorted(self._reached[name])
        return {
            "name": name,
            "category": category,
            "hunks": file.hunks,
            "added": file.added,
            "removed": file.removed,
            "units": [o for o in users if o in self._units and self._of_unit(o) != UNAFFECTED],
            "what": failure.what if failure else None,
            "remedy": failure.remedy if failure else None,
            "notes": self._others[name],
        }

    def _describe_unit(self, obj):
        unit, verdict = self._units[obj], self._verdicts[obj]
        failures = self._failures[obj] or [f for f in [self._tied.get(obj)] if f]
        return {
            "unit": obj,
            "source": unit.source,
            "object": unit.modname,
            "category": self._of_unit(obj),
            "functions": [self._describe_function(obj, n) for n in verdict["functions"]],
            "added": verdict["new"],
            "kept": verdict["kept"],
            "why": [{"category": category_of(f), "name": ": ".join(f.where[1:]) or None,
                     "what": f.what, "remedy": remedy_of(f)} for f in failures],
        }

    def _describe_function(self, obj, name):
        category = self._of_function(obj, name)
        return {"name": name, "category": category,
                "callers": [{"unit": o, "name": n} for o, n in self._callers.get(name, ())]
                if category == IMPOSSIBLE else []}

    def _describe_part(self, objects, ties):
        return {
            "units": objects,
            "category": worst(self._of_unit(o) for o in objects),
            "ties": sorted({why for o in objects for why in ties.needs[o].values()}),
        }

    def _structures(self):
        """What changes its layout, and whose code depends on that."""
        found = defaultdict(set)
        for obj, failures in self._failures.items():
            for failure in failures:
                if failure.kind == LAYOUT:
                    found[failure.where[1]].add(self._units[obj].source)
        return [{"name": n, "users": sorted(u)} for n, u in sorted(found.items())]

    @staticmethod
    def write(report, paths):
        print("\n".join(as_text(report)))
        for path in paths:
            kind = os.path.splitext(path)[1]
            text = as_page(report) if kind == ".html" else \
                json.dumps(report, indent=1) if kind == ".json" else "\n".join(as_text(report))
            try:
                with open(path + ".new", "w", encoding="utf-8",
                          errors="backslashreplace") as file:
                    file.write(text + "\n")
                os.replace(path + ".new", path)
            except OSError as error:
                raise Failure(USAGE, path, f"cannot be written: {error.strerror}",
                              "name another file with --report") from error


def table(report):
    """Rows of the sums: a category, and for each kind its number."""
    kinds = list(report["totals"])
    yield ("", *kinds)
    for category in report["categories"]:
        yield (category, *(report["sums"][k][category] for k in kinds))
    yield ("all", *report["totals"].values())


def as_text(report):
    for row in table(report):
        yield f"{row[0]:<12}" + "".join(f"{str(n):>11}" for n in row[1:])
    yield ""
    for structure in report["structures"]:
        yield f"{structure['name']} changes, and code of {', '.join(structure['users'])} " \
            "depends on it"
    for unit in report["units"]:
        start = f"{unit['category']}: {unit['object']}: {unit['source']}: "
        if unit["functions"] or unit["added"]:
            yield start + ", ".join([f["name"] for f in unit["functions"]] +
                                    [f"{n} (new)" for n in unit["added"]])
        for func in unit["functions"]:
            if func["callers"]:
                yield f"{start}{func['name']} is called by " + ", ".join(
                    f"{c['name']} ({c['unit']})" for c in func["callers"])
        for why in unit["why"]:
            yield start + (f"{why['name']}: " if why["name"] else "") + \
                f"{why['what']}; {why['remedy']}"
    for file in report["files"]:
        if file["what"]:
            yield f"{file['category']}: {file['name']}: {file['what']}; {file['remedy']}"
        for note in file["notes"]:
            yield f"{file['category']}: {file['name']}: {note}"
    for entry in report["changelog"]:
        ids = ", ".join(entry["cves"] + [c[:12] for c in entry["commits"]])
        yield f"{entry['coverage']}: " + (f"{ids}: " if ids else "") + entry["subject"]
