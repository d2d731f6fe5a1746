// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions of a patch: what they are, where they are, and which text
 * nobody may be in when they are switched.
 */
#include "common.h"

#include <linux/ftrace.h>
#include <linux/module_symbol.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/sections.h>

#include "handler.h"
#include "object.h"
#include "redirect.h"
#include "stack.h"
#include "symbol.h"

/* A line in the log: what @fmt says comes right after the function's name. */
static __printf(2, 3)
void func_err(const struct kpatch_func *func, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	pr_err("'%s': function '%s'%pV\n", func->kpmod->mod->name,
	       func->old_name ?: "(by address)", &vaf);
	va_end(args);
}

/* Text that a compiler has split off the old function. */
static int add_part(void *data, unsigned long start, unsigned long end)
{
	struct kpatch_func *func = data;

	return kpatch_ranges_add(func->kpmod->old_ranges, start, end, func);
}

static int find_old_by_name(struct kpatch_func *func)
{
	int ret;

	ret = kpatch_find_function(func->old_name, func->sympos, &func->addr,
				   add_part, func);
	switch (ret) {
	case -ENOENT:
		func_err(func, " is not in this kernel; build the patch for the kernel that runs (%d)",
			 ret);
		break;
	case -ENOTUNIQ:
		func_err(func, " exists more than once; set sympos to say which one (%d)",
			 ret);
		break;
	case -EINVAL:
		func_err(func, " has no symbol number %lu; set sympos to one that exists (%d)",
			 func->sympos, ret);
		break;
	}
	return ret;
}

static int find_old(struct kpatch_func *func)
{
	if (!func->old_name == !func->old_addr) {
		pr_err("'%s': function number %td has %s; set one of old_name and old_addr (%d)\n",
		       func->kpmod->mod->name, func - func->kpmod->funcs,
		       func->old_name ? "a name and an address" :
		       "neither name nor address", -EINVAL);
		return -EINVAL;
	}
	if (func->objname) {
		func_err(func, " is in module '%s'; only functions of the kernel proper can be patched, leave objname unset (%d)",
			 func->objname, -EOPNOTSUPP);
		return -EOPNOTSUPP;
	}
	if (func->old_name)
		return find_old_by_name(func);
	func->addr = func->old_addr;
	return 0;
}

/* Some task sleeps in each of these at any time: they could never be switched. */
static const char * const always_live[] = {
	"schedule", "worker_thread", "kthread", "kthreadd", "do_idle",
	"cpu_stopper_thread", "multi_cpu_stop", "smpboot_thread_fn",
};

static int check_name(void *data, const char *name)
{
	struct kpatch_func *func = data;

	if (match_string(always_live, ARRAY_SIZE(always_live), name) >= 0) {
		func_err(func, " always has some task in it, so it can never be switched; patch what it calls instead (%d)",
			 -EDEADLK);
		return -EDEADLK;
	}
	/* Then find_old_by_name() has met its parts. */
	if (func->old_name && !strcmp(func->old_name, name))
		return 0;
	return kpatch_on_each_part(name, add_part, func);
}

static int check_old(struct kpatch_func *func)
{
	unsigned long addr = func->addr;

	if (init_section_contains((void *)addr, 1)) {
		func_err(func, " is init code, gone since boot; patch what it has set up instead (%d)",
			 -EINVAL);
		return -EINVAL;
	}
	if (!core_kernel_text(addr)) {
		func_err(func, ": %pS is not code of the kernel proper; only its functions can be patched (%d)",
			 (void *)addr, -EINVAL);
		return -EINVAL;
	}
	func->old_size = kpatch_symbol_size(addr);
	if (!func->old_size) {
		func_err(func, ": %pS is not the start of a function; old_addr has to be (%d)",
			 (void *)addr, -EINVAL);
		return -EINVAL;
	}
	func->ip = kpatch_hook_site(addr);
	if (!func->ip) {
		func_err(func, " cannot be traced, so it cannot be patched; patch its callers instead (%d)",
			 -EOPNOTSUPP);
		return -EOPNOTSUPP;
	}
	return kpatch_on_each_name(addr, check_name, func);
}

