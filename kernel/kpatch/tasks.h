/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * List all tasks, and remember which of them are clean.
 */
#ifndef _KPATCH_TASKS_H
#define _KPATCH_TASKS_H

#include <linux/atomic.h>
#include <linux/limits.h>
#include <linux/types.h>

#include "report.h"

struct kpatch_parked;
struct kpatch_scan;
struct kpatch_track;
struct task_struct;

/* More context switches than any task can make. */
#define KPATCH_NOT_CLEAN	ULONG_MAX

/**
 * enum kpatch_task_state - what was done to make a task leave, see evict.c
 * @KPATCH_TASK_FREE: nothing
 * @KPATCH_TASK_SENT: it was given work that parks it, and has not run that yet
 * @KPATCH_TASK_HELD: it is parked
 * @KPATCH_TASK_STUCK: it was inside while it was parked, and was released: to park
 *	it again would be of no use
 * @KPATCH_TASK_SLOW: it kept parked tasks waiting and has not run since: no task is
 *	parked before it runs
 * @KPATCH_TASK_STUCK_SLOW: both
 * @KPATCH_TASK_NR_STATES: number of states
 */
enum kpatch_task_state {
	KPATCH_TASK_FREE,
	KPATCH_TASK_SENT,
	KPATCH_TASK_HELD,
	KPATCH_TASK_STUCK,
	KPATCH_TASK_SLOW,
	KPATCH_TASK_STUCK_SLOW,
	KPATCH_TASK_NR_STATES,
};

/**
 * struct kpatch_task - a task, and what is known of it
 * @task: the task, with a reference, so its memory is not reused
 * @clean: number of its context switches when a scan found it off its CPU and not
 *	inside; %KPATCH_NOT_CLEAN if the last scan did not
 * @switches: number of its context switches at the last scan
 * @addr: the address that the last scan found, 0 if there is none
 * @inside: the last scan found it inside
 * @ran: a scan found that it had run since the scan before; reset by evict.c
 * @scanned: it was scanned, or seen running; reset by evict.c
 * @facts: &enum kpatch_task_facts, set for evict.c
 * @state: &enum kpatch_task_state, owned by evict.c; a scan only reads it, to tell why
 *	the task is inside
 * @held_ns: how long the operation has held it, in nanoseconds; holds that have ended
 * @parked: the handle of its park work, owned by switch.c
 */
struct kpatch_task {
	struct task_struct *task;
	unsigned long clean;
	unsigned long switches;
	unsigned long addr;
	bool inside;
	bool ran;
	bool scanned;
	u8 facts;
	u8 state;
	u64 held_ns;
	struct kpatch_parked *parked;
};

static_assert(KPATCH_TASK_NR_STATES <= U8_MAX);

/**
 * struct kpatch_tasks - all tasks, zeroed when empty
 * @t: the tasks, in the order of the task list; tasks past exit_notify() follow
 * @nr: their number
 * @room: number of tasks that @t has memory for
 * @forks: the number of tasks ever created when @t was filled
 * @track: the tasks that ran since the last prescan, and those that could not be
 *	scanned then; %NULL if they are not tracked
 * @next: the next element of @track, or of @t, that no CPU has taken in this stop
 * @scanned: number of tasks that were scanned, and not skipped
 */
struct kpatch_tasks {
	struct kpatch_task *t;
	unsigned int nr;
	unsigned int room;
	unsigned long forks;
	struct kpatch_track *track;
	atomic_t next;
	atomic_t scanned;
};

enum kpatch_cause kpatch_tasks_update(struct kpatch_tasks *tasks);
void kpatch_tasks_put(struct kpatch_tasks *tasks);
void kpatch_tasks_prescan(struct kpatch_tasks *tasks,
			  const struct kpatch_scan *scan);
void kpatch_tasks_forget(struct kpatch_tasks *tasks);
void kpatch_tasks_rescan(struct kpatch_tasks *tasks,
			 const struct kpatch_scan *scan,
			 bool (*pick)(const struct kpatch_task *t));
enum kpatch_cause kpatch_tasks_track(struct kpatch_tasks *tasks,
				     const struct kpatch_scan *scan);
void kpatch_tasks_untrack(struct kpatch_tasks *tasks);
void kpatch_tasks_rewind(struct kpatch_tasks *tasks);
bool kpatch_tasks_scan_some(struct kpatch_tasks *tasks,
			    const struct kpatch_scan *scan);
bool kpatch_tasks_scan_rest(struct kpatch_tasks *tasks,
			    const struct kpatch_scan *scan, u64 end);
bool kpatch_tasks_all_scanned(const struct kpatch_tasks *tasks);
bool kpatch_tasks_missed(const struct kpatch_tasks *tasks);

#endif /* _KPATCH_TASKS_H */
