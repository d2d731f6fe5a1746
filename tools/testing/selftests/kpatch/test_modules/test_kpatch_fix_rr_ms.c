// SPDX-License-Identifier: GPL-2.0-only
/*
 * 975e155ed873 ("sched/rt: Show the 'sched_rr_timeslice' SCHED_RR timeslice tuning knob
 * in milliseconds"): writers of the file gave milliseconds, readers got jiffies. The
 * variable that readers get is converted in the switch, at the instant at which the
 * function is replaced that takes it for one or the other.
 */
#include <linux/jiffies.h>
#include <linux/kpatch_state.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/sched/rt.h>
#include <linux/sysctl.h>

static int *sysctl_sched_rr_timeslice;
static int *sched_rr_timeslice;

static void to_milliseconds(struct kpatch_state *state)
{
	*sysctl_sched_rr_timeslice =
		min_t(unsigned int, jiffies_to_msecs(*sysctl_sched_rr_timeslice), INT_MAX);
}

static void to_jiffies(struct kpatch_state *state)
{
	*sysctl_sched_rr_timeslice = msecs_to_jiffies(*sysctl_sched_rr_timeslice);
}

static int new_sched_rr_handler(const struct ctl_table *table, int write, void *buffer,
				size_t *lenp, loff_t *ppos)
{
	/* A call of another version is never running at the same time. */
	static DEFINE_MUTEX(mutex);
	int ret;

	mutex_lock(&mutex);
	ret = proc_dointvec(table, write, buffer, lenp, ppos);
	if (!ret && write) {
		if (*sysctl_sched_rr_timeslice <= 0)
			*sysctl_sched_rr_timeslice = jiffies_to_msecs(RR_TIMESLICE);
		*sched_rr_timeslice = msecs_to_jiffies(*sysctl_sched_rr_timeslice);
#ifdef WITH_BUG
		*sysctl_sched_rr_timeslice = *sched_rr_timeslice;
#endif
	}
	mutex_unlock(&mutex);

	return ret;
}

static struct kpatch_func funcs[] = {
	KPATCH_FUNC_NAMED("sched_rr_handler", new_sched_rr_handler),
};

/*
 * No other function uses the variable that is converted. So no task is halfway through
 * an access to it: a task within the function holds up the switch.
 */
static struct kpatch_state states[] = { {
#ifdef WITH_BUG
	.enter = to_jiffies,
	.leave = to_milliseconds,
#else
	.enter = to_milliseconds,
	.leave = to_jiffies,
#endif
} };

static const struct kpatch_symbol symbols[] = {
	KPATCH_SYMBOL_NAMED("sysctl_sched_rr_timeslice", sysctl_sched_rr_timeslice),
	KPATCH_SYMBOL_NAMED("sched_rr_timeslice", sched_rr_timeslice),
};
module_kpatch(funcs, KPATCH_SYMBOLS(symbols), KPATCH_STATES(states));

MODULE_DESCRIPTION("kpatch test: the unit of a sysctl of the scheduler");
MODULE_LICENSE("GPL");
