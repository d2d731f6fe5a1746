# SPDX-License-Identifier: GPL-2.0-only
"""What a changelog says was fixed, and in which files.

It is a log as git prints it, mails with patches, or debian/changelog. Only the first two may
name files. An entry of the third takes those of the entry with the same subject, or else those
in which the functions are that its text names.
"""

import re

from common import USAGE, Failure
from describe import CVE, GIT, MAIL, Message

BLOCK = re.compile(r"\S+ \((?:\d+:)?(\d+(?:\.\d+)+)[^)]*\) .*; urgency=")
BULLET = re.compile(r"\s+[*-] (.*)")
COMMIT = re.compile(r"(?:commit|(From)) ([0-9a-f]{40})\b")
NAME = re.compile(r"(?:diff --git a/\S+ b/|\+\+\+ b/|--- a/| )?([\w.,/+-]+)(?: +\|.*)?$")


class Entry:
    def __init__(self, subject, commits=(), cves=(), text="", names=()):
        self.subject = subject
        self.commits = list(commits)
        self.cves = sorted({c.upper() for c in cves})
        self.text = text
        self.names = set(names)		# of files, perhaps
        self.files = []			# of the difference
        self.found_by = None		# "files", "subject" or "functions"

    def key(self):
        """The subject, as all kinds of changelogs have it."""
        return re.sub(r"^(\[[^]]*\]\s*)+|\s*\((CVE-[\d-]+[, ]*)+\)", "", self.subject).lower()


def version_of(text):
    return [int(n) for n in text.split(".")]


class Changelog:
    def __init__(self, paths):
        self.entries = []
        for path in paths:
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    lines = file.read().split("\n")
            except OSError as error:
                raise Failure(USAGE, path, f"cannot be read: {error.strerror}",
                              "name the right file with --changelog") from error
            count = len(self.entries)
            if BLOCK.match(lines[0]):
                self._read_debian(lines)
            else:
                self._read_commits(lines)
            if len(self.entries) == count:
                raise Failure(USAGE, path, "has no entry", "give what git log prints, mails "
                              "with patches, or debian/changelog")

    def _read_commits(self, lines):
        message = None
        for line in lines + ["commit " + 40 * "0"]:
            commit = COMMIT.match(line)
            if commit:
                if message:
                    self._add(message)
                message = Message(MAIL if commit.group(1) else GIT, commit.group(2))
            elif message:
                message.lines.append(line)

    def _add(self, message):
        fixes = list(message.fixes())
        names = {m.group(1) for m in map(NAME.match, message.lines) if m}
        self.entries.append(Entry(
            message.subject() or message.own or "", [n for n, s in fixes if not CVE.match(n)],
            [n for n, s in fixes if CVE.match(n)], "\n".join(message.lines), names))

    def _read_debian(self, lines):
        """All versions that have the number of the first one."""
        first = current = BLOCK.match(lines[0]).group(1)
        texts = []
        for line in lines[1:]:
            block = BLOCK.match(line)
            current = block.group(1) if block else current
            if current != first or line.startswith(" -- "):
                texts.append(None)
                continue
            bullet = BULLET.match(line)
            if bullet:
                texts.append(bullet.group(1))
            elif texts and texts[-1] and line.startswith("   "):
                texts[-1] += " " + line.strip()
        for text in texts:
            # A line in front of others, and the address of a list.
            if text and not text.endswith(":") and "https:" not in text:
                self.entries.append(Entry(text, (), CVE.findall(text), text))

    def find_files(self, difference):
        """Which files of the difference each entry is about."""
        places = {}
        for file in difference.files.values():
            for name in file.functions:
                places.setdefault(name, []).append(file.name)
        by_key = {}
        for entry in self.entries:
            entry.files = sorted(entry.names & difference.files.keys())
            entry.found_by = "files" if entry.files else None
            if entry.files:
                by_key[entry.key()] = entry
        for entry in self.entries:
            if entry.files or entry.names & difference.files.keys():
                continue
            other = by_key.get(entry.key())
            named = {n for n in re.findall(r"(\w+)\(\)", entry.text) if n in places}
            if other:
                entry.files, entry.found_by = other.files, "subject"
                other.cves = sorted(set(other.cves + entry.cves))
            elif named:
                entry.files = sorted({f for n in named for f in places[n]})
                entry.found_by = "functions"
