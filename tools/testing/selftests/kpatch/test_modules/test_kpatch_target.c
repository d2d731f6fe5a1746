// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module whose functions are patched. Its parameters call them.
 */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "target.h"

static DECLARE_WAIT_QUEUE_HEAD(waiters);
static bool woken;

static int init_error;
module_param(init_error, int, 0444);
MODULE_PARM_DESC(init_error, "errno that init returns");

static int seen_by_init;
module_param(seen_by_init, int, 0444);
MODULE_PARM_DESC(seen_by_init, "what target_value(1) returned in init");

static int seen_by_parameter;

/* Variable that is not exported. */
int target_limit = 7;

noinline int target_value(int arg)
{
	return 10 + arg;
}

/* Sleeps until 1 is written to "wake". */
noinline int target_wait(int arg)
{
	int ret = wait_event_interruptible(waiters, READ_ONCE(woken));

	return ret ?: 20 + arg;
}

static int get_value(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", target_value(1));
}

static int set_value(const char *val, const struct kernel_param *kp)
{
	seen_by_parameter = target_value(1);
	return 0;
}

static const struct kernel_param_ops value_ops = {
	.get = get_value,
	.set = set_value,
};

module_param_cb(value, &value_ops, NULL, 0644);
MODULE_PARM_DESC(value, "read: target_value(1); written: called before init");
module_param(seen_by_parameter, int, 0444);
MODULE_PARM_DESC(seen_by_parameter, "what it returned when 'value' was written last");

static int get_wait(char *buf, const struct kernel_param *kp)
{
	int ret = target_wait(1);

	return ret < 0 ? ret : sysfs_emit(buf, "%d\n", ret);
}

static const struct kernel_param_ops wait_ops = {
	.get = get_wait,
};

module_param_cb(wait, &wait_ops, NULL, 0444);
MODULE_PARM_DESC(wait, "read: target_wait(1)");

static int set_wake(const char *val, const struct kernel_param *kp)
{
	WRITE_ONCE(woken, *val == '1');
	wake_up_all(&waiters);
	return 0;
}

static const struct kernel_param_ops wake_ops = {
	.set = set_wake,
};

module_param_cb(wake, &wake_ops, NULL, 0200);
MODULE_PARM_DESC(wake, "1 lets tasks leave target_wait()");

static int __init target_init(void)
{
	seen_by_init = target_value(1);
	return -init_error;
}
module_init(target_init);

static void __exit target_exit(void)
{
}
module_exit(target_exit);

MODULE_DESCRIPTION("kpatch test: a module whose functions are patched");
MODULE_LICENSE("GPL");
