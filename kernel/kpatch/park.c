// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lead tasks of user space out of the kernel, and keep them there for a while.
 *
 * A task that sleeps in a function may do so for ever, and one that calls it all
 * the time is always about to be in it. So such a task is given some work to do
 * before it returns to user space, in the way in which io_uring does it: if it
 * sleeps in a system call and a signal could wake it, the call ends as if for a
 * signal. On its way to user space it runs wait_in_park(), finds that there is no
 * signal, and would start the system call again. There it waits until we are
 * done, in no function but those of every return to user space. Then it makes its
 * system call, maybe by way of the new function.
 *
 * A few run such work in other places, too: exec and io_uring while they wait,
 * KVM between two runs of a guest, ptrace when it stops a task. Some hold a lock
 * there, of their own process or virtual machine. None of these locks is needed to
 * switch a patch, so that we never wait for ourselves, and the wait has an end in
 * any case.
 *
 * User space sees nothing of it but the time it took, if the system call is one
 * that can be restarted. For the few others see Documentation/kpatch.txt.
 */
#include "common.h"

#include <linux/list.h>
#include <linux/livepatch.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/wait.h>

#include "park.h"

/**
 * struct kpatch_park - where tasks wait
 * @users: who uses this: the one who opened it, and each task that has been
 *	sent here and has not been called back
 * @closing: tasks wait here until it is closed
 * @coming: who opened it waits here until all of them have come
 * @open: it is not closed yet
 * @missing: tasks that have been sent here and have not come yet
 * @end: nobody waits here longer than until then, in jiffies
 * @sent: struct kpatch_parked, all tasks that have been sent here; only who
 *	opened it may look at the list
 */
struct kpatch_park {
	refcount_t users;
	wait_queue_head_t closing;
	wait_queue_head_t coming;
	bool open;
	atomic_t missing;
	unsigned long end;
	struct list_head sent;
};

/**
 * struct kpatch_parked - a task that has been sent to a park
 * @work: what it is going to do on its way to user space
 * @restart: what it does there if @work was called back
 * @users: @work or @restart, until it has run, and the list; so nobody else can
 *	have a work at this address as long as it is used to call back this one
 * @come: it has come to the park
 * @waiting: it waits there
 * @released: it does not have to wait any longer
 * @park: the park
 * @task: the task, with a reference
 * @list: link in the list of the park
 */
struct kpatch_parked {
	struct callback_head work;
	struct callback_head restart;
	refcount_t users;
	bool come;
	bool waiting;
	bool released;
	struct kpatch_park *park;
	struct task_struct *task;
	struct list_head list;
};

static void put_park(struct kpatch_park *park)
{
	if (refcount_dec_and_test(&park->users))
		kfree(park);
}

static void put_parked(struct kpatch_parked *parked)
{
	if (refcount_dec_and_test(&parked->users))
		kfree(parked);
}

/* The task has run this, or is not going to. */
static void put_work(struct kpatch_parked *parked)
{
	put_park(parked->park);
	put_parked(parked);
}

/* It is not going back to what it did, and others wait for it to be gone. */
static bool is_dying(const struct task_struct *task)
{
	return task->flags & (PF_EXITING | PF_SIGNALED) ||
	       READ_ONCE(task->signal->flags) & SIGNAL_GROUP_EXIT ||
	       READ_ONCE(task->signal->group_exec_task);
}

static void wait_until_closed(const struct kpatch_parked *parked)
{
	struct kpatch_park *park = parked->park;
	long left = park->end - jiffies;

	wait_event_killable_timeout(park->closing, !READ_ONCE(park->open) ||
				    READ_ONCE(parked->released),
				    max(left, 0L));
}

/* Runs in the task. */
static void wait_in_park(struct callback_head *work)
{
	struct kpatch_parked *parked =
		container_of(work, struct kpatch_parked, work);
	struct kpatch_park *park = parked->park;

	WRITE_ONCE(parked->come, true);
	if (atomic_dec_and_test(&park->missing))
		wake_up(&park->coming);
	if (!is_dying(current)) {
		WRITE_ONCE(parked->waiting, true);
		wait_until_closed(parked);
		WRITE_ONCE(parked->waiting, false);
	}
	put_work(parked);
}

