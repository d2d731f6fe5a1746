// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations: their requesters, which wait for them, and the thread that carries them
 * out.
 *
 * One operation is carried out at a time, by a kernel thread. So the priority, the CPU
 * quota, the signals and the stack of the requester do not matter. Others wait for
 * their turn in the order in which they came.
 *
 * A requester waits in place, and SIGKILL cancels its operation. There are two
 * exceptions, both only for a write to a file that can be restarted:
 *
 *  - While it waits for its turn, any signal and any task work makes it leave, so that
 *    another operation can park it, or a debugger stop it.
 *  - While its own operation runs, it leaves if the switch has parked it. Its stack
 *    would be in the way when functions are switched that a write runs through.
 *
 * Then the store returns -ERESTARTNOINTR. Once the task restarts its write, it finds
 * its operation again, and continues to wait for it, or takes the verdict. Only the
 * next request of the same task can do so, and only if it requests the same.
 */
#include "common.h"

#include <linux/compat.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/spinlock.h>
#include <linux/unistd.h>

#include <asm/syscall.h>

#include "choice.h"
#include "confirm.h"
#include "hook.h"
#include "patch.h"
#include "request.h"
#include "state.h"
#include "switch.h"

/* Below the timeout of the freezer. */
#define MAX_DEADLINE_MS		15000U

/* How often the age at which a verdict is too old is doubled. */
#define MAX_REPEATS		10U

/* Room for a description of the operation that is carried out. */
#define DESCRIPTION_LEN		(MODULE_NAME_LEN + TASK_COMM_LEN + KSYM_NAME_LEN + 64)

/* Only SIGKILL ends such a wait, and it does not count as load. */
#define KILLABLE_IDLE		(TASK_IDLE | TASK_WAKEKILL)

static int set_deadline(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, MAX_DEADLINE_MS);
}

static const struct kernel_param_ops deadline_ops = {
	.set = set_deadline,
	.get = param_get_uint,
};

static unsigned int deadline_ms = 2000;
module_param_cb(deadline_ms, &deadline_ops, &deadline_ms, 0644);
MODULE_PARM_DESC(deadline_ms, "time until an operation is given up, in milliseconds");

/*
 * The state of an operation after an event, plus 1. A pair that is not listed cannot
 * happen.
 *
 *  - Only while it is WAITING can the thread take it: a requester that has left may
 *    never return.
 *  - An operation keeps its verdict for a requester that is AWAY. Only what is PAUSED or
 *    KEPT can be dropped by others: the requester may use any other at any time.
 */
#define GO(state)	((state) + 1)

static const u8 next_state[KPATCH_REQUEST_NR_STATES][KPATCH_REQUEST_NR_EVENTS] = {
	[KPATCH_REQUEST_WAITING] = {
		[KPATCH_REQUEST_TAKE]		= GO(KPATCH_REQUEST_RUNNING),
		[KPATCH_REQUEST_LEAVE]		= GO(KPATCH_REQUEST_PAUSED),
		[KPATCH_REQUEST_CANCEL]		= GO(KPATCH_REQUEST_NONE),
	},
	[KPATCH_REQUEST_PAUSED] = {
		[KPATCH_REQUEST_RETURN]		= GO(KPATCH_REQUEST_WAITING),
		[KPATCH_REQUEST_CANCEL]		= GO(KPATCH_REQUEST_NONE),
	},
	[KPATCH_REQUEST_RUNNING] = {
		[KPATCH_REQUEST_LEAVE]		= GO(KPATCH_REQUEST_AWAY),
		[KPATCH_REQUEST_CANCEL]		= GO(KPATCH_REQUEST_CANCELLING),
		[KPATCH_REQUEST_END]		= GO(KPATCH_REQUEST_DONE),
	},
	[KPATCH_REQUEST_AWAY] = {
		[KPATCH_REQUEST_RETURN]		= GO(KPATCH_REQUEST_RUNNING),
		[KPATCH_REQUEST_CANCEL]		= GO(KPATCH_REQUEST_CANCELLING),
		[KPATCH_REQUEST_END]		= GO(KPATCH_REQUEST_KEPT),
	},
	[KPATCH_REQUEST_CANCELLING] = {
		[KPATCH_REQUEST_END]		= GO(KPATCH_REQUEST_DONE),
	},
	[KPATCH_REQUEST_DONE] = {
		[KPATCH_REQUEST_COLLECT]	= GO(KPATCH_REQUEST_NONE),
	},
	[KPATCH_REQUEST_KEPT] = {
		[KPATCH_REQUEST_RETURN]		= GO(KPATCH_REQUEST_DONE),
		[KPATCH_REQUEST_CANCEL]		= GO(KPATCH_REQUEST_NONE),
	},
};

