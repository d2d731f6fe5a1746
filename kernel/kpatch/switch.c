// SPDX-License-Identifier: GPL-2.0-only
/*
 * Try to switch a patch until it works or the deadline has passed. The machine is
 * stopped only when nobody was seen inside; whoever is inside is led out, if it
 * is a task of user space, or waited for.
 */
#include "common.h"

#include <linux/cpu.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/tick.h>
#include <linux/time64.h>

#include "txn.h"
#include "debug.h"
#include "object.h"
#include "park.h"
#include "switch.h"
#include "scan.h"
#include "tasks.h"
#include "track.h"


/* Less than what the freezer has patience for, and what is taken for a hang. */
#define MAX_DEADLINE_MS		15000U
#define MAX_STOP_BUDGET_US	10000000U

/* How long to wait between two attempts, first and last. */
#define RETRY_MS		5U
#define RETRY_MAX_MS		100U

/* How long tasks are kept waiting for one that does not come, the first time. */
#define PATIENCE_MS		500U

/* Whoever runs is led out in the second half of the time, but not for longer. */
#define LAST_RESORT_MS		1000U

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
 * @prescan: look at tasks before the machine is stopped, as always but in tests
 * @attempt: how to try
 * @park: where tasks are led to, %NULL if they are left alone
 * @occupied: somebody was sent there
 * @since: since when, in jiffies
 * @patience: how long tasks are kept there for one that does not come, in jiffies
 * @last_resort: when to lead out whoever runs, in jiffies
 * @deadline: when to give up, in jiffies
 * @wait_ms: how long to wait before the next attempt
 */
struct settle {
	struct kpatch_module *kpmod;
	struct kpatch_scan scan;
	struct kpatch_tasks tasks;
	bool prescan;
	struct kpatch_attempt attempt;
	struct kpatch_park *park;
	bool occupied;
	unsigned long since;
	unsigned long patience;
	unsigned long last_resort;
	unsigned long deadline;
	unsigned int wait_ms;
};

/*
 * Look at all tasks while the machine runs. If this fails, for a signal or because
 * somebody is inside, there is no stop.
 */
static int look(struct settle *s)
{
	if (s->prescan) {
		kpatch_tasks_prescan(&s->tasks, &s->scan);
		kpatch_scan_exiting(&s->scan);
	}
	s->kpmod->stats.scanned = atomic_read(&s->tasks.scanned);
	if (fatal_signal_pending(current))
		return -EINTR;
	if (kpatch_report_total(s->scan.report))
		return -EBUSY;
	return 0;
}

/*
 * Only those who have come or run since the first look are looked at once more,
 * and then only those who run from then on, with the machine stopped. Tasks are
 * watched from before the second look, so the stop has to rely on that: it finds
 * those who ran before, and takes down those who cannot be called clean.
 */
static int look_again_and_try(struct settle *s)
{
	int ret;

	ret = kpatch_tasks_update(&s->tasks);
	if (ret)
		return ret;
	if (s->prescan)
		ret = kpatch_tasks_track(&s->tasks, &s->scan);
	if (!ret) {
		guard(cpus_read_lock)();
		kpatch_scan_offline_cpus(&s->scan);
		ret = look(s);
		if (!ret)
			ret = kpatch_txn_try(s->kpmod, &s->attempt);
	}
	kpatch_tasks_untrack(&s->tasks);
	return ret;
}

static int try_once(struct settle *s)
{
	int ret;

	s->kpmod->stats.attempts++;
	kpatch_report_clear(s->kpmod->report);
	kpatch_scan_writer(&s->scan);
	kpatch_tasks_rewind(&s->tasks);
	ret = kpatch_tasks_update(&s->tasks);
	if (!ret)
		ret = look(s);
	if (!ret)
		ret = look_again_and_try(s);
	return ret;
}

static int verdict(const struct settle *s, int ret)
{
	if (ret == -EBUSY && s->kpmod->report->hopeless)
		return -EDEADLK;
	/* Whether to try again for a verdict is for us to decide. */
	return ret == -EAGAIN ? -EBUSY : ret;
}

