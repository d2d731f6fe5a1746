// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy: which tasks must leave, and how long parked tasks wait for others.
 *
 * This file only decides. It parks no task, reads no clock and looks at no
 * task_struct: the caller passes the time, and the facts and events of each task.
 *
 * Tasks that are inside are sent to the park. If attempt after attempt finds others that
 * have entered, or more tasks preempted inside than there are CPUs, they enter as fast
 * as others leave, so all runnable tasks are sent there as well. This would be of no use
 * against a blocker that cannot be parked.
 *
 * A parked task may be what a blocker waits for. So if no task arrives for some time, all
 * tasks are unparked, and no task is parked again before the blockers have run. As long
 * as tasks arrive there is hope: a crowd is not unparked halfway.
 *
 * No task is held for longer than @hold_ns in one operation: a task that has been
 * held so long is not parked again. The requester, and writers that wait for their
 * turn, wait for the operation anyway, in the park or elsewhere: only each single
 * hold is bounded.
 */
#include "common.h"

#include <linux/jiffies.h>
#include <linux/sched.h>

#include "evict.h"

/*
 * The state of a task after an event, plus 1. A pair that is not listed is 0: it
 * changes nothing, or cannot happen.
 *
 *  - A task that is inside while it is parked will be inside whenever it is parked.
 *  - A task is slow until it has run, or is not inside any more.
 *  - A task that is stuck or slow ignores the events of the park.
 */
#define GO(state)	((state) + 1)

static const u8 next_state[KPATCH_TASK_NR_STATES][KPATCH_NR_EVENTS] = {
	[KPATCH_TASK_FREE] = {
		[KPATCH_EVENT_SEND]		= GO(KPATCH_TASK_SENT),
		[KPATCH_EVENT_DELAY]		= GO(KPATCH_TASK_SLOW),
	},
	[KPATCH_TASK_SENT] = {
		[KPATCH_EVENT_ARRIVE]		= GO(KPATCH_TASK_HELD),
		[KPATCH_EVENT_DEPART]		= GO(KPATCH_TASK_FREE),
		[KPATCH_EVENT_UNPARK]		= GO(KPATCH_TASK_FREE),
		[KPATCH_EVENT_DELAY]		= GO(KPATCH_TASK_SLOW),
	},
	[KPATCH_TASK_HELD] = {
		[KPATCH_EVENT_DEPART]		= GO(KPATCH_TASK_FREE),
		[KPATCH_EVENT_UNPARK]		= GO(KPATCH_TASK_FREE),
		[KPATCH_EVENT_INSIDE]		= GO(KPATCH_TASK_STUCK),
		[KPATCH_EVENT_INSIDE_AGAIN]	= GO(KPATCH_TASK_STUCK),
		[KPATCH_EVENT_DELAY]		= GO(KPATCH_TASK_SLOW),
	},
	[KPATCH_TASK_STUCK] = {
		[KPATCH_EVENT_DELAY]		= GO(KPATCH_TASK_STUCK_SLOW),
	},
	[KPATCH_TASK_SLOW] = {
		[KPATCH_EVENT_INSIDE_AGAIN]	= GO(KPATCH_TASK_FREE),
		[KPATCH_EVENT_OUTSIDE]		= GO(KPATCH_TASK_FREE),
	},
	[KPATCH_TASK_STUCK_SLOW] = {
		[KPATCH_EVENT_INSIDE_AGAIN]	= GO(KPATCH_TASK_STUCK),
		[KPATCH_EVENT_OUTSIDE]		= GO(KPATCH_TASK_STUCK),
	},
};

/**
 * kpatch_evict_step() - apply an event to the state of a task
 * @t: the task
 * @event: the event
 */
void kpatch_evict_step(struct kpatch_task *t, enum kpatch_task_event event)
{
	u8 next = next_state[t->state][event];

	if (next)
		t->state = next - 1;
}

/**
 * kpatch_evict_scanned() - apply the result of its scans to the state of a task
 * @t: the task; @inside is the result, @ran and @scanned are reset
 */
