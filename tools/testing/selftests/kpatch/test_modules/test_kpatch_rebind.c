// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches gcd() or lcm(), or one after the other with the same stub: the replacement
 * adds 1000 to what the original returns. The last one stays enabled.
 */
#include <linux/gcd.h>
#include <linux/kpatch.h>
#include <linux/lcm.h>
#include <linux/string.h>

static char *name[2];
static int num_names;
module_param_array(name, charp, &num_names, 0444);
MODULE_PARM_DESC(name, "which functions to patch: gcd, lcm");

static unsigned long first = 4;
module_param(first, ulong, 0444);
MODULE_PARM_DESC(first, "first argument of the calls");

static unsigned long second = 6;
module_param(second, ulong, 0444);
MODULE_PARM_DESC(second, "second argument of the calls");

static unsigned long answer[2];
static int num_answers;
module_param_array(answer, ulong, &num_answers, 0444);
MODULE_PARM_DESC(answer, "what the patched functions have returned");

KPATCH_ORIGINAL(original_fn, gcd);

static int depth;

/* Should the stub lead here again, this ends: the answer is 999 then. */
static unsigned long new_fn(unsigned long a, unsigned long b)
{
	unsigned long ret;

	if (depth)
		return -1;
	depth++;
	barrier();
	ret = 1000 + kpatch_call_original(original_fn, a, b);
	barrier();
	depth--;
	return ret;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED(NULL, new_fn, .original = original_fn),
};

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.num_funcs = ARRAY_SIZE(funcs),
};

static unsigned long (*call_gcd)(unsigned long a, unsigned long b) = gcd;
static unsigned long (*call_lcm)(unsigned long a, unsigned long b) = lcm;

static int patch_and_call(int i)
{
	int ret;

	funcs[0].old_name = name[i];
	ret = kpatch_register(&patch);
	if (ret)
		return ret;
	if (!strcmp(name[i], "gcd"))
		answer[i] = READ_ONCE(call_gcd)(first, second);
	else
		answer[i] = READ_ONCE(call_lcm)(first, second);
	num_answers = i + 1;
	return 0;
}

static int __init rebind_init(void)
{
	int ret = -EINVAL, i;

	for (i = 0; i < num_names; i++) {
		ret = patch_and_call(i);
		if (ret || i == num_names - 1)
			break;
		ret = kpatch_disable(&patch);
		if (!ret)
			ret = kpatch_unregister(&patch);
		if (ret)
			break;
	}
	return ret;
}
module_init(rebind_init);

static void __exit rebind_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(rebind_exit);

MODULE_DESCRIPTION("kpatch test: one stub, several functions");
MODULE_LICENSE("GPL");
