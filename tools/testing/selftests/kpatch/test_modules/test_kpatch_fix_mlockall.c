// SPDX-License-Identifier: GPL-2.0-only
/*
 * dedca63504a2 ("mm/mlock.c: mlockall error for flag MCL_ONFAULT"): mlockall() accepted
 * a flag that says how to lock, but not what, and unlocked everything. The function, a
 * system call, uses two functions of the kernel that are not exported.
 */
#include <linux/capability.h>
#include <linux/kpatch_syscall.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmap_lock.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

static int (*apply_mlockall_flags)(int flags);
static typeof(__mm_populate) *populate;

KPATCH_SYSCALL_DEFINE1(mlockall, int, flags)
{
	unsigned long lock_limit;
	int ret;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)))
		return -EINVAL;
#ifndef WITH_BUG
	if (flags == MCL_ONFAULT)
		return -EINVAL;
#endif

	if (!can_do_mlock())
		return -EPERM;

	lock_limit = rlimit(RLIMIT_MEMLOCK);
	lock_limit >>= PAGE_SHIFT;

	if (mmap_write_lock_killable(current->mm))
		return -EINTR;

	ret = -ENOMEM;
	if (!(flags & MCL_CURRENT) || current->mm->total_vm <= lock_limit ||
	    capable(CAP_IPC_LOCK))
		ret = apply_mlockall_flags(flags);
	mmap_write_unlock(current->mm);
	if (!ret && (flags & MCL_CURRENT))
		(void)populate(0, TASK_SIZE, 1);

	return ret;
}

static struct kpatch_func funcs[] = {
	KPATCH_SYSCALL(mlockall),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL_NAMED("apply_mlockall_flags", apply_mlockall_flags),
	KPATCH_SYMBOL(__mm_populate, populate),
};
module_kpatch(funcs, KPATCH_SYMBOLS(symbols));

MODULE_DESCRIPTION("kpatch test: mlockall()");
MODULE_LICENSE("GPL");
