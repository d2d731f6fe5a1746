// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects of a patch, vmlinux and modules: the functions of each, and the ranges of their
 * old and new text.
 *
 * An object is bound when the addresses of its functions and its ranges are known.
 * It is bound while its patch is enabled and the module is loaded, and otherwise only
 * within an operation: no address is kept while the patch is disabled.
 */
#include "common.h"

#include <linux/minmax.h>
#include <linux/module.h>

#include "bind.h"
#include "func.h"
#include "object.h"
#include "original.h"
#include "symbol.h"
#include "target.h"

/* A name that no module can have would wait for it forever. */
static bool is_module_name(const char *name)
{
	size_t len = strlen(name);

	return len && len < MODULE_NAME_LEN && strcspn(name, "-/ .") == len;
}

static struct kpatch_object *find_object(struct kpatch_patch *patch,
					 const char *name)
{
	struct kpatch_object *object;

	kpatch_for_each_object(object, patch) {
		if (!strcmp(object->name, name))
			return object;
	}
	return NULL;
}

/* Return the object of that name, made if there is none; an errno on failure. */
static struct kpatch_object *get_object(struct kpatch_patch *patch,
					const char *name)
{
	struct kpatch_object *object;
	int ret;

	name = name ?: KPATCH_VMLINUX;
	object = find_object(patch, name);
	if (object)
		return object;
	if (!is_module_name(name) || !strcmp(name, patch->kpmod->mod->name)) {
		ret = kpatch_refuse(KPATCH_CAUSE_OBJNAME, .kpmod = patch->kpmod,
				    .names = name);
		return ERR_PTR(ret);
	}
	object = kzalloc_obj(*object, GFP_KERNEL);
	if (!object) {
		ret = kpatch_refuse(KPATCH_CAUSE_NO_MEMORY, .kpmod = patch->kpmod,
				    .action = "register");
		return ERR_PTR(ret);
	}
	object->patch = patch;
	strscpy(object->name, name, sizeof(object->name));
	INIT_LIST_HEAD(&object->funcs);
	INIT_LIST_HEAD(&object->replaced);
	list_add_tail(&object->list, &patch->objects);
	return object;
}

static void add_func(struct kpatch_object *object, struct kpatch_func *func)
{
	func->kpmod = object->patch->kpmod;
	func->object = object;
	list_add_tail(&func->in_object, &object->funcs);
	if (!kpatch_is_kept(func))
		list_add_tail(&func->in_replaced, &object->replaced);
}

static void add_state(struct kpatch_object *object, struct kpatch_state *state)
{
	state->object = object;
	state->instance = NULL;
	list_add_tail(&state->list, &object->patch->states);
}

static bool is_same(const struct kpatch_func *a, const struct kpatch_func *b)
{
	return a->old_name && b->old_name && !strcmp(a->old_name, b->old_name) &&
	       max(a->sympos, 1UL) == max(b->sympos, 1UL);
}

/*
 * The addresses of functions of a module that is not loaded are not known, but they
 * must have different names. Those of vmlinux are compared by address.
 */
static int check_twice(const struct kpatch_object *object)
{
	const struct kpatch_func *a, *b;

	if (kpatch_is_vmlinux(object))
		return 0;
	kpatch_for_each_func(a, object) {
		kpatch_for_each_func(b, object) {
			if (a == b)
				break;
			if (is_same(a, b))
				return kpatch_refuse(KPATCH_CAUSE_TWICE,
						     .func = a);
		}
	}
	return 0;
}

/**
 * kpatch_object_has_name() - test whether a function of an object has a given name
 * @object: the object
 * @func: a function of another patch, in an object of the same name
 *
 * Return: true if @object has one with that name and position, which it replaces.
 */
bool kpatch_object_has_name(const struct kpatch_object *object,
			    const struct kpatch_func *func)
{
	const struct kpatch_func *own;

	kpatch_for_each_replaced(own, object) {
		if (is_same(own, func))
			return true;
	}
	return false;
}

