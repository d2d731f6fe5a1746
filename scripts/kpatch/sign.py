# SPDX-License-Identifier: GPL-2.0-only
"""Sign the module, with the sign-file of the kernel's build."""

import os

from common import SETUP, Failure, first_error


class Signer:
    """@key: a PEM file or a PKCS#11 URI; @cert: a certificate, or None for the default"""

    def __init__(self, kernel, key, cert, run):
        self.key = key
        self.run = run
        self.tool = kernel.path("scripts/sign-file")
        self.hash = kernel.config.get("MODULE_SIG_HASH")
        if kernel.config.get("MODULE_SIG") != "y" or not self.hash:
            raise Failure(SETUP, kernel.path(".config"), "CONFIG_MODULE_SIG is not set, so "
                          "this kernel knows no signatures", "leave out --sign")
        if not os.access(self.tool, os.X_OK):
            raise Failure(SETUP, self.tool, "does not exist", "build the kernel first")
        text = "" if key.startswith("pkcs11:") else self._read(key, "--sign")
        if not cert:
            cert = key if "BEGIN CERTIFICATE" in text else kernel.path("certs/signing_key.x509")
        self.cert = cert
        self._read(cert, "--cert")

    @staticmethod
    def _read(path, option):
        try:
            with open(path, encoding="latin-1") as file:
                return file.read()
        except OSError as error:
            raise Failure(SETUP, path, f"cannot be read: {error.strerror}",
                          f"name the right file with {option}") from error

    def __call__(self, module):
        status, out, errors = self.run([self.tool, self.hash, self.key, self.cert, module])
        if status:
            raise Failure(SETUP, self.key, f"cannot sign: {first_error(errors or out)}",
                          "check that key and certificate belong together; the passphrase "
                          "is read from $KBUILD_SIGN_PIN")


def is_enforced(kernel):
    """Whether @kernel, or the running one if it is the same, loads signed modules only."""
    if kernel.config.get("MODULE_SIG_FORCE") == "y":
        return True
    try:
        with open("/sys/module/module/parameters/sig_enforce", encoding="ascii") as file:
            return kernel.release == os.uname().release and file.read().strip() == "Y"
    except OSError:
        return False
