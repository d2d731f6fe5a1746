#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "module: validate string table section types": the section with the names of the
# sections, and that with the names of the symbols, have to be of type SHT_STRTAB.
# A module of which they are not was loaded; it is refused with ENOEXEC now.
#
# A module that is not loaded is loaded, from memory, after such a change.
#
# File: kernel/module/main.c

for name in llc phonet crc7 crc4 dummy; do
	[ ! -e "/sys/module/$name" ] || continue
	file=$(find "${MODULES:-}/lib/modules/$(uname -r)/" -name "$name.ko*" 2>/dev/null | head -n 1)
	[ -n "$file" ] || continue
	break
done
[ -n "${file:-}" ] || { echo "skip: no module"; exit 0; }

exec python3 - "$name" "$file" <<'EOF'
import ctypes
import errno
import lzma
import os
import struct
import sys

INIT_MODULE, DELETE_MODULE = 175, 176
SHT_PROGBITS, SHT_STRTAB = 1, 3

libc = ctypes.CDLL(None, use_errno=True)


def call(number, *args):
    """errno of the system call, 0 if it succeeds"""
    return ctypes.get_errno() if libc.syscall(number, *args) else 0


def load(image):
    """errno"""
    image = bytes(image)
    error = call(INIT_MODULE, image, ctypes.c_ulong(len(image)), b"")
    if error == 0 and call(DELETE_MODULE, name.encode(), os.O_NONBLOCK):
        sys.exit(f"{name} cannot be removed")
    return error


name, path = sys.argv[1:]
data = open(path, "rb").read()
if path.endswith(".xz"):
    data = lzma.decompress(data)
elif not path.endswith(".ko"):
    print("skip: compressed module")
    sys.exit()

# A signature that does not match is an error, none is not.
mark = b"~Module signature appended~\n"
if data.endswith(mark):
    end = len(data) - len(mark)
    length, = struct.unpack(">I", data[end - 4:end])
    data = data[:end - 12 - length]

if error := load(data):
    sys.exit(f"{name}: {os.strerror(error)}")

image = bytearray(data)
table, = struct.unpack_from("<Q", image, 0x28)
entry, count, names = struct.unpack_from("<HHH", image, 0x3a)
at = table + names * entry + 4
if struct.unpack_from("<I", image, at)[0] != SHT_STRTAB:
    sys.exit(f"{path} has no string table")
struct.pack_into("<I", image, at, SHT_PROGBITS)
error = load(image)
if error not in (0, errno.ENOEXEC):
    sys.exit(f"{name}, changed: {os.strerror(error)}")
print("new" if error else "old")
EOF