/**
 * kpatch_objects_create() - make the objects of a patch
 * @patch: the patch; @kpmod is set, @objects and @states are empty
 *
 * Adds each function and each state to its object. kpatch_objects_free() must be called afterwards,
 * whatever this returns.
 *
 * Context: process context, may sleep.
 *
 * Return: 0; -EINVAL or -ENOMEM with a line logged.
 */
int kpatch_objects_create(struct kpatch_patch *patch)
{
	const struct kpatch_module *kpmod = patch->kpmod;
	struct kpatch_object *object;
	unsigned int i;
	int ret;

	for (i = 0; i < kpmod->num_funcs; i++) {
		object = get_object(patch, kpmod->funcs[i].objname);
		if (IS_ERR(object))
			return PTR_ERR(object);
		add_func(object, &kpmod->funcs[i]);
	}
	kpatch_for_each_object(object, patch) {
		ret = check_twice(object);
		if (ret)
			return ret;
	}
	for (i = 0; i < kpmod->num_states; i++) {
		object = get_object(patch, kpmod->states[i].objname);
		if (IS_ERR(object))
			return PTR_ERR(object);
		add_state(object, &kpmod->states[i]);
	}
	for (i = 0; i < kpmod->num_symbols; i++) {
		object = get_object(patch, kpmod->symbols[i].objname);
		if (IS_ERR(object))
			return PTR_ERR(object);
	}
	for (i = 0; i < kpmod->num_build_ids; i++) {
		object = get_object(patch, kpmod->build_ids[i].objname);
		if (IS_ERR(object))
			return PTR_ERR(object);
	}
	return 0;
}

/**
 * kpatch_objects_free() - free the objects of a patch
 * @patch: the patch; none of them is bound or named
 */
void kpatch_objects_free(struct kpatch_patch *patch)
{
	struct kpatch_object *object, *next;

	list_for_each_entry_safe(object, next, &patch->objects, list) {
		list_del(&object->list);
		kfree(object);
	}
}

/*
 * The first address of an old function that counts as inside. A task whose next
 * instruction is the hook, or that holds a pointer to the function, is not inside:
 * it will be redirected. So the text begins behind the first byte of the hook. A
 * kept clone has no hook.
 */
static unsigned long old_start(const struct kpatch_func *func)
{
	return kpatch_is_kept(func) ? func->addr : func->ip + 1;
}

