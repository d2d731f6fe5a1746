/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The name of the kernel function of a system call.
 */
#ifndef _SYSCALL_NAME_H
#define _SYSCALL_NAME_H

#if defined(CONFIG_X86_64)
#define SYSCALL_NAME(name) "__x64_sys_" name
#elif defined(CONFIG_ARM64)
#define SYSCALL_NAME(name) "__arm64_sys_" name
#elif defined(CONFIG_S390)
#define SYSCALL_NAME(name) "__s390x_sys_" name
#elif defined(CONFIG_RISCV)
#define SYSCALL_NAME(name) "__riscv_sys_" name
#else
#define SYSCALL_NAME(name) "sys_" name
#endif

#endif /* _SYSCALL_NAME_H */
