// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registered patches, and operations that switch them.
 *
 * An operation prepares the patches of a set (pin, bind, hook), switches all of them
 * at one instant, and then undoes the preparation of those that are OFF. A module that
 * is loaded later gets the functions of all enabled patches before its init runs.
 */
#include "common.h"

#include <linux/ctype.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/panic.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include "bind.h"
#include "cpus.h"
#include "handler.h"
#include "hook.h"
#include "memory.h"
#include "object.h"
#include "patch.h"
#include "reloc.h"
#include "state.h"
#include "switch.h"
#include "symbol.h"
#include "target.h"
#include "txn.h"

/**
 * DOC: Patch status
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
 * exactly while the status is not OFF, and during an operation, so rmmod of an enabled
 * patch fails. A switch that gives way to a module returns to the status before.
 */

/* Registered patches. Writers hold kpatch_mutex and patches_lock, readers either. */
static LIST_HEAD(patches);
static DEFINE_SPINLOCK(patches_lock);

/*
 * Enabled patches in the order in which they were enabled. This order decides which
 * patch is newer; the buckets of the handler's table follow it, since an operation
 * adds functions to both in one critical section.
 */
LIST_HEAD(kpatch_enabled_patches);

/* The number of the last registration. Under kpatch_mutex. */
static unsigned long last_serial;

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

static bool is_chosen(const struct kpatch_patch *patch,
		      const struct kpatch_choice *choice)
{
	if (choice->kpmod)
		return patch->kpmod == choice->kpmod;
	return !strcmp(patch->kpmod->mod->name, choice->name);
}

/**
 * kpatch_patch_find() - find a registered patch
 * @choice: the patch, by its address or by its name
 *
 * Return: the patch, %NULL if there is none.
 */
struct kpatch_patch *kpatch_patch_find(const struct kpatch_choice *choice)
{
	struct kpatch_patch *patch;

	lockdep_assert_held(&kpatch_mutex);
	list_for_each_entry(patch, &patches, list) {
		if (is_chosen(patch, choice))
			return patch;
	}
	return NULL;
}

/**
 * kpatch_patch_find_serial() - find a patch by its registration
 * @serial: the number of the registration
 *
 * Return: the patch, %NULL if it was unregistered.
 */
struct kpatch_patch *kpatch_patch_find_serial(unsigned long serial)
{
	struct kpatch_patch *patch;

	lockdep_assert_held(&kpatch_mutex);
	list_for_each_entry(patch, &patches, list) {
		if (patch->serial == serial)
			return patch;
	}
	return NULL;
}

/**
 * kpatch_patch_changed_since() - test whether a later operation has changed a patch
 * @choice: the patch
 * @number: number of an operation
 *
 * Context: any but interrupts.
 *
 * Return: true if an operation after @number has switched or registered the patch, or if
 * there is no such patch.
 */
bool kpatch_patch_changed_since(const struct kpatch_choice *choice,
				unsigned long number)
{
	const struct kpatch_patch *patch;
	bool changed = true;

	spin_lock(&patches_lock);
	list_for_each_entry(patch, &patches, list) {
		if (is_chosen(patch, choice))
			changed = READ_ONCE(patch->operation) > number;
	}
	spin_unlock(&patches_lock);
	return changed;
}

static int check_memory(const struct kpatch_module *kpmod)
{
	enum kpatch_cause cause;

	cause = kpatch_memory_check(kpmod, sizeof(*kpmod));
	if (cause)
		return kpatch_refuse(cause, .kpmod = kpmod,
				     .action = "its struct kpatch_module");
	cause = kpmod->num_funcs ?
		kpatch_memory_check(kpmod->funcs,
				    array_size(kpmod->num_funcs,
					       sizeof(*kpmod->funcs))) :
		KPATCH_CAUSE_NONE;
	if (cause)
		return kpatch_refuse(cause, .kpmod = kpmod,
				     .action = "its array of functions");
	/* The core only reads these. */
	cause = kpatch_memory_check_const(kpmod->symbols,
					  array_size(kpmod->num_symbols,
						     sizeof(*kpmod->symbols)));
	if (cause)
		return kpatch_refuse(cause, .kpmod = kpmod,
				     .action = "its array of symbols");
	cause = kpatch_memory_check_const(kpmod->build_ids,
					  array_size(kpmod->num_build_ids,
						     sizeof(*kpmod->build_ids)));
	return kpatch_refuse(cause, .kpmod = kpmod,
			     .action = "its array of build IDs");
}

