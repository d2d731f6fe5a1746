// SPDX-License-Identifier: GPL-2.0-only
/*
 * Park user tasks at the return to user space until the verdict on a switch.
 *
 * A task may sleep in a function for ever, and one that calls it all the time
 * is nearly always inside. Such a task is given task work, with TWA_SIGNAL as
 * io_uring does: if it sleeps in a system call where a signal would wake it,
 * the call ends as if for a signal. On its way to user space the task runs
 * wait_in_park() and waits there until the park is closed, inside no functions
 * but those of every return to user space. Then it finds that there is no signal,
 * and restarts the system call, perhaps through the new function.
 *
 * Task work runs in a few other places, too: in exec and io_uring while they
 * wait, in KVM between two runs of a guest, in ptrace when it stops a task.
 * Some of them hold a lock there, of their own process or virtual machine. A
 * switch takes none of these locks, so it never waits for a task that it holds
 * itself; and each wait in the park is bounded in any case.
 *
 * If the system call can be restarted, user space notices nothing but the
 * delay. For the few calls that cannot, see Documentation/kpatch.txt. Some calls
 * are restarted by restart_syscall(2). A seccomp filter may kill a task for that
 * call, or make it fail: a task with such a filter is not parked.
 */
#include "common.h"

#include <linux/list.h>
#include <linux/livepatch.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "park.h"

/**
 * struct kpatch_park - a place where tasks are held
 * @users: references: one of the opener, and one for each task that was sent
 *	here until its wait_in_park() has run or was withdrawn
 * @closing: parked tasks sleep here until they may go
 * @coming: woken when all tasks have arrived
 * @open: the park has not been closed yet
 * @missing: number of tasks that were sent here and have not arrived
 * @sent: list of struct kpatch_parked, all tasks that were sent here; only for
 *	the opener
 */
struct kpatch_park {
	refcount_t users;
	wait_queue_head_t closing;
	wait_queue_head_t *coming;
	bool open;
	atomic_t missing;
	struct list_head sent;
};

/**
 * struct kpatch_parked - a task that was sent to a park
 * @work: task work that runs wait_in_park()
 * @restart: task work that runs restart_call(), if @work was withdrawn
 * @users: references: one of @work or @restart until it has run, and one of the
 *	list. @work is withdrawn by its address, which the reference of the list
 *	keeps from being reused for other work.
 * @come: the task has arrived in the park
 * @waiting: the task waits in the park
 * @released: the task may leave although the park is open
 * @limit: how long the task waits at most, in jiffies
 * @arrived: when it arrived, by ktime_get_mono_fast_ns()
 * @left: when it left, unless it waits
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
	unsigned long limit;
	u64 arrived;
	u64 left;
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

/* Drop the references of @work, which has run or will not run. */
static void put_work(struct kpatch_parked *parked)
{
	put_park(parked->park);
	put_parked(parked);
}

/*
 * A dying task does not return to the function that it was in, and other tasks
 * may wait for it to exit: do not hold it.
 */
static bool is_dying(const struct task_struct *task)
{
	return task->flags & (PF_EXITING | PF_SIGNALED) ||
	       READ_ONCE(task->signal->flags) & SIGNAL_GROUP_EXIT ||
	       READ_ONCE(task->signal->group_exec_task);
}

/*
 * Neither a signal nor the load average sees the wait, but SIGKILL ends it. The limit
 * does not depend on the opener, which may be delayed.
 */
static void wait_until_closed(const struct kpatch_parked *parked)
{
	struct kpatch_park *park = parked->park;
	long left = parked->limit;

	___wait_event(park->closing,
		      ___wait_cond_timeout(!READ_ONCE(park->open) ||
					   READ_ONCE(parked->released)),
		      (TASK_IDLE | TASK_WAKEKILL), 0, left,
		      __ret = schedule_timeout(__ret));
}

/* Runs in the task that is to be parked. */
static void wait_in_park(struct callback_head *work)
{
	struct kpatch_parked *parked =
		container_of(work, struct kpatch_parked, work);
	struct kpatch_park *park = parked->park;
	bool wait = !is_dying(current);

	parked->arrived = ktime_get_mono_fast_ns();
	parked->left = parked->arrived;
	WRITE_ONCE(parked->waiting, wait);
	/* Pairs with kpatch_park_has_come(): all of these are valid then. */
	smp_store_release(&parked->come, true);
	if (atomic_dec_and_test(&park->missing))
		wake_up(park->coming);
	if (wait)
		wait_until_closed(parked);
	WRITE_ONCE(parked->left, ktime_get_mono_fast_ns());
	/* Pairs with kpatch_park_holds(): @left is valid then. */
	smp_store_release(&parked->waiting, false);
	put_work(parked);
}

