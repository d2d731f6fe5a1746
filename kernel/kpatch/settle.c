// SPDX-License-Identifier: GPL-2.0-only
/*
 * Try to switch a patch until it works or the deadline has passed. The machine is
 * stopped only when nobody was seen inside; whoever is inside is led out, if it
 * is a task of user space, or waited for.
 */
#include "common.h"

#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "apply.h"
#include "debug.h"
#include "object.h"
#include "park.h"
#include "settle.h"
#include "stack.h"
#include "tasks.h"

/* On the command line and in /sys/module: kpatch.NAME, not settle.NAME. */
#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "kpatch."

/* Tasks may be parked so long: no longer than what is taken for a hang. */
#define MAX_DEADLINE_MS		60000U
#define MAX_STOP_BUDGET_US	10000000U

/* How long to wait between two attempts, first and last. */
#define RETRY_MS		5U
#define RETRY_MAX_MS		100U

static int set_deadline(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, MAX_DEADLINE_MS);
}

static int set_stop_budget(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, MAX_STOP_BUDGET_US);
}

static const struct kernel_param_ops deadline_ops = {
	.set = set_deadline,
	.get = param_get_uint,
};

static const struct kernel_param_ops stop_budget_ops = {
	.set = set_stop_budget,
	.get = param_get_uint,
};

static unsigned int deadline_ms = 2000;
module_param_cb(deadline_ms, &deadline_ops, &deadline_ms, 0644);
MODULE_PARM_DESC(deadline_ms, "how long a switch is tried, in milliseconds");

static unsigned int stop_budget_us = 100000;
module_param_cb(stop_budget_us, &stop_budget_ops, &stop_budget_us, 0644);
MODULE_PARM_DESC(stop_budget_us,
		 "how long the machine may be stopped to look at tasks, in microseconds");

static bool park = true;
module_param(park, bool, 0644);
MODULE_PARM_DESC(park, "lead tasks of user space out of functions that are switched");

/**
 * struct settle - a switch under way
 * @kpmod: the patch
 * @scan: which text nobody may be in
 * @tasks: all tasks, and what is known of them
 * @attempt: how to try
 * @park: where tasks are led to, %NULL if they are left alone
 * @deadline: when to give up, in jiffies
 * @wait_ms: how long to wait before the next attempt
 */
struct settle {
	struct kpatch_module *kpmod;
	struct kpatch_scan scan;
	struct kpatch_tasks tasks;
	struct kpatch_attempt attempt;
	struct kpatch_park *park;
	unsigned long deadline;
	unsigned int wait_ms;
};

/*
 * Look at all tasks while the machine runs, and stop it if nobody is inside. What
 * is seen here spares the stop; it decides nothing.
 */
static int try_once(struct settle *s)
{
	struct kpatch_report *report = s->kpmod->report;
	struct kpatch_stats *stats = &s->kpmod->stats;
	int ret;

	stats->attempts++;
	kpatch_report_clear(report);
	kpatch_scan_writer(&s->scan);
	ret = kpatch_tasks_update(&s->tasks);
	if (ret)
		return ret;
	if (kpatch_debug_prescan())
		kpatch_tasks_prescan(&s->tasks, &s->scan);
	stats->scanned = atomic_read(&s->tasks.scanned);
	if (kpatch_report_total(report))
		return -EBUSY;
	return kpatch_apply_try(s->kpmod, &s->attempt);
}

static int verdict(const struct settle *s, int ret)
{
	const struct kpatch_report *report = s->kpmod->report;

	if (ret == -EBUSY && report->hopeless)
		return -EDEADLK;
	if (ret == -EBUSY && !report->lasting)
		return -EAGAIN;
	return ret;
}

static bool may_retry(const struct settle *s, int ret)
{
	if (ret != -EBUSY && ret != -EAGAIN && ret != -ETIME)
		return false;
	return time_before(jiffies, s->deadline) &&
	       !fatal_signal_pending(current);
}

