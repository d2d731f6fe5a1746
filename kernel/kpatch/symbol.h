/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbol names to addresses and back.
 */
#ifndef _KPATCH_SYMBOL_H
#define _KPATCH_SYMBOL_H

#include <linux/kallsyms.h>
#include <linux/types.h>

struct module;

/**
 * typedef kpatch_name_fn - callback for each name of a function
 * @data: as passed to kpatch_on_each_name()
 * @name: the name
 *
 * Return: 0 to continue, an errno to end the walk.
 */
typedef int (*kpatch_name_fn)(void *data, const char *name);

/**
 * enum kpatch_kind - what the suffix of its name tells about a function
 * @KPATCH_KIND_OWN: it is a function in its own right
 * @KPATCH_KIND_PART: it holds blocks of the function without the suffix, and is
 *	entered from that function only
 * @KPATCH_KIND_CLONE: it is another body of the function without the suffix, or
 *	of a part of it, and other functions may call it, too
 */
enum kpatch_kind {
	KPATCH_KIND_OWN,
	KPATCH_KIND_PART,
	KPATCH_KIND_CLONE,
};

/**
 * struct kpatch_variant - a function whose name is that of another and a suffix
 * @name: name of the variant
 * @kind: what the suffix tells
 * @start: its first address
 * @end: the first address behind it
 */
struct kpatch_variant {
	const char *name;
	enum kpatch_kind kind;
	unsigned long start;
	unsigned long end;
};

/**
 * typedef kpatch_variant_fn - callback for each variant of a function
 * @data: as passed to kpatch_on_each_variant()
 * @variant: the variant
 *
 * Return: 0 to continue, an errno to end the walk.
 */
typedef int (*kpatch_variant_fn)(void *data,
				 const struct kpatch_variant *variant);

/**
 * struct kpatch_symtab - the symbols of a module
 * @mod: the module
 * @entries: the symbols, sorted by address
 * @by_name: their indices, sorted by name and then by the order of kallsyms; %NULL
 *	until kpatch_symtab_index()
 * @nr: number of symbols
 * @names: their names
 *
 * Symbols of init sections are left out, since they vanish, and so are those that do
 * not mark the start of a function or a variable. A copy is made because names in
 * kallsyms may be freed when the init of the module returns.
 */
struct kpatch_symtab {
	struct module *mod;
	struct kpatch_symtab_entry *entries;
	unsigned int *by_name;
	unsigned int nr;
	char *names;
};

int kpatch_symtab_load(struct kpatch_symtab *tab, struct module *mod);
int kpatch_symtab_index(struct kpatch_symtab *tab);
void kpatch_symtab_free(struct kpatch_symtab *tab);
int kpatch_symtab_on_each_part(const struct kpatch_symtab *tab,
			       kpatch_variant_fn fn, void *data);

/* Of vmlinux if @tab is NULL, else of a module, from an index. */
int kpatch_find_symbol(const struct kpatch_symtab *tab, const char *name,
		       unsigned long sympos, unsigned long *addr,
		       kpatch_variant_fn fn, void *data);
int kpatch_on_each_variant(const struct kpatch_symtab *tab, const char *name,
			   kpatch_variant_fn fn, void *data);
int kpatch_on_each_name(const struct kpatch_symtab *tab, unsigned long addr,
			kpatch_name_fn fn, void *data);
unsigned long kpatch_symbol_size(const struct kpatch_symtab *tab,
				 unsigned long addr);

bool kpatch_is_init(unsigned long addr);
unsigned long kpatch_symbol_pos(const char *name, unsigned long addr);
void kpatch_symbol_name(unsigned long addr, char name[KSYM_NAME_LEN]);
size_t kpatch_base_len(const char *name);
enum kpatch_kind kpatch_name_kind(const char *name);

#endif /* _KPATCH_SYMBOL_H */
