// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which tasks run meanwhile: the scheduler's tracepoint tells who leaves a CPU.
 * Once the machine is stopped that is everybody who has run, since the stoppers
 * have the CPUs then. CPUs must not come or go while it matters: one that goes
 * down does not tell.
 *
 * The probe runs with the lock of a run queue held, and does little: a look into a
 * table, and a note the first time it meets a task. The table has the tasks that
 * were there when the track was started, and takes up those that have come since,
 * as long as there is room for them. A task that came and has never left a CPU has
 * called nothing yet, so nobody has to know it. There is a table for a few
 * milliseconds, from the last look at tasks to the stop, and outside of that
 * nothing to do.
 */
#include "common.h"

#include <linux/cpumask.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include <trace/events/sched.h>

#include "cpus.h"
#include "track.h"

/*
 * Room for tasks that come between the list of all tasks and the stop. What
 * matters is how many of them are not gone again by then.
 */
#define STRANGERS_PER_CPU	32
#define MIN_STRANGERS		128

/* Written under kpatch_mutex, read by the probe. */
static struct kpatch_track __rcu *track;

static bool attached;

/*
 * Where @task is, or where it would be: there always is an empty slot. The steps
 * become longer, and meet each slot, since addresses of tasks are a constant
 * apart, and so may be their hashes.
 */
static struct kpatch_track_slot *find_slot(struct kpatch_track *w,
					   const struct task_struct *task)
{
	unsigned int mask = (1U << w->bits) - 1;
	unsigned int i = hash_ptr(task, w->bits), step = 0;
	const struct task_struct *found;

	while ((found = READ_ONCE(w->slots[i].task)) && found != task)
		i = (i + ++step) & mask;
	return &w->slots[i];
}

/**
 * kpatch_track_alloc() - make room
 * @nr: for so many tasks, and some more that may come
 *
 * Return: an empty track, to be freed by kpatch_track_free(), or, once it was
 * started, by kpatch_track_stop(); %NULL if there is no memory.
 */
struct kpatch_track *kpatch_track_alloc(unsigned int nr)
{
	unsigned int room = MIN_STRANGERS + STRANGERS_PER_CPU * nr_cpu_ids;
	unsigned int all = nr + room, bits = order_base_2(all + all / 2 + 2);
	size_t size = struct_size_t(struct kpatch_track, slots, 1UL << bits);
	struct kpatch_track *w;

	size = size_add(size, array_size(room, sizeof(*w->strangers)));
	size = size_add(size, array_size(all, sizeof(*w->noted)));
	w = kvzalloc(size, GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!w)
		return NULL;
	w->bits = bits;
	w->strangers = (struct task_struct **)(w->slots + (1UL << bits));
	w->noted = (unsigned int *)(w->strangers + room);
	w->room = room;
	return w;
}

/**
 * kpatch_track_free() - free a track that was not started
 * @w: the track
 */
void kpatch_track_free(struct kpatch_track *w)
{
	kvfree(w);
}

/**
 * kpatch_track_add() - put a task among those that are tracked
 * @w: the track, not started yet
 * @task: the task, which is not freed, and so not taken for another, before the
 *	track is stopped
 * @index: what to note if it runs; a task that is added twice keeps the first one
 */
void kpatch_track_add(struct kpatch_track *w, struct task_struct *task,
		      unsigned int index)
{
	struct kpatch_track_slot *slot = find_slot(w, task);

	if (slot->task)
		return;
	slot->task = task;
	slot->index = index + 1;
}

/*
 * Take up a task that was not there when the track was started. Two may do so for
 * the same task: the probe, and whoever has met it in the task list. The task is on
 * a CPU, or found in an RCU section: so the reference that is dropped here is not
 * the last one.
 */
static struct kpatch_track_slot *add_stranger(struct kpatch_track *w,
					      struct task_struct *task)
{
	unsigned int i = atomic_fetch_add_unless(&w->nr_strangers, 1, w->room);
	struct kpatch_track_slot *slot;

	if (i == w->room) {
		WRITE_ONCE(w->full, true);
		return NULL;
	}
	get_task_struct(task);
	do {
		slot = find_slot(w, task);
		if (!READ_ONCE(slot->task) &&
		    !cmpxchg(&slot->task, NULL, task)) {
			w->strangers[i] = task;
			return slot;
		}
	} while (READ_ONCE(slot->task) != task);
	put_task_struct(task);
	return slot;
}

