/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All tasks there are, and which of them were seen not to be inside.
 */
#ifndef _KPATCH_TASKS_H
#define _KPATCH_TASKS_H

#include <linux/atomic.h>
#include <linux/limits.h>
#include <linux/types.h>

struct kpatch_parked;
struct kpatch_scan;
struct kpatch_track;
struct task_struct;

/* More often than any task can leave its CPU. */
#define KPATCH_NOT_CLEAN	ULONG_MAX

/**
 * struct kpatch_task - a task, and what is known of it
 * @task: the task, with a reference: while we hold that, nobody else can be
 *	what @task points to
 * @clean: how often it had left its CPU when it was off it and not inside,
 *	%KPATCH_NOT_CLEAN if the last look at it did not find that
 * @switches: how often it had left its CPU when it was scanned
 * @inside: the last scan found it inside
 * @addr: what it was found for then, 0 if that is not known
 * @parks_inside: and in the park at the same time: to park it is of no use
 * @slow: it kept others waiting in the park, and has not run since
 * @parked: how it is being led out, %NULL if it is not
 * @since: since when, in jiffies
 */
struct kpatch_task {
	struct task_struct *task;
	unsigned long clean;
	unsigned long switches;
	bool inside;
	unsigned long addr;
	bool parks_inside;
	bool slow;
	struct kpatch_parked *parked;
	unsigned long since;
};

/**
 * struct kpatch_tasks - all tasks, zeroed when empty
 * @t: the tasks, in the order of the task list, and then those that the list
 *	has lost and that still run
 * @nr: how many
 * @room: for how many @t has memory
 * @forks: how many tasks had ever been created when @t was filled
 * @watch: who has left a CPU since @t was checked last, and who could not be
 *	checked then; %NULL if nobody takes that down
 * @next: the first one of those, or of @t, that no CPU has taken to scan, machine
 *	stopped
 * @scanned: how many were scanned, and not skipped
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

int kpatch_tasks_update(struct kpatch_tasks *tasks);
void kpatch_tasks_put(struct kpatch_tasks *tasks);
void kpatch_tasks_prescan(struct kpatch_tasks *tasks,
			  const struct kpatch_scan *scan);
int kpatch_tasks_track(struct kpatch_tasks *tasks,
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
