#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make a report of what the benchmark measured, or compare it.

usage: report.py make RAW OUT RELEASE     bench.json, table.md, *.dat from all files in RAW
       report.py check RAW BENCH_JSON     fail if counts are worse by more than 5 %
       report.py readme TABLE README      put the table where the README has the last one

A line of raw results is: scenario, case, quantity, number, separated by tabs. Lines
may repeat: then they are repetitions of one measurement.
"""

import json
import pathlib
import statistics
import sys

# What is counted, and not waited for: the same in each run, so worth comparing.
COUNTED = {"instructions", "resolve", "hook", "list", "look", "watch", "stop"}
TOLERANCE = 1.05

# Tasks that happen to run right before a stop are scanned in it: one or two more or
# less from run to run, each some 700 instructions.
TWO_TASKS = 1500

BEGIN = "<!-- bench: make bench-record writes this -->"
END = "<!-- bench: end -->"


def read(paths):
    """All numbers of each measurement, by 'scenario/case/quantity'."""
    values = {}
    for path in paths:
        for line in path.read_text().splitlines():
            *name, number = line.split("\t")
            values.setdefault("/".join(name), []).append(int(number))
    return values


def summarise(values):
    """Median and spread of each measurement."""
    return {name: {"median": statistics.median(numbers), "min": min(numbers),
                   "max": max(numbers), "runs": len(numbers)}
            for name, numbers in sorted(values.items())}


class Results:
    """Medians by name, and how to format them."""

    def __init__(self, summary):
        self.summary = summary

    def get(self, name):
        """The median."""
        return self.summary[name]["median"]

    def has(self, *names):
        """Were they measured? After single steps the report has only a part of them."""
        return all(name in self.summary for name in names)

    def ms(self, name):
        """A time, as text; with its spread if that is more than a tenth."""
        entry = self.summary[name]
        if entry["max"] > 1.1 * entry["min"]:
            return (f"{number(entry['median'] / 1e6)} "
                    f"({number(entry['min'] / 1e6)} to {number(entry['max'] / 1e6)})")
        return number(entry["median"] / 1e6)

    def million(self, *names):
        """A sum of counts, in millions, as text."""
        return number(sum(self.get(n) for n in names) / 1e6) + " M"


def number(value):
    """Three digits are enough."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ahead(livepatch, kpatch):
    """The ratio, as text."""
    return f"{number(livepatch / kpatch)}x"


