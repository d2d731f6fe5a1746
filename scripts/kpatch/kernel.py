# SPDX-License-Identifier: GPL-2.0-only
"""The user's kernel: source tree, build directory, and what was built from them.

Nothing is written to either.
"""

import glob
import os
import re
import struct

from common import SETUP, Failure
from elf import Linked

REFUSED_CONFIG = {
    "GCC_PLUGIN_LATENT_ENTROPY": "makes each compilation different",
    "RANDSTRUCT": "makes each compilation different",
    "LD_DEAD_CODE_DATA_ELIMINATION": "links each function by itself",
    "LTO_CLANG": "compiles all units at once",
    "CFI": "checks indirect calls by what is in front of functions, which is not kept",
    "CFI_CLANG": "checks indirect calls by what is in front of functions, which is not kept",
}


class Kernel:
    def __init__(self, build, source, vmlinux, modules, extra, run):
        self.build = os.path.realpath(build)
        self.extra = extra and os.path.realpath(extra)	# modules that were built out of tree
        self.run = run
        self._modules = None
        self._linked = {}
        config = os.path.join(self.build, ".config")
        if not os.path.isfile(config):
            raise Failure(SETUP, build, "is no build directory: it has no .config",
                          "name the one of the running kernel with --kernel")
        self.config = self._read_config(config)
        if extra and not os.path.isfile(os.path.join(self.extra, "modules.order")):
            raise Failure(SETUP, extra, "has no modules.order", "build the module first, "
                          f"with make -C {self.build} M={self.extra}")
        self.source = os.path.realpath(source or self._find_source())
        if not os.path.isfile(os.path.join(self.source, "init/main.c")):
            raise Failure(SETUP, self.source, "is no kernel source",
                          "name it with --source")
        for path in (self.build, self.source, self.extra or ""):
            if re.search(r"[\s:%]", path):
                raise Failure(SETUP, path, "has a blank, : or % in its name, with which kbuild "
                              "does not work", "rename it")
        # A directory of headers has no objects.
        self.is_built = os.path.isfile(self.path("init/.main.o.cmd"))
        self.installed = modules	# the directory of modules that were not built here
        self.vmlinux = vmlinux
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
        for name in ("include/config/kernel.release", "Module.symvers") + \
                (("modules.order",) if self.is_built else ()):
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
        self.installed = self.installed or f"/lib/modules/{self.release}"
        self.vmlinux = self.vmlinux or self._find_vmlinux()
        if not os.path.isfile(self.vmlinux):
            raise Failure(SETUP, self.vmlinux, "does not exist",
                          "name the vmlinux of the running kernel with --vmlinux")
        linked = self.linked("vmlinux")
        banner = f"Linux version {self.release} ".encode()
        if linked.elf.bytes.find(banner) < 0:
            raise Failure(SETUP, self.vmlinux, f"is not of Linux {self.release}, of which "
                          f"{self.build} is a build", "name the right one with --vmlinux")

    def _find_vmlinux(self):
        own = self.path("vmlinux")
        if self.is_built:
            return own
        for path in (f"/usr/lib/debug/boot/vmlinux-{self.release}",
                     f"/usr/lib/debug/lib/modules/{self.release}/vmlinux"):
            if os.path.isfile(path):
                return path
        return own

    @property
    def annotates(self):
        """Whether its objects describe their special sections."""
        path = os.path.join(self.source, "include/linux/annotate.h")
        if not os.path.isfile(path):
            return False
        with open(path, encoding="utf-8") as file:
            return "ANNOTATE_DATA_SPECIAL" in file.read()

    def always_live(self):
        """Functions that the core refuses to replace, since some task is in each of them."""
        path = os.path.join(self.source, "kernel/kpatch/func.c")
        try:
            with open(path, encoding="utf-8") as file:
                table = re.search(r"\balways_live\[\] = \{(.*?)\};", file.read(), re.S)
        except OSError:
            table = None
        if not table:
            raise Failure(SETUP, path, "does not tell which functions are always live",
                          "use the source that the kernel was built from")
        return set(re.findall(r'"(\w+)"', table.group(1)))

    def check_compiler(self, unit):
        wanted = self.config.get("CC_VERSION_TEXT", "")
        compiler = unit.compiler
        status, out, _ = self.run(compiler + ["--version"])
        found = out.split("\n")[0]
        if status or found != wanted:
            raise Failure(SETUP, " ".join(compiler), f"is \"{found}\", but the kernel was "
                          f"compiled by \"{wanted}\"", "install that")

    def linked(self, modname):
        """The symbols of vmlinux, or of the module as it was built."""
        if modname not in self._linked:
            path = self.vmlinux if modname == "vmlinux" else self.module(modname)
            try:
                self._linked[modname] = Linked(path)
            except (OSError, ValueError, struct.error) as error:
                raise Failure(SETUP, path, f"cannot be read: {error}",
                              "build the kernel and its modules first") from error
        return self._linked[modname]

    @property
    def modules(self):
        """The files of all modules, by name."""
        if self._modules is None:
            paths = []
            if self.is_built:
                with open(self.path("modules.order"), encoding="utf-8") as file:
                    paths += [self.path(line.strip()[:-2] + ".ko") for line in file]
            for directory in (None if self.is_built else self.installed, self.extra):
                paths += glob.glob(os.path.join(glob.escape(directory), "**/*.ko*"),
                                   recursive=True) if directory else []
            self._modules = {os.path.basename(p).split(".")[0].replace("-", "_"): p
                             for p in paths}
        return self._modules

    def owner(self, name):
        """The module that defines @name, or None."""
        for modname, path in self.modules.items():
            if os.path.isfile(path) and self.linked(modname).globals_named(name):
                return modname
        return None

    def module(self, modname):
        if modname not in self.modules:
            raise Failure(SETUP, modname, "is no module of this kernel",
                          "build the modules first" if self.is_built else
                          f"name the directory that has it with --modules, as {self.installed}"
                          " has not")
        return self.modules[modname]

    @property
    def make(self):
        """The command that builds modules."""
        with open(self.path("Makefile"), encoding="utf-8") as file:
            text = file.read()
        included = re.search(r"^include (/\S+)$", text, re.M)
        output = re.search(r"^export KBUILD_OUTPUT = (\S+)$", text, re.M)
        if included and not os.path.isfile(included.group(1)) or \
           output and os.path.realpath(output.group(1)) != self.build:
            # The source or the build has another name now.
            return ["make", "-C", self.source, f"O={self.build}"]
        return ["make", "-C", self.build]

    @property
    def symvers(self):
        """The lists of exported symbols."""
        lists = [os.path.join(d, "Module.symvers") for d in (self.build, self.extra) if d]
        return [path for path in lists if os.path.isfile(path)]
