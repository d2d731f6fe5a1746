// SPDX-License-Identifier: GPL-2.0-only
/*
 * Make attempts to switch a set of patches until one succeeds or the deadline passes.
 *
 * The machine is stopped only if a scan of all tasks while it runs has found no
 * blocker. User tasks that are blockers are parked, as evict.c decides. Other
 * blockers are waited for.
 *
 * All of this runs in the kernel thread of request.c, on behalf of a requester.
 */
#include "common.h"

#include <linux/cpu.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/tick.h>
#include <linux/time64.h>
#include <linux/wait.h>

#include "debug.h"
#include "evict.h"
#include "park.h"
#include "scan.h"
#include "switch.h"
#include "tasks.h"
#include "track.h"
#include "txn.h"

#define MAX_STOP_BUDGET_US	10000000U

/* The first and the longest wait between two attempts. It is doubled each time. */
#define RETRY_MS		5U
#define RETRY_MAX_MS		100U

/* The longest wait while any task is held. */
#define RETRY_HELD_MS		10U

/*
 * How long a task may be held in one operation, all its holds together: half a second,
 * less what a timer may be late.
 */
#define HOLD_MS			450U

/* How long parked tasks wait while no other arrives. There is time for further tries. */
#define PATIENCE_MS		125U

static int set_stop_budget(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, MAX_STOP_BUDGET_US);
}

static const struct kernel_param_ops stop_budget_ops = {
	.set = set_stop_budget,
	.get = param_get_uint,
};

static unsigned int stop_budget_us = 100000;
module_param_cb(stop_budget_us, &stop_budget_ops, &stop_budget_us, 0644);
MODULE_PARM_DESC(stop_budget_us,
		 "time that a stop may take to scan tasks, in microseconds");

static bool park = true;
module_param(park, bool, 0644);
MODULE_PARM_DESC(park, "park user tasks that are inside functions that are switched");

/* The kernel thread sleeps here between two attempts, and while it gives way. */
static DECLARE_WAIT_QUEUE_HEAD(wakeup);

/**
 * DOC: Giving way
 *
 * While a module that a patch names is loaded or removed, no switch may be under way:
 * it would have the functions of the module or not, depending on when it began. And the
 * module must not wait for the switch, which may be waiting for a task that waits for
 * the module. So the switch gives way at the end of the attempt: the patches return to
 * the status before, the park is closed, and the mutex is released until no module
 * waits. Then the operation begins again, with the same deadline.
 *
 * A switch also releases the mutex while it waits between two attempts, with its patches
 * in status ADDING or REMOVING. @switching tells this from the former.
 */
static atomic_t modules_waiting = ATOMIC_INIT(0);

/* A transaction has begun. Written under kpatch_mutex. */
static bool switching;

/* Tasks in kpatch_switch_pause() sleep here until the transaction has ended. */
static DECLARE_WAIT_QUEUE_HEAD(gave_way);

/**
 * struct kpatch_operation - an operation that switches a set of patches
 * @by: the requester
 * @txn: the transaction
 * @evict: decides which tasks are parked
 * @park: where tasks are parked, %NULL if no task is to be
 * @may_park: the administrator has not switched off parking
 * @prescan: scan tasks before the stop; always, except in tests
 * @wait_ms: the wait before the next attempt
 * @all: all blockers of the last attempt
 * @last: why that has failed
 * @published: the patches have a copy of the result
 *
 * What tasks were held for stays in @txn and @evict when a switch gives way.
 */
struct kpatch_operation {
	struct kpatch_requester *by;
	struct kpatch_txn txn;
	struct kpatch_evict evict;
	struct kpatch_park *park;
	bool may_park;
	bool prescan;
	unsigned int wait_ms;
	struct kpatch_report all;
	enum kpatch_cause last;
	bool published;
};

/*
 * Test whether to give up. A requester that is parked, or has left to restart its
 * system call, cannot set @cancel when it is killed, or when it exits for another
 * reason. A task that waits would keep the system from being suspended.
 */
static bool is_cancelled(struct kpatch_operation *op)
{
	struct task_struct *task = op->by->task;

	if (task && (kpatch_txn_is_orphan(&op->txn) || freezing(task)))
		WRITE_ONCE(op->by->cancel, true);
	return READ_ONCE(op->by->cancel);
}

