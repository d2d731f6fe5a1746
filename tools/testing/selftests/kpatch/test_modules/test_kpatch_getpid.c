// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a system call that many processes can keep busy: the new getpid()
 * returns the PID plus 1000000.
 */
#include <linux/kpatch_syscall.h>
#include <linux/pid.h>
#include <linux/sched.h>

KPATCH_SYSCALL_DEFINE0(getpid)
{
	return task_tgid_vnr(current) + 1000000;
}

static struct kpatch_func funcs[] = {
	KPATCH_SYSCALL0(getpid),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a busy system call");
MODULE_LICENSE("GPL");