static int add_symbol(void *data, const char *name, unsigned long addr)
{
	/* Sections and labels are in the middle of a function. */
	if (!*name || is_mapping_symbol(name))
		return 0;
	return kpatch_ranges_add(data, addr, addr, NULL);
}

/* All symbols of @mod, data included, each one as long as it can be. */
static int list_symbols(struct module *mod, struct kpatch_ranges *symbols)
{
	int ret;

	ret = kpatch_on_each_module_symbol(mod, add_symbol, symbols);
	kpatch_ranges_sort(symbols);
	kpatch_ranges_join(symbols, ULONG_MAX);
	return ret;
}

/* How far it is from @addr to the next symbol or the end of the text. */
static unsigned long new_size(const struct module *mod,
			      const struct kpatch_ranges *symbols,
			      unsigned long addr)
{
	const struct module_memory *text = &mod->mem[MOD_TEXT];
	unsigned long end = (unsigned long)text->base + text->size;
	const struct kpatch_range *symbol = kpatch_ranges_find(symbols, addr);

	if (!symbol || symbol->start != addr)
		return 0;
	return min(symbol->end, end) - addr;
}

static int check_new(struct kpatch_func *func,
		     const struct kpatch_ranges *symbols)
{
	unsigned long addr = (unsigned long)func->new_addr;

	if (!within_module_mem_type(addr, func->mod, MOD_TEXT)) {
		func_err(func, ": the new function %pS is not in the text of the patch module; set new_addr to one that is (%d)",
			 func->new_addr, -EINVAL);
		return -EINVAL;
	}
	func->new_size = new_size(func->mod, symbols, addr);
	if (!func->new_size) {
		func_err(func, ": %pS is not the start of a function; new_addr has to be (%d)",
			 func->new_addr, -EINVAL);
		return -EINVAL;
	}
	return 0;
}

static int resolve_func(struct kpatch_module *kpmod, struct kpatch_func *func,
			const struct kpatch_ranges *symbols)
{
	int ret;

	func->ip = 0;
	INIT_HLIST_NODE(&func->node);
	func->kpmod = kpmod;
	func->addr = 0;
	func->old_size = 0;
	func->new_size = 0;
	func->mod = kpmod->mod;

	ret = find_old(func);
	if (!ret)
		ret = check_old(func);
	if (!ret)
		ret = check_new(func, symbols);
	return ret;
}

static int resolve_funcs(struct kpatch_module *kpmod,
			 const struct kpatch_ranges *symbols)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < kpmod->num_funcs; i++)
		ret = resolve_func(kpmod, &kpmod->funcs[i], symbols);
	return ret;
}

static int check_twice(const struct kpatch_ranges *set)
{
	const struct kpatch_range *r;

	for (r = set->r + 1; r < set->r + set->nr; r++) {
		/* Functions of the same name are taken to share their parts. */
		if (r->start != r[-1].start || r->start != r->func->ip + 1)
			continue;
		func_err(r->func, " is in the patch twice; list it once (%d)",
			 -EINVAL);
		return -EINVAL;
	}
	return 0;
}

/*
 * Text of the old functions, parts that were split off them included already. A
 * task whose next instruction is the hook, or who holds a pointer to the function,
 * is not inside: it will be redirected. So the range begins behind the hook's
 * address.
 */
static int build_old_ranges(struct kpatch_module *kpmod)
{
	struct kpatch_ranges *set = kpmod->old_ranges;
	struct kpatch_func *func;
	unsigned int i;
	int ret;

	for (i = 0; i < kpmod->num_funcs; i++) {
		func = &kpmod->funcs[i];
		ret = kpatch_ranges_add(set, func->ip + 1,
					func->addr + func->old_size, func);
		if (ret)
			return ret;
	}
	kpatch_ranges_sort(set);
	return check_twice(set);
}

