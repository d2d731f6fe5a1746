# SPDX-License-Identifier: GPL-2.0-only
"""Objects and tools that an earlier run has made.

An object is found by all that decides on it: the compiler and the assembler, the arguments,
and what the preprocessor makes of the unit. No name and no time stamp of a source file
counts, so an object cannot be that of another version of a header. A cache that cannot be
read or written is as good as an empty one.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import zlib

VERSION = b"2"		# of the format, and of what is in the key
DEFAULT_LIMIT = 2048	# MiB
ABANDONED = 86400	# seconds after which a temporary file is nobody's
# What the assembler reads by itself.
ASSEMBLED = re.compile(rb"\.incbin|\.include")


def default_directory():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.abspath(os.path.join(base, "kpatch"))


def made_once(place, work, make):
    """The directory @place of the cache, which @make has filled.

    Others may make the same meanwhile. Without a cache it is made in @work.
    """
    if os.path.isdir(place):
        return place
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        new = tempfile.mkdtemp(prefix="new-", dir=os.path.dirname(place))
    except OSError:
        new = place = tempfile.mkdtemp(dir=work)
    try:
        make(new)
        if new != place and not os.path.isdir(place):
            os.rename(new, place)
    finally:
        if new != place:
            shutil.rmtree(new, ignore_errors=True)
    return place


def digest_of(*paths):
    """Of the contents of files, or None if one of them cannot be read."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            with open(path, "rb") as file:
                digest.update(hashlib.sha256(file.read()).digest())
        except OSError:
            return None
    return digest.digest()


class Cache:
    def __init__(self, directory, run):
        self.directory = os.path.join(directory, "objects")
        self.run = run
        size = os.environ.get("KPATCH_CACHE_SIZE", "")
        self.limit = (int(size) if size.isdecimal() else DEFAULT_LIMIT) << 20
        self.compilers = {}

    def _compiler(self, command):
        """What identifies the compiler @command, wrappers aside, or None."""
        if command not in self.compilers:
            texts = [self.run([*command, option])[1].strip() for option in
                     ("--version", "-dumpspecs", "-print-prog-name=cc1", "-print-prog-name=as")]
            # A compiler that does not name its parts may change without a sign.
            assembler = self.run(["sh", "-c", 'command -v "$0"', texts[3]])[1].strip()
            tools = digest_of(texts[2], assembler)
            self.compilers[command] = tools and tools + "\0".join(texts).encode()
        return self.compilers[command]

    def key(self, compiler, arguments, cwd, text, place):
        """Of a compilation, or None if it has to be done.

        @text: what the preprocessor prints; @place: a directory whose name does not count
        """
        plugins = [os.path.join(cwd, a.split("=", 1)[1]) for a in arguments
                   if a.startswith("-fplugin=")]
        parts = [VERSION, self._compiler(tuple(compiler)), digest_of(*plugins)]
        name = place.encode()
        # Only in line markers it is certain that the compiler does not store it.
        if not self.limit or None in parts or ASSEMBLED.search(text) or \
           re.search(rb"^[^#\n].*" + re.escape(name), text, re.M):
            return None
        parts += [json.dumps(arguments).encode().replace(name, b"@"), text.replace(name, b"@")]
        return hashlib.sha256(b"".join(hashlib.sha256(p).digest() for p in parts)).hexdigest()

    def _path(self, key):
        return os.path.join(self.directory, key[:2], key)

    def get(self, key, obj):
        """Write the object of @key to @obj; return its compiler's messages, or None."""
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                digest, packed = file.read(32), file.read()
            if hashlib.sha256(packed).digest() != digest:
                os.unlink(path)
                return None
            os.utime(path)
        except OSError:
            return None
        messages, contents = zlib.decompress(packed).split(b"\0", 1)
        with open(obj, "wb") as file:
            file.write(contents)
        return messages.decode("utf-8", "surrogateescape")

    def put(self, key, obj, messages):
        with open(obj, "rb") as file:
            packed = zlib.compress(messages.encode("utf-8", "surrogateescape") + b"\0" +
                                   file.read(), 1)
        path = self._path(key)
        temporary = None
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            number, temporary = tempfile.mkstemp(prefix="new-", dir=self.directory)
            with open(number, "wb") as file:
                file.write(hashlib.sha256(packed).digest() + packed)
            os.replace(temporary, path)
        except OSError:
            if temporary and os.path.exists(temporary):
                os.unlink(temporary)

    def shrink(self):
        """Remove those objects that have not been used for longest, beyond the limit."""
        found = []
        for directory, _, names in os.walk(self.directory):
            for name in names:
                path = os.path.join(directory, name)
                try:
                    status = os.stat(path)
                    if name.startswith("new-") and status.st_mtime < time.time() - ABANDONED:
                        os.unlink(path)
                    else:
                        found.append((status.st_mtime, status.st_size, path))
                except OSError:
                    continue
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self.limit:
                break
            total -= size
            try:
                os.unlink(path)
            except OSError:
                continue
