// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registered patches, and operations that switch them.
 *
 * An operation prepares each patch of a set (pin, bind, hook), switches all of them
 * at one instant, and then undoes the preparation of those that are OFF.
 */
#include "common.h"

#include <linux/init.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/panic.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include "cpus.h"
#include "func.h"
#include "handler.h"
#include "hook.h"
#include "memory.h"
#include "object.h"
#include "patch.h"
#include "switch.h"
#include "txn.h"

/**
 * DOC: Patch states
 *
 * ======== ========== ========================================================
 * from     to         by
 * ======== ========== ========================================================
 * (none)   OFF        kpatch_register()
 * OFF      ADDING     kpatch_switch(): module pinned, functions bound and hooked
 * ADDING   ON         kpatch_switch(): committed
 * ADDING   OFF        kpatch_switch(): not committed
 * ON       REMOVING   kpatch_switch()
 * REMOVING OFF        kpatch_switch(): committed; then unhooked and unpinned
 * REMOVING ON         kpatch_switch(): not committed
 * OFF      (none)     kpatch_unregister(), or kpatch_register() that failed
 * ======== ========== ========================================================
 *
 * While no operation is carried out a patch is OFF or ON. Its module is pinned
 * exactly while the state is not OFF, so rmmod of an enabled patch fails.
 */

/* Registered patches. Writers hold kpatch_mutex and patches_lock, readers either. */
static LIST_HEAD(patches);
static DEFINE_SPINLOCK(patches_lock);

/*
 * Enabled patches in the order in which they were enabled. This order decides which
 * patch is newer; the buckets of the handler's table follow it, since an operation
 * adds functions to both in one critical section.
 */
static LIST_HEAD(enabled_patches);

static void (*on_change)(struct kpatch_patch *patch) __ro_after_init;

/**
 * kpatch_patch_known() - test whether a patch is registered
 * @kpmod: the patch; only its address is compared, so it may be anything
 *
 * Return: true if it is.
 */
bool kpatch_patch_known(const struct kpatch_module *kpmod)
{
	const struct kpatch_patch *patch;

	lockdep_assert_held(&kpatch_mutex);
	list_for_each_entry(patch, &patches, list) {
		if (patch->kpmod == kpmod)
			return true;
	}
	return false;
}

/**
 * kpatch_patch_of() - find the patch of a module
 * @mod: the module
 *
 * Context: any but interrupts. The patch stays registered while kpatch_mutex is held,
 * or while no other task can unregister it.
 *
 * Return: the patch, also while it is being registered; %NULL if there is none.
 */
struct kpatch_patch *kpatch_patch_of(const struct module *mod)
{
	struct kpatch_patch *patch, *found = NULL;

	spin_lock(&patches_lock);
	list_for_each_entry(patch, &patches, list) {
		if (patch->kpmod->mod == mod)
			found = patch;
	}
	spin_unlock(&patches_lock);
	return found;
}

static int check_memory(const struct kpatch_module *kpmod)
{
	enum kpatch_cause cause;

	cause = kpatch_memory_check(kpmod, sizeof(*kpmod));
	if (cause)
		return kpatch_refuse(cause, .kpmod = kpmod,
				     .action = "its struct kpatch_module");
	cause = kpatch_memory_check(kpmod->funcs,
				    array_size(kpmod->num_funcs,
					       sizeof(*kpmod->funcs)));
	return kpatch_refuse(cause, .kpmod = kpmod,
			     .action = "its array of functions");
}

/**
 * kpatch_patch_check() - check all of a patch except its functions
 * @kpmod: the patch as its module defined it
 *
 * Context: process context, the task that registers the patch.
 *
 * Return: 0, or an errno as kpatch_register() lists them, with a line logged.
 */
int kpatch_patch_check(const struct kpatch_module *kpmod)
{
	if (!kpmod->mod)
		return kpatch_refuse(KPATCH_CAUSE_NO_MODULE);
	if (!kpmod->funcs || !kpmod->num_funcs)
		return kpatch_refuse(KPATCH_CAUSE_NO_FUNCS, .kpmod = kpmod);
	if (kpmod->flags & ~KPATCH_LOAD_DISABLED)
		return kpatch_refuse(KPATCH_CAUSE_MODULE_FLAGS, .kpmod = kpmod,
				     .number = kpmod->flags);
	return check_memory(kpmod);
}

