// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches functions by name, see through.h. Its init may fail late.
 */
#include <linux/delay.h>
#include <linux/kpatch.h>

#include "through.h"

static bool enable;
module_param(enable, bool, 0444);
MODULE_PARM_DESC(enable, "enable the patch when it is loaded");

static unsigned int fail_ms;
module_param(fail_ms, uint, 0444);
MODULE_PARM_DESC(fail_ms, "if set, init fails this long after the patch is registered");

static struct kpatch_module patch = {
	.mod = THIS_MODULE,
	.funcs = funcs,
};

static int __init through_init(void)
{
	int ret;

	patch.num_funcs = fill_funcs();
	if (!enable)
		patch.flags = KPATCH_LOAD_DISABLED;
	ret = kpatch_register(&patch);
	if (ret || !fail_ms)
		return ret;
	msleep(fail_ms);
	return -ENOMEM;
}
module_init(through_init);

static void __exit through_exit(void)
{
	kpatch_unregister(&patch);
}
module_exit(through_exit);

MODULE_DESCRIPTION("kpatch test: functions that call the original");
MODULE_LICENSE("GPL");
