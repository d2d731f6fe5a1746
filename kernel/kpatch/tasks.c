// SPDX-License-Identifier: GPL-2.0-only
/*
 * List all tasks, and remember which of them are clean, that is, were found off their
 * CPU and not inside.
 *
 * A task that a prescan found clean need not be scanned in the stop if it has not run
 * since. That is certain if
 *
 *  - it is the same task: we hold a reference, so its memory is not reused;
 *  - it was off its CPU when it was scanned: its scheduler locks were held;
 *  - it is off its CPU now, and has not left it since. The kernel counts each time a
 *    task leaves its CPU in nvcsw or nivcsw, and never resets them while the task
 *    lives. A task that has run, and is off its CPU again, has left it.
 *
 * Then all that a scan reads is unchanged: only a task itself puts return addresses
 * there. The text that the scan looks for does not change either, except if the
 * switch gives way to a module. Then it is collected anew, and may have grown: a
 * replacement that was not checked because its module held it may be checked now. So
 * all tasks are scanned again.
 *
 * From before the last prescan on, tasks that leave a CPU are noted, see track.c. So
 * the stop does not even compare the counts of the others. A task that was created
 * since is noted as well, once it has run. Before that its stack has only the frame
 * that it was created with, which leads into a function only through its entry. Only
 * the core of the kernel creates tasks that start elsewhere than in kthread(), and
 * for those in kthread() the scan asks which function they will call.
 */
#include "common.h"

#include <linux/mm.h>
#include <linux/nmi.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "cpus.h"
#include "exiting.h"
#include "scan.h"
#include "tasks.h"
#include "track.h"

/* Room for tasks that are created while memory is allocated. */
#define SPARE_TASKS	64

/*
 * Number of tasks that a CPU takes at a time in the stop: few enough to share the
 * work evenly, and to check the time often enough in between.
 */
#define CHUNK		16U

/* A CPU that does not run its stopper within this time is a blocker. */
#define VISIT_MS	100U

/* Number of tasks to list between two calls of cond_resched(). */
#define BATCH		1024U

static unsigned long count_switches(const struct task_struct *task)
{
	return READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw);
}

/* Test whether a task that is off its CPU has not run since it was found clean. */
static bool is_settled(const struct kpatch_task *t)
{
	return count_switches(t->task) == t->clean;
}

/**
 * struct cursor - a position in an array of tasks that follows a walk of the list
 * @tasks: the array
 * @i: the next element that the walk has not met
 */
struct cursor {
	struct kpatch_tasks *tasks;
	unsigned int i;
};

/*
 * Find @task, the next one in a walk of the task list, in the array. The array has
 * the order of the list, where threads and processes are only added behind existing
 * ones. So if an element of the array is not met, either it has exited, or @task is
 * new and was added before it. At worst a known task is not found: then it is scanned
 * once more, and maybe parked twice. No task is taken for another.
 */
static struct kpatch_task *find_known(struct cursor *cursor,
				      const struct task_struct *task)
{
	struct kpatch_task *t;

	for (; cursor->i < cursor->tasks->nr; cursor->i++) {
		t = &cursor->tasks->t[cursor->i];
		if (t->task == task) {
			cursor->i++;
			return t;
		}
		if (pid_alive(t->task))
			break;
	}
	return NULL;
}

/*
 * Leave the RCU section to reschedule. Return true if the walk cannot continue after
 * that. If both tasks are still in the list, and @group is still a leader, their links
 * are as good as if they had been met in the new RCU section. The links of a former
 * leader, whose process has called exec, are not updated.
 */
static bool lost_place(struct task_struct *group, struct task_struct *task)
{
	bool lost;

	get_task_struct(group);
	get_task_struct(task);
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
	lost = !pid_alive(task) || !pid_alive(group) ||
	       !thread_group_leader(group);
	put_task_struct(task);
	put_task_struct(group);
	return lost;
}