void kpatch_evict_scanned(struct kpatch_task *t)
{
	/* An attempt may end before a task is scanned: then @inside is old. */
	if (!t->scanned)
		return;
	if (!t->inside)
		kpatch_evict_step(t, KPATCH_EVENT_OUTSIDE);
	else if (t->ran)
		kpatch_evict_step(t, KPATCH_EVENT_INSIDE_AGAIN);
	else
		kpatch_evict_step(t, KPATCH_EVENT_INSIDE);
	t->ran = false;
	t->scanned = false;
}

/**
 * kpatch_evict_init() - begin an operation
 * @evict: the policy
 * @patience: how long parked tasks wait while no other arrives, in jiffies
 * @hold_ns: how long a task may be held, all its holds together, in nanoseconds
 * @cpus: number of CPUs
 */
void kpatch_evict_init(struct kpatch_evict *evict, unsigned long patience,
		       u64 hold_ns, unsigned int cpus)
{
	*evict = (struct kpatch_evict) {
		.patience = patience,
		.hold_ns = hold_ns,
		.cpus = cpus,
	};
}

/**
 * kpatch_evict_sent() - a task was sent to the park
 * @evict: the policy
 * @t: the task
 * @now: the time, in jiffies
 */
void kpatch_evict_sent(struct kpatch_evict *evict, struct kpatch_task *t,
		       unsigned long now)
{
	kpatch_evict_step(t, KPATCH_EVENT_SEND);
	evict->last = now;
	evict->occupied = true;
}

/**
 * kpatch_evict_arrived() - a task is parked
 * @evict: the policy
 * @t: the task
 * @now: the time, in jiffies
 */
void kpatch_evict_arrived(struct kpatch_evict *evict, struct kpatch_task *t,
			  unsigned long now)
{
	if (t->state == KPATCH_TASK_SENT)
		evict->last = now;
	kpatch_evict_step(t, KPATCH_EVENT_ARRIVE);
}

/**
 * kpatch_evict_unparked() - the park was closed
 * @evict: the policy
 * @tasks: all tasks
 */
void kpatch_evict_unparked(struct kpatch_evict *evict,
			   struct kpatch_tasks *tasks)
{
	struct kpatch_task *t;

	for (t = tasks->t; t < tasks->t + tasks->nr; t++) {
		kpatch_evict_step(t, KPATCH_EVENT_UNPARK);
		cond_resched();
	}
	evict->occupied = false;
	evict->entries = 0;
}

/**
 * kpatch_evict_left() - how long a task may still be held
 * @evict: the policy
 * @t: the task
 *
 * Return: the time in nanoseconds, 0 if it has been held for long enough.
 */
u64 kpatch_evict_left(const struct kpatch_evict *evict,
		      const struct kpatch_task *t)
{
	if (t->facts & (KPATCH_FACT_REQUESTER | KPATCH_FACT_QUEUED))
		return evict->hold_ns;
	return t->held_ns < evict->hold_ns ? evict->hold_ns - t->held_ns : 0;
}

static bool is_on_its_way(const struct kpatch_task *t)
{
	return t->state == KPATCH_TASK_SENT || t->state == KPATCH_TASK_HELD;
}

static bool is_stuck(const struct kpatch_task *t)
{
	return t->state == KPATCH_TASK_STUCK ||
	       t->state == KPATCH_TASK_STUCK_SLOW;
}

static bool is_slow(const struct kpatch_task *t)
{
	return t->state == KPATCH_TASK_SLOW ||
	       t->state == KPATCH_TASK_STUCK_SLOW;
}

/* Test whether a task is inside, and nothing more can be done to make it leave. */
static bool stays(const struct kpatch_task *t)
{
	return t->inside && (is_on_its_way(t) || is_stuck(t) ||
			     !(t->facts & KPATCH_FACT_PARKABLE));
}

/**
 * kpatch_evict_stays() - test whether parking does not make a task leave
 * @t: the task, scanned, with its facts up to date if it is inside
 *
 * Return: true if it is inside and cannot be parked, or has not arrived in the park.
 * False if it is only inside because no task is parked at present.
 */
bool kpatch_evict_stays(const struct kpatch_task *t)
{
	return stays(t) || (t->inside && is_slow(t));
}

