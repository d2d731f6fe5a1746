# SPDX-License-Identifier: GPL-2.0-only
"""The working directory of an update, from which an interrupted one goes on.

Each step writes its objects first and then a record with the key of all that decides on
them, so a record that exists is right. Only records with the key that is wanted count.
"""

import fcntl
import hashlib
import json
import os

from common import SETUP, Failure

MARK = "kpatch-update"


def key_of(*parts):
    digest = hashlib.sha256()
    for part in parts:
        text = part if isinstance(part, bytes) else json.dumps(part).encode()
        digest.update(hashlib.sha256(text).digest())
    return digest.hexdigest()


class State:
    def __init__(self, directory):
        self.directory = os.path.realpath(directory)
        self.resumed = 0	# records that were there
        mark = os.path.join(self.directory, MARK)
        try:
            os.makedirs(self.directory, exist_ok=True)
            if os.listdir(self.directory) and not os.path.exists(mark):
                raise Failure(SETUP, directory, "is not empty, and no update was made there",
                              "name another directory with --work")
            # Held until the process ends.
            self.lock = open(mark, "a", encoding="ascii")  # pylint: disable=consider-using-with
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure(SETUP, directory, "is used by another update that runs",
                          "wait for it, or name another directory with --work") from error
        except OSError as error:
            raise Failure(SETUP, directory, f"cannot be used: {error.strerror}",
                          "name another directory with --work") from error

    def path(self, *names):
        path = os.path.join(self.directory, *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def get(self, kind, name, key):
        """The value of a record, or None."""
        try:
            with open(self.path("records", kind, name), encoding="utf-8") as file:
                record = json.load(file)
        except (OSError, ValueError):
            return None
        if record["key"] != key:
            return None
        self.resumed += 1
        return record["value"]

    def drop(self, kind, name):
        """What the record stands for is about to be made anew."""
        path = self.path("records", kind, name)
        if os.path.exists(path):
            os.unlink(path)

    def put(self, kind, name, key, value):
        path = self.path("records", kind, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump({"key": key, "value": value}, file)
        os.replace(path + ".new", path)
        return value
