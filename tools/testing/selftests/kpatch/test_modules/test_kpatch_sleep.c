// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches functions that tasks sleep in, by name. The replacement does nothing and
 * returns the answer that the test wants. For foreign tasks that would be harmful:
 * it makes them restart their system call, again and again, until the patch is
 * disabled.
 */
#include <linux/kpatch.h>
#include <linux/sched.h>
#include <linux/string.h>

#define MAX_FUNCS 4

static char *name[MAX_FUNCS];
static int num_names;
module_param_array(name, charp, &num_names, 0444);
MODULE_PARM_DESC(name, "names of the functions to patch");

static bool enable;
module_param(enable, bool, 0444);
MODULE_PARM_DESC(enable, "keep the patch enabled after loading");

static int answer;
module_param(answer, int, 0644);
MODULE_PARM_DESC(answer, "return value of the replacement; 0: restart the system call");

static char *only;
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "name of the tasks that get the answer; all tasks if not set");

static unsigned int flags;
module_param(flags, uint, 0444);
MODULE_PARM_DESC(flags, "flags of the functions");

static long replacement(void)
{
	if (answer && (!only || !strcmp(current->comm, only)))
		return answer;
	/* User space never sees this errno, provided that the signal path is taken. */
	if (!(current->flags & PF_KTHREAD))
		set_thread_flag(TIF_NOTIFY_SIGNAL);
	return -ERESTARTNOINTR;
}

static struct kpatch_func funcs[MAX_FUNCS];

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
};

static int __init sleep_init(void)
{
	int i, ret;

	for (i = 0; i < num_names; i++) {
		funcs[i].old_name = name[i];
		funcs[i].new_addr = replacement;
		funcs[i].flags = flags;
	}
	patch.num_funcs = num_names;
	ret = kpatch_register(&patch);
	/* The tests check that this has succeeded. */
	if (!ret && !enable)
		kpatch_disable(&patch);
	return ret;
}
module_init(sleep_init);

static void __exit sleep_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(sleep_exit);

MODULE_DESCRIPTION("kpatch test: functions that tasks sleep in");
MODULE_LICENSE("GPL");
