// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module whose functions the patches of the random walk replace.
 */
#include <linux/compiler.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>

#include "walk.h"

#ifndef FIRST_FUNC
#define FIRST_FUNC 0
#endif

/* Not a constant for the compiler, which would make clones for it. */
static int unpatched;

static noinline int walk_func0(int serial)
{
	return WALK_VALUE(serial, FIRST_FUNC);
}

static noinline int walk_func1(int serial)
{
	return WALK_VALUE(serial, FIRST_FUNC + 1);
}

static noinline int walk_func2(int serial)
{
	return WALK_VALUE(serial, FIRST_FUNC + 2);
}

static int print_values(char *buf)
{
	return sysfs_emit(buf, "%d %d %d\n", walk_func0(READ_ONCE(unpatched)),
			  walk_func1(READ_ONCE(unpatched)), walk_func2(READ_ONCE(unpatched)));
}

static int get_values(char *buf, const struct kernel_param *kp)
{
	return print_values(buf);
}

static const struct kernel_param_ops values_ops = {
	.get = get_values,
};
module_param_cb(values, &values_ops, NULL, 0444);
MODULE_PARM_DESC(values, "what the functions return");

static int seen[WALK_FUNCS];
module_param_array(seen, int, NULL, 0444);
MODULE_PARM_DESC(seen, "what they returned in init");

static int __init target_init(void)
{
	seen[0] = walk_func0(READ_ONCE(unpatched));
	seen[1] = walk_func1(READ_ONCE(unpatched));
	seen[2] = walk_func2(READ_ONCE(unpatched));
	return 0;
}
module_init(target_init);

static void __exit target_exit(void)
{
}
module_exit(target_exit);

MODULE_DESCRIPTION("kpatch test: a module whose functions are patched");
MODULE_LICENSE("GPL");
