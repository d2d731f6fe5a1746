// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a system call that sleeps until a signal comes: both the old and the
 * new pause() keep a task inside for as long as a test likes. The new one lasts
 * until the signal, too, and then returns 1.
 */
#include <linux/kpatch.h>
#include <linux/sched/signal.h>

#include "syscall_name.h"

struct pt_regs;

static long new_pause(const struct pt_regs *regs)
{
	while (!signal_pending(current)) {
		__set_current_state(TASK_INTERRUPTIBLE);
		schedule();
	}
	return 1;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED(SYSCALL_NAME("pause"), new_pause),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a function that tasks sleep in");
MODULE_LICENSE("GPL");
