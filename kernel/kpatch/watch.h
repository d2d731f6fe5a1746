/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of some tasks run meanwhile.
 */
#ifndef _KPATCH_WATCH_H
#define _KPATCH_WATCH_H

#include <linux/atomic.h>
#include <linux/types.h>

struct task_struct;

/**
 * struct kpatch_watch_slot - a task that is watched
 * @task: the task, %NULL if the slot is empty
 * @index: what the caller knows it by
 * @noted: it has been noted
 */
struct kpatch_watch_slot {
	const struct task_struct *task;
	unsigned int index;
	unsigned int noted;
};

/**
 * struct kpatch_watch - tasks that are watched, and which of them have run
 * @rcu: to free it when no CPU is looking at it
 * @nr: how many tasks have been noted
 * @noted: their indexes, each one once, in no order
 * @bits: @slots has room for two to the power of this
 * @slots: all tasks, by the hash of their address; at least a third is empty
 */
struct kpatch_watch {
	struct rcu_head rcu;
	atomic_t nr;
	unsigned int *noted;
	unsigned int bits;
	struct kpatch_watch_slot slots[];
};

struct kpatch_watch *kpatch_watch_alloc(unsigned int nr);
void kpatch_watch_free(struct kpatch_watch *w);
void kpatch_watch_add(struct kpatch_watch *w, const struct task_struct *task,
		      unsigned int index);
void kpatch_watch_note(struct kpatch_watch *w, const struct task_struct *task);
bool kpatch_watch_has_noted(struct kpatch_watch *w,
			    const struct task_struct *task);
int kpatch_watch_start(struct kpatch_watch *w);
void kpatch_watch_stop(struct kpatch_watch *w);
void kpatch_watch_detach(void);

#endif /* _KPATCH_WATCH_H */