/**
 * struct operation - an operation
 * @request: what is requested
 * @name: name of the patch module
 * @by: what the switch knows of the requester
 * @task: the requester, with a reference
 * @users: references: one of the requester until it has the verdict or will not ask
 *	for it, and one of the thread while it carries the operation out
 * @list: link in the list of operations, until the state is %KPATCH_REQUEST_NONE
 * @state: &enum kpatch_request_state
 * @abandoned: no task will ask for the verdict
 * @repeats: how often its requester has repeated it, since a verdict was too old
 * @paused: when the requester left while it waited for its turn, in jiffies
 * @ended: when the verdict was reached, in jiffies
 * @result: the verdict: 0 or an errno
 */
struct operation {
	struct kpatch_request request;
	char name[MODULE_NAME_LEN];
	struct kpatch_requester by;
	struct task_struct *task;
	refcount_t users;
	struct list_head list;
	enum kpatch_request_state state;
	bool abandoned;
	unsigned int repeats;
	unsigned long paused;
	unsigned long ended;
	int result;
};

/* All operations in the order of their requests, and their states. */
static LIST_HEAD(operations);
static DEFINE_SPINLOCK(operations_lock);

/* The thread sleeps here while no operation waits for its turn. */
static DECLARE_WAIT_QUEUE_HEAD(work);

/* The thread carries out an operation, or removes hooks. Under operations_lock. */
static bool busy;

/* The thread. Set before the first patch is registered. */
static struct task_struct *thread __ro_after_init;

/* Number of the last operation that was begun. Only for the thread. */
static unsigned long last_number;

/**
 * kpatch_request_next() - the state of an operation after an event
 * @state: the state before
 * @event: the event
 *
 * Return: the state; @state if the event cannot happen.
 */
enum kpatch_request_state
kpatch_request_next(enum kpatch_request_state state,
		    enum kpatch_request_event event)
{
	u8 next = next_state[state][event];

	return next ? next - 1 : state;
}

static void put_operation(struct operation *op)
{
	if (!refcount_dec_and_test(&op->users))
		return;
	put_task_struct(op->task);
	kvfree(op->request.choices);
	kfree(op);
}

static void step(struct operation *op, enum kpatch_request_event event)
{
	lockdep_assert_held(&operations_lock);
	WARN_ON_ONCE(!next_state[op->state][event]);
	WRITE_ONCE(op->state, kpatch_request_next(op->state, event));
	if (op->state == KPATCH_REQUEST_NONE)
		list_del_init(&op->list);
}

/* Test whether the requester is away, and the thread does not use the operation. */
static bool can_drop(const struct operation *op)
{
	return op->state == KPATCH_REQUEST_PAUSED ||
	       op->state == KPATCH_REQUEST_KEPT;
}

/* The requester is away and will not ask for the verdict: drop its reference. */
static void abandon(struct operation *op)
{
	lockdep_assert_held(&operations_lock);
	step(op, KPATCH_REQUEST_CANCEL);
	WRITE_ONCE(op->by.cancel, true);
	op->abandoned = true;
	put_operation(op);
}

/*
 * Test whether a write to a file can leave and be restarted. Others call the same
 * functions, such as io_uring and splice(), and would lose the code.
 */
static bool can_restart(void)
{
	if (current->flags & (PF_KTHREAD | PF_USER_WORKER) || in_compat_syscall())
		return false;
	switch (syscall_get_nr(current, task_pt_regs(current))) {
	case __NR_write:
	case __NR_pwrite64:
	case __NR_writev:
	case __NR_pwritev:
		return true;
	default:
		return false;
	}
}

static unsigned long timeout_of(const struct kpatch_request *request)
{
	return msecs_to_jiffies(request->timeout_ms ?: READ_ONCE(deadline_ms));
}

