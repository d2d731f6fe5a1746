// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of functions and of their compiler-made clones, all by name. The
 * replacement only returns an error.
 */
#include <linux/kpatch.h>

#define MAX_FUNCS 8

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

static long replacement(void)
{
	return -EPERM;
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
	add(clone, num_clones, replacement, KPATCH_CLONE);
	add(keep, num_kept, NULL, KPATCH_CLONE_KEEP);
	if (patch.num_funcs)
		funcs[patch.num_funcs - 1].flags |= flags;
	return kpatch_register(&patch);
}
module_init(clone_init);

static void __exit clone_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(clone_exit);

MODULE_DESCRIPTION("kpatch test: clones of functions");
MODULE_LICENSE("GPL");
