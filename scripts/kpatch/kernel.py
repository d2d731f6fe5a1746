# SPDX-License-Identifier: GPL-2.0-only
"""The user's kernel: source tree, build directory, and what was built from them.

Nothing is written to either.
"""

import os
import re
import shlex

from common import PATCH, SETUP, Failure
from elf import Linked

# Units whose code is not in the kernel's own image or modules.
FOREIGN = re.compile(r"(arch/\w+/(boot|realmode/rm|purgatory|um)|.*/vdso(32|64)?|"
                     r"drivers/firmware/efi/libstub|scripts|tools|samples|usr)/|.*\.mod\.o$")
REFUSED_CONFIG = {
    "GCC_PLUGIN_LATENT_ENTROPY": "makes each compilation different",
    "RANDSTRUCT": "makes each compilation different",
    "LD_DEAD_CODE_DATA_ELIMINATION": "links each function by itself",
    "LTO_CLANG": "compiles all units at once",
}


class Unit:
    """A C file, compiled for vmlinux or a module."""

    def __init__(self, source, obj, command, prefix):
        self.source = source
        self.obj = obj
        self.command = command		# the compiler's arguments
        self.prefix = prefix		# of the source tree, in them
        self.is_module = "-DMODULE" in command
        self.modname = "vmlinux"
        for argument in command:
            if self.is_module and argument.startswith("-DKBUILD_MODNAME="):
                self.modname = argument.split("=", 1)[1].strip('"')