static int check_set_name(const struct kpatch_module *kpmod)
{
	const char *c = kpmod->set;
	enum kpatch_cause cause;

	if (!c)
		return 0;
	cause = kpatch_memory_check_const(c, 1);
	if (cause)
		return kpatch_refuse(cause, .kpmod = kpmod,
				     .action = "the name of its set");
	while (isgraph(*c))
		c++;
	if (*c || c == kpmod->set || c - kpmod->set >= MODULE_NAME_LEN)
		cause = KPATCH_CAUSE_SET_NAME;
	return kpatch_refuse(cause, .kpmod = kpmod);
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
	int ret;

	if (!kpmod->mod)
		return kpatch_refuse(KPATCH_CAUSE_NO_MODULE);
	if (kpmod->num_funcs ? !kpmod->funcs : !kpmod->num_states)
		return kpatch_refuse(KPATCH_CAUSE_NO_FUNCS, .kpmod = kpmod);
	if (kpmod->flags & ~(KPATCH_LOAD_DISABLED | KPATCH_PIN_TARGETS | KPATCH_REPLACE))
		return kpatch_refuse(KPATCH_CAUSE_MODULE_FLAGS, .kpmod = kpmod,
				     .number = kpmod->flags);
	ret = check_memory(kpmod);
	if (!ret)
		ret = check_set_name(kpmod);
	if (!ret)
		ret = kpatch_states_check(kpmod);
	return ret ?: kpatch_bind_check(kpmod);
}

/**
 * kpatch_patch_free() - free what the core keeps for a patch
 * @patch: the patch, off the list; %NULL is allowed
 */
void kpatch_patch_free(struct kpatch_patch *patch)
{
	if (!patch)
		return;
	kpatch_objects_free(patch);
	kvfree(patch->replaced);
	kfree(patch);
}

/* A patch module must be free to go, so its functions are not patched themselves. */
static int check_targets(const struct kpatch_patch *patch)
{
	const struct kpatch_module *kpmod = patch->kpmod;
	const struct kpatch_object *object;
	const struct module *mod;

	if (kpatch_target_is_named(kpmod->mod->name))
		return kpatch_refuse(KPATCH_CAUSE_IS_TARGET, .kpmod = kpmod);
	kpatch_for_each_object(object, patch) {
		if (kpatch_is_vmlinux(object))
			continue;
		mod = kpatch_target_find(object->name);
		if (mod && kpatch_patch_of(mod))
			return kpatch_refuse(KPATCH_CAUSE_TARGET_IS_PATCH,
					     .kpmod = kpmod,
					     .names = object->name);
	}
	return 0;
}

/**
 * kpatch_patch_unbind() - forget all addresses of a patch
 * @patch: the patch, neither hooked nor in the handler's table
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_patch_unbind(struct kpatch_patch *patch)
{
	struct kpatch_object *object;

	kpatch_for_each_object(object, patch) {
		kpatch_object_unpin(object);
		kpatch_object_unbind(object);
	}
}

static int bind_objects(struct kpatch_patch *patch)
{
	struct kpatch_object *object;
	struct kpatch_symtab own;
	int ret, err;

	ret = kpatch_symtab_load(&own, patch->kpmod->mod);
	if (ret) {
		kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .kpmod = patch->kpmod,
			      .action = "list its symbols");
		goto free;
	}
	/* After a refusal the log is to name the functions of other objects, too. */
	kpatch_for_each_object(object, patch) {
		err = kpatch_object_bind(object, &own);
		ret = ret ?: err;
		if (err == -ENOMEM)
			break;
	}
	if (ret)
		kpatch_patch_unbind(patch);
free:
	kpatch_symtab_free(&own);
	return ret;
}

/* Add a patch to the list and its objects to those that modules look for. */
static void publish(struct kpatch_patch *patch)
{
	struct kpatch_object *object;

	kpatch_for_each_object(object, patch)
		kpatch_target_add(object);
	spin_lock(&patches_lock);
	list_add_tail(&patch->list, &patches);
	spin_unlock(&patches_lock);
}

static void withdraw(struct kpatch_patch *patch)
{
	struct kpatch_object *object;

	kpatch_for_each_object(object, patch)
		kpatch_target_del(object);
	spin_lock(&patches_lock);
	list_del(&patch->list);
	spin_unlock(&patches_lock);
}

