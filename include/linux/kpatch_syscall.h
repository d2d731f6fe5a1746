/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replace system calls: a replacement is written like SYSCALL_DEFINEn(), with the
 * kernel's own macros, and listed with all entries through which programs reach it. See
 * "System calls" in Documentation/kpatch.txt.
 */
#ifndef _LINUX_KPATCH_SYSCALL_H
#define _LINUX_KPATCH_SYSCALL_H

#include <linux/args.h>
#include <linux/build_bug.h>
#include <linux/compat.h>
#include <linux/compiler.h>
#include <linux/kpatch.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/stringify.h>
#include <linux/syscalls.h>
#include <linux/thread_info.h>

/*
 * What the names of the entries begin with. An entry fetches the arguments from pt_regs,
 * as its ABI has them there; where there are no such wrappers it is the function itself.
 */
#if defined(CONFIG_X86_64)
#define KPATCH_ABI		__x64_
#define KPATCH_COMPAT_ABI	__ia32_
#elif defined(CONFIG_ARM64)
#define KPATCH_ABI		__arm64_
#define KPATCH_COMPAT_ABI	__arm64_
#elif defined(CONFIG_RISCV)
#define KPATCH_ABI		__riscv_
#define KPATCH_COMPAT_ABI	__riscv_
#elif defined(CONFIG_S390)
#define KPATCH_ABI		__s390x_
#define KPATCH_COMPAT_ABI	__s390_
#else
#define KPATCH_ABI
#define KPATCH_COMPAT_ABI
#endif

/*
 * 32-bit programs on x86 have their own entry to each system call, also if the body is
 * the same for all programs.
 */
#if defined(CONFIG_X86_64) && defined(CONFIG_IA32_EMULATION)
#define KPATCH_HAS_IA32_ENTRY
#endif

/* For a macro that stands for several elements or declarations. */
#define KPATCH_SEVERAL(...) __VA_ARGS__

/* Evaluates to 0. If the condition is not met, a compile error says so. */
#define KPATCH_CHECK(_condition, _text)					\
	(0 * sizeof(struct {						\
		static_assert(_condition, "kpatch: " _text);		\
	}))

#define KPATCH_ENTRY(_abi, _old, _new, _checks, ...) {			\
	.old_name = __stringify(_abi) #_old,				\
	.new_addr = (_checks) + (void *)CONCATENATE(_abi, _new),	\
	__VA_ARGS__							\
}

#ifdef KPATCH_HAS_IA32_ENTRY
#define KPATCH_AND_IA32_ENTRY(_old, _new, ...)				\
	KPATCH_SEVERAL(, KPATCH_ENTRY(__ia32_, _old, _new, 0, __VA_ARGS__))
#else
#define KPATCH_AND_IA32_ENTRY(...)
#endif

#if defined(KPATCH_HAS_IA32_ENTRY) || (defined(CONFIG_COMPAT) && !defined(CONFIG_X86_64))
#define KPATCH_AND_COMPAT_ENTRY(_old, _new, ...)			\
	KPATCH_SEVERAL(, KPATCH_ENTRY(KPATCH_COMPAT_ABI, _old, _new, 0, __VA_ARGS__))
#else
#define KPATCH_AND_COMPAT_ENTRY(...)
#endif

#ifdef CONFIG_X86_X32_ABI
#define KPATCH_AND_X32_ENTRY(_old, _new, ...)				\
	KPATCH_SEVERAL(, KPATCH_ENTRY(__x64_, _old, _new, 0, __VA_ARGS__))
#else
#define KPATCH_AND_X32_ENTRY(...)
#endif

/*
 * What is known of a system call at compile time. kpatch_args_<name> is the number of its
 * arguments. The others are the lengths of arrays that are only declared: some macros
 * declare [] and so leave the length open, others declare [2] or nothing. What none of
 * them has declared as [2] is compatible with [1].
 *
 *  - kpatch_compat_of_sys_<name>: [2] if 32-bit programs enter another body
 *  - kpatch_original_of_sys_<name>: [2] if the replacement calls the original
 */
