// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches pause() with a function whose interrupted call continues in another
 * function of this module, as that of nanosleep() does; pause() then returns 2.
 */
#include <linux/kpatch.h>
#include <linux/restart_block.h>
#include <linux/sched/signal.h>
#include <linux/thread_info.h>

#include "syscall_name.h"

struct pt_regs;

static long go_on(struct restart_block *restart)
{
	return 2;
}

static long new_pause(const struct pt_regs *regs)
{
	while (!signal_pending(current)) {
		__set_current_state(TASK_INTERRUPTIBLE);
		schedule();
	}
	return set_restart_fn(&current->restart_block, go_on);
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED(SYSCALL_NAME("pause"), new_pause),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a system call that is restarted");
MODULE_LICENSE("GPL");
