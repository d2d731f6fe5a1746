/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blockers, causes of failure, and all messages that kpatch writes to the log.
 */
#ifndef _KPATCH_REPORT_H
#define _KPATCH_REPORT_H

#include <linux/atomic.h>
#include <linux/kallsyms.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/types.h>

struct cpumask;
struct kpatch_func;
struct kpatch_module;
struct module;
struct pid_namespace;

#define KPATCH_MAX_BLOCKERS	32

/* The longest time that a request may be given, in milliseconds. */
#define KPATCH_MAX_TIMEOUT_MS	3600000U

/* The longest trial, in seconds. */
#define KPATCH_MAX_TRIAL_S	604800U

/* Room for a line about a blocker: names of a function and a task, and some words. */
#define KPATCH_BLOCKER_LEN	(KSYM_NAME_LEN + 128)

/**
 * enum kpatch_reason - why a task is a blocker
 * @KPATCH_ASLEEP: it sleeps in the function, or in something called from there
 * @KPATCH_PREEMPTED: it was preempted there
 * @KPATCH_TRAMPOLINE: it is on its way into the function
 * @KPATCH_GRAPH: the function graph tracer holds a return address into the function
 *	for it
 * @KPATCH_KRETPROBE: a kretprobe or another user of rethook holds one
 * @KPATCH_RESTART: it may enter the function to restart a system call
 * @KPATCH_IDLE: it is the idle task of a CPU
 * @KPATCH_OFFLINE: it is the idle task of an offline CPU
 * @KPATCH_STOPPER: it is the stopper task of a CPU
 * @KPATCH_REQUESTER: it is the task that requested the operation, and cannot be parked
 * @KPATCH_SWITCHER: it is the task that carries out the operation
 * @KPATCH_EXITING: it is past exit_notify() and cannot be scanned
 * @KPATCH_UNKNOWN: the bounds of its stack are not plausible
 * @KPATCH_PARKED_INSIDE: it was still inside the function while it was parked
 * @KPATCH_THREAD: it is a kernel thread that was created to run the function
 * @KPATCH_RUNNING: it was inside when it last was off its CPU, and has not returned
 *	to user space since
 * @KPATCH_CPU: it runs on a CPU that does not run its stopper
 * @KPATCH_NR_REASONS: number of reasons
 */
enum kpatch_reason {
	KPATCH_ASLEEP,
	KPATCH_PREEMPTED,
	KPATCH_TRAMPOLINE,
	KPATCH_GRAPH,
	KPATCH_KRETPROBE,
	KPATCH_RESTART,
	KPATCH_IDLE,
	KPATCH_OFFLINE,
	KPATCH_STOPPER,
	KPATCH_REQUESTER,
	KPATCH_SWITCHER,
	KPATCH_EXITING,
	KPATCH_UNKNOWN,
	KPATCH_PARKED_INSIDE,
	KPATCH_THREAD,
	KPATCH_RUNNING,
	KPATCH_CPU,
	KPATCH_NR_REASONS,
};

/**
 * struct kpatch_blocker - a task that prevented a switch
 * @pid: its thread id in the initial PID namespace
 * @started: its start time, which tells it from a later task with that id
 * @comm: its name
 * @addr: the address that the scan found, 0 if there is none
 * @reason: why it is a blocker
 * @cpu: the CPU that it ran on last
 * @kthread: it is a kernel thread or a user worker of io_uring or vhost, and cannot
 *	be parked
 */
struct kpatch_blocker {
	pid_t pid;
	u64 started;
	char comm[TASK_COMM_LEN];
	unsigned long addr;
	enum kpatch_reason reason;
	unsigned int cpu;
	bool kthread;
};

/**
 * struct kpatch_report - what prevented one attempt
 * @total: their number; may exceed the size of @blocker
 * @hopeless: one of them takes part in every switch, so no attempt can succeed
 * @veto: the errno with which a check of a state has refused, 0 if none has
 * @vetoed: id of that state
 * @vetoed_by: the patch that has it, valid until the operation is over
 * @blocker: the first ones
 */
struct kpatch_report {
	atomic_t total;
	bool hopeless;
	int veto;
	unsigned long vetoed;
	const struct kpatch_module *vetoed_by;
	struct kpatch_blocker blocker[KPATCH_MAX_BLOCKERS];
};

/*
 * Why a request is refused, or an operation fails. Each cause has one errno and one
 * line in the log, see kpatch_log_cause().
 */
enum kpatch_cause {
	KPATCH_CAUSE_NONE,

