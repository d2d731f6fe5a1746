// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that are exported to patch modules, and initialisation.
 *
 * The files of this directory form four groups. A file calls only files that are
 * listed after it.
 *
 *   Requests     core.c module.c sysfs.c request.c
 *   Patches      choice.c confirm.c patch.c state.c object.c bind.c func.c target.c
 *                memory.c
 *   Switching    switch.c evict.c txn.c unchecked.c tasks.c track.c cpus.c park.c scan.c
 *                saved.c exiting.c hook.c handler.c
 *   Leaves       report.c shadow.c symbol.c ranges.c debug.c
 *
 * When 1 is written to the file "enabled" of a patch, sysfs.c passes the request to
 * request.c, whose kernel thread carries it out while the requester waits: patch.c pins
 * the module, finds its functions (object.c, func.c), hooks them (hook.c), and has the
 * set switched (switch.c). Each attempt scans all tasks
 * (tasks.c, scan.c). User tasks that are blockers are parked (evict.c, park.c). If
 * there is no blocker, the machine is stopped and the transaction commits (txn.c,
 * handler.c).
 */
#include "common.h"

#include <linux/export.h>
#include <linux/init.h>
#include <linux/moduleparam.h>

#include "choice.h"
#include "confirm.h"
#include "patch.h"
#include "request.h"
#include "sysfs.h"

static bool enable = true;
module_param(enable, bool, 0644);
MODULE_PARM_DESC(enable, "enable patches when they are loaded");

static bool kpatch_ready __ro_after_init;

/* Publish and enable a patch. */
static int publish(struct kpatch_module *kpmod, struct kpatch_requester *by)
{
	bool off = kpmod->flags & KPATCH_LOAD_DISABLED || !READ_ONCE(enable);
	struct kpatch_patch *patch = kpmod->patch;
	int ret;

	ret = kpatch_sysfs_check(patch);
	if (ret)
		return ret;
	ret = kpatch_sysfs_add(patch);
	if (ret)
		return kpatch_refuse(KPATCH_CAUSE_SYSFS, .kpmod = kpmod,
				     .err = ret);
	return kpatch_choice_load(patch, off ? KPATCH_OFF : KPATCH_ON, by);
}

/*
 * One operation: so the addresses of the functions that are checked are those that are
 * hooked. If it fails after the patch was published, @data becomes the patch, which is
 * off the list; the requester removes its files.
 */
static int run_load(const struct kpatch_request *request,
		    struct kpatch_requester *by)
{
	struct kpatch_module *kpmod = request->kpmod;
	struct kpatch_patch **failed = request->data;
	int ret;

	ret = kpatch_patch_add(kpmod);
	if (ret)
		return ret;
	ret = publish(kpmod, by);
	if (ret) {
		*failed = kpmod->patch;
		kpatch_patch_del(*failed);
		return ret;
	}
	kpatch_log_loaded(kpmod);
	return 0;
}

/**
 * kpatch_register() - register a patch and enable it
 * @kpmod: the patch. The caller has filled in its part of the structure, and of each
 *	function. Members that the core owns may hold anything.
 *
 * Finds and checks all functions and symbols, except those of modules that are not
 * loaded, creates the patch's directory in /sys/kernel/kpatch, and enables the patch as
 * kpatch_enable() does, unless %KPATCH_LOAD_DISABLED or the kernel parameter
 * kpatch.enable=0 is set. Does either all of this or nothing.
 *
 * On success @kpmod and its functions belong to the core until kpatch_unregister()
 * has succeeded, and the module is pinned while the patch is enabled.
 *
 * Context: process context, sleeps; usually the init of the patch module. There it
 * must be the last step that can fail: if the init of a module fails, its text is
 * freed.
 *
 * Return: 0, or an errno, with a line in the log that names function and remedy. If several
 * functions are refused there is a line for each, at most 20 of an object, and the errno is
 * that of the first:
 *
 * * -EINVAL - no patch, no module, neither functions nor states, unknown @flags;
 *   neither or both of name and address; not the start of a function, init code, data;
 *   @sympos out of range; the same function twice; a new function outside the module's
 *   text; a function with clones that the patch does not list, or wrong flags for a
 *   clone, see &enum kpatch_func_flags; @kpmod or its functions in memory that cannot
 *   be written or does not stay: init, read-only or constant data, the stack; a name
 *   that no module can have, or that is of a patch module; an address in a module
 * * -ENOENT - there is no symbol of that name; if it was inlined or renamed, the line
 *   names the symbols that exist
 * * -ENOTUNIQ - there are several, and @sympos does not choose one
 * * -EOPNOTSUPP - the function cannot be traced
 * * -ENOEXEC - the patch was made for another build, or has relocations that come too
 *   late for their section
 * * -EEXIST - the module has registered a patch already
 * * -EDEADLK - some task is always in the function: a kernel thread was started with
 *   it, or a switch itself runs it
 * * -ENODEV - kpatch failed to initialise at boot
 * * any errno of kpatch_enable()
 */