/*
 * Scan all tasks while the machine runs. If this finds a blocker, or the operation is
 * cancelled, the machine is not stopped.
 */
static enum kpatch_cause prescan(struct kpatch_operation *op)
{
	struct kpatch_txn *txn = &op->txn;

	if (op->prescan) {
		kpatch_tasks_prescan(&txn->tasks, &txn->scan);
		kpatch_scan_exiting(&txn->scan);
	}
	txn->stats.scanned = atomic_read(&txn->tasks.scanned);
	if (is_cancelled(op))
		return KPATCH_CAUSE_KILLED;
	if (kpatch_report_total(&txn->report))
		return KPATCH_CAUSE_BLOCKED;
	return KPATCH_CAUSE_NONE;
}

/*
 * The second prescan covers only tasks that were created or have run since the first
 * one, and the stop only tasks that run from then on. The stop relies on the
 * tracking, which therefore begins before the second prescan: it notes the tasks
 * that run, and the prescan notes those that it does not find clean.
 */
static enum kpatch_cause prescan_again_and_stop(struct kpatch_operation *op)
{
	struct kpatch_txn *txn = &op->txn;
	enum kpatch_cause cause;

	cause = kpatch_tasks_update(&txn->tasks);
	if (cause)
		return cause;
	if (op->prescan)
		cause = kpatch_tasks_track(&txn->tasks, &txn->scan);
	if (!cause) {
		guard(cpus_read_lock)();
		kpatch_scan_offline_cpus(&txn->scan);
		cause = prescan(op);
		if (!cause)
			cause = kpatch_txn_try(txn);
	}
	kpatch_tasks_untrack(&txn->tasks);
	return cause;
}

static enum kpatch_cause attempt(struct kpatch_operation *op)
{
	struct kpatch_txn *txn = &op->txn;
	enum kpatch_cause cause;

	txn->stats.attempts++;
	memset(&txn->report, 0, sizeof(txn->report));
	kpatch_scan_current(&txn->scan);
	kpatch_tasks_rewind(&txn->tasks);
	cause = kpatch_tasks_update(&txn->tasks);
	if (cause)
		return cause;
	cause = prescan(op);
	if (cause)
		return cause;
	return prescan_again_and_stop(op);
}

/* A task leaves the park: account for the time that it was held. */
static void end_hold(struct kpatch_operation *op, struct kpatch_task *t)
{
	struct kpatch_stats *stats = &op->txn.stats;
	u64 held = kpatch_park_held(t->parked);

	t->parked = NULL;
	if (!held || t->facts & (KPATCH_FACT_REQUESTER | KPATCH_FACT_QUEUED))
		return;
	stats->parked += !t->held_ns;
	t->held_ns += held;
	stats->hold_ns = max(stats->hold_ns, t->held_ns);
}

/* Record what the park knows of a task that was sent there. */
static void update_parked(struct kpatch_operation *op, struct kpatch_task *t)
{
	if (!kpatch_park_has_come(t->parked))
		return;
	if (kpatch_park_holds(t->parked)) {
		kpatch_evict_arrived(&op->evict, t, jiffies);
	} else {
		kpatch_evict_step(t, KPATCH_EVENT_DEPART);
		end_hold(op, t);
	}
}

/*
 * Must be called before the scan. A task may be found inside by the scan and arrive
 * in the park only then; it must not be taken for one that is inside while it is
 * parked.
 */
static void before_attempt(struct kpatch_operation *op)
{
	struct kpatch_task *t;

	if (!op->park)
		return;
	for (t = op->txn.tasks.t; t < op->txn.tasks.t + op->txn.tasks.nr; t++) {
		if (t->parked)
			update_parked(op, t);
		cond_resched();
	}
}

