// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches functions of test_kpatch_target and uses symbols of it that are not exported.
 */
#include <linux/kpatch.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "target.h"

#ifndef BASE
#define BASE 100
#endif

static bool sleep;
module_param(sleep, bool, 0644);
MODULE_PARM_DESC(sleep, "the new target_wait() and target_hold() sleep until this is N");

static typeof(target_limit) *limit;

/* The pointer is cleared when the target goes, whose files may still be in use then. */
static int new_target_value(int arg)
{
	const int *ptr = READ_ONCE(limit);

	return BASE + arg + (ptr ? *ptr * 1000 : 0);
}

static int new_target_wait(int arg)
{
	while (READ_ONCE(sleep)) {
		if (signal_pending(current))
			return -ERESTARTSYS;
		schedule_timeout_interruptible(HZ / 10);
	}
	return BASE + 50 + arg;
}

static int new_target_hold(int arg)
{
	while (READ_ONCE(sleep) && !fatal_signal_pending(current))
		schedule_timeout_killable(HZ / 10);
	return BASE + 60 + arg;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC(target_value, new_target_value, .objname = TARGET),
	KPATCH_FUNC(target_wait, new_target_wait, .objname = TARGET),
	KPATCH_FUNC(target_hold, new_target_hold, .objname = TARGET),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL(target_limit, limit, .objname = TARGET),
};

module_kpatch(funcs, KPATCH_SYMBOLS(symbols));

MODULE_DESCRIPTION("kpatch test: functions of a module");
MODULE_LICENSE("GPL");