/* A requester that has left for longer may do something else by now. */
static bool is_waiting(const struct operation *op)
{
	return op->state == KPATCH_REQUEST_WAITING ||
	       (op->state == KPATCH_REQUEST_PAUSED &&
		time_before(jiffies, op->paused + HZ));
}

/*
 * Test whether a task waits for its turn, or has left to restart the write in which it
 * waits. For the switch, which may have to park it.
 */
static bool is_queued(const struct task_struct *task)
{
	const struct operation *op;
	bool queued = false;

	spin_lock(&operations_lock);
	list_for_each_entry(op, &operations, list)
		queued |= op->task == task && is_waiting(op);
	spin_unlock(&operations_lock);
	return queued;
}

static int copy_choices(struct operation *op, const struct kpatch_request *request)
{
	size_t size = array_size(request->nr, sizeof(*request->choices));

	if (!request->nr)
		return 0;
	op->request.choices = kvmemdup(request->choices, size, GFP_KERNEL);
	return op->request.choices ? 0 : -ENOMEM;
}

static struct operation *new_operation(const struct kpatch_request *request)
{
	struct operation *op;

	op = kzalloc_obj(*op, GFP_KERNEL);
	if (!op)
		return NULL;
	op->request = *request;
	if (copy_choices(op, request)) {
		kfree(op);
		return NULL;
	}
	strscpy(op->name, request->name, sizeof(op->name));
	op->request.name = op->name;
	op->task = get_task_struct(current);
	refcount_set(&op->users, 1);
	op->state = KPATCH_REQUEST_WAITING;
	if (!(request->flags & KPATCH_REQUEST_NO_OWNER))
		op->by.task = current;
	op->by.restarts = request->flags & KPATCH_REQUEST_STORE && can_restart();
	op->by.forced = request->action == KPATCH_TAKE_DOWN;
	op->by.quiet = request->flags & KPATCH_REQUEST_QUIET;
	op->by.deadline = jiffies + timeout_of(request);
	op->by.queued = is_queued;
	init_waitqueue_head(&op->by.wait);
	return op;
}

static bool are_same_choices(const struct kpatch_request *a,
			     const struct kpatch_request *b)
{
	unsigned int i;

	if (a->nr != b->nr)
		return false;
	for (i = 0; i < a->nr; i++) {
		if (a->choices[i].kpmod != b->choices[i].kpmod ||
		    a->choices[i].to != b->choices[i].to ||
		    strcmp(a->choices[i].name, b->choices[i].name))
			return false;
	}
	return true;
}

static bool is_same(const struct kpatch_request *a,
		    const struct kpatch_request *b)
{
	return a->flags & KPATCH_REQUEST_STORE && a->flags == b->flags &&
	       a->kpmod == b->kpmod && a->action == b->action &&
	       a->timeout_ms == b->timeout_ms && are_same_choices(a, b);
}

/* A patch that has a file of its own is registered as long as a task is in that. */
static bool has_changed(const struct operation *op)
{
	const struct kpatch_request *request = &op->request;
	unsigned int i;

	if (request->kpmod)
		return READ_ONCE(request->kpmod->patch->operation) > op->by.number;
	for (i = 0; i < request->nr; i++) {
		if (kpatch_patch_changed_since(&request->choices[i], op->by.number))
			return true;
	}
	return false;
}

/*
 * Test whether a verdict must not be used any more. Either a later operation has
 * changed a patch of it; or a patch was unloaded and loaded again, which changes it,
 * too; or the requester has not restarted its write at once. It may have left a signal
 * handler by longjmp(), and write the same anew. It may also have been kept from
 * running, so each further verdict is good for twice as long.
 */
static bool is_stale(const struct operation *op)
{
	if (op->state != KPATCH_REQUEST_KEPT)
		return false;
	return has_changed(op) ||
	       time_after(jiffies,
			  op->ended + (HZ << min(op->repeats, MAX_REPEATS)));
}

/*
 * The time for which a requester was stopped while it waited for its turn does not count.
 * That of short signal handlers does: there may be no end of them.
 */
static void extend_deadline(struct operation *op)
{
	if (op->state == KPATCH_REQUEST_PAUSED &&
	    time_after(jiffies, op->paused + HZ))
		op->by.deadline += jiffies - op->paused;
}

/* Find the operation that the current task has left to restart its write. */
static struct operation *find_left(void)
{
	struct operation *op;

