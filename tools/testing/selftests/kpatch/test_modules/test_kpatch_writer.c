// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers a patch from within a write(2) to a parameter. The patched function is
 * one that this write runs in.
 */
#include <linux/kpatch.h>

static char *name;
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "name of the function to patch");

/* If it is called after all, no caller retries on this errno. */
static noinline long replacement(void)
{
	return -EIO;
}

static struct kpatch_func funcs[1];

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.num_funcs = ARRAY_SIZE(funcs),
};

static int register_now(const char *val, const struct kernel_param *kp)
{
	int ret;

	funcs[0].old_name = name;
	funcs[0].new_addr = replacement;
	ret = kpatch_register(&patch);
	if (ret)
		return ret;
	kpatch_disable(&patch);
	kpatch_unregister(&patch);
	return 0;
}

static const struct kernel_param_ops register_ops = {
	.set = register_now,
};
module_param_cb(register, &register_ops, NULL, 0200);
MODULE_PARM_DESC(register, "write anything to register the patch");

static int __init writer_init(void)
{
	return 0;
}
module_init(writer_init);

static void __exit writer_exit(void)
{
}
module_exit(writer_exit);

MODULE_DESCRIPTION("kpatch test: a patch of functions that the requester runs in");
MODULE_LICENSE("GPL");
