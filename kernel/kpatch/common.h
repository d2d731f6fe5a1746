/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structures that several files share. Included first, for pr_fmt().
 */
#ifndef _KPATCH_COMMON_H
#define _KPATCH_COMMON_H

#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kpatch.h>
#include <linux/kpatch_state.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "ranges.h"
#include "report.h"

/* Linux 6.12 does not have it. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)
#endif

/**
 * DOC: Locking
 *
 * One kernel thread carries out one operation at a time (request.c), and holds
 * kpatch_mutex meanwhile, except while it waits: between two attempts, for modules that
 * it gives way to, and for tasks that leave trampolines. The patches of the operation
 * stay registered, as they are marked as @switching. Modules that patches name are bound
 * under the mutex, too, in the task that loads or removes them.
 *
 * The mutex protects the lists of patches, all that the core owns in them, the ftrace
 * hooks, the writers of the handler's table and the transaction. Readers without it are
 * the ftrace handler, which reads the table, the status of a patch and the transaction
 * word (see handler.c); the stopped CPUs, which work on behalf of the thread that holds
 * the mutex; and sysfs files that show a state or a number. Requesters wait for their
 * operation without the mutex.
 *
 * Lock order::
 *
 *   requester: of->mutex -> kernfs active reference -> operations_lock -> wait queue
 *                                                   -> operations_lock -> patches_lock
 *   reader and writer of confirm: of->mutex -> kernfs active reference -> trial_lock
 *   reader of blockers: of->mutex -> kernfs active reference -> kpatch_mutex
 *   removal of a module: module_mutex -> patches_lock
 *   loading and removal of a module: any lock held across request_module()
 *                -> objects_lock            (spinlock, leaf, released)
 *                -> kpatch_mutex            (modules that a patch names)
 *                -> release_mutex -> kpatch_mutex   (hooks of a module that goes)
 *
 *   kernel thread: release_mutex -> kpatch_mutex    (hooks that are not used any more)
 *
 *   kpatch_mutex -> module_mutex            (kallsyms walks)
 *                -> patches_lock            (spinlock, leaf)
 *                -> objects_lock            (spinlock, leaf)
 *                -> operations_lock         (spinlock)
 *                -> trial_lock              (spinlock, leaf)
 *                -> kernfs                  (creating files, notifying poll())
 *                -> dirs_lock -> kernfs     (notifying poll())
 *                -> tracepoints_mutex -> cpu_hotplug_lock -> jump_label_mutex
 *                   -> text_mutex           (tracking)
 *                -> text_mutex              (stubs of originals)
 *                -> klp_mutex               (tried only: the owner of a function)
 *                -> direct_mutex -> ftrace_lock -> text_mutex
 *                -> cpu_hotplug_lock -> pi_lock, rq lock   (second prescan)
 *                -> cpu_hotplug_lock -> stop_cpus_mutex -> stopped, no lock
 *
 * Sysfs files are removed without the mutex and not in an operation: the removal waits
 * for readers and writers, and these may be waiting for the mutex or an operation.
 */
extern struct mutex kpatch_mutex;

/**
 * struct kpatch_stats - how operations on a patch went
 * @since_ns: when it became what it is, enabled or disabled, by ktime_get_boottime_ns();
 *	when it was registered, if it has not been switched yet
 * @refused: errno of the last operation that was to switch it and failed, positive; 0 if
 *	none has failed
 * @refused_ns: when that was, by ktime_get_boottime_ns()
 * @attempts: number of attempts to switch it since it was registered
 * @stops: how often the machine was stopped for that
 * @stop_ns: length of the last stop in nanoseconds, from the first CPU that stood
 *	still to the last one that went on
 * @max_stop_ns: the same for the longest stop
 * @work_ns: time in the last stop after all CPUs had arrived, in nanoseconds; this
 *	is what kpatch.stop_budget_us bounds
 * @max_work_ns: the longest such time
 * @scanned: tasks scanned in the last attempt while the machine ran
 * @scanned_stopped: tasks scanned in the last stop
 * @parked: tasks that the last operation has parked
 * @hold_ns: how long it has held one of them at most, all holds of that task
 *	together, in nanoseconds
 * @max_hold_ns: the longest such time
 * @unhook_ns: how long the last removal of hooks took after a patch was disabled, in
 *	nanoseconds
 */
