// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patches: which there are, and what may be done with them when. Tells the log
 * what came out.
 */
#include "common.h"

#include <linux/cache.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/pid_namespace.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string_helpers.h>

#include "handler.h"
#include "object.h"
#include "patch.h"
#include "hook.h"
#include "switch.h"
#include "scan.h"
#include "symbol.h"

/**
 * DOC: Locking
 *
 * kpatch_mutex covers everything: the list of patches, all that the core owns
 * in them, the hooks, the table's writers and the transaction. Without it run
 * the handler (see handler.c), which reads the table, the state of a patch and
 * the transaction word, and the stopped CPUs, on behalf of the task that holds
 * the mutex.
 *
 * Order::
 *
 *   sysfs active reference -> kpatch_mutex -> module_mutex
 *                                          -> ftrace's locks
 *                                          -> cpu_hotplug_lock
 *
 * The first arrow is why a patch's directory is removed without the mutex: the
 * removal waits for whoever is in one of its files.
 */

/**
 * DOC: Patch states
 *
 * ======== ========== ========================================================
 * from     to         by
 * ======== ========== ========================================================
 * (none)   OFF        kpatch_register()
 * OFF      ADDING     kpatch_switch(), module pinned and functions hooked
 * ADDING   ON         kpatch_switch(), committed
 * ADDING   OFF        kpatch_switch(), not committed
 * ON       REMOVING   kpatch_switch()
 * REMOVING OFF        kpatch_switch(), committed; then unhooked and unpinned
 * REMOVING ON         kpatch_switch(), not committed
 * OFF      (none)     kpatch_unregister(), or kpatch_register() that failed
 * ======== ========== ========================================================
 *
 * While the mutex is free a patch is OFF or ON. The module is pinned exactly
 * while the state is not OFF, so rmmod of an enabled patch fails.
 */
static LIST_HEAD(patches);

/* Who wants to know of each attempt to switch a patch; called under kpatch_mutex. */
static void (*on_change)(struct kpatch_module *kpmod) __ro_after_init;

/* To change the list takes this as well, so that to look at it takes either. */
static DEFINE_SPINLOCK(patches_lock);

static const char * const reason_text[KPATCH_NR_REASONS] = {
	[KPATCH_ASLEEP]		= "asleep",
	[KPATCH_PREEMPTED]	= "preempted",
	[KPATCH_TRAMPOLINE]	= "trampoline",
	[KPATCH_GRAPH]		= "function graph",
	[KPATCH_KRETPROBE]	= "kretprobe",
	[KPATCH_RESTART]	= "system call restart",
	[KPATCH_IDLE]		= "idle CPU",
	[KPATCH_OFFLINE]	= "offline CPU",
	[KPATCH_STOPPER]	= "stopping the machine",
	[KPATCH_WRITER]		= "asking for the switch",
	[KPATCH_EXITING]	= "exiting",
	[KPATCH_UNKNOWN]	= "unknown stack",
	[KPATCH_PARKED_INSIDE]	= "parked inside",
	[KPATCH_THREAD]		= "thread function",
	[KPATCH_RUNNING]	= "running",
	[KPATCH_CPU]		= "does not leave CPU",
};

/*
 * The thread id that the task has in @ns, 0 if it has none there. The init
 * namespace has one of every task, and also of those that are gone. For another
 * one the task is looked up, and it has to be the same: its number may have been
 * given to another task.
 */
static pid_t tid_in(const struct kpatch_blocker *blocker,
		    struct pid_namespace *ns)
{
	struct task_struct *task;

	if (ns == &init_pid_ns)
		return blocker->pid;
	guard(rcu)();
	task = find_task_by_pid_ns(blocker->pid, &init_pid_ns);
	if (!task || task->start_boottime != blocker->started)
		return 0;
	return task_pid_nr_ns(task, ns);
}