/* kpatch_func_resolve() has added the parts that were split off. */
static int build_old_text(struct kpatch_object *object)
{
	struct kpatch_func *func;
	int ret;

	kpatch_for_each_func(func, object) {
		ret = kpatch_ranges_add(&object->old_text, old_start(func),
					func->addr + func->old_size,
					KPATCH_RANGE_OLD, func);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Add a part or a clone of the patch module, which may belong to any of its functions.
 * Helpers of the patch have some, too; counting these only delays a switch.
 */
static int add_new_part(void *data, const struct kpatch_variant *variant)
{
	struct kpatch_object *object = data;

	return kpatch_ranges_add(&object->new_text, variant->start, variant->end,
				 KPATCH_RANGE_OLD, NULL);
}

/*
 * A task on its way into a replacement holds the address of its start, so the text
 * of a replacement includes that.
 */
static int build_new_text(struct kpatch_object *object,
			  const struct kpatch_symtab *own)
{
	struct kpatch_func *func;
	unsigned long start;
	int ret;

	kpatch_for_each_replaced(func, object) {
		start = (unsigned long)func->new_addr;
		ret = kpatch_ranges_add(&object->new_text, start,
					start + func->new_size,
					KPATCH_RANGE_OLD, func);
		if (ret)
			return ret;
		ret = kpatch_original_add_text(func, &object->new_text);
		if (ret)
			return ret;
	}
	return kpatch_symtab_on_each_part(own, add_new_part, object);
}

static void forget(struct kpatch_object *object)
{
	kpatch_func_forget(object);
	kpatch_ranges_clear(&object->old_text);
	kpatch_ranges_clear(&object->new_text);
	object->mod = NULL;
	object->bound = false;
}

static int bind(struct kpatch_object *object, const struct kpatch_symtab *tab,
		const struct kpatch_symtab *own)
{
	int ret;

	ret = kpatch_bind_check_build(object);
	if (ret)
		return ret;
	ret = kpatch_func_resolve(object, tab);
	if (ret)
		return ret;
	ret = build_old_text(object);
	if (ret)
		return ret;
	ret = build_new_text(object, own);
	if (ret)
		return ret;
	ret = kpatch_bind_symbols(object, tab);
	if (ret)
		return ret;
	if (!object->told)
		kpatch_func_log_aliases(object, tab);
	object->told = true;
	return 0;
}

static int bind_module(struct kpatch_object *object,
		       const struct kpatch_symtab *own)
{
	struct kpatch_symtab tab;
	int ret;

	ret = kpatch_symtab_load(&tab, object->mod);
	if (!ret)
		ret = kpatch_symtab_index(&tab);
	if (!ret)
		ret = bind(object, &tab, own);
	kpatch_symtab_free(&tab);
	return ret;
}

/**
 * kpatch_object_bind() - find the functions and symbols of an object, and their text
 * @object: the object; nothing is done if it is bound. If it is a module that is not
 *	loaded, its functions are checked as far as possible, and it is not bound.
 * @own: symbols of the patch module
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: 0, or an errno as kpatch_register() lists them, with a line logged and
 * the object not bound.
 */
int kpatch_object_bind(struct kpatch_object *object,
		       const struct kpatch_symtab *own)
{
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (object->bound)
		return 0;
	object->has_aliases = false;
	ret = kpatch_func_check(object, own);
	if (ret)
		return ret;
	if (kpatch_is_vmlinux(object)) {
		ret = bind(object, NULL, own);
	} else {
		object->mod = kpatch_target_find(object->name);
		if (!object->mod)
			return 0;
		ret = bind_module(object, own);
	}
	if (ret == -ENOMEM)
		kpatch_refuse(KPATCH_CAUSE_NO_MEMORY,
			      .kpmod = object->patch->kpmod,
			      .action = "find its functions");
	if (ret)
		forget(object);
	object->bound = !ret;
	return ret;
}

/**
 * kpatch_object_unbind() - forget all addresses of an object
 * @object: the object, neither pinned nor hooked nor in the handler's table; nothing
 *	is done if it is not bound
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_object_unbind(struct kpatch_object *object)
{
	lockdep_assert_held(&kpatch_mutex);
	if (object->bound)
		forget(object);
}

/**
 * kpatch_object_pin() - keep a module that a patch changes or uses from being unloaded
 * @object: the object; nothing is done if it is vmlinux
 *
 * The init of a module that is being loaded may still fail, which no reference prevents.
 * So it can be pinned only when it has returned.
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: 0; -ENOENT or -EBUSY with a line logged.
 */
int kpatch_object_pin(struct kpatch_object *object)
{
	enum kpatch_cause cause = KPATCH_CAUSE_NONE;

	lockdep_assert_held(&kpatch_mutex);
	if (kpatch_is_vmlinux(object) || object->pinned)
		return 0;
	if (!object->bound)
		cause = KPATCH_CAUSE_NOT_LOADED;
	else if (!try_module_get(object->mod))
		cause = KPATCH_CAUSE_NOT_LIVE;
	else if (object->mod->state == MODULE_STATE_LIVE)
		WRITE_ONCE(object->pinned, true);
	if (!cause && !object->pinned) {
		module_put(object->mod);
		cause = KPATCH_CAUSE_NOT_LIVE;
	}
	return kpatch_refuse(cause, .kpmod = object->patch->kpmod,
			     .names = object->name);
}

/**
 * kpatch_object_unpin() - undo kpatch_object_pin()
 * @object: the object, bound if it is pinned; nothing is done if it is not
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_object_unpin(struct kpatch_object *object)
{
	lockdep_assert_held(&kpatch_mutex);
	if (object->pinned)
		module_put(object->mod);
	WRITE_ONCE(object->pinned, false);
}
