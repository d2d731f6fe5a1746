// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blockers, causes of failure, and all messages that kpatch writes to the log.
 *
 * The message of a failure names the patch, the function and the remedy, and ends
 * with the errno. Only kpatch_log_cause() maps a cause to a message and an errno.
 *
 * kpatch_report_add() is called with the machine stopped: it takes no lock, and the
 * Makefile keeps tracing out of this file. All else is for process context.
 */
#include "common.h"

#include <linux/cpumask.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/printk.h>
#include <linux/seccomp.h>
#include <linux/string.h>
#include <linux/string_helpers.h>

#ifdef CONFIG_LIVEPATCH
#include "../livepatch/core.h"
#endif
#include "symbol.h"

static const char * const reason_text[] = {
	[KPATCH_ASLEEP]		= "asleep",
	[KPATCH_PREEMPTED]	= "preempted",
	[KPATCH_TRAMPOLINE]	= "trampoline",
	[KPATCH_GRAPH]		= "function graph",
	[KPATCH_KRETPROBE]	= "kretprobe",
	[KPATCH_RESTART]	= "system call restart",
	[KPATCH_IDLE]		= "idle CPU",
	[KPATCH_OFFLINE]	= "offline CPU",
	[KPATCH_STOPPER]	= "stopping the machine",
	[KPATCH_REQUESTER]	= "requester",
	[KPATCH_SWITCHER]	= "carries out the switch",
	[KPATCH_EXITING]	= "exiting",
	[KPATCH_UNKNOWN]	= "unknown stack",
	[KPATCH_PARKED_INSIDE]	= "parked inside",
	[KPATCH_THREAD]		= "thread function",
	[KPATCH_RUNNING]	= "running",
	[KPATCH_CPU]		= "does not leave CPU",
};

static_assert(ARRAY_SIZE(reason_text) == KPATCH_NR_REASONS);

/* Test for a task that is in the function at each switch. */
static bool is_hopeless(enum kpatch_reason reason)
{
	return reason == KPATCH_REQUESTER || reason == KPATCH_SWITCHER ||
	       reason == KPATCH_STOPPER || reason == KPATCH_IDLE;
}

static void name_blocker(struct kpatch_blocker *blocker,
			 struct task_struct *task)
{
	if (!task) {
		strscpy(blocker->comm, "-", sizeof(blocker->comm));
		return;
	}
	blocker->pid = task->pid;
	blocker->started = task->start_boottime;
	strscpy(blocker->comm, task->comm, sizeof(blocker->comm));
	blocker->cpu = task_cpu(task);
	/* Idle tasks have pid 0 and are named by their CPU. */
	blocker->kthread = task->flags & (PF_KTHREAD | PF_USER_WORKER) &&
			   task->pid;
}

/**
 * kpatch_report_add() - add a blocker to a report
 * @report: the report
 * @task: the blocker, %NULL if it is not known
 * @addr: the address that the scan found, or 0
 * @reason: why the task is a blocker
 *
 * Context: any; several CPUs may call this at once.
 *
 * Return: the entry, or %NULL if the blocker is only counted.
 */
struct kpatch_blocker *kpatch_report_add(struct kpatch_report *report,
					 struct task_struct *task,
					 unsigned long addr,
					 enum kpatch_reason reason)
{
	unsigned int i = atomic_inc_return(&report->total) - 1;
	struct kpatch_blocker *blocker;

	if (is_hopeless(reason))
		WRITE_ONCE(report->hopeless, true);
	if (i >= KPATCH_MAX_BLOCKERS)
		return NULL;
	blocker = &report->blocker[i];
	name_blocker(blocker, task);
	blocker->addr = addr;
	blocker->reason = reason;
	return blocker;
}

/*
 * Return the task of the blocker, %NULL if it is gone. It must be the same one, since
 * its id may have been reused.
 */
static struct task_struct *task_of(const struct kpatch_blocker *blocker)
{
	struct task_struct *task;

	task = find_task_by_pid_ns(blocker->pid, &init_pid_ns);
	if (!task || task->start_boottime != blocker->started)
		return NULL;
	return task;
}

/*
 * Return the thread id of the blocker in @ns, 0 if it has none there. All tasks have
 * one in the initial namespace.
 */
static pid_t tid_in(const struct kpatch_blocker *blocker,
		    struct pid_namespace *ns)
{
	struct task_struct *task;

	if (ns == &init_pid_ns)
		return blocker->pid;
	guard(rcu)();
	task = task_of(blocker);
	return task ? task_pid_nr_ns(task, ns) : 0;
}

/*
 * A task can choose its name. Visible ASCII is shown as it is, all else and the
 * backslash as octal escapes, so the result is one word that cannot be mistaken for
 * several columns or lines. An empty name is shown as an escaped NUL.
 */
