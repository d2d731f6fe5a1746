/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names to addresses and back.
 */
#ifndef _KPATCH_SYMBOL_H
#define _KPATCH_SYMBOL_H

#include <linux/kallsyms.h>
#include <linux/types.h>

struct module;

/**
 * typedef kpatch_name_fn - called for each name of a function
 * @data: as given to kpatch_on_each_name()
 * @name: the name
 *
 * Return: 0 to go on, an errno to stop.
 */
typedef int (*kpatch_name_fn)(void *data, const char *name);

/**
 * enum kpatch_kind - what the suffix of its name says of a function
 * @KPATCH_KIND_OWN: it is a function of its own
 * @KPATCH_KIND_PART: it is some blocks of the function without the suffix, and
 *	entered from there only
 * @KPATCH_KIND_CLONE: it is a body of the function without the suffix, or of the
 *	rest of it, that others may call as well
 */
enum kpatch_kind {
	KPATCH_KIND_OWN,
	KPATCH_KIND_PART,
	KPATCH_KIND_CLONE,
};

/**
 * struct kpatch_variant - a function that is named after another one
 * @name: its name
 * @kind: what the suffix says
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
 * typedef kpatch_variant_fn - called for each function that is named after another
 * @data: as given to kpatch_on_each_variant()
 * @variant: the function
 *
 * Return: 0 to go on, an errno to stop.
 */
typedef int (*kpatch_variant_fn)(void *data,
				 const struct kpatch_variant *variant);

/**
 * typedef kpatch_symbol_fn - called for each symbol of a module
 * @data: as given to kpatch_on_each_module_symbol()
 * @name: its name
 * @addr: its address
 *
 * Return: 0 to go on, an errno to stop.
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