/*
 * Runs in a task whose work was called back. Its system call may have ended for
 * that work: it has to be started again as if for a signal. That there is none is
 * found out there.
 */
static void restart_call(struct callback_head *restart)
{
	struct kpatch_parked *parked =
		container_of(restart, struct kpatch_parked, restart);

	if (!is_dying(current))
		set_thread_flag(TIF_SIGPENDING);
	put_parked(parked);
}

/*
 * Has the task anything to do, other than this, for which it may have been notified?
 * Not all work comes with a notification, but that is not to be seen.
 */
static bool has_other_work(struct task_struct *task,
			   const struct callback_head *work)
{
	const struct callback_head *first = READ_ONCE(task->task_works);

	return (first && (first != work || READ_ONCE(work->next))) ||
	       klp_patch_pending(task);
}

/*
 * Take back a work that the task has not begun to run, and the flag that came with
 * it: with that, a wait for a signal ends at once, each time, and a fault that user
 * space has to resolve is taken again and again.
 *
 * Without the flag nobody would notice that the system call has to be started again,
 * if it has ended for it already. So first the task is told to do that: TWA_RESUME
 * does not end a wait. Others, like io_uring, may have set the flag for a work of
 * their own: they queue first, then set it. So after the flag was cleared their work
 * can be seen, or they set it later.
 */
static bool call_back(struct kpatch_parked *parked)
{
	struct task_struct *task = parked->task;

	if (!task_work_cancel(task, &parked->work))
		return false;
	init_task_work(&parked->restart, restart_call);
	if (task_work_add(task, &parked->restart, TWA_RESUME)) {
		/* It exits, and restarts nothing. */
		put_parked(parked);
	} else {
		clear_tsk_thread_flag(task, TIF_NOTIFY_SIGNAL);
		/* Pairs with task_work_add(): the work, then the flag. */
		smp_mb__after_atomic();
		if (has_other_work(task, &parked->restart))
			set_notify_signal(task);
	}
	put_park(parked->park);
	return true;
}

/**
 * kpatch_park_open() - get a place for tasks to wait in
 * @end: nobody waits there longer than until then, in jiffies
 *
 * Return: the park, to be given to kpatch_park_close(); %NULL if there is no
 * memory.
 */
struct kpatch_park *kpatch_park_open(unsigned long end)
{
	struct kpatch_park *park;

	park = kzalloc_obj(*park, GFP_KERNEL);
	if (!park)
		return NULL;
	refcount_set(&park->users, 1);
	init_waitqueue_head(&park->closing);
	init_waitqueue_head(&park->coming);
	park->open = true;
	park->end = end;
	INIT_LIST_HEAD(&park->sent);
	return park;
}

/**
 * kpatch_park_close() - let all tasks go
 * @park: the park, gone for the caller; %NULL if there is none
 *
 * Does not wait for them: a task that has not come yet is called back, or
 * notices when it comes.
 *
 * Context: process context, may sleep.
 */
void kpatch_park_close(struct kpatch_park *park)
{
	struct kpatch_parked *parked, *next;

	if (!park)
		return;
	WRITE_ONCE(park->open, false);
	wake_up_all(&park->closing);
	list_for_each_entry_safe(parked, next, &park->sent, list) {
		call_back(parked);
		put_task_struct(parked->task);
		put_parked(parked);
		cond_resched();
	}
	put_park(park);
}

/**
 * kpatch_park_wakes() - would this task leave for the park if it was sent there?
 * @task: the task, of user space
 *
 * Return: true if it is about to run, or a signal would wake it where it sleeps.
 */
bool kpatch_park_wakes(const struct task_struct *task)
{
	unsigned int state = READ_ONCE(task->__state);

	return kpatch_park_takes(task) &&
	       (state == TASK_RUNNING || state & TASK_INTERRUPTIBLE);
}