/*
 * The name is what its task likes to be called. Of it only what is visible ASCII
 * is shown as it is, and all else, and the backslash, in octal: so it is one word
 * that cannot be taken for more, whatever splits the line. The terminating NUL is
 * escaped if there is nothing else, as no name has one inside.
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

static int format_reason(const struct kpatch_blocker *blocker, char *buf,
			 size_t size)
{
	const char *text = reason_text[blocker->reason];

	if (blocker->reason == KPATCH_IDLE ||
	    blocker->reason == KPATCH_OFFLINE || blocker->reason == KPATCH_CPU)
		return scnprintf(buf, size, "%s %u", text, blocker->cpu);
	return scnprintf(buf, size, "%s%s", text,
			 blocker->kthread ? ", kernel thread" : "");
}

/**
 * kpatch_format_blocker() - one line about a task that stood in the way
 * @blocker: the task
 * @ns: the PID namespace of the reader
 * @buf: filled in: thread id, name, function, reason; only the last one may have
 *	blanks
 * @size: of @buf, in bytes
 *
 * Context: process context.
 *
 * Return: length of the line, without a newline.
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

/**
 * kpatch_patch_known() - is this patch registered, all the way?
 * @kpmod: the patch; it may be anything, it is only compared
 *
 * Return: true if it is.
 */
bool kpatch_patch_known(const struct kpatch_module *kpmod)
{
	const struct kpatch_module *known;

	lockdep_assert_held(&kpatch_mutex);
	list_for_each_entry(known, &patches, list) {
		if (known == kpmod)
			return known->ready;
	}
	return false;
}

/**
 * kpatch_patch_of() - the patch of a module
 * @mod: the module
 *
 * Context: any but interrupts. The patch stays registered if kpatch_mutex is held,
 * or if nobody else can withdraw it.
 *
 * Return: the patch, also while it is being registered; %NULL if there is none.
 */
struct kpatch_module *kpatch_patch_of(const struct module *mod)
{
	struct kpatch_module *known, *found = NULL;

	spin_lock(&patches_lock);
	list_for_each_entry(known, &patches, list) {
		if (known->mod == mod)
			found = known;
	}
	spin_unlock(&patches_lock);
	return found;
}

static int check_patch(const struct kpatch_module *kpmod)
{
	if (!kpmod->mod) {
		pr_err("a patch without a module; set mod to THIS_MODULE and build it as a module (%d)\n",
		       -EINVAL);
		return -EINVAL;
	}
	if (!kpmod->funcs || !kpmod->num_funcs) {
		pr_err("'%s': no function to patch; set funcs and num_funcs (%d)\n",
		       kpmod->mod->name, -EINVAL);
		return -EINVAL;
	}
	if (kpatch_patch_of(kpmod->mod)) {
		pr_err("'%s': is registered already; a module can have one patch (%d)\n",
		       kpmod->mod->name, -EEXIST);
		return -EEXIST;
	}
	return 0;
}

/**
 * kpatch_patch_add() - check a patch and add it to the list, disabled
 * @kpmod: the patch as the patch module filled it in
 *
 * Return: 0, or an errno as kpatch_register() lists them, with a line logged.
 */
int kpatch_patch_add(struct kpatch_module *kpmod)
{
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	ret = check_patch(kpmod);
	if (ret)
		return ret;
	ret = kpatch_resolve(kpmod);
	if (ret == -ENOMEM)
		pr_err("'%s': cannot register: out of memory; try again with more of it (%d)\n",
		       kpmod->mod->name, ret);
	if (ret)
		return ret;
	kpmod->ready = false;
	spin_lock(&patches_lock);
	list_add_tail(&kpmod->list, &patches);
	spin_unlock(&patches_lock);
	return 0;
}

/**
 * kpatch_patch_del() - take a disabled patch off the list
 * @kpmod: the patch
 *
 * The caller frees what kpatch_resolve() allocated once sysfs is done with it.
 */
void kpatch_patch_del(struct kpatch_module *kpmod)
{
	lockdep_assert_held(&kpatch_mutex);
	spin_lock(&patches_lock);
	list_del(&kpmod->list);
	spin_unlock(&patches_lock);
}

/* What to do about those who stood in the way. */
static const char *remedy(const struct kpatch_blocker *first, int err)
{
	if (err == -EDEADLK)
		return "a switch needs this function itself, leave it out";
	if (first->reason == KPATCH_OFFLINE)
		return "bring that CPU online, then try again";
	if (first->reason == KPATCH_EXITING)
		return "there was no memory to keep track of them; try again";
	return "try again when they have left";
}

