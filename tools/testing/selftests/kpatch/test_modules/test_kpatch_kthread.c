// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel thread that sleeps in a kernel function until this module is unloaded, or
 * again and again. Few other tasks use these functions.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>

static unsigned int nap_ms;
module_param(nap_ms, uint, 0444);
MODULE_PARM_DESC(nap_ms, "if set, sleep in msleep_interruptible() for so long each time");

static DECLARE_COMPLETION(leave);
static struct task_struct *sleeper;

static int sleep_inside(void *data)
{
	while (nap_ms && !kthread_should_stop())
		msleep_interruptible(nap_ms);
	wait_for_completion_interruptible(&leave);
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

static int __init sleeper_init(void)
{
	sleeper = kthread_run(sleep_inside, NULL, "kpatch_kthread");
	return PTR_ERR_OR_ZERO(sleeper);
}
module_init(sleeper_init);

static void __exit sleeper_exit(void)
{
	complete(&leave);
	kthread_stop(sleeper);
}
module_exit(sleeper_exit);

MODULE_DESCRIPTION("kpatch test: a kernel thread that sleeps in a function");
MODULE_LICENSE("GPL");
