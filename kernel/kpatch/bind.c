// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a patch uses of an object: the build that it was made for, and symbols that are
 * not exported. The pointers to these are set each time that the object is bound. They
 * keep their values when the patch is disabled, since its exit function may need them,
 * and are cleared when the module that they point into is gone.
 */
#include "common.h"

#include <linux/buildid.h>
#include <linux/hex.h>
#include <linux/module.h>
#include <linux/string.h>

#include <asm/sections.h>

#include "bind.h"
#include "memory.h"
#include "reloc.h"
#include "symbol.h"

static bool is_in(const struct kpatch_object *object, const char *objname)
{
	return !strcmp(object->name, objname ?: KPATCH_VMLINUX);
}

static int parse_build_id(const char *hex, unsigned char id[BUILD_ID_SIZE_MAX])
{
	size_t len = strlen(hex);

	if (!len || len % 2 || len > 2 * BUILD_ID_SIZE_MAX)
		return -EINVAL;
	memset(id, 0, BUILD_ID_SIZE_MAX);
	return hex2bin(id, hex, len / 2);
}

static int check_symbol(const struct kpatch_module *kpmod,
			const struct kpatch_symbol *symbol)
{
	enum kpatch_cause cause;

	if (!symbol->name || !symbol->ptr)
		return kpatch_refuse(KPATCH_CAUSE_SYMBOL_EMPTY, .kpmod = kpmod,
				     .number = symbol - kpmod->symbols);
	cause = kpatch_memory_check(symbol->ptr, sizeof(*symbol->ptr));
	return kpatch_refuse(cause, .kpmod = kpmod,
			     .action = "a pointer to a symbol");
}

static int check_build_id(const struct kpatch_module *kpmod,
			  const struct kpatch_build_id *build)
{
	unsigned char id[BUILD_ID_SIZE_MAX];

	if (build->id && !parse_build_id(build->id, id))
		return 0;
	return kpatch_refuse(KPATCH_CAUSE_BUILD_ID_SYNTAX, .kpmod = kpmod,
			     .names = build->objname ?: KPATCH_VMLINUX);
}

/**
 * kpatch_bind_check() - check what a patch says about symbols and builds
 * @kpmod: the patch as its module defined it
 *
 * Context: process context, the task that registers the patch.
 *
 * Return: 0, or an errno as kpatch_register() lists them, with a line logged.
 */
int kpatch_bind_check(const struct kpatch_module *kpmod)
{
	unsigned int i;
	int ret;

	if ((kpmod->num_symbols && !kpmod->symbols) ||
	    (kpmod->num_build_ids && !kpmod->build_ids))
		return kpatch_refuse(KPATCH_CAUSE_NO_ARRAY, .kpmod = kpmod);
	for (i = 0; i < kpmod->num_symbols; i++) {
		ret = check_symbol(kpmod, &kpmod->symbols[i]);
		if (ret)
			return ret;
	}
	for (i = 0; i < kpmod->num_build_ids; i++) {
		ret = check_build_id(kpmod, &kpmod->build_ids[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/* A kernel or module that was linked without a build ID has only zeros. */
static void get_build_id(const struct kpatch_object *object,
			 unsigned char id[BUILD_ID_SIZE_MAX])
{
	memset(id, 0, BUILD_ID_SIZE_MAX);
	if (object->mod)
		memcpy(id, object->mod->build_id, BUILD_ID_SIZE_MAX);
	else
		build_id_parse_buf(__start_notes, id, __stop_notes - __start_notes);
}

/**
 * kpatch_bind_check_build() - check that a patch was made for what is running
 * @object: vmlinux, or its @mod is set
 *
 * Context: process context.
 *
 * Return: 0; -ENOEXEC with a line logged if the build differs.
 */
int kpatch_bind_check_build(const struct kpatch_object *object)
{
	const struct kpatch_module *kpmod = object->patch->kpmod;
	unsigned char want[BUILD_ID_SIZE_MAX], have[BUILD_ID_SIZE_MAX];
	const struct kpatch_build_id *build = kpmod->build_ids;
	char hex[2 * BUILD_ID_SIZE_MAX + 1] = "";

	get_build_id(object, have);
	for (; build < kpmod->build_ids + kpmod->num_build_ids; build++) {
		if (!is_in(object, build->objname))
			continue;
		if (!parse_build_id(build->id, want) &&
		    !memcmp(want, have, sizeof(have)))
			continue;
		bin2hex(hex, have, sizeof(have));
		return kpatch_refuse(KPATCH_CAUSE_OTHER_BUILD, .kpmod = kpmod,
				     .action = object->name, .names = hex);
	}
	return 0;
}

static int find_symbol(const struct kpatch_object *object,
		       const struct kpatch_symtab *tab,
		       const struct kpatch_symbol *symbol, unsigned long *addr)
{
	enum kpatch_cause cause = KPATCH_CAUSE_NONE;
	int ret;

	ret = kpatch_find_symbol(tab, symbol->name, symbol->sympos, addr, NULL,
				 NULL);
	if (ret == -ENOTUNIQ)
		cause = KPATCH_CAUSE_SYMBOL_NOT_UNIQUE;
	else if (ret == -EINVAL)
		cause = KPATCH_CAUSE_SYMBOL_NO_SYMPOS;
	else if (ret || kpatch_is_init(*addr))
		cause = KPATCH_CAUSE_SYMBOL_MISSING;
	return kpatch_refuse(cause, .kpmod = object->patch->kpmod,
			     .names = symbol->name, .action = object->name,
			     .number = symbol->sympos);
}

/**
 * kpatch_bind_symbols() - set pointers and relocations to the symbols of an object
 * @object: the object
 * @tab: symbols of the module that it is, indexed; %NULL for vmlinux
 *
 * No code of the patch that uses them runs before it is enabled, or before the init of
 * a module that is being loaded.
 *
 * Context: process context, may sleep.
 *
 * Return: 0; -ENOENT, -ENOTUNIQ or -EINVAL with a line logged that names the symbol;
 * or an errno of kpatch_relocs_apply().
 */
int kpatch_bind_symbols(struct kpatch_object *object,
			const struct kpatch_symtab *tab)
{
	const struct kpatch_module *kpmod = object->patch->kpmod;
	const struct kpatch_symbol *symbol = kpmod->symbols;
	unsigned long addr;
	int ret;

	for (; symbol < kpmod->symbols + kpmod->num_symbols; symbol++) {
		if (!is_in(object, symbol->objname))
			continue;
		ret = find_symbol(object, tab, symbol, &addr);
		if (ret)
			return ret;
		WRITE_ONCE(*symbol->ptr, (void *)addr);
	}
	return kpatch_relocs_apply(object);
}

/**
 * kpatch_bind_forget() - undo kpatch_bind_symbols() for a module that is gone
 * @object: the object
 *
 * Context: process context, may sleep, under kpatch_mutex.
 */
void kpatch_bind_forget(struct kpatch_object *object)
{
	const struct kpatch_module *kpmod = object->patch->kpmod;
	const struct kpatch_symbol *symbol = kpmod->symbols;

	for (; symbol < kpmod->symbols + kpmod->num_symbols; symbol++) {
		if (is_in(object, symbol->objname))
			WRITE_ONCE(*symbol->ptr, NULL);
	}
	kpatch_relocs_clear(object);
}