/**
 * struct module_parts - a search for split-off parts of functions of a module
 * @kpmod: the patch
 * @symbols: all symbols of its module
 */
struct module_parts {
	struct kpatch_module *kpmod;
	const struct kpatch_ranges *symbols;
};

/* It may belong to any function of the module. */
static int add_module_part(void *data, const char *name, unsigned long addr)
{
	const struct module_parts *parts = data;
	struct kpatch_module *kpmod = parts->kpmod;

	if (!kpatch_is_part(name) ||
	    !within_module_mem_type(addr, kpmod->mod, MOD_TEXT))
		return 0;
	return kpatch_ranges_add(kpmod->new_ranges, addr,
				 addr + new_size(kpmod->mod, parts->symbols,
						 addr), NULL);
}

/*
 * Text of the replacements, from their very start: that is the address that a
 * task on its way into one holds.
 */
static int build_new_ranges(struct kpatch_module *kpmod,
			    const struct kpatch_ranges *symbols)
{
	struct module_parts parts = { .kpmod = kpmod, .symbols = symbols };
	struct kpatch_func *func;
	unsigned long start;
	unsigned int i;
	int ret;

	for (i = 0; i < kpmod->num_funcs; i++) {
		func = &kpmod->funcs[i];
		start = (unsigned long)func->new_addr;
		ret = kpatch_ranges_add(kpmod->new_ranges, start,
					start + func->new_size, func);
		if (ret)
			return ret;
	}
	ret = kpatch_on_each_module_symbol(kpmod->mod, add_module_part, &parts);
	kpatch_ranges_sort(kpmod->new_ranges);
	return ret;
}

/**
 * kpatch_release() - free what kpatch_resolve() allocated
 * @kpmod: the patch
 */
void kpatch_release(struct kpatch_module *kpmod)
{
	if (kpmod->old_ranges)
		kpatch_ranges_clear(kpmod->old_ranges);
	if (kpmod->new_ranges)
		kpatch_ranges_clear(kpmod->new_ranges);
	kfree(kpmod->old_ranges);
	kfree(kpmod->new_ranges);
	kfree(kpmod->report);
	kpmod->old_ranges = NULL;
	kpmod->new_ranges = NULL;
	kpmod->report = NULL;
}

static int alloc_owned(struct kpatch_module *kpmod)
{
	kpmod->old_ranges = kzalloc_obj(*kpmod->old_ranges, GFP_KERNEL);
	kpmod->new_ranges = kzalloc_obj(*kpmod->new_ranges, GFP_KERNEL);
	kpmod->report = kzalloc_obj(*kpmod->report, GFP_KERNEL);
	if (kpmod->old_ranges && kpmod->new_ranges && kpmod->report)
		return 0;
	return -ENOMEM;
}

/**
 * kpatch_resolve() - find and check all functions of a patch
 * @kpmod: the patch; every member that the core owns is set here
 *
 * Logs one line that names the function and the remedy if it fails.
 *
 * Context: process context, may sleep.
 *
 * Return: 0, or an errno with nothing left to release: -EINVAL, -ENOENT,
 * -ENOTUNIQ, -EOPNOTSUPP as kpatch_register() lists them, -ENOMEM.
 */
int kpatch_resolve(struct kpatch_module *kpmod)
{
	struct kpatch_ranges symbols = {};
	int ret;

	kpmod->state = KPATCH_OFF;
	INIT_LIST_HEAD(&kpmod->list);
	kpmod->dir = NULL;
	memset(&kpmod->stats, 0, sizeof(kpmod->stats));
	ret = alloc_owned(kpmod);
	if (!ret)
		ret = list_symbols(kpmod->mod, &symbols);
	if (!ret)
		ret = resolve_funcs(kpmod, &symbols);
	if (!ret)
		ret = build_old_ranges(kpmod);
	if (!ret)
		ret = build_new_ranges(kpmod, &symbols);
	kpatch_ranges_clear(&symbols);
	if (ret)
		kpatch_release(kpmod);
	return ret;
}