static u8 facts_of(const struct kpatch_operation *op, const struct task_struct *task)
{
	u8 facts = 0;

	/* Else it is hopeless if it is inside. It does not sleep as others do. */
	if (task == op->by->task)
		return op->by->restarts && kpatch_park_takes(task) ?
		       KPATCH_FACT_REQUESTER | KPATCH_FACT_PARKABLE |
		       KPATCH_FACT_WAKES : 0;

	if (op->by->queued(task))
		facts |= KPATCH_FACT_QUEUED;
	if (kpatch_park_takes(task))
		facts |= KPATCH_FACT_PARKABLE;
	if (kpatch_park_wakes(task))
		facts |= KPATCH_FACT_WAKES;
	/* A nohz_full CPU is reserved for its task. */
	if (task_is_running(task) && !tick_nohz_full_cpu(task_cpu(task)))
		facts |= KPATCH_FACT_RUNS;
	return facts;
}

/*
 * Release tasks that are parked and inside all the same. Such a task ran its park
 * work elsewhere than at the return to user space, as io_uring does while it waits;
 * or functions of that return are being switched.
 */
static void after_attempt(struct kpatch_operation *op)
{
	struct kpatch_task *t;
	bool released = false;

	if (!op->park && !(op->txn.flags & KPATCH_TXN_DRY_RUN))
		return;

	for (t = op->txn.tasks.t; t < op->txn.tasks.t + op->txn.tasks.nr; t++) {
		if (t->inside)
			t->facts = facts_of(op, t->task);
		kpatch_evict_scanned(t);
		if (t->parked && t->state == KPATCH_TASK_STUCK) {
			kpatch_park_release(t->parked);
			end_hold(op, t);
			released = true;
		}
		cond_resched();
	}
	if (released)
		kpatch_park_wake(op->park);
}

static void open_park(struct kpatch_operation *op)
{
	op->park = kpatch_park_open(&wakeup);
}

static void close_park(struct kpatch_operation *op)
{
	struct kpatch_task *t;

	if (!op->park)
		return;
	kpatch_park_unpark(op->park);
	for (t = op->txn.tasks.t; t < op->txn.tasks.t + op->txn.tasks.nr; t++) {
		if (t->parked)
			end_hold(op, t);
		cond_resched();
	}
	kpatch_park_close(op->park);
	op->park = NULL;
	kpatch_evict_unparked(&op->evict, &op->txn.tasks);
}

/*
 * How long the park may hold a task, in jiffies. The park enforces this, also if this
 * thread is delayed.
 */
static unsigned long hold_limit(const struct kpatch_operation *op,
				const struct kpatch_task *t)
{
	return max(nsecs_to_jiffies(kpatch_evict_left(&op->evict, t)), 1UL);
}

static bool send_to_park(struct kpatch_operation *op, struct kpatch_task *t)
{
	t->parked = kpatch_park_task(op->park, t->task, hold_limit(op, t));
	if (!t->parked)
		return false;
	kpatch_evict_sent(&op->evict, t, jiffies);
	/* It does not wait where a signal would wake it. */
	if (t->task == op->by->task) {
		WRITE_ONCE(op->by->leave, true);
		wake_up(&op->by->wait);
	}
	return true;
}

static bool park_tasks(struct kpatch_operation *op)
{
	struct kpatch_task *t, *end = op->txn.tasks.t + op->txn.tasks.nr;
	bool crowded = kpatch_evict_crowded(&op->evict), sent = false;

	for (t = op->txn.tasks.t; t < end; t++) {
		cond_resched();
		if (crowded)
			t->facts = facts_of(op, t->task);
		if (kpatch_evict_must_go(&op->evict, t))
			sent |= send_to_park(op, t);
	}
	return sent;
}

/* Try to make blockers leave. Return true if tasks are on their way to the park. */
static bool evict(struct kpatch_operation *op)
{
	if (!op->park)
		return false;
	switch (kpatch_evict_decide(&op->evict, &op->txn.tasks, jiffies)) {
	case KPATCH_EVICT_UNPARK:
		close_park(op);
		open_park(op);
		return false;
	case KPATCH_EVICT_PARK:
		if (park_tasks(op))
			return true;
		break;
	case KPATCH_EVICT_WAIT:
		break;
	}
	return !kpatch_park_complete(op->park);
}

static bool must_give_way(void)
{
	return atomic_read(&modules_waiting);
}

static bool is_over(const struct kpatch_operation *op)
{
	return time_after_eq(jiffies, op->by->deadline);
}