/**
 * kpatch_track_note() - take a task for one that has run
 * @w: the track
 * @task: the task; it is on this CPU, found in this RCU section, or one that was
 *	added
 *
 * Context: any but NMI.
 */
void kpatch_track_note(struct kpatch_track *w, struct task_struct *task)
{
	struct kpatch_track_slot *slot = find_slot(w, task);

	if (!READ_ONCE(slot->task))
		slot = add_stranger(w, task);
	if (!slot || READ_ONCE(slot->noted) || xchg(&slot->noted, 1))
		return;
	/* Pairs with kpatch_track_get(): who sees the note sees the slot. */
	smp_store_release(&w->noted[atomic_inc_return(&w->nr) - 1],
			  slot - w->slots + 1);
}

/**
 * kpatch_track_knows() - is a task one of those that are tracked?
 * @w: the track
 * @task: the task
 *
 * Return: true if it was added, or has come since and run.
 */
bool kpatch_track_knows(struct kpatch_track *w, struct task_struct *task)
{
	return READ_ONCE(find_slot(w, task)->task);
}

/**
 * kpatch_track_has_noted() - is a task one of those that have run?
 * @w: the track
 * @task: the task
 *
 * Return: true if it was noted.
 */
bool kpatch_track_has_noted(struct kpatch_track *w, struct task_struct *task)
{
	return READ_ONCE(find_slot(w, task)->noted);
}

/* It never comes back. Where tasks come in masses there are as many of these. */
static bool is_gone(bool preempt, unsigned int state)
{
	return !preempt && state & TASK_DEAD;
}

static void on_switch(void *data, bool preempt, struct task_struct *prev,
		      struct task_struct *next, unsigned int prev_state)
{
	struct kpatch_track *w = rcu_dereference_sched(track);

	kpatch_cpus_note_switch(next);
	/*
	 * The idle tasks are in no list: each CPU looks at its own. They have no
	 * pid; is_idle_task() also holds for threads that make a CPU idle.
	 */
	if (!w || !prev->pid)
		return;
	if (is_gone(preempt, prev_state) && !kpatch_track_knows(w, prev))
		return;
	kpatch_track_note(w, prev);
}

/**
 * kpatch_track_start() - note who leaves a CPU from here on
 * @w: the track, all tasks added
 *
 * The scheduler counts a switch, then looks for probes, and ours for a track, all
 * with interrupts off. Once each CPU has run something else since, whoever has found
 * none is through with that, and the count can be seen; whoever comes later finds
 * both. That they were attached or published is not enough: among other probes no
 * text is rewritten for ours. So after the next kpatch_cpus_visit() that finds all
 * CPUs, a task that leaves a CPU is either noted or known by nvcsw and nivcsw to
 * have done so.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: 0, or an errno with nothing started.
 */
int kpatch_track_start(struct kpatch_track *w)
{
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (!attached) {
		ret = register_trace_sched_switch(on_switch, NULL);
		if (ret)
			return ret;
		attached = true;
	}
	rcu_assign_pointer(track, w);
	return 0;
}

static void free_track(struct rcu_head *rcu)
{
	struct kpatch_track *w = container_of(rcu, struct kpatch_track, rcu);
	unsigned int i;

	for (i = 0; i < atomic_read(&w->nr_strangers); i++) {
		if (w->strangers[i])
			put_task_struct(w->strangers[i]);
	}
	kvfree(w);
}

/**
 * kpatch_track_stop() - note no more
 * @w: the track that was started; it is freed
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_track_stop(struct kpatch_track *w)
{
	lockdep_assert_held(&kpatch_mutex);
	RCU_INIT_POINTER(track, NULL);
	/* The scheduler has interrupts off: that is a reader. */
	call_rcu(&w->rcu, free_track);
}

/**
 * kpatch_track_detach() - let the scheduler tell us nothing any more
 *
 * The probe stays attached from the first track that is started until then,
 * since text is rewritten for it. It may still run when this returns.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 */
void kpatch_track_detach(void)
{
	lockdep_assert_held(&kpatch_mutex);
	if (attached)
		unregister_trace_sched_switch(on_switch, NULL);
	attached = false;
}