static int format_name(const char *comm, char *buf, size_t size)
{
	size_t len = max(strnlen(comm, TASK_COMM_LEN), 1UL);
	char name[4 * TASK_COMM_LEN + 1];

	len = string_escape_mem(comm, len, name, sizeof(name) - 1,
				ESCAPE_NAP | ESCAPE_APPEND | ESCAPE_OCTAL,
				" \\");
	name[len] = '\0';
	return scnprintf(buf, size, "%s", name);
}

/*
 * Return why the task can never be parked. A lock is taken to look at its seccomp
 * filter, so this cannot be done when the report is filled.
 */
static const char *obstacle_of(const struct kpatch_blocker *blocker)
{
	struct task_struct *task;

	if (blocker->kthread)
		return ", kernel thread";
	guard(rcu)();
	task = task_of(blocker);
	if (task && !seccomp_allows_restart(task))
		return ", seccomp filter";
	return "";
}

static int format_reason(const struct kpatch_blocker *blocker, char *buf,
			 size_t size)
{
	const char *text = reason_text[blocker->reason];

	if (blocker->reason == KPATCH_IDLE ||
	    blocker->reason == KPATCH_OFFLINE || blocker->reason == KPATCH_CPU)
		return scnprintf(buf, size, "%s %u", text, blocker->cpu);
	return scnprintf(buf, size, "%s%s", text, obstacle_of(blocker));
}

/**
 * kpatch_format_blocker() - format one line about a blocker
 * @blocker: the blocker
 * @ns: the PID namespace of the reader
 * @buf: filled with thread id, name, function and reason; only the reason may
 *	contain blanks
 * @size: size of @buf in bytes
 *
 * Context: process context.
 *
 * Return: the length of the line, without a newline.
 */
int kpatch_format_blocker(const struct kpatch_blocker *blocker,
			  struct pid_namespace *ns, char *buf, size_t size)
{
	char func[KSYM_NAME_LEN] = "-";
	int len;

	if (blocker->addr)
		kpatch_symbol_name(blocker->addr, func);
	len = scnprintf(buf, size, "%d ", tid_in(blocker, ns));
	len += format_name(blocker->comm, buf + len, size - len);
	len += scnprintf(buf + len, size - len, " %s ", func);
	return len + format_reason(blocker, buf + len, size - len);
}

static const char *patch_name(const struct kpatch_module *kpmod)
{
	return kpmod->mod->name;
}

/*
 * A module that is not loaded if a patch does not fit it, and the task that loads it.
 * Written under kpatch_mutex. Other tasks log lines meanwhile, without the mutex.
 */
static const char *loading;
static const struct task_struct *loader;

/* The task whose lines are not wanted. */
static const struct task_struct *hushed;

/* What follows from a line in the log, beside the errno. */
static const char *consequence(char *buf, size_t size)
{
	if (READ_ONCE(loader) != current)
		return "";
	scnprintf(buf, size, "; module '%s' is not loaded", loading);
	return buf;
}

/* Log a line about kpatch itself, a patch, or a function of a patch. */
static __printf(3, 4)
int log_line(const struct kpatch_subject *s, int err, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	char buf[MODULE_NAME_LEN + 32];
	va_list args;

	if (s->quiet || READ_ONCE(hushed) == current)
		return err;
	va_start(args, fmt);
	vaf.va = &args;
	if (s->func)
		pr_err("'%s': function '%s'%pV%s (%d)\n",
		       patch_name(s->func->kpmod),
		       s->func->old_name ?: "(by address)", &vaf,
		       consequence(buf, sizeof(buf)), err);
	else if (s->kpmod)
		pr_err("'%s': %pV%s (%d)\n", patch_name(s->kpmod), &vaf,
		       consequence(buf, sizeof(buf)), err);
	else
		pr_err("%pV (%d)\n", &vaf, err);
	va_end(args);
	return err;
}

/* Return what an administrator can do about the first blocker. */
static const char *remedy(const struct kpatch_blocker *first,
			  enum kpatch_cause cause)
{
	if (first->reason == KPATCH_REQUESTER)
		return "use write(2) on the file in sysfs; a module is loaded with enable=0 first";
	if (cause == KPATCH_CAUSE_HOPELESS)
		return "a switch needs this function itself, leave it out";
	if (first->reason == KPATCH_OFFLINE)
		return "bring that CPU online, then try again";
	if (first->reason == KPATCH_EXITING)
		return "there was no memory to keep track of them; try again";
	if (first->reason == KPATCH_CPU)
		return "that CPU does not respond; try again when it does";
	return "try again when they have left";
}

/* The blocker to log: the first one that explains the cause. */
static const struct kpatch_blocker *
first_blocker(const struct kpatch_report *report, enum kpatch_cause cause)
{
	unsigned int i;

	for (i = 0; i < kpatch_report_nr(report); i++) {
		if (cause != KPATCH_CAUSE_HOPELESS ||
		    is_hopeless(report->blocker[i].reason))
			return &report->blocker[i];
	}
	return &report->blocker[0];
}