	lockdep_assert_held(&operations_lock);
	list_for_each_entry(op, &operations, list) {
		if (op->task == current && !op->abandoned)
			return op;
	}
	return NULL;
}

/*
 * Continue with the operation that the current task has left. If the task now requests
 * something else, or the verdict is too old, that verdict is dropped.
 */
static struct operation *resume(const struct kpatch_request *request,
				unsigned int *repeats)
{
	struct operation *op;
	bool same;

	spin_lock(&operations_lock);
	op = find_left();
	if (!op)
		goto unlock;
	same = is_same(&op->request, request);
	if (same && !is_stale(op)) {
		extend_deadline(op);
		step(op, KPATCH_REQUEST_RETURN);
		goto unlock;
	}
	*repeats = same ? op->repeats + 1 : 0;
	abandon(op);
	op = NULL;
unlock:
	spin_unlock(&operations_lock);
	return op;
}

static struct operation *submit(const struct kpatch_request *request)
{
	struct operation *op;
	unsigned int repeats = 0;

	op = resume(request, &repeats);
	if (op)
		return op;
	op = new_operation(request);
	if (!op)
		return NULL;
	op->repeats = repeats;
	spin_lock(&operations_lock);
	/* The removal of the file waits for this task. The file "switch" stays. */
	if (request->flags & KPATCH_REQUEST_STORE && request->kpmod &&
	    request->kpmod->patch->gone)
		op->state = KPATCH_REQUEST_NONE;
	else
		list_add_tail(&op->list, &operations);
	spin_unlock(&operations_lock);
	return op;
}

static bool is_running(const struct operation *op)
{
	return op->state == KPATCH_REQUEST_RUNNING ||
	       op->state == KPATCH_REQUEST_AWAY ||
	       op->state == KPATCH_REQUEST_CANCELLING;
}

static int run_switch(const struct kpatch_request *request,
		      struct kpatch_requester *by)
{
	if (request->action == KPATCH_ROLLBACK)
		return kpatch_choice_roll_back(request->kpmod, by);
	return kpatch_choice_switch(request->kpmod, request->action, by);
}

static int run_switch_several(const struct kpatch_request *request,
			      struct kpatch_requester *by)
{
	return kpatch_choice_switch_several(request->choices, request->nr, by);
}

/* Describe what the thread is busy with. */
static void describe(char *buf, size_t size)
{
	static const char * const verb[] = {
		[KPATCH_DISABLE]	= "disable",
		[KPATCH_ENABLE]		= "enable",
		[KPATCH_CHECK_DISABLE]	= "check",
		[KPATCH_CHECK_ENABLE]	= "check",
		[KPATCH_LOAD]		= "load",
		[KPATCH_TAKE_DOWN]	= "take down",
		[KPATCH_SWITCH]		= "switch",
		[KPATCH_ROLLBACK]	= "roll back",
		[KPATCH_UNDO]		= "undo",
	};
	unsigned long callback = kpatch_state_callback();
	const struct operation *op;
	int len = 0;

	spin_lock(&operations_lock);
	strscpy(buf, busy ? "remove the hooks of an earlier one" :
		     "the kernel thread kpatch does not get to run", size);
	list_for_each_entry(op, &operations, list) {
		if (is_running(op))
			len = scnprintf(buf, size, "%s '%s', for %s (%d)",
					verb[op->request.action], op->name,
					op->task->comm, op->task->pid);
	}
	spin_unlock(&operations_lock);
	if (callback && len)
		scnprintf(buf + len, size - len, ", in callback %ps", (void *)callback);
}

static int refuse_turn(const struct operation *op)
{
	char description[DESCRIPTION_LEN];

	describe(description, sizeof(description));
	return kpatch_refuse(KPATCH_CAUSE_OPERATION, .action = op->name,
			     .names = description);
}

/*
 * The wait for the turn has ended. @left is what the wait returned: 0 if the time has
 * run out, negative if a signal or task work came. Return 0 if the operation runs.
 */