/* Whoever waits for the operation may look what keeps it waiting. */
static void show_blockers(const struct kpatch_operation *op)
{
	const struct kpatch_txn *txn = &op->txn;
	unsigned int i;

	for (i = 0; i < txn->nr; i++)
		txn->changes[i].patch->report = txn->report;
}

/*
 * Wait until all tasks that were sent to the park have arrived, or until the next
 * attempt is due. After a stop, always let the machine run until then.
 */
static void wait_before_retry(struct kpatch_operation *op, bool coming, bool stopped)
{
	unsigned int most = op->evict.occupied ? RETRY_HELD_MS : RETRY_MAX_MS;
	long left = op->by->deadline - jiffies;
	long wait = msecs_to_jiffies(min(op->wait_ms, most));

	coming = coming && !stopped;
	show_blockers(op);
	/*
	 * Others may use the mutex now: the patches of this operation are not OFF, so
	 * they stay registered.
	 */
	mutex_unlock(&kpatch_mutex);
	wait_event_idle_timeout(wakeup, is_cancelled(op) || must_give_way() ||
				(coming && kpatch_park_complete(op->park)),
				clamp(left, 0L, wait));
	mutex_lock(&kpatch_mutex);
	op->wait_ms = min(2 * op->wait_ms, most);
}

static bool may_retry(struct kpatch_operation *op, enum kpatch_cause cause)
{
	switch (cause) {
	case KPATCH_CAUSE_BLOCKED:
	case KPATCH_CAUSE_NMI:
	case KPATCH_CAUSE_BUDGET:
		return !is_over(op) && !is_cancelled(op);
	case KPATCH_CAUSE_VETO:
		return op->txn.report.veto == -EAGAIN && !is_over(op) &&
		       !is_cancelled(op);
	default:
		return false;
	}
}

/*
 * While parked tasks would wait in vain no task is parked, so the last attempt has found
 * many blockers that could be. If there are others, report only these, as they are now.
 */
static void report_tasks_that_stay(struct kpatch_operation *op)
{
	struct kpatch_txn *txn = &op->txn;

	op->all = txn->report;
	memset(&txn->report, 0, sizeof(txn->report));
	kpatch_tasks_rescan(&txn->tasks, &txn->scan, kpatch_evict_stays);
	if (!kpatch_report_total(&txn->report))
		txn->report = op->all;
}

/*
 * A dry run parks no task. If all blockers are tasks that would be parked, its
 * verdict is that the switch is possible, and the report lists them.
 */
static enum kpatch_cause verdict(const struct kpatch_operation *op,
				 enum kpatch_cause cause)
{
	const struct kpatch_txn *txn = &op->txn;

	if (cause != KPATCH_CAUSE_BLOCKED)
		return cause;
	if (txn->report.hopeless)
		return KPATCH_CAUSE_HOPELESS;
	if (txn->flags & KPATCH_TXN_DRY_RUN && op->may_park &&
	    kpatch_evict_parking_suffices(&txn->tasks,
					  kpatch_report_total(&txn->report)))
		return KPATCH_CAUSE_NONE;
	return KPATCH_CAUSE_BLOCKED;
}

static enum kpatch_cause attempt_until_deadline(struct kpatch_operation *op)
{
	enum kpatch_cause cause;
	unsigned long stops;
	bool coming;

	for (;;) {
		stops = op->txn.stats.stops;
		before_attempt(op);
		cause = attempt(op);
		if (!cause)
			return cause;
		after_attempt(op);
		cause = verdict(op, cause);
		op->last = cause;
		if (!may_retry(op, cause))
			break;
		if (must_give_way())
			return KPATCH_CAUSE_GIVE_WAY;
		coming = evict(op);
		wait_before_retry(op, coming, op->txn.stats.stops != stops);
		if (must_give_way())
			return KPATCH_CAUSE_GIVE_WAY;
	}
	if (cause == KPATCH_CAUSE_BLOCKED && op->park)
		report_tasks_that_stay(op);
	return cause;
}