/*
 * Runs in a task whose work was withdrawn. Its system call may have ended
 * because of that work, and must then be restarted as after a signal. The
 * signal code then finds no signal pending, and restarts the call.
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
 * Test whether the task has anything to do besides @work that it may have been
 * notified of. Not all task work comes with a notification, but the list does
 * not tell which does.
 */
static bool has_other_work(struct task_struct *task,
			   const struct callback_head *work)
{
	const struct callback_head *first = READ_ONCE(task->task_works);

	return (first && (first != work || READ_ONCE(work->next))) ||
	       klp_patch_pending(task);
}

/*
 * Drop the work that an earlier withdrawal has left, if the task has not run it: one is
 * enough, and it must not be taken for work of others. Until a new one is queued, the
 * flag that was set with the park work stays set, and has the same effect.
 */
static void drop_old_restart(struct task_struct *task)
{
	struct callback_head *old = task_work_cancel_func(task, restart_call);

	if (old)
		put_parked(container_of(old, struct kpatch_parked, restart));
}

/*
 * Withdraw the work if the task has not begun to run it, and clear the flag
 * that was set with it, TIF_NOTIFY_SIGNAL. If the flag stayed set, each
 * interruptible wait of the task would end at once, and a fault that user space
 * has to resolve would be taken again and again.
 *
 * The system call may have ended because of the flag already. Without the flag
 * the return to user space would not restart it, so restart_call() is queued
 * first, with TWA_RESUME, which does not end a wait. Other users of the flag,
 * such as io_uring, queue their work and then set the flag. So after the flag
 * was cleared, either their work is visible here, or they have yet to set the
 * flag.
 */
