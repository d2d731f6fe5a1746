// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a system call that sleeps until a signal arrives: both the old and the
 * new pause() keep a task inside for as long as a test wants. The new one returns 1
 * after the signal.
 */
#include <linux/kpatch_syscall.h>
#include <linux/sched/signal.h>

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

/* Not inlined: the tests look for tasks in it by its name. */
static noinline long new_pause(void)
{
	if (deep)
		TWICE(TWICE(TWICE(TWICE(a_long_name_))))();
	else
		sleep();
	return 1;
}

KPATCH_SYSCALL_DEFINE0(pause)
{
	return new_pause();
}

static struct kpatch_func funcs[] = {
	KPATCH_SYSCALL0(pause),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: a function that tasks sleep in");
MODULE_LICENSE("GPL");