static int end_turn(struct operation *op, long left)
{
	bool killed = fatal_signal_pending(current);

	spin_lock(&operations_lock);
	if (op->state == KPATCH_REQUEST_NONE) {
		spin_unlock(&operations_lock);
		put_operation(op);
		return kpatch_refuse(KPATCH_CAUSE_NOT_REGISTERED,
				     .action = "switch", .err = -ENODEV);
	}
	if (op->state != KPATCH_REQUEST_WAITING) {
		spin_unlock(&operations_lock);
		return 0;
	}
	if (left < 0 && !killed) {
		op->paused = jiffies;
		step(op, KPATCH_REQUEST_LEAVE);
		spin_unlock(&operations_lock);
		return restart_syscall();
	}
	step(op, KPATCH_REQUEST_CANCEL);
	spin_unlock(&operations_lock);
	if (!left)
		left = refuse_turn(op);
	else
		left = -EINTR;
	put_operation(op);
	return left;
}

static bool waits(const struct operation *op)
{
	return READ_ONCE(op->state) == KPATCH_REQUEST_WAITING;
}

/* The first operation whose requester is there, NULL if there is none. */
static struct operation *find_next(void)
{
	struct operation *op;

	lockdep_assert_held(&operations_lock);
	list_for_each_entry(op, &operations, list) {
		if (op->state == KPATCH_REQUEST_WAITING)
			return op;
	}
	return NULL;
}

/* Sleep until the operation runs. Return as wait_event_killable_timeout() does. */
static long sleep_until_turn(struct operation *op, long timeout)
{
	if (op->by.restarts)
		return wait_event_interruptible_timeout(op->by.wait, !waits(op),
							timeout);
	return ___wait_event(op->by.wait, ___wait_cond_timeout(!waits(op)),
			     KILLABLE_IDLE, 0, timeout,
			     __ret = schedule_timeout(__ret));
}

/* Test whether the thread has only to run to begin the operation. */
static bool is_next(const struct operation *op)
{
	bool next;

	spin_lock(&operations_lock);
	next = !busy && find_next() == op;
	spin_unlock(&operations_lock);
	return next;
}

/* The deadline bounds the wait for others, however short it is. */
static int wait_for_turn(struct operation *op)
{
	long left = max_t(long, op->by.deadline - jiffies, 1);

	wake_up(&work);
	if (!op->by.task) {
		wait_event_idle(op->by.wait, !waits(op));
		return end_turn(op, 0);
	}
	left = sleep_until_turn(op, left);
	if (!left && is_next(op))
		left = sleep_until_turn(op, HZ);
	return end_turn(op, left);
}

static bool is_done(const struct operation *op)
{
	return READ_ONCE(op->state) == KPATCH_REQUEST_DONE;
}

static int collect(struct operation *op)
{
	int result;

	spin_lock(&operations_lock);
	result = op->result;
	step(op, KPATCH_REQUEST_COLLECT);
	spin_unlock(&operations_lock);
	put_operation(op);
	return result;
}

/*
 * The requester was killed. It learns the verdict that is reached. But it need not wait
 * until hooks are removed after that, if it is only a task that wrote to a file: the
 * thread keeps the module pinned.
 */
static int cancel(struct operation *op)
{
	bool store = op->request.flags & KPATCH_REQUEST_STORE;
	bool done;

	spin_lock(&operations_lock);
	if (op->state == KPATCH_REQUEST_RUNNING)
		step(op, KPATCH_REQUEST_CANCEL);
	WRITE_ONCE(op->by.cancel, true);
	spin_unlock(&operations_lock);
	kpatch_switch_wake();
	wait_event_idle(op->by.wait, is_done(op) ||
			(store && READ_ONCE(op->by.decided)));

	spin_lock(&operations_lock);
	done = op->state == KPATCH_REQUEST_DONE;
	op->abandoned = !done;
	spin_unlock(&operations_lock);
	if (done)
		return collect(op);
	put_operation(op);
	return -EINTR;
}

/* Leave if the switch has parked the current task. */
static int leave(struct operation *op)
{
	bool done;

	spin_lock(&operations_lock);
	done = op->state == KPATCH_REQUEST_DONE;
	if (!done) {
		WRITE_ONCE(op->by.leave, false);
		step(op, KPATCH_REQUEST_LEAVE);
	}
	spin_unlock(&operations_lock);
	return done ? collect(op) : restart_syscall();
}