struct kpatch_stats {
	u64 since_ns;
	unsigned int refused;
	u64 refused_ns;
	unsigned long attempts;
	unsigned long stops;
	u64 stop_ns;
	u64 max_stop_ns;
	u64 work_ns;
	u64 max_work_ns;
	unsigned int scanned;
	unsigned int scanned_stopped;
	unsigned int parked;
	u64 hold_ns;
	u64 max_hold_ns;
	u64 unhook_ns;
};

/**
 * struct kpatch_requester - the requester of an operation
 * @task: the task, with a reference; %NULL if the operation is for no task
 * @restarts: the task can leave the kernel and restart its system call, so it can be
 *	parked like others
 * @number: number of the operation
 * @deadline: when to give up, in jiffies
 * @forced: it must not be refused: the module of the patch goes in any case
 * @quiet: do not log why it fails
 * @cancel: make no further attempt
 * @leave: set by switch.c: the task has been given park work and must leave; cleared by
 *	request.c when it does
 * @decided: set by switch.c: there will be no further attempt
 * @queued: tests whether a task has requested another operation, and waits for its
 *	turn; takes a spinlock
 * @wait: the task waits here for the verdict, and for @leave and @decided
 *
 * Owned by request.c, and valid as long as the operation runs.
 */
struct kpatch_requester {
	struct task_struct *task;
	bool restarts;
	unsigned long number;
	unsigned long deadline;
	bool forced;
	bool quiet;
	bool cancel;
	bool leave;
	bool decided;
	bool (*queued)(const struct task_struct *task);
	wait_queue_head_t wait;
};

/**
 * struct kpatch_object - what a patch has to do with vmlinux or with one module
 * @patch: the patch
 * @name: "vmlinux", or the name of the module
 * @funcs: its functions
 * @replaced: those that are not kept clones
 * @list: link in the list of objects of the patch
 * @named: link in the list of modules that registered patches name, see target.c
 * @next: link in the list of objects that are hooked together; only then
 * @mod: the module while it is bound, %NULL for vmlinux
 * @bound: the module is loaded, and the members below, the addresses in the functions
 *	of the object and the pointers to its symbols are valid
 * @hooked: its functions are hooked
 * @pinned: @mod is pinned
 * @has_aliases: some function has several names
 * @told: the log has these names
 * @relocated: relocations of the patch module against its symbols have been applied
 * @old_text: text of the functions as the kernel was built: each from behind its
 *	hook, the parts that the compiler split off, and the clones. Each range
 *	names its function.
 * @new_text: text of the replacements, and the stubs through which they call the
 *	originals. A range without a function may belong to any replacement of the patch.
 */
struct kpatch_object {
	struct kpatch_patch *patch;
	char name[MODULE_NAME_LEN];
	struct list_head funcs;
	struct list_head replaced;
	struct list_head list;
	struct list_head named;
	struct list_head next;
	struct module *mod;
	bool bound;
	bool hooked;
	bool pinned;
	bool has_aliases;
	bool told;
	bool relocated;
	struct kpatch_ranges old_text;
	struct kpatch_ranges new_text;
};

/**
 * struct kpatch_replaced - patches that another one has replaced
 * @nr: their number
 * @patch: each one
 * @patch.name: name of its module
 * @patch.serial: the number of its registration
 *
 * Not pointers: they may be unregistered meanwhile.
 */
struct kpatch_replaced {
	unsigned int nr;
	struct {
		char name[MODULE_NAME_LEN];
		unsigned long serial;
	} patch[] __counted_by(nr);
};

