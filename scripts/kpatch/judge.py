# SPDX-License-Identifier: GPL-2.0-only
"""Compare the objects of a unit, and check whether what changes can be patched."""

import os
from itertools import chain

from adjust import adjust
from changes import (Changes, check_always_live, check_ends, check_globals, check_renamed,
                     check_static_locals, check_tables, check_variables, newly_used)
from checksums import Checksums
from common import Failure
from elf import Elf
from layout import Types, changed_prototypes, check_layouts
from link import exports


class Judge:
    """@place: a directory with the objects in "before" and "after", which are prepared for the
    engine, and with the differences in "diff"; @report: is called with each failure, and may
    raise it
    """

    def __init__(self, kernel, engine, place, diffs, report):
        self.kernel = kernel
        self.engine = engine
        self.place = place
        self.diffs = diffs
        self.report = report
        self.exported = exports(kernel)
        self.changed = []	# functions of the unit, whether they can be patched or not

    def path(self, side, unit):
        return os.path.join(self.place, side, unit.obj)

    def _report(self, failures):
        for failure in failures:
            self.report(failure)

    def __call__(self, author, asserted, keep=(), keep_data=()):
        """Return what changes in the unit of @author, or None if no code does.

        @asserted: what may have another layout or type; @keep: functions that stay as they
        are; @keep_data: variables that do
        """
        unit = author.unit
        before, after, out = (self.path(side, unit) for side in ("before", "after", "diff"))
        self.changed = []
        types = [Types.of(Elf(path)) for path in (before, after)]
        self._report(check_layouts(unit, *types, asserted))
        used = newly_used(unit, Elf(before), Elf(after), self.kernel.linked, self.exported)
        self.engine.short.clear()
        self.engine.prepare(unit, before, used.pop(unit.modname))
        self.engine.prepare(unit, after, [])
        original, changed = Elf(before), Elf(after)
        self._report(chain(check_tables(unit, original, changed),
                           check_static_locals(unit, original, changed),
                           check_variables(unit, original, changed),
                           check_ends(unit, original, changed),
                           check_renamed(unit, original, changed, asserted),
                           check_globals(unit, original, changed, self.kernel.linked)))
        checksums = self._checksums(unit, before, after, author.get("keep") + list(keep),
                                    keep_data)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        if not self.engine.diff(unit, before, after, out, used.get("vmlinux", [])):
            author.check_unchanged()
            return None
        changes = Changes(unit, self.kernel.linked(unit.modname), original, out, checksums)
        adjust(changes, Elf(after), self.exported)
        prototypes = {p for p in changed_prototypes(*types) if p not in asserted}
        self._report(chain(changes.check_prototypes(prototypes, self.exported, self.diffs),
                           changes.verify(self.kernel.linked),
                           changes.check_short_jumps(self.engine.short),
                           check_always_live(self.kernel, changes)))
        return changes

    def _checksums(self, unit, before, after, keep, keep_data):
        checksums = Checksums(unit, before, after)
        for keep_it, names in ((checksums.keep_data, keep_data), (checksums.keep, keep)):
            for name in names:
                try:
                    keep_it(name)
                except Failure as failure:
                    self.report(failure)
        checksums.compare_details()
        self.changed = checksums.changed()
        checksums.check_aliases()
        checksums.replace_callers()
        checksums.write()
        return checksums
