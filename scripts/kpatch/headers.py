# SPDX-License-Identifier: GPL-2.0-only
"""A kernel of which only the parts are there that modules are built with.

That is what distributions install: configuration, generated headers and the tools, but no
object, and so no command that has made one. kbuild is asked for these, in a directory that
looks to it like the one in which the kernel was built.
"""

import os
import re
import shutil

from common import PATCH, SETUP, Failure, first_error
from units import Tree

# "make -n" says what would be done, and make reads this file before others.
QUESTION = """
PHONY += kpatch-commands
kpatch-commands:
	$(Q)$(MAKE) -f $(srctree)/scripts/Makefile.build obj=. need-builtin=1 \\
		need-modorder=1 KBUILD_MODULES=y KBUILD_BUILTIN=y $(KPATCH_OBJECT)
"""


class HeaderTree(Tree):
    def __init__(self, kernel, work, run):
        super().__init__(os.path.join(work, "kbuild"), kernel.source)
        self.kernel = kernel
        self.run = run
        self.question = os.path.join(work, "question.mk")
        with open(self.question, "w", encoding="utf-8") as file:
            file.write(QUESTION)
        self.compiler = kernel.config.get("CC_VERSION_TEXT", "gcc").split()[0]
        self._link(kernel.build)

    def _link(self, build):
        config = self._path("include/config")
        os.makedirs(config)
        for directory, names in (("", os.listdir(build)),
                                 ("include", os.listdir(os.path.join(build, "include")))):
            for name in names:
                if name not in ("Makefile", "source", ".config", "include", "config"):
                    os.symlink(os.path.join(build, directory, name),
                               self._path(directory, name))
        # The configuration must not look newer than what was made from it.
        shutil.copyfile(os.path.join(build, ".config"), self._path(".config"))
        os.utime(self._path(".config"), (1, 1))
        for name in ("auto.conf", "kernel.release"):
            shutil.copyfile(os.path.join(build, "include/config", name),
                            os.path.join(config, name))
        with open(os.path.join(config, "auto.conf.cmd"), "w", encoding="utf-8"):
            pass

    def _unit(self, obj):
        status, out, errors = self.run([
            "env", f"MAKEFILES={self.question}", "make", "-n", "-C", self.build, "-f",
            os.path.join(self.source, "Makefile"), f"CC={self.compiler}",
            f"KPATCH_OBJECT=./{obj}", "kpatch-commands"])
        command = re.search(f"[^;\n]* -c -o {re.escape(obj)} [^;\n]*", out)
        if command:
            unit = self._parse(obj, command.group())
            # kbuild knows how to make objects that are not configured, too.
            files = [name for name, _ in self.kernel.linked("vmlinux").blocks]
            return unit if unit.is_module or os.path.basename(unit.source) in files else None
        if status and "No rule to make target" not in errors:
            raise Failure(SETUP, obj, f"kbuild does not say how it is made: {first_error(errors)}",
                          "use the source and the headers of the same release")
        return None

    def _users(self, headers):
        for name in headers:
            if name.endswith(".h"):
                raise Failure(PATCH, name, "is a header, and what it is used by is known only "
                              "where the kernel was built", "name that directory with --kernel")
            for user in self._including(name):
                raise Failure(PATCH, name, f"is included by {user}, and how that is used is "
                              "known only where the kernel was built",
                              "name that directory with --kernel")
        return ()

    def _including(self, name):
        """Files that may include the C file @name."""
        base = re.escape(os.path.basename(name))
        _, out, _ = self.run(["grep", "-rE", "--include=*.[chS]",
                              f'^[ \t]*#[ \t]*include[ \t]*["<]([^">]*/)?{base}[">]',
                              self.source])
        for line in out.splitlines():
            user, included = re.match(r'(.*?):[^"<]*["<](.*)[">]', line).groups()
            user = os.path.relpath(user, self.source)
            if self.is_foreign(user):
                continue
            directory = os.path.dirname(user)
            beside = os.path.normpath(os.path.join(directory, included))
            # By a path that begins elsewhere, unless there is such a file.
            if beside == name or not os.path.exists(os.path.join(self.source, beside)) and \
               ("/" + name).endswith("/" + re.sub(r"^(\.\./)+", "", included)):
                yield user