def rows(res):
    """The table: what, livepatch, kpatch, ratio."""
    def call(title, case):
        names = [f"calls/{system} {case}/instructions"
                 for system in ("livepatch", "kpatch")]
        if not res.has(*names):
            return
        lp, kp = map(res.get, names)
        yield title, f"{lp:g}", f"{kp:g}", f"{kp / lp:.2f} of livepatch"

    def time(title, lp, kp):
        if res.has(lp, kp):
            yield (title, res.ms(lp) + " ms", res.ms(kp) + " ms",
                   ahead(res.get(lp), res.get(kp)))

    yield from call("a call of a patched function, instructions", "stacked 1")
    yield from call("the same, in a module", "own")
    yield from call("the same, with 8 patches of the function", "stacked 8")
    yield from call("the same, with 1000 other functions patched", "beside 1000")
    yield from call("the same, with the function tracer on it", "with tracer")
    original = "calls/kpatch with original/instructions"
    if res.has(original):
        yield ("the same, with a replacement that calls the original", "",
               f"{res.get(original):g}", "")
    for n in (1, 10, 100, 1000):
        yield from time(f"load a patch until live, functions: {n}",
                        f"functions/livepatch {n}/insert",
                        f"functions/kpatch {n}/insert")
    for n in (1, 10, 100, 1000):
        yield from time(f"disable a patch, functions: {n}", f"functions/livepatch {n}/disable",
                        f"functions/kpatch {n}/disable")
    for n in (1, 1000):
        yield from time(f"unload a patch, functions: {n}", f"functions/livepatch {n}/unload",
                        f"functions/kpatch {n}/unload")
    for title, quantity in (("load until live", "insert"), ("disable", "disable")):
        yield from time(f"{title}, 1000 functions of vmlinux and 3 modules "
                        "(kpatch: and 1000 symbols)", f"objects/livepatch objects/{quantity}",
                        f"objects/kpatch objects/{quantity}")
    for t in (0, 100, 1000, 5000, 10000):
        yield from time(f"enable until live, {t} threads asleep elsewhere",
                        f"tasks/livepatch {t} asleep/enable",
                        f"tasks/kpatch {t} asleep/enable")
    for func in ("pipe_read", "ksys_read", "futex_wait"):
        yield from time(f"enable until live, 1000 threads asleep in {func}()",
                        f"inside/livepatch 1000 {func}/enable",
                        f"inside/kpatch 1000 {func}/enable")
    for case, title in (("quiet", "2 CPUs, idle"), ("fork", "2 CPUs, one task that forks all the time"),
                        ("4 syscalls", "2 CPUs, 4 threads in system calls"),
                        ("1 in read_zero", "2 CPUs, 1 thread that calls the function all the time"),
                        ("4 in read_zero", "2 CPUs, 4 threads that call the function all the time")):
        yield from time(f"enable until live, {title}", f"busy/livepatch {case}/enable",
                        f"busy/kpatch {case}/enable")
    for n in (1, 10, 100, 1000):
        lp = f"check/livepatch load {n}/transition"
        names = [f"check/kpatch load {n}/{q}" for q in ("list", "look", "watch", "stop")]
        if not res.has(lp, *names):
            continue
        lp = res.get(lp)
        yield (f"scan 5000 tasks, instructions, functions: {n}",
               number(lp / 1e6) + " M", res.million(*names),
               ahead(lp, sum(res.get(name) for name in names)))


def object_rows(res):
    """A patch of several objects, with symbols, beside one of vmlinux, without."""
    for title, quantity in (("load until live", "insert"), ("disable", "disable"),
                            ("unload", "unload")):
        names = [f"objects/kpatch {case}/{quantity}" for case in ("1000", "objects")]
        if res.has(*names):
            yield (title, *(res.ms(name) + " ms" for name in names),
                   f"{res.get(names[1]) / res.get(names[0]):.2f}x")


def set_rows(res):
    """Several patches in one switch; a patch that takes the place of another one."""
    for title, one, other in (
            ("enable 10 functions: one patch, 10 patches in one switch",
             "functions/kpatch 10/write", "sets/on/set"),
            ("disable them", "functions/kpatch 10/disable", "sets/off/set"),
            ("1000 functions: enable a patch, replace one by another",
             "functions/kpatch 1000/write", "sets/replace 1000/write")):
        if res.has(one, other):
            yield (title, res.ms(one) + " ms", res.ms(other) + " ms",
                   f"{res.get(other) / res.get(one):.2f}x")


def late_rows(res):
    """What a module that comes takes longer than without a patch."""
    for title, case in (("no function of it", "1"), ("1 function", "late1"),
                        ("100 functions", "late100")):
        for action, quantity in ("load", "insert"), ("unload", "unload"):
            names = [f"late/{case}/{quantity}" for case in
                     ("no patch", f"livepatch {case}", f"kpatch {case}")]
            if res.has(*names):
                yield (f"{action}, {title}", *(res.ms(name) + " ms" for name in names),
                       ahead(res.get(names[1]), res.get(names[2])))


