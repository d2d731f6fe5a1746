# SPDX-License-Identifier: GPL-2.0-only
"""Print what some system calls return, in a program with 64 bits and in one with 32."""

import ctypes
import mmap

libc = ctypes.CDLL(None)
code = mmap.mmap(-1, mmap.PAGESIZE,
                 prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
# push %rbx; mov %edi,%eax; mov %esi,%ebx; mov %edx,%ecx; int $0x80; pop %rbx; ret
code.write(bytes.fromhex("53 89f8 89f3 89d1 cd80 5b c3"))
enter_32 = ctypes.CFUNCTYPE(*[ctypes.c_int] * 4)(
    ctypes.addressof(ctypes.c_char.from_buffer(code)))

# Numbers of getpriority, getppid, umask.
print("64:", *[libc.syscall(n, *a) for n, a in
               ((140, (0, 4242)), (110, (0, 0)), (95, (0o1234567, 0)))])
print("32:", *[enter_32(n, *a) for n, a in
               ((96, (0, 4242)), (64, (0, 0)), (60, (0o1234567, 0)))])