static int log_blocked(const struct kpatch_subject *s, int err,
		       enum kpatch_cause cause)
{
	const struct kpatch_blocker *first = first_blocker(s->report, cause);
	char line[KPATCH_BLOCKER_LEN];

	kpatch_format_blocker(first, &init_pid_ns, line, sizeof(line));
	return log_line(s, err,
			"cannot %s: blocked by %u task(s), first is %s; %s",
			s->action, kpatch_report_total(s->report), line,
			remedy(first, cause));
}

#ifdef CONFIG_LIVEPATCH

static bool is_replaced_by(struct klp_patch *patch, unsigned long ip)
{
	struct klp_object *obj;
	struct klp_func *func;

	klp_for_each_object(patch, obj) {
		klp_for_each_func(obj, func) {
			if (func->patched &&
			    ftrace_location((unsigned long)func->old_func) == ip)
				return true;
		}
	}
	return false;
}

/*
 * Find the newest live patch that replaces a function. The mutex is only tried: callbacks
 * of a live patch run under it, and may wait for a module, which may wait for
 * kpatch_mutex. Return false if there is no such patch, or if that is not known.
 */
static bool find_live_patch(unsigned long ip, char *name)
{
	struct klp_patch *patch;
	bool found = false;

	if (!mutex_trylock(&klp_mutex))
		return false;
	klp_for_each_patch(patch) {
		if (!is_replaced_by(patch, ip))
			continue;
		strscpy(name, patch->mod->name, MODULE_NAME_LEN);
		found = true;
	}
	mutex_unlock(&klp_mutex);
	return found;
}

#else /* CONFIG_LIVEPATCH */

static bool find_live_patch(unsigned long ip, char *name)
{
	return false;
}

#endif /* CONFIG_LIVEPATCH */

static int log_taken(const struct kpatch_subject *s, int err)
{
	char func[KSYM_NAME_LEN] = "?", owner[MODULE_NAME_LEN];

	/* ftrace does not always tell which function it refused. */
	if (s->addr)
		kpatch_symbol_name(s->addr, func);
	if (s->addr && find_live_patch(s->addr, owner))
		return log_line(s, err,
				"function '%s' is taken by the live patch '%s'; disable that, see /sys/kernel/livepatch/%s",
				func, owner, owner);
	return log_line(s, err,
			"function '%s' is taken by a live patch, a probe or a direct caller, or ftrace is switched off; remove that, or set kernel.ftrace_enabled=1",
			func);
}

/*
 * The errno to pass on when a callback has refused. Not -EAGAIN, for which a writer may
 * poll() forever, nor what only the kernel uses.
 */
static int callback_errno(int err)
{
	if (err == -EAGAIN)
		return -EBUSY;
	return err < 0 && err > -ERESTARTSYS ? err : -EINVAL;
}

/**
 * kpatch_log_cause() - log why something is refused, see kpatch_refuse()
 * @cause: the cause
 * @s: what it is about
 *
 * Context: process context.
 *
 * Return: the errno of @cause, 0 for %KPATCH_CAUSE_NONE.
 */