int kpatch_register(struct kpatch_module *kpmod)
{
	struct kpatch_patch *failed = NULL;
	struct kpatch_request request = {
		.run = run_load,
		.data = &failed,
		.kpmod = kpmod,
		.action = KPATCH_LOAD,
	};
	int ret;

	if (!kpmod)
		return kpatch_refuse(KPATCH_CAUSE_NO_PATCH);
	if (!kpatch_ready)
		return kpatch_refuse(KPATCH_CAUSE_NOT_STARTED);
	ret = kpatch_patch_check(kpmod);
	if (ret)
		return ret;
	request.name = kpmod->mod->name;
	ret = kpatch_request(&request);
	if (failed)
		kpatch_sysfs_forget(failed);
	return ret;
}
EXPORT_SYMBOL_GPL(kpatch_register);

/**
 * kpatch_unregister() - unregister a disabled patch
 * @kpmod: the patch
 *
 * On success @kpmod and its functions are the caller's again.
 *
 * Context: process context, sleeps; usually the exit of the patch module.
 *
 * Return: 0; -EBUSY if the patch is enabled or on trial, which does not happen in the
 * exit of its module, as that is pinned then; -ENOENT if the patch is not registered;
 * -EDEADLK in a callback of a patch.
 */
int kpatch_unregister(struct kpatch_module *kpmod)
{
	struct kpatch_patch *patch;

	if (kpatch_request_in_callback())
		return kpatch_refuse(KPATCH_CAUSE_IN_CALLBACK,
				     .action = "unregister");
	scoped_guard(mutex, &kpatch_mutex) {
		if (!kpatch_patch_known(kpmod))
			return kpatch_refuse(KPATCH_CAUSE_NOT_REGISTERED,
					     .action = "unregister",
					     .err = -ENOENT);
		patch = kpmod->patch;
		if (kpmod->status != KPATCH_OFF || patch->switching)
			return kpatch_refuse(KPATCH_CAUSE_ENABLED,
					     .kpmod = kpmod);
		if (kpatch_confirm_holds(patch))
			return kpatch_refuse(KPATCH_CAUSE_HELD_BY_TRIAL,
					     .kpmod = kpmod);
		kpatch_patch_del(patch);
	}
	kpatch_sysfs_forget(patch);
	kpatch_log_unloaded(kpmod);
	return 0;
}
EXPORT_SYMBOL_GPL(kpatch_unregister);

/* The name is for messages: only the operation finds out whether the patch exists. */
static int request_switch(struct kpatch_module *kpmod, enum kpatch_action action)
{
	return kpatch_request_switch(kpmod, "(by a call)", action, 0, 0);
}

/**
 * kpatch_enable() - enable a patch
 * @kpmod: the patch, registered
 *
 * The same as writing 1 to the file "enabled" of the patch. When this returns 0, each
 * call of its functions runs the new code, on all CPUs, and no old code is running,
 * except in functions that have %KPATCH_UNCHECKED set.
 *
 * Context: process context, sleeps until the deadline (kpatch.deadline_ms) at most, and
 * as long as callbacks of the patch take. The
 * machine is stopped for a moment. Not from CPU hotplug callbacks.
 *
 * Return: 0 if the patch is enabled, now or before; or, with nothing changed,
 *
 * * -EBUSY - a task stayed inside a function that is to be replaced, or a CPU did not
 *   run its stopper, see "blockers"; or livepatch or a probe owns the function; or
 *   NMIs kept running it; or a BPF trampoline was being changed; or an earlier
 *   operation did not end in time
 * * -EDEADLK - the caller itself is inside, or the task that carries out the switch,
 *   or the idle or stopper task of a CPU; or a kernel thread has been started with
 *   one of the functions
 * * -ETIME - the machine would have had to be stopped for longer than
 *   kpatch.stop_budget_us allows
 * * -EINTR - the caller received a fatal signal
 * * -EPERM - kpatch.spare_isolated is set, and a CPU is isolated
 * * any errno of a callback that has refused
 * * -EOPNOTSUPP - the tracing site of a function is disabled
 * * -ENODEV - the patch is not registered, its module is being unloaded, or
 *   ftrace has been disabled by an internal error
 * * -ENOMEM
 */