/**
 * kpatch_patch_free() - free what the core keeps for a patch
 * @patch: the patch, off the list; %NULL is allowed
 */
void kpatch_patch_free(struct kpatch_patch *patch)
{
	kfree(patch);
}

/**
 * kpatch_patch_add() - check the functions of a patch and add it to the list, disabled
 * @kpmod: the patch, as kpatch_patch_check() has found it fit; sets @patch
 *
 * Binds the patch, to check its functions, and leaves it bound. Must be followed by
 * kpatch_patch_finish_add() or kpatch_patch_del(), with kpatch_mutex held in between.
 *
 * Return: 0, or an errno as kpatch_register() lists them, with a line logged.
 */
int kpatch_patch_add(struct kpatch_module *kpmod)
{
	struct kpatch_patch *patch;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (kpatch_patch_of(kpmod->mod))
		return kpatch_refuse(KPATCH_CAUSE_REGISTERED, .kpmod = kpmod);
	patch = kzalloc_obj(*patch, GFP_KERNEL);
	if (!patch)
		return kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .kpmod = kpmod,
				     .action = "register");
	kpmod->state = KPATCH_OFF;
	kpmod->patch = patch;
	patch->kpmod = kpmod;
	INIT_LIST_HEAD(&patch->enabled);
	kpatch_object_init(&patch->object, patch);
	ret = kpatch_object_bind(&patch->object);
	if (ret) {
		kpatch_patch_free(patch);
		return ret;
	}
	kpatch_func_log_aliases(&patch->object);
	spin_lock(&patches_lock);
	list_add_tail(&patch->list, &patches);
	spin_unlock(&patches_lock);
	return 0;
}

/**
 * kpatch_patch_del() - take a disabled patch off the list
 * @patch: the patch
 *
 * The caller frees it with kpatch_patch_free() once it is gone from sysfs.
 */
void kpatch_patch_del(struct kpatch_patch *patch)
{
	lockdep_assert_held(&kpatch_mutex);
	kpatch_object_unbind(&patch->object);
	spin_lock(&patches_lock);
	list_del(&patch->list);
	spin_unlock(&patches_lock);
}

static int refuse_hook(const struct kpatch_patch *patch,
		       enum kpatch_cause cause,
		       const struct kpatch_refused *refused)
{
	return kpatch_refuse(cause, .kpmod = patch->kpmod,
			     .action = "hook its functions",
			     .addr = refused->addr, .err = refused->err);
}

/* Pin the module of @patch, find its addresses and hook its functions. */
static int prepare_enable(struct kpatch_patch *patch)
{
	struct kpatch_refused refused = {};
	enum kpatch_cause cause;
	int ret;

	if (!try_module_get(patch->kpmod->mod))
		return kpatch_refuse(KPATCH_CAUSE_UNLOADING,
				     .kpmod = patch->kpmod);
	ret = kpatch_object_bind(&patch->object);
	if (ret)
		goto put_module;
	cause = kpatch_hook(&patch->object, &refused);
	if (cause) {
		ret = refuse_hook(patch, cause, &refused);
		goto unbind;
	}
	return 0;

unbind:
	kpatch_object_unbind(&patch->object);
put_module:
	module_put(patch->kpmod->mod);
	return ret;
}

/* Test whether @patch replaces a function with the same site as @func. */
static bool has_site(const struct kpatch_patch *patch,
		     const struct kpatch_func *func)
{
	const struct kpatch_func *own;

	if (!kpatch_hook_is_shared(func))
		return false;
	for (own = kpatch_next_hooked(&patch->object, NULL); own;
	     own = kpatch_next_hooked(&patch->object, own)) {
		if (own->site == func->site)
			return true;
	}
	return false;
}

static bool goes_off(const struct kpatch_patch *patch,
		     const struct kpatch_change *changes, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (changes[i].patch == patch)
			return changes[i].to == KPATCH_OFF;
	}
	return false;
}

/*
 * Find a function by which a newer patch has replaced a function of @patch again.
 * Only patches that stay enabled count. Return %NULL if there is none.
 */
static const struct kpatch_func *
find_newer(const struct kpatch_patch *patch,
	   const struct kpatch_change *changes, unsigned int nr)
{
	const struct kpatch_patch *newer;
	const struct kpatch_func *func;

	list_for_each_entry_reverse(newer, &enabled_patches, enabled) {
		if (newer == patch)
			break;
		if (goes_off(newer, changes, nr))
			continue;
		for (func = kpatch_next_hooked(&newer->object, NULL); func;
		     func = kpatch_next_hooked(&newer->object, func)) {
			if (has_site(patch, func))
				return func;
		}
	}
	return NULL;
}

