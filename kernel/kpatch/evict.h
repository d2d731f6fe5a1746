/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policy: which tasks must leave, and how long parked tasks wait for others.
 */
#ifndef _KPATCH_EVICT_H
#define _KPATCH_EVICT_H

#include "tasks.h"

/**
 * enum kpatch_task_facts - what the policy needs to know of a task
 * @KPATCH_FACT_PARKABLE: it returns to user space, where it can be parked
 * @KPATCH_FACT_WAKES: it would also do so soon: it is runnable, or a signal would
 *	wake it
 * @KPATCH_FACT_RUNS: it is runnable, and not on a CPU that is reserved for it
 * @KPATCH_FACT_REQUESTER: it has requested the operation, and waits for it anyway
 * @KPATCH_FACT_QUEUED: it has requested another operation, and waits for the end of
 *	this one anyway, until its own deadline
 */
enum kpatch_task_facts {
	KPATCH_FACT_PARKABLE	= BIT(0),
	KPATCH_FACT_WAKES	= BIT(1),
	KPATCH_FACT_RUNS	= BIT(2),
	KPATCH_FACT_REQUESTER	= BIT(3),
	KPATCH_FACT_QUEUED	= BIT(4),
};

/**
 * enum kpatch_task_event - what changes the state of a task
 * @KPATCH_EVENT_SEND: it was given park work
 * @KPATCH_EVENT_ARRIVE: it is parked
 * @KPATCH_EVENT_DEPART: it left the park on its own
 * @KPATCH_EVENT_UNPARK: the park was closed
 * @KPATCH_EVENT_INSIDE: a scan found it inside, and it had not run since the scan
 *	before
 * @KPATCH_EVENT_INSIDE_AGAIN: a scan found it inside, and it had run
 * @KPATCH_EVENT_OUTSIDE: a scan did not find it inside
 * @KPATCH_EVENT_DELAY: parked tasks waited too long for it
 * @KPATCH_NR_EVENTS: number of events
 */
enum kpatch_task_event {
	KPATCH_EVENT_SEND,
	KPATCH_EVENT_ARRIVE,
	KPATCH_EVENT_DEPART,
	KPATCH_EVENT_UNPARK,
	KPATCH_EVENT_INSIDE,
	KPATCH_EVENT_INSIDE_AGAIN,
	KPATCH_EVENT_OUTSIDE,
	KPATCH_EVENT_DELAY,
	KPATCH_NR_EVENTS,
};

/* After so many attempts tasks enter as fast as others leave. */
#define KPATCH_CROWD_ENTRIES	3

/**
 * struct kpatch_evict - the policy of one operation
 * @patience: how long parked tasks wait while no other arrives, in jiffies
 * @hold_ns: how long a task may be held, all its holds together, in nanoseconds
 * @cpus: number of CPUs
 * @occupied: some task was sent to the park since it was opened
 * @last: when the last one was sent or arrived, in jiffies
 * @entries: how often tasks were found that have entered since the park was opened, or
 *	were preempted inside and had not been sent there, and no blocker that cannot
 *	be parked; more tasks than CPUs count as %KPATCH_CROWD_ENTRIES times
 * @unparkable: there is a blocker that cannot be parked
 */
struct kpatch_evict {
	unsigned long patience;
	u64 hold_ns;
	unsigned int cpus;
	bool occupied;
	unsigned long last;
	unsigned int entries;
	bool unparkable;
};

/**
 * enum kpatch_evict_action - what to do before the next attempt
 * @KPATCH_EVICT_WAIT: wait; no task is to be sent to the park
 * @KPATCH_EVICT_PARK: send the tasks for which kpatch_evict_must_go() says so
 * @KPATCH_EVICT_UNPARK: close the park and open it again
 */
enum kpatch_evict_action {
	KPATCH_EVICT_WAIT,
	KPATCH_EVICT_PARK,
	KPATCH_EVICT_UNPARK,
};

void kpatch_evict_init(struct kpatch_evict *evict, unsigned long patience,
		       u64 hold_ns, unsigned int cpus);
void kpatch_evict_step(struct kpatch_task *t, enum kpatch_task_event event);
void kpatch_evict_scanned(struct kpatch_task *t);
void kpatch_evict_sent(struct kpatch_evict *evict, struct kpatch_task *t,
		       unsigned long now);
void kpatch_evict_arrived(struct kpatch_evict *evict, struct kpatch_task *t,
			  unsigned long now);
void kpatch_evict_unparked(struct kpatch_evict *evict,
			   struct kpatch_tasks *tasks);
enum kpatch_evict_action kpatch_evict_decide(struct kpatch_evict *evict,
					     struct kpatch_tasks *tasks,
					     unsigned long now);
bool kpatch_evict_crowded(const struct kpatch_evict *evict);
bool kpatch_evict_must_go(const struct kpatch_evict *evict,
			  const struct kpatch_task *t);
u64 kpatch_evict_left(const struct kpatch_evict *evict,
		      const struct kpatch_task *t);
bool kpatch_evict_stays(const struct kpatch_task *t);
bool kpatch_evict_parking_suffices(const struct kpatch_tasks *tasks,
				   unsigned int blockers);

#endif /* _KPATCH_EVICT_H */