#define KPATCH_SYSCALL_FACTS(_x, _name)					\
	enum { kpatch_args_##_name = (_x) };				\
	extern char kpatch_compat_of_sys_##_name[];			\
	extern char kpatch_original_of_sys_##_name[]

#define KPATCH_IS_UNSET(_fact)						\
	__builtin_types_compatible_p(typeof(_fact), char[1])

#ifdef KPATCH_HAS_IA32_ENTRY
/* The kernel's table says which they are; it has some bodies as their own compat. */
#define __SYSCALL(...)
#define __SYSCALL_NORETURN(...)
#define __SYSCALL_WITH_COMPAT(_nr, _native, _compat)			\
	KPATCH_SEVERAL(, kpatch_compat_of_##_native			\
		[2 - __builtin_types_compatible_p(struct kpatch_##_nr##_native, \
						  struct kpatch_##_nr##_compat)])
extern char kpatch_syscalls_with_compat[1]
#include <asm/syscalls_32.h>
;
#undef __SYSCALL_WITH_COMPAT
#undef __SYSCALL_NORETURN
#undef __SYSCALL
#endif

#define KPATCH_CHECK_ARGS(_args, _name)					\
	KPATCH_CHECK((_args) > 0, _name " has no arguments; write KPATCH_SYSCALL0()")
#define KPATCH_CHECK_NO_ARGS(_args, _name)				\
	KPATCH_CHECK((_args) == 0, _name " has arguments; write KPATCH_SYSCALL()")
#define KPATCH_CHECK_NO_COMPAT(_fact, _name)				\
	KPATCH_CHECK(KPATCH_IS_UNSET(_fact),				\
		     _name " has another body for 32-bit programs; "	\
		     "write KPATCH_SYSCALL_AND_COMPAT()")
#define KPATCH_CHECK_NO_ORIGINAL(_fact, _name)				\
	KPATCH_CHECK(KPATCH_IS_UNSET(_fact),				\
		     _name " calls its original; "			\
		     "write KPATCH_SYSCALL_WITH_ORIGINAL()")

/**
 * DOC: Replacing system calls
 *
 * <linux/kpatch_syscall.h> has the counterparts of the kernel's own macros:
 * KPATCH_SYSCALL_DEFINE0() to KPATCH_SYSCALL_DEFINE6() define the replacement of a system
 * call, KPATCH_COMPAT_SYSCALL_DEFINE1() to KPATCH_COMPAT_SYSCALL_DEFINE6() that of the
 * body which 32-bit programs enter if they do not share the other. The first argument is
 * the name that the system call has in the kernel, the others are a type and a name for
 * each of its arguments, as there. The body follows and returns a long::
 *
 *   KPATCH_SYSCALL_DEFINE2(getpriority, int, which, int, who)
 *   {
 *           return -ESRCH;
 *   }
 *
 *   static struct kpatch_func funcs[] = {
 *           KPATCH_SYSCALL(getpriority),
 *   };
 *
 * Arguments are fetched, and extended or cut down to their types, as in the kernel
 * itself. No trace events are defined; those of the kernel remain in effect. On a kernel
 * that runs no 32-bit programs a body for these is compiled and left out.
 */
#define KPATCH_SYSCALL_DEFINE0(_name)					\
	KPATCH_SYSCALL_FACTS(0, _name);					\
	static long __do_sys_kpatch_##_name(const struct pt_regs *__unused)
#define KPATCH_SYSCALL_DEFINE1(_name, ...)				\
	__KPATCH_SYSCALL_DEFINE(1, _name, __VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE2(_name, ...)				\
	__KPATCH_SYSCALL_DEFINE(2, _name, __VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE3(_name, ...)				\
	__KPATCH_SYSCALL_DEFINE(3, _name, __VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE4(_name, ...)				\
	__KPATCH_SYSCALL_DEFINE(4, _name, __VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE5(_name, ...)				\
	__KPATCH_SYSCALL_DEFINE(5, _name, __VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE6(_name, ...)				\
	__KPATCH_SYSCALL_DEFINE(6, _name, __VA_ARGS__)

#define KPATCH_COMPAT_SYSCALL_DEFINE1(_name, ...)			\
	__KPATCH_COMPAT_SYSCALL_DEFINE(1, _name, __VA_ARGS__)
#define KPATCH_COMPAT_SYSCALL_DEFINE2(_name, ...)			\
	__KPATCH_COMPAT_SYSCALL_DEFINE(2, _name, __VA_ARGS__)
#define KPATCH_COMPAT_SYSCALL_DEFINE3(_name, ...)			\
	__KPATCH_COMPAT_SYSCALL_DEFINE(3, _name, __VA_ARGS__)
#define KPATCH_COMPAT_SYSCALL_DEFINE4(_name, ...)			\
	__KPATCH_COMPAT_SYSCALL_DEFINE(4, _name, __VA_ARGS__)
#define KPATCH_COMPAT_SYSCALL_DEFINE5(_name, ...)			\
	__KPATCH_COMPAT_SYSCALL_DEFINE(5, _name, __VA_ARGS__)
#define KPATCH_COMPAT_SYSCALL_DEFINE6(_name, ...)			\
	__KPATCH_COMPAT_SYSCALL_DEFINE(6, _name, __VA_ARGS__)

#define KPATCH_ASSERT_ARGS(_x, _name, ...)				\
	static_assert(COUNT_ARGS(__VA_ARGS__) == 2 * (_x),		\
		      "kpatch: " _name " needs as many types and names as its macro says")

#define __KPATCH_SYSCALL_DEFINE(_x, _name, ...)				\
	KPATCH_SEVERAL(KPATCH_ASSERT_ARGS(_x##U, #_name, __VA_ARGS__);	\
		       KPATCH_SYSCALL_FACTS(_x##U, _name);		\
		       __SYSCALL_DEFINEx(_x, _kpatch_##_name, __VA_ARGS__))

#ifdef CONFIG_COMPAT
#define __KPATCH_COMPAT_SYSCALL_DEFINE(_x, _name, ...)			\
	KPATCH_SEVERAL(KPATCH_ASSERT_ARGS(_x##U, #_name, __VA_ARGS__);	\
		       COMPAT_SYSCALL_DEFINEx(_x, _kpatch_##_name, __VA_ARGS__))
#else
#define __KPATCH_COMPAT_SYSCALL_DEFINE(_x, _name, ...)			\
	KPATCH_ASSERT_ARGS(_x##U, #_name, __VA_ARGS__);			\
	static inline __maybe_unused long				\
	__do_compat_sys_kpatch_##_name(__MAP(_x, __SC_DECL, __VA_ARGS__))
#endif

/**
 * KPATCH_SYSCALL() - list the replacement of a system call
 * @_name: name of the system call, as in KPATCH_SYSCALL_DEFINE1()
 * @...: further members of struct kpatch_func
 *
 * In an array of struct kpatch_func. It stands for one element for each entry: that of
 * 64-bit programs and, if the kernel runs 32-bit programs, theirs. If these enter another
 * body, it does not compile, and KPATCH_SYSCALL_AND_COMPAT() takes its place.
 */
#define KPATCH_SYSCALL(_name, ...)					\
	KPATCH_SEVERAL(KPATCH_ENTRY(KPATCH_ABI, sys_##_name, sys_kpatch_##_name, \
			KPATCH_CHECK_ARGS(kpatch_args_##_name, #_name) + \
			KPATCH_CHECK_NO_COMPAT(kpatch_compat_of_sys_##_name, #_name) + \
			KPATCH_CHECK_NO_ORIGINAL(kpatch_original_of_sys_##_name, #_name), \
			__VA_ARGS__)					\
		KPATCH_AND_IA32_ENTRY(sys_##_name, sys_kpatch_##_name, __VA_ARGS__))

/**
 * KPATCH_SYSCALL0() - list the replacement of a system call without arguments
 * @_name: name of the system call, as in KPATCH_SYSCALL_DEFINE0()
 * @...: further members of struct kpatch_func
 *
 * Such a system call has one entry for all programs: there is nothing to fetch.
 */
#define KPATCH_SYSCALL0(_name, ...) {					\
	.old_name = __stringify(KPATCH_ABI) "sys_" #_name,		\
	.new_addr = KPATCH_CHECK_NO_ARGS(kpatch_args_##_name, #_name) +	\
		    (void *)__do_sys_kpatch_##_name,			\
	__VA_ARGS__							\
}

/**
 * KPATCH_SYSCALL_AND_COMPAT() - list the replacements of a system call with two bodies
 * @_name: name of the system call, as in KPATCH_SYSCALL_DEFINE1()
 * @_compat: name of the one for 32-bit programs, as in KPATCH_COMPAT_SYSCALL_DEFINE1(),
 *	in most cases the same
 * @...: further members of struct kpatch_func
 *
 * Otherwise like KPATCH_SYSCALL(). Both replacements have to be defined.
 */
#define KPATCH_SYSCALL_AND_COMPAT(_name, _compat, ...)			\
	KPATCH_SEVERAL(KPATCH_ENTRY(KPATCH_ABI, sys_##_name, sys_kpatch_##_name, \
			KPATCH_CHECK_ARGS(kpatch_args_##_name, #_name),	\
			__VA_ARGS__)					\
		KPATCH_AND_COMPAT_ENTRY(compat_sys_##_compat,		\
					compat_sys_kpatch_##_compat, __VA_ARGS__) \
		KPATCH_AND_X32_ENTRY(compat_sys_##_compat,		\
				     compat_sys_kpatch_##_compat, __VA_ARGS__))

/**
 * KPATCH_SYSCALL_WITH_ORIGINAL() - list a replacement that calls the original
 * @_name: name of the system call, as in KPATCH_SYSCALL_ORIGINAL()
 *
 * Otherwise like KPATCH_SYSCALL().
 */
#define KPATCH_SYSCALL_WITH_ORIGINAL(_name)				\
	KPATCH_SEVERAL(KPATCH_ENTRY(KPATCH_ABI, sys_##_name, sys_kpatch_##_name, \
			KPATCH_CHECK_ARGS(kpatch_args_##_name, #_name) + \
			KPATCH_CHECK_NO_COMPAT(kpatch_compat_of_sys_##_name, #_name), \
			.original = CONCATENATE(KPATCH_ABI, sys_original_##_name)) \
		KPATCH_AND_IA32_ENTRY(sys_##_name, sys_kpatch_##_name,	\
				      .original = __ia32_sys_original_##_name))

/* KPATCH_ORIGINAL() takes its argument as it is written. */
#define KPATCH_ENTRY_ORIGINAL(_new)					\
	KPATCH_ORIGINAL(_new, long (const struct pt_regs *))

#ifdef KPATCH_HAS_IA32_ENTRY
/**
 * KPATCH_SYSCALL_ORIGINAL() - prepare to call the original of a system call
 * @_name: name of the system call, with arguments
 *
 * At file scope, before the replacement, which calls kpatch_call_original_syscall().
 * KPATCH_SYSCALL_WITH_ORIGINAL() lists the replacement.
 */
#define KPATCH_SYSCALL_ORIGINAL(_name)					\
	extern char kpatch_original_of_sys_##_name[2];			\
	KPATCH_ENTRY_ORIGINAL(__x64_sys_original_##_name);		\
	KPATCH_ENTRY_ORIGINAL(__ia32_sys_original_##_name)

/**
 * kpatch_call_original_syscall() - call the original of a system call
 * @_name: name of the system call, as in KPATCH_SYSCALL_ORIGINAL()
 *
 * From the replacement only: the original is called through the same entry, and fetches
 * the arguments of the program again.
 *
 * Return: what the original returns, a long.
 */
#define kpatch_call_original_syscall(_name)				\
	(in_ia32_syscall() ?						\
	 kpatch_call_original(__ia32_sys_original_##_name, current_pt_regs()) : \
	 kpatch_call_original(__x64_sys_original_##_name, current_pt_regs()))
#else
#define KPATCH_SYSCALL_ORIGINAL(_name)					\
	extern char kpatch_original_of_sys_##_name[2];			\
	KPATCH_ENTRY_ORIGINAL(CONCATENATE(KPATCH_ABI, sys_original_##_name))

#define kpatch_call_original_syscall(_name)				\
	kpatch_call_original(CONCATENATE(KPATCH_ABI, sys_original_##_name), \
			     current_pt_regs())
#endif

#endif /* _LINUX_KPATCH_SYSCALL_H */