static int prepare_disable(const struct kpatch_patch *patch,
			   const struct kpatch_change *changes, unsigned int nr,
			   const struct kpatch_requester *by)
{
	const struct kpatch_func *newer = find_newer(patch, changes, nr);

	if (!newer)
		return 0;
	return kpatch_refuse(KPATCH_CAUSE_COVERED, .kpmod = patch->kpmod,
			     .names = newer->mod->name, .addr = newer->addr,
			     .quiet = by->quiet);
}

/* This may take long if tasks in trampolines do not get to run: publish the time. */
static void remove_hooks(struct kpatch_patch *patch)
{
	u64 start = ktime_get_mono_fast_ns();

	kpatch_unhook_and_wait(&patch->object);
	patch->stats.unhook_ns = ktime_get_mono_fast_ns() - start;
}

/*
 * A patch that is OFF needs neither hooks nor addresses nor its module. After
 * kpatch_unhook() no handler looks at its functions. If it was not enabled by this
 * operation, none has redirected a call, and that suffices; the hooks that it no
 * longer needs are removed by kpatch_hook_release(), after the verdict.
 *
 * If it was disabled by this operation, no task, interrupt, NMI, trampoline or saved
 * address can reach the text of its module any more: the scan found no such task, and
 * kpatch_unhook_and_wait() waits for tasks in trampolines as well. So the module may
 * be unloaded from here on.
 */
static void finish_change(struct kpatch_change *change)
{
	struct kpatch_patch *patch = change->patch;
	enum kpatch_state state = patch->kpmod->state;

	if (state == KPATCH_ON && change->from == KPATCH_OFF) {
		list_add_tail(&patch->enabled, &enabled_patches);
		add_taint(TAINT_LIVEPATCH, LOCKDEP_STILL_OK);
	}
	if (state != KPATCH_OFF)
		return;
	list_del_init(&patch->enabled);
	if (change->from == KPATCH_OFF)
		kpatch_unhook(&patch->object);
	else
		remove_hooks(patch);
	kpatch_object_unbind(&patch->object);
	module_put(patch->kpmod->mod);
}

static int prepare(struct kpatch_change *changes, unsigned int nr,
		   const struct kpatch_requester *by)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++) {
		if (changes[i].to == KPATCH_ON)
			ret = prepare_enable(changes[i].patch);
		else
			ret = prepare_disable(changes[i].patch, changes, nr, by);
		if (ret)
			goto undo;
	}
	return 0;

undo:
	while (i--)
		finish_change(&changes[i]);
	return ret;
}

/*
 * All operations interrupt all CPUs: they hook or unhook, or stop the machine. One that
 * is for no task takes down a patch whose module goes, and cannot be refused.
 */
static int check_isolated(const struct kpatch_patch *patch, const char *action,
			  const struct kpatch_requester *by)
{
	const struct cpumask *cpus;

	if (!by->task)
		return 0;
	cpus = kpatch_cpus_spared();
	if (!cpus)
		return 0;
	return kpatch_refuse(KPATCH_CAUSE_ISOLATED, .kpmod = patch->kpmod,
			     .action = action, .cpus = cpus);
}

/* Switch a set of patches at one instant, or log why that is not possible. */
static int operate(struct kpatch_change *changes, unsigned int nr,
		   unsigned int flags, struct kpatch_requester *by)
{
	struct kpatch_patch *patch = changes[0].patch;
	const char *action = changes[0].to == KPATCH_ON ? "enable" : "disable";
	enum kpatch_cause cause;
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++)
		memset(&changes[i].patch->report, 0,
		       sizeof(changes[i].patch->report));
	ret = check_isolated(patch, action, by);
	if (ret)
		return ret;
	ret = prepare(changes, nr, by);
	if (ret)
		return ret;
	cause = kpatch_switch(changes, nr, flags, by);
	ret = kpatch_refuse(cause, .kpmod = patch->kpmod, .action = action,
			    .report = &patch->report, .quiet = by->quiet);
	if (!ret && flags & KPATCH_TXN_DRY_RUN)
		kpatch_log_dry_run(patch->kpmod, action, &patch->report);
	/* In this order: later changes are newer. */
	for (i = 0; i < nr; i++)
		finish_change(&changes[i]);
	return ret;
}

