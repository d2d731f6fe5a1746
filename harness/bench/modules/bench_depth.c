// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel threads that sleep below so many calls.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

static unsigned int threads = 1;
module_param(threads, uint, 0444);
static unsigned int depth = 1;
module_param(depth, uint, 0444);

static struct task_struct **tasks;

static noinline void sleep_below(unsigned int calls)
{
	if (calls) {
		sleep_below(calls - 1);
		barrier();
		return;
	}
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
}

static int run_thread(void *unused)
{
	sleep_below(depth);
	return 0;
}

static void bench_depth_exit(void)
{
	unsigned int i;

	for (i = 0; i < threads && tasks[i]; i++)
		kthread_stop(tasks[i]);
	kvfree(tasks);
}

static int __init bench_depth_init(void)
{
	struct task_struct *task;
	unsigned int i;

	tasks = kvcalloc(threads, sizeof(*tasks), GFP_KERNEL);
	if (!tasks)
		return -ENOMEM;
	for (i = 0; i < threads; i++) {
		task = kthread_run(run_thread, NULL, "depth/%u", i);
		if (IS_ERR(task)) {
			bench_depth_exit();
			return PTR_ERR(task);
		}
		tasks[i] = task;
	}
	return 0;
}

module_init(bench_depth_init);
module_exit(bench_depth_exit);
MODULE_DESCRIPTION("kpatch benchmark: tasks with deep stacks");
MODULE_LICENSE("GPL");