/**
 * struct kpatch_patch - what the core keeps for a registered patch
 * @kpmod: the patch as its module defined it; holds the status
 * @objects: vmlinux and the modules that it changes or uses
 * @states: what it changes besides functions
 * @list: link in the list of registered patches
 * @enabled: link in the list of enabled patches, in the order of enabling; empty
 *	while the patch is disabled
 * @serial: tells its registration from all others
 * @replaced: the patches that it has replaced when it was enabled last, in the order in
 *	which they had been enabled; %NULL if it has replaced none
 * @operation: number of the last operation that has registered or switched it
 * @silent: it is being registered, or its module goes, and that is logged instead
 * @switching: an operation switches it, so it must stay registered
 * @calling: its callback started or stopping is being called, without kpatch_mutex
 * @gone: it was unregistered; for request.c
 * @report: blockers of the last attempt, empty if the last operation made none
 * @stats: how operations on this patch went
 * @dir: its directory in sysfs
 */
struct kpatch_patch {
	struct kpatch_module *kpmod;
	struct list_head objects;
	struct list_head states;
	struct list_head list;
	struct list_head enabled;
	unsigned long serial;
	struct kpatch_replaced *replaced;
	unsigned long operation;
	bool silent;
	bool switching;
	bool calling;
	bool gone;
	struct kpatch_report report;
	struct kpatch_stats stats;
	struct kpatch_dir *dir;
};

/**
 * struct kpatch_change - one patch in a transaction
 * @patch: the patch
 * @from: its status before, %KPATCH_OFF or %KPATCH_ON
 * @to: its status after the commit, the other one of the two
 * @restored: it is enabled by a rollback, and so must not cover a patch that stays
 * @replaced: the patches that it replaces, for its record; %NULL if it replaces none
 */
struct kpatch_change {
	struct kpatch_patch *patch;
	enum kpatch_status from;
	enum kpatch_status to;
	bool restored;
	struct kpatch_replaced *replaced;
};

/**
 * struct kpatch_transition - a state that is entered or left by a transaction
 * @state: the state; its callbacks are called
 * @enter: it is entered
 */
struct kpatch_transition {
	struct kpatch_state *state;
	bool enter;
};

/**
 * struct kpatch_transitions - all states that are entered or left by a transaction
 * @t: an array in the order of their callbacks
 * @nr: number of elements in @t
 */
struct kpatch_transitions {
	struct kpatch_transition *t;
	unsigned int nr;
};

/* The name of the object that is not a module. */
#define KPATCH_VMLINUX	"vmlinux"

/* The set of patches that name none. */
#define KPATCH_DEFAULT_SET	"default"

static inline const char *kpatch_set_of(const struct kpatch_patch *patch)
{
	return patch->kpmod->set ?: KPATCH_DEFAULT_SET;
}

static inline bool kpatch_is_vmlinux(const struct kpatch_object *object)
{
	return !strcmp(object->name, KPATCH_VMLINUX);
}

/* A listed clone that is not replaced has neither a replacement nor a hook. */
static inline bool kpatch_is_kept(const struct kpatch_func *func)
{
	return func->flags & KPATCH_CLONE_KEEP;
}

/* Tasks may be inside it when it is switched. */
static inline bool kpatch_is_unchecked(const struct kpatch_func *func)
{
	return func->flags & KPATCH_UNCHECKED;
}

#define kpatch_for_each_state(_state, _patch)				\
	list_for_each_entry(_state, &(_patch)->states, list)

#define kpatch_for_each_state_reverse(_state, _patch)			\
	list_for_each_entry_reverse(_state, &(_patch)->states, list)

#define kpatch_for_each_object(_object, _patch)				\
	list_for_each_entry(_object, &(_patch)->objects, list)

#define kpatch_for_each_func(_func, _object)				\
	list_for_each_entry(_func, &(_object)->funcs, in_object)

/* All but kept clones: the functions that are hooked and redirected. */
#define kpatch_for_each_replaced(_func, _object)			\
	list_for_each_entry(_func, &(_object)->replaced, in_replaced)

#endif /* _KPATCH_COMMON_H */
