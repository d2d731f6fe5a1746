// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a system call that sleeps until a signal arrives: both the old and the
 * new pause() keep a task inside for as long as a test wants. The new one returns 1
 * after the signal.
 */
#include <linux/kpatch.h>
#include <linux/sched/signal.h>

#include "syscall_name.h"

struct pt_regs;

static bool deep;
module_param(deep, bool, 0644);
MODULE_PARM_DESC(deep, "sleep in a function with a long name");

static __always_inline void sleep(void)
{
	while (!signal_pending(current)) {
		__set_current_state(TASK_INTERRUPTIBLE);
		schedule();
	}
}

#define TWICE_(name)	name ## name
#define TWICE(name)	TWICE_(name)

/* 192 characters */
static noinline void TWICE(TWICE(TWICE(TWICE(a_long_name_))))(void)
{
	sleep();
}

static long new_pause(const struct pt_regs *regs)
{
	if (deep)
		TWICE(TWICE(TWICE(TWICE(a_long_name_))))();
	else
		sleep();
	return 1;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED(SYSCALL_NAME("pause"), new_pause),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a function that tasks sleep in");
MODULE_LICENSE("GPL");