/**
 * kpatch_patch_add() - check the functions of a patch and add it to the list, disabled
 * @kpmod: the patch, as kpatch_patch_check() has found it fit; sets @patch
 *
 * Binds the patch, to check its functions, and leaves it bound. Must be followed by
 * kpatch_choice_load() or kpatch_patch_del(), with kpatch_mutex held in between.
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
	kpmod->status = KPATCH_OFF;
	kpmod->patch = patch;
	patch->kpmod = kpmod;
	patch->serial = ++last_serial;
	patch->stats.since_ns = ktime_get_boottime_ns();
	INIT_LIST_HEAD(&patch->enabled);
	INIT_LIST_HEAD(&patch->objects);
	INIT_LIST_HEAD(&patch->states);
	ret = kpatch_objects_create(patch) ?: kpatch_relocs_check(patch);
	if (ret)
		goto free;
	/* Before modules are looked for, see target.c. */
	publish(patch);
	ret = check_targets(patch);
	if (!ret)
		ret = bind_objects(patch);
	if (ret)
		goto withdraw;
	return 0;

withdraw:
	withdraw(patch);
free:
	kpatch_patch_free(patch);
	return ret;
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
	kpatch_patch_unbind(patch);
	withdraw(patch);
}

/*
 * Hook the objects that are bound, of all patches that are enabled. Nothing is done for a
 * module that is not loaded.
 */
static int hook_set(const struct kpatch_change *changes, unsigned int nr)
{
	struct kpatch_refused refused = {};
	enum kpatch_cause cause = kpatch_hook(changes, nr, &refused);

	if (!cause)
		return 0;
	return kpatch_refuse(cause, .kpmod = refused.patch->kpmod,
			     .action = "hook its functions",
			     .addr = refused.addr, .err = refused.err);
}

static int pin_objects(struct kpatch_patch *patch)
{
	struct kpatch_object *object;
	int ret;

	if (!(patch->kpmod->flags & KPATCH_PIN_TARGETS))
		return 0;
	kpatch_for_each_object(object, patch) {
		ret = kpatch_object_pin(object);
		if (ret)
			return ret;
	}
	return 0;
}

/* Find the addresses of @patch. undo_enable() must follow. */
static int prepare_enable(struct kpatch_patch *patch)
{
	return bind_objects(patch) ?: pin_objects(patch);
}

/* Test whether @patch replaces a function with the same site as @func. */
static bool has_site(const struct kpatch_patch *patch,
		     const struct kpatch_func *func)
{
	const struct kpatch_object *object;
	struct kpatch_func *own;

	if (!kpatch_hook_is_shared(func))
		return false;
	kpatch_for_each_object(object, patch) {
		if (!object->hooked || strcmp(object->name, func->object->name))
			continue;
		kpatch_for_each_replaced(own, object) {
			if (own->site == func->site)
				return true;
		}
	}
	return false;
}

/* Find a function of @newer that @patch replaces, too. */
static const struct kpatch_func *
find_shared(const struct kpatch_patch *newer, const struct kpatch_patch *patch)
{
	const struct kpatch_object *object;
	struct kpatch_func *func;

	kpatch_for_each_object(object, newer) {
		if (!object->hooked)
			continue;
		kpatch_for_each_replaced(func, object) {
			if (has_site(patch, func))
				return func;
		}
	}
	return NULL;
}

/* Find a function of @object that @patch replaces, too, going by the names. */
static const struct kpatch_func *
find_name_in(const struct kpatch_object *object, const struct kpatch_patch *patch)
{
	const struct kpatch_object *other;
	struct kpatch_func *func;

	kpatch_for_each_object(other, patch) {
		if (strcmp(object->name, other->name))
			continue;
		kpatch_for_each_replaced(func, object) {
			if (kpatch_object_has_name(other, func))
				return func;
		}
	}
	return NULL;
}

/*
 * Find a function of @newer that @patch replaces, too, in a module that is not loaded: only
 * the names can be compared.
 */
static const struct kpatch_func *
find_same_name(const struct kpatch_patch *newer, const struct kpatch_patch *patch)
{
	const struct kpatch_func *func = NULL;
	const struct kpatch_object *object;

	kpatch_for_each_object(object, newer) {
		if (!object->bound)
			func = find_name_in(object, patch);
		if (func)
			break;
	}
	return func;
}

/**
 * kpatch_patch_same_name() - test whether two patches replace a function of one name
 * @a: one patch
 * @b: the other one; neither has to be hooked
 *
 * Return: true if they do. A function with several names may be missed.
 */
bool kpatch_patch_same_name(const struct kpatch_patch *a, const struct kpatch_patch *b)
{
	const struct kpatch_object *object;

	kpatch_for_each_object(object, a) {
		if (find_name_in(object, b))
			return true;
	}
	return false;
}

