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
 * typedef kpatch_symbol_fn - callback for each symbol of a module
 * @data: as passed to kpatch_on_each_module_symbol()
 * @name: name of the symbol
 * @addr: its address
 *
 * Return: 0 to continue, an errno to end the walk.
 */
typedef int (*kpatch_symbol_fn)(void *data, const char *name,
				unsigned long addr);

int kpatch_find_function(const char *name, unsigned long sympos,
			 unsigned long *addr, kpatch_variant_fn fn, void *data);
int kpatch_on_each_variant(const char *name, kpatch_variant_fn fn, void *data);
int kpatch_on_each_name(unsigned long addr, kpatch_name_fn fn, void *data);
unsigned long kpatch_symbol_size(unsigned long addr);
unsigned long kpatch_symbol_pos(const char *name, unsigned long addr);
void kpatch_symbol_name(unsigned long addr, char name[KSYM_NAME_LEN]);
size_t kpatch_base_len(const char *name);
enum kpatch_kind kpatch_name_kind(const char *name);
int kpatch_on_each_module_symbol(struct module *mod, kpatch_symbol_fn fn,
				 void *data);

#endif /* _KPATCH_SYMBOL_H */