static void add_stats(struct kpatch_stats *total, const struct kpatch_stats *s)
{
	total->attempts += s->attempts;
	total->scanned = s->scanned;
	total->parked = s->parked;
	total->hold_ns = s->hold_ns;
	total->max_hold_ns = max(total->max_hold_ns, s->hold_ns);
	if (!s->stops)
		return;
	total->stops += s->stops;
	total->stop_ns = s->stop_ns;
	total->max_stop_ns = max(total->max_stop_ns, s->max_stop_ns);
	total->work_ns = s->work_ns;
	total->max_work_ns = max(total->max_work_ns, s->max_work_ns);
	total->scanned_stopped = s->scanned_stopped;
}

/* Each patch of the transaction keeps a copy of the result. */
static void publish(struct kpatch_operation *op)
{
	struct kpatch_txn *txn = &op->txn;
	struct kpatch_change *change;

	if (op->published || !txn->stats.attempts)
		return;
	op->published = true;
	for (change = txn->changes; change < txn->changes + txn->nr; change++) {
		change->patch->report = txn->report;
		add_stats(&change->patch->stats, &txn->stats);
	}
}

/**
 * kpatch_switch_decide() - the verdict of an operation is reached
 * @op: the operation; it may have been decided before
 *
 * The patches get their copies of the result, also if they could not be prepared again
 * after the switch gave way. A requester that was killed need not wait any longer.
 *
 * Context: kernel thread, under kpatch_mutex.
 */
void kpatch_switch_decide(struct kpatch_operation *op)
{
	publish(op);
	WRITE_ONCE(op->by->decided, true);
	wake_up(&op->by->wait);
}

static void init_operation(struct kpatch_operation *op,
			   struct kpatch_change *changes, unsigned int nr,
			   unsigned int flags, struct kpatch_requester *by)
{
	op->by = by;
	op->txn.changes = changes;
	op->txn.nr = nr;
	op->txn.flags = flags;
	op->txn.requester = by->task;
	op->txn.scan.requester = by->restarts ? NULL : by->task;
	op->txn.scan.cancel = &by->cancel;
	op->txn.budget_ns = READ_ONCE(stop_budget_us) * (u64)NSEC_PER_USEC;
	op->may_park = READ_ONCE(park);
	op->prescan = kpatch_debug_prescan();
	kpatch_evict_init(&op->evict, msecs_to_jiffies(PATIENCE_MS),
			  HOLD_MS * (u64)NSEC_PER_MSEC, num_online_cpus());
}

/**
 * kpatch_switch_create() - make an operation that switches a set of patches
 * @changes: the patches; kept until kpatch_switch_free()
 * @nr: number of elements in @changes
 * @flags: &enum kpatch_txn_flags
 * @by: the requester
 *
 * Return: the operation, %NULL if there is no memory.
 */
struct kpatch_operation *kpatch_switch_create(struct kpatch_change *changes,
					      unsigned int nr, unsigned int flags,
					      struct kpatch_requester *by)
{
	struct kpatch_operation *op = kzalloc_obj(*op, GFP_KERNEL);

	if (op)
		init_operation(op, changes, nr, flags, by);
	return op;
}

/**
 * kpatch_switch_free() - free an operation
 * @op: the operation; %NULL is allowed
 */
void kpatch_switch_free(struct kpatch_operation *op)
{
	if (!op)
		return;
	kpatch_tasks_put(&op->txn.tasks);
	kfree(op);
}

/* Switch a set whose transaction is prepared. */
static enum kpatch_cause run_operation(struct kpatch_operation *op)
{
	enum kpatch_cause cause;

	if (op->may_park && !(op->txn.flags & KPATCH_TXN_DRY_RUN))
		open_park(op);
	op->wait_ms = RETRY_MS;
	switching = true;
	kpatch_txn_begin(&op->txn);
	cause = attempt_until_deadline(op);
	kpatch_txn_end(&op->txn);
	WRITE_ONCE(switching, false);
	close_park(op);
	kpatch_track_detach();
	wake_up(&gave_way);
	return cause;
}