/* Refuse that @patch replaces a function that @other, of another set, replaces. */
static int check_other_set(const struct kpatch_patch *patch,
			   const struct kpatch_patch *other)
{
	const struct kpatch_func *func;

	if (!strcmp(kpatch_set_of(patch), kpatch_set_of(other)))
		return 0;
	func = find_shared(patch, other) ?: find_same_name(patch, other);
	if (!func)
		return 0;
	return kpatch_refuse(KPATCH_CAUSE_OTHER_SET, .func = func,
			     .names = other->kpmod->mod->name,
			     .action = kpatch_set_of(other));
}

/**
 * kpatch_patch_goes_off() - test whether a transaction disables a patch
 * @patch: the patch
 * @changes: the patches of the transaction
 * @nr: number of elements in @changes
 *
 * Return: true if it does.
 */
bool kpatch_patch_goes_off(const struct kpatch_patch *patch,
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

	list_for_each_entry_reverse(newer, &kpatch_enabled_patches, enabled) {
		if (newer == patch)
			break;
		if (kpatch_patch_goes_off(newer, changes, nr))
			continue;
		func = find_shared(newer, patch);
		if (func)
			return func;
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

/* Later changes are newer. */
static void update_order(struct kpatch_change *changes, unsigned int nr)
{
	struct kpatch_change *change;
	enum kpatch_status status;

	for (change = changes; change < changes + nr; change++) {
		status = change->patch->kpmod->status;
		if (status == KPATCH_OFF) {
			list_del_init(&change->patch->enabled);
		} else if (change->from == KPATCH_OFF) {
			list_add_tail(&change->patch->enabled, &kpatch_enabled_patches);
			add_taint(TAINT_LIVEPATCH, LOCKDEP_STILL_OK);
		}
	}
}

/*
 * Undo all that prepare_enable() has done for patches that are OFF, after functions were
 * redirected or not. No handler looks at the functions any more afterwards.
 */
static void undo_enable(struct kpatch_change *changes, unsigned int nr)
{
	struct kpatch_object *object;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (changes[i].patch->kpmod->status != KPATCH_OFF)
			continue;
		kpatch_for_each_object(object, changes[i].patch)
			kpatch_unhook(object);
	}
	kpatch_hook_wait();
	for (i = 0; i < nr; i++) {
		if (changes[i].patch->kpmod->status == KPATCH_OFF)
			kpatch_patch_unbind(changes[i].patch);
	}
}

static bool was_disabled(const struct kpatch_change *change)
{
	return change->from == KPATCH_ON &&
	       change->patch->kpmod->status == KPATCH_OFF;
}

/*
 * Remove the hooks of patches that were disabled. This may take long if tasks in
 * trampolines do not get to run: publish the time, and let others use the mutex. The
 * patches are OFF, and stay registered as long as they are @switching.
 */
static void release_hooks(struct kpatch_change *changes, unsigned int nr)
{
	u64 start = ktime_get_mono_fast_ns();
	unsigned int i;

	mutex_unlock(&kpatch_mutex);
	kpatch_hook_release_and_wait();
	mutex_lock(&kpatch_mutex);
	for (i = 0; i < nr; i++) {
		if (was_disabled(&changes[i]))
			changes[i].patch->stats.unhook_ns =
				ktime_get_mono_fast_ns() - start;
	}
}

/*
 * A patch that is OFF needs neither hooks nor addresses nor its module. If it was not
 * enabled by this operation, none of its functions has redirected a call, and
 * undo_enable() suffices; the hooks that it no longer needs are removed by
 * kpatch_hook_release(), after the verdict.
 *
 * If it was disabled by this operation, no task, interrupt, NMI, trampoline or saved
 * address can reach the text of its module any more: the scan found no such task, and
 * release_hooks() waits for tasks in trampolines as well. So the module may be unloaded
 * when the operation has ended.
 *
 * release_hooks() comes last, as a module may be loaded while it waits: by then the list
 * of enabled patches and their hooks must be complete.
 */
static void finish_changes(struct kpatch_change *changes, unsigned int nr)
{
	bool off = false, disabled = false;
	unsigned int i;

	update_order(changes, nr);
	for (i = 0; i < nr; i++) {
		off |= changes[i].patch->kpmod->status == KPATCH_OFF;
		disabled |= was_disabled(&changes[i]);
	}
	if (off)
		undo_enable(changes, nr);
	if (disabled)
		release_hooks(changes, nr);
}

/*
 * Check that @change makes no function belong to two sets, beside patches that stay
 * enabled, and those that are enabled by an earlier change.
 */
static int check_sets(const struct kpatch_change *change,
		      const struct kpatch_change *changes, unsigned int nr)
{
	const struct kpatch_change *earlier;
	const struct kpatch_patch *other;
	int ret;

	if (change->to == KPATCH_OFF)
		return 0;
	list_for_each_entry(other, &kpatch_enabled_patches, enabled) {
		ret = kpatch_patch_goes_off(other, changes, nr) ? 0 :
		      check_other_set(change->patch, other);
		if (ret)
			return ret;
	}
	for (earlier = changes; earlier < change; earlier++) {
		ret = earlier->to == KPATCH_OFF ? 0 :
		      check_other_set(change->patch, earlier->patch);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Refuse that a rollback covers a patch that stays enabled. Only patches of the same set can
 * share a function. The one that is rolled back had replaced all of those, so a patch that
 * stays has been enabled since, and is newer.
 */
static int check_restored(const struct kpatch_change *change,
			  const struct kpatch_change *changes, unsigned int nr)
{
	const struct kpatch_patch *other;
	const struct kpatch_func *func;

	if (!change->restored)
		return 0;
	list_for_each_entry(other, &kpatch_enabled_patches, enabled) {
		if (other == change->patch || kpatch_patch_goes_off(other, changes, nr))
			continue;
		func = find_shared(change->patch, other) ?:
		       find_same_name(change->patch, other);
		if (func)
			return kpatch_refuse(KPATCH_CAUSE_NEWER_STAYS, .func = func,
					     .names = other->kpmod->mod->name);
	}
	return 0;
}

/* Whatever this returns, finish_changes() must follow. */
static int prepare(struct kpatch_change *changes, unsigned int nr,
		   const struct kpatch_requester *by)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		if (changes[i].to == KPATCH_ON)
			ret = prepare_enable(changes[i].patch);
		else
			ret = prepare_disable(changes[i].patch, changes, nr, by);
	}
	if (!ret)
		ret = hook_set(changes, nr);
	for (i = 0; i < nr && !ret; i++)
		ret = check_sets(&changes[i], changes, nr) ?:
		      check_restored(&changes[i], changes, nr);
	return ret;
}

/*
 * All operations interrupt all CPUs: they hook or unhook, or stop the machine. One that
 * takes down a patch whose module goes cannot be refused.
 */
static int check_isolated(const struct kpatch_patch *patch, const char *action,
			  const struct kpatch_requester *by)
{
	const struct cpumask *cpus;

	if (by->forced)
		return 0;
	cpus = kpatch_cpus_spared();
	if (!cpus)
		return 0;
	return kpatch_refuse(KPATCH_CAUSE_ISOLATED, .kpmod = patch->kpmod,
			     .action = action, .cpus = cpus);
}

/* Pin the modules of all patches that are OFF. Those of others are pinned. */
static int pin(struct kpatch_change *changes, unsigned int nr)
{
	struct kpatch_patch *patch;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		patch = changes[i].patch;
		if (changes[i].from == KPATCH_OFF &&
		    !try_module_get(patch->kpmod->mod))
			goto undo;
		patch->switching = true;
	}
	return 0;

undo:
	while (i--) {
		changes[i].patch->switching = false;
		if (changes[i].from == KPATCH_OFF)
			module_put(changes[i].patch->kpmod->mod);
	}
	return kpatch_refuse(KPATCH_CAUSE_UNLOADING, .kpmod = patch->kpmod);
}

