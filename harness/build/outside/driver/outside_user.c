// SPDX-License-Identifier: GPL-2.0-only
/* Uses what another module out of tree exports. */
#include <linux/module.h>
#include <linux/moduleparam.h>

#include <outside.h>

static int read_step(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "step %d\n", outside_add(0) + OUTSIDE_STEP);
}

static const struct kernel_param_ops step_ops = { .get = read_step };
module_param_cb(step, &step_ops, NULL, 0444);

MODULE_DESCRIPTION("A module that needs another one");
MODULE_LICENSE("GPL");
