// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traces gcd() with a callback that calls gcd(), which is traced again, and so on,
 * deeper than ftrace lets tracers recurse: it skips the callback of the innermost
 * calls. Counts how often the old gcd() ran, see pair.h, once it is patched.
 */
#include <linux/ftrace.h>
#include <linux/gcd.h>
#include <linux/module.h>
#include <linux/preempt.h>

#include "pair.h"

#define MAX_DEPTH 8

static int deepest;
module_param(deepest, int, 0444);
MODULE_PARM_DESC(deepest, "maximum nesting depth of the callbacks");

static int new_calls;
module_param(new_calls, int, 0444);
MODULE_PARM_DESC(new_calls, "calls that reached the new gcd()");

static int old_calls;
module_param(old_calls, int, 0444);
MODULE_PARM_DESC(old_calls, "calls that reached the old gcd()");

static int depth;

/* Hides that the function is const: the compiler would call it only once. */
static unsigned long (*call_gcd)(unsigned long a, unsigned long b) = gcd;

static void notrace call_and_count(void)
{
	if (READ_ONCE(call_gcd)(PAIR_MAGIC, PAIR_MAGIC) == 1)
		new_calls++;
	else
		old_calls++;
}

/* Ignore calls unless the init of this module has set @depth, with preemption off. */
static void notrace callback(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	if (!depth || depth >= MAX_DEPTH)
		return;
	depth++;
	deepest = max(deepest, depth);
	call_and_count();
	depth--;
}

static struct ftrace_ops ops = {
	.func = callback,
};

static int __init nested_init(void)
{
	int ret;

	ret = ftrace_set_filter_ip(&ops, (unsigned long)gcd, 0, 1);
	if (!ret)
		ret = register_ftrace_function(&ops);
	if (ret)
		return ret;
	preempt_disable();
	depth = 1;
	call_and_count();
	depth = 0;
	preempt_enable();
	return 0;
}
module_init(nested_init);

static void __exit nested_exit(void)
{
	unregister_ftrace_function(&ops);
}
module_exit(nested_exit);

MODULE_DESCRIPTION("kpatch test: tracers that recurse");
MODULE_LICENSE("GPL");