/**
 * kpatch_park_takes() - can this task be led out?
 * @task: the task
 *
 * Return: false if it never returns to user space, or if it writes its core: that
 * ends where a signal seems to be pending.
 */
bool kpatch_park_takes(const struct task_struct *task)
{
	return !(task->flags & (PF_KTHREAD | PF_USER_WORKER | PF_EXITING |
				PF_DUMPCORE | PF_POSTCOREDUMP));
}

static struct kpatch_parked *new_parked(struct kpatch_park *park,
					struct task_struct *task)
{
	struct kpatch_parked *parked;

	parked = kzalloc_obj(*parked, GFP_KERNEL);
	if (!parked)
		return NULL;
	init_task_work(&parked->work, wait_in_park);
	refcount_set(&parked->users, 2);
	refcount_inc(&park->users);
	atomic_inc(&park->missing);
	parked->park = park;
	parked->task = get_task_struct(task);
	list_add(&parked->list, &park->sent);
	return parked;
}

/* It does not come. */
static void forget_parked(struct kpatch_parked *parked)
{
	list_del(&parked->list);
	atomic_dec(&parked->park->missing);
	put_task_struct(parked->task);
	put_parked(parked);
}

/**
 * kpatch_park_task() - send a task to a park
 * @park: the park
 * @task: a task of user space, not the current one
 *
 * Wakes @task if a signal could. If not, it comes when it is through with what
 * it does in the kernel.
 *
 * Context: process context, may sleep.
 *
 * Return: how it is being led out, valid until kpatch_park_close(); %NULL if it
 * cannot be.
 */
struct kpatch_parked *kpatch_park_task(struct kpatch_park *park,
				       struct task_struct *task)
{
	struct kpatch_parked *parked;

	if (!kpatch_park_takes(task))
		return NULL;
	parked = new_parked(park, task);
	if (!parked)
		return NULL;
	/* Fails for a task that has begun to exit. */
	if (task_work_add(task, &parked->work, TWA_SIGNAL)) {
		put_work(parked);
		forget_parked(parked);
		return NULL;
	}
	/*
	 * It may have begun to write its core since it was looked at, and has to do
	 * so with no signal pending. It does not come back to miss anything else.
	 */
	if (!kpatch_park_takes(task) && call_back(parked)) {
		forget_parked(parked);
		return NULL;
	}
	return parked;
}

/**
 * kpatch_park_holds() - is it in the park?
 * @parked: a task that was sent to a park which is still open
 *
 * Return: true if it waits there. Stays true as long as the task does not run.
 */
bool kpatch_park_holds(const struct kpatch_parked *parked)
{
	return READ_ONCE(parked->waiting);
}

/**
 * kpatch_park_has_come() - has it been in the park?
 * @parked: a task that was sent to a park which is still open
 *
 * Return: false if it has not, and so has not been in user space since it was sent
 * either.
 */
bool kpatch_park_has_come(const struct kpatch_parked *parked)
{
	return READ_ONCE(parked->come);
}

/**
 * kpatch_park_release() - let one task go, with the next kpatch_park_wake()
 * @parked: a task that was sent to a park which is still open
 */
void kpatch_park_release(struct kpatch_parked *parked)
{
	WRITE_ONCE(parked->released, true);
}

/**
 * kpatch_park_wake() - wake the tasks that were released
 * @park: the park
 *
 * Context: process context.
 */
void kpatch_park_wake(struct kpatch_park *park)
{
	wake_up_all(&park->closing);
}

/**
 * kpatch_park_complete() - are all there?
 * @park: the park
 *
 * Return: true if every task that was sent here has come.
 */
bool kpatch_park_complete(const struct kpatch_park *park)
{
	return !atomic_read(&park->missing);
}

/**
 * kpatch_park_wait() - wait until all tasks have come
 * @park: the park
 * @timeout: wait no longer than this, in jiffies
 *
 * Context: process context, sleeps. A fatal signal ends it.
 */
void kpatch_park_wait(struct kpatch_park *park, unsigned long timeout)
{
	wait_event_killable_timeout(park->coming, kpatch_park_complete(park),
				    timeout);
}