static bool may_retry(const struct settle *s, int ret)
{
	if (ret != -EBUSY && ret != -ETIME)
		return false;
	return time_before(jiffies, s->deadline) &&
	       !fatal_signal_pending(current);
}

/* Let all tasks go; nobody is parked any more. */
static void close_park(struct settle *s)
{
	unsigned int i;

	kpatch_park_close(s->park);
	s->park = NULL;
	s->occupied = false;
	for (i = 0; i < s->tasks.nr; i++) {
		s->tasks.t[i].parked = NULL;
		cond_resched();
	}
}

static void open_park(struct settle *s)
{
	/* They are let go before. */
	s->park = kpatch_park_open(s->deadline + HZ);
}

static bool any_task(const struct settle *s,
		     bool (*test)(const struct settle *s,
				  const struct kpatch_task *t))
{
	unsigned int i;

	for (i = 0; i < s->tasks.nr; i++) {
		if (test(s, &s->tasks.t[i]))
			return true;
		cond_resched();
	}
	return false;
}

/* As long as such a task does not move it is no use to bother anybody else. */
static bool is_slow(const struct settle *s, const struct kpatch_task *t)
{
	return t->slow;
}

static bool is_inside(const struct settle *s, const struct kpatch_task *t)
{
	return t->inside;
}

/* A CPU that was set apart for one task belongs to that. */
static bool may_disturb(const struct kpatch_task *t)
{
	return task_is_running(t->task) &&
	       !tick_nohz_full_cpu(task_cpu(t->task));
}

/*
 * Those inside have to go. If that is not enough because others come in for each
 * one that leaves, so has whoever runs.
 */
static bool has_to_go(const struct settle *s, const struct kpatch_task *t)
{
	if (t->parked || t->parks_inside || t->task == current)
		return false;
	return t->inside || (may_disturb(t) &&
			     time_after(jiffies, s->last_resort));
}

/*
 * Let those go that are parked and still inside: they run such work elsewhere than on
 * their way to user space, as io_uring does while it waits, or that way is what is
 * going to be switched. They are not parked again.
 */
static void release_inside(struct settle *s)
{
	bool released = false;
	struct kpatch_task *t;
	unsigned int i;

	for (i = 0; i < s->tasks.nr; i++) {
		t = &s->tasks.t[i];
		if (t->parked && t->parks_inside) {
			kpatch_park_release(t->parked);
			t->parked = NULL;
			released = true;
		}
		cond_resched();
	}
	if (released)
		kpatch_park_wake(s->park);
}

/* It does not leave to be parked, or would not. */
static bool stays(const struct kpatch_task *t)
{
	return t->inside && (t->parked || t->parks_inside ||
			     !kpatch_park_takes(t->task));
}

/* Send tasks to the park; true if some went. */
static bool lead_out(struct settle *s)
{
	struct kpatch_task *t;
	bool sent = false;
	unsigned int i;

	if (any_task(s, is_slow) || !any_task(s, is_inside))
		return false;
	for (i = 0; i < s->tasks.nr; i++) {
		t = &s->tasks.t[i];
		cond_resched();
		if (!has_to_go(s, t))
			continue;
		t->parked = kpatch_park_task(s->park, t->task);
		t->since = jiffies;
		if (t->parked)
			sent = true;
	}
	if (sent && !s->occupied)
		s->since = jiffies;
	s->occupied |= sent;
	return sent;
}

/* Is it inside, and has it been for too long since it, or others, had to go? */
static bool keeps_others_waiting(const struct settle *s,
				 const struct kpatch_task *t)
{
	if (!stays(t))
		return false;
	if (t->parked)
		return time_after(jiffies, t->since + s->patience);
	return s->occupied && time_after(jiffies, s->since + s->patience);
}

/*
 * Those who are parked may be what the others wait for that do not come. So let
 * all go after a while, do not try again before these have run, and then try it
 * for longer.
 */
static void let_go(struct settle *s)
{
	struct kpatch_task *t;
	unsigned int i;

	for (i = 0; i < s->tasks.nr; i++) {
		t = &s->tasks.t[i];
		t->slow = stays(t);
		cond_resched();
	}
	s->patience *= 2;
	close_park(s);
	open_park(s);
}