/* Test whether parked tasks have waited too long for others. */
static bool takes_too_long(const struct kpatch_evict *evict, unsigned long now)
{
	return evict->occupied &&
	       time_after(now, evict->last + evict->patience);
}

/*
 * Test whether a task was preempted inside and has not been sent to the park, or has
 * entered while others are parked.
 */
static bool has_entered(const struct kpatch_evict *evict,
			const struct kpatch_task *t)
{
	if (!t->inside || t->state != KPATCH_TASK_FREE)
		return false;
	return t->facts & KPATCH_FACT_RUNS || (evict->occupied && !t->held_ns);
}

static void delay_all(struct kpatch_evict *evict, struct kpatch_tasks *tasks)
{
	struct kpatch_task *t;

	for (t = tasks->t; t < tasks->t + tasks->nr; t++) {
		if (stays(t))
			kpatch_evict_step(t, KPATCH_EVENT_DELAY);
		cond_resched();
	}
}

/**
 * kpatch_evict_decide() - decide what to do before the next attempt
 * @evict: the policy
 * @tasks: all tasks, scanned, with the facts of those that are inside up to date
 * @now: the time, in jiffies
 *
 * Context: process context, may sleep.
 *
 * Return: the action.
 */
enum kpatch_evict_action kpatch_evict_decide(struct kpatch_evict *evict,
					     struct kpatch_tasks *tasks,
					     unsigned long now)
{
	bool slow = false, inside = false, stay = false;
	bool unparkable = false;
	unsigned int entered = 0;
	struct kpatch_task *t;

	for (t = tasks->t; t < tasks->t + tasks->nr; t++) {
		slow |= is_slow(t);
		inside |= t->inside;
		entered += has_entered(evict, t);
		unparkable |= t->inside && !(t->facts & KPATCH_FACT_PARKABLE);
		stay |= stays(t);
		cond_resched();
	}
	evict->unparkable = unparkable;
	if (entered && !unparkable)
		evict->entries += entered > evict->cpus ? KPATCH_CROWD_ENTRIES : 1;
	if (stay && takes_too_long(evict, now)) {
		delay_all(evict, tasks);
		return KPATCH_EVICT_UNPARK;
	}
	/* Parking tasks is of no use while a blocker does not run. */
	return inside && !slow ? KPATCH_EVICT_PARK : KPATCH_EVICT_WAIT;
}

/**
 * kpatch_evict_crowded() - test whether tasks enter as fast as others leave
 * @evict: the policy
 *
 * Return: true if running tasks are to be parked as well. Then their facts must be up
 * to date before kpatch_evict_must_go() is called.
 */
bool kpatch_evict_crowded(const struct kpatch_evict *evict)
{
	return evict->entries >= KPATCH_CROWD_ENTRIES && !evict->unparkable;
}

/**
 * kpatch_evict_must_go() - test whether a task is to be sent to the park
 * @evict: the policy, which has decided %KPATCH_EVICT_PARK
 * @t: the task, with its facts up to date if it is inside
 *
 * Return: true if it is.
 */
bool kpatch_evict_must_go(const struct kpatch_evict *evict,
			  const struct kpatch_task *t)
{
	if (t->state != KPATCH_TASK_FREE || !kpatch_evict_left(evict, t))
		return false;
	return t->inside || (t->facts & KPATCH_FACT_RUNS &&
			     kpatch_evict_crowded(evict));
}

/**
 * kpatch_evict_parking_suffices() - test whether parking would remove all blockers
 * @tasks: all tasks, scanned, with the facts of those that are inside up to date
 * @blockers: number of blockers in the report
 *
 * For a dry run, which parks no task.
 *
 * Context: process context, may sleep.
 *
 * Return: true if there are blockers, and each is a task that can be parked soon.
 */
bool kpatch_evict_parking_suffices(const struct kpatch_tasks *tasks,
				   unsigned int blockers)
{
	const struct kpatch_task *t;
	unsigned int nr = 0;

	for (t = tasks->t; t < tasks->t + tasks->nr; t++) {
		nr += t->inside && t->facts & KPATCH_FACT_WAKES;
		cond_resched();
	}
	return nr && nr == blockers;
}