static void log_failure(const struct kpatch_module *kpmod, const char *what,
			int err)
{
	const struct kpatch_report *report = kpmod->report;
	unsigned int total = atomic_read(&report->total);
	const char *name = kpmod->mod->name;
	char line[KPATCH_BLOCKER_LEN];

	if (err == -ENOMEM) {
		pr_err("'%s': cannot %s: out of memory; try again with more of it (%d)\n",
		       name, what, err);
	} else if (err == -EINTR) {
		pr_err("'%s': cannot %s: whoever asks for it was killed; ask again (%d)\n",
		       name, what, err);
	} else if (err == -ETIME) {
		pr_err("'%s': cannot %s: looking at all tasks takes longer than the machine may be stopped; raise /sys/module/kpatch/parameters/stop_budget_us (%d)\n",
		       name, what, err);
	} else if (!total) {
		pr_err("'%s': cannot %s: NMIs keep running its functions; try again (%d)\n",
		       name, what, err);
	} else {
		kpatch_format_blocker(&report->blocker[0], &init_pid_ns, line,
				      sizeof(line));
		pr_err("'%s': cannot %s: blocked by %u task(s), first is %s; %s (%d)\n",
		       name, what, total, line,
		       remedy(&report->blocker[0], err), err);
	}
}

static void log_hook(const struct kpatch_module *kpmod,
		     const struct kpatch_func *culprit, int err)
{
	const char *name = kpmod->mod->name;
	char func[KSYM_NAME_LEN] = "?";

	/* The function that ftrace refused, if it was a certain one. */
	if (culprit)
		kpatch_symbol_name(culprit->addr, func);
	switch (err) {
	case -EBUSY:
		pr_err("'%s': function '%s' is taken by a live patch, a probe or a direct caller, or ftrace is switched off; remove that, or set kernel.ftrace_enabled=1 (%d)\n",
		       name, func, err);
		break;
	case -EOPNOTSUPP:
		pr_err("'%s': function '%s' has a tracing site that is disabled; patch its callers instead (%d)\n",
		       name, func, err);
		break;
	case -EAGAIN:
		pr_err("'%s': a BPF trampoline of one of its functions is being changed; try again (%d)\n",
		       name, -EBUSY);
		break;
	case -ENOMEM:
		pr_err("'%s': cannot hook its functions for want of memory; try again with more (%d)\n",
		       name, err);
		break;
	default:
		pr_err("'%s': cannot hook its functions, ftrace is out of order; reboot (%d)\n",
		       name, err);
	}
}

static int hook_patch(struct kpatch_module *kpmod)
{
	struct kpatch_func *culprit = NULL;
	int ret;

	ret = kpatch_hook(kpmod->funcs, kpmod->num_funcs, &culprit);
	if (ret)
		log_hook(kpmod, culprit, ret);
	/* Who writes and gets -EAGAIN may poll() for ever. */
	return ret == -EAGAIN ? -EBUSY : ret;
}

/* A dry run that succeeds parks nobody, but tells how many it would have to. */
static void log_dry_run(const struct kpatch_module *kpmod, const char *what)
{
	unsigned int total = kpatch_report_total(kpmod->report);
	char line[KPATCH_BLOCKER_LEN];

	if (!total)
		return;
	kpatch_format_blocker(&kpmod->report->blocker[0], &init_pid_ns, line,
			      sizeof(line));
	pr_notice("'%s': to %s it %u task(s) would have to be parked, first is %s\n",
		  kpmod->mod->name, what, total, line);
}

/* Enable a patch, or find out whether it could be. */
static int enable_patch(struct kpatch_module *kpmod, bool dry_run)
{
	int ret;

	/* Text that calls lead to must stay; disable_patch() puts it. */
	if (!try_module_get(kpmod->mod)) {
		pr_err("'%s': cannot enable: the module is being unloaded; load it again (%d)\n",
		       kpmod->mod->name, -ENODEV);
		return -ENODEV;
	}
	ret = hook_patch(kpmod);
	if (ret)
		goto put_module;
	ret = kpatch_switch(kpmod, true, dry_run);
	if (ret)
		log_failure(kpmod, "enable", ret);
	else if (dry_run)
		log_dry_run(kpmod, "enable");
	if (ret || dry_run)
		goto unhook;
	add_taint(TAINT_LIVEPATCH, LOCKDEP_STILL_OK);
	return 0;

unhook:
	kpatch_unhook(kpmod->funcs, kpmod->num_funcs);
put_module:
	module_put(kpmod->mod);
	return ret;
}

/* The first function of @kpmod that a newer patch has replaced again. */
static struct kpatch_func *find_newer(struct kpatch_module *kpmod)
{
	struct kpatch_func *top;
	unsigned int i;

	for (i = 0; i < kpmod->num_funcs; i++) {
		if (kpatch_is_kept(&kpmod->funcs[i]))
			continue;
		top = kpatch_table_top(kpmod->funcs[i].ip);
		if (top != &kpmod->funcs[i])
			return top;
	}
	return NULL;
}

