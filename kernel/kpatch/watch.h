/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of some tasks run meanwhile.
 */
#ifndef _KPATCH_WATCH_H
#define _KPATCH_WATCH_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct task_struct;

/**
 * struct kpatch_watch_slot - a task that is watched
 * @task: the task, %NULL if the slot is empty; a task is never replaced. With a
 *	reference if it was not added before the watch was started.
 * @index: what the caller knows it by, plus 1; 0 if the caller does not know it
 * @noted: it has been noted
 */
struct kpatch_watch_slot {
	struct task_struct *task;
	unsigned int index;
	unsigned int noted;
};

/**
 * struct kpatch_watch - tasks that are watched, and which of them have run
 * @rcu: to free it when no CPU is looking at it
 * @nr: how many tasks have been noted
 * @noted: their slots, each one once, in no order
 * @strangers: tasks that were not added before the start, each with a reference;
 *	some may be %NULL
 * @nr_strangers: how many
 * @room: how many at most
 * @full: one more came
 * @bits: @slots has room for two to the power of this
 * @slots: all tasks, by the hash of their address; at least a third is empty
 */
struct kpatch_watch {
	struct rcu_head rcu;
	atomic_t nr;
	unsigned int *noted;
	struct task_struct **strangers;
	atomic_t nr_strangers;
	unsigned int room;
	bool full;
	unsigned int bits;
	struct kpatch_watch_slot slots[];
};

struct kpatch_watch *kpatch_watch_alloc(unsigned int nr);
void kpatch_watch_free(struct kpatch_watch *w);
void kpatch_watch_add(struct kpatch_watch *w, struct task_struct *task,
		      unsigned int index);
void kpatch_watch_note(struct kpatch_watch *w, struct task_struct *task);
bool kpatch_watch_knows(struct kpatch_watch *w, struct task_struct *task);
bool kpatch_watch_has_noted(struct kpatch_watch *w, struct task_struct *task);
int kpatch_watch_start(struct kpatch_watch *w);
void kpatch_watch_stop(struct kpatch_watch *w);
void kpatch_watch_detach(void);

/* How many tasks have been noted so far. */
static inline unsigned int kpatch_watch_nr(const struct kpatch_watch *w)
{
	return atomic_read(&w->nr);
}

/*
 * One of those, by its number. While tasks are still being noted, %NULL if it has
 * not been written down yet.
 */
static inline const struct kpatch_watch_slot *
kpatch_watch_get(const struct kpatch_watch *w, unsigned int i)
{
	/* Slot numbers are stored plus 1. */
	unsigned int slot = smp_load_acquire(&w->noted[i]);

	return slot ? &w->slots[slot - 1] : NULL;
}

#endif /* _KPATCH_WATCH_H */
