// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches system calls that few programs make. What each replacement has got is in the
 * module parameter "args", and the parameter "answer" is what it returns.
 *
 *  - process_vm_readv(), with arguments of other types than in the kernel: each type is
 *    extended and cut down in its own way
 *  - get_robust_list(), which 32-bit programs enter by another body
 *  - getpid(), without arguments; only for tasks of the tests
 */
#include <linux/kpatch_syscall.h>
#include <linux/sched.h>
#include <linux/string.h>

static char args[128];
module_param_string(args, args, sizeof(args), 0444);
MODULE_PARM_DESC(args, "the arguments of the last call");

static long answer;
module_param(answer, long, 0644);
MODULE_PARM_DESC(answer, "what the replacements return");

KPATCH_SYSCALL_DEFINE6(process_vm_readv, int, a, long, b, unsigned int, c,
		       unsigned long, d, const char __user *, e, short, f)
{
	snprintf(args, sizeof(args), "%d %ld %u %lu 0x%lx %d", a, b, c, d,
		 (unsigned long)e, f);
	return answer;
}

KPATCH_SYSCALL_DEFINE3(get_robust_list, int, pid, void __user *, head, size_t, len)
{
	snprintf(args, sizeof(args), "native %d 0x%lx %zu", pid, (unsigned long)head, len);
	return answer;
}

KPATCH_COMPAT_SYSCALL_DEFINE3(get_robust_list, int, pid, compat_uptr_t, head,
			      compat_long_t, len)
{
	snprintf(args, sizeof(args), "compat %d 0x%x %d", pid, head, len);
	return answer;
}

KPATCH_SYSCALL_DEFINE0(getpid)
{
	return strcmp(current->comm, "kpatch_syscall") ? task_tgid_vnr(current) : answer;
}

static struct kpatch_func funcs[] = {
	KPATCH_SYSCALL(process_vm_readv),
	KPATCH_SYSCALL_AND_COMPAT(get_robust_list, get_robust_list),
	KPATCH_SYSCALL0(getpid),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: arguments of system calls");
MODULE_LICENSE("GPL");
