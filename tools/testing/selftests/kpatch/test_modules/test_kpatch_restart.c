// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches pause() with a function whose interrupted call continues in another
 * function of this module, as that of nanosleep() does; pause() then returns 2.
 */
#include <linux/kpatch_syscall.h>
#include <linux/restart_block.h>
#include <linux/sched/signal.h>
#include <linux/thread_info.h>

static long go_on(struct restart_block *restart)
{
	return 2;
}

KPATCH_SYSCALL_DEFINE0(pause)
{
	while (!signal_pending(current)) {
		__set_current_state(TASK_INTERRUPTIBLE);
		schedule();
	}
	return set_restart_fn(&current->restart_block, go_on);
}

static struct kpatch_func funcs[] = {
	KPATCH_SYSCALL0(pause),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a system call that is restarted");
MODULE_LICENSE("GPL");
