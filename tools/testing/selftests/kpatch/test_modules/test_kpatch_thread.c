// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch whose module creates a kernel thread but does not wake it.
 */
#include <linux/err.h>
#include <linux/kpatch.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

static struct task_struct *thread;

static int run_thread(void *unused)
{
	while (!kthread_should_stop())
		schedule_timeout_idle(HZ / 10);
	return 0;
}

static void forget_thread(void)
{
	if (thread)
		kthread_stop(thread);
	thread = NULL;
}

static int set_forget(const char *val, const struct kernel_param *kp)
{
	forget_thread();
	return 0;
}

static const struct kernel_param_ops forget_ops = {
	.set = set_forget,
};

module_param_cb(forget, &forget_ops, NULL, 0200);
MODULE_PARM_DESC(forget, "write anything to stop the thread");

static int new_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s: new cmdline\n", THIS_MODULE->name);
	return 0;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("cmdline_proc_show", new_cmdline_proc_show),
};

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.num_funcs = ARRAY_SIZE(funcs),
};

static int __init thread_init(void)
{
	struct task_struct *new = kthread_create(run_thread, NULL, "kpatch_thread");
	int ret;

	if (IS_ERR(new))
		return PTR_ERR(new);
	thread = new;
	ret = kpatch_register(&patch);
	if (ret)
		forget_thread();
	return ret;
}
module_init(thread_init);

static void __exit thread_exit(void)
{
	kpatch_unregister(&patch);
	forget_thread();
}
module_exit(thread_exit);

MODULE_DESCRIPTION("kpatch test: a kernel thread that was never woken");
MODULE_LICENSE("GPL");