/* A patch that is ON now keeps its module pinned. */
static void unpin(struct kpatch_change *changes, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		changes[i].patch->switching = false;
		if (changes[i].patch->kpmod->status == KPATCH_OFF)
			module_put(changes[i].patch->kpmod->mod);
	}
}

/*
 * Set up the next state of a patch that is to be enabled. A callback may need symbols, so
 * the patch is bound first. Return 1 if a callback was called: modules may have come and
 * gone meanwhile.
 */
static int set_up_next(struct kpatch_patch *patch, struct kpatch_requester *by)
{
	int ret;

	if (!patch->kpmod->num_states)
		return 0;
	if (READ_ONCE(by->cancel))
		return kpatch_refuse(KPATCH_CAUSE_KILLED, .kpmod = patch->kpmod,
				     .action = "enable", .quiet = by->quiet);
	ret = bind_objects(patch);
	if (!ret)
		ret = pin_objects(patch);
	return ret ?: kpatch_states_set_up(patch, by);
}

/* All patches are bound when this returns 0, and nothing has changed since. */
static int set_up_states(struct kpatch_change *changes, unsigned int nr,
			 struct kpatch_requester *by)
{
	unsigned int i;
	int ret;

restart:
	for (i = 0; i < nr; i++) {
		if (changes[i].to != KPATCH_ON)
			continue;
		ret = set_up_next(changes[i].patch, by);
		if (ret > 0)
			goto restart;
		if (ret)
			return ret;
	}
	return 0;
}