int kpatch_log_cause(enum kpatch_cause cause, const struct kpatch_subject *s)
{
	switch (cause) {
	case KPATCH_CAUSE_NONE:
		return 0;

	case KPATCH_CAUSE_NO_PATCH:
		return log_line(s, -EINVAL,
				"no patch to register; pass a struct kpatch_module");
	case KPATCH_CAUSE_NOT_STARTED:
		return log_line(s, -ENODEV,
				"initialisation failed at boot, see the log of the boot; no patch can be registered");
	case KPATCH_CAUSE_NO_MODULE:
		return log_line(s, -EINVAL,
				"a patch without a module; set mod to THIS_MODULE and build it as a module");
	case KPATCH_CAUSE_NO_FUNCS:
		return log_line(s, -EINVAL,
				"neither a function to patch nor a state; set funcs and num_funcs, or states and num_states");
	case KPATCH_CAUSE_MODULE_FLAGS:
		return log_line(s, -EINVAL,
				"flags are %#lx; set KPATCH_LOAD_DISABLED, KPATCH_PIN_TARGETS, KPATCH_REPLACE or none",
				s->number);
	case KPATCH_CAUSE_REGISTERED:
		return log_line(s, -EEXIST,
				"is registered already; a module can have one patch");
	case KPATCH_CAUSE_NOT_REGISTERED:
		return log_line(s, s->err,
				"cannot %s a patch that is not registered; register it first",
				s->action);
	case KPATCH_CAUSE_ENABLED:
		return log_line(s, -EBUSY,
				"cannot unregister: the patch is enabled; write 0 to /sys/kernel/kpatch/%s/enabled first",
				patch_name(s->kpmod));
	case KPATCH_CAUSE_NO_ARRAY:
		return log_line(s, -EINVAL,
				"a number of symbols, build IDs or states without an array; set symbols, build_ids and states");
	case KPATCH_CAUSE_UNLOADING:
		return log_line(s, -ENODEV,
				"cannot enable: the module is being unloaded; load it again");
	case KPATCH_CAUSE_COVERED:
		return log_line(s, -EBUSY,
				"cannot disable: '%s' has patched '%ps' since; disable that first",
				s->names, (void *)s->addr);
	case KPATCH_CAUSE_SET_NAME:
		return log_line(s, -EINVAL,
				"the name of its set is empty, longer than that of a module, or has blanks; choose another, or leave set unset");
	case KPATCH_CAUSE_OTHER_SET:
		return log_line(s, -EBUSY,
				" is replaced by '%s' of set '%s', and two sets cannot share a function; disable that, or put both patches into one set",
				s->names, s->action);
	case KPATCH_CAUSE_ON_TRIAL:
		return log_line(s, -EBUSY,
				"cannot switch it while '%s' is on trial, since it may be in the way when that is undone; write 0 to /sys/kernel/kpatch/confirm to keep that, or try again later",
				s->names);
	case KPATCH_CAUSE_HELD_BY_TRIAL:
		return log_line(s, -EBUSY,
				"cannot unregister: the patch is on trial; write 0 to /sys/kernel/kpatch/confirm first");
	case KPATCH_CAUSE_TRIAL_OF_GONE:
		return log_line(s, -EBUSY,
				"its module goes while the patch is on trial, which is undone first; register last in init");
	case KPATCH_CAUSE_TRIAL_PERMANENT:
		return log_line(s, -EPERM,
				"cannot be on trial: its state %lu cannot be left again; write 0 to /sys/kernel/kpatch/confirm to switch it without a trial",
				s->number);
	case KPATCH_CAUSE_TRIAL_COVERED:
		return log_line(s, -EBUSY,
				"cannot be disabled on trial: '%s' is newer and replaces one of its functions, too; disable that first",
				s->names);
	case KPATCH_CAUSE_SECOND_TRIAL:
		return log_line(s, -EBUSY,
				"confirm: '%s' is on trial still; write 0 to keep that, or try again later",
				s->names);
	case KPATCH_CAUSE_NO_TRIAL:
		return log_line(s, -ENOENT,
				"confirm: there is no trial, or it was undone; write how many seconds one is to take, then switch");
	case KPATCH_CAUSE_NOTHING_REPLACED:
		return log_line(s, -EINVAL,
				"has replaced no patch, so there is none to go back to; write 0 to /sys/kernel/kpatch/%s/enabled to disable it",
				patch_name(s->kpmod));
	case KPATCH_CAUSE_NOT_ENABLED:
		return log_line(s, -EINVAL,
				"is disabled, so there is nothing to roll back; to enable '%s', write to /sys/kernel/kpatch/switch",
				s->names);
	case KPATCH_CAUSE_REPLACED_GONE:
		return log_line(s, -ENOENT,
				"cannot go back to '%s', which has been unloaded since; load it with enable=0, then write to /sys/kernel/kpatch/switch",
				s->names);
	case KPATCH_CAUSE_NEWER_STAYS:
		return log_line(s, -EBUSY,
				" is replaced by '%s', which is newer than what a rollback would enable; disable that first, or write to /sys/kernel/kpatch/switch what is wanted",
				s->names);
	case KPATCH_CAUSE_ISOLATED:
		return log_line(s, -EPERM,
				"cannot %s: this would interrupt the isolated CPU(s) %*pbl; end their isolation, or set /sys/module/kpatch/parameters/spare_isolated to N",
				s->action, cpumask_pr_args(s->cpus));
	case KPATCH_CAUSE_SYSFS:
		return log_line(s, s->err,
				"cannot create its directory in sysfs; try again with more memory");
	case KPATCH_CAUSE_SYNTAX:
		/* Ratelimited by the caller, like all that a user can repeat at will. */
		return log_line(s, -EINVAL,
				"%s takes 0 or 1, and after a blank how many milliseconds it may take, %u at most",
				s->action, KPATCH_MAX_TIMEOUT_MS);
	case KPATCH_CAUSE_SWITCH_SYNTAX:
		/* Ratelimited like the former. */
		return log_line(s, -EINVAL,
				"%s takes words such as +a and -b with names of patches, separated by one blank, and at the end how many milliseconds it may take, %u at most",
				s->action, KPATCH_MAX_TIMEOUT_MS);
	case KPATCH_CAUSE_ROLLBACK_SYNTAX:
		return log_line(s, -EINVAL,
				"%s takes 1, and after a blank how many milliseconds it may take, %u at most",
				s->action, KPATCH_MAX_TIMEOUT_MS);
	case KPATCH_CAUSE_CONFIRM_SYNTAX:
		/* Ratelimited like the former. */
		return log_line(s, -EINVAL,
				"%s takes 0, or how many seconds the next switch is on trial, %u at most",
				s->action, KPATCH_MAX_TRIAL_S);
	case KPATCH_CAUSE_NO_SUCH_PATCH:
		return log_line(s, -ENOENT,
				"cannot switch '%s': no such patch; load its module with enable=0 first",
				s->names);
	case KPATCH_CAUSE_NAMED_TWICE:
		return log_line(s, -EINVAL,
				"is named twice; name each patch once");
	case KPATCH_CAUSE_NAME_TAKEN:
		return log_line(s, -EINVAL,
				"the directory of the patch would have the name of a file in /sys/kernel/kpatch; rename the module");
	case KPATCH_CAUSE_WANTED:
		return log_line(s, -EINVAL,
				"patch number %lu of several is to be neither on nor off; set status to KPATCH_ON or KPATCH_OFF",
				s->number);
	case KPATCH_CAUSE_OPERATION:
		return log_line(s, -EBUSY,
				"'%s': another operation has not ended in time: %s; try again when it has",
				s->action, s->names);

	case KPATCH_CAUSE_ON_STACK:
		return log_line(s, -EINVAL,
				"%s is on the stack of the task that registers it; make it static",
				s->action);
	case KPATCH_CAUSE_IN_INIT:
		return log_line(s, -EINVAL,
				"%s is in memory that is freed after init; leave out __initdata",
				s->action);
	case KPATCH_CAUSE_RO_AFTER_INIT:
		return log_line(s, -EINVAL,
				"%s is in memory that becomes read-only; leave out __ro_after_init",
				s->action);
	case KPATCH_CAUSE_IN_CONST:
		return log_line(s, -EINVAL,
				"%s is in constant data; leave out const",
				s->action);
	case KPATCH_CAUSE_IN_TEXT:
		return log_line(s, -EINVAL,
				"%s is in program text; pass the address of the data",
				s->action);

	case KPATCH_CAUSE_OBJNAME:
		return log_line(s, -EINVAL,
				"no module that it could patch is called '%s'; set objname to a name as in /proc/modules, with underscores",
				s->names);
	case KPATCH_CAUSE_OBJNAME_IS_FILE:
		return log_line(s, -EINVAL,
				"the directory of module '%s' in sysfs would have the name of a file there; rename the module",
				s->names);
	case KPATCH_CAUSE_IS_TARGET:
		return log_line(s, -EINVAL,
				"another patch is for functions of this module; disable and unload that, a patch module cannot be patched");
	case KPATCH_CAUSE_TARGET_IS_PATCH:
		return log_line(s, -EINVAL,
				"module '%s' is a patch module, which cannot be patched; patch what it patches",
				s->names);
	case KPATCH_CAUSE_NOT_LOADED:
		return log_line(s, -ENOENT,
				"module '%s' is not loaded, and the patch pins it; load it first",
				s->names);
	case KPATCH_CAUSE_NOT_LIVE:
		return log_line(s, -EBUSY,
				"module '%s' is just being loaded or unloaded; try again",
				s->names);
	case KPATCH_CAUSE_BUILD_ID_SYNTAX:
		return log_line(s, -EINVAL,
				"the build ID of %s is not a hexadecimal number of 20 bytes at most; set id as 'file' shows it",
				s->names);
	case KPATCH_CAUSE_OTHER_BUILD:
		return log_line(s, -ENOEXEC,
				"was made for another build of %s, this one is %s; build the patch for that",
				s->action, s->names);

	case KPATCH_CAUSE_SYMBOL_EMPTY:
		return log_line(s, -EINVAL,
				"symbol number %lu has no name or no pointer; set both",
				s->number);
	case KPATCH_CAUSE_SYMBOL_MISSING:
		return log_line(s, -ENOENT,
				"symbol '%s' is not in %s, or only in its init code; build the patch for the running kernel",
				s->names, s->action);
	case KPATCH_CAUSE_SYMBOL_NOT_UNIQUE:
		return log_line(s, -ENOTUNIQ,
				"symbol '%s' exists more than once in %s; set sympos to choose one",
				s->names, s->action);
	case KPATCH_CAUSE_SYMBOL_NO_SYMPOS:
		return log_line(s, -EINVAL,
				"%s has no symbol '%s' number %lu; set sympos to one that exists",
				s->action, s->names, s->number);
	case KPATCH_CAUSE_RELOC:
		return log_line(s, -ENOENT,
				"symbols of %s that section '%s' refers to are missing, see the line before; build the patch for the running kernel",
				s->action, s->names);
	case KPATCH_CAUSE_RELOC_SECTION:
		return log_line(s, -ENOEXEC,
				"section '%s' refers to symbols of %s, but is in use before they are known; build the patch with kpatch build",
				s->names, s->action);
	case KPATCH_CAUSE_RELOC_OBJECT:
		return log_line(s, -ENOEXEC,
				"section '%s' is for a module of which the patch replaces no function; build the patch with kpatch build",
				s->names);

	case KPATCH_CAUSE_NAME_AND_ADDR:
		return log_line(s, -EINVAL,
				"function number %lu has a name and an address; set one of old_name and old_addr",
				s->number);
	case KPATCH_CAUSE_NO_NAME_NOR_ADDR:
		return log_line(s, -EINVAL,
				"function number %lu has neither name nor address; set one of old_name and old_addr",
				s->number);
	case KPATCH_CAUSE_ADDR_IN_MODULE:
		return log_line(s, -EINVAL,
				"function number %lu is in module '%s', which has no address of its own; set old_name instead of old_addr",
				s->number, s->names);
	case KPATCH_CAUSE_NO_SYMBOL:
		return log_line(s, -ENOENT,
				" is not in %s; build the patch for the running kernel",
				s->func->object->name);
	case KPATCH_CAUSE_RENAMED:
		return log_line(s, -ENOENT,
				": no such symbol; inlined, or renamed to %s; patch that as a clone, see KPATCH_CLONE, or what calls it",
				s->names);
	case KPATCH_CAUSE_NOT_UNIQUE:
		return log_line(s, -ENOTUNIQ,
				" exists more than once; set sympos to choose one");
	case KPATCH_CAUSE_NO_SYMPOS:
		return log_line(s, -EINVAL,
				" has no symbol number %lu; set sympos to one that exists",
				s->func->sympos);
	case KPATCH_CAUSE_INIT_CODE:
		return log_line(s, -EINVAL,
				" is init code, freed at boot; patch what it has set up instead");
	case KPATCH_CAUSE_NOT_CODE:
		return log_line(s, -EINVAL,
				": %pS is not code of %s; set objname if it is in another module",
				(void *)s->addr, s->func->object->name);
	case KPATCH_CAUSE_NOT_START:
		return log_line(s, -EINVAL,
				": %pS is not the start of a function; set old_addr to one",
				(void *)s->addr);
	case KPATCH_CAUSE_NOT_TRACEABLE:
		return log_line(s, -EOPNOTSUPP,
				" cannot be traced, so it cannot be patched; patch its callers instead");
	case KPATCH_CAUSE_ALWAYS_LIVE:
		return log_line(s, -EDEADLK,
				" always has some task in it, so it can never be switched; patch what it calls instead");
	case KPATCH_CAUSE_THREAD_RUNS:
		return log_line(s, -EDEADLK,
				" is what the kernel thread %s (pid %lu) runs for as long as it lives, so the function cannot be switched; patch what it calls instead",
				s->names, s->number);
	case KPATCH_CAUSE_TWICE:
		return log_line(s, -EINVAL,
				" is in the patch twice; list it once");
	case KPATCH_CAUSE_NEW_NOT_IN_MODULE:
		return log_line(s, -EINVAL,
				": the new function %pS is not in the text of the patch module; set new_addr to one that is",
				s->func->new_addr);
	case KPATCH_CAUSE_NEW_NOT_START:
		return log_line(s, -EINVAL,
				": %pS is not the start of a function; set new_addr to one",
				s->func->new_addr);
	case KPATCH_CAUSE_FUNC_FLAGS:
		return log_line(s, -EINVAL,
				": flags are %#x; set KPATCH_CLONE, KPATCH_CLONE_KEEP, KPATCH_KEEP_ALL_CLONES or KPATCH_UNCHECKED, or none",
				s->func->flags);
	case KPATCH_CAUSE_KEPT_REPLACED:
		return log_line(s, -EINVAL,
				" is to be kept and has a replacement; set KPATCH_CLONE, or leave new_addr unset");
	case KPATCH_CAUSE_KEPT_UNCHECKED:
		return log_line(s, -EINVAL,
				" is to be kept, so it is not switched; leave out KPATCH_UNCHECKED");
	case KPATCH_CAUSE_CLONE_UNASKED:
		return log_line(s, -EINVAL,
				" is a clone of another function, with arguments of its own; set KPATCH_CLONE if the new function has the same");
	case KPATCH_CAUSE_NO_CLONE:
		return log_line(s, -EINVAL,
				" is no clone of another function; leave flags unset");
	case KPATCH_CAUSE_UNLISTED_CLONES:
		return log_line(s, -EINVAL,
				" has clones that others may call, or tasks may be in: %s; list each one with KPATCH_CLONE, or with KPATCH_CLONE_KEEP if callers may go on to use it, or set KPATCH_KEEP_ALL_CLONES",
				s->names);
	case KPATCH_CAUSE_KEPT_ALONE:
		return log_line(s, -EINVAL,
				" is to be kept, but is a clone of no function of the patch; leave it out");
	case KPATCH_CAUSE_KEPT_ORIGINAL:
		return log_line(s, -EINVAL,
				" is to be kept, so it needs no stub to call it; leave original unset");
	case KPATCH_CAUSE_NO_ORIGINALS:
		return log_line(s, -EOPNOTSUPP,
				": the original cannot be called on this architecture; leave original unset");
	case KPATCH_CAUSE_NO_STUB:
		return log_line(s, -EINVAL,
				": %pS is no stub in the patch module; set original to one that KPATCH_ORIGINAL() defines",
				s->func->original);
	case KPATCH_CAUSE_SHARED_STUB:
		return log_line(s, -EINVAL,
				": another function of the patch has the stub %ps, too; define one for each by KPATCH_ORIGINAL()",
				s->func->original);

	case KPATCH_CAUSE_STATE_FLAGS:
		return log_line(s, -EINVAL,
				"state %lu has unknown flags; set KPATCH_STATE_PERMANENT or none",
				s->number);
	case KPATCH_CAUSE_STATE_PRIVATE:
		return log_line(s, -EINVAL,
				"a state with id 0 is permanent, but no other patch can take it over; give it an id");
	case KPATCH_CAUSE_STATE_TWICE:
		return log_line(s, -EINVAL,
				"state %lu is in the patch twice; list it once",
				s->number);
	case KPATCH_CAUSE_STATE_CALLBACK:
		return log_line(s, -EINVAL,
				"callback %ps of state %lu is not in the text of the patch module; leave out __init, and define it in the module",
				(void *)s->addr, s->number);
	case KPATCH_CAUSE_CALLBACK:
		return log_line(s, -EINVAL,
				"callback %ps is not in the text of the patch module; leave out __init, and define it in the module",
				(void *)s->addr);
	case KPATCH_CAUSE_STATE_PERMANENT:
		return log_line(s, -EPERM,
				"cannot disable: its state %lu cannot be left; enable another patch that has this state first",
				s->number);
	case KPATCH_CAUSE_SETUP:
		return log_line(s, callback_errno(s->err),
				"cannot enable: callback %ps of its state %lu has refused; see the lines before this one, or ask its author",
				(void *)s->addr, s->number);
	case KPATCH_CAUSE_STOPPING:
		return log_line(s, callback_errno(s->err),
				"cannot disable: callback %ps has refused; see the lines before this one, or ask its author",
				(void *)s->addr);
	case KPATCH_CAUSE_IN_CALLBACK:
		return log_line(s, -EDEADLK,
				"'%s': a callback of a patch has called kpatch; leave that to another task",
				s->action);

	case KPATCH_CAUSE_TAKEN:
		return log_taken(s, -EBUSY);
	case KPATCH_CAUSE_SITE_DISABLED:
		return log_line(s, -EOPNOTSUPP,
				"function '%ps' has a tracing site that is disabled; patch its callers instead",
				(void *)s->addr);
	case KPATCH_CAUSE_BPF_CHANGING:
		/* Not -EAGAIN, for which a writer may poll() forever. */
		return log_line(s, -EBUSY,
				"a BPF trampoline of one of its functions is being changed; try again");
	case KPATCH_CAUSE_FTRACE_DEAD:
		return log_line(s, s->err,
				"cannot hook its functions, ftrace is out of order; reboot");

	case KPATCH_CAUSE_BLOCKED:
		return log_blocked(s, -EBUSY, cause);
	case KPATCH_CAUSE_HOPELESS:
		return log_blocked(s, -EDEADLK, cause);
	case KPATCH_CAUSE_NMI:
		return log_line(s, -EBUSY,
				"cannot %s: NMIs keep running its functions; try again",
				s->action);
	case KPATCH_CAUSE_BUDGET:
		return log_line(s, -ETIME,
				"cannot %s: looking at all tasks takes longer than the machine may be stopped; raise /sys/module/kpatch/parameters/stop_budget_us",
				s->action);
	case KPATCH_CAUSE_KILLED:
		return log_line(s, -EINTR,
				"cannot %s: interrupted by a fatal signal, by suspend, or by another request of the same task; try again",
				s->action);

	case KPATCH_CAUSE_GIVE_WAY:
		/* Not the end of an operation. */
		break;

	case KPATCH_CAUSE_VETO:
		return log_line(s, callback_errno(s->report->veto),
				"cannot %s: the check of its state %lu has refused; see the lines before this one, or try again",
				s->action, s->report->vetoed);

	case KPATCH_CAUSE_NO_MEMORY:
		return log_line(s, -ENOMEM,
				"cannot %s: out of memory; try again with more of it",
				s->action);
	}
	return -EINVAL;
}

