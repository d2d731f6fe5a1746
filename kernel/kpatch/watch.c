// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which of some tasks run meanwhile: the scheduler's tracepoint tells who leaves a
 * CPU. Once the machine is stopped that is everybody who has run, since the
 * stoppers have the CPUs then. CPUs must not come or go while it matters: one that
 * goes down does not tell.
 *
 * The probe runs with the lock of a run queue held, and does little: a look into a
 * table that nobody changes, and a note the first time it meets a task. There is
 * a table for a few milliseconds, from the last look at tasks to the stop, and
 * outside of that nothing to do.
 */
#include "common.h"

#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include <trace/events/sched.h>

#include "watch.h"

/* Written under kpatch_mutex, read by the probe. */
static struct kpatch_watch __rcu *watch;

static bool attached;

/*
 * Where @task is, or where it would be: there always is an empty slot. The steps
 * become longer, and meet each slot, since addresses of tasks are a constant
 * apart, and so may be their hashes.
 */
static struct kpatch_watch_slot *find_slot(struct kpatch_watch *w,
					   const struct task_struct *task)
{
	unsigned int mask = (1U << w->bits) - 1;
	unsigned int i = hash_ptr(task, w->bits), step = 0;

	while (w->slots[i].task && w->slots[i].task != task)
		i = (i + ++step) & mask;
	return &w->slots[i];
}

/**
 * kpatch_watch_alloc() - make room
 * @nr: for so many tasks
 *
 * Return: an empty watch, to be freed by kpatch_watch_free(), or, once it was
 * started, by kpatch_watch_stop(); %NULL if there is no memory.
 */
struct kpatch_watch *kpatch_watch_alloc(unsigned int nr)
{
	unsigned int bits = order_base_2(nr + nr / 2 + 2);
	struct kpatch_watch *w;

	w = kvzalloc(size_add(struct_size(w, slots, 1UL << bits),
			      array_size(nr, sizeof(*w->noted))),
		     GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!w)
		return NULL;
	w->bits = bits;
	w->noted = (unsigned int *)(w->slots + (1UL << bits));
	return w;
}

/**
 * kpatch_watch_free() - free a watch that was not started
 * @w: the watch
 */
void kpatch_watch_free(struct kpatch_watch *w)
{
	kvfree(w);
}

/**
 * kpatch_watch_add() - put a task among those that are watched
 * @w: the watch, not started yet
 * @task: the task, which is not freed, and so not taken for another, before the
 *	watch is stopped
 * @index: what to note if it runs; a task that is added twice keeps the first one
 */
void kpatch_watch_add(struct kpatch_watch *w, const struct task_struct *task,
		      unsigned int index)
{
	struct kpatch_watch_slot *slot = find_slot(w, task);

	if (slot->task)
		return;
	slot->task = task;
	slot->index = index;
}

/**
 * kpatch_watch_note() - take a task for one that has run
 * @w: the watch
 * @task: the task, noted if it is watched
 *
 * Context: any but NMI.
 */
void kpatch_watch_note(struct kpatch_watch *w, const struct task_struct *task)
{
	struct kpatch_watch_slot *slot = find_slot(w, task);

	if (!slot->task || READ_ONCE(slot->noted) || xchg(&slot->noted, 1))
		return;
	w->noted[atomic_inc_return(&w->nr) - 1] = slot->index;
}

/**
 * kpatch_watch_has_noted() - is a task one of those that have run?
 * @w: the watch
 * @task: a task that is watched
 *
 * Return: true if it was noted.
 */
bool kpatch_watch_has_noted(struct kpatch_watch *w,
			    const struct task_struct *task)
{
	return READ_ONCE(find_slot(w, task)->noted);
}

static void on_switch(void *data, bool preempt, struct task_struct *prev,
		      struct task_struct *next, unsigned int prev_state)
{
	struct kpatch_watch *w = rcu_dereference_sched(watch);

	if (w)
		kpatch_watch_note(w, prev);
}

/**
 * kpatch_watch_start() - note who leaves a CPU from here on
 * @w: the watch, all tasks added
 *
 * Whoever leaves a CPU is either noted or, if it left before, is known by nvcsw
 * and nivcsw, read after this has returned, to have done so.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: 0, or an errno with nothing started.
 */
int kpatch_watch_start(struct kpatch_watch *w)
{
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (!attached) {
		ret = register_trace_sched_switch(on_switch, NULL);
		if (ret)
			return ret;
		attached = true;
	}
	rcu_assign_pointer(watch, w);
	/*
	 * The scheduler counts a switch, then looks for probes, and ours for a
	 * watch, all with interrupts off. So once each CPU has taken an interrupt
	 * whoever has found none is through with that, and the count can be seen;
	 * whoever comes later finds both. That they were attached or published
	 * is not enough: among other probes no text is rewritten for ours.
	 */
	kick_all_cpus_sync();
	return 0;
}

/**
 * kpatch_watch_stop() - note no more
 * @w: the watch that was started; it is freed
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_watch_stop(struct kpatch_watch *w)
{
	lockdep_assert_held(&kpatch_mutex);
	RCU_INIT_POINTER(watch, NULL);
	/* The scheduler has interrupts off: that is a reader. */
	kvfree_rcu(w, rcu);
}

/**
 * kpatch_watch_detach() - let the scheduler tell us nothing any more
 *
 * The probe stays attached from the first watch that is started until then,
 * since text is rewritten for it. It may still run when this returns.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 */
void kpatch_watch_detach(void)
{
	lockdep_assert_held(&kpatch_mutex);
	if (attached)
		unregister_trace_sched_switch(on_switch, NULL);
	attached = false;
}
