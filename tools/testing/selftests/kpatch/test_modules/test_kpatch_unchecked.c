// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches functions that take and return an int: some that tasks may be inside when they
 * are switched, and others.
 */
#include <linux/delay.h>
#include <linux/kpatch.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#define MAX_FUNCS 2

static char *unchecked[MAX_FUNCS];
static int num_unchecked;
module_param_array(unchecked, charp, &num_unchecked, 0444);
MODULE_PARM_DESC(unchecked, "names of functions to patch unchecked");

static char *checked[MAX_FUNCS];
static int num_checked;
module_param_array(checked, charp, &num_checked, 0444);
MODULE_PARM_DESC(checked, "names of other functions to patch");

static char *objname;
module_param(objname, charp, 0444);
MODULE_PARM_DESC(objname, "the module that the functions are in");

static char *symbol_in;
module_param(symbol_in, charp, 0444);
MODULE_PARM_DESC(symbol_in, "another module, of which a symbol is used");

static int answer = 100;
module_param(answer, int, 0444);
MODULE_PARM_DESC(answer, "return value of the first, without the argument; 50 more: of the others");

static bool sleep;
module_param(sleep, bool, 0644);
MODULE_PARM_DESC(sleep, "new_unchecked() sleeps until this is N");

static bool sleep_checked;
module_param(sleep_checked, bool, 0644);
MODULE_PARM_DESC(sleep_checked, "new_checked() sleeps until this is N");

static bool shared;
module_param(shared, bool, 0444);
MODULE_PARM_DESC(shared, "all functions have new_unchecked()");

static unsigned int flags;
module_param(flags, uint, 0444);
MODULE_PARM_DESC(flags, "further flags of the functions to patch unchecked");

static unsigned int patch_flags;
module_param(patch_flags, uint, 0444);
MODULE_PARM_DESC(patch_flags, "flags of the patch");

static bool enable = true;
module_param(enable, bool, 0444);
MODULE_PARM_DESC(enable, "enable the patch when it is loaded");

static unsigned int fail_ms;
module_param(fail_ms, uint, 0444);
MODULE_PARM_DESC(fail_ms, "init fails so many milliseconds after it has registered the patch");

static int *limit;

/* Inlined: what the replacement calls in this module is checked. */
static __always_inline void sleep_while(const bool *stay)
{
	while (READ_ONCE(*stay) && !fatal_signal_pending(current))
		schedule_timeout_killable(HZ / 10);
}

static noinline int new_unchecked(int arg)
{
	sleep_while(&sleep);
	return answer + arg;
}

static noinline int new_checked(int arg)
{
	sleep_while(&sleep_checked);
	return answer + 50 + arg;
}

static struct kpatch_func funcs[2 * MAX_FUNCS];

static struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL_NAMED("target_limit", limit),
};

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
	.symbols = symbols,
};

static void add(char **names, int num, int (*new_func)(int arg), unsigned int func_flags)
{
	struct kpatch_func *func;
	int i;

	for (i = 0; i < num; i++) {
		func = &funcs[patch.num_funcs++];
		func->old_name = names[i];
		func->objname = objname;
		func->new_addr = new_func;
		func->flags = func_flags;
	}
}

static int __init unchecked_init(void)
{
	int ret;

	add(unchecked, num_unchecked, new_unchecked, KPATCH_UNCHECKED | flags);
	add(checked, num_checked, shared ? new_unchecked : new_checked, 0);
	symbols[0].objname = symbol_in;
	patch.num_symbols = symbol_in ? 1 : 0;
	patch.flags = patch_flags | (enable ? 0 : KPATCH_LOAD_DISABLED);
	ret = kpatch_register(&patch);
	if (ret || !fail_ms)
		return ret;
	msleep(fail_ms);
	return -ENOMEM;
}
module_init(unchecked_init);

static void __exit unchecked_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(unchecked_exit);

MODULE_DESCRIPTION("kpatch test: functions that are switched unchecked");
MODULE_LICENSE("GPL");
