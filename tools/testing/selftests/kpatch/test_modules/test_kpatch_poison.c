// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch whose structures come from kmalloc(). All fields that the patch module
 * does not have to fill in contain garbage.
 */
#include <linux/kpatch.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#define POISON 0xa5

static struct kpatch_module *patch;

static int new_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s: new cmdline\n", THIS_MODULE->name);
	return 0;
}

static void fill_in(struct kpatch_func *func)
{
	memset(func, POISON, sizeof(*func));
	func->old_name = "cmdline_proc_show";
	func->sympos = 0;
	func->old_addr = 0;
	func->new_addr = new_cmdline_proc_show;
	func->objname = NULL;
	func->flags = 0;

	memset(patch, POISON, sizeof(*patch));
	patch->mod = THIS_MODULE;
	patch->funcs = func;
	patch->num_funcs = 1;
}

static int __init poison_init(void)
{
	struct kpatch_func *func;
	int ret;

	func = kmalloc_array(1, sizeof(*func), GFP_KERNEL);
	patch = kmalloc_array(1, sizeof(*patch), GFP_KERNEL);
	if (!func || !patch) {
		ret = -ENOMEM;
	} else {
		fill_in(func);
		ret = kpatch_register(patch);
	}
	if (ret) {
		kfree(func);
		kfree(patch);
	}
	return ret;
}
module_init(poison_init);

static void __exit poison_exit(void)
{
	kpatch_unregister(patch);
	kfree(patch->funcs);
	kfree(patch);
}
module_exit(poison_exit);

MODULE_DESCRIPTION("kpatch test: structures full of garbage");
MODULE_LICENSE("GPL");
