// SPDX-License-Identifier: GPL-2.0-only
/*
 * A live patch of a function of a module, which may be loaded later.
 */
#include <linux/livepatch.h>
#include <linux/module.h>

#include "target.h"

static int livepatch_target_value(int arg)
{
	return 500 + arg;
}

static struct klp_func funcs[] = {
	{
		.old_name = "target_value",
		.new_func = livepatch_target_value,
	}, { }
};

static struct klp_object objs[] = {
	{
		.name = TARGET,
		.funcs = funcs,
	}, { }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init livepatch_init(void)
{
	return klp_enable_patch(&patch);
}
module_init(livepatch_init);

static void __exit livepatch_exit(void)
{
}
module_exit(livepatch_exit);

MODULE_DESCRIPTION("kpatch test: a live patch of a function of a module");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
