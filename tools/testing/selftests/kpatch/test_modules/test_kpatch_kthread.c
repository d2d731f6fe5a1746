// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel thread that sleeps in a kernel function until this module is unloaded. Few
 * other tasks use that function.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/timer.h>

static unsigned int wake_ms;
module_param(wake_ms, uint, 0444);
MODULE_PARM_DESC(wake_ms, "if set, the thread runs so often, without leaving the function");

static DECLARE_COMPLETION(leave);
static struct task_struct *sleeper;

static int sleep_inside(void *data)
{
	wait_for_completion_interruptible(&leave);
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

/* Without the completion the thread goes to sleep again. */
static void wake_sleeper(struct timer_list *timer)
{
	wake_up_process(sleeper);
	mod_timer(timer, jiffies + msecs_to_jiffies(wake_ms));
}

static DEFINE_TIMER(waker, wake_sleeper);

static int __init sleeper_init(void)
{
	sleeper = kthread_run(sleep_inside, NULL, "kpatch_kthread");
	if (IS_ERR(sleeper))
		return PTR_ERR(sleeper);
	if (wake_ms)
		wake_sleeper(&waker);
	return 0;
}
module_init(sleeper_init);

static void __exit sleeper_exit(void)
{
	timer_shutdown_sync(&waker);
	complete(&leave);
	kthread_stop(sleeper);
}
module_exit(sleeper_exit);

MODULE_DESCRIPTION("kpatch test: a kernel thread that sleeps in a function");
MODULE_LICENSE("GPL");
