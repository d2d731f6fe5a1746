// SPDX-License-Identifier: GPL-2.0-only
/*
 * Track tasks that run between the prescan and the stop. A probe of
 * sched_switch notes each task that leaves a CPU. Once the machine is stopped,
 * stoppers occupy all CPUs, so every task that ran has left its CPU and was
 * noted. CPUs must not come or go meanwhile: tracepoints do not fire on a CPU
 * that is not online.
 *
 * The probe runs with the run queue lock held and does little: it looks up the
 * task in a hash table, and notes it the first time. The table holds the tasks
 * that were listed before the start. Tasks created after the list was made
 * (here called strangers) are added while there is room. A new task that has
 * never left a CPU has run nothing yet and need not be tracked. A track exists
 * for a few milliseconds, from just before the last prescan until after the
 * stop. Without one the probe only notes switches to stoppers.
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
 * Room for tasks created after the list of all tasks was made. A task whose
 * first switch is its last takes no room, see is_gone().
 */
#define STRANGERS_PER_CPU	32
#define MIN_STRANGERS		128

/* Written under kpatch_mutex, read by the probe with interrupts off. */
static struct kpatch_track __rcu *track;

static bool attached;

/*
 * Return the slot that holds @task, or else the empty slot where it belongs;
 * there always is one. The steps grow, and still reach every slot: addresses of
 * tasks are a constant apart, and so may be their hashes.
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
 * kpatch_track_alloc() - allocate a track
 * @nr: number of tasks to be added; room for tasks created later is on top
 *
 * Return: an empty track, to be freed by kpatch_track_free(), or by
 * kpatch_track_stop() once it was started; %NULL if there is no memory.
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
 * kpatch_track_free() - free a track that was never started
 * @w: the track
 */
void kpatch_track_free(struct kpatch_track *w)
{
	kvfree(w);
}

/**
 * kpatch_track_add() - add a task to a track before it is started
 * @w: the track
 * @task: the task, whose task_struct must not be freed, and so not be reused
 *	for another task, before the track is stopped
 * @index: the caller's number for the task; a task that is added twice keeps
 *	the first one
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
 * Add a task that was created after the list was made. The probe and a walk of
 * the task list may both do so for one task at the same time; one of them then
 * drops its reference again. That is never the last one, as the task is on this
 * CPU or was found in this RCU section. Return %NULL if there is no room.
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
 * kpatch_track_note() - note that a task has run, or must be scanned anyway
 * @w: the track
 * @task: the task; it is on this CPU, was found in this RCU section, or was
 *	added before the start
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
	/*
	 * Pairs with smp_load_acquire() in kpatch_track_get(): a reader that
	 * finds the slot number finds the slot filled in.
	 */
	smp_store_release(&w->noted[atomic_inc_return(&w->nr) - 1],
			  slot - w->slots + 1);
}

/**
 * kpatch_track_knows() - test whether a track contains a task
 * @w: the track
 * @task: the task
 *
 * Return: true if the task was added before the start, or was created after the
 * list was made and has been noted.
 */
bool kpatch_track_knows(struct kpatch_track *w, struct task_struct *task)
{
	return READ_ONCE(find_slot(w, task)->task);
}

/**
 * kpatch_track_has_noted() - test whether a task has been noted
 * @w: the track
 * @task: the task
 *
 * Return: true if it was passed to kpatch_track_note() and there was room for
 * it.
 */
bool kpatch_track_has_noted(struct kpatch_track *w, struct task_struct *task)
{
	return READ_ONCE(find_slot(w, task)->noted);
}

/*
 * A dead task never runs again, so it is not added to the track. Where many
 * tasks are created, as many die, and would fill it.
 */
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
	 * Idle tasks are in no list; each CPU scans its own. They are the tasks
	 * without a pid: is_idle_task() is also true for threads that inject
	 * idle time, and these must be tracked.
	 */
	if (!w || !prev->pid)
		return;
	if (is_gone(preempt, prev_state) && !kpatch_track_knows(w, prev))
		return;
	kpatch_track_note(w, prev);
}

/**
 * kpatch_track_start() - begin to note tasks that leave a CPU
 * @w: the track, with all listed tasks added
 *
 * __schedule() counts the switch and then calls the probes of sched_switch, of
 * which ours looks up the track, all in one section with interrupts off. A
 * switch that did not find the probe or the track is complete once its CPU has
 * run its stopper, and its count is visible then. Any later switch finds both.
 * Registering the probe and publishing the track do not ensure that on their
 * own: if the tracepoint has other probes, no text is modified for ours. So
 * once a later kpatch_cpus_visit() has reached all CPUs, each switch before it
 * has been noted or shows in nvcsw and nivcsw of the task that left the CPU,
 * and each switch after it is noted.
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
 * kpatch_track_stop() - stop noting tasks, and free the track
 * @w: the track, which was started
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_track_stop(struct kpatch_track *w)
{
	lockdep_assert_held(&kpatch_mutex);
	RCU_INIT_POINTER(track, NULL);
	/*
	 * The probe runs with interrupts off, which makes it an RCU reader:
	 * free_track() runs when no probe uses @w any more.
	 */
	call_rcu(&w->rcu, free_track);
}

/**
 * kpatch_track_detach() - unregister the probe of sched_switch
 *
 * The probe stays registered from the first kpatch_track_start() until this
 * call, because registering and unregistering it may modify kernel text. It may
 * still be running when this returns.
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
