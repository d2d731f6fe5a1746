// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with a static key, a static call and a debug message of its own, which code of
 * another module cannot refer to before this one is loaded.
 */
#include <linux/jump_label.h>
#include <linux/module.h>
#include <linux/static_call.h>

static DEFINE_STATIC_KEY_FALSE(keys_on);

static noinline int keys_branch(int n)
{
	if (static_branch_unlikely(&keys_on))
		return n;
	return n + 1;
}

static int keys_target(int n)
{
	return n + 2;
}

DEFINE_STATIC_CALL(keys_call, keys_target);

static noinline int keys_called(int n)
{
	return static_call(keys_call)(n) + 3;
}

static noinline int keys_told(int n)
{
	pr_debug("%d\n", n);
	return n + 4;
}

static int keys_show(char *buffer, const struct kernel_param *param)
{
	return sprintf(buffer, "%d %d %d\n", keys_branch(1), keys_called(1), keys_told(1));
}

static const struct kernel_param_ops keys_ops = {
	.get = keys_show,
};
module_param_cb(show, &keys_ops, NULL, 0444);

MODULE_DESCRIPTION("kpatch test: keys of a module");
MODULE_LICENSE("GPL");