/* Switch a set of one patch. */
static int switch_patch(struct kpatch_patch *patch, enum kpatch_state to,
			unsigned int flags, struct kpatch_requester *by)
{
	struct kpatch_change change = {
		.patch = patch,
		.from = patch->kpmod->state,
		.to = to,
	};
	int ret;

	if (change.from == to)
		return 0;
	ret = operate(&change, 1, flags, by);
	if (patch->kpmod->state != change.from)
		WRITE_ONCE(patch->operation, by->number);
	on_change(patch);
	return ret;
}

/**
 * kpatch_patch_on_change() - set the function to call after each operation
 * @changed: called under kpatch_mutex after each operation on a patch, whatever the
 *	result. The state of the patch and its blockers may have changed, and so may
 *	which functions are live, those of other patches included.
 *
 * Must be called once, before the first patch is registered.
 */
void __init kpatch_patch_on_change(void (*changed)(struct kpatch_patch *patch))
{
	on_change = changed;
}

/**
 * kpatch_patch_finish_add() - enable a patch that is being registered, if wanted
 * @patch: the patch, as kpatch_patch_add() left it
 * @to: %KPATCH_ON to enable it, %KPATCH_OFF to leave it disabled
 * @by: the requester
 *
 * Return: 0, or an errno as kpatch_enable() lists them, with a line logged and the
 * patch disabled.
 */
int kpatch_patch_finish_add(struct kpatch_patch *patch, enum kpatch_state to,
			    struct kpatch_requester *by)
{
	int ret = 0;

	lockdep_assert_held(&kpatch_mutex);
	WRITE_ONCE(patch->operation, by->number);
	if (to == KPATCH_ON)
		ret = switch_patch(patch, KPATCH_ON, 0, by);
	else
		kpatch_object_unbind(&patch->object);
	return ret;
}

/**
 * kpatch_patch_disable() - disable a registered patch whose module goes
 * @patch: the patch
 * @by: the requester
 *
 * Interrupts isolated CPUs even if they are to be spared: the text of the module is
 * freed afterwards in any case.
 *
 * Return: 0 if it is disabled, now or before; an errno as kpatch_disable() lists
 * them, with nothing changed and a line logged.
 */
int kpatch_patch_disable(struct kpatch_patch *patch,
			 struct kpatch_requester *by)
{
	lockdep_assert_held(&kpatch_mutex);
	return switch_patch(patch, KPATCH_OFF, 0, by);
}

/**
 * kpatch_patch_live() - test whether calls of a function run this version of it
 * @func: a function of a registered patch
 *
 * Context: any.
 *
 * Return: true if its patch is enabled and no newer one has replaced the function.
 */
bool kpatch_patch_live(const struct kpatch_func *func)
{
	unsigned long ip = READ_ONCE(func->ip);

	/* As in the handler: a stop waits until preemption is on again. */
	guard(preempt)();
	return ip && kpatch_table_live(ip) == func;
}

/**
 * kpatch_patch_switch() - enable or disable a patch, or check whether one could
 * @kpmod: the patch; may have been unregistered meanwhile
 * @action: one of the first four of &enum kpatch_action
 * @by: the requester
 *
 * Context: kernel thread of request.c, sleeps, under kpatch_mutex.
 *
 * Return: 0 if the patch is as requested, now or before, or could be made so; else an
 * errno as kpatch_enable() and kpatch_disable() list them, with nothing changed and a
 * line logged.
 */
int kpatch_patch_switch(struct kpatch_module *kpmod, enum kpatch_action action,
			struct kpatch_requester *by)
{
	bool on = action == KPATCH_ENABLE || action == KPATCH_CHECK_ENABLE;
	bool dry_run = action == KPATCH_CHECK_ENABLE ||
		       action == KPATCH_CHECK_DISABLE;
	enum kpatch_state before;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (!kpatch_patch_known(kpmod))
		return kpatch_refuse(KPATCH_CAUSE_NOT_REGISTERED,
				     .action = "switch", .err = -ENODEV);
	before = kpmod->state;
	ret = switch_patch(kpmod->patch, on ? KPATCH_ON : KPATCH_OFF,
			   dry_run ? KPATCH_TXN_DRY_RUN : 0, by);
	if (kpmod->state != before)
		kpatch_log_switched(kpmod);
	return ret;
}
