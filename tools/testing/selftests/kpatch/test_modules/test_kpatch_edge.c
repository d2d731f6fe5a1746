// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches functions of two modules. Tasks that cannot be parked sleep in those of
 * test_kpatch_target2, old or new, and keep the patch from being switched.
 */
#include <linux/kpatch.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include "target.h"

static bool sleep;
module_param(sleep, bool, 0644);
MODULE_PARM_DESC(sleep, "the new target_hold() sleeps until this is N");

static int new_target_value(int arg)
{
	return 300 + arg;
}

static int new_target_hold(int arg)
{
	while (READ_ONCE(sleep) && !fatal_signal_pending(current))
		schedule_timeout_killable(HZ / 10);
	return 330 + arg;
}

static int new_target_helper(int arg)
{
	return 390 + arg;
}

#ifdef WITH_VMLINUX
static int new_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s: new cmdline\n", THIS_MODULE->name);
	return 0;
}
#endif

static struct kpatch_func funcs[] = {
#ifdef WITH_VMLINUX
	KPATCH_FUNC_NAMED("cmdline_proc_show", new_cmdline_proc_show),
#endif
	KPATCH_FUNC(target_value, new_target_value, .objname = TARGET),
	KPATCH_FUNC(target_hold, new_target_hold, .objname = TARGET2),
	KPATCH_FUNC(target_helper, new_target_helper, .objname = TARGET2),
};
module_kpatch(funcs);

MODULE_DESCRIPTION("kpatch test: functions of two modules");
MODULE_LICENSE("GPL");