/* The part of @from that belongs to @func, or that may. */
static int add_ranges_of(struct kpatch_ranges *set,
			 const struct kpatch_ranges *from,
			 struct kpatch_func *func)
{
	unsigned int i;
	int ret;

	for (i = 0; i < from->nr; i++) {
		if (from->r[i].func && from->r[i].func != func)
			continue;
		ret = kpatch_ranges_add(set, from->r[i].start, from->r[i].end,
					from->r[i].func);
		if (ret)
			return ret;
	}
	return 0;
}

/* The text that runs now in the place of each function of @kpmod. */
static int add_live_ranges(struct kpatch_module *kpmod,
			   struct kpatch_ranges *set)
{
	const struct kpatch_ranges *old = kpmod->old_ranges;
	struct kpatch_func *top;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < old->nr; i++) {
		if (!kpatch_table_top(old->r[i].func->ip))
			ret = kpatch_ranges_add(set, old->r[i].start,
						old->r[i].end, old->r[i].func);
	}
	for (i = 0; !ret && i < kpmod->num_funcs; i++) {
		top = kpatch_table_top(kpmod->funcs[i].ip);
		if (top)
			ret = add_ranges_of(set, top->kpmod->new_ranges, top);
	}
	return ret;
}

/* Where the hooks of all functions of @kpmod return to. */
static int add_slots(struct kpatch_module *kpmod, struct kpatch_ranges *set)
{
	struct kpatch_func *func;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < kpmod->num_funcs; i++) {
		func = &kpmod->funcs[i];
		ret = kpatch_ranges_add(set, func->ip + 1,
					func->ip + MCOUNT_INSN_SIZE + 1, func);
	}
	return ret;
}

static int finish_scan(struct kpatch_module *kpmod, struct kpatch_scan *scan)
{
	int ret;

	ret = add_slots(kpmod, &scan->slots);
	if (ret)
		return ret;
	scan->traces = kvcalloc(nr_cpu_ids * KPATCH_MAX_FRAMES,
				sizeof(*scan->traces), GFP_KERNEL);
	if (!scan->traces)
		return -ENOMEM;
	kpatch_ranges_sort(&scan->text);
	kpatch_ranges_sort(&scan->slots);
	scan->writer = current;
	scan->report = kpmod->report;
	return 0;
}

/*
 * All text of the module, not just the replacements: once the patch is disabled
 * the module may be unloaded, with whatever its functions call.
 */
static int add_module_text(struct kpatch_module *kpmod,
			   struct kpatch_scan *scan)
{
	const struct module_memory *text = &kpmod->mod->mem[MOD_TEXT];
	unsigned long start = (unsigned long)text->base;

	scan->removing = true;
	return kpatch_ranges_add(&scan->text, start, start + text->size, NULL);
}

/**
 * kpatch_make_scan() - say which text nobody may be in to switch a patch
 * @kpmod: the patch
 * @enable: to enable it, or to disable it
 * @scan: zeroed, to be filled in; the writer is the current task
 *
 * Return: 0, or -ENOMEM with nothing to free.
 */
int kpatch_make_scan(struct kpatch_module *kpmod, bool enable,
		     struct kpatch_scan *scan)
{
	int ret;

	ret = enable ? add_live_ranges(kpmod, &scan->text) :
		       add_module_text(kpmod, scan);
	if (!ret)
		ret = finish_scan(kpmod, scan);
	if (ret)
		kpatch_free_scan(scan);
	return ret;
}

/**
 * kpatch_free_scan() - free what a scan is made of
 * @scan: as kpatch_make_scan() left it
 */
void kpatch_free_scan(struct kpatch_scan *scan)
{
	kpatch_ranges_clear(&scan->text);
	kpatch_ranges_clear(&scan->slots);
	kvfree(scan->traces);
}