class Kernel:
    def __init__(self, build, source, vmlinux, run):
        self.build = os.path.realpath(build)
        self.run = run
        self.foreign = []	# objects of changed headers that are not patched
        self._modules = None
        self._linked = {}
        config = os.path.join(self.build, ".config")
        if not os.path.isfile(config):
            raise Failure(SETUP, build, "is no build directory: it has no .config",
                          "name the one of the running kernel with --kernel")
        self.config = self._read_config(config)
        self.source = os.path.realpath(source or self._find_source())
        if not os.path.isfile(os.path.join(self.source, "Kbuild")):
            raise Failure(SETUP, self.source, "is no kernel source",
                          "name it with --source")
        self.vmlinux = vmlinux or os.path.join(self.build, "vmlinux")
        self._check()

    @staticmethod
    def _read_config(path):
        with open(path, encoding="utf-8") as file:
            return dict(re.findall(r'^CONFIG_(\w+)="?(.*?)"?$', file.read(), re.M))

    def _find_source(self):
        link = os.path.join(self.build, "source")
        return link if os.path.isdir(link) else self.build

    def path(self, *names):
        return os.path.join(self.build, *names)

    @property
    def release(self):
        with open(self.path("include/config/kernel.release"), encoding="utf-8") as file:
            return file.read().strip()

    def _check(self):
        for name in ("include/config/kernel.release", "Module.symvers", "modules.order"):
            if not os.path.isfile(self.path(name)):
                raise Failure(SETUP, self.path(name), "does not exist",
                              "build the kernel and its modules first")
        for option in ("KPATCH", "MODULES"):
            if self.config.get(option) != "y":
                raise Failure(SETUP, self.path(".config"), f"CONFIG_{option} is not set",
                              "build the kernel with it")
        for option, why in REFUSED_CONFIG.items():
            if self.config.get(option) == "y":
                raise Failure(SETUP, self.path(".config"), f"CONFIG_{option} {why}",
                              "build the kernel without it")
        if not os.path.isfile(self.vmlinux):
            raise Failure(SETUP, self.vmlinux, "does not exist",
                          "name the vmlinux of the running kernel with --vmlinux")
        linked = self.linked("vmlinux")
        banner = f"Linux version {self.release} ".encode()
        if banner not in linked.elf.bytes:
            raise Failure(SETUP, self.vmlinux, f"is not of Linux {self.release}, of which "
                          f"{self.build} is a build", "name the right one with --vmlinux")

    @property
    def annotates(self):
        """Whether its objects describe their special sections."""
        path = os.path.join(self.source, "include/linux/annotate.h")
        if not os.path.isfile(path):
            return False
        with open(path, encoding="utf-8") as file:
            return "ANNOTATE_DATA_SPECIAL" in file.read()

    def check_compiler(self, unit):
        wanted = self.config.get("CC_VERSION_TEXT", "")
        compiler = self.compiler(unit)
        status, out, _ = self.run(compiler + ["--version"])
        found = out.split("\n")[0]
        if status or found != wanted:
            raise Failure(SETUP, " ".join(compiler), f"is \"{found}\", but the kernel was "
                          f"compiled by \"{wanted}\"", "install that")

    @staticmethod
    def compiler(unit):
        return unit.command[:next(i for i, a in enumerate(unit.command)
                                  if a.startswith("-"))]

    def linked(self, modname):
        """The symbols of vmlinux, or of the module as it was built."""
        if modname not in self._linked:
            path = self.vmlinux if modname == "vmlinux" else self.module(modname)
            try:
                self._linked[modname] = Linked(path)
            except (OSError, ValueError) as error:
                raise Failure(SETUP, path, f"cannot be read: {error}",
                              "build the kernel and its modules first") from error
        return self._linked[modname]

    def module(self, modname):
        if self._modules is None:
            with open(self.path("modules.order"), encoding="utf-8") as file:
                names = [line.strip() for line in file]
            self._modules = {os.path.basename(n)[:-2].replace("-", "_"): n[:-2] + ".ko"
                             for n in names}
        if modname not in self._modules:
            raise Failure(SETUP, modname, "is no module of this kernel",
                          "build the modules first")
        return self.path(self._modules[modname])

    def units(self, diffs):
        """Those that are compiled from changed files, directly or as a header."""
        sources = [f for f in diffs.files if f.endswith(".c")]
        headers = [f for f in diffs.files if f.endswith(".h")]
        found = {}
        seen = set()
        for name in sources:
            unit = self._unit(name[:-2] + ".o")
            if unit:
                if FOREIGN.match(unit.obj):
                    raise Failure(PATCH, name, "is not part of the kernel proper",
                                  "leave it out: it has run at boot, or runs elsewhere")
                found[unit.obj] = unit
                seen.add(name)
        # A C file may be included by another one, like a header.
        for obj, name in self._users(headers + sources):
            seen.add(name)
            if FOREIGN.match(obj):
                self.foreign.append(obj)
                continue
            unit = None if obj in found else self._unit(obj)
            if unit:
                found[obj] = unit
        for name in sources + headers:
            if name not in seen:
                raise Failure(PATCH, name, "is not compiled in this configuration",
                              "leave it out")
        if not found:
            raise Failure(PATCH, diffs.files[0] if diffs.files else diffs.new[0],
                          "is not compiled in this configuration", "leave it out")
        return [found[obj] for obj in sorted(found)]

    def _users(self, headers):
        """Pairs of an object and one of @headers that it depends on."""
        wanted = [(h, ("/" + h + " ").encode(), os.path.join(self.source, h))
                  for h in headers]
        for directory, subdirs, files in os.walk(self.build):
            subdirs[:] = [d for d in subdirs
                          if d != "source" and not os.path.islink(os.path.join(directory, d))]
            for file in files:
                if not file.endswith(".o.cmd"):
                    continue
                with open(os.path.join(directory, file), "rb") as stream:
                    text = stream.read()
                for name, pattern, path in wanted:
                    if pattern not in text and pattern[1:-1] not in text:
                        continue
                    if any(os.path.normpath(os.path.join(self.build, d)) == path
                           for d in self._dependencies(text.decode("utf-8", "replace"))):
                        obj = os.path.join(os.path.relpath(directory, self.build),
                                           file[1:-4])
                        yield os.path.normpath(obj), name

    @staticmethod
    def _dependencies(text):
        match = re.search(r"^deps_\S+ := \\\n((?:.*\\\n)*.*)", text, re.M)
        return match.group(1).replace("\\\n", " ").split() if match else []

    def _unit(self, obj):
        """From the command that kbuild keeps beside each object, or None."""
        directory, name = os.path.split(obj)
        try:
            with open(self.path(directory, f".{name}.cmd"), encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        match = re.match(r"(?:saved)?cmd_\S+ := (.*)", text)
        source = re.search(r"^source_\S+ := (\S+)", text, re.M)
        if not match or not source or not source.group(1).endswith(".c"):
            return None
        line = match.group(1).replace("$(pound)", "#").replace(r"\#", "#").replace("$$", "$")
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|()<>")
        lexer.whitespace_split = True
        lexer.commenters = ""
        command = []
        for argument in lexer:
            if argument in (";", "&&"):
                break
            command.append(argument)
        path = obj[:-2] + ".c"
        # Some objects are compiled from a file of another name.
        if not command[-1].endswith("/" + path) and command[-1] != path:
            path = os.path.relpath(os.path.join(self.build, command[-1]), self.source)
        if path.startswith("..") or not command[-1].endswith(path) or "-c" not in command:
            return None
        return Unit(path, obj, command, command[-1][:-len(path)])