/* Prepare a set of patches, and list the states that it enters and leaves. */
static int prepare_set(struct kpatch_change *changes, unsigned int nr,
		       unsigned int flags, struct kpatch_requester *by,
		       struct kpatch_transitions *transitions)
{
	int ret = 0;

	*transitions = (struct kpatch_transitions) {};
	if (!(flags & KPATCH_TXN_DRY_RUN))
		ret = set_up_states(changes, nr, by);
	if (!ret)
		ret = prepare(changes, nr, by);
	return ret ?: kpatch_states_collect(changes, nr, by, transitions);
}

/* What is not done if the operation fails, for the log. The line names the first patch. */
static const char *action_of(const struct kpatch_change *changes, unsigned int nr)
{
	if (nr > 1)
		return "switch it and others at once";
	return changes[0].to == KPATCH_ON ? "enable" : "disable";
}

/* Make one attempt after the other, as long as the switch has to give way to modules. */
static int switch_prepared(struct kpatch_operation *op, struct kpatch_change *changes,
			   unsigned int nr, unsigned int flags,
			   struct kpatch_requester *by)
{
	const char *action = action_of(changes, nr);
	struct kpatch_patch *patch = changes[0].patch;
	struct kpatch_transitions transitions;
	enum kpatch_cause cause;
	int ret;

	for (;;) {
		ret = prepare_set(changes, nr, flags, by, &transitions);
		if (ret)
			break;
		cause = kpatch_switch(op, &transitions);
		if (cause != KPATCH_CAUSE_GIVE_WAY)
			break;
		kfree(transitions.t);
		transitions.t = NULL;
		finish_changes(changes, nr);
		cause = kpatch_switch_give_way(op);
		if (cause)
			break;
	}
	if (!ret)
		ret = kpatch_refuse(cause, .action = action, .report = &patch->report,
				    .kpmod = cause == KPATCH_CAUSE_VETO ?
					     patch->report.vetoed_by : patch->kpmod,
				    .quiet = by->quiet);
	if (!ret && flags & KPATCH_TXN_DRY_RUN) {
		kpatch_log_dry_run(patch->kpmod, action, &patch->report);
		kpatch_states_log_no_setup(&transitions);
	}
	kfree(transitions.t);
	return ret;
}

/* Refuse what is bound to fail before a callback is called. */
static int check_disable(struct kpatch_change *changes, unsigned int nr,
			 const struct kpatch_requester *by)
{
	struct kpatch_transitions transitions;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		if (changes[i].to == KPATCH_OFF)
			ret = prepare_disable(changes[i].patch, changes, nr, by);
	}
	if (ret)
		return ret;
	ret = kpatch_states_collect(changes, nr, by, &transitions);
	kfree(transitions.t);
	return ret;
}

/*
 * Tell patches that are to be disabled. @told is the number of those that have stopped
 * what they had started.
 */
static int stop_set(struct kpatch_change *changes, unsigned int nr,
		    struct kpatch_requester *by, unsigned int *told)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		if (changes[i].to == KPATCH_OFF)
			ret = kpatch_state_stopping(changes[i].patch, by);
	}
	*told = ret ? i - 1 : i;
	return ret;
}

/*
 * The switch has its verdict: put the states of patches that are disabled, and tell those
 * that are enabled, or still are after they were told that they would not be.
 */
static void start_set(struct kpatch_change *changes, unsigned int nr,
		      struct kpatch_requester *by, unsigned int told)
{
	struct kpatch_patch *patch;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		patch = changes[i].patch;
		if (patch->kpmod->status == KPATCH_OFF)
			kpatch_states_put(patch, by);
	}
	for (i = 0; i < nr; i++) {
		patch = changes[i].patch;
		if (patch->kpmod->status == KPATCH_ON &&
		    (changes[i].from == KPATCH_OFF || i < told))
			kpatch_state_started(patch, by);
	}
}

/* All patches of a set became what they are at one instant, which is now over. */
static void note_time(const struct kpatch_change *changes, unsigned int nr)
{
	u64 now = ktime_get_boottime_ns();
	unsigned int i;

	for (i = 0; i < nr; i++)
		WRITE_ONCE(changes[i].patch->stats.since_ns, now);
}

/* Switch a set whose modules are pinned. May give way to modules that are loaded. */
static int switch_set(struct kpatch_operation *op, struct kpatch_change *changes,
		      unsigned int nr, unsigned int flags,
		      struct kpatch_requester *by)
{
	bool dry_run = flags & KPATCH_TXN_DRY_RUN;
	unsigned int told = 0;
	int ret = 0;

