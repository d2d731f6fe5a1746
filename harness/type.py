#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Use a terminal as somebody would who sits at it.

usage: type.py SECONDS COMMAND... < LINES

Runs COMMAND on a terminal of its own. LINES has pairs of lines: text to wait for in
what COMMAND prints, behind what was waited for before, and keys to type then; \\r and
\\x03 and the like are understood. Prints all that COMMAND prints. Fails if it fails,
or ends before all was typed, or does not end within SECONDS.
"""

import os
import pty
import select
import signal
import sys
import time


def script(lines):
    """The pairs, as bytes."""
    lines = [line.encode().decode("unicode_escape").encode() for line in lines]
    return list(zip(lines[::2], lines[1::2]))


def talk(terminal, todo, deadline):
    """Type all there is to type, and read to the end. Returns what is left."""
    seen = b""
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:     # how a terminal says that nobody has it any more
            data = b""
        if not data:
            return todo
        sys.stdout.buffer.write(data)
        seen += data
        while todo and todo[0][0] in seen:
            seen = seen[seen.index(todo[0][0]) + len(todo[0][0]):]
            time.sleep(1)       # nobody types while the prompt appears
            os.write(terminal, todo[0][1])
            todo = todo[1:]
    sys.stdout.flush()
    sys.exit("FAIL: it does not end")


def main():
    """Run it all."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    deadline = time.monotonic() + float(sys.argv[1])
    todo = script(sys.stdin.read().splitlines())
    child, terminal = pty.fork()
    if not child:
        os.execvp(sys.argv[2], sys.argv[2:])
    try:
        left = talk(terminal, todo, deadline)
    except SystemExit:
        os.killpg(child, signal.SIGKILL)
        raise
    sys.stdout.flush()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if left:
        sys.exit(f"FAIL: it ended before {left[0][0]!r} was seen")
    sys.exit(status)


if __name__ == "__main__":
    main()
