// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks past exit_notify(). From there on a task may leave the task list at any
 * time, but it still runs, and may sleep, until do_task_dead(). Until then it
 * has a slot in a table, so that a scan finds it.
 *
 * The task takes its slot in exit_notify(), in the tasklist_lock section in
 * which it becomes a zombie: before that, release_task() cannot unhash it. It
 * gives the slot back with preemption off, which stays off until it leaves its
 * CPU for the last time. So at any time a task that may run again is in the
 * task list, or has a slot, or both.
 *
 * The slot is found by the address of the task. A node on the stack of
 * do_exit() would not do: after an oops past exit_notify(), make_task_dead()
 * starts again at the top of the stack and overwrites it. A field in
 * task_struct would cost memory in every task.
 *
 * The static table has room for all tasks that happen to be preempted in this
 * short stretch. But user space can make tasks sleep there, as many as fit in
 * memory: a task that releases itself waits for the lock of all mounts if
 * something is mounted over its entries in /proc. So a full table is followed
 * by another one, which is never freed. If there is no memory for that, the
 * task is only counted and cannot be scanned; while the count is not 0, nothing
 * is switched.
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

/* A task is at most this far from the slot that its hash selects. */
#define MAX_PROBES	16U

/**
 * struct table - slots for exiting tasks
 * @next: the table that was added when this one was full, or %NULL
 * @bits: log2 of the number of slots
 * @slot: the task in each slot, %NULL if the slot is free. A task takes a slot
 *	under tasklist_lock, and gives it back without a lock.
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

/* Number of exiting tasks that found no free slot. */
static atomic_t unknown;

/*
 * Change the first slot for @task that holds @from to @to. No two callers race
 * for one slot: free slots are taken under tasklist_lock, by one task at a
 * time, and a task has at most one slot, which only that task gives back.
 * Return false if no slot holds @from.
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
	/* Pairs with smp_store_release() in add_table(). */
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
	/*
	 * Pairs with smp_load_acquire() in next_table(): a reader that finds
	 * the table finds it initialised.
	 */
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
 * A task without a slot may have faulted before kpatch_exit_start() or after
 * kpatch_exit_finish(), or may have been counted for want of a slot. These
 * cases cannot be told apart, so the count is not changed. If the task was
 * counted, nothing is switched until the reboot that the kernel asks for.
 *
 * Context: make_task_dead(), preemption off for the rest of the task's life.
 */
void kpatch_exit_abort(struct task_struct *task)
{
	give_slot_back(task);
}

/**
 * kpatch_exiting_visit() - call a function for each task that has a slot
 * @fn: the function; a return value other than 0 ends the walk
 * @data: passed to @fn
 *
 * If a walk of the task list earlier in the same RCU section did not meet a
 * task because it had left the list, and the task may run again, this function
 * visits it. The task_struct stays valid for the rest of the RCU section: the
 * last reference is dropped by an RCU callback that is queued after the task
 * has given back its slot.
 *
 * Context: RCU section, or machine stopped.
 *
 * Return: 0, or the value other than 0 that @fn returned.
 */
int kpatch_exiting_visit(int (*fn)(struct task_struct *task, void *data),
			 void *data)
{
	struct task_struct *task;
	struct table *table;
	unsigned int i;
	int ret;

	/*
	 * Pairs with the release of tasklist_lock in exit_notify(). The task
	 * stores to its slot before that, and is removed from the list after
	 * it: a walk that did not meet the task in the list finds its slot
	 * here.
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
 * kpatch_exiting_unknown() - count the tasks past exit_notify() without a slot
 *
 * Return: the number of tasks that cannot be scanned.
 */
unsigned int kpatch_exiting_unknown(void)
{
	return atomic_read(&unknown);
}