int kpatch_enable(struct kpatch_module *kpmod)
{
	return request_switch(kpmod, KPATCH_ENABLE);
}
EXPORT_SYMBOL_GPL(kpatch_enable);

/**
 * kpatch_disable() - disable a patch
 * @kpmod: the patch, registered
 *
 * The same as writing 0 to the file "enabled" of the patch. When this returns 0, the
 * text of the patch module cannot be reached any more, and the module may be
 * unloaded; unless a function has %KPATCH_UNCHECKED set: then rmmod fails for ever.
 *
 * Context: process context, sleeps until the deadline (kpatch.deadline_ms), and after
 * the switch until tasks have left the hooks. The machine is stopped for a moment. Not
 * from CPU hotplug callbacks, and not from the text of the patch module: a caller there
 * is inside.
 *
 * Return: 0 if the patch is disabled, now or before; or, with nothing changed,
 *
 * * -EBUSY - a task stayed inside the text of the patch module, or a CPU did not run
 *   its stopper, see "blockers"; or a newer patch has replaced one of the functions
 *   again; or NMIs kept running them; or an earlier operation did not end in time
 * * -EDEADLK - the caller itself is inside
 * * -EPERM - as for kpatch_enable(), or a state of the patch is permanent
 * * -ETIME, -EINTR, any errno of a callback - as for kpatch_enable()
 * * -ENODEV - the patch is not registered
 * * -ENOMEM
 */
int kpatch_disable(struct kpatch_module *kpmod)
{
	return request_switch(kpmod, KPATCH_DISABLE);
}
EXPORT_SYMBOL_GPL(kpatch_disable);

/**
 * kpatch_switch_patches() - enable and disable several patches at one instant
 * @wanted: the patches, each once
 * @nr: number of elements in @wanted
 *
 * The same as writing to the file "switch". All patches are switched in one transaction:
 * either all of them become as wanted, or none changes. A patch that is as wanted stays as
 * it is. Among those that are enabled by this, the later ones in @wanted are newer.
 *
 * Context: as kpatch_enable() and kpatch_disable().
 *
 * Return: 0 if all patches are as wanted, now or before; or, with nothing changed, -EINVAL
 * if a patch is in @wanted twice or has another @status than the two, or any errno of
 * kpatch_enable() and kpatch_disable().
 */
int kpatch_switch_patches(const struct kpatch_wanted *wanted, unsigned int nr)
{
	struct kpatch_choice *choices;
	unsigned int i;
	int ret = 0;

	choices = kvcalloc(nr, sizeof(*choices), GFP_KERNEL);
	if (!choices)
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .action = "switch");
	for (i = 0; i < nr && !ret; i++) {
		choices[i].kpmod = wanted[i].kpmod;
		choices[i].to = wanted[i].status;
		if (!wanted[i].kpmod)
			ret = kpatch_refuse(KPATCH_CAUSE_NO_PATCH);
		else if (wanted[i].status != KPATCH_ON && wanted[i].status != KPATCH_OFF)
			ret = kpatch_refuse(KPATCH_CAUSE_WANTED, .number = i);
	}
	if (!ret)
		ret = kpatch_request_switch_several(choices, nr, "(by a call)", 0, 0);
	kvfree(choices);
	return ret;
}
EXPORT_SYMBOL_GPL(kpatch_switch_patches);

static int __init kpatch_init(void)
{
	int ret;

	ret = kpatch_sysfs_init();
	if (ret)
		return ret;
	ret = kpatch_request_init();
	if (ret)
		return ret;
	kpatch_ready = true;
	return 0;
}
subsys_initcall(kpatch_init);