	if (!dry_run)
		ret = check_disable(changes, nr, by);
	if (!ret && !dry_run)
		ret = stop_set(changes, nr, by, &told);
	if (!ret)
		ret = switch_prepared(op, changes, nr, flags, by);
	kpatch_switch_decide(op);
	if (!ret && !dry_run) {
		note_time(changes, nr);
		kpatch_states_commit(changes, nr);
	}
	finish_changes(changes, nr);
	if (!dry_run)
		start_set(changes, nr, by, told);
	return ret;
}

/* Switch a set of patches at one instant, or log why that is not possible. */
static int operate(struct kpatch_change *changes, unsigned int nr,
		   unsigned int flags, struct kpatch_requester *by)
{
	struct kpatch_patch *patch = changes[0].patch;
	const char *action = action_of(changes, nr);
	struct kpatch_operation *op;
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++)
		memset(&changes[i].patch->report, 0,
		       sizeof(changes[i].patch->report));
	ret = check_isolated(patch, action, by);
	if (ret)
		return ret;
	ret = pin(changes, nr);
	if (ret)
		return ret;
	op = kpatch_switch_create(changes, nr, flags, by);
	if (op)
		ret = switch_set(op, changes, nr, flags, by);
	else
		ret = kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .kpmod = patch->kpmod,
				    .action = action);
	kpatch_switch_free(op);
	unpin(changes, nr);
	return ret;
}

/**
 * kpatch_patch_switch() - switch patches at one instant
 * @changes: the patches, each in the status before
 * @nr: number of elements in @changes, at least 1
 * @flags: &enum kpatch_txn_flags
 * @by: the requester
 *
 * Context: kernel thread of request.c, sleeps, under kpatch_mutex.
 *
 * Return: 0 if all are switched, or could be if this is a dry run; else an errno as
 * kpatch_enable() and kpatch_disable() list them, with nothing changed and a line logged.
 */
int kpatch_patch_switch(struct kpatch_change *changes, unsigned int nr,
			unsigned int flags, struct kpatch_requester *by)
{
	struct kpatch_patch *patch;
	unsigned int i;
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	ret = operate(changes, nr, flags, by);
	for (i = 0; i < nr; i++) {
		patch = changes[i].patch;
		if (patch->kpmod->status != changes[i].from)
			WRITE_ONCE(patch->operation, by->number);
	}
	for (i = 0; i < nr; i++)
		on_change(changes[i].patch);
	for (i = 0; i < nr; i++) {
		patch = changes[i].patch;
		if (patch->kpmod->status != changes[i].from && !patch->silent)
			kpatch_log_switched(patch->kpmod);
	}
	return ret;
}

/**
 * kpatch_patch_refused() - note that patches were not switched
 * @changes: the patches; those that were to stay as they are do not count
 * @nr: number of elements in @changes
 * @err: why, a negative errno
 *
 * To be called once at the end of each operation that has failed, except dry runs, and
 * not in an attempt: so whatever refuses the operation, it is noted, and only once.
 * Readers hold no lock, and may see the errno of one refusal with the time of another.
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_patch_refused(const struct kpatch_change *changes, unsigned int nr, int err)
{
	u64 now = ktime_get_boottime_ns();
	unsigned int i;

	lockdep_assert_held(&kpatch_mutex);
	for (i = 0; i < nr; i++) {
		if (changes[i].from == changes[i].to)
			continue;
		WRITE_ONCE(changes[i].patch->stats.refused, -err);
		WRITE_ONCE(changes[i].patch->stats.refused_ns, now);
	}
}

/**
 * kpatch_patch_on_change() - set the function to call after each operation
 * @changed: called under kpatch_mutex after each operation on a patch, whatever the
 *	result. The status of the patch and its blockers may have changed, and so may
 *	which functions are live, those of other patches included.
 *
 * Must be called once, before the first patch is registered.
 */
void __init kpatch_patch_on_change(void (*changed)(struct kpatch_patch *patch))
{
	on_change = changed;
}

static int bind_object(struct kpatch_object *object)
{
	struct kpatch_symtab own;
	int ret;

	ret = kpatch_symtab_load(&own, object->patch->kpmod->mod);
	if (ret)
		kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .kpmod = object->patch->kpmod,
			      .action = "list its symbols");
	else
		ret = kpatch_object_bind(object, &own);
	kpatch_symtab_free(&own);
	return ret;
}

