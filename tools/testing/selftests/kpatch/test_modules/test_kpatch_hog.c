// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps a CPU busy with preemption disabled, from the write to "hog" until some
 * time after another task needs the CPU.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/nmi.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/timekeeping.h>

/* The limit if no other task needs the CPU. */
#define MAX_S 30

static unsigned int cpu = 1;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "CPU to keep busy");

static unsigned int ms = 3000;
module_param(ms, uint, 0644);
MODULE_PARM_DESC(ms, "how long to stay busy after another task needs the CPU");

static DECLARE_COMPLETION(begun);
static struct task_struct *thread;

static u64 now(void)
{
	return ktime_get_mono_fast_ns();
}

static int hog(void *unused)
{
	u64 end = now() + MAX_S * (u64)NSEC_PER_SEC, rest = ms * (u64)NSEC_PER_MSEC;

	preempt_disable();
	complete(&begun);
	while (!need_resched() && now() < end) {
		touch_nmi_watchdog();
		cpu_relax();
	}
	for (end = now() + rest; now() < end;) {
		touch_nmi_watchdog();
		cpu_relax();
	}
	preempt_enable();
	return 0;
}

static void put_thread(void)
{
	if (!thread)
		return;
	kthread_stop(thread);
	put_task_struct(thread);
	thread = NULL;
}

static int set_hog(const char *val, const struct kernel_param *kp)
{
	struct task_struct *new;

	put_thread();
	new = kthread_create(hog, NULL, "kpatch_hog");
	if (IS_ERR(new))
		return PTR_ERR(new);
	thread = get_task_struct(new);
	kthread_bind(thread, cpu);
	reinit_completion(&begun);
	wake_up_process(thread);
	wait_for_completion(&begun);
	return 0;
}

static const struct kernel_param_ops hog_ops = {
	.set = set_hog,
};

module_param_cb(hog, &hog_ops, NULL, 0200);
MODULE_PARM_DESC(hog, "write anything to start");

static void __exit hog_exit(void)
{
	put_thread();
}
module_exit(hog_exit);

static int __init hog_init(void)
{
	return 0;
}
module_init(hog_init);

MODULE_DESCRIPTION("kpatch test: a CPU that does not respond to a stop");
MODULE_LICENSE("GPL");