def stop_rows(res):
    """The pause: tasks, functions, CPUs, stack depth; ours, empty."""
    def row(title, ours, empty):
        if not res.has(ours, empty):
            return
        ours, empty = res.get(ours), res.get(empty)
        yield title, number(ours / 1e3), number(empty / 1e3), f"{ours / empty:.1f}x"

    for t in (0, 100, 1000, 5000, 10000):
        yield from row(f"{t} threads asleep", f"phases/kpatch on {t} asleep/stop",
                  f"phases/empty {t} asleep/stop")
    yield from row("20000 threads asleep, work in the stop: with a task that forks, and without",
                   "forks/kpatch 20000 asleep, one forks/work_ns",
                   "forks/kpatch 20000 asleep/work_ns")
    for n in (1, 10, 100, 1000):
        yield from row(f"5000 threads asleep, functions: {n}", f"check/kpatch on {n}/stop",
                  f"check/empty {n}/stop")
    for depth in (1, 10, 30, 100):
        yield from row(f"1000 threads asleep, call depth: {depth}", f"depth/kpatch on {depth}/stop",
                  f"depth/empty {depth}/stop")
    for cpus in (1, 2, 4, 8):
        for t in (0, 1000):
            yield from row(f"{t} threads asleep, CPUs: {cpus}, taking turns",
                      f"stop/kpatch on {cpus} CPUs, {t} asleep/stop",
                      f"stop/empty {cpus} CPUs, {t} asleep/stop")


def hold_rows(res):
    """How long tasks are held: tasks that were parked, enable until live, longest hold."""
    cases = [(f"inside/kpatch 1000 {func}", f"1000 threads asleep in {func}()")
             for func in ("pipe_read", "ksys_read", "futex_wait")]
    cases += [("hold/kpatch other", "1000 threads asleep in pipe_read(), both CPUs busy"),
              ("hold/kpatch idle", "the same, requester in the idle scheduling class"),
              ("busy/kpatch 1 in read_zero", "1 thread that calls the function all the time"),
              ("busy/kpatch 4 in read_zero", "4 threads that call the function all the time")]
    for name, title in cases:
        if res.has(f"{name}/parked", f"{name}/hold_ns"):
            yield (title, f"{res.get(f'{name}/parked'):g}", res.ms(f"{name}/enable") + " ms",
                   res.ms(f"{name}/hold_ns") + " ms")


def phase_rows(res):
    """Where the time of a write goes."""
    for t in (0, 1000, 10000):
        names = [f"phases/kpatch on {t} asleep/{q}" for q in ("hook", "list", "look", "watch", "stop")]
        if res.has(*names):
            yield [f"enable, {t} threads asleep"] + [
                number(res.get(name) / 1e3) for name in names]


def cost_rows(res):
    """What either costs when it is built in and no patch is loaded."""
    titles = {"text": "bytes of text and constants",
              "data": "bytes of data", "bss": "bytes of zero-initialised data",
              "init_task": "bytes of task_struct",
              "do_idle": "bytes of do_idle()", "__schedule": "bytes of __schedule()",
              "copy_process": "bytes of copy_process()", "do_exit": "bytes of do_exit()",
              "syscall": "instructions of getppid()", "switch": "instructions of a switch between two processes through a pipe",
              "fork": "instructions of fork, exit and wait"}
    for key, title in titles.items():
        if not res.has(*(f"costs/{system}/{key}" for system in ("none", "livepatch", "kpatch"))):
            continue
        base = res.get(f"costs/none/{key}")
        yield (title, f"{base:,.0f}") + tuple(
            f"{res.get(f'costs/{system}/{key}') - base:+,.0f}"
            for system in ("livepatch", "kpatch"))


def limit_rows(res):
    """What any redirection would cost."""
    for case, title in (("plain", "a function without an ftrace site"),
                        ("traceable", "a function with an unused ftrace site"),
                        ("jump", "a jump to the new function, the limit"),
                        ("direct", "an ftrace direct call to a stub that jumps to the new function"),
                        ("empty", "an empty ftrace callback"),
                        ("regs", "an empty ftrace callback with all registers saved"),
                        ("tracer", "the function tracer alone")):
        if res.has(f"calls/{case}/instructions"):
            yield title, f"{res.get(f'calls/{case}/instructions'):g}"


