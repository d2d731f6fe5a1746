// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch whose stub for the original is not one, or not that of the function.
 */
#include <linux/gcd.h>
#include <linux/kpatch.h>
#include <linux/lcm.h>
#include <linux/printk.h>
#include <linux/string.h>

static char *quirk = "";
module_param(quirk, charp, 0444);
MODULE_PARM_DESC(quirk, "defect of the patch");

KPATCH_ORIGINAL(original_gcd, gcd);

static unsigned long new_gcd(unsigned long a, unsigned long b)
{
	return kpatch_call_original(original_gcd, a, b);
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(gcd, new_gcd, .original = original_gcd),
	KPATCH_FUNC(lcm, new_gcd),
};

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.num_funcs = 1,
};

static bool is(const char *what)
{
	return !strcmp(quirk, what);
}

static int __init stub_init(void)
{
	if (is("elsewhere"))
		funcs[0].original = _printk;
	if (is("data"))
		funcs[0].original = &patch;
	if (is("no stub"))
		funcs[0].original = new_gcd;
	if (is("not its start"))
		funcs[0].original = (void *)original_gcd + 1;
	if (is("kept")) {
		funcs[0].new_addr = NULL;
		funcs[0].flags = KPATCH_CLONE_KEEP;
	}
	if (is("shared")) {
		funcs[1].original = original_gcd;
		patch.num_funcs = 2;
	}
	return kpatch_register(&patch);
}
module_init(stub_init);

static void __exit stub_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(stub_exit);

MODULE_DESCRIPTION("kpatch test: stubs that must be refused");
MODULE_LICENSE("GPL");