/*
 * Disable a patch, or find out whether it could be.
 *
 * When this has disabled it no task, interrupt, NMI, trampoline or saved address
 * can reach the text of the module: the scan saw no such task, and kpatch_unhook()
 * has waited for handlers and for whoever was in a trampoline. So the module may go
 * from here on.
 */
static int disable_patch(struct kpatch_module *kpmod, bool dry_run)
{
	struct kpatch_func *newer;
	int ret;

	newer = find_newer(kpmod);
	if (newer) {
		pr_err("'%s': cannot disable: '%s' has patched '%ps' since; disable that first (%d)\n",
		       kpmod->mod->name, newer->mod->name, (void *)newer->addr,
		       -EBUSY);
		return -EBUSY;
	}
	ret = kpatch_switch(kpmod, false, dry_run);
	if (ret)
		log_failure(kpmod, "disable", ret);
	else if (dry_run)
		log_dry_run(kpmod, "disable");
	if (ret || dry_run)
		return ret;
	kpatch_unhook(kpmod->funcs, kpmod->num_funcs);
	module_put(kpmod->mod);
	return 0;
}

static int switch_patch(struct kpatch_module *kpmod, bool on, bool dry_run)
{
	bool is_on = kpmod->state == KPATCH_ON;
	int ret;

	if (on == is_on)
		return 0;
	ret = on ? enable_patch(kpmod, dry_run) : disable_patch(kpmod, dry_run);
	on_change(kpmod);
	return ret;
}

/**
 * kpatch_patch_on_change() - say who is to be told of changes
 * @changed: called under kpatch_mutex after each attempt to switch a patch,
 *	whoever asked for it and whatever came of it: the state of the patch, its
 *	report, and which functions are live, of other patches, too, may differ
 *	from what they were before
 *
 * To be called once, before the first patch is registered.
 */
void __init kpatch_patch_on_change(void (*changed)(struct kpatch_module *kpmod))
{
	on_change = changed;
}

/**
 * kpatch_patch_enable() - enable a registered patch
 * @kpmod: the patch
 *
 * Return: 0 if it is enabled, now or before; an errno as kpatch_enable() lists
 * them, with nothing changed and a line logged.
 */
int kpatch_patch_enable(struct kpatch_module *kpmod)
{
	lockdep_assert_held(&kpatch_mutex);
	return switch_patch(kpmod, true, false);
}

/**
 * kpatch_patch_disable() - disable a registered patch
 * @kpmod: the patch
 *
 * Return: 0 if it is disabled, now or before; an errno as kpatch_disable()
 * lists them, with nothing changed and a line logged.
 */
int kpatch_patch_disable(struct kpatch_module *kpmod)
{
	lockdep_assert_held(&kpatch_mutex);
	return switch_patch(kpmod, false, false);
}

/**
 * kpatch_patch_live() - do calls of a function run this version of it?
 * @func: a function of a registered patch
 *
 * Context: any.
 *
 * Return: true if its patch is enabled and no newer one has replaced it.
 */
bool kpatch_patch_live(const struct kpatch_func *func)
{
	/* As for the handler: who was in here before a stop is not after it. */
	guard(preempt)();
	return kpatch_table_live(func->ip) == func;
}

/**
 * kpatch_patch_switch() - enable or disable a patch
 * @kpmod: the patch; need not be registered any more
 * @on: which of the two
 * @dry_run: only find out whether it could be done
 *
 * Context: process context, sleeps, takes kpatch_mutex.
 *
 * Return: 0 if the patch is as wanted, now or before, or could be if this is a
 * dry run; an errno as kpatch_enable() and kpatch_disable() list them, with
 * nothing changed and a line logged.
 */
int kpatch_patch_switch(struct kpatch_module *kpmod, bool on, bool dry_run)
{
	enum kpatch_state before;
	int ret = -ENODEV;

	mutex_lock(&kpatch_mutex);
	if (kpatch_patch_known(kpmod)) {
		before = kpmod->state;
		ret = switch_patch(kpmod, on, dry_run);
		if (kpmod->state != before)
			pr_notice("%s patch module \"%s\"\n",
				  on ? "enabled" : "disabled",
				  kpmod->mod->name);
	} else {
		pr_err("cannot switch a patch that is not registered; register it first (%d)\n",
		       ret);
	}
	mutex_unlock(&kpatch_mutex);
	return ret;
}
