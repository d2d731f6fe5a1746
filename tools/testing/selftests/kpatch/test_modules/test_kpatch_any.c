// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch that its parameters can make invalid in every way.
 */
#include <linux/kpatch.h>
#include <linux/printk.h>
#include <linux/string.h>

static char *name;
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "name of the function to patch");

static unsigned long addr;
module_param(addr, ulong, 0444);
MODULE_PARM_DESC(addr, "address of the function to patch");

static unsigned long sympos;
module_param(sympos, ulong, 0444);
MODULE_PARM_DESC(sympos, "position among symbols of the same name");

static char *objname;
module_param(objname, charp, 0444);
MODULE_PARM_DESC(objname, "module that contains the function");

static unsigned int flags;
module_param(flags, uint, 0444);
MODULE_PARM_DESC(flags, "flags of the patch");

static char *quirk = "";
module_param(quirk, charp, 0444);
MODULE_PARM_DESC(quirk, "other defect of the patch");

/* Never meant to run: the tests expect the patch to be refused. */
static noinline long replacement(void)
{
	return 0;
}

static struct kpatch_func funcs[2];

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.num_funcs = 1,
};

static bool is(const char *what)
{
	return !strcmp(quirk, what);
}

static int register_twice(void)
{
	int ret = kpatch_register(&patch);

	if (ret)
		return ret;
	ret = kpatch_register(&patch);
	kpatch_disable(&patch);
	kpatch_unregister(&patch);
	return ret;
}

/* Unregistering an enabled patch is refused, and the patch stays. */
static int unregister_enabled(void)
{
	int ret = kpatch_register(&patch);

	if (ret)
		return ret;
	ret = kpatch_unregister(&patch);
	kpatch_disable(&patch);
	kpatch_unregister(&patch);
	return ret;
}

/* The init of the module fails after the patch is registered. */
static int register_and_fail(void)
{
	int ret = kpatch_register(&patch);

	return ret ?: -ENOMEM;
}

static int register_quirky(void)
{
	if (is("null"))
		return kpatch_register(NULL);
	if (is("register twice"))
		return register_twice();
	if (is("unregister enabled"))
		return unregister_enabled();
	if (is("init fails"))
		return register_and_fail();
	if (is("unregister unknown"))
		return kpatch_unregister(&patch);
	if (is("enable unknown"))
		return kpatch_enable(&patch);
	if (is("no mod"))
		patch.mod = NULL;
	if (is("no funcs"))
		patch.funcs = NULL;
	if (is("zero funcs"))
		patch.num_funcs = 0;
	if (is("same function twice"))
		patch.num_funcs = 2;
	return kpatch_register(&patch);
}

static int __init any_init(void)
{
	funcs[0].old_name = name;
	funcs[0].old_addr = addr;
	funcs[0].sympos = sympos;
	funcs[0].objname = objname;
	funcs[0].new_addr = replacement;
	if (is("no new function"))
		funcs[0].new_addr = NULL;
	if (is("new function elsewhere"))
		funcs[0].new_addr = _printk;
	if (is("new function is data"))
		funcs[0].new_addr = &patch;
	if (is("new function not at its start"))
		funcs[0].new_addr = (void *)replacement + 1;
	funcs[1] = funcs[0];
	patch.flags = flags;
	return register_quirky();
}
module_init(any_init);

static void __exit any_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(any_exit);

MODULE_DESCRIPTION("kpatch test: patches that must be refused");
MODULE_LICENSE("GPL");