/*
 * Call @fn for each task in the list until it does not return 0. Reschedule after
 * each @batch tasks, if that is not 0. Return -EAGAIN if the walk has then lost its
 * place.
 */
static __always_inline int walk(int (*fn)(struct task_struct *task, void *data),
				void *data, unsigned int batch)
{
	struct task_struct *group, *task;
	unsigned int n = 0;
	int ret;

	for_each_process_thread(group, task) {
		ret = fn(task, data);
		if (!ret && batch && ++n == batch) {
			n = 0;
			ret = lost_place(group, task) ? -EAGAIN : 0;
		}
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * struct listing - a new array of tasks that is being filled
 * @new: the new array
 * @cursor: position in the array so far
 */
struct listing {
	struct kpatch_tasks *new;
	struct cursor cursor;
};

static int list_one(struct kpatch_tasks *new, struct task_struct *task,
		    const struct kpatch_task *known)
{
	if (new->nr == new->room)
		return -EAGAIN;
	new->t[new->nr++] = known ? *known : (struct kpatch_task) {
		.task = task,
		.clean = KPATCH_NOT_CLEAN,
	};
	get_task_struct(task);
	return 0;
}

static int list_task(struct task_struct *task, void *data)
{
	struct listing *listing = data;

	return list_one(listing->new, task, find_known(&listing->cursor, task));
}

/*
 * A task that is still in the list was met by the walk. One that left the list during
 * the walk may be listed twice, and is then scanned twice.
 */
static int list_exiting(struct task_struct *task, void *data)
{
	struct listing *listing = data;

	return pid_alive(task) ? 0 : list_one(listing->new, task, NULL);
}

/* Fill @new. Return -EAGAIN if it is too small, or if the walk has lost its place. */
static int list_tasks(struct kpatch_tasks *new, struct kpatch_tasks *old,
		      unsigned int batch)
{
	struct listing listing = { .new = new, .cursor.tasks = old };
	int ret;

	/*
	 * A task is added to the list and counted in one section of this lock. So
	 * a task that is counted here is met by the walk or has exited, and one
	 * that is not counted yet changes the count later.
	 */
	read_lock(&tasklist_lock);
	new->forks = total_forks;
	read_unlock(&tasklist_lock);

	guard(rcu)();
	ret = walk(list_task, &listing, batch);
	if (ret)
		return ret;
	return kpatch_exiting_visit(list_exiting, &listing);
}

/**
 * kpatch_tasks_put() - drop all tasks
 * @tasks: the tasks; empty afterwards
 *
 * Context: process context, may sleep.
 */
void kpatch_tasks_put(struct kpatch_tasks *tasks)
{
	unsigned int i;

	for (i = 0; i < tasks->nr; i++) {
		put_task_struct(tasks->t[i].task);
		cond_resched();
	}
	kvfree(tasks->t);
	memset(tasks, 0, sizeof(*tasks));
}

/* A walk that has lost its place twice does not reschedule. */
static unsigned int batch_size(unsigned int tries)
{
	return tries < 2 ? BATCH : 0;
}

/**
 * kpatch_tasks_update() - list all tasks
 * @tasks: the tasks, empty or listed before; what is known of a task is kept
 *
 * Context: process context, may sleep.
 *
 * Return: %KPATCH_CAUSE_NONE, or %KPATCH_CAUSE_NO_MEMORY with @tasks as it was.
 */
enum kpatch_cause kpatch_tasks_update(struct kpatch_tasks *tasks)
{
	unsigned int room = READ_ONCE(nr_threads) + SPARE_TASKS, tries = 0;
	struct kpatch_tasks new;
	int ret;

	/* No task was created since. Entries of exited tasks are harmless. */
	if (tasks->t && READ_ONCE(total_forks) == tasks->forks)
		return KPATCH_CAUSE_NONE;
	do {
		memset(&new, 0, sizeof(new));
		/* Ends even if tasks are created faster than this allocates. */
		room += room / 4;
		new.t = kvmalloc_array(room, sizeof(*new.t), GFP_KERNEL);
		if (!new.t)
			return KPATCH_CAUSE_NO_MEMORY;
		new.room = room;
		ret = list_tasks(&new, tasks, batch_size(tries++));
		if (ret)
			kpatch_tasks_put(&new);
	} while (ret);
	atomic_set(&new.scanned, atomic_read(&tasks->scanned));
	kpatch_tasks_put(tasks);
	*tasks = new;
	return KPATCH_CAUSE_NONE;
}

static enum kpatch_reason reason_for(const struct kpatch_task *t)
{
	switch (t->state) {
	case KPATCH_TASK_HELD:
	case KPATCH_TASK_STUCK:
	case KPATCH_TASK_STUCK_SLOW:
		return KPATCH_PARKED_INSIDE;
	default:
		return kpatch_scan_reason(t->task);
	}
}

/* Scan a task that is off its CPU and stays off meanwhile. */
static void scan_known(struct kpatch_task *t, const struct kpatch_scan *scan)
{
	unsigned long switches = count_switches(t->task);

	t->inside = kpatch_scan_task(scan, t->task, reason_for(t), &t->addr);
	t->ran |= switches != t->switches;
	t->scanned = true;
	t->switches = switches;
}

/*
 * Test whether a running task is probably still inside: it was inside, was given park
 * work and has not run that, so it has not been in user space since. For example, a
 * task in a fault that user space has to resolve spins in that fault while a signal
 * is pending. Stopping the machine for it would be in vain. Once it is parked, it
 * is off its CPU.
 */
static bool has_stayed(const struct kpatch_task *t)
{
	return t->inside && t->state == KPATCH_TASK_SENT;
}

/**
 * struct prescan - arguments of prescan_task()
 * @t: the task
 * @scan: what to look for
 */
struct prescan {
	struct kpatch_task *t;
	const struct kpatch_scan *scan;
};

/* The task can neither get on a CPU nor leave one: its scheduler locks are held. */
static int prescan_task(struct task_struct *task, void *data)
{
	struct prescan *prescan = data;
	struct kpatch_task *t = prescan->t;

	if (!task_curr(task)) {
		scan_known(t, prescan->scan);
		t->clean = t->inside ? KPATCH_NOT_CLEAN : t->switches;
		return 1;
	}
	/* A running task is scanned in the stop. */
	t->clean = KPATCH_NOT_CLEAN;
	t->ran = true;
	t->scanned = true;
	if (has_stayed(t)) {
		kpatch_scan_running(prescan->scan, task, t->addr);
		return 1;
	}
	t->inside = false;
	return 0;
}

/**
 * struct rest - a scan of tasks that are not in the array
 * @tasks: the array
 * @scan: what to look for
 * @cursor: position in the array, for a walk of the task list
 * @end: when to give up, by ktime_get_mono_fast_ns()
 * @nr: number of tasks that were met
 */
struct rest {
	struct kpatch_tasks *tasks;
	const struct kpatch_scan *scan;
	struct cursor cursor;
	u64 end;
	unsigned int nr;
};

/* Scan a task that is not in the array. If it is off its CPU, it stays off. */
static int scan_unknown(struct task_struct *task, void *data)
{
	struct rest *rest = data;
	unsigned long addr;

	if (task_curr(task))
		return 0;
	kpatch_scan_task(rest->scan, task, kpatch_scan_reason(task), &addr);
	atomic_inc(&rest->tasks->scanned);
	return 0;
}

/*
 * Scan tasks that were created after the list was made, and have run. They are
 * scanned again in the stop, but if a blocker is found here, there is no stop in
 * vain.
 */
static void prescan_strangers(struct kpatch_tasks *tasks,
			      const struct kpatch_scan *scan)
{
	struct rest rest = { .tasks = tasks, .scan = scan };
	const struct kpatch_track_slot *slot;
	unsigned int i;

	for (i = 0; i < kpatch_track_nr(tasks->track); i++) {
		slot = kpatch_track_get(tasks->track, i);
		if (slot && !slot->index)
			task_call_func(slot->task, scan_unknown, &rest);
		cond_resched();
	}
}

/**
 * kpatch_tasks_rescan() - scan some tasks that are inside once more
 * @tasks: the tasks
 * @scan: what to look for; takes the report
 * @pick: tells which of them
 *
 * Context: process context, may sleep.
 */
void kpatch_tasks_rescan(struct kpatch_tasks *tasks,
			 const struct kpatch_scan *scan,
			 bool (*pick)(const struct kpatch_task *t))
{
	struct prescan prescan = { .scan = scan };
	struct kpatch_task *t;

	for (t = tasks->t; t < tasks->t + tasks->nr; t++) {
		prescan.t = t;
		if (t->inside && pick(t))
			task_call_func(t->task, prescan_task, &prescan);
		cond_resched();
	}
}

/**
 * kpatch_tasks_prescan() - scan all tasks while the machine runs
 * @tasks: the tasks; clean ones are marked
 * @scan: what to look for; takes the report
 *
 * Finds the tasks that need not be scanned in the stop, and blockers, for which a
 * stop would be in vain. If tasks are tracked, the stop scans only those that are
 * noted here or run later, so there must be no stop unless the prescan was complete.
 * Cancelling the operation ends it early.
 *
 * Context: process context, may sleep.
 */
void kpatch_tasks_prescan(struct kpatch_tasks *tasks,
			  const struct kpatch_scan *scan)
{
	struct prescan prescan = { .scan = scan };
	unsigned int i;

	for (i = 0; i < tasks->nr && !READ_ONCE(*scan->cancel); i++) {
		prescan.t = &tasks->t[i];
		if (!is_settled(prescan.t))
			atomic_add(task_call_func(prescan.t->task, prescan_task,
						  &prescan), &tasks->scanned);
		if (tasks->track && prescan.t->clean == KPATCH_NOT_CLEAN)
			kpatch_track_note(tasks->track, prescan.t->task);
		cond_resched();
	}
	if (tasks->track)
		prescan_strangers(tasks, scan);
}

/**
 * kpatch_tasks_forget() - have the next prescan scan all tasks
 * @tasks: the tasks
 *
 * To be called when the text that the scan looks for may change.
 */
void kpatch_tasks_forget(struct kpatch_tasks *tasks)
{
	struct kpatch_task *t;

	for (t = tasks->t; t < tasks->t + tasks->nr; t++)
		t->clean = KPATCH_NOT_CLEAN;
}

static struct kpatch_track *start_track(const struct kpatch_tasks *tasks)
{
	struct kpatch_track *w = kpatch_track_alloc(tasks->nr);
	unsigned int i;

	if (!w)
		return NULL;
	for (i = 0; i < tasks->nr; i++) {
		kpatch_track_add(w, tasks->t[i].task, i);
		if (!(i % CHUNK))
			cond_resched();
	}
	if (kpatch_track_start(w)) {
		kpatch_track_free(w);
		return NULL;
	}
	return w;
}

/* Note a task whether it has run or not: it may have, before the tracking began. */
static int note_stranger(struct task_struct *task, void *data)
{
	struct kpatch_track *w = data;

	if (!kpatch_track_knows(w, task))
		kpatch_track_note(w, task);
	return 0;
}

/*
 * Note the tasks that were created after the list was made and before the tracking
 * began. Tasks that are created later are noted once they have run.
 */
static void note_strangers(struct kpatch_tasks *tasks)
{
	unsigned int tries = 0;
	int ret;

	if (READ_ONCE(total_forks) == tasks->forks)
		return;
	guard(rcu)();
	do {
		ret = walk(note_stranger, tasks->track, batch_size(tries++));
	} while (ret);
	kpatch_exiting_visit(note_stranger, tasks->track);
}

/**
 * kpatch_tasks_track() - track the tasks that run from here on
 * @tasks: all tasks; the caller prescans them next, with CPU hotplug held off from
 *	then on
 * @scan: takes the report
 *
 * Then only these tasks need to be scanned in the stop. If there is no memory for the
 * tracking, the stop compares the context switches of all tasks, which takes longer.
 *
 * Waits until each CPU has run its stopper. Tracking requires that, and a CPU that
 * does not run its stopper soon would keep all others waiting in the stop.
 *
 * Must be followed by kpatch_tasks_untrack() in any case.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: %KPATCH_CAUSE_NONE; %KPATCH_CAUSE_BLOCKED with a CPU in the report that
 * does not run its stopper; %KPATCH_CAUSE_KILLED.
 */
enum kpatch_cause kpatch_tasks_track(struct kpatch_tasks *tasks,
				     const struct kpatch_scan *scan)
{
	int cpu;

	tasks->track = start_track(tasks);
	cpu = kpatch_cpus_visit(msecs_to_jiffies(VISIT_MS));
	if (READ_ONCE(*scan->cancel))
		return KPATCH_CAUSE_KILLED;
	if (cpu >= 0) {
		kpatch_scan_cpu(scan, cpu);
		return KPATCH_CAUSE_BLOCKED;
	}
	if (tasks->track)
		note_strangers(tasks);
	return KPATCH_CAUSE_NONE;
}

/**
 * kpatch_tasks_untrack() - stop tracking
 * @tasks: the tasks, tracked or not
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_tasks_untrack(struct kpatch_tasks *tasks)
{
	if (tasks->track)
		kpatch_track_stop(tasks->track);
	tasks->track = NULL;
}

/**
 * kpatch_tasks_rewind() - reset the position and the count of the scan
 * @tasks: the tasks
 */
void kpatch_tasks_rewind(struct kpatch_tasks *tasks)
{
	atomic_set(&tasks->next, 0);
	atomic_set(&tasks->scanned, 0);
}

/* Only stoppers are on a CPU now. Each one scans itself. */
static void scan_stopped(struct kpatch_tasks *tasks, struct kpatch_task *t,
			 const struct kpatch_scan *scan)
{
	if (is_settled(t) || task_curr(t->task))
		return;
	scan_known(t, scan);
	/* Only a prescan makes a task clean, and so saves work in a later stop. */
	t->clean = KPATCH_NOT_CLEAN;
	atomic_inc(&tasks->scanned);
}

/*
 * The number of tasks to scan. If tasks are tracked, these are the tasks that were
 * noted: those that have run since they were found clean, and those that were not
 * clean.
 */
static unsigned int nr_left(const struct kpatch_tasks *tasks)
{
	return tasks->track ? kpatch_track_nr(tasks->track) : tasks->nr;
}

static void scan_left(struct kpatch_tasks *tasks, unsigned int i,
		      const struct kpatch_scan *scan)
{
	struct rest rest = { .tasks = tasks, .scan = scan };
	const struct kpatch_track_slot *slot;

	if (!tasks->track) {
		scan_stopped(tasks, &tasks->t[i], scan);
		return;
	}
	slot = kpatch_track_get(tasks->track, i);
	if (slot->index)
		scan_stopped(tasks, &tasks->t[slot->index - 1], scan);
	else
		scan_unknown(slot->task, &rest);
}

/**
 * kpatch_tasks_scan_some() - take some tasks and scan them
 * @tasks: the tasks; @tasks->next is the position
 * @scan: what to look for; takes the report
 *
 * Context: machine stopped, any number of CPUs at once.
 *
 * Return: true if there may be more.
 */
bool kpatch_tasks_scan_some(struct kpatch_tasks *tasks,
			    const struct kpatch_scan *scan)
{
	unsigned int i = atomic_fetch_add(CHUNK, &tasks->next);
	unsigned int nr = nr_left(tasks), end = min(i + CHUNK, nr);

	if (i >= nr)
		return false;
	touch_nmi_watchdog();
	for (; i < end; i++)
		scan_left(tasks, i, scan);
	return true;
}

/* Scan @task if it is not known. Return -ETIME if there is no time left. */
static int scan_rest(struct rest *rest, struct task_struct *task, bool known)
{
	struct kpatch_track *w = rest->tasks->track;

	if (!(++rest->nr % CHUNK)) {
		touch_nmi_watchdog();
		if (ktime_get_mono_fast_ns() > rest->end)
			return -ETIME;
	}
	if (known || (w && kpatch_track_knows(w, task)))
		return 0;
	return scan_unknown(task, rest);
}

static int scan_listed(struct task_struct *task, void *data)
{
	struct rest *rest = data;

	return scan_rest(rest, task, find_known(&rest->cursor, task));
}

/* The walk has met the tasks in the list. */
static int scan_exiting(struct task_struct *task, void *data)
{
	return scan_rest(data, task, pid_alive(task));
}

/**
 * kpatch_tasks_scan_rest() - scan tasks that are neither listed nor tracked
 * @tasks: the listed tasks
 * @scan: what to look for; takes the report
 * @end: when to give up, by ktime_get_mono_fast_ns()
 *
 * If tasks are tracked there are none, unless more tasks were created than the
 * tracking has room for. Otherwise the whole task list is walked. That needs no lock,
 * since no CPU runs code that changes it.
 *
 * Context: machine stopped, one CPU.
 *
 * Return: false if time ran out before all tasks were scanned.
 */
bool kpatch_tasks_scan_rest(struct kpatch_tasks *tasks,
			    const struct kpatch_scan *scan, u64 end)
{
	struct rest rest = {
		.tasks = tasks,
		.scan = scan,
		.cursor.tasks = tasks,
		.end = end,
	};

	if (tasks->track && !tasks->track->full)
		return true;
	/* No task was created since they were listed. */
	if (total_forks == tasks->forks)
		return true;
	return !walk(scan_listed, &rest, 0) &&
	       !kpatch_exiting_visit(scan_exiting, &rest);
}

static bool missed_known(const struct kpatch_tasks *tasks)
{
	const struct kpatch_task *t = tasks->t, *end = t + tasks->nr;

	for (; t < end; t++) {
		if (!is_settled(t) && !task_curr(t->task) &&
		    !kpatch_track_has_noted(tasks->track, t->task))
			return true;
	}
	return false;
}

static bool missed_unknown(const struct kpatch_tasks *tasks)
{
	struct task_struct *group, *task;

	for_each_process_thread(group, task) {
		if (count_switches(task) && !task_curr(task) &&
		    !(READ_ONCE(task->__state) & TASK_DEAD) &&
		    !kpatch_track_knows(tasks->track, task))
			return true;
	}
	return false;
}

/**
 * kpatch_tasks_missed() - test whether a task has run without being noted
 * @tasks: the tasks
 *
 * That would be a bug, here or in the scheduler. Only kernels with
 * CONFIG_KPATCH_DEBUG spend the time to check for it.
 *
 * Context: machine stopped, one CPU.
 *
 * Return: true if there is such a task.
 */
bool kpatch_tasks_missed(const struct kpatch_tasks *tasks)
{
	if (!IS_ENABLED(CONFIG_KPATCH_DEBUG) || !tasks->track)
		return false;
	return missed_known(tasks) ||
	       (!tasks->track->full && missed_unknown(tasks));
}

/**
 * kpatch_tasks_all_scanned() - test whether each task was taken by some CPU
 * @tasks: the tasks
 *
 * Context: machine stopped, after all CPUs have returned from their scans.
 *
 * Return: false if all CPUs ran out of time before they had taken all tasks.
 */
bool kpatch_tasks_all_scanned(const struct kpatch_tasks *tasks)
{
	return atomic_read(&tasks->next) >= nr_left(tasks);
}