/* Those that are enabled later have not hooked their functions yet, and check then. */
static int check_enabled_sets(const struct kpatch_patch *patch)
{
	const struct kpatch_patch *other;
	int ret;

	list_for_each_entry(other, &kpatch_enabled_patches, enabled) {
		ret = check_other_set(patch, other);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Redirect functions of a module that is being loaded, and enter its states. None of its
 * code runs yet.
 */
static int redirect_object(struct kpatch_object *object)
{
	const struct kpatch_change change = { .patch = object->patch, .to = KPATCH_ON };
	struct kpatch_func *func;
	int ret;

	ret = bind_object(object) ?: hook_set(&change, 1);
	if (ret)
		return ret;
	kpatch_for_each_replaced(func, object)
		kpatch_table_add(func);
	ret = check_enabled_sets(object->patch);
	return ret ?: kpatch_states_come(object->patch, object);
}

/* Undo redirect_object(), also if it has failed. */
static void release_object(struct kpatch_object *object)
{
	struct kpatch_func *func;

	if (object->hooked) {
		kpatch_for_each_replaced(func, object)
			kpatch_table_del(func);
		kpatch_unhook(object);
		kpatch_hook_wait();
	}
	kpatch_object_unbind(object);
}

static struct kpatch_object *object_of(const struct kpatch_patch *patch,
				       const struct module *mod)
{
	struct kpatch_object *object;

	kpatch_for_each_object(object, patch) {
		if (!kpatch_is_vmlinux(object) && !strcmp(object->name, mod->name))
			return object;
	}
	return NULL;
}

/**
 * kpatch_patch_redirect() - redirect functions of a module that is being loaded
 * @mod: the module, which is alive for kpatch, and none of whose code has run
 *
 * Enabled patches do this in the order in which they were enabled, so the newest one
 * wins. It needs no switch: no task can be inside. Disabled patches refuse nothing.
 *
 * Context: process context, sleeps, under kpatch_mutex, while no patch is switched.
 *
 * Return: 0, or an errno as kpatch_enable() lists them, with a line logged and nothing
 * redirected.
 */
int kpatch_patch_redirect(struct module *mod)
{
	struct kpatch_object *object;
	struct kpatch_patch *patch;
	int ret = 0;

	lockdep_assert_held(&kpatch_mutex);
	kpatch_log_loading(mod->name);
	list_for_each_entry(patch, &kpatch_enabled_patches, enabled) {
		object = object_of(patch, mod);
		if (!object)
			continue;
		ret = redirect_object(object);
		if (ret)
			break;
		on_change(patch);
	}
	kpatch_log_loading(NULL);
	if (ret)
		kpatch_patch_forget(mod);
	return ret;
}

static void leave_states(struct kpatch_patch *patch, const struct module *mod)
{
	struct kpatch_object *object = object_of(patch, mod);

	if (object)
		kpatch_states_go(patch, object);
}

/**
 * kpatch_patch_forget() - stop to redirect functions of a module that goes
 * @mod: the module, which is not alive for kpatch any more
 *
 * Tasks in files of the module may still be in a replacement of one of its functions,
 * which may use symbols of the module: the pointers stay until kpatch_patch_clear().
 * Hooks that have no user any more remain until kpatch_hook_release_module().
 *
 * Context: process context, sleeps, under kpatch_mutex, while no patch is switched.
 */
void kpatch_patch_forget(struct module *mod)
{
	struct kpatch_object *object;
	struct kpatch_patch *patch;

	lockdep_assert_held(&kpatch_mutex);
	list_for_each_entry(patch, &patches, list) {
		object = object_of(patch, mod);
		if (object)
			release_object(object);
	}
	/* Now no replacement is called any more that relies on what a state has changed. */
	list_for_each_entry_reverse(patch, &kpatch_enabled_patches, enabled)
		leave_states(patch, mod);
	list_for_each_entry(patch, &patches, list) {
		if (patch->kpmod->status == KPATCH_OFF)
			leave_states(patch, mod);
		if (object_of(patch, mod))
			on_change(patch);
	}
}

/**
 * kpatch_patch_clear() - put the states and symbols of a module that is gone
 * @mod: the module; no task is in it, nor in a replacement of one of its functions
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_patch_clear(const struct module *mod)
{
	struct kpatch_object *object;
	struct kpatch_patch *patch;

	lockdep_assert_held(&kpatch_mutex);
	/* The patch that has left a state releases it, too. */
	list_for_each_entry_reverse(patch, &kpatch_enabled_patches, enabled) {
		object = object_of(patch, mod);
		if (object)
			kpatch_states_gone(patch, object);
	}
	list_for_each_entry(patch, &patches, list) {
		object = object_of(patch, mod);
		if (!object)
			continue;
		kpatch_states_gone(patch, object);
		kpatch_bind_forget(object);
	}
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
