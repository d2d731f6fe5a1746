// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks past exit_notify(): the task list may lose them at any time from there
 * on, but they still run, and sleep, until do_task_dead(). Each one has a slot in
 * a static pool meanwhile, so that a scan finds it.
 *
 * A slot is taken in exit_notify(), in the section of tasklist_lock in which the
 * task becomes a zombie: until then release_task() cannot unhash it. It is given
 * back with preemption off, which stays off until the task is off its CPU for the
 * last time. So at any time a task that may run again is in the task list or has
 * a slot, or both.
 *
 * The slot is found by the task's address. A node on the stack of do_exit() would
 * be overwritten by an oops after exit_notify(), which starts again at the top of
 * the stack, and a field in task_struct would be there for every task.
 *
 * A pool that is full only counts. Tasks that are counted cannot be scanned, so
 * nothing is switched while there is one.
 */
#include "common.h"

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "exiting.h"

/*
 * When a process with many threads dies on a kernel that preempts itself, each tick
 * may leave one thread of them in here until all others have had their turn.
 */
#define SLOTS_PER_CPU	64

/**
 * struct slots - slots that tasks which exit on one CPU try first
 * @task: the task in each slot, %NULL if the slot is free. A free slot is taken
 *	under tasklist_lock, and given back by the task in it.
 */
struct slots {
	struct task_struct *task[SLOTS_PER_CPU];
};

static DEFINE_PER_CPU_ALIGNED(struct slots, slots);

/* Tasks that found no free slot. */
static atomic_t unknown;

static bool replace(struct slots *s, struct task_struct *from,
		    struct task_struct *to)
{
	unsigned int i;

	for (i = 0; i < SLOTS_PER_CPU; i++) {
		if (READ_ONCE(s->task[i]) == from) {
			WRITE_ONCE(s->task[i], to);
			return true;
		}
	}
	return false;
}

/*
 * Nobody else changes a slot from the same @from at the same time: of takers
 * there is one, which holds tasklist_lock, and a task is in one slot at most.
 */
static bool replace_anywhere(struct task_struct *from, struct task_struct *to)
{
	int cpu;

	/* The task may be preempted and move: then the other loop finds it. */
	if (replace(raw_cpu_ptr(&slots), from, to))
		return true;
	for_each_possible_cpu(cpu) {
		if (replace(per_cpu_ptr(&slots, cpu), from, to))
			return true;
	}
	return false;
}

/**
 * kpatch_exit_start() - take a slot for the current task
 * @task: the current task, about to become a zombie
 *
 * Context: exit_notify(), tasklist_lock held for writing.
 */
void kpatch_exit_start(struct task_struct *task)
{
	lockdep_assert_held_write(&tasklist_lock);
	if (!replace_anywhere(NULL, task))
		atomic_inc(&unknown);
}

/**
 * kpatch_exit_finish() - give back the slot of the current task
 * @task: the current task, about to call do_task_dead()
 *
 * Context: end of do_exit(), preemption off for the rest of the task's life.
 */
void kpatch_exit_finish(struct task_struct *task)
{
	if (!replace_anywhere(task, NULL))
		atomic_dec(&unknown);
}

/**
 * kpatch_exit_abort() - give back the slot of the current task, if it has one
 * @task: the current task, which has faulted in do_exit() and is about to call
 *	do_task_dead()
 *
 * It may have faulted before kpatch_exit_start() or after kpatch_exit_finish(), or
 * have been counted in between, which cannot be told from the others then. So a
 * count is left as it is: nothing is switched until the reboot that the kernel asks
 * for.
 *
 * Context: make_task_dead(), preemption off for the rest of the task's life.
 */
void kpatch_exit_abort(struct task_struct *task)
{
	replace_anywhere(task, NULL);
}

/**
 * kpatch_exiting_visit() - call a function for each task that has a slot
 * @fn: the function; not 0 if it wants no more
 * @data: passed to @fn
 *
 * A task that came off the task list before a walk of that in the same RCU
 * section, and that may run again, is visited. A task that is visited keeps its
 * memory for the rest of the RCU section: the last reference is dropped by a
 * callback of RCU, after it has given back its slot.
 *
 * Context: RCU section, or machine stopped.
 *
 * Return: 0, or what @fn has returned.
 */
int kpatch_exiting_visit(int (*fn)(struct task_struct *task, void *data),
			 void *data)
{
	struct task_struct *task;
	unsigned int i;
	int cpu, ret;

	/*
	 * Pairs with tasklist_lock, which is released between the store to the
	 * slot and the task's removal from the list: who has not met it there
	 * sees it here.
	 */
	smp_rmb();
	for_each_possible_cpu(cpu) {
		for (i = 0; i < SLOTS_PER_CPU; i++) {
			task = READ_ONCE(per_cpu(slots, cpu).task[i]);
			ret = task ? fn(task, data) : 0;
			if (ret)
				return ret;
		}
	}
	return 0;
}

/**
 * kpatch_exiting_unknown() - how many tasks are past exit_notify() without a slot?
 *
 * Return: their number.
 */
unsigned int kpatch_exiting_unknown(void)
{
	return atomic_read(&unknown);
}
