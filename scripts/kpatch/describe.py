# SPDX-License-Identifier: GPL-2.0-only
"""What a patch says of itself: the fixes that it carries, an expiry date, what made it.

Fixes come from the text in front of the diffs, as git show, git format-patch and the mails
of the stable kernels have it, and from --fixes.
"""

import datetime
import re
from email.header import decode_header, make_header

from common import USAGE, Failure

CVE = re.compile(r"\bCVE-\d{4}-\d{4,}\b", re.I)
SHA = "([0-9a-f]{12,40})"
# Where a message names the commit that it is a copy of; the first kind that is found counts,
# for a copy of a copy names both.
ORIGINS = [re.compile(p, re.I | re.M) for p in (
    rf"^(?:\[ *)?upstream[ -]commit:? {SHA}(?: *\])?$|^commit {SHA} upstream\.?$|"
    rf"^origin: .*(?:/linus/|/commit/|\bid=){SHA}\b",
    rf"^\((?:cherry picked|backported) from commit {SHA}\b",
    r"^commit ([0-9a-f]{40})\nAuthor: ")]
GIT, MAIL, OTHER = range(3)


class Message:
    """The text in front of the diff of one commit."""

    def __init__(self, kind, own=None):
        self.kind = kind
        self.own = own if own and own.strip("0") else None
        self.lines = []

    def subject(self):
        if self.kind == GIT:
            return next((l.strip() for l in self.lines if l.startswith("    ") and l.strip()),
                        None)
        text = re.search(r"^Subject:(.*(?:\n[ \t].*)*)", "\n".join(self.lines), re.M | re.I)
        if not text:
            return None
        try:
            subject = str(make_header(decode_header(" ".join(text.group(1).split()))))
        except (LookupError, ValueError):
            subject = text.group(1)
        return re.sub(r"^(\s*\[[^\]]*\])+", "", subject).strip()

    def commits(self):
        text = "\n".join(line.strip() for line in self.lines)
        for pattern in ORIGINS:
            found = [next(g for g in match.groups() if g) for match in pattern.finditer(text)]
            if found:
                return found
        return [self.own] if self.own else []

    def fixes(self):
        subject = self.subject()
        for commit in self.commits():
            yield commit, subject
        for line in self.lines:
            # Such a line names the commit that was at fault.
            if not re.match(r"\s*Fixes:(?!\s*CVE-)", line, re.I):
                for name in CVE.findall(line):
                    yield name, None


def messages(lines):
    """Split the text outside of hunks."""
    message = Message(OTHER)
    for line in lines:
        mail = re.match(r"From ([0-9a-f]{40}) ", line)
        git = re.match(r"commit ([0-9a-f]{40})( \(|$)", line)
        if mail or git and message.kind != MAIL:
            yield message
            message = Message(MAIL if mail else GIT, (mail or git).group(1))
        elif line.startswith(("diff ", "Index: ")):
            yield message
            message = Message(OTHER)
        else:
            if message.kind == OTHER and re.match(r"(From|Subject): ", line):
                message.kind = MAIL
            message.lines.append(line)
    yield message


class Fixes:
    """Names of CVEs, and of commits with their subjects, each once."""

    def __init__(self, headers, given):
        self._found = {}
        for lines in headers:
            for message in messages(lines):
                for name, subject in message.fixes():
                    self._add(name, subject)
        for text in given:
            self._add(*self._parse(text))

    def _add(self, name, subject):
        name = name.upper() if CVE.match(name) else name.lower()[:12]
        self._found[name] = self._found.get(name) or subject

    @staticmethod
    def _parse(text):
        match = re.fullmatch(rf"{SHA}(?: \(\"(.*)\"\))?", text.strip(), re.I)
        if match:
            return match.groups()
        if CVE.fullmatch(text.strip()):
            return text.strip(), None
        raise Failure(USAGE, text, "is no fix",
                      "name a CVE or a commit, of which 12 digits are needed")

    def values(self):
        """As modinfo fields have them."""
        return [f'{name} ("{printable(subject)}")' if subject else name
                for name, subject in self._found.items()]


def printable(text):
    text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def expiry(text):
    """Check a date, which is the last day that the author stands by the patch."""
    if not text:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError
        date = datetime.date.fromisoformat(text)
    except ValueError as error:
        raise Failure(USAGE, text, "is no date", "write it as YYYY-MM-DD") from error
    if date < datetime.datetime.now(datetime.timezone.utc).date():
        raise Failure(USAGE, text, "is over", "give a later day, or none")
    return text


def brought(release):
    """Check the name of a release, as uname prints it."""
    if release and not re.fullmatch(r"[\w.+~-]{1,64}", release):
        raise Failure(USAGE, release, "is no release of a kernel",
                      "write it as uname -r prints it")
    return release


def fields(fixes, release, expires, kernel, engine, objects):
    """The fields of the module, without the prefix that all have, as (tag, value)."""
    found = [("kernel", kernel)]
    if release:
        found.append(("release", release))
    found += [("fix", value) for value in fixes.values()]
    if expires:
        found.append(("expires", expires))
    found += [("build_id", f"{name} {linked.build_id}") for name, linked in objects.items()
              if linked.build_id]
    found.append(("engine", engine))
    return found
