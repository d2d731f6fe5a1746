// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a system call that many processes can keep busy: the new getpid()
 * returns the PID plus 1000000.
 */
#include <linux/kpatch.h>
#include <linux/pid.h>
#include <linux/sched.h>

#include "syscall_name.h"

struct pt_regs;

static long new_getpid(const struct pt_regs *regs)
{
	return task_tgid_vnr(current) + 1000000;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED(SYSCALL_NAME("getpid"), new_getpid),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a busy system call");
MODULE_LICENSE("GPL");