/* Do about those who are inside what can be done; true if some are on their way. */
static bool make_them_leave(struct settle *s)
{
	if (!s->park)
		return false;
	release_inside(s);
	if (any_task(s, keeps_others_waiting)) {
		let_go(s);
		return false;
	}
	return lead_out(s) || !kpatch_park_complete(s->park);
}

/*
 * Until all who were sent have come, or another attempt is due. If the machine
 * has just been stopped it is to run for a while in any case.
 */
static void wait_a_moment(struct settle *s, bool coming, bool stopped)
{
	long left = s->deadline - jiffies;
	long wait = clamp(left, 0L, (long)msecs_to_jiffies(s->wait_ms));

	if (coming && !stopped)
		kpatch_park_wait(s->park, wait);
	else
		schedule_timeout_killable(wait);
	s->wait_ms = min(2 * s->wait_ms, RETRY_MAX_MS);
}

/*
 * A dry run parks nobody. If nobody else is inside than tasks that would have to be
 * parked, that is the verdict, and the report has them.
 */
static bool parking_would_help(const struct settle *s)
{
	unsigned int nr = 0, i;

	for (i = 0; i < s->tasks.nr; i++) {
		nr += s->tasks.t[i].inside &&
		      kpatch_park_wakes(s->tasks.t[i].task);
		cond_resched();
	}
	return nr && nr == kpatch_report_total(s->scan.report);
}

static int try_until_deadline(struct settle *s)
{
	const struct kpatch_stats *stats = &s->kpmod->stats;
	bool may_park = READ_ONCE(park);
	unsigned long stops;
	bool coming;
	int ret;

	for (;;) {
		stops = stats->stops;
		ret = verdict(s, try_once(s));
		if (ret == -EBUSY && s->attempt.dry_run && may_park &&
		    parking_would_help(s))
			return 0;
		if (!may_retry(s, ret))
			return ret;
		coming = make_them_leave(s);
		wait_a_moment(s, coming, stats->stops != stops);
	}
}

/**
 * kpatch_switch() - switch a patch on or off
 * @kpmod: the patch: resolved, hooked, its module pinned, and in state OFF to
 *	enable or ON to disable it
 * @enable: which of the two
 * @dry_run: do all of it but the switch
 *
 * Context: process context, sleeps until the deadline at most, or until the
 * current task is killed. Under kpatch_mutex. Stops the machine.
 *
 * Return: 0 if the patch is switched, everywhere; or could have been if this is
 * a dry run, @kpmod->report then tells which tasks would have to be parked; or, with
 * nothing changed, -EBUSY or -EDEADLK if @kpmod->report tells who is inside or
 * always is; -EBUSY with nobody in the report if NMIs interfered; -ETIME if the
 * machine would have been stopped for too long; -EINTR if the current task is
 * killed; -ENOMEM.
 */
int kpatch_switch(struct kpatch_module *kpmod, bool enable, bool dry_run)
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
	s->prescan = kpatch_debug_prescan();
	s->attempt.scan = &s->scan;
	s->attempt.tasks = &s->tasks;
	s->attempt.budget_ns = READ_ONCE(stop_budget_us) * (u64)NSEC_PER_USEC;
	s->attempt.dry_run = dry_run;
	s->deadline = jiffies + timeout;
	s->last_resort = s->deadline -
			 min(timeout / 2, msecs_to_jiffies(LAST_RESORT_MS));
	s->patience = msecs_to_jiffies(PATIENCE_MS);
	s->wait_ms = RETRY_MS;
	if (READ_ONCE(park) && !dry_run)
		open_park(s);

	kpatch_txn_begin(kpmod, enable);
	ret = try_until_deadline(s);
	kpatch_txn_finish(kpmod);
	close_park(s);
	kpatch_track_detach();

	kpatch_tasks_put(&s->tasks);
	kpatch_free_scan(&s->scan);
free:
	kfree(s);
	return ret;
}
