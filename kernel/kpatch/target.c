// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules that patches name: which of them are loaded.
 *
 * For kpatch a module is loaded from kpatch_module_coming() to kpatch_module_going(),
 * whatever its state: ftrace accepts its functions only from the first call on, and its
 * exit function runs before the second. Most modules are named by no patch. For these
 * the two calls must not wait for an operation, so they take only a spinlock.
 */
#include "common.h"

#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "target.h"

/*
 * Protects the list of names and kpatch_alive of each module. A patch adds its names
 * first and looks for the modules then; a module does the opposite. So either the patch
 * finds the module alive, or the module finds its name.
 */
static DEFINE_SPINLOCK(objects_lock);

/* Objects of registered patches that are modules. */
static LIST_HEAD(named_objects);

static bool is_named(const char *name)
{
	const struct kpatch_object *object;

	lockdep_assert_held(&objects_lock);
	list_for_each_entry(object, &named_objects, named) {
		if (!strcmp(object->name, name))
			return true;
	}
	return false;
}

/**
 * kpatch_target_add() - announce that a patch names a module
 * @object: the object of the patch; nothing is done if it is vmlinux
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_target_add(struct kpatch_object *object)
{
	if (kpatch_is_vmlinux(object))
		return;
	spin_lock(&objects_lock);
	list_add_tail(&object->named, &named_objects);
	spin_unlock(&objects_lock);
}

/**
 * kpatch_target_del() - undo kpatch_target_add()
 * @object: the object of the patch, not bound
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_target_del(struct kpatch_object *object)
{
	if (kpatch_is_vmlinux(object))
		return;
	spin_lock(&objects_lock);
	list_del(&object->named);
	spin_unlock(&objects_lock);
}

/**
 * kpatch_target_is_named() - test whether a registered patch names a module
 * @name: name of the module
 *
 * Return: true if one does.
 */
bool kpatch_target_is_named(const char *name)
{
	bool named;

	spin_lock(&objects_lock);
	named = is_named(name);
	spin_unlock(&objects_lock);
	return named;
}

/**
 * kpatch_target_is_pinned() - test whether a patch pins a module
 * @mod: the module
 *
 * Return: true if an enabled patch does.
 */
bool kpatch_target_is_pinned(const struct module *mod)
{
	const struct kpatch_object *object;
	bool pinned = false;

	spin_lock(&objects_lock);
	list_for_each_entry(object, &named_objects, named) {
		if (READ_ONCE(object->pinned) && !strcmp(object->name, mod->name))
			pinned = true;
	}
	spin_unlock(&objects_lock);
	return pinned;
}

/**
 * kpatch_target_find() - find a module that is loaded
 * @name: its name, which a registered patch names
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: the module, which stays as long as kpatch_mutex is held: its
 * kpatch_module_going() waits for that. %NULL if it is not loaded.
 */
struct module *kpatch_target_find(const char *name)
{
	struct module *mod;

	lockdep_assert_held(&kpatch_mutex);
	spin_lock(&objects_lock);
	/* For find_module(), on any kernel. */
	scoped_guard(preempt) {
		mod = find_module(name);
		if (mod && !mod->kpatch_alive)
			mod = NULL;
	}
	spin_unlock(&objects_lock);
	return mod;
}

/**
 * kpatch_target_comes() - a module is about to be loaded
 * @mod: the module
 *
 * Context: process context.
 *
 * Return: false if no registered patch names it: it is loaded now. True if the caller
 * has to take kpatch_mutex and to call kpatch_target_came().
 */
bool kpatch_target_comes(struct module *mod)
{
	bool named;

	spin_lock(&objects_lock);
	named = is_named(mod->name);
	mod->kpatch_alive = !named;
	spin_unlock(&objects_lock);
	return named;
}

/**
 * kpatch_target_came() - a module that was named is loaded now
 * @mod: the module
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_target_came(struct module *mod)
{
	lockdep_assert_held(&kpatch_mutex);
	spin_lock(&objects_lock);
	mod->kpatch_alive = true;
	spin_unlock(&objects_lock);
}

/**
 * kpatch_target_goes() - a module is not loaded any more
 * @mod: the module
 *
 * Context: process context.
 *
 * Return: true if an operation or a patch may know it, so that the caller has to take
 * kpatch_mutex and to unbind it. A patch that has hooked its functions may be gone while
 * the hooks still exist.
 */
bool kpatch_target_goes(struct module *mod)
{
	bool known;

	spin_lock(&objects_lock);
	mod->kpatch_alive = false;
	known = is_named(mod->name) || mod->kpatch_hooked;
	spin_unlock(&objects_lock);
	return known;
}