static bool call_back(struct kpatch_parked *parked)
{
	struct task_struct *task = parked->task;

	if (!task_work_cancel(task, &parked->work))
		return false;
	drop_old_restart(task);
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
 * kpatch_park_open() - create a park
 * @coming: woken when all tasks that were sent to the park have arrived; must not be
 *	freed before the last of them has
 *
 * Return: the park, to be passed to kpatch_park_close(); %NULL if there is no
 * memory.
 */
struct kpatch_park *kpatch_park_open(wait_queue_head_t *coming)
{
	struct kpatch_park *park;

	park = kzalloc_obj(*park, GFP_KERNEL);
	if (!park)
		return NULL;
	refcount_set(&park->users, 1);
	init_waitqueue_head(&park->closing);
	park->coming = coming;
	park->open = true;
	INIT_LIST_HEAD(&park->sent);
	return park;
}

/**
 * kpatch_park_unpark() - let all parked tasks go
 * @park: the park; a task that arrives from here on does not wait
 *
 * Does not wait for the tasks.
 *
 * Context: process context.
 */
void kpatch_park_unpark(struct kpatch_park *park)
{
	WRITE_ONCE(park->open, false);
	wake_up_all(&park->closing);
}

/**
 * kpatch_park_close() - unpark all tasks
 * @park: the park, invalid for the caller from here on; %NULL if there is none
 *
 * Does not wait for the tasks. If a task has not arrived yet, its work is
 * withdrawn; if it is just about to arrive, it finds the park closed.
 *
 * Context: process context, may sleep.
 */
void kpatch_park_close(struct kpatch_park *park)
{
	struct kpatch_parked *parked, *next;

	if (!park)
		return;
	kpatch_park_unpark(park);
	list_for_each_entry_safe(parked, next, &park->sent, list) {
		call_back(parked);
		put_task_struct(parked->task);
		put_parked(parked);
		cond_resched();
	}
	put_park(park);
}

/**
 * kpatch_park_wakes() - test whether a task would park promptly
 * @task: the task
 *
 * Return: true if the task can be parked, and is runnable or sleeps where a
 * signal would wake it.
 */
bool kpatch_park_wakes(const struct task_struct *task)
{
	unsigned int state = READ_ONCE(task->__state);

	return kpatch_park_takes(task) &&
	       (state == TASK_RUNNING || state & TASK_INTERRUPTIBLE);
}

/**
 * kpatch_park_takes() - test whether a task can be parked
 * @task: the task
 *
 * Context: process context, takes the siglock of a task with a seccomp filter.
 *
 * Return: false if the task never returns to user space; if it dumps core: a core
 * dump is cut short if a signal seems to be pending; or if its seccomp filter does
 * not always allow it to restart its system call.
 */
bool kpatch_park_takes(const struct task_struct *task)
{
	if (task->flags & (PF_KTHREAD | PF_USER_WORKER | PF_EXITING |
			   PF_DUMPCORE | PF_POSTCOREDUMP))
		return false;
	return seccomp_allows_restart((struct task_struct *)task);
}

static struct kpatch_parked *new_parked(struct kpatch_park *park,
					struct task_struct *task,
					unsigned long limit)
{
	struct kpatch_parked *parked;

	parked = kzalloc_obj(*parked, GFP_KERNEL);
	if (!parked)
		return NULL;
	init_task_work(&parked->work, wait_in_park);
	refcount_set(&parked->users, 2);
	refcount_inc(&park->users);
	atomic_inc(&park->missing);
	parked->limit = limit;
	parked->park = park;
	parked->task = get_task_struct(task);
	list_add(&parked->list, &park->sent);
	return parked;
}

/* Undo the rest of new_parked() once the work was dropped or withdrawn. */
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
 * @task: a user task, not the current one
 * @limit: how long it waits in the park at most, in jiffies
 *
 * Wakes @task if a signal would. If not, the task arrives when it next returns
 * to user space.
 *
 * Context: process context, may sleep.
 *
 * Return: the state of @task in @park, valid until kpatch_park_close(); %NULL
 * if @task cannot be parked, or if there is no memory.
 */
struct kpatch_parked *kpatch_park_task(struct kpatch_park *park,
				       struct task_struct *task,
				       unsigned long limit)
{
	struct kpatch_parked *parked;

	if (!kpatch_park_takes(task))
		return NULL;
	parked = new_parked(park, task, limit);
	if (!parked)
		return NULL;
	/* Fails if the task has begun to exit. */
	if (task_work_add(task, &parked->work, TWA_SIGNAL)) {
		put_work(parked);
		forget_parked(parked);
		return NULL;
	}
	/*
	 * The task may have begun to dump core after the first check, and must
	 * do so with no signal pending: withdraw the work. The task does not
	 * return to user space, so it misses nothing else by that.
	 */
	if (!kpatch_park_takes(task) && call_back(parked)) {
		forget_parked(parked);
		return NULL;
	}
	return parked;
}

/**
 * kpatch_park_holds() - test whether a task waits in its park
 * @parked: a task that was sent to a park which is still open
 *
 * Return: true if it waits there. This stays true as long as the task does not
 * run.
 */
bool kpatch_park_holds(const struct kpatch_parked *parked)
{
	/* Pairs with wait_in_park(). */
	return smp_load_acquire(&parked->waiting);
}

/**
 * kpatch_park_has_come() - test whether a task has arrived in its park
 * @parked: a task that was sent to a park which is still open
 *
 * Return: false if it has not; then it has not been in user space either since
 * it was sent.
 */
bool kpatch_park_has_come(const struct kpatch_parked *parked)
{
	/* Pairs with wait_in_park(). */
	return smp_load_acquire(&parked->come);
}

/**
 * kpatch_park_release() - release one task at the next kpatch_park_wake()
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
 * kpatch_park_complete() - test whether all tasks have arrived
 * @park: the park
 *
 * Return: true if every task that was sent to @park has arrived there.
 */
bool kpatch_park_complete(const struct kpatch_park *park)
{
	return !atomic_read(&park->missing);
}

/**
 * kpatch_park_held() - how long a task has been held
 * @parked: a task that was sent to a park which is still open
 *
 * Return: the time from its arrival until it left, or until now if it has not left,
 * in nanoseconds; 0 if it has not arrived.
 */
u64 kpatch_park_held(const struct kpatch_parked *parked)
{
	if (!kpatch_park_has_come(parked))
		return 0;
	if (kpatch_park_holds(parked))
		return ktime_get_mono_fast_ns() - parked->arrived;
	return parked->left - parked->arrived;
}
