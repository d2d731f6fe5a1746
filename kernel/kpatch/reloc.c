// SPDX-License-Identifier: GPL-2.0-only
/*
 * Relocations of a patch module against symbols that are not exported, in the format of
 * livepatch, see Documentation/livepatch/module-elf-format.rst. A patch that was built
 * from a source diff has them.
 *
 * The module loader has applied those against vmlinux before it initialised the special
 * sections of the patch module. Those against a module are applied here, each time that
 * it has been loaded. By then alternatives, jump labels and static calls of the patch
 * module are in place, and must not refer to them.
 */
#include "common.h"

#include <linux/elf.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/string.h>

#include "reloc.h"

#define RELOCS_PREFIX ".klp.rela."

static const char *name_of(const struct klp_modinfo *info, const Elf_Shdr *section)
{
	return info->secstrings + section->sh_name;
}

/* The name is RELOCS_PREFIX, the object, and the section that is relocated. */
static bool is_for(const struct kpatch_object *object,
		   const struct klp_modinfo *info, const Elf_Shdr *section)
{
	const char *name = name_of(info, section);
	size_t len = strlen(object->name);

	if (!(section->sh_flags & SHF_RELA_LIVEPATCH) ||
	    !str_has_prefix(name, RELOCS_PREFIX))
		return false;
	name += strlen(RELOCS_PREFIX);
	return !strncmp(name, object->name, len) && name[len] == '.';
}

/* Only code, and data of it, is not used before the patch is enabled. */
static int check_target(const struct kpatch_object *object,
			const struct klp_modinfo *info, const Elf_Shdr *section)
{
	const char *target = name_of(info, info->sechdrs + section->sh_info);

	if (str_has_prefix(target, ".text") || str_has_prefix(target, ".rodata") ||
	    str_has_prefix(target, ".data"))
		return 0;
	return kpatch_refuse(KPATCH_CAUSE_RELOC_SECTION,
			     .kpmod = object->patch->kpmod, .names = target,
			     .action = object->name);
}

static int apply(const struct kpatch_object *object, unsigned int index)
{
	struct module *mod = object->patch->kpmod->mod;
	const struct klp_modinfo *info = mod->klp_info;
	int ret;

	ret = klp_apply_section_relocs(mod, info->sechdrs, info->secstrings,
				       mod->core_kallsyms.strtab, info->symndx,
				       index, object->name);
	/* It has told which symbol. */
	return ret ? kpatch_refuse(KPATCH_CAUSE_RELOC, .kpmod = object->patch->kpmod,
				   .action = object->name,
				   .names = name_of(info, info->sechdrs + index)) : 0;
}

/* Those of the sections in front of @end. */
static void clear(const struct kpatch_object *object, unsigned int end)
{
	struct module *mod = object->patch->kpmod->mod;
	const struct klp_modinfo *info = mod->klp_info;
	unsigned int i;

	for (i = 1; i < end; i++) {
		if (is_for(object, info, info->sechdrs + i))
			klp_clear_section_relocs(mod, info->sechdrs,
						 info->secstrings,
						 mod->core_kallsyms.strtab,
						 info->symndx, i, object->name);
	}
}

/**
 * kpatch_relocs_apply() - apply the relocations against symbols of a module
 * @object: the module, which is loaded; nothing is done if they have been applied since
 *	it was loaded, or if it is vmlinux
 *
 * They stay when the patch is disabled: code of it that they belong to is not called
 * then.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 *
 * Return: 0; -ENOENT or -ENOEXEC with a line logged, and none applied.
 */
int kpatch_relocs_apply(struct kpatch_object *object)
{
	const struct module *mod = object->patch->kpmod->mod;
	const struct klp_modinfo *info = mod->klp_info;
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&kpatch_mutex);
	if (!info || !object->mod || object->relocated)
		return 0;
	for (i = 1; !ret && i < info->hdr.e_shnum; i++) {
		if (is_for(object, info, info->sechdrs + i))
			ret = check_target(object, info, info->sechdrs + i);
	}
	for (i = 1; !ret && i < info->hdr.e_shnum; i++) {
		if (!is_for(object, info, info->sechdrs + i))
			continue;
		ret = apply(object, i);
		if (ret)
			clear(object, i);
	}
	object->relocated = !ret;
	return ret;
}

/**
 * kpatch_relocs_clear() - undo the relocations against symbols of a module that is gone
 * @object: the module; no task runs code of the patch that refers to it
 *
 * Some architectures do not apply a relocation over another one.
 *
 * Context: process context, may sleep, under kpatch_mutex.
 */
void kpatch_relocs_clear(struct kpatch_object *object)
{
	lockdep_assert_held(&kpatch_mutex);
	if (!object->relocated)
		return;
	clear(object, object->patch->kpmod->mod->klp_info->hdr.e_shnum);
	object->relocated = false;
}
