// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches a function that a task whose parent ignores SIGCHLD calls past
 * exit_notify(), after it has left the task list. The new function sleeps there,
 * or dies as if the task had faulted there.
 * The old function only drops cached dentries of the task's files in /proc, which
 * are revalidated before use.
 */
#include <linux/jiffies.h>
#include <linux/kpatch.h>
#include <linux/kprobes.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(wake);
static unsigned int sleep_ms;

static int set_sleep_ms(const char *val, const struct kernel_param *kp)
{
	int ret = param_set_uint(val, kp);

	wake_up_all(&wake);
	return ret;
}

static const struct kernel_param_ops sleep_ms_ops = {
	.set = set_sleep_ms,
	.get = param_get_uint,
};

module_param_cb(sleep_ms, &sleep_ms_ops, &sleep_ms, 0644);
MODULE_PARM_DESC(sleep_ms, "how long a task sleeps; writing 0 wakes all sleepers");

static atomic_t sleepers = ATOMIC_INIT(0);
module_param_named(sleepers, sleepers.counter, int, 0444);
MODULE_PARM_DESC(sleepers, "number of sleeping tasks");

static bool faults;
module_param(faults, bool, 0644);
MODULE_PARM_DESC(faults, "make the next exiting task die as if it had faulted");

/* make_task_dead() is not exported. */
static void (*die)(int signr);

static void new_proc_flush_pid(struct pid *pid)
{
	unsigned int ms = READ_ONCE(sleep_ms);

	/* A task that reaps a child calls this, too. */
	if (!(current->flags & PF_EXITING))
		return;
	if (xchg(&faults, false))
		die(SIGSEGV);
	if (!ms)
		return;
	atomic_inc(&sleepers);
	wait_event_timeout(wake, !READ_ONCE(sleep_ms), msecs_to_jiffies(ms));
	atomic_dec(&sleepers);
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(proc_flush_pid, new_proc_flush_pid),
};

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.num_funcs = ARRAY_SIZE(funcs),
};

static int __init exit_init(void)
{
	struct kprobe probe = { .symbol_name = "make_task_dead" };
	int ret = register_kprobe(&probe);

	if (ret)
		return ret;
	die = (void *)probe.addr;
	unregister_kprobe(&probe);
	return kpatch_register(&patch);
}
module_init(exit_init);

static void __exit exit_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(exit_exit);

MODULE_DESCRIPTION("kpatch test: a function that tasks sleep in past exit_notify()");
MODULE_LICENSE("GPL");