/**
 * kpatch_log_hush() - log no more failures of this task
 * @hush: false to end that
 *
 * For what is repeated, and has been logged once. Only for the kernel thread.
 */
void kpatch_log_hush(bool hush)
{
	WRITE_ONCE(hushed, hush ? current : NULL);
}

/**
 * kpatch_log_loading() - say in further lines of this task that a module is not loaded
 * @module: its name; %NULL to end that
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_log_loading(const char *module)
{
	lockdep_assert_held(&kpatch_mutex);
	loading = module;
	WRITE_ONCE(loader, module ? current : NULL);
}

/**
 * kpatch_log_loaded() - log that a patch was registered
 * @kpmod: the patch
 */
void kpatch_log_loaded(const struct kpatch_module *kpmod)
{
	pr_notice("loaded patch module \"%s\"%s\n", patch_name(kpmod),
		  kpmod->status == KPATCH_OFF ? ", disabled" : "");
}

/**
 * kpatch_log_unloaded() - log that a patch was unregistered
 * @kpmod: the patch
 */
void kpatch_log_unloaded(const struct kpatch_module *kpmod)
{
	pr_notice("unloaded patch module \"%s\"\n", patch_name(kpmod));
}

/**
 * kpatch_log_switched() - log that a registered patch was enabled or disabled
 * @kpmod: the patch
 */