	/* of a request */
	KPATCH_CAUSE_NO_PATCH,
	KPATCH_CAUSE_NOT_STARTED,
	KPATCH_CAUSE_NO_MODULE,
	KPATCH_CAUSE_NO_FUNCS,
	KPATCH_CAUSE_MODULE_FLAGS,
	KPATCH_CAUSE_REGISTERED,
	KPATCH_CAUSE_NOT_REGISTERED,
	KPATCH_CAUSE_ENABLED,
	KPATCH_CAUSE_UNLOADING,
	KPATCH_CAUSE_NO_ARRAY,
	KPATCH_CAUSE_COVERED,
	KPATCH_CAUSE_SET_NAME,
	KPATCH_CAUSE_OTHER_SET,
	KPATCH_CAUSE_ON_TRIAL,
	KPATCH_CAUSE_HELD_BY_TRIAL,
	KPATCH_CAUSE_TRIAL_OF_GONE,
	KPATCH_CAUSE_TRIAL_PERMANENT,
	KPATCH_CAUSE_TRIAL_COVERED,
	KPATCH_CAUSE_SECOND_TRIAL,
	KPATCH_CAUSE_NO_TRIAL,
	KPATCH_CAUSE_NOTHING_REPLACED,
	KPATCH_CAUSE_NOT_ENABLED,
	KPATCH_CAUSE_REPLACED_GONE,
	KPATCH_CAUSE_NEWER_STAYS,
	KPATCH_CAUSE_ISOLATED,
	KPATCH_CAUSE_SYSFS,
	KPATCH_CAUSE_SYNTAX,
	KPATCH_CAUSE_SWITCH_SYNTAX,
	KPATCH_CAUSE_ROLLBACK_SYNTAX,
	KPATCH_CAUSE_CONFIRM_SYNTAX,
	KPATCH_CAUSE_NO_SUCH_PATCH,
	KPATCH_CAUSE_NAMED_TWICE,
	KPATCH_CAUSE_NAME_TAKEN,
	KPATCH_CAUSE_WANTED,
	KPATCH_CAUSE_OPERATION,

	/* of the memory that a patch is in */
	KPATCH_CAUSE_ON_STACK,
	KPATCH_CAUSE_IN_INIT,
	KPATCH_CAUSE_RO_AFTER_INIT,
	KPATCH_CAUSE_IN_CONST,
	KPATCH_CAUSE_IN_TEXT,

	/* of an object */
	KPATCH_CAUSE_OBJNAME,
	KPATCH_CAUSE_OBJNAME_IS_FILE,
	KPATCH_CAUSE_IS_TARGET,
	KPATCH_CAUSE_TARGET_IS_PATCH,
	KPATCH_CAUSE_NOT_LOADED,
	KPATCH_CAUSE_NOT_LIVE,
	KPATCH_CAUSE_BUILD_ID_SYNTAX,
	KPATCH_CAUSE_OTHER_BUILD,

	/* of a symbol */
	KPATCH_CAUSE_SYMBOL_EMPTY,
	KPATCH_CAUSE_SYMBOL_MISSING,
	KPATCH_CAUSE_SYMBOL_NOT_UNIQUE,
	KPATCH_CAUSE_SYMBOL_NO_SYMPOS,
	KPATCH_CAUSE_RELOC,
	KPATCH_CAUSE_RELOC_SECTION,
	KPATCH_CAUSE_RELOC_OBJECT,

	/* of a function */
	KPATCH_CAUSE_NAME_AND_ADDR,
	KPATCH_CAUSE_NO_NAME_NOR_ADDR,
	KPATCH_CAUSE_ADDR_IN_MODULE,
	KPATCH_CAUSE_NO_SYMBOL,
	KPATCH_CAUSE_RENAMED,
	KPATCH_CAUSE_NOT_UNIQUE,
	KPATCH_CAUSE_NO_SYMPOS,
	KPATCH_CAUSE_INIT_CODE,
	KPATCH_CAUSE_NOT_CODE,
	KPATCH_CAUSE_NOT_START,
	KPATCH_CAUSE_NOT_TRACEABLE,
	KPATCH_CAUSE_ALWAYS_LIVE,
	KPATCH_CAUSE_THREAD_RUNS,
	KPATCH_CAUSE_TWICE,
	KPATCH_CAUSE_NEW_NOT_IN_MODULE,
	KPATCH_CAUSE_NEW_NOT_START,
	KPATCH_CAUSE_FUNC_FLAGS,
	KPATCH_CAUSE_KEPT_REPLACED,
	KPATCH_CAUSE_KEPT_UNCHECKED,
	KPATCH_CAUSE_CLONE_UNASKED,
	KPATCH_CAUSE_NO_CLONE,
	KPATCH_CAUSE_UNLISTED_CLONES,
	KPATCH_CAUSE_KEPT_ALONE,
	KPATCH_CAUSE_KEPT_ORIGINAL,
	KPATCH_CAUSE_NO_ORIGINALS,
	KPATCH_CAUSE_NO_STUB,
	KPATCH_CAUSE_SHARED_STUB,