static int wait_for_verdict(struct operation *op)
{
	if (!op->by.task)
		wait_event_idle(op->by.wait, is_done(op));
	else if (wait_event_state(op->by.wait, is_done(op) ||
				  READ_ONCE(op->by.leave), KILLABLE_IDLE))
		return cancel(op);
	return is_done(op) ? collect(op) : leave(op);
}

/**
 * kpatch_request_in_callback() - test whether a callback of a patch calls
 *
 * It must not wait for an operation: the operation waits for it.
 *
 * Context: process context.
 *
 * Return: true if the current task is in a callback.
 */
bool kpatch_request_in_callback(void)
{
	return current == thread || kpatch_state_calls_current();
}

/**
 * kpatch_request() - have an operation carried out, and wait for the verdict
 * @request: what is requested; copied
 *
 * Context: process context, sleeps, without kpatch_mutex. Until its turn comes the
 * operation can be given up: by a fatal signal, and when its time has run out.
 *
 * Return: the verdict, 0 or an errno; or
 *
 * * -EBUSY - another operation has not ended in time
 * * -EDEADLK - the current task is in a callback of a patch
 * * -EINTR - the current task received a fatal signal
 * * -ENODEV - the patch was unregistered meanwhile
 * * -ERESTARTNOINTR - to be returned from a store: the system call must be restarted
 * * -ENOMEM
 */
int kpatch_request(const struct kpatch_request *request)
{
	struct operation *op;
	int ret;

	if (kpatch_request_in_callback())
		return kpatch_refuse(KPATCH_CAUSE_IN_CALLBACK,
				     .action = request->name);
	op = submit(request);
	if (!op)
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY,
				     .action = request->name);
	ret = wait_for_turn(op);
	return ret ?: wait_for_verdict(op);
}

/**
 * kpatch_request_switch() - request to enable or disable a patch, or a dry run of that
 * @kpmod: the patch
 * @name: name of its module
 * @action: one of the first four of &enum kpatch_action, or %KPATCH_ROLLBACK
 * @flags: &enum kpatch_request_flags
 * @timeout_ms: how long it may take, in milliseconds; 0 for kpatch.deadline_ms
 *
 * Context: process context, sleeps, without kpatch_mutex.
 *
 * Return: as kpatch_request(), and as kpatch_enable() and kpatch_disable() list them.
 */
int kpatch_request_switch(struct kpatch_module *kpmod, const char *name,
			  enum kpatch_action action, unsigned int flags,
			  unsigned int timeout_ms)
{
	struct kpatch_request request = {
		.run = run_switch,
		.kpmod = kpmod,
		.name = name,
		.action = action,
		.flags = flags,
		.timeout_ms = timeout_ms,
	};

	return kpatch_request(&request);
}

/**
 * kpatch_request_switch_several() - request to enable and disable patches at one instant
 * @choices: what each is to become; copied
 * @nr: number of elements in @choices
 * @name: what to call the operation in messages
 * @flags: &enum kpatch_request_flags
 * @timeout_ms: how long it may take, in milliseconds; 0 for kpatch.deadline_ms
 *
 * Context: process context, sleeps, without kpatch_mutex.
 *
 * Return: as kpatch_request(), and as kpatch_choice_switch_several().
 */
int kpatch_request_switch_several(const struct kpatch_choice *choices,
				  unsigned int nr, const char *name,
				  unsigned int flags, unsigned int timeout_ms)
{
	struct kpatch_request request = {
		.run = run_switch_several,
		.name = name,
		.action = KPATCH_SWITCH,
		.choices = choices,
		.nr = nr,
		.flags = flags,
		.timeout_ms = timeout_ms,
	};

	return kpatch_request(&request);
}

/**
 * kpatch_request_drop() - the current task writes something else
 *
 * To be called if a write fails before it becomes a request: then an operation that the
 * task has left is not what it wants any more.
 *
 * Context: process context.
 */
void kpatch_request_drop(void)
{
	struct operation *op;

	spin_lock(&operations_lock);
	op = find_left();
	if (op)
		abandon(op);
	spin_unlock(&operations_lock);
}

/**
 * kpatch_request_gone() - end all requests to switch a patch
 * @patch: the patch, unregistered
 *
 * Requests that come later fail at once.
 *
 * Context: process context.
 */