def markdown(header, body):
    """A table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    return "\n".join(lines) + "\n"


def write_table(res, release, out):
    """table.md"""
    out.write_text(
        f"Linux {release}, one instruction is one nanosecond (`-icount`), medians, with the "
        "range where it exceeds a tenth.\n\n"
        + markdown(("", "livepatch", "kpatch", "kpatch ahead by"), rows(res))
        + "\nFor comparison, instructions of a call:\n\n"
        + markdown(("", "instructions"), limit_rows(res))
        + "\nA patch of 1000 functions:\n\n"
        + markdown(("", "vmlinux", "vmlinux and 3 modules, 1000 symbols", ""), object_rows(res))
        + "\nSets of patches:\n\n"
        + markdown(("", "one patch", "several", ""), set_rows(res))
        + "\nA module of 100 functions comes and goes, while a patch replaces:\n\n"
        + markdown(("", "no patch", "livepatch", "kpatch", "kpatch ahead by"), late_rows(res))
        + "\nDuration of a stop, in thousands of instructions:\n\n"
        + markdown(("", "kpatch", "an empty stop_machine()", ""), stop_rows(res))
        + "\nHow long tasks are held:\n\n"
        + markdown(("", "tasks parked", "enable until live", "longest hold"), hold_rows(res))
        + "\nWhere the time of a write goes, in thousands of instructions:\n\n"
        + markdown(("", "hook (ftrace)", "list tasks", "prescan", "track", "stop"), phase_rows(res))
        + "\nCost without a loaded patch:\n\n"
        + markdown(("", "neither", "livepatch", "kpatch"), cost_rows(res)))


def write_data(res, out):
    """What the plots are made of: x, livepatch, kpatch."""
    def table(name, xs, *columns):
        with (out / f"{name}.dat").open("w") as file:
            for x in xs:
                values = [res.get(c.format(x)) if res.has(c.format(x)) else "?"
                          for c in columns]
                print(x, *values, file=file)

    table("functions", (1, 10, 100, 1000),
          "functions/livepatch {}/insert", "functions/kpatch {}/insert",
          "functions/livepatch {}/disable", "functions/kpatch {}/disable")
    table("inside", (1, 100, 1000),
          "inside/livepatch {} pipe_read/enable", "inside/kpatch {} pipe_read/enable")
    table("tasks", (0, 100, 1000, 5000, 10000),
          "tasks/livepatch {} asleep/enable", "tasks/kpatch {} asleep/enable")
    table("stop", (0, 100, 1000, 5000, 10000),
          "phases/kpatch on {} asleep/stop", "phases/empty {} asleep/stop")


def make(raw, out, release):
    """Write the report."""
    raw, out = pathlib.Path(raw), pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    summary = summarise(read(sorted(p for p in raw.iterdir() if p.name != "check")))
    (out / "bench.json").write_text(
        json.dumps({"kernel": release, "results": summary}, indent=1) + "\n")
    write_table(Results(summary), release, out / "table.md")
    write_data(Results(summary), out)


def check(raw, committed):
    """Compare the counts; the exit status is the verdict."""
    new = summarise(read([pathlib.Path(raw)]))
    old = json.loads(pathlib.Path(committed).read_text())["results"]
    names = [name for name in sorted(set(new) & set(old))
             if name.rsplit("/", 1)[1] in COUNTED and "livepatch" not in name]
    worse = 0
    for name in names:
        # The least of several runs is one that no timer has interrupted.
        before, now = old[name]["min"], new[name]["min"]
        slack = TWO_TASKS if name.endswith("/stop") else 0
        if now > TOLERANCE * before + slack:
            worse += 1
            print(f"FAIL bench: {name}: {before:,} instructions before, now {now:,}")
        elif now < before / TOLERANCE - slack:
            print(f"     bench: {name}: {before:,} instructions before, now {now:,}; "
                  "record that")
    if not names:
        sys.exit("FAIL bench: nothing to compare")
    print(f"{'FAIL' if worse else 'PASS'} bench: {len(names)} instruction counts, "
          f"{worse} worse by more than 5 %")
    sys.exit(worse != 0)


def readme(table, path):
    """Replace the table in the README by the first table."""
    path = pathlib.Path(path)
    before, rest = path.read_text().split(BEGIN)
    after = rest.split(END)[1]
    text = pathlib.Path(table).read_text().split("\nFor comparison")[0]
    path.write_text(before + BEGIN + "\n\n" + text + "\n" + END + after)


def main():
    """Do what the first argument says."""
    commands = {"make": make, "check": check, "readme": readme}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
