// SPDX-License-Identifier: GPL-2.0-only
/* A module out of tree: a directory of its own, headers, and code from elsewhere. */
#include <linux/module.h>
#include <linux/moduleparam.h>

#include <outside.h>

#include "../../common/lines.c"

int outside_total;

int outside_add(int step)
{
	outside_total += step;
	return outside_total;
}
EXPORT_SYMBOL_GPL(outside_add);

static int read_total(char *buffer, const struct kernel_param *param)
{
	return print_line(buffer, "total", outside_add(OUTSIDE_STEP));
}

static const struct kernel_param_ops total_ops = { .get = read_total };
module_param_cb(total, &total_ops, NULL, 0444);

MODULE_DESCRIPTION("A module that is patched");
MODULE_LICENSE("GPL");
