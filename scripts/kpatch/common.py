# SPDX-License-Identifier: GPL-2.0-only
"""Errors, and commands that are run."""

import os
import shlex
import subprocess
import sys
import time

# Exit codes: one for each kind of failure.
USAGE = 2		# options
SETUP = 3		# the kernel build, the compiler or a tool is missing or wrong
PATCH = 4		# the diff does not apply, or changes files that cannot be patched
COMPILE = 5		# a changed file does not compile, or has new warnings
REFUSED = 6		# the code that changes cannot be patched at run time
NO_EFFECT = 7		# no code changes
LINK = 8		# the module does not link
INTERNAL = 9		# a bug of the tool


# Kinds of failures that are more special than the code.
LAYOUT = "layout"		# of data; no code may depend on it
DATA = "data"			# has another initial value
KEEP = "keep"			# a function, which may stay as it is
IMPOSSIBLE = "impossible"	# whatever an author does
UNAFFECTED = "unaffected"	# nothing is missing


class Failure(Exception):
    """@where: file and function, as far as known; @remedy: what the user can do."""

    def __init__(self, code, where, what, remedy, kind=None):
        super().__init__(what)
        self.code = code
        self.where = [where] if isinstance(where, str) else [w for w in where if w]
        self.what = what
        self.remedy = remedy
        self.kind = kind

    def as_dict(self):
        return {"code": self.code, "where": self.where, "what": self.what,
                "remedy": self.remedy, "kind": self.kind}

    def __str__(self):
        line = ": ".join(["kpatch build", *self.where, f"{self.what}; {self.remedy}"])
        return " ".join(line.split())


class Progress:
    """One line for each stage, on a terminal or if @verbose."""

    is_open = False	# a line that ends when the stage does

    def __init__(self, verbose):
        self.counts = sys.stderr.isatty() and not verbose
        self.shown = sys.stderr.isatty() or verbose

    @classmethod
    def warn(cls, failure):
        cls.close()
        print(failure, file=sys.stderr)

    def stage(self, text):
        if self.shown:
            print(f"kpatch build: {text}", file=sys.stderr)

    def each(self, text, items, total):
        """Pass @items on, and count them."""
        if not self.counts:
            self.stage(text)
        begin = time.monotonic()
        for done, item in enumerate(items, 1):
            if self.counts:
                Progress.is_open = True
                left = (time.monotonic() - begin) / done * (total - done) / 60
                left = f", {left:.0f} min left" if left > 1 else ""
                line = f"\rkpatch build: {text}, {done} of {total}{left}"
                print(line.ljust(len(text) + 40 if left else 0), end="", flush=True,
                      file=sys.stderr)
            yield item
        self.close()

    @classmethod
    def close(cls):
        if cls.is_open:
            print(file=sys.stderr)
        cls.is_open = False


class Runner:
    """Runs commands and, if @verbose, prints them."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.environment = {k: v for k, v in os.environ.items()
                            if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "KBUILD_OUTPUT",
                                         "KBUILD_EXTMOD", "M", "O", "KCFLAGS", "ARCH")}
        self.environment["LC_ALL"] = "C"
        # With a base directory ccache would make the paths of the copy relative, and then
        # no -fmacro-prefix-map matches them.
        self.environment["CCACHE_DISABLE"] = "1"

    def __call__(self, command, cwd=None):
        """Return exit status, output and errors of @command."""
        if self.verbose:
            place = f"cd {shlex.quote(cwd)} && " if cwd else ""
            print(f"+ {place}{shlex.join(command)}", file=sys.stderr)
        try:
            done = subprocess.run(command, cwd=cwd, env=self.environment,
                                  stdin=subprocess.DEVNULL, text=True, errors="replace",
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  check=False)
        except OSError as error:
            raise Failure(SETUP, command[0], f"cannot be run: {error.strerror}",
                          "install it") from error
        if self.verbose and done.stderr:
            print(done.stderr, end="", file=sys.stderr)
        return done.returncode, done.stdout, done.stderr


def first_error(text):
    """The line of @text that tells most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if "error" in line.lower():
            return line
    return lines[-1] if lines else "no message"
