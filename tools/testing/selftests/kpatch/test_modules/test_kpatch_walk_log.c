// SPDX-License-Identifier: GPL-2.0-only
/*
 * The callbacks of all patches of the random walk, in the order in which they are called.
 */
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "walk.h"

static char text[2048];
static size_t len;

/* No two callbacks run at once. Some are called while the machine is stopped. */
void walk_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	len += vscnprintf(text + len, sizeof(text) - len, format, args);
	va_end(args);
}
EXPORT_SYMBOL_GPL(walk_log);

static int get_text(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", text);
}

static int clear_text(const char *val, const struct kernel_param *kp)
{
	len = 0;
	text[0] = '\0';
	return 0;
}

static const struct kernel_param_ops text_ops = {
	.get = get_text,
	.set = clear_text,
};
module_param_cb(text, &text_ops, NULL, 0644);
MODULE_PARM_DESC(text, "the callbacks that were called; written: forget them");

MODULE_DESCRIPTION("kpatch test: log of callbacks");
MODULE_LICENSE("GPL");
