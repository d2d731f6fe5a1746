// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks past exit_notify(): the task list may lose them at any time from there
 * on, but they still run, and sleep, until do_task_dead(). Each one has a slot in
 * a table meanwhile, so that a scan finds it.
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
 * The table that is there from the beginning is enough for all tasks that happen to
 * be preempted in this short stretch. But user space can make tasks sleep in there,
 * as many as it has memory for: a task that has its entries in /proc mounted over
 * waits for the lock of all mounts. So a table that is full is followed by another,
 * which is never freed. Only if there is no memory for that a task is counted, and
 * not known. Nothing is switched while there is one.
 */
#include "common.h"

#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/kpatch_hooks.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "exiting.h"

#define FIRST_BITS	9U
#define MAX_BITS	12U

/* A task is so near to where its hash says, or elsewhere. */
#define MAX_PROBES	16U

/**
 * struct table - slots for tasks that exit
 * @next: the table that came when this one was full
 * @bits: there are two to the power of this slots
 * @slot: the task in each slot, %NULL if the slot is free. A slot is taken under
 *	tasklist_lock, and given back by the task in it.
 */
struct table {
	struct table *next;
	unsigned int bits;
	struct task_struct **slot;
};

static struct task_struct *first_slots[1 << FIRST_BITS];

static struct table first_table = {
	.bits = FIRST_BITS,
	.slot = first_slots,
};

/* Tasks for which there was no slot. */
static atomic_t unknown;

/*
 * Nobody else changes a slot from the same @from at the same time: of takers
 * there is one, which holds tasklist_lock, and a task is in one slot at most.
 */
static bool replace(struct table *table, const struct task_struct *task,
		    struct task_struct *from, struct task_struct *to)
{
	unsigned int i, n, mask = (1U << table->bits) - 1;

	for (n = 0, i = hash_ptr(task, table->bits); n < MAX_PROBES; n++, i++) {
		if (READ_ONCE(table->slot[i & mask]) == from) {
			WRITE_ONCE(table->slot[i & mask], to);
			return true;
		}
	}
	return false;
}

static struct table *next_table(const struct table *table)
{
	/* Pairs with add_table(). */
	return smp_load_acquire(&table->next);
}

static struct table *add_table(struct table *last)
{
	unsigned int bits = min(last->bits + 1, MAX_BITS);
	struct table *table;

	table = kzalloc(size_add(sizeof(*table),
				 array_size(1U << bits, sizeof(*table->slot))),
			GFP_ATOMIC | __GFP_NOWARN);
	if (!table)
		return NULL;
	table->bits = bits;
	table->slot = (struct task_struct **)(table + 1);
	/* Pairs with next_table(): who sees the table sees what is in it. */
	smp_store_release(&last->next, table);
	return table;
}

static bool take_slot(struct task_struct *task)
{
	struct table *table = &first_table, *last;

	do {
		if (replace(table, task, NULL, task))
			return true;
		last = table;
		table = table->next;
	} while (table);
	table = add_table(last);
	return table && replace(table, task, NULL, task);
}

static bool give_slot_back(struct task_struct *task)
{
	struct table *table;

	for (table = &first_table; table; table = next_table(table)) {
		if (replace(table, task, task, NULL))
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
	if (!take_slot(task))
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
	if (!give_slot_back(task))
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
	give_slot_back(task);
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
	struct table *table;
	unsigned int i;
	int ret;

	/*
	 * Pairs with tasklist_lock, which is released between the store to the
	 * slot and the task's removal from the list: who has not met it there
	 * sees it here.
	 */
	smp_rmb();
	for (table = &first_table; table; table = next_table(table)) {
		for (i = 0; i < 1U << table->bits; i++) {
			task = READ_ONCE(table->slot[i]);
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
