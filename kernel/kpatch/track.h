/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of some tasks run meanwhile.
 */
#ifndef _KPATCH_TRACK_H
#define _KPATCH_TRACK_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct task_struct;

/**
 * struct kpatch_track_slot - a task that is tracked
 * @task: the task, %NULL if the slot is empty; a task is never replaced. With a
 *	reference if it was not added before the track was started.
 * @index: what the caller knows it by, plus 1; 0 if the caller does not know it
 * @noted: it has been noted
 */
struct kpatch_track_slot {
	struct task_struct *task;
	unsigned int index;
	unsigned int noted;
};

/**
 * struct kpatch_track - tasks that are tracked, and which of them have run
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
struct kpatch_track {
	struct rcu_head rcu;
	atomic_t nr;
	unsigned int *noted;
	struct task_struct **strangers;
	atomic_t nr_strangers;
	unsigned int room;
	bool full;
	unsigned int bits;
	struct kpatch_track_slot slots[];
};

struct kpatch_track *kpatch_track_alloc(unsigned int nr);
void kpatch_track_free(struct kpatch_track *w);
void kpatch_track_add(struct kpatch_track *w, struct task_struct *task,
		      unsigned int index);
void kpatch_track_note(struct kpatch_track *w, struct task_struct *task);
bool kpatch_track_knows(struct kpatch_track *w, struct task_struct *task);
bool kpatch_track_has_noted(struct kpatch_track *w, struct task_struct *task);
int kpatch_track_start(struct kpatch_track *w);
void kpatch_track_stop(struct kpatch_track *w);
void kpatch_track_detach(void);

/* How many tasks have been noted so far. */
static inline unsigned int kpatch_track_nr(const struct kpatch_track *w)
{
	return atomic_read(&w->nr);
}

/*
 * One of those, by its number. While tasks are still being noted, %NULL if it has
 * not been written down yet.
 */
static inline const struct kpatch_track_slot *
kpatch_track_get(const struct kpatch_track *w, unsigned int i)
{
	/* Slot numbers are stored plus 1. */
	unsigned int slot = smp_load_acquire(&w->noted[i]);

	return slot ? &w->slots[slot - 1] : NULL;
}

#endif /* _KPATCH_TRACK_H */
