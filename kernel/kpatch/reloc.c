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

static bool is_relocs(const struct klp_modinfo *info, const Elf_Shdr *section)
{
	return section->sh_flags & SHF_RELA_LIVEPATCH &&
	       str_has_prefix(name_of(info, section), RELOCS_PREFIX);
}

/* The name is RELOCS_PREFIX, the object, and the section that is relocated. */
static bool is_of(const struct klp_modinfo *info, const Elf_Shdr *section,
		  const char *object)
{
	const char *name = name_of(info, section) + strlen(RELOCS_PREFIX);
	size_t len = strlen(object);

	return !strncmp(name, object, len) && name[len] == '.';
}

static bool is_for(const struct kpatch_object *object,
		   const struct klp_modinfo *info, const Elf_Shdr *section)
{
	return is_relocs(info, section) && is_of(info, section, object->name);
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

/**
 * kpatch_relocs_check() - can the relocations of a patch be applied when it is time?
 * @patch: the patch, with its objects
 *
 * Context: process context, under kpatch_mutex.
 *
 * Return: 0; -ENOEXEC with a line logged.
 */
int kpatch_relocs_check(const struct kpatch_patch *patch)
{
	const struct klp_modinfo *info = patch->kpmod->mod->klp_info;
	const struct kpatch_object *object, *owner;
	const Elf_Shdr *section;
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&kpatch_mutex);
	for (i = 1; !ret && info && i < info->hdr.e_shnum; i++) {
		section = info->sechdrs + i;
		if (!is_relocs(info, section) || is_of(info, section, "vmlinux"))
			continue;
		owner = NULL;
		kpatch_for_each_object(object, patch) {
			if (is_of(info, section, object->name))
				owner = object;
		}
		ret = owner ? check_target(owner, info, section) :
			kpatch_refuse(KPATCH_CAUSE_RELOC_OBJECT,
				      .kpmod = patch->kpmod,
				      .names = name_of(info, section));
	}
	return ret;
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
 * Return: 0; -ENOENT with a line logged, and none applied.
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
