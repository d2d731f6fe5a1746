// SPDX-License-Identifier: GPL-2.0-only
/*
 * c1fc6484e1fb ("sched/rt: sysctl_sched_rr_timeslice show default timeslice after
 * reset"): -1 resets the time slice, but was what a reader of the file got. The
 * function uses two variables of the kernel.
 */
#include <linux/jiffies.h>
#include <linux/kpatch.h>
#include <linux/mutex.h>
#include <linux/sched/rt.h>
#include <linux/sysctl.h>

static int *sysctl_sched_rr_timeslice;
static int *sched_rr_timeslice;

static int new_sched_rr_handler(const struct ctl_table *table, int write, void *buffer,
				size_t *lenp, loff_t *ppos)
{
	/* A call of another version is never running at the same time. */
	static DEFINE_MUTEX(mutex);
	int ret;

	mutex_lock(&mutex);
	ret = proc_dointvec(table, write, buffer, lenp, ppos);
	if (!ret && write) {
		*sched_rr_timeslice =
			*sysctl_sched_rr_timeslice <= 0 ? RR_TIMESLICE :
			msecs_to_jiffies(*sysctl_sched_rr_timeslice);
#ifndef WITH_BUG
		if (*sysctl_sched_rr_timeslice <= 0)
			*sysctl_sched_rr_timeslice = jiffies_to_msecs(RR_TIMESLICE);
#endif
	}
	mutex_unlock(&mutex);

	return ret;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("sched_rr_handler", new_sched_rr_handler),
};

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL_NAMED("sysctl_sched_rr_timeslice", sysctl_sched_rr_timeslice),
	KPATCH_SYMBOL_NAMED("sched_rr_timeslice", sched_rr_timeslice),
};
module_kpatch(funcs, KPATCH_SYMBOLS(symbols));

MODULE_DESCRIPTION("kpatch test: a sysctl of the scheduler");
MODULE_LICENSE("GPL");
