// SPDX-License-Identifier: GPL-2.0-only
/*
 * All tasks there are, and which of them were seen not to be inside.
 *
 * What has been found out about a task before the machine is stopped need not be
 * found out again while it is, if the task has not run since. That is so if
 *
 *  - it is the same task: we hold a reference, so its memory is not reused;
 *  - it was off its CPU when it was scanned: its scheduler locks were held;
 *  - it is off its CPU now, and has not left it since: the kernel counts that in
 *    nvcsw and nivcsw, each time, and never resets them while a task lives.
 *    To run, a task gets on a CPU, and to be off it again it has to leave.
 *
 * Then all that a scan looks at is as it was: nobody but the task itself puts a
 * return address there. What is looked for does not change either, while
 * kpatch_mutex is held.
 *
 * Who has left a CPU is written down where it does, see track.c, from right before
 * the last look. So the stop need not even ask those that have not. A task that has
 * come since is written down there, too, if it has run: until then it has only the
 * frame that it was created with, which leads to no function but through its entry.
 * Nobody but the core of the kernel creates a task that begins anywhere else than in
 * kthread(), and that one tells what it is going to call, see scan.c.
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
#include "park.h"
#include "scan.h"
#include "tasks.h"
#include "track.h"

/* More tasks than there are now, for those that come while we make room. */
#define SPARE_TASKS	64

/*
 * How many tasks a CPU takes at a time: few enough to share the work evenly, and
 * to look at the clock not too seldom in between.
 */
#define CHUNK		16U

/* How long a CPU may take to run its stopper before that counts as a blocker. */
#define VISIT_MS	100U

/* How many tasks to list before others may have the CPU. */
#define BATCH		1024U

static unsigned long count_switches(const struct task_struct *task)
{
	return READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw);
}

/* Not run since it was found clean, unless it is on a CPU now. */
static bool is_settled(const struct kpatch_task *t)
{
	return count_switches(t->task) == t->clean;
}

/**
 * struct cursor - a place in an array of tasks, to be followed by a walk
 * @tasks: the array
 * @i: the next task in it that the walk has not met
 */
struct cursor {
	struct kpatch_tasks *tasks;
	unsigned int i;
};

/*
 * What is known of @task, the next one in a walk of the task list? The array has
 * the order of the list, where threads and processes are only ever added behind
 * those that are there. So if a task of the array is not met, either it has gone,
 * or @task is new and was added before it. A task that is missed for a known one
 * is scanned once more, and maybe led out twice; none is ever taken for another.
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
 * Let others run. If both are in the list after that, and @group is what the walk
 * took it for, their links are as good as if this RCU section had met them; the
 * former leader of a process that has called exec has links that nobody updates.
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
 * Call @fn for each task in the list until it does not return 0. Let others run after
 * @batch of them, if that is not 0; -EAGAIN if the walk has lost its way then.
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
 * struct listing - a new array of tasks, being filled
 * @new: the array
 * @cursor: what is known so far
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
 * A task that is in the list still was in it all through the walk. One that came
 * off it during the walk may be listed twice: then it is looked at twice.
 */
static int list_exiting(struct task_struct *task, void *data)
{
	struct listing *listing = data;

	return pid_alive(task) ? 0 : list_one(listing->new, task, NULL);
}