void kpatch_log_switched(const struct kpatch_module *kpmod)
{
	pr_notice("%s patch module \"%s\"\n",
		  kpmod->status == KPATCH_ON ? "enabled" : "disabled",
		  patch_name(kpmod));
}

/**
 * kpatch_log_trial() - log that a trial has begun
 * @patches: what it has switched, as words for the file "switch"
 * @seconds: how long it takes
 */
void kpatch_log_trial(const char *patches, unsigned int seconds)
{
	pr_notice("'%s' is on trial, and is undone in %u s; write 0 to /sys/kernel/kpatch/confirm to keep it\n",
		  patches, seconds);
}

/**
 * kpatch_log_confirmed() - log that a trial was confirmed
 * @patches: what it has switched
 */
void kpatch_log_confirmed(const char *patches)
{
	pr_notice("'%s' is confirmed\n", patches);
}

/**
 * kpatch_log_unconfirmed() - log that a trial is going to be undone
 * @patches: what it has switched
 */
void kpatch_log_unconfirmed(const char *patches)
{
	pr_notice("'%s' was not confirmed in time, and is undone; if that fails it is tried again\n",
		  patches);
}

/**
 * kpatch_log_dry_run() - log how many tasks a switch would have to park
 * @kpmod: the patch
 * @action: "enable" or "disable"
 * @report: these tasks
 */