/*
 * Some of what all tasks pass on their way to user space, or wait in while they
 * are parked, is going to be switched. So to park is to block for ever.
 */
static bool park_is_inside(const struct settle *s)
{
	const struct kpatch_task *t;
	unsigned int i;

	for (i = 0; i < s->tasks.nr; i++) {
		t = &s->tasks.t[i];
		if (t->inside && t->parked && kpatch_park_arrived(t->parked))
			return true;
	}
	return false;
}

/* Send all who are inside to the park; true if some went that had not yet. */
static bool lead_out(struct settle *s)
{
	struct kpatch_task *t;
	bool sent = false;
	unsigned int i;

	for (i = 0; i < s->tasks.nr; i++) {
		t = &s->tasks.t[i];
		if (!t->inside || t->parked || t->task == current)
			continue;
		t->parked = kpatch_park_task(s->park, t->task);
		if (t->parked)
			sent = true;
	}
	return sent;
}

/* Until all who were sent have come, or another attempt is due. */
static void wait_a_moment(struct settle *s, bool sent)
{
	unsigned long left = s->deadline - jiffies;
	unsigned long wait = min(msecs_to_jiffies(s->wait_ms), left);

	if (sent)
		kpatch_park_wait(s->park, wait);
	else
		schedule_timeout_killable(wait);
	s->wait_ms = min(2 * s->wait_ms, RETRY_MAX_MS);
}

static void close_park(struct settle *s)
{
	struct kpatch_park *park = s->park;

	s->park = NULL;
	kpatch_park_close(park);
}

static int try_until_deadline(struct settle *s)
{
	bool sent;
	int ret;

	for (;;) {
		ret = verdict(s, try_once(s));
		if (!may_retry(s, ret))
			return ret;
		if (s->park && park_is_inside(s))
			close_park(s);
		sent = s->park && lead_out(s);
		wait_a_moment(s, sent);
	}
}

/**
 * kpatch_settle() - switch a patch on or off
 * @kpmod: the patch: resolved, hooked, its module pinned, and in state OFF to
 *	enable or ON to disable it
 * @enable: which of the two
 * @dry_run: do all of it but the switch
 *
 * Context: process context, sleeps until the deadline at most, or until the
 * current task is killed. Under kpatch_mutex. Stops the machine.
 *
 * Return: 0 if the patch is switched, everywhere, or could have been if this is
 * a dry run; or, with nothing changed, -EBUSY, -EDEADLK or -EAGAIN if
 * @kpmod->report tells who is inside, always is or just is on its way; -EAGAIN
 * with nobody in the report if NMIs interfered; -ETIME if the machine would have
 * been stopped for too long; -ENOMEM.
 */
int kpatch_settle(struct kpatch_module *kpmod, bool enable, bool dry_run)
{
	unsigned long timeout = msecs_to_jiffies(READ_ONCE(deadline_ms));
	struct settle *s;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	s = kzalloc_obj(*s, GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	ret = kpatch_make_scan(kpmod, enable, &s->scan);
	if (ret)
		goto free;
	s->kpmod = kpmod;
	s->attempt.scan = &s->scan;
	s->attempt.tasks = &s->tasks;
	s->attempt.budget_ns = READ_ONCE(stop_budget_us) * (u64)NSEC_PER_USEC;
	s->attempt.dry_run = dry_run;
	s->deadline = jiffies + timeout;
	s->wait_ms = RETRY_MS;
	if (READ_ONCE(park))
		s->park = kpatch_park_open(timeout + HZ);

	kpatch_apply_begin(kpmod, enable);
	ret = try_until_deadline(s);
	kpatch_apply_fold(kpmod, enable == (!ret && !dry_run));
	/* The verdict is out; what follows takes longer, and concerns nobody. */
	close_park(s);
	kpatch_apply_finish();

	kpatch_tasks_put(&s->tasks);
	kpatch_free_scan(&s->scan);
free:
	kfree(s);
	return ret;
}