/* Fill @new; -EAGAIN if it has too little room, or if the walk has lost its way. */
static int list_tasks(struct kpatch_tasks *new, struct kpatch_tasks *old,
		      unsigned int batch)
{
	struct listing listing = { .new = new, .cursor.tasks = old };
	int ret;

	/*
	 * A task is added to the list and counted in one section of this lock.
	 * So whoever is not counted here yet changes the count later, and whoever
	 * is counted is met by the walk, or has exited.
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
 * kpatch_tasks_put() - forget all tasks
 * @tasks: the tasks
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

/* A walk that has lost its way twice does not let others run. */
static unsigned int batch_size(unsigned int tries)
{
	return tries < 2 ? BATCH : 0;
}

/**
 * kpatch_tasks_update() - take down who is there
 * @tasks: empty, or filled before; what is known of a task is kept
 *
 * Context: process context, may sleep.
 *
 * Return: 0, or -ENOMEM with @tasks as it was.
 */
int kpatch_tasks_update(struct kpatch_tasks *tasks)
{
	unsigned int room = READ_ONCE(nr_threads) + SPARE_TASKS, tries = 0;
	struct kpatch_tasks new;
	int ret;

	/* Nobody has come since. Who has gone does no harm. */
	if (tasks->t && READ_ONCE(total_forks) == tasks->forks)
		return 0;
	do {
		memset(&new, 0, sizeof(new));
		/* So that it ends even if they come faster than we make room. */
		room += room / 4;
		new.t = kvmalloc_array(room, sizeof(*new.t), GFP_KERNEL);
		if (!new.t)
			return -ENOMEM;
		new.room = room;
		ret = list_tasks(&new, tasks, batch_size(tries++));
		if (ret)
			kpatch_tasks_put(&new);
	} while (ret);
	atomic_set(&new.scanned, atomic_read(&tasks->scanned));
	kpatch_tasks_put(tasks);
	*tasks = new;
	return 0;
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

static enum kpatch_reason reason_for(const struct kpatch_task *t)
{
	if (t->parks_inside || (t->parked && kpatch_park_holds(t->parked)))
		return KPATCH_PARKED_INSIDE;
	return kpatch_scan_reason(t->task);
}

/* Look at a task that is off its CPU and stays off meanwhile. */
static void scan_known(struct kpatch_task *t, const struct kpatch_scan *scan)
{
	unsigned long switches = count_switches(t->task);
	enum kpatch_reason reason = reason_for(t);

	t->inside = kpatch_scan_task(scan, t->task, reason, &t->addr);
	t->parks_inside |= t->inside && reason == KPATCH_PARKED_INSIDE;
	t->slow = t->inside && t->slow && switches == t->switches;
	t->switches = switches;
}

/*
 * It was inside, was sent to the park and has not come: so it has not been in user
 * space since, and is probably still inside. A task in a fault that user space has to
 * resolve runs in there for as long as a signal is pending. To stop the machine for it
 * would be in vain. It is off its CPU again when it has come.
 */
static bool has_stayed(const struct kpatch_task *t)
{
	return t->inside && t->parked && !kpatch_park_has_come(t->parked);
}

/* The task can neither get on a CPU nor leave one: its locks are held. */
static int prescan_task(struct task_struct *task, void *data)
{
	struct prescan *prescan = data;
	struct kpatch_task *t = prescan->t;

	if (!task_curr(task)) {
		scan_known(t, prescan->scan);
		t->clean = t->inside ? KPATCH_NOT_CLEAN : t->switches;
		return 1;
	}
	/* One that runs is looked at once the machine is stopped. */
	t->clean = KPATCH_NOT_CLEAN;
	if (has_stayed(t)) {
		kpatch_report_running(prescan->scan, task, t->addr);
		return 1;
	}
	t->inside = false;
	t->slow = false;
	return 0;
}

/**
 * struct rest - a scan of tasks that are not in the array
 * @tasks: the array
 * @scan: what to look for
 * @cursor: a place in the array, for a walk of the task list
 * @end: when to give up, by ktime_get_mono_fast_ns()
 * @nr: how many were met
 */
struct rest {
	struct kpatch_tasks *tasks;
	const struct kpatch_scan *scan;
	struct cursor cursor;
	u64 end;
	unsigned int nr;
};

/* Nothing is known of this one. It stays off its CPU, if it is. */
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
 * Tasks that have come since the list was made, and have run. What is found out now
 * does not spare them the stop, but it may spare the machine one that is in vain.
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
 * kpatch_tasks_prescan() - look at all tasks while the machine runs
 * @tasks: the tasks; what is found out about each is noted
 * @scan: what to look for, and takes the report
 *
 * Finds out who need not be looked at again, and that to stop the machine would be
 * in vain. If the tasks are watched the stop looks at nobody but who is noted
 * here, or runs later: then this has to come to its end before. A fatal signal
 * ends it early.
 *
 * Context: process context, may sleep.
 */
void kpatch_tasks_prescan(struct kpatch_tasks *tasks,
			  const struct kpatch_scan *scan)
{
	struct prescan prescan = { .scan = scan };
	unsigned int i;

	for (i = 0; i < tasks->nr && !fatal_signal_pending(current); i++) {
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

/* Whether it has run or not: it may have before the watch was started. */
static int note_stranger(struct task_struct *task, void *data)
{
	struct kpatch_track *w = data;

	if (!kpatch_track_knows(w, task))
		kpatch_track_note(w, task);
	return 0;
}

/*
 * Note the tasks that came between the list of all and the watch. Whoever comes
 * later is noted once it has run.
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
 * kpatch_tasks_track() - take down who runs from here on
 * @tasks: the tasks, all there are; to be looked at by kpatch_tasks_prescan()
 *	next, with CPUs neither coming nor going from then on
 * @scan: takes the report
 *
 * Then only those need to be looked at once the machine is stopped. Without
 * memory for that all tasks are asked whether they have run, which takes longer.
 *
 * Waits until each CPU has run its stopper: the watch needs that, and a CPU that
 * does not run it soon would have all others wait for it, standing still.
 *
 * To be followed by kpatch_tasks_untrack() in any case.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: 0; -EBUSY with a CPU in the report that does not run its stopper; -EINTR
 * for a fatal signal.
 */
int kpatch_tasks_track(struct kpatch_tasks *tasks,
		       const struct kpatch_scan *scan)
{
	int cpu;

	tasks->track = start_track(tasks);
	cpu = kpatch_cpus_visit(msecs_to_jiffies(VISIT_MS));
	if (fatal_signal_pending(current))
		return -EINTR;
	if (cpu >= 0) {
		kpatch_report_cpu(scan, cpu);
		return -EBUSY;
	}
	if (tasks->track)
		note_strangers(tasks);
	return 0;
}

/**
 * kpatch_tasks_untrack() - forget who ran
 * @tasks: the tasks, watched or not
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
 * kpatch_tasks_rewind() - begin a new scan
 * @tasks: the tasks
 */
void kpatch_tasks_rewind(struct kpatch_tasks *tasks)
{
	atomic_set(&tasks->next, 0);
	atomic_set(&tasks->scanned, 0);
}

/* On a CPU now is only who stops it, and looks at itself. */
static void scan_stopped(struct kpatch_tasks *tasks, struct kpatch_task *t,
			 const struct kpatch_scan *scan)
{
	if (is_settled(t) || task_curr(t->task))
		return;
	scan_known(t, scan);
	/* What is found out in a stop spares no other stop, only prescans do. */
	t->clean = KPATCH_NOT_CLEAN;
	atomic_inc(&tasks->scanned);
}

/*
 * Of tasks that are watched, only those that were noted are left: who has run
 * since it was found clean is one of them, and so is who never was.
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
 * kpatch_tasks_scan_some() - look at the next few tasks, machine stopped
 * @tasks: the tasks; @tasks->next says where to go on
 * @scan: what to look for, and takes the report
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

/* -ETIME if there is no time for another one. */
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

/* The walk has met those that are in the list. */
static int scan_exiting(struct task_struct *task, void *data)
{
	return scan_rest(data, task, pid_alive(task));
}

/**
 * kpatch_tasks_scan_rest() - look at tasks that nobody knows
 * @tasks: the tasks that are known
 * @scan: what to look for, and takes the report
 * @end: when to give up, as ktime_get_mono_fast_ns() tells the time
 *
 * There are none if tasks are watched, unless more have come than the watch has
 * room for. Else all that there are have to be gone through. No lock is needed to
 * walk the task list: nobody is there to change it.
 *
 * Context: machine stopped, one CPU.
 *
 * Return: false if it took too long, and some were not looked at.
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
	/* Nobody has come since they were listed. */
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
 * kpatch_tasks_missed() - has somebody run and was not noted?
 * @tasks: the tasks
 *
 * That would be a bug, in here or in the scheduler. It takes time to find out, so
 * only kernels that are made for tests do.
 *
 * Context: machine stopped, one CPU.
 *
 * Return: true if so.
 */
bool kpatch_tasks_missed(const struct kpatch_tasks *tasks)
{
	if (!IS_ENABLED(CONFIG_KPATCH_DEBUG) || !tasks->track)
		return false;
	return missed_known(tasks) ||
	       (!tasks->track->full && missed_unknown(tasks));
}

/**
 * kpatch_tasks_all_scanned() - has every task been taken by some CPU?
 * @tasks: the tasks
 *
 * Context: machine stopped, all CPUs have returned from their scans.
 *
 * Return: false if a CPU has stopped taking tasks before there were none left.
 */
bool kpatch_tasks_all_scanned(const struct kpatch_tasks *tasks)
{
	return atomic_read(&tasks->next) >= nr_left(tasks);
}
