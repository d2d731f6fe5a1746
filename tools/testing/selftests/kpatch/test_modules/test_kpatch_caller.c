// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel thread that keeps calling lcm(), or only keeps pointers to it on its
 * stack.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/lcm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "stay.h"

static bool hold;
module_param(hold, bool, 0444);
MODULE_PARM_DESC(hold, "sleep with pointers to the function instead of calling it");

static int cpu = -1;
module_param(cpu, int, 0444);
MODULE_PARM_DESC(cpu, "run on this CPU with real-time priority");

static int calls;
module_param(calls, int, 0444);
MODULE_PARM_DESC(calls, "number of completed calls of lcm()");

static struct task_struct *thread;

typedef unsigned long (*lcm_t)(unsigned long a, unsigned long b);

static lcm_t callee = lcm;

static void call(void)
{
	READ_ONCE(callee)(STAY_MAGIC, STAY_MAGIC);
	WRITE_ONCE(calls, calls + 1);
}

/* The pointers are certain to be on the stack, since they are used after the sleep. */
static noinline void sleep_with_pointers(void)
{
	lcm_t pointers[8];
	int i;

	for (i = 0; i < ARRAY_SIZE(pointers); i++)
		pointers[i] = READ_ONCE(callee);
	barrier_data(pointers);
	while (!kthread_should_stop())
		schedule_timeout_idle(HZ / 10);
	for (i = 0; i < ARRAY_SIZE(pointers); i++)
		pointers[i](STAY_MAGIC, STAY_MAGIC);
}

static int call_or_hold(void *unused)
{
	if (hold)
		sleep_with_pointers();
	while (!kthread_should_stop()) {
		call();
		cond_resched_tasks_rcu_qs();
		usleep_range(1000, 2000);
	}
	return 0;
}

static int __init caller_init(void)
{
	thread = kthread_create(call_or_hold, NULL, "kpatch_caller");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	if (cpu >= 0) {
		kthread_bind(thread, cpu);
		sched_set_fifo(thread);
	}
	wake_up_process(thread);
	return 0;
}
module_init(caller_init);

static void __exit caller_exit(void)
{
	kthread_stop(thread);
}
module_exit(caller_exit);

MODULE_DESCRIPTION("kpatch test: a thread that calls a function");
MODULE_LICENSE("GPL");
