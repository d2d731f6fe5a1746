// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of one object, and the ranges of their old and new text.
 *
 * An object is bound when the addresses of its functions and its ranges are known.
 * It is bound while its patch is enabled, and otherwise only within an operation:
 * no address is kept while the patch is disabled.
 */
#include "common.h"

#include <linux/module.h>
#include <linux/module_symbol.h>

#include "func.h"
#include "object.h"
#include "symbol.h"

/**
 * kpatch_object_init() - prepare the object of a patch
 * @object: the object, zeroed
 * @patch: the patch; all its functions are in vmlinux
 */
void kpatch_object_init(struct kpatch_object *object,
			struct kpatch_patch *patch)
{
	object->patch = patch;
	object->name = "vmlinux";
	object->funcs = patch->kpmod->funcs;
	object->num_funcs = patch->kpmod->num_funcs;
}

static int add_symbol(void *data, const char *name, unsigned long addr)
{
	/* Section and mapping symbols lie in the middle of functions. */
	if (!*name || is_mapping_symbol(name))
		return 0;
	return kpatch_ranges_add(data, addr, addr, 0, NULL);
}

/* List all symbols of @mod, data included, each up to the next one. */
static int list_symbols(struct module *mod, struct kpatch_ranges *symbols)
{
	int ret;

	ret = kpatch_on_each_module_symbol(mod, add_symbol, symbols);
	kpatch_ranges_sort(symbols);
	kpatch_ranges_join(symbols, ULONG_MAX);
	return ret;
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

	for (func = object->funcs; func < kpatch_funcs_end(object); func++) {
		ret = kpatch_ranges_add(&object->old_text, old_start(func),
					func->addr + func->old_size,
					KPATCH_RANGE_OLD, func);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * struct part_search - a search for parts and clones among the symbols of a module
 * @object: the object that gets their text
 * @symbols: all symbols of the module
 */
struct part_search {
	struct kpatch_object *object;
	const struct kpatch_ranges *symbols;
};

/*
 * Add a part or a clone, which may belong to any function of the module. Helpers of
 * the patch have some, too; counting these only delays a switch.
 */
static int add_new_part(void *data, const char *name, unsigned long addr)
{
	const struct part_search *search = data;
	struct kpatch_object *object = search->object;
	struct module *mod = object->patch->kpmod->mod;

	if (kpatch_name_kind(name) == KPATCH_KIND_OWN ||
	    !within_module_mem_type(addr, mod, MOD_TEXT))
		return 0;
	return kpatch_ranges_add(&object->new_text, addr,
				 addr + kpatch_func_new_size(mod, search->symbols,
							     addr),
				 KPATCH_RANGE_OLD, NULL);
}

/*
 * A task on its way into a replacement holds the address of its start, so the text
 * of a replacement includes that.
 */
static int build_new_text(struct kpatch_object *object,
			  const struct kpatch_ranges *symbols)
{
	struct part_search search = { .object = object, .symbols = symbols };
	struct kpatch_func *func;
	unsigned long start;
	int ret;

	for (func = kpatch_next_hooked(object, NULL); func;
	     func = kpatch_next_hooked(object, func)) {
		start = (unsigned long)func->new_addr;
		ret = kpatch_ranges_add(&object->new_text, start,
					start + func->new_size,
					KPATCH_RANGE_OLD, func);
		if (ret)
			return ret;
	}
	return kpatch_on_each_module_symbol(object->patch->kpmod->mod,
					    add_new_part, &search);
}

static void forget(struct kpatch_object *object)
{
	kpatch_func_forget(object);
	kpatch_ranges_clear(&object->old_text);
	kpatch_ranges_clear(&object->new_text);
}

static int bind(struct kpatch_object *object, struct kpatch_ranges *symbols)
{
	int ret;

	ret = list_symbols(object->patch->kpmod->mod, symbols);
	if (ret)
		return ret;
	ret = kpatch_func_resolve(object, symbols);
	if (ret)
		return ret;
	ret = build_old_text(object);
	if (ret)
		return ret;
	return build_new_text(object, symbols);
}

/**
 * kpatch_object_bind() - find the functions of an object, and their text
 * @object: the object; nothing is done if it is bound
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: 0, or an errno as kpatch_register() lists them, with a line logged and
 * the object not bound.
 */
int kpatch_object_bind(struct kpatch_object *object)
{
	struct kpatch_ranges symbols = {};
	int ret;

	lockdep_assert_held(&kpatch_mutex);
	if (object->bound)
		return 0;
	object->has_aliases = false;
	ret = bind(object, &symbols);
	kpatch_ranges_clear(&symbols);
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
 * @object: the object, neither hooked nor in the handler's table; nothing is done
 *	if it is not bound
 *
 * Context: process context, under kpatch_mutex.
 */
void kpatch_object_unbind(struct kpatch_object *object)
{
	lockdep_assert_held(&kpatch_mutex);
	if (!object->bound)
		return;
	forget(object);
	object->bound = false;
}
