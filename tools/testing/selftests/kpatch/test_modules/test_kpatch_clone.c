// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of functions and of their compiler-made clones, all by name. The
 * replacements only return an error; that of clones can sleep before. Without any name
 * the patch is refused, for two of its functions.
 */
#include <linux/jiffies.h>
#include <linux/kpatch.h>
#include <linux/sched.h>

#define MAX_FUNCS 24

static char *refused[] = { "no_such_function", "ftrace_location" };

static char *name[MAX_FUNCS];
static int num_names;
module_param_array(name, charp, &num_names, 0444);
MODULE_PARM_DESC(name, "names of functions to patch");

static char *clone[MAX_FUNCS];
static int num_clones;
module_param_array(clone, charp, &num_clones, 0444);
MODULE_PARM_DESC(clone, "names of clones to patch");

static char *keep[MAX_FUNCS];
static int num_kept;
module_param_array(keep, charp, &num_kept, 0444);
MODULE_PARM_DESC(keep, "names of clones to list without a replacement");

static unsigned int flags;
module_param(flags, uint, 0444);
MODULE_PARM_DESC(flags, "additional flags of the last function");

static char *objname;
module_param(objname, charp, 0444);
MODULE_PARM_DESC(objname, "the module that the last function is in");

static bool sleep;
module_param(sleep, bool, 0644);
MODULE_PARM_DESC(sleep, "replacements of clones sleep until this is N");

static noinline long sleep_in_clone(void)
{
	while (READ_ONCE(sleep))
		schedule_timeout_uninterruptible(HZ / 10);
	return -EPERM;
}

/* Leaves no frame of its own behind, as it ends with a jump. */
static long replacement(void)
{
	return sleep_in_clone();
}

static struct kpatch_func funcs[3 * MAX_FUNCS];

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
};

static void add(char **names, int num, void *new_addr, unsigned int func_flags)
{
	struct kpatch_func *func;
	int i;

	for (i = 0; i < num; i++) {
		func = &funcs[patch.num_funcs++];
		func->old_name = names[i];
		func->new_addr = new_addr;
		func->flags = func_flags;
	}
}

static int __init clone_init(void)
{
	add(name, num_names, replacement, 0);
	add(clone, num_clones, sleep_in_clone, KPATCH_CLONE);
	add(keep, num_kept, NULL, KPATCH_CLONE_KEEP);
	if (!patch.num_funcs)
		add(refused, ARRAY_SIZE(refused), replacement, 0);
	funcs[patch.num_funcs - 1].flags |= flags;
	funcs[patch.num_funcs - 1].objname = objname;
	return kpatch_register(&patch);
}
module_init(clone_init);

static void __exit clone_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(clone_exit);

MODULE_INFO(kpatch, "Y");
MODULE_DESCRIPTION("kpatch test: clones of functions");
MODULE_LICENSE("GPL");