void kpatch_request_gone(struct kpatch_patch *patch)
{
	struct operation *op, *next;

	spin_lock(&operations_lock);
	patch->gone = true;
	list_for_each_entry_safe(op, next, &operations, list) {
		/* One of no task finds out by itself. */
		if (op->request.kpmod != patch->kpmod || !op->by.task)
			continue;
		if (op->state == KPATCH_REQUEST_WAITING) {
			step(op, KPATCH_REQUEST_CANCEL);
			wake_up(&op->by.wait);
		} else if (can_drop(op)) {
			abandon(op);
		}
	}
	spin_unlock(&operations_lock);
}

/* Forget operations of tasks that will not come back for them. */
static void prune(void)
{
	struct operation *op, *next;

	list_for_each_entry_safe(op, next, &operations, list) {
		if (!(op->task->flags & PF_EXITING))
			continue;
		if (can_drop(op))
			abandon(op);
	}
}

/* An operation of no task has all its time from here on, see kpatch_take_down(). */
static struct operation *take_next(void)
{
	struct operation *op;

	spin_lock(&operations_lock);
	prune();
	op = find_next();
	busy = op;
	if (op) {
		refcount_inc(&op->users);
		op->by.number = ++last_number;
		if (!op->by.task)
			op->by.deadline = jiffies + timeout_of(&op->request);
		step(op, KPATCH_REQUEST_TAKE);
	}
	spin_unlock(&operations_lock);
	return op;
}

static void end_operation(struct operation *op, int result)
{
	spin_lock(&operations_lock);
	op->result = result;
	op->ended = jiffies;
	step(op, KPATCH_REQUEST_END);
	if (op->abandoned)
		step(op, KPATCH_REQUEST_COLLECT);
	spin_unlock(&operations_lock);
	wake_up_all(&op->by.wait);
	put_operation(op);
}

static void carry_out(struct operation *op)
{
	const struct kpatch_request *request = &op->request;
	int ret;

	wake_up_all(&op->by.wait);
	scoped_guard(mutex, &kpatch_mutex)
		ret = request->run(request, &op->by);
	end_operation(op, ret);
}

static int run_undo(const struct kpatch_request *request, struct kpatch_requester *by)
{
	return kpatch_confirm_undo(by);
}

/*
 * A trial is to be undone. No task requests that, or asks for the verdict. Return %NULL if
 * there is no memory.
 */
static struct operation *take_undo(void)
{
	static const struct kpatch_request request = {
		.run = run_undo,
		.name = "the trial",
		.action = KPATCH_UNDO,
		.flags = KPATCH_REQUEST_NO_OWNER,
	};
	struct operation *op = new_operation(&request);

	if (!op)
		return NULL;
	op->abandoned = true;
	spin_lock(&operations_lock);
	busy = true;
	list_add_tail(&op->list, &operations);
	op->by.number = ++last_number;
	step(op, KPATCH_REQUEST_TAKE);
	spin_unlock(&operations_lock);
	return op;
}

/*
 * Wait for the next operation; return %NULL to be called again. A trial that is due comes
 * before operations that wait. If it cannot be undone, these come before the next attempt.
 */
static struct operation *wait_for_next(void)
{
	struct operation *op = NULL;
	long left = kpatch_confirm_left();

	if (!left) {
		op = take_undo();
		/* There is no memory. Let other operations go on, they may free some. */
		left = HZ;
	}
	if (!op)
		wait_event_idle_timeout(work, (op = take_next()), left);
	return op;
}

/* The next operation may need the hooks that this one leaves. */
static bool has_next(void)
{
	bool next;

	spin_lock(&operations_lock);
	next = find_next();
	spin_unlock(&operations_lock);
	return next;
}

static int kpatch_thread(void *unused)
{
	struct operation *op;

	for (;;) {
		op = wait_for_next();
		if (!op)
			continue;
		carry_out(op);
		if (!has_next() || kpatch_hook_has_probes())
			kpatch_hook_release();
	}
	return 0;
}

/**
 * kpatch_request_init() - start the thread that carries out operations
 *
 * It has a high priority, since tasks are held while it works.
 *
 * Return: 0 or an errno.
 */
int __init kpatch_request_init(void)
{
	struct task_struct *task = kthread_run(kpatch_thread, NULL, "kpatch");

	if (IS_ERR(task))
		return PTR_ERR(task);
	set_user_nice(task, MIN_NICE);
	thread = task;
	return 0;
}