void kpatch_log_dry_run(const struct kpatch_module *kpmod, const char *action,
			const struct kpatch_report *report)
{
	char line[KPATCH_BLOCKER_LEN];

	if (!kpatch_report_total(report))
		return;
	kpatch_format_blocker(&report->blocker[0], &init_pid_ns, line,
			      sizeof(line));
	pr_notice("'%s': to %s it %u task(s) would have to be parked, first is %s\n",
		  patch_name(kpmod), action, kpatch_report_total(report), line);
}

/**
 * kpatch_log_no_setup() - log that a dry run has left out a callback
 * @kpmod: the patch
 * @id: the state that has one
 */
void kpatch_log_no_setup(const struct kpatch_module *kpmod, unsigned long id)
{
	pr_notice("'%s': setup of its state %lu was not called; it may still refuse\n",
		  patch_name(kpmod), id);
}

/**
 * kpatch_log_aliases() - log that a function has further names
 * @func: the function
 * @name: its name in the patch
 * @aliases: the other names
 */
void kpatch_log_aliases(const struct kpatch_func *func, const char *name,
			const char *aliases)
{
	pr_notice("'%s': function '%s' is also %s; calls of that are replaced, too\n",
		  patch_name(func->kpmod), name, aliases);
}

/**
 * kpatch_log_kept() - log that a module was pinned for good
 * @func: the function that tasks may still be inside, in a version before
 * @mod: the module that contains this version
 */
void kpatch_log_kept(const struct kpatch_func *func, const struct module *mod)
{
	pr_notice("'%s': function '%s' is not checked (KPATCH_UNCHECKED), so tasks may stay in its version in module '%s', which can never be unloaded now\n",
		  patch_name(func->kpmod), func->old_name ?: "(by address)",
		  mod->name);
}

/**
 * kpatch_log_taken_down() - log that a patch was unregistered as its module goes
 * @module: name of the module
 */
void kpatch_log_taken_down(const char *module)
{
	pr_err("'%s': the module goes while its patch is registered, which has been disabled; do not use rmmod -f, and register last in init\n",
	       module);
}

/**
 * kpatch_log_unhook_failure() - log that hooks cannot be removed
 * @err: the errno of ftrace
 */
void kpatch_log_unhook_failure(int err)
{
	pr_err("cannot unhook functions, ftrace is out of order (%d); reboot when possible\n",
	       err);
}
