/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Track tasks that run between the prescan and the stop.
 */
#ifndef _KPATCH_TRACK_H
#define _KPATCH_TRACK_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct task_struct;

/**
 * struct kpatch_track_slot - a task in a track
 * @task: the task, %NULL if the slot is empty; never changes once it is set.
 *	For a task that was not added before the start, the track holds a
 *	reference.
 * @index: the caller's number for the task, plus 1; 0 if it was not added
 *	before the start
 * @noted: the task has been noted
 */
struct kpatch_track_slot {
	struct task_struct *task;
	unsigned int index;
	unsigned int noted;
};

/**
 * struct kpatch_track - tasks, and which of them have run
 * @rcu: frees the track once no CPU uses it
 * @nr: number of tasks that have been noted
 * @noted: slot numbers of these, plus 1, each task once, in no particular order
 * @strangers: tasks created after the list was made, each with a reference;
 *	some entries may be %NULL
 * @nr_strangers: number of entries of @strangers in use
 * @room: number of entries that @strangers has
 * @full: there was no room for one more
 * @bits: log2 of the number of slots
 * @slots: all tasks, hashed by address; at least a third of the slots is empty
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

/* Return the number of tasks noted so far. */
static inline unsigned int kpatch_track_nr(const struct kpatch_track *w)
{
	return atomic_read(&w->nr);
}

/*
 * Return the slot of the @i-th task noted. While tasks are still being noted,
 * it is %NULL if the slot number has not been stored yet. Pairs with
 * smp_store_release() in kpatch_track_note().
 */
static inline const struct kpatch_track_slot *
kpatch_track_get(const struct kpatch_track *w, unsigned int i)
{
	/* Slot numbers are stored plus 1. */
	unsigned int slot = smp_load_acquire(&w->noted[i]);

	return slot ? &w->slots[slot - 1] : NULL;
}

#endif /* _KPATCH_TRACK_H */