/**
 * kpatch_switch() - switch a set of patches at one instant
 * @op: the operation. Its patches are bound, hooked, their modules pinned, in the
 *	status before.
 * @transitions: the states that are entered or left; set up
 *
 * Each patch gets a copy of the blockers and the statistics.
 *
 * Context: kernel thread, under kpatch_mutex, which is released between attempts. Sleeps
 * until the deadline of the requester at most, or until the operation is cancelled. Makes
 * one attempt at least. Stops the machine.
 *
 * Return: %KPATCH_CAUSE_NONE if all patches are in the status after, on all CPUs; in a dry
 * run, if they could be, with a report that lists the tasks that would have to be
 * parked. Else, with all patches in the status before: %KPATCH_CAUSE_BLOCKED or
 * %KPATCH_CAUSE_HOPELESS with blockers in the report; %KPATCH_CAUSE_NMI;
 * %KPATCH_CAUSE_BUDGET; %KPATCH_CAUSE_VETO; %KPATCH_CAUSE_KILLED;
 * %KPATCH_CAUSE_NO_MEMORY; or
 * %KPATCH_CAUSE_GIVE_WAY: call kpatch_switch_give_way(), prepare the patches anew, and
 * call this again.
 */
enum kpatch_cause kpatch_switch(struct kpatch_operation *op,
				const struct kpatch_transitions *transitions)
{
	enum kpatch_cause cause;

	lockdep_assert_held(&kpatch_mutex);
	op->txn.transitions = *transitions;
	cause = kpatch_txn_prepare(&op->txn);
	if (!cause)
		cause = run_operation(op);
	kpatch_txn_release(&op->txn);
	if (cause != KPATCH_CAUSE_GIVE_WAY)
		kpatch_switch_decide(op);
	return cause;
}

/**
 * kpatch_switch_give_way() - let modules be loaded or removed
 * @op: the operation, whose patches are in the status before and not prepared any more
 *
 * Context: kernel thread, under kpatch_mutex, which is released meanwhile; until the
 * deadline of the requester at most, or until the operation is cancelled.
 *
 * Return: %KPATCH_CAUSE_NONE if the operation is to go on; else why it has failed.
 */
enum kpatch_cause kpatch_switch_give_way(struct kpatch_operation *op)
{
	long left = op->by->deadline - jiffies;
	enum kpatch_cause cause = KPATCH_CAUSE_NONE;
	long ret;

	kpatch_tasks_forget(&op->txn.tasks);
	mutex_unlock(&kpatch_mutex);
	ret = wait_event_idle_timeout(wakeup, !must_give_way() || is_cancelled(op),
				      max(left, 1L));
	mutex_lock(&kpatch_mutex);
	if (is_cancelled(op))
		cause = KPATCH_CAUSE_KILLED;
	else if (!ret)
		cause = op->last;
	if (cause)
		kpatch_switch_decide(op);
	return cause;
}

static int lock_mutex(unsigned int state)
{
	if (state == TASK_KILLABLE)
		return mutex_lock_killable(&kpatch_mutex);
	mutex_lock(&kpatch_mutex);
	return 0;
}

/**
 * kpatch_switch_pause() - keep patches from being switched, and take kpatch_mutex
 * @state: %TASK_KILLABLE or %TASK_UNINTERRUPTIBLE
 *
 * Context: process context, sleeps; not the kernel thread. Waits for one attempt of the
 * current operation at most.
 *
 * Return: 0; then kpatch_switch_resume() must follow. -EINTR on a fatal signal, if
 * @state is %TASK_KILLABLE.
 */
int kpatch_switch_pause(unsigned int state)
{
	int ret;

	atomic_inc(&modules_waiting);
	for (;;) {
		wake_up(&wakeup);
		ret = lock_mutex(state);
		if (ret)
			break;
		if (!switching)
			return 0;
		mutex_unlock(&kpatch_mutex);
		ret = wait_event_state(gave_way, !READ_ONCE(switching), state);
		if (ret)
			break;
	}
	atomic_dec(&modules_waiting);
	wake_up(&wakeup);
	return -EINTR;
}

/**
 * kpatch_switch_resume() - undo kpatch_switch_pause()
 *
 * Context: the task that has called kpatch_switch_pause().
 */
void kpatch_switch_resume(void)
{
	mutex_unlock(&kpatch_mutex);
	atomic_dec(&modules_waiting);
	wake_up(&wakeup);
}

/**
 * kpatch_switch_wake() - let a switch find out that it is cancelled
 *
 * Context: any.
 */
void kpatch_switch_wake(void)
{
	wake_up(&wakeup);
}