	/* of a state */
	KPATCH_CAUSE_STATE_FLAGS,
	KPATCH_CAUSE_STATE_PRIVATE,
	KPATCH_CAUSE_STATE_TWICE,
	KPATCH_CAUSE_STATE_CALLBACK,
	KPATCH_CAUSE_CALLBACK,
	KPATCH_CAUSE_STATE_PERMANENT,
	KPATCH_CAUSE_SETUP,
	KPATCH_CAUSE_STOPPING,
	KPATCH_CAUSE_IN_CALLBACK,

	/* of a hook */
	KPATCH_CAUSE_TAKEN,
	KPATCH_CAUSE_SITE_DISABLED,
	KPATCH_CAUSE_BPF_CHANGING,
	KPATCH_CAUSE_FTRACE_DEAD,

	/* of a switch */
	KPATCH_CAUSE_BLOCKED,
	KPATCH_CAUSE_HOPELESS,
	KPATCH_CAUSE_NMI,
	KPATCH_CAUSE_BUDGET,
	KPATCH_CAUSE_KILLED,
	KPATCH_CAUSE_GIVE_WAY,
	KPATCH_CAUSE_VETO,

	KPATCH_CAUSE_NO_MEMORY,
};

/**
 * struct kpatch_subject - what a line in the log is about
 * @kpmod: the patch, unless @func is set
 * @func: the function
 * @action: what is not done, in the infinitive; or the name of a file, a structure or
 *	an object
 * @names: names of clones, of another patch or of several, of a thread, of a symbol or
 *	of an object; a build ID; or what another operation does
 * @addr: an address in a function
 * @number: index of a function or a symbol, flags, a position, the id of a state, or a
 *	thread id
 * @err: the errno of another part of the kernel that is passed on
 * @report: the blockers
 * @cpus: CPUs that would be interrupted
 * @quiet: the line is not wanted, only the errno
 */
struct kpatch_subject {
	const struct kpatch_module *kpmod;
	const struct kpatch_func *func;
	const char *action;
	const char *names;
	unsigned long addr;
	unsigned long number;
	int err;
	const struct kpatch_report *report;
	const struct cpumask *cpus;
	bool quiet;
};

int kpatch_log_cause(enum kpatch_cause cause,
		     const struct kpatch_subject *subject);

/*
 * Log why something is refused. Evaluates to the errno, as kpatch_log_cause() returns
 * it. Used as in kpatch_refuse(KPATCH_CAUSE_NO_SYMPOS, .func = func).
 */
#define kpatch_refuse(_cause, ...)					\
	kpatch_log_cause(_cause, &(const struct kpatch_subject) { __VA_ARGS__ })

void kpatch_log_hush(bool hush);
void kpatch_log_loading(const char *module);
void kpatch_log_loaded(const struct kpatch_module *kpmod);
void kpatch_log_unloaded(const struct kpatch_module *kpmod);
void kpatch_log_switched(const struct kpatch_module *kpmod);
void kpatch_log_trial(const char *patches, unsigned int seconds);
void kpatch_log_confirmed(const char *patches);
void kpatch_log_unconfirmed(const char *patches);
void kpatch_log_dry_run(const struct kpatch_module *kpmod, const char *action,
			const struct kpatch_report *report);
void kpatch_log_no_setup(const struct kpatch_module *kpmod, unsigned long id);
void kpatch_log_aliases(const struct kpatch_func *func, const char *name,
			const char *aliases);
void kpatch_log_kept(const struct kpatch_func *func, const struct module *mod);
void kpatch_log_taken_down(const char *module);
void kpatch_log_unhook_failure(int err);

struct kpatch_blocker *kpatch_report_add(struct kpatch_report *report,
					 struct task_struct *task,
					 unsigned long addr,
					 enum kpatch_reason reason);
int kpatch_format_blocker(const struct kpatch_blocker *blocker,
			  struct pid_namespace *ns, char *buf, size_t size);

/* The number of blockers. */
static inline unsigned int kpatch_report_total(const struct kpatch_report *report)
{
	return atomic_read(&report->total);
}

/* The number of blockers that have an entry. */
static inline unsigned int kpatch_report_nr(const struct kpatch_report *report)
{
	return min_t(unsigned int, kpatch_report_total(report),
		     KPATCH_MAX_BLOCKERS);
}

#endif /* _KPATCH_REPORT_H */
